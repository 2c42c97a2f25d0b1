//! Who is asked about names.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use anyhow::Context as _;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::{RData, Record, RecordType},
};
use tokio::time::{Instant, timeout_at};

/// How long one try of one question may take; there are two.
const TRY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long all questions about one sender may take.
pub(super) const ALL_TIMEOUT: Duration = Duration::from_secs(10);

/// The records there are, none if there is no such name; or why nobody knows.
pub(super) type Answer<T> = Result<Vec<T>, String>;

/// Who is asked about names.
#[derive(Clone)]
pub(super) enum Resolver {
    /// A name server.
    Live { resolver: Box<TokioResolver>, until: Instant },
    /// Answers that were written down.
    #[cfg(test)]
    Recorded(::tests::dns::Zone),
}

impl Resolver {
    /// The name servers of this machine, or another one. Must be called within a Tokio runtime; what is
    /// asked too late is not answered.
    pub(super) fn live(server: Option<SocketAddr>) -> anyhow::Result<Self> {
        let mut builder = match server {
            None => TokioResolver::builder_tokio().context("this machine knows no name server")?,
            Some(server) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let connections = connections.map(|mut connection| {
                    connection.port = server.port();
                    connection
                });
                let server = NameServerConfig::new(server.ip(), true, connections.into());
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = TRY_TIMEOUT;
        options.attempts = 2;
        // What others see counts, not what this machine is told beside the DNS.
        options.use_hosts_file = ResolveHosts::Never;
        let resolver = Box::new(builder.build().context("the name servers cannot be used")?);
        Ok(Self::Live { resolver, until: Instant::now() + ALL_TIMEOUT })
    }

    /// The texts at a name.
    pub(super) async fn txt(&self, name: &str) -> Answer<String> {
        self.ask(name, RecordType::TXT, |data| match data {
            // It is shown: what steers a terminal stays out.
            RData::TXT(txt) => {
                let text = txt.txt_data.concat();
                Some(String::from_utf8_lossy(&text).replace(char::is_control, ""))
            }
            _ => None,
        })
        .await
    }

    /// The hosts that take mail for a domain, the best first; `.` if it takes none (RFC 7505).
    pub(super) async fn mx(&self, domain: &str) -> Answer<String> {
        let found = self.ask(domain, RecordType::MX, |data| match data {
            RData::MX(mx) => Some((mx.preference, bare(&mx.exchange.to_string()))),
            _ => None,
        });
        let mut found = found.await?;
        found.sort();
        Ok(found.into_iter().map(|(_, host)| host).collect())
    }

    /// The addresses of a host.
    pub(super) async fn addresses(&self, host: &str) -> Answer<IpAddr> {
        let address = |data: &RData| match data {
            RData::A(a) => Some(IpAddr::V4(a.0)),
            RData::AAAA(a) => Some(IpAddr::V6(a.0)),
            _ => None,
        };
        let found = tokio::join!(
            self.ask(host, RecordType::A, address),
            self.ask(host, RecordType::AAAA, address)
        );
        match found {
            (Ok(v4), Ok(v6)) => Ok([v4, v6].concat()),
            (Ok(some), Err(_)) | (Err(_), Ok(some)) if !some.is_empty() => Ok(some),
            (Err(why), _) | (_, Err(why)) => Err(why),
        }
    }

    /// The names of an address.
    pub(super) async fn names(&self, address: IpAddr) -> Answer<String> {
        let name = hickory_resolver::proto::rr::Name::from(address).to_string();
        self.ask(&bare(&name), RecordType::PTR, |data| match data {
            RData::PTR(name) => Some(bare(&name.to_string())),
            _ => None,
        })
        .await
    }

    async fn ask<T>(
        &self,
        name: &str,
        kind: RecordType,
        read: impl Fn(&RData) -> Option<T>,
    ) -> Answer<T> {
        match self {
            Self::Live { resolver, until } => {
                // With a dot at its end, nothing of this machine's is appended to it.
                let asking = resolver.lookup(format!("{name}."), kind);
                match timeout_at(*until, asking).await {
                    Ok(Ok(found)) => {
                        Ok(found.answers().iter().filter_map(|it| read(data(it))).collect())
                    }
                    Ok(Err(error)) if is_nothing(&error) => Ok(Vec::new()),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err(format!("no answer within {} seconds", ALL_TIMEOUT.as_secs())),
                }
            }
            #[cfg(test)]
            Self::Recorded(zone) => Ok(zone.ask(name, kind)?.iter().filter_map(read).collect()),
        }
    }
}

fn data(record: &Record) -> &RData {
    &record.data
}

fn is_nothing(error: &NetError) -> bool {
    error.is_no_records_found()
}

fn bare(name: &str) -> String {
    if name == "." { name.to_owned() } else { name.trim_end_matches('.').to_owned() }
}
