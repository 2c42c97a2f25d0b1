//! The mail server that takes the mails.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use config::{Config, MailTransport};
use jiff::{SignedDuration, Timestamp};
use mail::{BadCertificate, CheckError, Relay, Stage, Transport};
use tokio::time::timeout;

use super::{
    PATIENCE,
    finding::{Finding, Section, size},
    no_answer,
    resolver::{Answer, Resolver},
};
use crate::services::open_transport;

/// How long a step of the conversation may take.
const STEP_SECS: u64 = 8;

/// A certificate that ends sooner than this should have been renewed.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A mail with a long order and pictures that are links has some 100 KB.
const MAIL_LEN: u64 = 256 << 10;

const CHECK: &str = "connection";

/// What came of trying to reach it.
#[derive(Clone, Debug)]
pub(super) enum Tried {
    /// It lets us in.
    Reached(Relay),
    /// It does not.
    Refused(CheckError),
    /// It was not tried to the end, because of this.
    Failed(String),
}

impl Tried {
    /// `None` if mails do not go to a mail server.
    pub(super) async fn ask(config: &Config) -> Option<Self> {
        let mut config = config.clone();
        let smtp = &mut config.mail.smtp;
        // Who waits at a terminal is less patient than a mail.
        smtp.connect_timeout_secs = smtp.connect_timeout_secs.min(STEP_SECS);
        smtp.command_timeout_secs = smtp.command_timeout_secs.min(STEP_SECS);
        let transport = match open_transport(&config) {
            Ok(transport @ Transport::Smtp(_)) => transport,
            Ok(_) => return None,
            Err(error) => return Some(Self::Failed(format!("{error:#}"))),
        };
        Some(match timeout(PATIENCE, transport.check()).await {
            Ok(Ok(Some(relay))) => Self::Reached(relay),
            Ok(Ok(None)) => return None,
            Ok(Err(error)) => Self::Refused(error),
            Err(_) => Self::Failed(no_answer()),
        })
    }
}

/// How the world sees the address that this machine sends from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reverse {
    /// The address.
    pub(super) address: IpAddr,
    /// Its names.
    names: Answer<String>,
    /// One of these has this address.
    confirmed: bool,
}

impl Reverse {
    pub(super) async fn ask(resolver: &Resolver, address: IpAddr) -> Self {
        let names = resolver.names(address).await;
        let mut confirmed = false;
        for name in names.iter().flatten() {
            confirmed |= resolver.addresses(name).await.is_ok_and(|found| found.contains(&address));
        }
        Self { address, names, confirmed }
    }

    /// Mailbox providers refuse mail from addresses without a name that leads back to them.
    fn judge(&self) -> Finding {
        const CHECK: &str = "reverse DNS";
        let address = self.address;
        // Whether it hands its mail to another one, only its own configuration knows.
        let harm = "If the mail server here delivers by itself, Gmail, Yahoo and Microsoft refuse its \
                    mail.";
        let remedy = "Have who gave you the address set its PTR record to the name that the mail server \
                      says hello with, and give that name this address.";
        let names = match &self.names {
            Ok(names) => names.join(", "),
            Err(why) => {
                return Finding::warning(CHECK, format!("{address} could not be looked up: {why}"));
            }
        };
        if names.is_empty() {
            Finding::warning(CHECK, format!("{address}, this machine's, has no name"))
                .means(harm)
                .remedy(remedy)
        } else if self.confirmed {
            Finding::ok(CHECK, format!("{address} is {names}, and back"))
        } else {
            Finding::warning(
                CHECK,
                format!("{address} is {names}, but no such name has this address"),
            )
            .means(harm)
            .remedy(remedy)
        }
    }
}

/// The address that this machine is seen with, if it is one of its own and not one that a router has
/// in its place. Nothing is sent to find out.
pub(super) fn own_address() -> Option<IpAddr> {
    // Connecting a datagram socket only chooses a way. The address is for documentation (RFC 5737).
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 53)).ok()?;
    socket.local_addr().ok().map(|own| own.ip()).filter(|address| is_public(*address))
}

/// `true` if the address is seen as such by the world.
pub(super) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            // Behind the router of a provider (RFC 6598).
            let is_shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_documentation()
                || is_shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6 == Ipv6Addr::UNSPECIFIED)
        }
    }
}

/// `true` if the mail server is on this machine. Only then does the world see this machine's address:
/// a mail server elsewhere uses its own, however it knows us.
pub(super) fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

pub(super) fn judge(
    config: &Config,
    tried: Option<&Tried>,
    reverse: Option<&Reverse>,
    now: Timestamp,
) -> Section {
    let smtp = &config.mail.smtp;
    if config.mail.transport == MailTransport::File {
        let seen = format!("mails go into files in {}", config.mail.outbox_dir.display());
        let finding = Finding::fault("transport", seen)
            .means("Nobody gets a mail.")
            .remedy(
                "When you have seen enough, set in [mail], and your mail server in [mail.smtp]:",
            )
            .add("transport = \"smtp\"");
        return Section::new("Mail server", vec![finding]);
    }
    let mut findings = match tried {
        None => vec![Finding::note(CHECK, "it was not asked")],
        Some(Tried::Reached(relay)) => reached(config, relay, now),
        Some(Tried::Refused(error)) => vec![refused(config, error)],
        Some(Tried::Failed(why)) => vec![
            Finding::fault(CHECK, why.clone())
                .means("No mail leaves.")
                .remedy("Check host, port and ca_file in [mail.smtp]."),
        ],
    };
    findings.extend(reverse.map(Reverse::judge));
    if tried.is_some() && reverse.is_none() && is_here(&smtp.host) {
        findings.push(
            Finding::note("reverse DNS", "cannot be seen: this machine has no public address of its own")
                .means(
                    "If the mail server here delivers by itself, the address that the world sees in its \
                     place needs a name that leads back to it, and SPF has to let it send.",
                ),
        );
    }
    Section::new(format!("Mail server {}:{}", smtp.host, smtp.port), findings)
}

