//! Connections: how they are protected, shared, counted and ended.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

mod common;

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use domain::retry::Failure;
use mail::{
    BadCertificate, Credentials, Fault, Outgoing, SetupError, Smtp, SmtpSettings, Stage, Tls,
    Transport,
    testkit::{Behaviour, Certificate, Script, SmtpServer},
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

fn outgoing(id: &str) -> Outgoing {
    common::outgoing(id, "anna@x.example")
}

fn transport(server: &SmtpServer, change: impl FnOnce(&mut SmtpSettings)) -> Transport {
    let mut settings = server.settings();
    change(&mut settings);
    Transport::Smtp(Smtp::new(settings).unwrap())
}

/// A transport that trusts the server's certificate.
fn trusting(server: &SmtpServer, tls: Tls, change: impl FnOnce(&mut SmtpSettings)) -> Transport {
    let mut ca_file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut ca_file, server.certificate().as_bytes()).unwrap();
    transport(server, |settings| {
        settings.tls = tls;
        settings.ca_file = Some(PathBuf::from(ca_file.path()));
        change(settings);
    })
}

fn credentials(password: &str) -> Credentials {
    Credentials { username: "user".to_owned(), password: password.to_owned().into() }
}

/// The first word of each command of a session.
fn verbs(server: &SmtpServer, session: usize) -> Vec<String> {
    let session = &server.ledger().sessions[session];
    session.commands.iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn with_pipelining_a_message_takes_two_round_trips_and_the_connection_is_kept() {
    let server = SmtpServer::start(Script::new()).await;
    let transport = transport(&server, |_| {});
    for id in ["a", "b"] {
        transport.send(&outgoing(id)).await.unwrap();
    }
    assert_eq!(
        verbs(&server, 0),
        ["EHLO", "MAIL", "RCPT", "DATA", ".", "MAIL", "RCPT", "DATA", "."]
    );
    assert_eq!(server.ledger().sessions.len(), 1);
    assert_eq!(server.ledger().messages[1].bytes, outgoing("b").bytes());
}

#[tokio::test]
async fn while_others_wait_a_message_takes_one_round_trip() {
    // Written by hand: it says nothing to a text until it has heard the next envelope.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        stream.write_all(b"220 x\r\n").await.unwrap();
        let mut heard = Vec::new();
        for (until, reply) in [
            ("EHLO", "250-x\r\n250 PIPELINING\r\n"),
            ("DATA", "250 a\r\n250 a\r\n354 a\r\n"),
            ("DATA", "250 a is taken\r\n250 b\r\n250 b\r\n354 b\r\n"),
            (".\r\n", "250 b is taken\r\n"),
        ] {
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.unwrap();
                heard.extend(line.strip_prefix("Subject: ").map(str::to_owned));
                if line.starts_with(until) {
                    break;
                }
            }
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
        heard
    });
    let other = SmtpServer::start(Script::new()).await;
    let transport = transport(&other, |settings| {
        settings.port = address.port();
        settings.limits.connections = NonZeroUsize::MIN;
    });
    let (a, b) = (outgoing("a"), outgoing("b"));
    let sending = async { tokio::join!(transport.send(&a), transport.send(&b)) };
    let (a, b) = tokio::time::timeout(Duration::from_secs(15), sending).await.unwrap();
    assert_eq!(a.unwrap().reply, "a is taken");
    assert_eq!(b.unwrap().reply, "b is taken");
    assert_eq!(server.await.unwrap(), ["About a\r\n", "About b\r\n"]);
}

#[tokio::test]
async fn whoever_waits_is_not_harmed_if_the_one_before_is_given_up() {
    let release = Arc::new(Notify::new());
    let script = Script::new().then(Stage::FinalDot, Behaviour::Hold(Arc::clone(&release)));
    let server = SmtpServer::start(script).await;
    let transport = transport(&server, |settings| {
        settings.limits.connections = NonZeroUsize::MIN;
    });
    let send = |id: &'static str| {
        let transport = transport.clone();
        tokio::spawn(async move { transport.send(&outgoing(id)).await })
    };
    let given_up = send("given-up");
    let waiting = send("waiting");
    server
        .wait_until(|ledger| ledger.sessions.iter().any(|s| s.commands.contains(&".".to_owned())))
        .await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    waiting.await.unwrap().unwrap();
    assert_eq!(server.ledger().sessions.len(), 2, "on a connection of its own");
    release.notify_one();
}

