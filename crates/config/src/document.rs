//! The shape of the configuration, table by table.
//!
//! These types are read three times: serde fills them, schemars derives the JSON Schema that editors
//! and [`load`](crate::Config::load) check against, and the doc comments become its descriptions and
//! the hints in problems. So the comments on keys speak to operators. Rules for one value live in the
//! attributes here; rules between values live in `rules`.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use domain::{
    EmailAddress, Money, ShopId, consent,
    lane::{Limits, lane_of},
    policy,
};
use jiff::{
    SignedDuration,
    civil::{Date, Time, Weekday},
    tz::TimeZone,
};
use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Deserializer};

use crate::mapping::Mapping;

const TIME_OF_DAY: &str = "^([01][0-9]|2[0-3]):[0-5][0-9]$";
/// A host name without a dot at either end.
const DOMAIN: &str = r"^[a-z0-9-]+(\.[a-z0-9-]+)+$";
/// The name of a DKIM key in DNS (RFC 6376, 3.1).
const SELECTOR: &str = r"^[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$";
const DATE: &str = "^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-9]|3[01])$";
const AMOUNT: &str = r"^[0-9]{1,12}(\.[0-9]{1,4})? [A-Z]{3}$";
const ONE_LINE: &str = r"^\P{Cc}+$";

/// The whole configuration of AFS.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "AFS configuration")]
pub(crate) struct Document {
    pub(crate) server: Server,
    pub(crate) database: Database,
    pub(crate) queue: Queue,
    pub(crate) worker: Worker,
    pub(crate) retry: Retry,
    pub(crate) secrets: Secrets,
    pub(crate) mail: Mail,
    pub(crate) log: Log,
    pub(crate) retention: Retention,
    pub(crate) templates: Templates,
    #[expect(dead_code, reason = "in effect through the shops, which inherit it")]
    invitations: InvitationsTable,
    #[expect(dead_code, reason = "in effect through the shops, which inherit it")]
    sender: SenderTable,
    /// The shops, by id: 1 to 64 characters of `a-z`, `0-9` and `-`.
    #[serde(default)]
    #[schemars(
        with = "BTreeMap<String, ShopTable>",
        extend("propertyNames" = { "pattern": "^[a-z0-9-]{1,64}$" })
    )]
    pub(crate) shops: BTreeMap<ShopId, ShopTable>,
}

/// The HTTP listeners.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Where buyers reach this server, as `http://` or `https://` with a host and perhaps a path; all
    /// links in mails start with it. A slash at its end does not count.
    #[schemars(extend("format" = "uri", "pattern" = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"))]
    pub public_url: String,
    /// IP addresses and ports for webhooks and buyers' pages, such as `["0.0.0.0:8080"]`.
    #[schemars(with = "Vec<String>", length(min = 1), extend("items" = { "type": "string", "format": "socket-address" }))]
    pub listen: Vec<SocketAddr>,
    /// IP addresses and ports for health and metrics, such as `["127.0.0.1:9090"]`. Keep them private.
    #[schemars(with = "Vec<String>", extend("items" = { "type": "string", "format": "socket-address" }))]
    pub operator_listen: Vec<SocketAddr>,
    /// The largest request body that is read, in KiB (1 to 65536).
    #[schemars(range(min = 1, max = 65_536))]
    pub body_limit_kib: usize,
    /// How many connections may be open at the same time (1 to 1000000).
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,
    /// Seconds a request may take before it is answered with an error (1 to 3600).
    #[schemars(range(min = 1, max = 3_600))]
    pub request_timeout_secs: u64,
    /// Seconds that running requests and mails get to finish at shutdown (0 to 3600).
    #[schemars(range(min = 0, max = 3_600))]
    pub shutdown_timeout_secs: u64,
}

