//! `afs adapter` and `afs webhook`, as somebody at a terminal runs them.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use fs_err as fs;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::servers::{Process, free_port, wait_until};

const SECRET: &str = "the-secret-of-the-woocommerce-shop";

/// `afs` in `dir`, and with the configuration there if there is one.
fn afs(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_afs"));
    command.env_clear().current_dir(dir).args(arguments);
    command
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn every_platform_is_listed_with_its_documentation() {
    let output = afs(Path::new("."), &["adapter", "list"]).output().unwrap();
    assert!(output.status.success());
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), adapters::platforms().count());
    for (line, platform) in lines.into_iter().zip(adapters::platforms()) {
        let words: Vec<_> = line.split_whitespace().collect();
        assert_eq!(words[0], platform.id);
        assert_eq!(*words.last().unwrap(), platform.docs_url);
    }
}

/// A stored request, laid out as files.
struct Stored {
    dir: TempDir,
    platform: &'static str,
    at: String,
}

impl Stored {
    fn new(platform: &'static str, case: &str) -> Self {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/adapters");
        let path = PathBuf::from(fixtures).join(platform).join(format!("{case}.json"));
        let fixture: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        let headers = fixture["headers"].as_object().unwrap();
        let lines =
            headers.iter().map(|(name, value)| format!("{name}: {}\r\n", value.as_str().unwrap()));
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        file(
            "headers",
            &format!("POST /webhooks/tea HTTP/1.1\r\n{}\r\n", lines.collect::<String>()),
        );
        file("body", fixture["body"].as_str().unwrap());
        file("secret", fixture["secret"].as_str().unwrap());
        Self { dir, platform, at: fixture["received_at"].as_str().unwrap().to_owned() }
    }

    fn inspect(&self, arguments: &[&str]) -> Output {
        let files =
            ["--secret-file", "secret", "--headers", "headers", "--body", "body", "--at", &self.at];
        let platform = ["webhook", "inspect", "--platform", self.platform];
        afs(self.dir.path(), &[&platform, &files[..], arguments].concat()).output().unwrap()
    }

    fn findings(&self) -> (Option<i32>, Value) {
        let output = self.inspect(&["--format", "json"]);
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        (output.status.code(), serde_json::from_slice(&output.stdout).unwrap())
    }

    fn change(&self, file: &str, change: impl FnOnce(String) -> String) {
        let path = self.dir.path().join(file);
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }
}

#[test]
fn a_genuine_request_is_told_with_its_meaning() {
    let stored = Stored::new("shopify", "order_fulfilled");
    stored.change("secret", |secret| format!("an older one\n{secret}\n"));
    let (code, findings) = stored.findings();
    assert_eq!(code, Some(0));
    assert_eq!((&findings["verified"], &findings["reason"]), (&json!(true), &json!(null)));
    let order = &findings["events"][0]["order"];
    assert_eq!(order["change"], "completed");
    assert_eq!(order["order"]["email"], "asa.lind@example.com");

    let output = stored.inspect(&[]);
    let told = text(&output.stdout);
    assert!(told.starts_with("genuine\n  order 5784218436 completed\n"), "{told}");
    assert!(told.contains("    address   asa.lind@example.com\n"), "{told}");

    let privacy = Stored::new("shopify", "privacy_shop_redact").inspect(&[]);
    assert!(text(&privacy.stdout).contains("\n  the shop must act: "));
}

#[test]
fn a_request_that_would_be_refused_is_told_with_the_reason() {
    let stored = Stored::new("woocommerce", "order_completed");
    stored.change("body", |body| body + " ");
    let (code, findings) = stored.findings();
    assert_eq!(code, Some(3));
    let expected = json!({
        "verified": false, "reason": "bad_signature", "detail": "the signature does not match",
        "events": [],
    });
    assert_eq!(findings, expected);
    let told = stored.inspect(&[]).stdout;
    assert_eq!(text(&told), "not genuine\n  bad_signature: the signature does not match\n");

    stored.change("headers", |_| "content-type: application/x-www-form-urlencoded\n".into());
    assert_eq!(stored.findings().1["reason"], "missing_signature");
    stored.change("body", |_| "webhook_id=7".into());
    let (code, findings) = stored.findings();
    assert_eq!((code, &findings["reason"]), (Some(3), &json!("handshake")));

    let mut late = Stored::new("stripe", "session_paid");
    late.at = "2026-07-01T11:00:00Z".into();
    assert_eq!(late.findings().1["reason"], "stale");
}