fn reached(config: &Config, relay: &Relay, now: Timestamp) -> Vec<Finding> {
    let login = if relay.signed_in { "we signed in" } else { "it wants no login" };
    let mut findings = vec![match &relay.certificate {
        None => Finding::ok(CHECK, format!("it answers on this machine, without TLS; {login}")),
        Some(certificate) => {
            let left = certificate.not_after.duration_since(now);
            let until = certificate.not_after.strftime("%-d %b %Y");
            let names = certificate.names.join(", ");
            if left < RENEWED_BEFORE {
                Finding::warning(
                    CHECK,
                    format!("its certificate ends in {} days", left.as_hours() / 24),
                )
                .means("From then on no mail leaves.")
                .remedy("Renew it on the mail server, or ask who runs it.")
            } else {
                let seen = format!("it answers with TLS for {names} until {until}; {login}");
                Finding::ok(CHECK, seen)
            }
        }
    }];
    if !relay.signed_in && !is_here(&config.mail.smtp.host) {
        findings.push(
            Finding::note("login", "AFS does not sign in")
                .means("The mail server has to know this machine by its address.")
                .remedy("If it wants a login, set username and password_file in [mail.smtp]."),
        );
    }
    let offers = [("PIPELINING", relay.pipelining), ("SMTPUTF8", relay.smtputf8)];
    let there: Vec<_> = offers.iter().filter(|(_, there)| *there).map(|(name, _)| *name).collect();
    let bound = relay.max_size.map(|bytes| format!("mails of up to {}", size(bytes)));
    let takes = there.iter().map(|name| (*name).to_owned()).chain(bound).collect::<Vec<_>>();
    if !takes.is_empty() {
        findings.push(Finding::ok("it takes", takes.join(", ")));
    }
    if !relay.pipelining {
        findings.push(
            Finding::note("PIPELINING", "it takes one command at a time")
                .means("That works; each mail then takes a few more round trips."),
        );
    }
    if !relay.smtputf8 {
        findings.push(
            Finding::note("SMTPUTF8", "it takes no addresses such as åsa@shop.example")
                .means("Mails to the few who have one end as failed."),
        );
    }
    if relay.max_size.is_some_and(|bytes| bytes < MAIL_LEN) {
        findings.push(
            Finding::warning("SIZE", "it takes small mails only")
                .means("Mails about large orders may be refused.")
                .remedy(format!("Let it take at least {}.", size(MAIL_LEN))),
        );
    }
    findings
}

fn refused(config: &Config, tried: &CheckError) -> Finding {
    let smtp = &config.mail.smtp;
    let error = &tried.error;
    let said = match error.code {
        Some(code) => format!("{code} {}", error.text),
        None => error.text.clone(),
    };
    if let Some(certificate) = &tried.certificate {
        return bad_certificate(config, certificate).means(format!("No mail leaves. ({said})"));
    }
    let finding =
        |seen: &str| Finding::fault(CHECK, format!("{seen}: {said}")).means("No mail leaves.");
    match error.stage {
        Stage::Connect => finding("it cannot be reached").remedy(format!(
            "Check host and port in [mail.smtp], and whether a firewall lets this machine out to port \
             {}. Many hosting providers block port 25; 587 and 465 are for mail that is handed in.",
            smtp.port
        )),
        Stage::Hello => finding("it does not want to talk to us")
            .remedy("Set in [mail.smtp] a name of this machine that the mail server can look up:")
            .add("hello_name = \"afs.your-domain\""),
        Stage::Tls => finding("it does not encrypt as configured").remedy(
            "In [mail.smtp], use port = 587 with tls = \"starttls\", or port = 465 with tls = \
             \"implicit\", as your mail provider says. AFS sends nothing unencrypted to another machine.",
        ),
        Stage::Auth if error.code.is_some() => finding("it refuses our login").remedy(
            "Check username and password_file in [mail.smtp]. Many providers want a password or key for \
             programs, made in their settings, in place of the one people use.",
        ),
        Stage::Auth => finding("we cannot sign in").remedy(
            "AFS signs in with AUTH PLAIN or LOGIN. If the mail server knows this machine by its \
             address, remove username and password from [mail.smtp].",
        ),
        _ => finding("it breaks off"),
    }
}

fn bad_certificate(config: &Config, certificate: &BadCertificate) -> Finding {
    let host = &config.mail.smtp.host;
    match certificate {
        BadCertificate::Expired => Finding::fault(CHECK, "its certificate has expired").remedy(
            "Renew it on the mail server, or ask who runs it. Is this machine's clock right? See below.",
        ),
        BadCertificate::NotYetValid => Finding::fault(CHECK, "its certificate is not valid yet")
            .remedy("Is this machine's clock right? See below."),
        BadCertificate::OtherName(names) => {
            let names = if names.is_empty() { "other names".to_owned() } else { names.join(", ") };
            let finding =
                Finding::fault(CHECK, format!("its certificate is for {names}, not for {host}"));
            finding.remedy("Set host in [mail.smtp] to a name that the certificate is for.")
        }
        BadCertificate::UnknownIssuer => {
            Finding::fault(CHECK, "its certificate is signed by nobody we trust")
                .remedy(
                    "If it is an authority of your own, name its certificate in [mail.smtp]; the mail \
                     server has to send all certificates in between:",
                )
                .add("ca_file = \"own-authority.pem\"")
        }
        BadCertificate::Other => Finding::fault(CHECK, "its certificate cannot be believed")
            .remedy("Have who runs the mail server look at it."),
    }
}