/// The record: orders, invitations, reviews.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Where the record is kept: `sqlite:<path>`, or `postgres://user:password@host/database`.
    #[schemars(
        with = "String",
        extend("writeOnly" = true, "pattern" = "^(sqlite:[^:?]|postgres(ql)?://.)")
    )]
    pub url: SecretString,
    /// How many connections one process opens to the database (1 to 1000).
    #[schemars(range(min = 1, max = 1_000))]
    pub max_connections: u32,
}

impl Database {
    /// The file of the SQLite database; `None` with Postgres.
    #[must_use]
    pub fn sqlite_file(&self) -> Option<&Path> {
        let rest = self.url.expose_secret().strip_prefix("sqlite:")?;
        let path = rest.strip_prefix("//").unwrap_or(rest);
        Some(Path::new(path.split_once('?').map_or(path, |(path, _)| path)))
    }
}

/// The timer that wakes workers when an invitation is due.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Where waiting invitations are kept in order.
    pub backend: QueueBackend,
    /// The Redis server, such as `redis://:password@host:6379/0`; `rediss://` for TLS.
    #[schemars(
        with = "Option<String>",
        extend("writeOnly" = true, "pattern" = "^rediss?://.")
    )]
    pub redis_url: Option<SecretString>,
    /// The start of all Redis keys: 1 to 64 characters of `A-Z`, `a-z`, `0-9` and `_.:-`.
    #[schemars(extend("pattern" = "^[A-Za-z0-9_.:-]{1,64}$"))]
    pub namespace: String,
    /// Milliseconds between looks for due invitations (10 to 60000).
    #[schemars(range(min = 10, max = 60_000))]
    pub poll_interval_millis: u64,
    /// Only invitations due within this many minutes are put into Redis (1 to 10080); the record
    /// carries the rest.
    #[schemars(range(min = 1, max = 10_080))]
    pub horizon_minutes: u64,
    /// Seconds between comparisons of queue and record (1 to 3600).
    #[schemars(range(min = 1, max = 3_600))]
    pub reconcile_interval_secs: u64,
}

/// Where waiting invitations are kept in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QueueBackend {
    /// In the database: nothing else to run.
    Record,
    /// In Redis: for several workers on several machines.
    Redis,
}

/// How invitations are worked off.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Worker {
    /// How many mails one worker has in hand at the same time (1 to 1000).
    #[schemars(range(min = 1, max = 1_000))]
    pub concurrency: usize,
    /// Seconds a worker owns an invitation (1 to 86400). After that another worker may take it, so it
    /// must be longer than the longest time a mail can take.
    #[schemars(range(min = 1, max = 86_400))]
    pub lease_secs: u64,
}

/// When a mail that was not accepted is tried again, and a platform that did not tell about an order is
/// asked again.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Seconds before the second attempt (1 to 86400); doubles with each further one.
    #[schemars(range(min = 1, max = 86_400))]
    pub first_delay_secs: u32,
    /// The delay grows no further than this many seconds (1 to 604800).
    #[schemars(range(min = 1, max = 604_800))]
    pub max_delay_secs: u32,
    /// Hours after which a mail that nobody accepts, or an order that nobody tells about, is given up (1
    /// to 720).
    #[schemars(range(min = 1, max = 720))]
    pub give_up_after_hours: u32,
    /// Seconds before the next attempt when the server's answer was lost and it may have the mail
    /// (1 to 86400).
    #[schemars(range(min = 1, max = 86_400))]
    pub after_unknown_secs: u32,
}

impl From<Retry> for domain::retry::RetryPolicy {
    fn from(retry: Retry) -> Self {
        Self {
            first_delay: SignedDuration::from_secs(retry.first_delay_secs.into()),
            max_delay: SignedDuration::from_secs(retry.max_delay_secs.into()),
            give_up_after: SignedDuration::from_hours(retry.give_up_after_hours.into()),
            after_unknown: SignedDuration::from_secs(retry.after_unknown_secs.into()),
        }
    }
}

