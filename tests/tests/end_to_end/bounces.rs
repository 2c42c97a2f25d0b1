//! What comes back of mails stops mail, whichever way it comes in.

use std::{
    io::Write as _,
    process::{Output, Stdio},
};

use domain::{
    InvitationId,
    token::{Purpose, TokenKeys},
};
use serde_json::{Value, json};
use tests::{
    imap::{Dovecot, PASSWORD, USER},
    installation::{Installation, Profile, Setup, program},
    mailbox::Mail,
    on_both_profiles,
    provider::Provider,
    servers::eventually,
    shop::{PAPER, address, completed, completed_by_buyer_of, now},
};

on_both_profiles! {
    whose_mail_came_back_gets_no_more_and_explain_says_why,
    complaints_pause_a_shop_until_it_is_resumed,
    a_mailbox_is_emptied_of_what_came_back,
}

const LINK_KEY: &str = "the-link-key-of-this-installation";

fn setup(profile: Profile) -> Setup {
    Setup::new(profile).set("secrets.link_keys", vec![LINK_KEY])
}

fn id(mail: &Mail) -> InvitationId {
    let id = mail.message_id();
    let (id, _) = id.strip_prefix("inv-").unwrap().split_once('@').unwrap();
    id.parse().unwrap()
}

/// What a mail server writes when there is no such mailbox.
fn report(mail: &Mail, key: &str) -> Vec<u8> {
    let keys = TokenKeys::new(vec![key.as_bytes().to_vec()]).unwrap();
    let tag = keys.tag(Purpose::Bounce, id(mail));
    format!(
        "Return-Path: <>\r\n\
         Delivered-To: bounce+{tag}@bounces.afs.example\r\n\
         From: MAILER-DAEMON@mx.example\r\n\
         To: bounce+{tag}@bounces.afs.example\r\n\
         Subject: Undelivered Mail Returned to Sender\r\n\
         Message-ID: <report-{tag}@mx.example>\r\n\
         Date: Sun, 22 Nov 2026 10:00:00 +0000\r\n\
         MIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
         --b\r\nContent-Type: text/plain\r\n\r\nI could not deliver it.\r\n\
         --b\r\nContent-Type: message/delivery-status\r\n\r\n\
         Reporting-MTA: dns; mx.example\r\n\r\n\
         Final-Recipient: rfc822; {to}\r\nAction: failed\r\nStatus: 5.1.1\r\n\
         Diagnostic-Code: smtp; 550 5.1.1 <{to}>: no such user\r\n\r\n--b--\r\n",
        to = mail.envelope_to
    )
    .into_bytes()
}

trait Ingest {
    fn ingest(&self, mail: &[u8], environment: &[(&str, &str)]) -> Output;
}

impl Ingest for Installation {
    fn ingest(&self, mail: &[u8], environment: &[(&str, &str)]) -> Output {
        let mut command = program("afs", self.dir());
        command.args(["bounce", "ingest"]).envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(mail).unwrap();
        child.wait_with_output().unwrap()
    }
}

