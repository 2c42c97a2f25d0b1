//! A real mail server delivers our mails into mailboxes: Debian's Postfix, with queue, configuration and
//! users of its own in a directory of the test. It takes mail only by STARTTLS and from who signs in, and
//! lets none leave the machine.
//!
//! What lies in the mailboxes is read by Python's `email`, and its signatures are checked by `dkimpy`.

use std::{
    fmt::Write as _,
    io::Write as _,
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use domain::EmailAddress;
use jiff::{SignedDuration, Timestamp, fmt::rfc2822};
use mail_parser::{MessageParser, MimeHeaders as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{
    installation::{Profile, Setup, program},
    servers::{PATIENCE, Process, eventually, free_port, wait_until},
    shop::{PAPER, address, completed, now},
    web::Form,
};

use crate::other_mail_server::{PYTHON, make_certificate};

/// Who signs in at Postfix.
const USER: &str = "afs@afs.example";
const PASSWORD: &str = "the-password-at-postfix";

/// Gmail cuts what it shows behind this many bytes.
const CUT_BY_GMAIL: usize = 102 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_through_postfix_bears_all_it_must_and_its_one_click_stops_the_next() {
    let Some(postfix) = Postfix::start() else { return };
    let mut afs = postfix.customer(Profile::Embedded).start().await;
    for reference in 1..=3 {
        afs.web.deliver(&PAPER.webhook(&completed(reference))).await;
        postfix.mail(&address(reference));
    }

    let mail = postfix.mail(&address(1));
    let said = postfix.read(&mail);
    bears_all_headers(&said, &mail);
    assert_eq!(said["dkim"], json!([true, true]), "RSA and Ed25519");
    let text = String::from_utf8_lossy(&mail);
    let tampered = text.replacen("Paper Place", "Paper Palace", 1);
    assert_eq!(postfix.read(tampered.as_bytes())["dkim"], json!([false, false]), "it can fail");

    // As Gmail does it: nothing but what the headers say, and no redirect is followed (RFC 8058).
    let stop = said["unsubscribe"].as_str().unwrap().to_owned();
    let one_click = Form {
        action: stop.clone(),
        fields: [("List-Unsubscribe".into(), "One-Click".into())].into(),
    };
    let answer = afs.web.submit(&one_click).await;
    assert_eq!((answer.status, answer.url.as_str()), (200, &*stop));
    assert!(!answer.headers.contains_key("set-cookie"));

    let mut again = completed(4);
    again.order.email = EmailAddress::parse(&address(1)).ok();
    afs.web.deliver(&PAPER.webhook(&again)).await;
    eventually("the next mail to this person is stopped", async || {
        afs.status().invitations("suppressed") == 1
    })
    .await;
    let told = afs.afs(&["explain", "--shop", PAPER.id, "--order", "4"]).stdout;
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("the buyer had asked for no more mail"), "{told}");

    afs.worker().signal("TERM");
    assert_eq!(afs.worker().exit_code(PATIENCE), Some(0));
    assert_eq!(postfix.mails("buyers").len(), 3, "a mail for each of the first three orders");
    // Postfix tells of each connection at its end what was said on it.
    let carried = postfix.last_words_of_connections_with_mail();
    let [carried] = &carried[..] else { panic!("more than one connection: {carried:#?}") };
    assert!(carried.ends_with(" mail=3 rcpt=3 data=3 quit=1 commands=14"), "{carried}");
    let from = said["return_path"].as_str().unwrap();
    let group = format!("MAIL FROM:{from}\r\nRCPT TO:<{}>\r\nDATA\r\n", address(1));
    assert!(postfix.read_at_once(group.len()), "PIPELINING: the envelope came in one piece");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_postfix_cannot_deliver_comes_back_and_stops_the_next() {
    let Some(postfix) = Postfix::start() else { return };
    let afs = postfix.customer(Profile::Distributed).start().await;
    let mut order = completed(1);
    order.order.email = EmailAddress::parse("gone@example.com").ok();
    afs.web.deliver(&PAPER.webhook(&order)).await;
    afs.until_sent(1).await;

    let returned = postfix.returned();
    let notice = MessageParser::default().parse(&returned).unwrap();
    assert_eq!(notice.content_type().and_then(|kind| kind.subtype()), Some("report"));
    let part = |kind: &str| {
        let is_it = |part: &&mail_parser::MessagePart<'_>| {
            part.content_type().and_then(|found| found.subtype()) == Some(kind)
        };
        notice.parts.iter().find(is_it).unwrap_or_else(|| panic!("there is no {kind}"))
    };
    let report = String::from_utf8_lossy(part("delivery-status").contents()).into_owned();
    for line in ["Final-Recipient: rfc822; gone@example.com", "Action: failed", "Status: 5.1.1"] {
        assert!(report.contains(line), "{line} in {report}");
    }
    let tagged = notice.to().and_then(|to| to.first()).and_then(|to| to.address()).unwrap();
    assert!(report.contains(&format!("X-Postfix-Sender: rfc822; {tagged}")), "{report}");
    assert!(is_tagged(tagged, "bounce"), "{tagged}");

    // As Postfix pipes it in, where it is told to.
    let taken = afs.afs_reading(&["bounce", "ingest"], &String::from_utf8(returned).unwrap());
    assert!(taken.status.success(), "{taken:?}");
    let mut again = completed(2);
    again.order.email = order.order.email.clone();
    afs.web.deliver(&PAPER.webhook(&again)).await;
    eventually("nothing is mailed to where nobody is", async || {
        afs.status().invitations("suppressed") == 1
    })
    .await;
    let told = afs.afs(&["explain", "--shop", PAPER.id, "--order", "2"]).stdout;
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains("there is no mailbox with that address"), "{told}");
}