/// The keys of the installation. With SQLite they may be missing: the daemon then makes them and
/// keeps them beside the database.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Keys for the links in mails, as `["new", "old"]`, at most 8, each of at least 32 characters. The
    /// first makes links, all of them check links.
    #[schemars(
        with = "Option<Vec<String>>",
        length(min = 1, max = 8),
        inner(length(min = 32)),
        extend("writeOnly" = true)
    )]
    pub link_keys: Option<Vec<SecretString>>,
    /// Key of at least 32 characters for the list of people who want no mail. Never change it: that
    /// list would be lost.
    #[schemars(with = "Option<String>", length(min = 32), extend("writeOnly" = true))]
    pub address_key: Option<SecretString>,
}

/// How mails leave.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// Where mails go.
    pub transport: MailTransport,
    /// The directory for mails with the transport `file`.
    #[schemars(length(min = 1))]
    pub outbox_dir: PathBuf,
    /// The mail server for the transport `smtp`.
    pub smtp: Smtp,
    /// What comes back of mails.
    pub bounces: Bounces,
    /// How much goes to one receiving side.
    pub lanes: Lanes,
}

/// How much goes to one receiving side: a lane is the mail to one domain, or to those of one provider.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lanes {
    /// Mails that are handed over at a time, in each lane, by all workers together (1 to 1000); without
    /// it, as many as there are connections.
    #[schemars(range(min = 1, max = 1_000))]
    pub connections: Option<u32>,
    /// Mails per hour in each lane (1 to 3600000); without it, as many as go.
    #[schemars(range(min = 1, max = 3_600_000))]
    pub mails_per_hour: Option<u32>,
    /// The first day, such as `2026-09-01`, on which the sender's address or server sends mail: each
    /// lane gets 50 mails on it, and more on each of the nine days after.
    #[schemars(with = "Option<String>", extend("pattern" = DATE))]
    pub warm_up_from: Option<Date>,
    /// What is different in the lane of a domain.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "pattern": DOMAIN }))]
    pub domains: BTreeMap<String, LaneTable>,
}

/// What is different in a lane.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LaneTable {
    /// Mails that are handed over at a time in this lane, by all workers together (1 to 1000).
    #[schemars(range(min = 1, max = 1_000))]
    pub connections: Option<u32>,
    /// Mails per hour in this lane (1 to 3600000).
    #[schemars(range(min = 1, max = 3_600_000))]
    pub mails_per_hour: Option<u32>,
}

impl Lanes {
    /// What `lane` may take. A domain stands for its whole lane.
    #[must_use]
    pub fn limits(&self, lane: &str) -> Limits {
        let own = self.domains.iter().find(|(domain, _)| lane_of(domain) == lane);
        let own = own.map(|(_, table)| table);
        Limits {
            connections: own.and_then(|own| own.connections).or(self.connections),
            per_hour: own.and_then(|own| own.mails_per_hour).or(self.mails_per_hour),
            warm_up_from: self.warm_up_from,
        }
    }
}

/// What comes back of mails: bounces, complaints, and answers that say stop.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounces {
    /// The host of the addresses that mails which cannot be delivered, and mails that say stop, come back
    /// to. All mail to `bounce+<…>` and `unsub+<…>` at this host must reach AFS. Without it they go to the
    /// sender.
    #[schemars(extend("format" = "mail-host", "pattern" = DOMAIN))]
    pub domain: Option<String>,
    /// A mailbox that those mails arrive in, emptied by the worker.
    pub imap: Option<Imap>,
    /// Amazon SES, which tells through SNS: `POST /providers/ses`.
    pub ses: Option<Ses>,
    /// Mailgun: `POST /providers/mailgun`.
    pub mailgun: Option<Mailgun>,
    /// SendGrid: `POST /providers/sendgrid`.
    pub sendgrid: Option<Sendgrid>,
    /// Postmark: `POST /providers/postmark`.
    pub postmark: Option<Postmark>,
}

