//! `afs doctor`: what is wrong with an installation, and what to add where.
//!
//! First all is asked, side by side and each with a bound on its time; what came back are facts. Then
//! they are judged, by functions that ask nobody.

mod dkim;
mod dmarc;
mod finding;
mod host;
mod public;
mod record;
mod relay;
mod resolver;
mod sender;
mod spf;
#[cfg(test)]
mod tests;
mod timer;

use std::{
    net::{IpAddr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use config::{Config, QueueBackend};
use jiff::{SignedDuration, Timestamp};
use queue::{Clock, RedisFacts, RedisSettings};
use secrecy::ExposeSecret as _;
use store::facts::Facts as RecordFacts;
use tokio::time::timeout;

use self::{
    dkim::ReadKey,
    finding::{Finding, Report, Section},
    host::Host,
    public::Public,
    record::Record,
    relay::{Reverse, Tried},
    resolver::Resolver,
    sender::{Outlet, Sender},
};
use super::say;
use crate::{
    lifecycle,
    services::{check_shops, load_templates, open_store, system_clock},
};

/// How long anybody may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Args)]
#[command(after_help = "It looks at\n  \
      - the DNS of each sender: SPF, DKIM, DMARC and their alignment, who takes answers and bounces\n  \
      - the mail server: connection, certificate, login, what it takes\n  \
      - the public address: its name, https, whether it answers\n  \
      - the record and Redis: reachable, durable, with room\n  \
      - this machine: clock, disks, who can read secrets\n  \
      - the work: mails that are late or failed, webhooks that could not be read\n\n\
    and says of each what was seen; if something is wrong, what follows from that, and the record or the\n\
    key to add. It changes nothing and sends no mail: `afs mail send-test` does.\n\n\
    Marks:\n  \
      ok       as it should be\n  \
      note     worth to know, or could not be seen\n  \
      WARNING  works now, and will cause trouble\n  \
      FAULT    mail does not arrive or is not trusted, or orders are at risk; the exit code is 1\n\n\
    Examples:\n  \
      afs doctor\n  \
      afs doctor --resolver 9.9.9.9     what another resolver sees, after a change of the DNS\n  \
      afs doctor --json                 for monitoring")]
pub(crate) struct DoctorArgs {
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
    /// Ask neither the DNS, nor the mail server, nor the public address
    #[arg(long)]
    offline: bool,
    /// Ask this name server, not the one of this machine
    #[arg(long, value_name = "ADDRESS", value_parser = name_server)]
    resolver: Option<SocketAddr>,
}

fn name_server(text: &str) -> Result<SocketAddr, String> {
    let with_port = || text.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, 53));
    text.parse().ok().or_else(with_port).ok_or_else(|| {
        "an IP address, perhaps with a port: 9.9.9.9, [2620:fe::fe]:53 or 127.0.0.1:5353".to_owned()
    })
}

