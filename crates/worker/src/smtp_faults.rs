//! Whatever a mail server does at whatever stage: what is on record after it, and that the mail arrives
//! once the server is well.
//!
//! `crates/mail/tests/smtp_faults.rs` says the same of the connection.

use std::{io::Write as _, sync::Arc, time::Duration};

use config::Config;
use jiff::{SignedDuration, Timestamp};
use mail::{
    Credentials, Memory, Smtp, Stage, Timeouts, Tls, Transport,
    testkit::{Behaviour, Certificate, Script, SmtpServer},
};
use sqlx::{Connection as _, SqliteConnection};
use tokio::task::JoinSet;

use crate::invitation::{
    send,
    tests::{Bench, LEASE},
};

/// What is on record after the first attempt, and what the server has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Sent. The server has it.
    Sent,
    /// To be tried again in a minute. The server does not have it.
    Soon,
    /// To be tried again in a quarter of an hour, for the server might have it. It has not.
    Lost,
    /// As before, and it has: the buyer gets the mail twice, under the same Message-ID.
    Twice,
    /// Again in some twenty minutes, when its lane has rested. Does not count as an attempt.
    Held,
    /// `Soon` or `Lost`: whether the text was out when the connection broke is for the kernel to say.
    Torn,
    /// Never tried again. The server does not have it.
    Failed,
}

const USER: &str = "user";
const PASSWORD: &str = "pass";

use Then::{Failed, Held, Lost, Sent, Soon, Torn, Twice};

const STAGES: [Stage; 8] = [
    Stage::Connect,
    Stage::Hello,
    Stage::Tls,
    Stage::Auth,
    Stage::MailFrom,
    Stage::RcptTo,
    Stage::Data,
    Stage::FinalDot,
];

/// What the server does, once, at each of [`STAGES`].
#[rustfmt::skip]
const TABLE: [(Behaviour, [Then; 8]); 14] = [
    //                                                    connect hello tls   auth  mail  rcpt    data    dot
    (Behaviour::Reply("451 4.3.0 later"),                 [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Soon]),
    (Behaviour::Reply("554 5.7.1 policy"),                [Soon,  Soon, Soon, Soon, Held, Held,   Held,   Held]),
    (Behaviour::Reply("550 5.1.1 no such user"),          [Soon,  Soon, Soon, Soon, Soon, Failed, Failed, Failed]),
    (Behaviour::Reply("421 4.3.2 closing"),               [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Soon]),
    (Behaviour::Reply("299-odd\r\n299 but fine"),         [Soon,  Soon, Soon, Soon, Sent, Sent,   Soon,   Twice]),
    (Behaviour::Reply("399 odd"),                         [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Twice]),
    (Behaviour::Drop,                                     [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Lost]),
    (Behaviour::Silence,                                  [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Lost]),
    (Behaviour::Garbage,                                  [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Lost]),
    (Behaviour::Split,                                    [Sent,  Sent, Sent, Sent, Sent, Sent,   Sent,   Sent]),
    (Behaviour::ReplyThenReset,                           [Soon,  Soon, Soon, Soon, Soon, Soon,   Torn,   Sent]),
    (Behaviour::LoseReply,                                [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Twice]),
    (Behaviour::Extra("250 2.0.0 stray"),                 [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Sent]),
    (Behaviour::Extra("421 4.4.2 idle for too long"),     [Soon,  Soon, Soon, Soon, Soon, Soon,   Soon,   Sent]),
];

/// One square of the table.
struct Cell {
    name: String,
    /// What the client insists on.
    tls: Tls,
    signs_in: bool,
    /// Met by the first attempt.
    script: Script,
    /// The same server when it is well. Met by the second attempt.
    well: Script,
    /// Whether the first attempt ends only when the client has waited enough.
    is_silent: bool,
    /// What is recorded of the first attempt, if it is known to the letter.
    words: Option<String>,
    then: Then,
}

/// What is on record of an invitation; times in milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Row {
    state: String,
    reason: Option<String>,
    first_due_at: i64,
    due_at: i64,
    attempt: i64,
    fence: i64,
    lease_until: Option<i64>,
    first_attempt_at: Option<i64>,
    sent_at: Option<i64>,
}

/// What is on record of one attempt.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
struct Delivery {
    fence: i64,
    at: i64,
    outcome: String,
    detail: String,
}

impl Bench {
    /// All that is on record of its invitation.
    async fn row(&self) -> (Row, Vec<Delivery>) {
        let url = format!("sqlite:{}", self.dir.path().join("afs.db").display());
        let mut record = SqliteConnection::connect(&url).await.unwrap();
        let row = sqlx::query_as(
            "SELECT state, reason, first_due_at, due_at, attempt, fence, lease_until,
                    first_attempt_at, sent_at FROM invitations WHERE id = $1",
        );
        let deliveries = sqlx::query_as(
            "SELECT fence, at, outcome, detail FROM mail_deliveries WHERE invitation_id = $1
             ORDER BY fence",
        );
        let id = self.invitation.to_string();
        let row = row.bind(&id).fetch_one(&mut record).await.unwrap();
        (row, deliveries.bind(&id).fetch_all(&mut record).await.unwrap())
    }