/// A mailbox for what comes back. AFS deletes from it what it has read: give it one of its own.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Imap {
    /// Host name or IP address of the IMAP server.
    #[schemars(extend("pattern" = r"^[A-Za-z0-9.:_-]+$"))]
    pub host: String,
    /// Port of the IMAP server (1 to 65535): 993 for `implicit`, 143 for `starttls`.
    #[serde(default = "imaps")]
    #[schemars(range(min = 1))]
    pub port: u16,
    /// How the connection is encrypted.
    #[serde(default = "implicit")]
    pub tls: Tls,
    /// A PEM file with the certificates to trust, of an own authority, instead of the public ones.
    #[schemars(length(min = 1))]
    pub ca_file: Option<PathBuf>,
    /// The name to log in with.
    #[schemars(length(min = 1))]
    pub username: String,
    /// The password to log in with.
    #[schemars(with = "String", length(min = 1), extend("writeOnly" = true))]
    pub password: SecretString,
    /// The mailbox, such as `INBOX`.
    #[serde(default = "inbox")]
    #[schemars(length(min = 1, max = 200), extend("pattern" = ONE_LINE))]
    pub mailbox: String,
    /// Seconds between looks (1 to 3600).
    #[serde(default = "a_minute")]
    #[schemars(range(min = 1, max = 3_600))]
    pub poll_interval_secs: u64,
}

/// What Amazon SES tells.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ses {
    /// The SNS topics that may tell, as `arn:aws:sns:<region>:<account>:<name>`; no other is heard.
    #[schemars(
        length(min = 1, max = 100),
        extend("items" = { "type": "string", "pattern": "^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]+:.+$" })
    )]
    pub topics: Vec<String>,
}

/// What Mailgun tells.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mailgun {
    /// The HTTP webhook signing key, from Mailgun's settings.
    #[schemars(with = "String", length(min = 1), extend("writeOnly" = true))]
    pub signing_key: SecretString,
}

/// What SendGrid tells.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sendgrid {
    /// The verification key of the signed event webhook, as SendGrid shows it.
    #[schemars(extend("pattern" = "^[A-Za-z0-9+/=]+$"))]
    pub public_key: String,
}

/// What Postmark tells.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Postmark {
    /// The name in the address that Postmark calls, without a colon.
    #[schemars(extend("pattern" = "^[^:]+$"))]
    pub username: String,
    /// The password in that address.
    #[schemars(with = "String", length(min = 16), extend("writeOnly" = true))]
    pub password: SecretString,
}

fn imaps() -> u16 {
    993
}

fn implicit() -> Tls {
    Tls::Implicit
}

fn inbox() -> String {
    "INBOX".to_owned()
}

fn a_minute() -> u64 {
    60
}

/// Where mails go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MailTransport {
    /// Into files in `outbox_dir`: nobody gets a mail.
    File,
    /// To the mail server in `[mail.smtp]`.
    Smtp,
}

/// The mail server that takes the mails.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// Host name or IP address of the mail server.
    #[schemars(extend("pattern" = r"^[A-Za-z0-9.:_-]+$"))]
    pub host: String,
    /// Port of the mail server (1 to 65535): 587 for `starttls`, 465 for `implicit`.
    #[schemars(range(min = 1))]
    pub port: u16,
    /// How the connection is encrypted.
    pub tls: Tls,
    /// The name to log in with.
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// The password to log in with.
    #[schemars(with = "Option<String>", length(min = 1), extend("writeOnly" = true))]
    pub password: Option<SecretString>,
    /// How many connections one worker opens to the mail server (1 to 1000).
    #[schemars(range(min = 1, max = 1_000))]
    pub max_connections: usize,
    /// A PEM file with the certificates to trust, of an own authority, instead of the public ones.
    #[schemars(length(min = 1))]
    pub ca_file: Option<PathBuf>,
    /// The host name this machine says hello with.
    #[schemars(extend("pattern" = r"^[A-Za-z0-9.:\[\]-]+$"))]
    pub hello_name: Option<String>,
    /// Seconds to wait for a connection (1 to 3600).
    #[schemars(range(min = 1, max = 3_600))]
    pub connect_timeout_secs: u64,
    /// Seconds to wait for the answer to a command (1 to 3600).
    #[schemars(range(min = 1, max = 3_600))]
    pub command_timeout_secs: u64,
    /// Seconds to wait for the answer that the mail was taken (1 to 3600). Giving up early makes
    /// duplicates.
    #[schemars(range(min = 1, max = 3_600))]
    pub final_timeout_secs: u64,
}