/// What large receivers ask of every invitation, in words as Python reads them.
fn bears_all_headers(said: &Value, mail: &[u8]) {
    let header = |name: &str| -> String {
        let values = said["headers"][name].as_array().unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(values.len(), 1, "{name} stands once: {values:?}");
        values[0].as_str().unwrap().to_owned()
    };
    assert_eq!(said["defects"], json!([]));
    assert_eq!(header("from"), "Paper Place <reviews@afs.example>");
    assert_eq!(header("reply-to"), "support@afs.example");
    assert_eq!(header("to"), format!("Åsa Lind <{}>", address(1)));
    assert_eq!(header("subject"), "How was your order from Paper Place?");
    assert_eq!(header("auto-submitted"), "auto-generated");
    assert_eq!(header("x-auto-response-suppress"), "All");
    assert_eq!(header("list-id"), "<paper.reviews.afs.example>");
    assert_eq!(header("feedback-id"), "invitation:paper:afs-afsexample");
    assert_eq!(header("list-unsubscribe-post"), "List-Unsubscribe=One-Click");
    assert_eq!(header("mime-version"), "1.0");
    let id = header("message-id");
    assert!(id.starts_with("<inv-") && id.ends_with("@afs.example>"), "{id}");

    let date = header("date");
    let sent_at: Timestamp = rfc2822::parse(&date).unwrap().timestamp();
    assert!(date.ends_with(" +0000"), "{date}");
    let age = now().duration_since(sent_at);
    assert!(age.abs() < SignedDuration::from_mins(5), "{date}");

    let stop = said["unsubscribe"].as_str().unwrap();
    let (by_web, by_mail) = header("list-unsubscribe")
        .split_once(", ")
        .map(|(web, mail)| (web.to_owned(), mail.to_owned()))
        .unwrap();
    assert_eq!(by_web, format!("<{stop}>"));
    let by_mail = by_mail.strip_prefix("<mailto:").and_then(|rest| rest.strip_suffix('>')).unwrap();
    assert!(is_tagged(by_mail, "unsub"), "{by_mail}");
    // Postfix writes the envelope down.
    assert_eq!(header("delivered-to"), address(1));
    let from = said["return_path"].as_str().unwrap();
    let from = from.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap();
    assert!(is_tagged(from, "bounce"), "{from}");
    assert!(header("received").contains("with ESMTPSA"), "by TLS, from who signed in");

    // What is signed stands in h= as often as in the mail, and what must not be added once more.
    for signature in said["headers"]["dkim-signature"].as_array().unwrap() {
        let signature: String = signature.as_str().unwrap().split_whitespace().collect();
        let tag = |name| signature.split(';').find_map(|tag| tag.strip_prefix(name)).unwrap();
        assert_eq!(tag("d="), "afs.example", "aligned with From");
        let signed = tag("h=").to_ascii_lowercase();
        for (name, times) in [
            ("from", 2),
            ("subject", 2),
            ("list-unsubscribe", 2),
            ("list-unsubscribe-post", 2),
            ("reply-to", 1),
            ("to", 1),
            ("date", 1),
            ("message-id", 1),
            ("list-id", 1),
        ] {
            let found = signed.split(':').filter(|signed| *signed == name).count();
            assert!(found >= times, "{name} stands {found} times in {signed}");
        }
    }

    assert_eq!(said["parts"], json!(["text/plain utf-8", "text/html utf-8"]));
    assert!(mail.len() < CUT_BY_GMAIL, "{} bytes", mail.len());
    for part in ["text", "html"] {
        let part = said[part].as_str().unwrap();
        for wanted in ["Mörkrost 500 g", "/r/", stop, "Storgatan 1"] {
            assert!(part.contains(wanted), "{wanted} in {part}");
        }
    }

    // Another reader agrees.
    let read = MessageParser::default().parse(mail).unwrap();
    assert_eq!(read.subject(), Some(&*header("subject")));
    assert_eq!(format!("<{}>", read.message_id().unwrap()), id);
    assert_eq!(read.date().map(mail_parser::DateTime::to_timestamp), Some(sent_at.as_second()));
    let only = |address: Option<&mail_parser::Address<'_>>| {
        let address = address.unwrap();
        assert_eq!(address.iter().count(), 1);
        address.first().and_then(|one| one.address()).unwrap().to_owned()
    };
    assert_eq!(only(read.from()), "reviews@afs.example");
    assert_eq!(only(read.to()), address(1));
    assert_eq!(only(read.reply_to()), "support@afs.example");
    // Lines of a Maildir end without CR; mail-parser keeps those of the text as they are.
    assert_eq!(read.body_text(0).unwrap().trim(), said["text"].as_str().unwrap().trim());
}