    /// Lets a worker try at this time; what is on record then.
    async fn attempt_at(&self, millis: i64) -> (Row, Vec<Delivery>) {
        *self.now.lock().unwrap() = Timestamp::from_millisecond(millis).unwrap();
        send(self.worker.clone(), self.invitation, LEASE).await;
        self.row().await
    }
}

impl Cell {
    /// A server that `does` something once, at this stage.
    fn at(stage: Stage, does: &Behaviour, then: Then, pipelining: bool) -> Self {
        let tls = if stage == Stage::Tls { Tls::StartTls } else { Tls::None };
        let signs_in = stage == Stage::Auth;
        let mut well = Script::new().tls(tls);
        if signs_in {
            well = well.auth("PLAIN", USER, PASSWORD);
        }
        if !pipelining {
            well = well.without_pipelining();
        }
        let refusal = match does {
            Behaviour::Reply(reply) if reply.starts_with(['4', '5']) => Some(reply),
            _ => None,
        };
        Self {
            name: format!("{does:?} at {stage}, pipelining {pipelining}"),
            tls,
            signs_in,
            script: well.clone().then(stage, does.clone()),
            well,
            is_silent: matches!(does, Behaviour::Silence),
            words: refusal.map(|reply| format!("mail failed at {stage}: {reply}")),
            then,
        }
    }

    fn transport(&self, server: &SmtpServer) -> Transport {
        let mut settings = server.settings();
        settings.tls = self.tls;
        // Read while the settings are checked, so the file may go again.
        let mut ca_file = tempfile::NamedTempFile::new().unwrap();
        ca_file.write_all(server.certificate().as_bytes()).unwrap();
        settings.ca_file = Some(ca_file.path().to_owned());
        settings.credentials = self.signs_in.then(|| Credentials {
            username: USER.to_owned(),
            password: PASSWORD.to_owned().into(),
        });
        if self.is_silent {
            let short = Duration::from_secs(1);
            settings.timeouts = Timeouts { connect: short, command: short, final_reply: short };
        }
        Transport::Smtp(Smtp::new(settings).unwrap())
    }

    /// Makes the first attempt, compares what is on record, and goes on until nothing is left to do.
    async fn run(self, record: Arc<Bench>, number: u32) -> SmtpServer {
        let name = &self.name;
        let server = SmtpServer::start(self.script.clone()).await;
        let taken = || server.look(|ledger| ledger.messages.len());
        let bench = record.beside(&number.to_string(), self.transport(&server)).await;
        let (before, _) = bench.row().await;
        let begun = before.due_at;

        let (first, deliveries) = bench.attempt_at(begun).await;
        let words = deliveries[0].detail.clone();
        let then = match self.then {
            Torn if words.starts_with("mail failed at content") => Soon,
            Torn => Lost,
            known => known,
        };
        let (state, outcome) = match then {
            Sent => ("sent", "sent"),
            Failed => ("failed", "failed"),
            _ => ("scheduled", "retry"),
        };
        let attempted = Row {
            state: state.to_owned(),
            reason: (then == Failed).then(|| words.clone()),
            due_at: first.due_at,
            attempt: i64::from(then != Held),
            fence: 1,
            lease_until: None,
            first_attempt_at: (then != Held).then_some(begun),
            sent_at: (then == Sent).then_some(begun),
            ..before
        };
        assert_eq!(first, attempted, "{name}");
        // What differs from one attempt to the next of many mails: a fifth, both ways.
        let pause_minutes = match then {
            Sent | Failed => 0.0..=0.0,
            Lost | Twice => 12.0..=18.0,
            Held => 16.0..=24.0,
            Soon | Torn => 0.8..=1.2,
        };
        let pause = SignedDuration::from_millis(first.due_at - begun).as_secs_f64() / 60.0;
        assert!(pause_minutes.contains(&pause), "{name}: again after {pause} minutes");
        let tried = |fence, at, outcome: &str, detail: &str| {
            let (outcome, detail) = (outcome.to_owned(), detail.to_owned());
            Delivery { fence, at, outcome, detail }
        };
        assert_eq!(deliveries, [tried(1, begun, outcome, &words)], "{name}");
        if let Some(expected) = &self.words {
            assert_eq!(words, *expected, "{name}");
        }
        assert_eq!(words.starts_with("mail failed at "), then != Sent, "{name}: {words}");
        let has_it = usize::from(matches!(then, Sent | Twice));
        assert_eq!(taken(), has_it, "{name}");

        server.follow(self.well);
        let far = begun + 100 * 3_600_000;
        if matches!(then, Sent | Failed) {
            assert_eq!(bench.attempt_at(far).await, (first, deliveries), "{name}: it is over");
            assert_eq!(taken(), has_it, "{name}");
            return server;
        }
        let early = bench.attempt_at(first.due_at - 1).await;
        assert_eq!(early, (first.clone(), deliveries), "{name}: not before it is due");
        let due = first.due_at;
        let (second, deliveries) = bench.attempt_at(due).await;
        let sent = Row {
            state: "sent".to_owned(),
            attempt: first.attempt + 1,
            fence: 2,
            first_attempt_at: first.first_attempt_at.or(Some(due)),
            sent_at: Some(due),
            ..first
        };
        assert_eq!(second, sent, "{name}");
        let reply = format!("2.0.0 queued as {has_it}");
        let both = [tried(1, begun, "retry", &words), tried(2, due, "sent", &reply)];
        assert_eq!(deliveries, both, "{name}");
        let (last, _) = bench.attempt_at(far).await;
        assert_eq!(last, second, "{name}: it is over");
        let messages = server.ledger().messages;
        assert_eq!(messages.len(), 1 + has_it, "{name}");
        // To the byte, the Message-ID among them.
        assert!(messages.iter().all(|one| one.bytes == messages[0].bytes), "{name}");
        server
    }
}

