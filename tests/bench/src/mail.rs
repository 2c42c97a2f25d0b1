//! What stands on the other side of a sender: a mail server that takes everything, a long way to it,
//! and the mail that everybody sends.

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use domain::{EmailAddress, Item};
use jiff::Timestamp;
use serde_json::{Value, json};
use templates::{InvitationMail, MailKind, Templates};
use tests::servers::{Process, free_port, wait_until};

use crate::{
    lab::{built, repository},
    meter::Meter,
    scenario::Sample,
};

/// The programs of Debian's package postfix, unpacked beside the peers: nothing is installed.
#[derive(Clone, Debug)]
pub(crate) struct Postfix {
    root: PathBuf,
}

impl Postfix {
    /// Unpacks the package, unless that was done before.
    pub(crate) fn unpack() -> anyhow::Result<Self> {
        let dir = repository()?.join("target/bench-peers");
        let root = dir.join("postfix");
        if !root.exists() {
            fs_err::create_dir_all(&dir)?;
            let unpack = "apt-get download postfix && dpkg -x postfix_*.deb postfix.new \
                          && mv postfix.new postfix && rm postfix_*.deb";
            let output = Command::new("sh").args(["-c", unpack]).current_dir(dir).output()?;
            let error = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "smtp-sink needs Debian's package postfix: {error}");
        }
        Ok(Self { root })
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.root.join("usr/sbin").join(program));
        command.env("LD_LIBRARY_PATH", self.root.join("usr/lib/postfix"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Sends `count` mails of `len` bytes: one after the other on each connection, each command
    /// after the reply to the last.
    pub(crate) fn source(
        &self,
        server: u16,
        count: u32,
        connections: u32,
        len: usize,
    ) -> anyhow::Result<Sample> {
        let mut command = self.command("smtp-source");
        command.args(["-d", "-l", &len.to_string(), "-m", &count.to_string()]);
        command.args(["-s", &connections.to_string(), &format!("127.0.0.1:{server}")]);
        let started = Instant::now();
        let status = command.status()?;
        ensure!(status.success(), "smtp-source: {status}");
        Ok(Sample::default()
            .with("mails_per_s", f64::from(count) / started.elapsed().as_secs_f64()))
    }
}

/// A mail server that takes everything and keeps nothing: `smtp-sink`.
pub(crate) struct Sink {
    process: Process,
    pub(crate) port: u16,
}

impl Sink {
    /// Starts one and waits until it listens.
    pub(crate) fn start(postfix: &Postfix) -> anyhow::Result<Self> {
        let port = free_port();
        let mut command = postfix.command("smtp-sink");
        if procfs::process::Process::myself()?.uid()? == 0 {
            command.args(["-u", "nobody"]);
        }
        let process = Process::start(command.args([&format!("127.0.0.1:{port}"), "1000"]));
        until_it_listens(port);
        Ok(Self { process, port })
    }

    /// Its process.
    pub(crate) fn meter(&self) -> Meter {
        Meter::new([self.process.id()])
    }
}

/// A way to a mail server on which every round trip takes time.
pub(crate) struct LongWay {
    _process: Process,
    pub(crate) port: u16,
}

impl LongWay {
    /// A way of this `round_trip` to `server`.
    pub(crate) fn to(server: u16, round_trip: Duration) -> anyhow::Result<Self> {
        let port = free_port();
        let mut command = Command::new(built("smtp")?);
        command.arg("delay").args([format!("127.0.0.1:{port}"), format!("127.0.0.1:{server}")]);
        let process = Process::start(command.arg((round_trip / 2).as_micros().to_string()));
        until_it_listens(port);
        Ok(Self { _process: process, port })
    }
}

fn until_it_listens(port: u16) {
    wait_until("it listens", Duration::from_secs(10), || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
}

/// The mail that everybody sends: an invitation as AFS writes it, as bytes and in parts.
pub(crate) struct Mail {
    pub(crate) bytes: Vec<u8>,
    pub(crate) parts: Value,
}

impl Mail {
    /// Writes it.
    pub(crate) fn write() -> anyhow::Result<Self> {
        let templates = Templates::load(None).map_err(|problems| anyhow::anyhow!("{problems}"))?;
        let token = "v1.the-key.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
        let unsubscribe_url = format!("https://reviews.shop.example/u/{token}");
        let item = |name: &str| Item { name: name.to_owned(), ..Item::default() };
        let written = InvitationMail {
            shop: templates::Shop { name: "Bench".to_owned(), ..templates::Shop::default() },
            buyer_name: Some("Åsa Lind".to_owned()),
            order_number: Some("#1001".to_owned()),
            items: vec![item("Tea, 250 g"), item("Mörkrost 500 g"), item("Filter papers")],
            review_url: format!("https://reviews.shop.example/r/{token}"),
            later_url: None,
            unsubscribe_url: unsubscribe_url.clone(),
        };
        let rendered = templates.invitation(
            &templates.language(Some("en"), "en"),
            MailKind::Invitation,
            None,
            &written,
        )?;
        let from = EmailAddress::parse("reviews@afs.example").context("an address")?;
        let to = EmailAddress::parse("buyer-1@example.com").context("an address")?;
        let parts = json!({
            "from": from.as_str(), "from_name": "Bench", "subject": rendered.subject,
            "text": rendered.text, "html": rendered.html, "unsubscribe_url": unsubscribe_url,
        });
        let outgoing = mail::compose(&mail::Message {
            id: "inv-1".to_owned(),
            date: Timestamp::UNIX_EPOCH,
            from: mail::Mailbox { name: Some("Bench".to_owned()), address: from },
            return_path: None,
            reply_to: None,
            to: mail::Mailbox { name: Some("Åsa Lind".to_owned()), address: to },
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            unsubscribe: Some(unsubscribe_url),
            unsubscribe_mailto: None,
            list_id: None,
            feedback_id: None,
            dkim: None,
        })?;
        Ok(Self { bytes: outgoing.bytes().to_vec(), parts })
    }

    /// Writes it into files for other programs: the bytes alone, and everything as JSON.
    pub(crate) fn save(&self, dir: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
        let (bytes, json) = (dir.join("mail.eml"), dir.join("mail.json"));
        fs_err::write(&bytes, &self.bytes)?;
        let mut all = self.parts.clone();
        all["raw"] = json!(String::from_utf8(self.bytes.clone())?);
        fs_err::write(&json, all.to_string())?;
        Ok((bytes, json))
    }
}

/// Runs a sender that says in one line of JSON how it went.
pub(crate) fn run_sender(command: &mut Command) -> anyhow::Result<Sample> {
    let output = command.stderr(Stdio::piped()).output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {error}");
    let line: Value = serde_json::from_slice(&output.stdout).context("the sender's report")?;
    let figure = |name: &str| line[name].as_f64().with_context(|| format!("no {name}"));
    let (count, seconds, cpu) = (figure("count")?, figure("seconds")?, figure("cpu_seconds")?);
    Ok(Sample::default()
        .with("mails_per_s", count / seconds)
        .with("sender_cpu_us", cpu / count * 1e6))
}
