//! Invitations that fall due all at once, and the mail server that takes them.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use bench::orders::Orders;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use tests::shop::now;

use crate::{
    afs::{Afs, Profile, Setting},
    lab::{Lab, built},
    load::{self, Plan},
    mail::{LongWay, Mail, Postfix, Sink, run_sender},
    meter::{Meter, as_f64},
    peers,
    record::{Mailed, Record},
    scenario::{Goal, Round, Sample, Scenario},
    stores::Redis,
};

/// Connections to the mail server, whoever sends.
const CONNECTIONS: u32 = 10;

/// A mail server in another city.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// The delay of every invitation, as [`crate::afs`] configures it.
pub(super) const DELAY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Orders in memory at the same time: they have 5 to 8 KB.
const PAGE: usize = 5_000;

const EMBEDDED: &str = Profile::Embedded.contestant();
const DISTRIBUTED: &str = Profile::Distributed.contestant();
const NODEMAILER_RAW: &str = "nodemailer pool, prepared bytes";
const NODEMAILER: &str = "nodemailer pool";
const BULLMQ: &str = "BullMQ + nodemailer";
const LETTRE: &str = "lettre pool, TCP_NODELAY";
const SOURCE: &str = "limit: smtp-source -d";
const TWO_TRIPS: &str = "limit: prepared bytes, pipelined";
const ONE_TRIP: &str = "limit: prepared bytes, pipelined across mails";

const ABOUT: &str = "Invitations that are all due at the same moment go to Postfix's `smtp-sink` over 10 \
    connections. AFS claims each, renders it from its templates, composes it (text and HTML, about \
    11 KB), sends it, and commits the outcome before it acknowledges the job; orders came in as \
    webhooks before. nodemailer sends the same mail from a loop, as prepared bytes or composed for \
    each, and BullMQ runs that from delayed jobs in Redis (append-only file, flushed every second). \
    The limits send the same bytes again and again. `sender_cpu_us` and `stores_cpu_us` are \
    processor time per mail; the mail server's own is in `sink_cpu_us`.";

const PROFILE: &str = "By `perf`, half of what a mail costs is writing it: templates and words 18 %, then \
    headers, quoted-printable and line ends. Claim and outcome, each in a transaction, take a quarter, \
    and SMTP with its task the rest. The others of this row send bytes that were prepared before.";

const PROFILE_DISTRIBUTED: &str = "As with SQLite, and Postgres and Redis take as much again for claim, outcome and \
    timer (`stores_cpu_us`). nodemailer writes its mail without templates.";

const ABOUT_MANY: &str = "The same with 100,000 invitations (quick: 30,000), once: whether the rate of \
    `dispatch` lasts.";

const ABOUT_FAR: &str = "The same through a proxy that makes every round trip take 20 ms. lettre stands for \
    what its pool does for each mail (NOOP, MAIL, RCPT, DATA, text: five round trips), on a socket \
    with `TCP_NODELAY`, which the pool itself does not set. In theory 10 connections carry 250 mails \
    a second if a mail takes two round trips, and 500 if it takes one.";