/// Runs them all at the same time, on one record.
async fn run(cells: impl IntoIterator<Item = Cell>) -> Vec<SmtpServer> {
    let record = Arc::new(Bench::with(Transport::Memory(Memory::default())).await);
    let numbered = (2..).zip(cells);
    let mut running: JoinSet<SmtpServer> =
        numbered.map(|(number, cell)| cell.run(record.clone(), number)).collect();
    let mut servers = Vec::new();
    while let Some(cell) = running.join_next().await {
        servers.push(cell.unwrap());
    }
    servers
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_stage_leaves_one_record_and_the_mail_arrives_once_the_server_is_well()
{
    let cells = TABLE.iter().flat_map(|(does, row)| {
        STAGES.into_iter().zip(row).flat_map(|(stage, then)| {
            [true, false].map(|pipelining| Cell::at(stage, does, *then, pipelining))
        })
    });
    run(cells).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_prove_its_name_gets_neither_mail_nor_password_until_it_does() {
    let cell = |name: &str, tls, stands: Script| Cell {
        name: format!("{name}, {tls:?}"),
        tls,
        signs_in: true,
        script: stands.auth("PLAIN", USER, PASSWORD),
        well: Script::new().tls(tls).auth("PLAIN", USER, PASSWORD),
        is_silent: false,
        words: None,
        then: Soon,
    };
    let mut cells = vec![cell("no STARTTLS", Tls::StartTls, Script::new())];
    for tls in [Tls::Implicit, Tls::StartTls] {
        for shown in [Certificate::Expired, Certificate::WrongHost, Certificate::Stranger] {
            let script = Script::new().tls(tls).certificate(shown);
            cells.push(cell(&format!("{shown:?}"), tls, script));
        }
    }
    for server in run(cells).await {
        let ledger = server.ledger();
        let said = &ledger.sessions[0].commands;
        let harmless = |line: &String| line.starts_with("EHLO ") || line == "STARTTLS";
        assert!(said.iter().all(harmless), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_never_taken_is_given_up_after_three_days_and_few_copies() {
    let always = [
        (Stage::Connect, Behaviour::Drop),
        (Stage::RcptTo, Behaviour::Reply("451 4.3.0 later")),
        (Stage::FinalDot, Behaviour::Garbage),
        (Stage::FinalDot, Behaviour::LoseReply),
    ];
    let record = Bench::with(Transport::Memory(Memory::default())).await;
    for (number, (stage, does)) in (2..).zip(always) {
        let server = SmtpServer::start(Script::new().always(stage, does.clone())).await;
        let cell = Cell::at(stage, &does, Soon, true);
        let bench = record.beside(&number.to_string(), cell.transport(&server)).await;
        // Nights would only delay it.
        let open = "[invitations]\nwindow_always_open = true\nconsent = 'none'\n[shops.demo]\nplatform = 'x'\n\
                    name = 'Demo'\nsecrets = ['a secret']\n";
        bench.worker.config.store(Arc::new(Config::from_toml(open, &["x"]).unwrap()));

        let (mut row, mut deliveries) = bench.row().await;
        let first_due = row.due_at;
        while row.state == "scheduled" {
            (row, deliveries) = bench.attempt_at(row.due_at).await;
        }

        assert_eq!(row.state, "failed");
        assert_eq!(row.reason, deliveries.last().map(|last| last.detail.clone()));
        let hours = (deliveries.last().unwrap().at - first_due) / 3_600_000;
        assert!((60..=72).contains(&hours), "{does:?}: given up after {hours} hours");
        // Once its lane rests, what it meets does not count.
        assert!((5..=deliveries.len()).contains(&usize::try_from(row.attempt).unwrap()));
        let copies = server.ledger().messages;
        assert!(copies.iter().all(|copy| copy.bytes == copies[0].bytes), "the same mail");
        let most = if matches!(does, Behaviour::LoseReply) { 25 } else { 0 };
        assert!(copies.len() <= most, "{does:?}: the buyer got it {} times", copies.len());
    }
}