/// How the connection to the mail server is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Tls {
    /// The connection turns to TLS before anything else is said; without it nothing is sent.
    Starttls,
    /// TLS from the first byte.
    Implicit,
    /// Not at all: only to a mail server on this machine.
    #[serde(rename = "none")]
    Plaintext,
}

/// How long what is stored about people is kept.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days that an order names its buyer after nothing needs it any more (1 to 3650).
    #[schemars(range(min = 1, max = 3_650))]
    pub order_days: u32,
    /// Days that webhooks which could not be read, and orders that no platform told about, are kept (1 to
    /// 3650).
    #[schemars(range(min = 1, max = 3_650))]
    pub unread_days: u32,
    /// Days that it is known what became of mails after they were sent (31 to 3650).
    #[schemars(range(min = 31, max = 3_650))]
    pub bounce_days: u32,
    /// Days that receipts of erasures are kept (1 to 36500).
    #[schemars(range(min = 1, max = 36_500))]
    pub receipt_days: u32,
}

/// What the daemon tells about itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The form of a log line.
    pub format: LogFormat,
    /// How much is logged: `error`, `warn`, `info`, `debug` or `trace`, or a filter such as
    /// `info,store=debug`.
    #[schemars(length(min = 1))]
    pub level: String,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For log collectors: one JSON object a line.
    Json,
}

/// The operator's own texts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Templates {
    /// A directory whose files replace the built-in templates and texts of the same name.
    #[schemars(length(min = 1))]
    pub dir: Option<PathBuf>,
}