pub(crate) fn run(args: &DoctorArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let runtime = lifecycle::runtime()?;
    let report = runtime.block_on(async {
        let resolver = if args.offline { None } else { Some(Resolver::live(args.resolver)?) };
        let facts = Facts::ask(config, resolver.as_ref(), dkim::read_key, &system_clock()).await;
        anyhow::Ok(judge(config, &facts))
    });
    // Who did not answer is not waited for.
    runtime.shutdown_background();
    let report = report?;
    if args.json {
        say(serde_json::to_string_pretty(&report.json())?);
    } else {
        say(report.text().trim_end());
    }
    Ok(if report.has_faults() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// All that was seen.
#[derive(Debug)]
struct Facts {
    now: Timestamp,
    /// Why the daemon would not start with this configuration.
    refusal: Option<String>,
    senders: Vec<(Sender, Vec<String>, Option<sender::Facts>)>,
    outlet: Outlet,
    relay: Option<Tried>,
    reverse: Option<Reverse>,
    public: Option<Public>,
    record: Record,
    timer: Option<Result<RedisFacts, String>>,
    host: Host,
}

impl Facts {
    /// Asks everybody at the same time. Without a resolver, nobody outside.
    async fn ask(
        config: &Config,
        resolver: Option<&Resolver>,
        read_key: ReadKey,
        clock: &Clock,
    ) -> Self {
        let outside = async {
            let Some(resolver) = resolver else { return Outside::unseen(config) };
            Outside::ask(config, resolver, read_key, clock).await
        };
        let (outside, (record, record_clock), (timer, timer_clock)) =
            tokio::join!(outside, ask_record(config, clock), ask_timer(config, clock));
        let Outside { senders, outlet, relay, reverse, public, clock: public_clock } = outside;
        let mut host = Host::look(config);
        host.clocks = [record_clock, timer_clock, public_clock].into_iter().flatten().collect();
        let refusal = check_shops(config)
            .and_then(|()| load_templates(config).map(drop))
            .and_then(|()| crate::dkim::load(config).map(drop));
        let refusal = refusal.err().map(|error| format!("{error:#}"));
        Self { now: clock(), refusal, senders, outlet, relay, reverse, public, record, timer, host }
    }
}

/// What only others know.
struct Outside {
    senders: Vec<(Sender, Vec<String>, Option<sender::Facts>)>,
    outlet: Outlet,
    relay: Option<Tried>,
    reverse: Option<Reverse>,
    public: Option<Public>,
    clock: Option<host::Clock>,
}

impl Outside {
    fn unseen(config: &Config) -> Self {
        let senders = sender::senders(config).into_iter();
        let senders = senders.map(|(sender, shops)| (sender, shops, None)).collect();
        let outlet = Outlet::Unknown;
        Self { senders, outlet, relay: None, reverse: None, public: None, clock: None }
    }

    async fn ask(config: &Config, resolver: &Resolver, read_key: ReadKey, clock: &Clock) -> Self {
        let senders = async {
            let ask = |(sender, shops): (Sender, Vec<String>)| async move {
                let facts = sender::Facts::ask(resolver, &sender, read_key).await;
                (sender, shops, Some(facts))
            };
            futures::future::join_all(sender::senders(config).into_iter().map(ask)).await
        };
        let outlet = async {
            let outlet = Outlet::ask(config, resolver).await;
            let reverse = match outlet {
                Outlet::Here(address) => Some(Reverse::ask(resolver, address).await),
                _ => None,
            };
            (outlet, reverse)
        };
        let public = async {
            let public = Public::ask(resolver, &config.server.public_url).await?;
            let date = public.answer.as_ref().ok().and_then(|answer| answer.date);
            Some((public, date.map(|date| compare("the public address", clock(), date))))
        };
        let (senders, (outlet, reverse), relay, public) =
            tokio::join!(senders, outlet, Tried::ask(config), public);
        let (public, clock) = public.unzip();
        Self { senders, outlet, relay, reverse, public, clock: clock.flatten() }
    }
}

async fn ask_record(config: &Config, clock: &Clock) -> (Record, Option<host::Clock>) {
    let asking = async {
        // Only looks: needs no key, and must not change the schema under a running daemon.
        let store = match open_store(config, vec![], false).await {
            Ok(store) => store,
            Err(error) => return (Record::of_error(&error), None),
        };
        let asked = clock();
        let facts = store.facts().await;
        let answered = clock();
        let now = match &facts {
            Ok(RecordFacts::Postgres(facts)) => facts.now().ok(),
            _ => None,
        };
        let clock = now.map(|now| compare("Postgres", middle(asked, answered), now));
        let facts = facts.map_err(|error| error.to_string());
        let status = store.status(asked).await.map_err(|error| error.to_string());
        store.close().await;
        (Record::Open { facts, status: status.map(Box::new) }, clock)
    };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| (Record::Closed(no_answer()), None))
}

async fn ask_timer(
    config: &Config,
    clock: &Clock,
) -> (Option<Result<RedisFacts, String>>, Option<host::Clock>) {
    let (QueueBackend::Redis, Some(url)) = (config.queue.backend, &config.queue.redis_url) else {
        return (None, None);
    };
    let settings = RedisSettings {
        url: url.expose_secret().to_owned(),
        namespace: config.queue.namespace.clone(),
    };
    let asking = timeout(PATIENCE, RedisFacts::ask(&settings));
    let facts = match asking.await {
        Ok(facts) => facts.map_err(|error| error.to_string()),
        Err(_) => Err(no_answer()),
    };
    // Its time is the first thing it tells.
    let time = facts.as_ref().ok().and_then(|facts| facts.time);
    let clock = time.map(|time| compare("Redis", clock(), time));
    (Some(facts), clock)
}

/// How far our clock is ahead of another one.
fn compare(of: &'static str, ours: Timestamp, theirs: Timestamp) -> host::Clock {
    host::Clock { of, ahead: ours.duration_since(theirs) }
}

fn middle(from: Timestamp, to: Timestamp) -> Timestamp {
    let half: SignedDuration = to.duration_since(from) / 2;
    from.checked_add(half).unwrap_or(from)
}

fn no_answer() -> String {
    format!("no answer within {} seconds", PATIENCE.as_secs())
}

/// What the facts mean. Asks nobody.
fn judge(config: &Config, facts: &Facts) -> Report {
    let mut sections = vec![configuration(config, facts)];
    sections.extend(
        facts
            .senders
            .iter()
            .map(|(sender, shops, dns)| sender::judge(sender, shops, dns.as_ref(), &facts.outlet)),
    );
    let (relay, reverse) = (facts.relay.as_ref(), facts.reverse.as_ref());
    sections.push(relay::judge(config, relay, reverse, facts.now));
    sections.push(public::judge(&config.server.public_url, facts.public.as_ref()));
    sections.extend(record::judge(config, &facts.record, facts.now));
    sections.extend(facts.timer.as_ref().map(timer::judge));
    sections.push(host::judge(&facts.host));
    Report(sections)
}

fn configuration(config: &Config, facts: &Facts) -> Section {
    let finding = match (&facts.refusal, config.shops.len()) {
        (Some(why), _) => Finding::fault("start", why.clone())
            .means("The daemon does not start with this configuration.")
            .remedy("`afs config check` says where."),
        (None, 0) => Finding::warning("shops", "no shop is configured")
            .means("All webhooks are refused.")
            .remedy("Add a table to the configuration, or a file shops.d/<id>.toml:")
            .add("[shops.my-shop]"),
        (None, shops) => Finding::ok("shops", finding::count(shops, "shop")),
    };
    Section::new("Configuration", vec![finding])
}