#[test]
fn a_genuine_body_that_cannot_be_read_is_told_with_the_place() {
    let (code, findings) = Stored::new("saleor", "malformed").findings();
    assert_eq!((code, &findings["verified"]), (Some(0), &json!(true)));
    assert_eq!(findings["reason"], "malformed_body");
    assert!(findings["detail"].as_str().unwrap().starts_with("order.lines[0].productName: "));
}

#[test]
fn a_question_that_cannot_be_answered_is_told_apart_from_a_refusal() {
    let misused = |stored: &Stored, arguments: &[&str], told: &str| {
        let output = stored.inspect(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    };
    let stored = Stored::new("shopify", "order_fulfilled");
    misused(&stored, &["--format", "xml"], "invalid value 'xml'");
    stored.change("headers", |headers| headers + "not a header\n");
    misused(&stored, &[], "is not `name: value`");
    stored.change("secret", |_| "\n".into());
    misused(&stored, &[], "holds no secret");
    let other = Stored { platform: "saleor", ..Stored::new("shopify", "order_fulfilled") };
    misused(&other, &[], "not a JSON Web Key Set");
    let nobody = Stored { platform: "shopyfi", ..Stored::new("shopify", "order_fulfilled") };
    misused(&nobody, &[], "there is no platform `shopyfi`");
}

/// A daemon with a shop; ended with the test.
struct Daemon {
    _process: Process,
    dir: TempDir,
}

impl Daemon {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let key_set = Stored::new("saleor", "order_fulfilled");
        let key_set = fs::read_to_string(key_set.dir.path().join("secret")).unwrap();
        fs::write(dir.path().join("keys"), key_set).unwrap();
        let config = format!(
            "[server]\npublic_url = \"http://127.0.0.1:{port}\"\nlisten = [\"127.0.0.1:{port}\"]\n\
             operator_listen = []\n[database]\nurl = \"sqlite:afs.db\"\n[mail]\noutbox_dir = \"outbox\"\n\
             [sender]\naddress = \"reviews@afs.example\"\n[shops.tea]\nplatform = \"woocommerce\"\n\
             name = \"Tea Time\"\nsecrets = [\"{SECRET}\"]\n[shops.keys]\nplatform = \"saleor\"\n\
             name = \"Keys\"\nsecrets_file = \"keys\"\n{}",
            include_str!("../../../tests/fixtures/adapters/mapping/shop.toml")
        );
        fs::write(dir.path().join("afs.toml"), config).unwrap();
        let process = Process::start(afs(dir.path(), &["serve"]).stderr(Stdio::null()));
        wait_until("the daemon listens", Duration::from_secs(30), || {
            TcpStream::connect(("127.0.0.1", port)).is_ok()
        });
        Self { _process: process, dir }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        afs(self.dir.path(), arguments).output().unwrap()
    }

    fn orders(&self) -> Value {
        let status = self.run(&["status", "--json"]);
        serde_json::from_slice::<Value>(&status.stdout).unwrap()["record"]["orders"].clone()
    }
}

#[test]
fn a_sample_is_taken_as_what_the_shop_sends() {
    let daemon = Daemon::start();
    let sent = daemon.run(&["webhook", "send", "--shop", "tea", "--platform", "woocommerce"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    let told = text(&sent.stdout);
    assert!(told.starts_with("completed of order ") && told.contains("200 OK"), "{told}");
    assert_eq!(daemon.orders(), json!(1));

    let order = json!({ "reference": "4711", "email": "anna@example.com", "name": "Anna" });
    fs::write(daemon.dir.path().join("order.json"), order.to_string()).unwrap();
    for event in ["completed", "cancelled", "refunded"] {
        let arguments =
            ["webhook", "send", "--shop", "tea", "--order", "order.json", "--event", event];
        let sent = daemon.run(&arguments);
        assert!(sent.status.success(), "{event}: {}", text(&sent.stderr));
        assert!(text(&sent.stdout).starts_with(&format!("{event} of order 4711 ")));
        assert_eq!(daemon.orders(), json!(2), "the same order");
    }

    let sent = daemon.run(&["webhook", "send", "--shop", "acme"]);
    assert!(sent.status.success(), "{}", text(&sent.stderr));
    assert_eq!(daemon.orders(), json!(3), "read as the mapping says");

    let fails = |arguments: &[&str], told: &str| {
        let sent = daemon.run(&[&["webhook", "send"], arguments].concat());
        assert_eq!(sent.status.code(), Some(1));
        assert!(text(&sent.stderr).contains(told), "{}", text(&sent.stderr));
    };
    fails(&["--shop", "coffee"], "there is no shop `coffee`");
    fails(&["--shop", "tea", "--platform", "shopify"], "is `woocommerce`, not `shopify`");
    fails(&["--shop", "keys"], "a public key, which cannot sign: only Saleor");
    assert_eq!(daemon.orders(), json!(3));
}