/// When buyers are invited. Set for all shops under `[invitations]`, for one shop under
/// `[shops.<id>.invitations]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvitationsTable {
    /// What has to happen to an order before its buyer is asked.
    pub(crate) trigger: Trigger,
    /// Days from that to the invitation (0 to 365).
    #[schemars(range(min = 0, max = 365))]
    pub(crate) delay_days: u32,
    /// Seconds instead of `delay_days`, and of the days after delivery and without the trigger, to try
    /// things out (0 to 31536000).
    #[schemars(range(min = 0, max = 31_536_000))]
    pub(crate) delay_secs: Option<u32>,
    /// Days from the delivery to the invitation, where the platform tells of it (0 to 365).
    #[schemars(range(min = 0, max = 365))]
    pub(crate) delivered_delay_days: u32,
    /// Days to the invitation while the platform has not told what `trigger` waits for (0 to 365).
    #[schemars(range(min = 0, max = 365))]
    pub(crate) fallback_delay_days: u32,
    /// Days from the mail to the reminder (0 to 60); 0 is no reminder.
    #[schemars(range(min = 0, max = 60))]
    pub(crate) reminder_days: u32,
    /// Orders completed more days ago than this are not invited (1 to 3650).
    #[schemars(range(min = 1, max = 3_650))]
    pub(crate) max_order_age_days: u32,
    /// Days that the link in a mail stays good (1 to 3650).
    #[schemars(range(min = 1, max = 3_650))]
    pub(crate) link_valid_days: u32,
    /// From this time of day mails may leave, as `09:00`.
    #[schemars(with = "String", extend("pattern" = TIME_OF_DAY))]
    pub(crate) window_opens: Time,
    /// From this time of day on mails wait for the next day, as `19:00`.
    #[schemars(with = "String", extend("pattern" = TIME_OF_DAY))]
    pub(crate) window_closes: Time,
    /// Mails leave at any hour; `window_opens` and `window_closes` do not count.
    pub(crate) window_always_open: bool,
    /// The days of the week on which mails may leave.
    #[schemars(length(min = 1))]
    pub(crate) weekdays: Vec<Day>,
    /// Mails wait while the buyer's country has a public holiday.
    pub(crate) rest_on_holidays: bool,
    /// Mails that waited for the window leave spread over so many minutes (0 to 1440), not all at once.
    #[schemars(range(min = 0, max = 1_440))]
    pub(crate) spread_minutes: u32,
    /// The clock that the window goes by where the buyer's is not known, named as in the IANA list, such
    /// as `Europe/Stockholm`.
    #[schemars(with = "String", extend("format" = "time-zone"))]
    #[serde(deserialize_with = "time_zone")]
    pub(crate) time_zone: TimeZone,
    /// Buyers with addresses at these domains, and below them, are not invited, such as
    /// `["shop.example"]`.
    #[schemars(extend("items" = { "type": "string", "pattern": DOMAIN }))]
    pub(crate) exclude_domains: Vec<String>,
    /// Orders with one of these tags are not invited.
    #[schemars(inner(length(min = 1)))]
    pub(crate) exclude_tags: Vec<String>,
    /// Orders of less are not invited: amount and currency, such as `20.00 EUR`. Orders in other
    /// currencies are.
    #[schemars(with = "Option<String>", extend("pattern" = AMOUNT))]
    #[serde(default, deserialize_with = "money")]
    pub(crate) minimum_total: Option<Money>,
    /// Companies are invited too.
    pub(crate) invite_businesses: bool,
    /// One in so many orders is invited (1 to 1000); which ones, nobody can choose.
    #[schemars(range(min = 1, max = 1_000))]
    pub(crate) one_in: NonZeroU32,
    /// Hours between two mails to one person, from all shops together (0 to 8760).
    #[schemars(range(min = 0, max = 8_760))]
    pub(crate) person_gap_hours: u32,
    /// The most mails to one person in 30 days, from all shops together (1 to 100).
    #[schemars(range(min = 1, max = 100))]
    pub(crate) person_mails_per_30_days: u32,
    /// Days in which nobody is asked about the same products again (0 to 3650).
    #[schemars(range(min = 0, max = 3_650))]
    pub(crate) same_product_days: u32,
    /// What has to be there, by law, before a buyer is asked.
    pub(crate) consent: ConsentBasis,
    /// What buyers read at the checkout: that they will be asked for a review by e-mail, and how to
    /// object. Setting it says that they do read it.
    #[schemars(length(min = 20, max = 2000))]
    pub(crate) consent_notice: Option<String>,
    /// What is different for buyers in a country, by its two letters.
    #[serde(default)]
    #[schemars(extend("propertyNames" = { "pattern": "^[A-Z]{2}$" }))]
    pub(crate) countries: BTreeMap<String, CountryTable>,
    /// Versions of the invitation that are tried against each other.
    pub(crate) experiment: Option<ExperimentTable>,
    /// Delays for products that take longer, or less long, to get to know; the names are for you.
    #[serde(default)]
    pub(crate) products: BTreeMap<String, ProductTable>,
}

/// What has to happen to an order before its buyer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Trigger {
    /// Whatever the platform calls completed.
    Completed,
    /// A part of it was sent.
    FirstShipment,
    /// All of it was sent.
    LastShipment,
    /// It arrived.
    Delivered,
}

impl From<Trigger> for policy::Trigger {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Completed => Self::Completed,
            Trigger::FirstShipment => Self::FirstShipment,
            Trigger::LastShipment => Self::LastShipment,
            Trigger::Delivered => Self::Delivered,
        }
    }
}

/// What has to be there, by law, before a buyer is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ConsentBasis {
    /// What the law of the buyer's country asks for; docs/consent.md has the table.
    LegalDefault,
    /// The order alone.
    None,
    /// The order, and that buyers are told at the checkout (`consent_notice`); or that they agreed.
    SoftOptIn,
    /// That the buyer agreed to marketing, as the platform tells.
    OptIn,
}