/// To a mail server next door.
pub(crate) fn near(lab: &Lab) -> Scenario<'_> {
    let count = if lab.pace.is_quick { 10_000 } else { 30_000 };
    // Slower ones send fewer: their rate is the same, and the round does not take as long.
    let some = count / 4;
    let vs = |mine: &'static str, other: &'static str| {
        move |round: &Round<'_>| {
            Some(round.get(mine, "mails_per_s")? / round.get(other, "mails_per_s")?)
        }
    };
    Scenario::new("dispatch", ABOUT)
        .contestant(EMBEDDED, move || afs(Profile::Embedded, count, Duration::ZERO))
        .contestant(DISTRIBUTED, move || afs(Profile::Distributed, count, Duration::ZERO))
        .contestant(SOURCE, move || source(count))
        .contestant(TWO_TRIPS, move || sender("pipelined", &[], count, Duration::ZERO))
        .contestant(ONE_TRIP, move || sender("pipelined", &["--across"], count, Duration::ZERO))
        .contestant(LETTRE, move || sender("lettre", &[], count, Duration::ZERO))
        .contestant(NODEMAILER_RAW, move || nodemailer("raw", some, Duration::ZERO))
        .contestant(NODEMAILER, move || nodemailer("built", some, Duration::ZERO))
        .contestant(BULLMQ, move || bullmq(some))
        .goal(
            Goal::new(
                "dispatch_embedded_node",
                "dispatch, SQLite: 4 times nodemailer's pool with prepared bytes",
                4.0,
                vs(EMBEDDED, NODEMAILER_RAW),
            )
            .profiled(PROFILE),
        )
        .goal(
            Goal::new(
                "dispatch_embedded_limit",
                "dispatch, SQLite: 0.6 of smtp-source -d",
                0.6,
                vs(EMBEDDED, SOURCE),
            )
            .profiled(PROFILE),
        )
        .goal(
            Goal::new(
                "dispatch_distributed_bullmq",
                "dispatch, Postgres + Redis: 4 times BullMQ + nodemailer",
                4.0,
                vs(DISTRIBUTED, BULLMQ),
            )
            .profiled(PROFILE_DISTRIBUTED),
        )
}

/// The same for more mails than anybody waits for in each round.
pub(crate) fn many(lab: &Lab) -> Scenario<'_> {
    let count = if lab.pace.is_quick { 30_000 } else { 100_000 };
    Scenario::new("dispatch-many", ABOUT_MANY)
        .contestant(EMBEDDED, move || afs(Profile::Embedded, count, Duration::ZERO))
        .contestant(DISTRIBUTED, move || afs(Profile::Distributed, count, Duration::ZERO))
        .contestant(SOURCE, move || source(count))
        .at_most_rounds(1)
}

/// To a mail server that is 20 ms away.
pub(crate) fn far(lab: &Lab) -> Scenario<'_> {
    let count = if lab.pace.is_quick { 2_000 } else { 4_000 };
    let vs = |other: &'static str| {
        move |round: &Round<'_>| {
            Some(round.get(EMBEDDED, "mails_per_s")? / round.get(other, "mails_per_s")?)
        }
    };
    Scenario::new("dispatch-far", ABOUT_FAR)
        .contestant(EMBEDDED, move || afs(Profile::Embedded, count, ROUND_TRIP))
        .contestant(TWO_TRIPS, move || sender("pipelined", &[], count, ROUND_TRIP))
        .contestant(ONE_TRIP, move || sender("pipelined", &["--across"], count, ROUND_TRIP))
        .contestant(LETTRE, move || sender("lettre", &[], count / 4, ROUND_TRIP))
        .contestant(NODEMAILER_RAW, move || nodemailer("raw", count / 4, ROUND_TRIP))
        .goal(Goal::new(
            "dispatch_far_theory",
            "dispatch, 20 ms: 0.9 of what pipelining allows in theory, two round trips for a mail",
            0.9,
            |round| {
                let theory = f64::from(CONNECTIONS) / (2.0 * ROUND_TRIP.as_secs_f64());
                Some(round.get(EMBEDDED, "mails_per_s")? / theory)
            },
        ))
        .goal(Goal::new(
            "dispatch_far_lettre",
            "dispatch, 20 ms: 3 times lettre's pool with TCP_NODELAY",
            3.0,
            vs(LETTRE),
        ))
}

fn afs(profile: Profile, count: usize, round_trip: Duration) -> anyhow::Result<Sample> {
    let server = MailServer::start(round_trip)?;
    send(&Afs::start(profile, &mailing_to(server.port()))?, &server, count)
}