async fn whose_mail_came_back_gets_no_more_and_explain_says_why(profile: Profile) {
    let afs = setup(profile).start().await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    let mail = afs.mail_to(&address(1)).await;
    afs.until_sent(1).await;

    let forged = afs.ingest(&report(&mail, "a-key-that-is-somebody-else's-and-long"), &[]);
    assert_eq!(forged.status.code(), Some(65), "{}", String::from_utf8_lossy(&forged.stdout));
    assert_eq!(afs.ingest(b"", &[]).status.code(), Some(65));
    let away = [("AFS__DATABASE__URL", "sqlite:not/there.db")];
    let genuine = report(&mail, LINK_KEY);
    assert_eq!(afs.ingest(&genuine, &away).status.code(), Some(75), "give it again");
    assert_eq!(afs.status().suppressions(), 0);

    for told in ["recorded; no more mail goes there (bounced)", "on record already"] {
        let output = afs.ingest(&genuine, &[]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(told), "{output:?}");
    }
    assert_eq!(afs.status().suppressions(), 1);
    afs.web.deliver(&PAPER.webhook(&completed_by_buyer_of(1, 2))).await;
    afs.web.deliver(&PAPER.webhook(&completed(3))).await;
    afs.mail_to(&address(3)).await;
    let suppressed = async || afs.status().invitations("suppressed") == 1;
    eventually("the next invitation ends", suppressed).await;
    assert_eq!(afs.mails_to(&address(1)).len(), 1);

    let explain = |order| {
        let output = afs.afs(&["explain", "--shop", PAPER.id, "--order", order]);
        String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let (first, next) = (explain("1"), explain("2"));
    assert!(first.contains("A mail came back, and would again: “5.1.1"), "{first}");
    let why = "The invitation was due, but not sent: there is no mailbox with that address.";
    assert!(next.contains(why), "{next}");
    assert!(!first.contains(&address(1)) && !next.contains(&address(1)));
}

/// What Postmark posts when somebody complains.
fn complaint(mail: &Mail, number: u32) -> Value {
    json!({
        "RecordType": "SpamComplaint",
        "ID": number,
        "Type": "SpamComplaint",
        "Email": mail.envelope_to,
        "BouncedAt": "2026-11-22T10:00:00Z",
        "Metadata": { "message-id": format!("<{}>", mail.message_id()) },
    })
}

async fn complaints_pause_a_shop_until_it_is_resumed(profile: Profile) {
    let postmark = Provider::postmark();
    let afs = postmark.configured(setup(profile)).start().await;
    let mut complaints = Vec::new();
    for order in 1..=4 {
        afs.web.deliver(&PAPER.webhook(&completed(order))).await;
        complaints.push(complaint(&afs.mail_to(&address(order)).await, order));
    }
    afs.until_sent(4).await;
    for complaint in &complaints {
        let webhook = postmark.webhook(complaint, now());
        assert_eq!(afs.web.post(&webhook).await.status, 200);
        assert_eq!(afs.web.post(&webhook).await.status, 200, "told twice");
    }
    assert_eq!(afs.status().suppressions(), 4);

    let paused = "4 people complained about 4 mails of 7 days";
    let said = |arguments: &[&str]| String::from_utf8(afs.afs(arguments).stdout).unwrap();
    assert!(said(&["status"]).contains(paused), "{}", said(&["status"]));
    assert!(said(&["shop", "list"]).contains(paused));
    eventually("the worker knows", async || afs.logs().contains("this shop's mail rests")).await;
    afs.web.deliver(&PAPER.webhook(&completed(5))).await;
    let waits = "UPDATE invitations SET due_at = due_at WHERE state = 'scheduled' AND due_at > first_due_at";
    let postponed = async || afs.change_record(waits.into()).await == 1;
    eventually("the next mail is put off", postponed).await;
    let story = said(&["explain", "--shop", PAPER.id, "--order", "5"]);
    assert!(story.contains("shop resume"), "{story}");
    assert!(afs.mails_to(&address(5)).is_empty());
    let metrics = afs.metrics().await;
    assert!(metrics.contains("afs_shop_paused{shop=\"paper\"} 1"), "{metrics}");
    assert!(
        metrics.contains("afs_bounces_total{shop=\"paper\",kind=\"complaint\"} 4"),
        "{metrics}"
    );

    assert!(said(&["shop", "resume", PAPER.id]).contains("goes on"));
    afs.mail_to(&address(5)).await;
}

/// `setup`, told to empty this mailbox.
fn looking_into(mailbox: &Dovecot, setup: Setup) -> Setup {
    setup
        .set("mail.bounces.imap.host", "127.0.0.1")
        .set("mail.bounces.imap.port", mailbox.port)
        .set("mail.bounces.imap.ca_file", mailbox.ca_file().display().to_string())
        .set("mail.bounces.imap.username", USER)
        .set("mail.bounces.imap.password", PASSWORD)
        .set("mail.bounces.imap.poll_interval_secs", 1)
}

async fn a_mailbox_is_emptied_of_what_came_back(profile: Profile) {
    let mut mailbox = Dovecot::start();
    let afs = looking_into(&mailbox, setup(profile)).start().await;
    for order in 1..=2 {
        afs.web.deliver(&PAPER.webhook(&completed(order))).await;
    }
    let first = afs.mail_to(&address(1)).await;
    let second = afs.mail_to(&address(2)).await;
    mailbox.deliver("lunch", b"From: a@x.example\r\nSubject: Lunch?\r\n\r\nAt noon.\r\n");
    mailbox.deliver("report", &report(&first, LINK_KEY));
    eventually("it is on record", async || afs.status().suppressions() == 1).await;
    let rest = || mailbox.mails();
    eventually("only what is not ours is left, as seen", async || {
        matches!(&rest()[..], [lunch] if lunch.starts_with("lunch") && lunch.ends_with(":2,S"))
    })
    .await;

    mailbox.stop();
    eventually("it is missed", async || afs.logs().contains("the mailbox for bounces")).await;
    afs.web.deliver(&PAPER.webhook(&completed(3))).await;
    afs.mail_to(&address(3)).await;
    mailbox.deliver("later", &report(&second, LINK_KEY));
    mailbox.start_again();
    eventually("it is on record", async || afs.status().suppressions() == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mailbox_is_emptied_over_starttls() {
    let mailbox = Dovecot::start();
    let afs = looking_into(&mailbox, setup(Profile::Embedded))
        .set("mail.bounces.imap.port", mailbox.starttls_port)
        .set("mail.bounces.imap.tls", "starttls")
        .start()
        .await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    let mail = afs.mail_to(&address(1)).await;
    mailbox.deliver("report", &report(&mail, LINK_KEY));
    eventually("it is on record", async || afs.status().suppressions() == 1).await;
    eventually("it is gone", async || mailbox.mails().is_empty()).await;
    let log = mailbox.log();
    let mut logins = log.lines().filter(|line| line.contains("Login: "));
    assert!(logins.all(|login| login.contains(", TLS")), "{log}");
    assert!(log.contains("Login: "), "{log}");
}