#[tokio::test]
async fn tls_is_spoken_from_the_start_or_after_starttls() {
    for tls in [Tls::Implicit, Tls::StartTls] {
        let server = SmtpServer::start(Script::new().tls(tls)).await;
        let transport = trusting(&server, tls, |_| {});
        transport.send(&outgoing("a")).await.unwrap();
        transport.send(&outgoing("b")).await.unwrap();
        assert_eq!(server.ledger().messages.len(), 2);
        assert_eq!(server.ledger().sessions.len(), 1, "{tls:?}");
    }
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_gets_no_message() {
    for tls in [Tls::Implicit, Tls::StartTls] {
        let server = SmtpServer::start(Script::new().tls(tls)).await;
        let stranger = SmtpServer::start(Script::new().tls(tls)).await;
        let own_roots = transport(&server, |settings| settings.tls = tls);
        let port = server.address().port();
        let others = trusting(&stranger, tls, |settings| settings.port = port);
        for transport in [own_roots, others] {
            let error = transport.send(&outgoing("a")).await.unwrap_err();
            assert_eq!((error.stage, error.failure), (Stage::Tls, Failure::Temporary), "{error}");
        }
        assert!(server.ledger().messages.is_empty());
    }
}

#[tokio::test]
async fn a_server_that_hides_starttls_gets_neither_message_nor_password() {
    let server = SmtpServer::start(Script::new().auth("PLAIN LOGIN", "user", "pass")).await;
    let transport = trusting(&server, Tls::StartTls, |settings| {
        settings.credentials = Some(credentials("pass"));
    });
    let error = transport.send(&outgoing("a")).await.unwrap_err();
    assert_eq!((error.stage, error.code), (Stage::Tls, None));
    assert_eq!(verbs(&server, 0), ["EHLO"]);
}

#[tokio::test]
async fn what_was_said_in_plain_text_before_tls_is_not_believed() {
    // The reply slipped in behind the 220 would be taken for the answer to the EHLO inside TLS.
    let script = Script::new()
        .tls(Tls::StartTls)
        .then(Stage::Tls, Behaviour::Extra("250-evil\r\n250 AUTH PLAIN"));
    let server = SmtpServer::start(script).await;
    let transport = trusting(&server, Tls::StartTls, |_| {});
    let error = transport.send(&outgoing("a")).await.unwrap_err();
    assert_eq!(error.stage, Stage::Tls);
    transport.send(&outgoing("b")).await.unwrap();
}

#[tokio::test]
async fn we_sign_in_by_plain_or_login() {
    for (mechanisms, used) in [("LOGIN PLAIN", "AUTH PLAIN"), ("CRAM-MD5 login", "AUTH LOGIN")] {
        let script = Script::new().tls(Tls::StartTls).auth(mechanisms, "user", "pass");
        let server = SmtpServer::start(script).await;
        let transport = trusting(&server, Tls::StartTls, |settings| {
            settings.credentials = Some(credentials("pass"));
        });
        transport.send(&outgoing("a")).await.unwrap();
        let commands = &server.ledger().sessions[0].commands;
        assert!(commands.iter().any(|line| line.starts_with(used)), "{commands:?}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_our_fault_and_temporary() {
    for mechanisms in ["PLAIN", "LOGIN", "CRAM-MD5"] {
        let server = SmtpServer::start(Script::new().auth(mechanisms, "user", "pass")).await;
        let transport =
            transport(&server, |settings| settings.credentials = Some(credentials("wrong")));
        let error = transport.send(&outgoing("a")).await.unwrap_err();
        assert_eq!((error.stage, error.fault), (Stage::Auth, Fault::Ours));
        assert_eq!(error.failure, Failure::Temporary);
        assert_eq!(error.code, (mechanisms != "CRAM-MD5").then_some(535));
    }
}

#[tokio::test]
async fn a_check_goes_as_far_as_signing_in_and_says_goodbye() {
    let script = Script::new().tls(Tls::Implicit).auth("PLAIN", "user", "pass");
    let server = SmtpServer::start(script).await;
    let transport = trusting(&server, Tls::Implicit, |settings| {
        settings.credentials = Some(credentials("pass"));
    });
    let relay = transport.check().await.unwrap().unwrap();
    assert_eq!(verbs(&server, 0), ["EHLO", "AUTH", "QUIT"]);
    assert!(relay.signed_in && relay.pipelining && !relay.smtputf8);
    assert_eq!(relay.address, Some(server.address().ip()));
    let certificate = relay.certificate.unwrap();
    assert_eq!(certificate.names, ["localhost", "127.0.0.1"]);
    assert!(certificate.not_after > jiff::Timestamp::constant(1_800_000_000, 0));

    server.follow(Script::new().tls(Tls::Implicit).auth("PLAIN", "user", "changed"));
    assert_eq!(transport.check().await.unwrap_err().error.code, Some(535));
}

#[tokio::test]
async fn a_check_says_why_a_certificate_is_not_believed() {
    for (script, expected) in [
        (Script::new().certificate(Certificate::Expired), BadCertificate::Expired),
        (Script::new(), BadCertificate::UnknownIssuer),
    ] {
        let server = SmtpServer::start(script.tls(Tls::Implicit)).await;
        let other = SmtpServer::start(Script::new()).await;
        let trusted = if expected == BadCertificate::UnknownIssuer { &other } else { &server };
        let transport = trusting(trusted, Tls::Implicit, |settings| {
            settings.port = server.address().port();
        });
        let refused = transport.check().await.unwrap_err();
        assert_eq!((refused.error.stage, refused.certificate), (Stage::Tls, Some(expected)));
    }
    let server = SmtpServer::start(Script::new().tls(Tls::StartTls)).await;
    let transport = trusting(&server, Tls::StartTls, |settings| {
        "::ffff:127.0.0.1".clone_into(&mut settings.host);
    });
    let refused = transport.check().await.unwrap_err();
    assert!(
        matches!(refused.certificate, Some(BadCertificate::OtherName(names)) if names.len() == 2)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn there_are_never_more_connections_than_allowed() {
    let release = Arc::new(Notify::new());
    let script = Script::new().always(Stage::FinalDot, Behaviour::Hold(Arc::clone(&release)));
    let server = SmtpServer::start(script).await;
    let transport =
        transport(&server, |settings| settings.limits.connections = NonZeroUsize::new(4).unwrap());
    let sending: Vec<_> = (0..50)
        .map(|i| {
            let transport = transport.clone();
            tokio::spawn(async move { transport.send(&outgoing(&format!("m{i}"))).await })
        })
        .collect();
    server.wait_until(|ledger| ledger.open == 4).await;
    for count in 1..=50 {
        release.notify_one();
        server.wait_for_messages(count).await;
    }
    for result in sending {
        result.await.unwrap().unwrap();
    }
    assert_eq!(server.ledger().most_open, 4);
    assert_eq!(server.ledger().sessions.len(), 4, "and they are reused");

    // Neither do a check or a leave need one more.
    server.follow(Script::new());
    transport.check().await.unwrap();
    transport.close().await;
    server.wait_until(|ledger| ledger.open == 0).await;
}

#[tokio::test]
async fn a_send_given_up_half_way_does_not_lend_its_reply_to_the_next() {
    for (pipelining, stage, reached) in [
        (true, Stage::Data, "DATA"),
        (false, Stage::RcptTo, "RCPT"),
        (true, Stage::FinalDot, "."),
        (false, Stage::FinalDot, "."),
    ] {
        let release = Arc::new(Notify::new());
        let mut script = Script::new().then(stage, Behaviour::Hold(Arc::clone(&release)));
        if stage == Stage::FinalDot {
            script = script.then(stage, Behaviour::Reply("550 5.1.1 no such user"));
        } else {
            script = script.then(Stage::FinalDot, Behaviour::Reply("550 5.1.1 no such user"));
        }
        if !pipelining {
            script = script.without_pipelining();
        }
        let server = SmtpServer::start(script).await;
        let transport = transport(&server, |settings| {
            settings.limits.connections = NonZeroUsize::MIN;
        });
        let given_up = {
            let (transport, outgoing) = (transport.clone(), outgoing("given-up"));
            tokio::spawn(async move { transport.send(&outgoing).await })
        };
        server
            .wait_until(|ledger| {
                let commands = ledger.sessions.iter().flat_map(|session| &session.commands);
                commands.into_iter().any(|line| line.starts_with(reached))
            })
            .await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        release.notify_one();

        let refused = transport.send(&outgoing("refused")).await.unwrap_err();
        assert_eq!((refused.stage, refused.failure), (Stage::FinalDot, Failure::Permanent));
        assert_eq!(refused.code, Some(550), "its own reply, at {stage}");
        transport.send(&outgoing("sent")).await.unwrap();
        let sessions = server.ledger().sessions.len();
        assert_eq!(sessions, 2, "the first connection is not used again");
        let bytes: Vec<_> =
            server.ledger().messages.into_iter().map(|message| message.bytes).collect();
        assert!(bytes.contains(&outgoing("sent").bytes().to_owned()));
        assert!(!bytes.contains(&outgoing("refused").bytes().to_owned()));
    }
}

#[tokio::test]
async fn a_message_whose_time_is_over_is_not_begun() {
    for pipelining in [true, false] {
        let release = Arc::new(Notify::new());
        let mut script = Script::new().then(Stage::Data, Behaviour::Hold(Arc::clone(&release)));
        if !pipelining {
            script = script.without_pipelining();
        }
        let server = SmtpServer::start(script).await;
        let transport = transport(&server, |_| {});
        let deadline = Instant::now() + Duration::from_millis(100);
        let late = {
            let (transport, outgoing) = (transport.clone(), outgoing("late").begin_by(deadline));
            tokio::spawn(async move { transport.send(&outgoing).await })
        };
        sleep_until(deadline).await;
        release.notify_one();
        let error = late.await.unwrap().unwrap_err();
        assert_eq!((error.stage, error.failure), (Stage::Content, Failure::Temporary));
        transport.send(&outgoing("sent")).await.unwrap();
        let messages = server.ledger().messages;
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].bytes, outgoing("sent").bytes());
    }
}

#[tokio::test]
async fn a_message_waits_for_a_connection_until_its_time_is_over() {
    let release = Arc::new(Notify::new());
    let script = Script::new().then(Stage::FinalDot, Behaviour::Hold(Arc::clone(&release)));
    let server = SmtpServer::start(script).await;
    let transport = transport(&server, |settings| {
        settings.limits.connections = NonZeroUsize::MIN;
    });
    let deadline = Instant::now() + Duration::from_millis(100);
    let first = {
        let (transport, outgoing) = (transport.clone(), outgoing("first").begin_by(deadline));
        tokio::spawn(async move { transport.send(&outgoing).await })
    };
    server
        .wait_until(|ledger| ledger.sessions.iter().any(|s| s.commands.contains(&".".to_owned())))
        .await;
    let error = transport.send(&outgoing("second").begin_by(deadline)).await.unwrap_err();
    assert_eq!((error.stage, error.failure), (Stage::Connect, Failure::Temporary));
    release.notify_one();
    first.await.unwrap().expect("what has begun goes on");
    assert_eq!(server.ledger().messages.len(), 1);
}

#[tokio::test]
async fn a_message_interrupted_while_its_text_is_read_harms_no_other() {
    for (behaviour, failure) in [
        (Behaviour::Reply("552 5.3.4 too big already"), Failure::Temporary),
        (Behaviour::Garbage, Failure::Unknown),
    ] {
        let server = SmtpServer::start(Script::new().then(Stage::Content, behaviour.clone())).await;
        let transport = transport(&server, |_| {});
        let error = transport.send(&outgoing("interrupted")).await.unwrap_err();
        assert_eq!((error.stage, error.failure), (Stage::FinalDot, failure), "{behaviour:?}");
        transport.send(&outgoing("sent")).await.unwrap();
        assert_eq!(server.ledger().sessions.len(), 2, "{behaviour:?}");
        assert_eq!(server.ledger().messages.len(), 1, "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_refused_recipient_does_not_cost_the_connection() {
    for script in [Script::new(), Script::new().without_pipelining()] {
        let script = script.always(Stage::RcptTo, Behaviour::Reply("550 5.1.1 no such user"));
        let server = SmtpServer::start(script).await;
        let transport = transport(&server, |_| {});
        for id in ["a", "b", "c"] {
            assert_eq!(transport.send(&outgoing(id)).await.unwrap_err().code, Some(550));
        }
        assert_eq!(server.ledger().sessions.len(), 1);
    }
}

#[tokio::test]
async fn a_server_that_waits_for_the_text_of_a_refused_message_gets_nothing_more() {
    // Written by hand: our own server would never do it.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
        let mut stream = BufReader::new(listener.accept().await.unwrap().0);
        let (mut line, mut rest) = (String::new(), String::new());
        stream.write_all(b"220 x\r\n").await.unwrap();
        stream.read_line(&mut line).await.unwrap();
        stream.write_all(b"250-x\r\n250 PIPELINING\r\n").await.unwrap();
        for _ in 0..3 {
            stream.read_line(&mut line).await.unwrap();
        }
        stream.write_all(b"250 ok\r\n550 5.1.1 no such user\r\n354 go\r\n").await.unwrap();
        stream.read_to_string(&mut rest).await.unwrap();
        rest
    });
    let other = SmtpServer::start(Script::new()).await;
    let transport = transport(&other, |settings| settings.port = address.port());
    let error = transport.send(&outgoing("a")).await.unwrap_err();
    assert_eq!((error.stage, error.failure), (Stage::RcptTo, Failure::Permanent));
    assert_eq!(server.await.unwrap(), "", "hung up without another byte");
}

#[tokio::test]
async fn a_connection_carries_so_many_messages_and_no_more() {
    let server = SmtpServer::start(Script::new()).await;
    let transport = transport(&server, |settings| settings.limits.messages = 2);
    for id in ["a", "b", "c", "d", "e"] {
        transport.send(&outgoing(id)).await.unwrap();
    }
    let ledger = server.wait_until(|ledger| ledger.open == 1).await;
    let sessions: Vec<usize> = ledger.messages.iter().map(|message| message.session).collect();
    assert_eq!(sessions, [0, 0, 1, 1, 2]);
    assert_eq!(verbs(&server, 0).last().unwrap(), "QUIT");
}

#[tokio::test]
async fn a_connection_grown_old_carries_nothing_more() {
    let server = SmtpServer::start(Script::new()).await;
    let transport = transport(&server, |settings| settings.limits.age = Duration::ZERO);
    for id in ["a", "b"] {
        transport.send(&outgoing(id)).await.unwrap();
    }
    assert_eq!(server.ledger().sessions.len(), 2);
}

#[tokio::test]
async fn idle_connections_take_their_leave_in_time_and_again_later() {
    let server = SmtpServer::start(Script::new()).await;
    let transport = transport(&server, |settings| settings.limits.idle = Duration::from_millis(20));
    for round in 0..2 {
        transport.send(&outgoing("a")).await.unwrap();
        server.wait_until(|ledger| ledger.sessions.len() == round + 1 && ledger.open == 0).await;
        assert_eq!(verbs(&server, round).last().unwrap(), "QUIT");
    }
}

#[tokio::test]
async fn closing_takes_leave_on_every_idle_connection() {
    let server = SmtpServer::start(Script::new()).await;
    let transport = transport(&server, |_| {});
    let (a, b) = (outgoing("a"), outgoing("b"));
    let (one, other) = tokio::join!(transport.send(&a), transport.send(&b));
    one.unwrap();
    other.unwrap();
    transport.close().await;
    let ledger = server.wait_until(|ledger| ledger.open == 0).await;
    assert_eq!(ledger.sessions.len(), 2);
    for session in ledger.sessions {
        assert_eq!(session.commands.last().unwrap(), "QUIT");
    }
    transport.send(&outgoing("c")).await.unwrap();
}

#[tokio::test]
async fn settings_that_cannot_work_are_refused_at_once() {
    let server = SmtpServer::start(Script::new()).await;
    let refused = |change: fn(&mut SmtpSettings)| {
        let mut settings = server.settings();
        settings.tls = Tls::Implicit;
        change(&mut settings);
        Smtp::new(settings).unwrap_err()
    };
    assert!(matches!(refused(|s| s.host = "not a host".to_owned()), SetupError::Host(_)));
    assert!(matches!(refused(|s| s.hello_name = "a\r\nMAIL".to_owned()), SetupError::HelloName(_)));
    assert!(matches!(refused(|s| s.hello_name = String::new()), SetupError::HelloName(_)));
    assert!(matches!(refused(|s| s.ca_file = Some("/nowhere".into())), SetupError::Trust(_)));
    assert!(matches!(refused(|s| s.ca_file = Some("/dev/null".into())), SetupError::Trust(_)));
}

#[tokio::test]
async fn an_address_beyond_ascii_is_said_where_it_is_known_and_only_for_it() {
    for script in [Script::new(), Script::new().without_pipelining()] {
        let server = SmtpServer::start(script.with_smtputf8()).await;
        let transport = transport(&server, |_| {});
        let beyond = common::outgoing("a", "åsa@bücher.example");
        transport.send(&beyond).await.unwrap();
        transport.send(&outgoing("b")).await.unwrap();
        let ledger = server.ledger();
        let envelopes: Vec<_> =
            ledger.sessions[0].commands.iter().filter(|line| line.contains('<')).collect();
        assert_eq!(
            envelopes,
            [
                "MAIL FROM:<shop@shop.example> BODY=8BITMIME SMTPUTF8",
                "RCPT TO:<åsa@xn--bcher-kva.example>",
                "MAIL FROM:<shop@shop.example>",
                "RCPT TO:<anna@x.example>",
            ]
        );
        assert_eq!(ledger.messages[0].bytes, beyond.bytes());
        assert!(String::from_utf8_lossy(beyond.bytes()).contains("\r\nTo: åsa@"));
    }
}

#[tokio::test]
async fn elsewhere_it_fails_for_good_unsaid_and_harms_nobody() {
    let server = SmtpServer::start(Script::new()).await;
    let transport = transport(&server, |_| {});
    for id in ["a", "b"] {
        transport.send(&outgoing(id)).await.unwrap();
        let error = transport.send(&common::outgoing("x", "åsa@x.example")).await.unwrap_err();
        assert_eq!((error.failure, error.fault), (Failure::Permanent, Fault::Recipient));
        assert_eq!(
            error.to_string(),
            "mail failed at mail_from: the mail server does not take addresses beyond ASCII"
        );
    }
    let ledger = server.ledger();
    assert_eq!(ledger.sessions.len(), 1, "the connection stays in use");
    assert!(ledger.sessions[0].commands.iter().all(|line| line.is_ascii()));
}

#[tokio::test]
async fn in_a_group_nobody_says_for_others_what_the_server_does_not_know() {
    for beyond_ascii in [false, true] {
        let release = Arc::new(Notify::new());
        let script = Script::new().then(Stage::FinalDot, Behaviour::Hold(Arc::clone(&release)));
        let script = if beyond_ascii { script.with_smtputf8() } else { script };
        let server = SmtpServer::start(script).await;
        let transport = transport(&server, |settings| {
            settings.limits.connections = NonZeroUsize::MIN;
        });
        let send = |id: &'static str, to: &'static str| {
            let (transport, outgoing) = (transport.clone(), common::outgoing(id, to));
            tokio::spawn(async move { transport.send(&outgoing).await })
        };
        let first = send("first", "anna@x.example");
        let at_the_dot = |ledger: &mail::testkit::Ledger| {
            ledger.sessions.iter().any(|session| session.commands.iter().any(|line| line == "."))
        };
        server.wait_until(at_the_dot).await;
        // The first text has left; those who follow it wait behind each other.
        let second = send("second", "anna@x.example");
        let third = send("third", "åsa@x.example");
        let fourth = send("fourth", "anna@x.example");
        release.notify_one();
        for sent in [first, second, fourth] {
            sent.await.unwrap().unwrap();
        }
        let third = third.await.unwrap();
        assert_eq!(third.is_ok(), beyond_ascii, "{third:?}");
        assert_eq!(server.ledger().sessions.len(), 1);
        assert_eq!(server.ledger().messages.len(), if beyond_ascii { 4 } else { 3 });
    }
}