/// Has invitations sent that are all due at the same moment.
pub(super) fn send(afs: &Afs, server: &MailServer, count: usize) -> anyhow::Result<Sample> {
    let mut record = Record::of(afs)?;
    // Far more time than storing takes; should it not be enough, the figures would be wrong.
    let due = now() + SignedDuration::from_secs(3 + i64::try_from(count / 1_500)?);
    fill(afs, 0..count, due)?;
    ensure!(now() < due, "the orders took longer to store than they had time");
    wait_for(due);
    let meters = [afs.meter(), afs.stores_meter(), server.sink.meter()];
    let before = meters.each_ref().map(Meter::cpu);
    until_sent(&mut record, count)?;
    let after = meters.each_ref().map(Meter::cpu);
    let mailed = record.mailed()?;
    let ended = mailed.iter().map(|mailed| mailed.sent).max().context("nothing was sent")?;
    let seconds = as_f64(ended.abs_diff(due.as_millisecond())) / 1e3;
    let cpu =
        |at: usize| after[at].saturating_sub(before[at]).as_secs_f64() * 1e6 / as_f64(count as u64);
    let sample = Sample::default()
        .with("mails_per_s", as_f64(count as u64) / seconds)
        .with("sender_cpu_us", cpu(0))
        .with("stores_cpu_us", cpu(1))
        .with("sink_cpu_us", cpu(2));
    with_lateness(sample, &mailed)
}

/// What an installation needs that mails to this port.
pub(super) fn mailing_to(port: u16) -> Vec<Setting> {
    vec![
        ("mail.transport", json!("smtp")),
        ("mail.smtp.host", json!("127.0.0.1")),
        ("mail.smtp.port", json!(port)),
        ("mail.smtp.tls", json!("none")),
        ("mail.smtp.max_connections", json!(CONNECTIONS)),
        ("sender.address", json!("reviews@afs.example")),
        ("invitations.window_always_open", json!(true)),
        // Peers send one mail for each order, and no reminder.
        ("invitations.reminder_days", json!(0)),
    ]
}

/// Posts orders whose invitations are due at one time.
pub(super) fn fill(
    afs: &Afs,
    numbers: std::ops::Range<usize>,
    due: Timestamp,
) -> anyhow::Result<()> {
    let orders = Orders::fulfilled_at(due - DELAY);
    let end = numbers.end;
    for first in numbers.step_by(PAGE) {
        let requests: Vec<_> =
            (first..end.min(first + PAGE)).map(|number| orders.request(number)).collect();
        post(afs, &requests)?;
    }
    Ok(())
}

/// Posts each request once.
pub(super) fn post(afs: &Afs, requests: &[Vec<u8>]) -> anyhow::Result<load::Load> {
    let load = load::run(&Plan {
        addresses: &afs.addresses,
        requests,
        copies: 1,
        repeat: false,
        connections: 64,
        rate: None,
        warm_up: Duration::ZERO,
        measured: Duration::from_mins(10),
        meters: &[],
    })?;
    ensure!(load.all_accepted()? == requests.len() as u64, "not every order was taken");
    Ok(load)
}

pub(super) fn wait_for(time: Timestamp) {
    thread::sleep(Duration::try_from(time.duration_since(now())).unwrap_or_default());
}

/// Waits until so many invitations were sent and nothing that is due is left.
pub(super) fn until_sent(record: &mut Record, count: usize) -> anyhow::Result<()> {
    let deadline = Instant::now() + Duration::from_mins(10);
    while record.is_busy(now().as_millisecond())? {
        ensure!(Instant::now() < deadline, "invitations are still not sent");
        thread::sleep(Duration::from_millis(20));
    }
    let sent = record.number("SELECT COUNT(*) FROM invitations WHERE state = 'sent'")?;
    ensure!(usize::try_from(sent)? == count, "{sent} of {count} invitations were sent");
    Ok(())
}

