//! Whatever a mail server does at whatever stage: the error says exactly what it means, the next
//! message arrives, and nothing counts as accepted that was not.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod common;

use std::{fmt::Debug, path::PathBuf, time::Duration};

use common::outgoing;
use domain::retry::Failure;
use futures::future::join_all;
use mail::{
    Credentials, Fault, Outgoing, SendError, Smtp, Stage, Timeouts, Tls, Transport,
    testkit::{Behaviour, Ledger, Script, SmtpServer},
};

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

const BEHAVIOURS: [Behaviour; 14] = [
    Behaviour::Reply("451 4.3.0 later"),
    Behaviour::Reply("554 5.7.1 policy"),
    Behaviour::Reply("550 5.1.1 no such user"),
    Behaviour::Reply("421 4.3.2 closing"),
    Behaviour::Reply("299-odd\r\n299 but fine"),
    Behaviour::Reply("399 odd"),
    Behaviour::Drop,
    Behaviour::Silence,
    Behaviour::Garbage,
    Behaviour::Split,
    Behaviour::ReplyThenReset,
    Behaviour::LoseReply,
    Behaviour::Extra("250 2.0.0 stray"),
    Behaviour::Extra("421 4.4.2 idle for too long"),
];

/// What a cell of the table must lead to.
#[derive(Debug, PartialEq)]
enum Outcome {
    Sent,
    Failed(Stage, Failure, Fault, Option<u16>),
    /// A reset met us on our way; which of these stages we had reached is for the kernel to decide.
    LostAt([Stage; 2]),
}

fn transport(
    server: &SmtpServer,
    tls: Tls,
    change: impl FnOnce(&mut mail::SmtpSettings),
) -> Transport {
    let mut settings = server.settings();
    settings.tls = tls;
    // Read while the settings are checked, so the file may go again.
    let mut ca_file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut ca_file, server.certificate().as_bytes()).unwrap();
    settings.ca_file = Some(PathBuf::from(ca_file.path()));
    change(&mut settings);
    Transport::Smtp(Smtp::new(settings).unwrap())
}

fn credentials() -> Credentials {
    Credentials { username: "user".to_owned(), password: "pass".to_owned().into() }
}

/// The messages in the ledger, by their Message-ID.
fn received(ledger: &Ledger, known: &[&Outgoing]) -> Vec<String> {
    ledger
        .messages
        .iter()
        .map(|message| {
            let outgoing = known.iter().find(|outgoing| outgoing.bytes() == message.bytes);
            let outgoing = outgoing.unwrap();
            assert_eq!(message.from, outgoing.from().as_str());
            assert_eq!(message.to, outgoing.to().as_str());
            outgoing.message_id().to_owned()
        })
        .collect()
}

/// The table itself.
fn expected(stage: Stage, behaviour: &Behaviour, pipelining: bool, warm: bool) -> Outcome {
    use Failure::{Permanent, Temporary, Unknown};
    use Fault::{Ours, Recipient};
    use Outcome::{Failed, LostAt, Sent};
    use Stage::{Auth, Connect, Content, Data, FinalDot, Hello, MailFrom, RcptTo, Tls};

    let lost = if stage == FinalDot { Unknown } else { Temporary };
    let about_recipient = stage >= RcptTo;
    match behaviour {
        Behaviour::Reply("451 4.3.0 later") => Failed(stage, Temporary, Ours, Some(451)),
        Behaviour::Reply("554 5.7.1 policy") => Failed(stage, Temporary, Ours, Some(554)),
        Behaviour::Reply("550 5.1.1 no such user") if about_recipient => {
            Failed(stage, Permanent, Recipient, Some(550))
        }
        Behaviour::Reply("550 5.1.1 no such user") => Failed(stage, Temporary, Ours, Some(550)),
        Behaviour::Reply("421 4.3.2 closing") => Failed(stage, Temporary, Ours, Some(421)),
        // Any 2xx lets an address pass.
        Behaviour::Reply("299-odd\r\n299 but fine") if matches!(stage, MailFrom | RcptTo) => Sent,
        Behaviour::Reply("299-odd\r\n299 but fine") => Failed(stage, lost, Ours, Some(299)),
        Behaviour::Reply("399 odd") => Failed(stage, lost, Ours, Some(399)),
        // An idle connection that turns out to be closed is no reason to fail.
        Behaviour::Drop | Behaviour::LoseReply if warm && stage == MailFrom => Sent,
        Behaviour::Drop | Behaviour::LoseReply | Behaviour::Silence | Behaviour::Garbage => {
            Failed(stage, lost, Ours, None)
        }
        Behaviour::Split => Sent,
        // The next one to want something from the connection finds it gone.
        Behaviour::ReplyThenReset => match stage {
            Connect => LostAt([Connect, Hello]),
            Hello | Auth => Failed(MailFrom, Temporary, Ours, None),
            Tls => Failed(Tls, Temporary, Ours, None),
            MailFrom => Failed(RcptTo, Temporary, Ours, None),
            RcptTo => Failed(Data, Temporary, Ours, None),
            Data => LostAt([Content, FinalDot]),
            Content | FinalDot => Sent,
        },
        Behaviour::Extra(extra) => match (stage, pipelining) {
            // Noticed before we say the next thing.
            (Connect, _) => Failed(Hello, Temporary, Ours, None),
            (Hello | Auth, _) => Failed(MailFrom, Temporary, Ours, None),
            (Tls, _) => Failed(Tls, Temporary, Ours, None),
            (MailFrom, false) => Failed(RcptTo, Temporary, Ours, None),
            (RcptTo, false) => Failed(Data, Temporary, Ours, None),
            (Data, _) => Failed(Content, Temporary, Ours, None),
            (Content | FinalDot, _) => Sent,
            // In a group it shifts the replies: the text is never sent.
            (MailFrom, true) if extra.starts_with("421") => {
                Failed(RcptTo, Temporary, Ours, Some(421))
            }
            (RcptTo, true) if extra.starts_with("421") => Failed(Data, Temporary, Ours, Some(421)),
            (MailFrom | RcptTo, true) => Failed(Data, Temporary, Ours, Some(250)),
        },
        other => panic!("{other:?} is not in the table"),
    }
}