impl ConsentBasis {
    /// `None` is what the law asks for.
    pub(crate) fn basis(self) -> Option<consent::Basis> {
        match self {
            Self::LegalDefault => None,
            Self::None => Some(consent::Basis::None),
            Self::SoftOptIn => Some(consent::Basis::SoftOptIn),
            Self::OptIn => Some(consent::Basis::OptIn),
        }
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl From<Day> for Weekday {
    fn from(day: Day) -> Self {
        match day {
            Day::Mon => Self::Monday,
            Day::Tue => Self::Tuesday,
            Day::Wed => Self::Wednesday,
            Day::Thu => Self::Thursday,
            Day::Fri => Self::Friday,
            Day::Sat => Self::Saturday,
            Day::Sun => Self::Sunday,
        }
    }
}

/// What is different for buyers in one country.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CountryTable {
    /// Days to the invitation (0 to 365).
    #[schemars(range(min = 0, max = 365))]
    pub(crate) delay_days: Option<u32>,
    /// The clock for buyers of whom no more than the country is known, where it has several.
    #[schemars(with = "Option<String>", extend("format" = "time-zone"))]
    #[serde(default, deserialize_with = "optional_time_zone")]
    pub(crate) time_zone: Option<TimeZone>,
    /// What has to be there, by law, before a buyer is asked.
    pub(crate) consent: Option<ConsentBasis>,
    /// What buyers in this country read at the checkout, if it is another text.
    #[schemars(length(min = 20, max = 2000))]
    pub(crate) consent_notice: Option<String>,
}

/// Versions of the invitation that are tried against each other. When one has proved to bring more
/// reviews, all buyers get it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExperimentTable {
    /// 1 to 40 characters of `a-z`, `0-9` and `-`. Another name begins another experiment.
    #[schemars(extend("pattern" = "^[a-z0-9-]{1,40}$"))]
    pub(crate) name: String,
    /// The versions, as `["usual", "short"]`: folders `mail/invitation.<version>` of templates, and
    /// `usual` for the mail as it is. The first one stays if none is better. Leave them alone while it
    /// runs.
    #[schemars(length(min = 2, max = 8), inner(length(min = 1)), extend("uniqueItems" = true))]
    pub(crate) variants: Vec<String>,
    /// Days that a buyer has for a review that counts (1 to 60).
    #[serde(default = "two_weeks")]
    #[schemars(range(min = 1, max = 60))]
    pub(crate) review_days: u32,
    /// After so many mails of each version without a better one, it ends (100 to 1000000).
    #[serde(default = "enough_mails")]
    #[schemars(range(min = 100, max = 1_000_000))]
    pub(crate) max_mails_per_variant: u32,
}

fn two_weeks() -> u32 {
    14
}

fn enough_mails() -> u32 {
    10_000
}

/// A delay for some products.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProductTable {
    /// The stock-keeping units: one, or the beginning of many, such as `TEA-*`.
    #[schemars(length(min = 1))]
    pub(crate) sku: Option<String>,
    /// The categories instead: one, or the beginning of many.
    #[schemars(length(min = 1))]
    pub(crate) category: Option<String>,
    /// Days to the invitation (0 to 365). Of all that fit an order, the most count.
    #[schemars(range(min = 0, max = 365))]
    pub(crate) delay_days: u32,
}

/// Who mails come from. Set for all shops under `[sender]`, for one shop under `[shops.<id>.sender]`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SenderTable {
    /// The e-mail address in From, such as `reviews@shop.example`.
    #[schemars(with = "Option<String>", extend("format" = "email"))]
    pub(crate) address: Option<EmailAddress>,
    /// The name in From, in one line; without it, the name of the shop.
    #[schemars(length(max = 100), extend("pattern" = ONE_LINE))]
    pub(crate) name: Option<String>,
    /// The e-mail address that answers go to, if not to `address`.
    #[schemars(with = "Option<String>", extend("format" = "email"))]
    pub(crate) reply_to: Option<EmailAddress>,
    /// The sender's postal address, shown at the end of each mail.
    #[schemars(length(min = 1, max = 500))]
    pub(crate) postal_address: Option<String>,
    /// The keys that mails are signed with; without this table, they are not signed here.
    pub(crate) dkim: Option<Dkim>,
}