/// Adds how late mails were taken by the mail server. None may be claimed before it is due.
pub(super) fn with_lateness(sample: Sample, mailed: &[Mailed]) -> anyhow::Result<Sample> {
    let early = mailed.iter().filter(|mailed| mailed.claimed < mailed.due).count();
    ensure!(early == 0, "{early} invitations were claimed before they were due");
    let mut late: Vec<u64> = mailed.iter().map(|mailed| mailed.sent.abs_diff(mailed.due)).collect();
    late.sort_unstable();
    let quantile = |percent: usize| late.get((late.len() - 1) * percent / 100).copied();
    let quantile = |percent| quantile(percent).map_or(0.0, as_f64);
    Ok(sample
        .with("late_p50_ms", quantile(50))
        .with("late_p99_ms", quantile(99))
        .with("late_max_ms", quantile(100)))
}

/// A mail server, and a way to it.
pub(super) struct MailServer {
    way: Option<LongWay>,
    pub(super) sink: Sink,
}

impl MailServer {
    pub(super) fn start(round_trip: Duration) -> anyhow::Result<Self> {
        let sink = Sink::start(&Postfix::unpack()?)?;
        let way =
            (!round_trip.is_zero()).then(|| LongWay::to(sink.port, round_trip)).transpose()?;
        Ok(Self { way, sink })
    }

    /// Where senders connect.
    pub(super) fn port(&self) -> u16 {
        self.way.as_ref().map_or(self.sink.port, |way| way.port)
    }
}

fn source(count: usize) -> anyhow::Result<Sample> {
    let server = MailServer::start(Duration::ZERO)?;
    let len = Mail::write()?.bytes.len();
    Postfix::unpack()?.source(server.port(), u32::try_from(count)?, CONNECTIONS, len)
}

fn sender(
    kind: &str,
    options: &[&str],
    count: usize,
    round_trip: Duration,
) -> anyhow::Result<Sample> {
    let dir = tempfile::tempdir()?;
    let (bytes, _) = Mail::write()?.save(dir.path())?;
    let server = MailServer::start(round_trip)?;
    let address = format!("127.0.0.1:{}", server.port());
    let mut command = std::process::Command::new(built("smtp")?);
    command.arg(kind).args(options).args([address, count.to_string(), CONNECTIONS.to_string()]);
    run_sender(command.arg(bytes))
}

fn nodemailer(mode: &str, count: usize, round_trip: Duration) -> anyhow::Result<Sample> {
    let dir = tempfile::tempdir()?;
    let server = MailServer::start(round_trip)?;
    run_sender(&mut node("send.js", mode, dir.path(), server.port(), count)?)
}

fn bullmq(count: usize) -> anyhow::Result<Sample> {
    let dir = tempfile::tempdir()?;
    let server = MailServer::start(Duration::ZERO)?;
    let redis = Redis::start();
    let mut fill = node("queue.js", "fill", dir.path(), server.port(), count)?;
    let due = now() + SignedDuration::from_secs(2 + i64::try_from(count / 4_000)?);
    fill.env("REDIS_PORT", redis.port());
    fill.env("DUE_AT", due.as_millisecond().to_string());
    ensure!(fill.status()?.success(), "queue.js does not fill its queue");
    wait_for(due);
    let mut work = node("queue.js", "work", dir.path(), server.port(), count)?;
    let meter = Meter::new([redis.id()]);
    let before = meter.cpu();
    let sample = run_sender(work.env("REDIS_PORT", redis.port()))?;
    let used = meter.cpu().saturating_sub(before).as_secs_f64();
    Ok(sample.with("stores_cpu_us", used * 1e6 / as_f64(count as u64)))
}

/// A program of `tests/bench/peers/mail`.
fn node(
    script: &str,
    mode: &str,
    dir: &std::path::Path,
    port: u16,
    count: usize,
) -> anyhow::Result<std::process::Command> {
    let (_, json) = Mail::write()?.save(dir)?;
    let mut command = std::process::Command::new("node");
    command.arg(peers::npm("mail")?.join(script)).arg(mode);
    command.env("NODE_ENV", "production").env("MAIL_FILE", json);
    command.env("SMTP_PORT", port.to_string()).env("CONNECTIONS", CONNECTIONS.to_string());
    command.env("COUNT", count.to_string());
    Ok(command)
}