fn check(cell: &dyn Debug, result: &Result<mail::Accepted, SendError>, expected: &Outcome) {
    let outcome = match result {
        Ok(_) => Outcome::Sent,
        Err(e) => Outcome::Failed(e.stage, e.failure, e.fault, e.code),
    };
    if let Outcome::LostAt(stages) = expected {
        let error = result.as_ref().unwrap_err();
        let unknown = error.failure == Failure::Unknown;
        assert!(stages.contains(&error.stage), "{cell:?}: {error:?}");
        assert_eq!(unknown, error.stage == Stage::FinalDot, "{cell:?}: {error:?}");
    } else {
        assert_eq!(outcome, *expected, "{cell:?}: {result:?}");
    }
}

/// One cell: a server that misbehaves once, met by the first message on its connection (or, if
/// `warm`, by the second), and a message after it.
async fn cell(stage: Stage, behaviour: Behaviour, pipelining: bool, warm: bool) {
    let cell = (stage, behaviour.clone(), pipelining, warm);
    let mut script = Script::new();
    if !pipelining {
        script = script.without_pipelining();
    }
    let tls = if stage == Stage::Tls { Tls::StartTls } else { Tls::None };
    script = script.tls(tls);
    if stage == Stage::Auth {
        script = script.auth("PLAIN", "user", "pass");
    }
    if warm {
        script = script.then(stage, Behaviour::Normal);
    }
    let server = SmtpServer::start(script.then(stage, behaviour.clone())).await;
    let transport = transport(&server, tls, |settings| {
        settings.credentials = (stage == Stage::Auth).then(credentials);
        if matches!(behaviour, Behaviour::Silence) {
            let short = Duration::from_secs(1);
            settings.timeouts = Timeouts { connect: short, command: short, final_reply: short };
        }
    });

    let (before, one, after) = (
        outgoing("before", "b@x.example"),
        outgoing("one", "o@x.example"),
        outgoing("after", "a@x.example"),
    );
    let mut arrived = Vec::new();
    if warm {
        transport.send(&before).await.unwrap();
        arrived.push(before.message_id());
    }
    // Far beyond the short deadlines, far below the usual ones.
    let sending = tokio::time::timeout(Duration::from_secs(15), transport.send(&one));
    let result = sending.await.unwrap_or_else(|_| panic!("{cell:?} never ends"));
    check(&cell, &result, &expected(stage, &behaviour, pipelining, warm));
    // What the server took upon itself: all it said yes to, and what it said yes to in vain.
    let said_yes = matches!(
        behaviour,
        Behaviour::LoseReply | Behaviour::Reply("299-odd\r\n299 but fine" | "399 odd")
    );
    if result.is_ok() || (stage == Stage::FinalDot && said_yes) {
        arrived.push(one.message_id());
    }
    transport.send(&after).await.unwrap_or_else(|error| panic!("{cell:?}, after: {error}"));
    arrived.push(after.message_id());

    let ledger = server.ledger();
    assert_eq!(received(&ledger, &[&before, &one, &after]), arrived, "{cell:?}");

    // A connection survives an orderly refusal, and nothing else.
    let orderly = match behaviour {
        Behaviour::Reply(reply) => reply.starts_with(['4', '5']) && !reply.starts_with("421"),
        _ => false,
    };
    let survives = matches!(behaviour, Behaviour::Split)
        || (orderly && stage >= Stage::MailFrom)
        || (result.is_ok() && matches!(behaviour, Behaviour::Reply(_)));
    assert_eq!(ledger.sessions.len() == 1, survives, "{cell:?}: {ledger:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_stage_has_one_outcome_and_harms_no_other_message() {
    let mut cells = Vec::new();
    for stage in STAGES {
        for behaviour in BEHAVIOURS {
            for pipelining in [true, false] {
                cells.push((stage, behaviour.clone(), pipelining, false));
                if stage >= Stage::MailFrom {
                    cells.push((stage, behaviour.clone(), pipelining, true));
                }
            }
        }
    }
    assert_eq!(cells.len(), 8 * 14 * 2 + 4 * 14 * 2);
    let running = cells.into_iter().map(|(stage, behaviour, pipelining, warm)| {
        tokio::spawn(cell(stage, behaviour, pipelining, warm))
    });
    for cell in join_all(running).await {
        cell.unwrap();
    }
}

/// Two messages share one connection, and the envelope of the second goes out with the text of the
/// first. The server misbehaves once: towards the first, at its text, or towards the second.
async fn shared_cell(stage: Stage, behaviour: Behaviour, towards_first: bool) {
    let cell = (stage, behaviour.clone(), towards_first);
    let mut script = Script::new();
    if !towards_first {
        script = script.then(stage, Behaviour::Normal);
    }
    let server = SmtpServer::start(script.then(stage, behaviour.clone())).await;
    let transport = transport(&server, Tls::None, |settings| {
        settings.limits.connections = std::num::NonZeroUsize::MIN;
        if matches!(behaviour, Behaviour::Silence) {
            let short = Duration::from_secs(1);
            settings.timeouts = Timeouts { connect: short, command: short, final_reply: short };
        }
    });
    let (first, second) = (outgoing("first", "f@x.example"), outgoing("second", "s@x.example"));
    let sending = async { tokio::join!(transport.send(&first), transport.send(&second)) };
    let results = tokio::time::timeout(Duration::from_secs(15), sending).await;
    let results = results.unwrap_or_else(|_| panic!("{cell:?} never ends"));
    let (met, other) = if towards_first { (results.0, results.1) } else { (results.1, results.0) };
    assert!(other.is_ok(), "{cell:?}: {other:?}");
    // An envelope that got lost on its way with another's text is said again.
    let refused = matches!(behaviour, Behaviour::Reply(reply)
        if reply.starts_with(['4', '5']) && !reply.starts_with("421"));
    let expected = match (&behaviour, stage) {
        (Behaviour::Extra(_) | Behaviour::ReplyThenReset, Stage::Data) => {
            expected(stage, &behaviour, true, true)
        }
        (_, Stage::MailFrom | Stage::RcptTo | Stage::Data) if !refused => Outcome::Sent,
        _ => expected(stage, &behaviour, true, true),
    };
    check(&cell, &met, &expected);
    let said_yes = stage == Stage::FinalDot
        && matches!(
            behaviour,
            Behaviour::LoseReply | Behaviour::Reply("299-odd\r\n299 but fine" | "399 odd")
        );
    let mut arrived = vec![(if towards_first { &second } else { &first }).message_id()];
    if met.is_ok() || said_yes {
        arrived.push((if towards_first { &first } else { &second }).message_id());
    }
    let mut received = received(&server.ledger(), &[&first, &second]);
    arrived.sort_unstable();
    received.sort_unstable();
    assert_eq!(received, arrived, "{cell:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_met_by_one_of_two_messages_on_a_connection_harms_only_that_one() {
    let mut running = Vec::new();
    for behaviour in BEHAVIOURS {
        running.push(tokio::spawn(shared_cell(Stage::FinalDot, behaviour.clone(), true)));
        for stage in [Stage::MailFrom, Stage::RcptTo, Stage::Data, Stage::FinalDot] {
            running.push(tokio::spawn(shared_cell(stage, behaviour.clone(), false)));
        }
    }
    for cell in join_all(running).await {
        cell.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_a_temporary_failure_of_ours() {
    let server = SmtpServer::start(Script::new()).await;
    let transport = transport(&server, Tls::None, |_| {});
    let address = server.address();
    drop(server);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    let error = transport.send(&outgoing("a", "a@x.example")).await.unwrap_err();
    assert_eq!(
        (error.stage, error.failure, error.fault),
        (Stage::Connect, Failure::Temporary, Fault::Ours)
    );
}

#[tokio::test]
async fn an_error_names_nobody() {
    let script = Script::new().then(
        Stage::RcptTo,
        Behaviour::Reply("550-5.1.1 <Anna.Lind@x.example>: Recipient address rejected:\r\n550 5.1.1 no user anna.lind, see https://h.example/?r=anna.lind%40x.example"),
    );
    let server = SmtpServer::start(script).await;
    let error = transport(&server, Tls::None, |_| {})
        .send(&outgoing("a", "anna.lind@x.example"))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "mail failed at rcpt_to: 550 5.1.1 <address> Recipient address rejected: 5.1.1 no user <address> see <address>"
    );
}

#[tokio::test]
async fn the_servers_last_words_are_kept() {
    let script =
        Script::new().then(Stage::FinalDot, Behaviour::Reply("250 2.0.0 Ok: queued as 4F1"));
    let server = SmtpServer::start(script).await;
    let accepted =
        transport(&server, Tls::None, |_| {}).send(&outgoing("a", "a@x.example")).await.unwrap();
    assert_eq!(accepted.reply, "2.0.0 Ok: queued as 4F1");
}