/// The keys that mails are signed with, so that receivers know that they are the sender's (DKIM).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dkim {
    /// The domain that answers for the mails: that of the sender's address, or one above it.
    #[schemars(extend("format" = "mail-host", "pattern" = DOMAIN))]
    pub domain: String,
    /// The name of the key in DNS: its record stands at `<selector>._domainkey.<domain>`.
    #[schemars(extend("pattern" = SELECTOR))]
    pub selector: String,
    /// The file of an RSA key of 2048 to 4096 bits (PEM), readable for AFS only.
    #[schemars(length(min = 1))]
    pub key_file: PathBuf,
    /// The name of a second key in DNS, an Ed25519 one.
    #[schemars(extend("pattern" = SELECTOR))]
    pub ed25519_selector: Option<String>,
    /// The file of the Ed25519 key (PEM), readable for AFS only.
    #[schemars(length(min = 1))]
    pub ed25519_key_file: Option<PathBuf>,
}

/// One shop. Also the content of a file `shops.d/<id>.toml`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShopTable {
    /// The shop system that sends the webhooks.
    pub(crate) platform: String,
    /// The shop's name as buyers know it, in one line.
    #[schemars(length(max = 100), extend("pattern" = ONE_LINE))]
    pub(crate) name: String,
    /// The language of mails to buyers whose own is not known or not translated, such as `en` or
    /// `pt-BR`.
    #[serde(default = "english")]
    #[schemars(extend("pattern" = "^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"))]
    pub(crate) language: String,
    /// The webhook secrets set in the shop, as `["new", "old"]`. All are accepted, so that a new one can
    /// be added before the old one is taken away.
    #[schemars(
        with = "Vec<String>",
        length(min = 1),
        inner(length(min = 1)),
        extend("writeOnly" = true)
    )]
    pub(crate) secrets: Vec<SecretString>,
    /// The shop's home page, as `https://…`
    #[schemars(extend("format" = "https-url"))]
    pub(crate) website: Option<String>,
    #[serde(default)]
    pub(crate) api: Api,
    pub(crate) invitations: InvitationsTable,
    pub(crate) sender: SenderTable,
    pub(crate) mapping: Option<Mapping>,
}

/// How orders are read from the shop's platform, where its webhooks do not say all. The platform's page
/// in the documentation says what it needs.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Where the platform's API is, as `https://…`; without it, where the platform has it for all shops.
    #[schemars(extend("format" = "uri", "pattern" = r"^https?://[^/?#@\s]+(/[^?#\s]*)?$"))]
    pub url: Option<String>,
    /// The account, store or user that the API asks for.
    #[schemars(length(min = 1, max = 200))]
    pub account: Option<String>,
    /// The token, key or password of the API.
    #[schemars(with = "Option<String>", length(min = 1), extend("writeOnly" = true))]
    pub token: Option<SecretString>,
}

fn english() -> String {
    "en".to_owned()
}

fn money<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Money>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let (amount, currency) = text.split_once(' ').unwrap_or_default();
    let money = Money::new(amount.parse().ok(), Some(currency));
    money.map(Some).ok_or_else(|| serde::de::Error::custom("not an amount and a currency"))
}

fn optional_time_zone<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TimeZone>, D::Error> {
    time_zone(from).map(Some)
}

fn time_zone<'de, D: Deserializer<'de>>(from: D) -> Result<TimeZone, D::Error> {
    TimeZone::get(&String::deserialize(from)?).map_err(serde::de::Error::custom)
}
