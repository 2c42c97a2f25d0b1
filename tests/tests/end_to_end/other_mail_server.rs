//! A mail server and a mail reader that we did not write agree with ours: Python's `aiosmtpd` and
//! `email`.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tests::{
    installation::{Installation, Profile, Setup},
    servers::{PATIENCE, Process, free_port, wait_until},
    shop::{PAPER, address, completed},
};

/// Debian's own, which has the packages python3-aiosmtpd and python3-dkim.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_taken_and_read_by_software_that_is_not_ours() {
    let dir = tempfile::tempdir().unwrap();
    let Some(server) = MailServer::start(dir.path(), &[]) else { return };

    let mail = main_job(Setup::new(Profile::Embedded), &server).await;

    assert_eq!(mail["envelope_from"], "reviews@afs.example");
    assert_eq!(mail["envelope_to"], address(1));
    assert_eq!(mail["from"], "Paper Place <reviews@afs.example>");
    assert_eq!(mail["to"], format!("Åsa Lind <{}>", address(1)));
    assert_eq!(mail["subject"], "Hur gick det med din beställning från Paper Place?");
    assert_eq!(mail["auto_submitted"], "auto-generated");
    assert_eq!(mail["content_type"], "multipart/alternative");
    assert_eq!(mail["parts"], serde_json::json!(["text/plain utf-8", "text/html utf-8"]));
    assert_eq!(mail["defects"], serde_json::json!([]));
    assert_eq!(mail["longest_line"].as_u64().map(|length| length <= 998), Some(true));
    for part in ["text", "html"] {
        let part = mail[part].as_str().unwrap();
        assert!(part.contains("Mörkrost 500 g") && part.contains("/r/"), "{part}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_wants_starttls_is_trusted_by_its_authority() {
    let dir = tempfile::tempdir().unwrap();
    if !make_certificate(dir.path()) {
        return;
    }
    let arguments = ["--tlscert", "server.pem", "--tlskey", "server.key"];
    let Some(server) = MailServer::start(dir.path(), &arguments) else { return };
    let authority = dir.path().join("authority.pem");

    let mail = main_job(
        Setup::new(Profile::Distributed)
            .set("mail.smtp.tls", "starttls")
            .set("mail.smtp.ca_file", authority.to_str().unwrap()),
        &server,
    )
    .await;

    assert_eq!(mail["envelope_to"], address(1));
}

/// Completes an order, waits for its mail, and tells what Python reads in it.
async fn main_job(setup: Setup, server: &MailServer<'_>) -> Value {
    let afs: Installation = setup.set("mail.smtp.port", server.port).start().await;
    let mut order = completed(1);
    order.order.locale = Some("sv".into());
    afs.web.deliver(&PAPER.webhook(&order)).await;
    afs.until_sent(1).await;
    server.only_mail()
}

struct MailServer<'a> {
    dir: &'a Path,
    port: u16,
    _process: Process,
}

impl<'a> MailServer<'a> {
    /// `None`, with a line that says so, where `aiosmtpd` is not installed.
    #[expect(clippy::print_stderr, reason = "for whoever wonders why nothing was tested")]
    fn start(dir: &'a Path, arguments: &[&str]) -> Option<Self> {
        let installed = Command::new(PYTHON).args(["-c", "import aiosmtpd"]).output();
        if !installed.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: a mail server that is not ours, since python3-aiosmtpd is missing");
            return None;
        }
        let port = free_port();
        let mut command = Command::new(PYTHON);
        command
            .args(["-m", "aiosmtpd", "-n", "-c", "aiosmtpd.handlers.Mailbox"])
            .args(["-l", &format!("127.0.0.1:{port}")])
            .args(arguments)
            .arg("mails")
            .current_dir(dir)
            .stdout(Stdio::null());
        let process = Process::start(&mut command);
        wait_until("the mail server listens", PATIENCE, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(Self { dir, port, _process: process })
    }

    fn only_mail(&self) -> Value {
        let read =
            Command::new(PYTHON).args(["-c", READER]).current_dir(self.dir).output().unwrap();
        assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
        serde_json::from_slice(&read.stdout).unwrap()
    }
}

/// Reads the only mail in the mailbox.
const READER: &str = r#"
import email, email.policy, json, os
[name] = os.listdir("mails/new")
raw = open("mails/new/" + name, "rb").read()
mail = email.message_from_bytes(raw, policy=email.policy.default)
parts = list(mail.iter_parts())
print(json.dumps({
    "envelope_from": mail["X-MailFrom"],
    "envelope_to": mail["X-RcptTo"],
    "from": str(mail["From"]),
    "to": str(mail["To"]),
    "subject": mail["Subject"],
    "auto_submitted": mail["Auto-Submitted"],
    "content_type": mail.get_content_type(),
    "parts": [f"{part.get_content_type()} {part.get_content_charset()}" for part in parts],
    "text": mail.get_body(("plain",)).get_content(),
    "html": mail.get_body(("html",)).get_content(),
    "defects": [repr(d) for part in mail.walk() for d in part.defects]
             + [repr(d) for value in mail.values() for d in getattr(value, "defects", [])],
    "longest_line": max(len(line) for line in raw.splitlines()),
}))
"#;

/// An authority in `authority.pem`, and a server's certificate for 127.0.0.1 that it signed. `false`,
/// with a line that says so, where `openssl` is not installed.
#[expect(clippy::print_stderr, reason = "for whoever wonders why nothing was tested")]
pub(crate) fn make_certificate(dir: &Path) -> bool {
    const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
    let openssl = |arguments: &str| -> Option<Output> {
        Command::new("openssl").args(arguments.split(' ')).current_dir(dir).output().ok()
    };
    let made = [
        format!("req -x509 {NEW_KEY} -subj /CN=Authority -keyout authority.key -out authority.pem"),
        format!(
            "req -x509 {NEW_KEY} -subj /CN=localhost -keyout server.key -out server.pem \
             -CA authority.pem -CAkey authority.key -addext subjectAltName=IP:127.0.0.1 \
             -addext basicConstraints=critical,CA:FALSE"
        ),
    ];
    made.iter().all(|arguments| {
        let Some(output) = openssl(arguments) else {
            eprintln!("skipped: STARTTLS, since openssl is missing");
            return false;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        true
    })
}