/// `<box>+<tag>@bounces.afs.example`, within what servers take (RFC 5321, 4.5.3.1.1).
fn is_tagged(address: &str, box_name: &str) -> bool {
    let local = address.strip_suffix("@bounces.afs.example");
    local.is_some_and(|local| {
        local.len() <= 64 && local.strip_prefix(box_name).is_some_and(|tag| tag.len() > 20)
    })
}

/// A Postfix of our own. Ends when dropped.
struct Postfix {
    /// The process called `master`, first, so that it ends before its files go.
    master: Process,
    port: u16,
    /// The key's records in DNS, by name.
    records: Value,
    dir: TempDir,
}

impl Postfix {
    /// `None`, with a line that says so, where something is missing.
    #[expect(clippy::print_stderr, reason = "for whoever wonders why nothing was tested")]
    fn start() -> Option<Self> {
        if let Some(missing) = missing() {
            eprintln!("skipped: a mail through Postfix, since {missing}");
            return None;
        }
        let dir = tempfile::Builder::new().prefix("afs-postfix-").tempdir().unwrap();
        // Its programs run as users of their own.
        fs_err::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        if !make_certificate(dir.path()) {
            return None;
        }
        let records = make_keys(dir.path());
        let port = free_port();
        configure(dir.path(), port);
        let mut postfix = Command::new("postfix");
        // Makes the directories of the queue.
        run(postfix.arg("-c").arg(dir.path().join("conf")).arg("check"));
        let programs = setting("daemon_directory");
        let mut master = Command::new(Path::new(&programs).join("master"));
        master.arg("-d").arg("-c").arg(dir.path().join("conf")).stdout(Stdio::null());
        let master = Process::start(&mut master);
        let postfix = Self { master, port, records, dir };
        wait_until("Postfix listens", PATIENCE, || {
            std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Some(postfix)
    }

    /// An installation that mails through it, with all that makes mails complete.
    fn customer(&self, profile: Profile) -> Setup {
        let file = |name: &str| self.dir.path().join(name).to_str().unwrap().to_owned();
        Setup::new(profile)
            .set("mail.smtp.port", self.port)
            .set("mail.smtp.tls", "starttls")
            .set("mail.smtp.ca_file", file("authority.pem"))
            .set("mail.smtp.username", USER)
            .set("mail.smtp.password", PASSWORD)
            .set("mail.bounces.domain", "bounces.afs.example")
            .set("sender.reply_to", "support@afs.example")
            .set("sender.postal_address", "Paper Place AB, Storgatan 1, Stockholm")
            .set("sender.dkim.domain", "afs.example")
            .set("sender.dkim.selector", "rsa")
            .set("sender.dkim.key_file", file("rsa.key"))
            .set("sender.dkim.ed25519_selector", "ed25519")
            .set("sender.dkim.ed25519_key_file", file("ed25519.key"))
    }

    /// What lies in a mailbox.
    fn mails(&self, mailbox: &str) -> Vec<Vec<u8>> {
        let new = self.dir.path().join("mail").join(mailbox).join("new");
        let files = fs_err::read_dir(new).into_iter().flatten().flatten();
        files.map(|file| fs_err::read(file.path()).unwrap()).collect()
    }

    /// Waits until there is a mail to `address`.
    fn mail(&self, address: &str) -> Vec<u8> {
        let to = format!("\nDelivered-To: {address}\n");
        let mut found = None;
        wait_until(&format!("there is a mail to {address}"), PATIENCE, || {
            found = self
                .mails("buyers")
                .into_iter()
                .find(|mail| String::from_utf8_lossy(mail).contains(&to));
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits for the only mail that came back to us, as a program would be given it.
    fn returned(&self) -> Vec<u8> {
        wait_until("a mail comes back", PATIENCE, || !self.mails("bounces").is_empty());
        let mut returned = self.mails("bounces");
        assert_eq!(returned.len(), 1);
        returned.remove(0)
    }

    /// What Python reads in a mail.
    fn read(&self, mail: &[u8]) -> Value {
        let mut python = Command::new(PYTHON);
        python.args(["-c", READER]).arg(self.records.to_string());
        let answer = run_with(python.stdout(Stdio::piped()), mail);
        serde_json::from_slice(&answer).unwrap()
    }

    fn log(&self) -> String {
        fs_err::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// What Postfix said at the end of each connection that carried a mail.
    fn last_words_of_connections_with_mail(&self) -> Vec<String> {
        let words = || {
            let log = self.log();
            let ends = log.lines().filter(|line| line.contains("disconnect from "));
            ends.filter(|line| line.contains(" mail=")).map(str::to_owned).collect::<Vec<_>>()
        };
        wait_until("Postfix tells of a connection", PATIENCE, || !words().is_empty());
        words()
    }

    /// Whether Postfix ever got exactly so many bytes in one piece.
    fn read_at_once(&self, bytes: usize) -> bool {
        self.log().lines().any(|line| line.ends_with(&format!(" got {bytes}")))
    }
}

impl Drop for Postfix {
    #[expect(clippy::print_stderr, reason = "for whoever reads why a test failed")]
    fn drop(&mut self) {
        // Told to, it ends all its processes.
        if self.master.is_running() {
            self.master.signal("TERM");
            self.master.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            // Without what it traces of the connection.
            let lines =
                log.lines().filter(|line| !line.contains("/smtpd[") || line.contains(": warning"));
            eprintln!("--- Postfix\n{}", lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// What keeps Postfix from running here, if anything does.
fn missing() -> Option<&'static str> {
    let is_there = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).output();
        output.is_ok_and(|output| output.status.success())
    };
    if !Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n") {
        Some("only root may start it")
    } else if !is_there("postconf", &["-d", "mail_version"]) {
        Some("postfix is missing")
    } else if Command::new("saslpasswd2").arg("-h").output().is_err() {
        Some("sasl2-bin is missing")
    } else if !is_there(PYTHON, &["-c", "import dkim, nacl"]) {
        Some("python3-dkim is missing")
    } else {
        None
    }
}

/// A setting that was compiled into Postfix.
fn setting(name: &str) -> String {
    let value = run(Command::new("postconf").args(["-d", "-h", name]));
    String::from_utf8(value).unwrap().trim().to_owned()
}

/// Two keys to sign with, `rsa.key` and `ed25519.key`, and their records in DNS as we tell operators
/// to publish them.
fn make_keys(dir: &Path) -> Value {
    run(Command::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:2048",
            "-out",
            "rsa.key",
        ])
        .current_dir(dir));
    let record = |selector: &str| {
        let mut afs = program("afs", dir);
        afs.args(["mail", "dkim-key", &format!("{selector}.key"), "--ed25519"]);
        afs.args(["--domain", "afs.example", "--selector", selector]);
        let told = String::from_utf8(run(&mut afs)).unwrap();
        let line = told.split_once("._domainkey.afs.example. IN TXT (").unwrap().1;
        line.split('"').skip(1).step_by(2).collect::<String>()
    };
    json!({
        "rsa._domainkey.afs.example": record("rsa"),
        "ed25519._domainkey.afs.example": record("ed25519"),
    })
}

/// Writes all that this Postfix reads.
fn configure(dir: &Path, port: u16) {
    let path = |name: &str| dir.join(name);
    for name in ["queue", "data", "mail", "conf", "conf/sasl"] {
        fs_err::create_dir(path(name)).unwrap();
    }
    let owner = setting("mail_owner");
    let (owner, nobody) = (id_of(&owner), id_of("nobody"));
    chown(path("data"), Some(owner), None).unwrap();
    chown(path("mail"), Some(nobody), None).unwrap();

    let (user, realm) = USER.split_once('@').unwrap();
    let passwords = path("passwords");
    let mut saslpasswd = Command::new("saslpasswd2");
    saslpasswd.args(["-p", "-c", "-u", realm, "-f"]).arg(&passwords).arg(user);
    run_with(&mut saslpasswd, PASSWORD.as_bytes());
    chown(&passwords, Some(owner), None).unwrap();
    let root = dir.display();
    let sasl = format!(
        "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {root}/passwords\n\
         mech_list: PLAIN LOGIN\n"
    );
    // Debian's Postfix looks there, whatever cyrus_sasl_config_path says.
    fs_err::write(path("conf/sasl/smtpd.conf"), sasl).unwrap();
    let mailboxes = r"
/^buyer-[0-9]+@example\.com$/ buyers/
/^(bounce|unsub)\+.*@bounces\.afs\.example$/ bounces/
";
    fs_err::write(path("conf/mailboxes"), mailboxes).unwrap();
    let main = format!(
        "compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file_prefixes = {root}
maillog_file = {root}/log
myhostname = mx.afs.example
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
# Nothing leaves this machine.
default_transport = error:5.1.2 no such host
relay_transport = error:5.1.2 no such host
virtual_mailbox_domains = example.com, bounces.afs.example
virtual_mailbox_base = {root}/mail
virtual_mailbox_maps = regexp:{root}/conf/mailboxes
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
# Who is not known is taken, and found out afterwards.
smtpd_reject_unlisted_recipient = no
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_peername_lookup = no
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {root}/server.key, {root}/server.pem
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
cyrus_sasl_config_path = {root}/conf/sasl
# The log tells how many bytes came in one piece.
debug_peer_list = 127.0.0.1
debug_peer_level = 3
"
    );
    fs_err::write(path("conf/main.cf"), main).unwrap();
    let mut services = format!("127.0.0.1:{port} inet n - n - - smtpd\n");
    for (name, kind, private, unprivileged, wakeup, most, program) in [
        ("cleanup", "unix", "n", "-", "-", "0", "cleanup"),
        ("qmgr", "unix", "n", "-", "300", "1", "qmgr"),
        ("tlsmgr", "unix", "-", "-", "1000?", "1", "tlsmgr"),
        ("rewrite", "unix", "-", "-", "-", "-", "trivial-rewrite"),
        ("bounce", "unix", "-", "-", "-", "0", "bounce"),
        ("defer", "unix", "-", "-", "-", "0", "bounce"),
        ("trace", "unix", "-", "-", "-", "0", "bounce"),
        ("error", "unix", "-", "-", "-", "-", "error"),
        ("retry", "unix", "-", "-", "-", "-", "error"),
        ("virtual", "unix", "-", "n", "-", "-", "virtual"),
        ("anvil", "unix", "-", "-", "-", "1", "anvil"),
        ("proxymap", "unix", "-", "-", "-", "-", "proxymap"),
        ("postlog", "unix-dgram", "n", "-", "-", "1", "postlogd"),
    ] {
        // None of them in a chroot: there are no copies of libraries in our queue.
        writeln!(services, "{name} {kind} {private} {unprivileged} n {wakeup} {most} {program}")
            .unwrap();
    }
    fs_err::write(path("conf/master.cf"), services).unwrap();
}

/// The number of a user.
fn id_of(user: &str) -> u32 {
    let id = run(Command::new("id").args(["-u", user]));
    String::from_utf8(id).unwrap().trim().parse().unwrap()
}

/// What a program prints; fails if it fails.
fn run(command: &mut Command) -> Vec<u8> {
    run_with(command, b"")
}

/// The same, with something to read.
fn run_with(command: &mut Command, input: &[u8]) -> Vec<u8> {
    let name = PathBuf::from(command.get_program());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}", name.display());
    output.stdout
}

/// Reads a mail; the records of DNS come as its argument.
const READER: &str = r#"
import dkim, email, email.policy, json, sys
records = json.loads(sys.argv[1])
raw = sys.stdin.buffer.read()
def txt(name, timeout=5):
    record = records.get(name.decode().rstrip("."))
    return record and record.encode()
def holds(index):
    try:
        return dkim.DKIM(raw).verify(index, dnsfunc=txt)
    except dkim.DKIMException:
        return False
mail = email.message_from_bytes(raw, policy=email.policy.default)
headers = {}
for name, value in mail.items():
    headers.setdefault(name.lower(), []).append(str(value))
[by_web] = [way.strip(" <>") for way in mail["List-Unsubscribe"].split(",") if way.strip(" <").startswith("http")]
parts = list(mail.iter_parts())
print(json.dumps({
    "headers": headers,
    "return_path": str(mail["Return-Path"]),
    "unsubscribe": by_web,
    "dkim": [holds(index) for index in range(len(headers["dkim-signature"]))],
    "parts": [f"{part.get_content_type()} {part.get_content_charset()}" for part in parts],
    "text": mail.get_body(("plain",)).get_content(),
    "html": mail.get_body(("html",)).get_content(),
    "defects": [repr(d) for part in mail.walk() for d in part.defects]
             + [repr(d) for value in mail.values() for d in getattr(value, "defects", [])],
}))
"#;
