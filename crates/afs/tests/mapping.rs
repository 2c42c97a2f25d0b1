//! What somebody does who writes a mapping: tries it, looks at requests, and reads again what it did not
//! know.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use fs_err as fs;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::servers::{Process, free_port, wait_until};

const FIXTURES: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/fixtures/adapters/mapping");

/// A directory with a configuration, and with one request that the shop's system sent.
struct Desk {
    dir: TempDir,
    port: u16,
}

impl Desk {
    fn new(case: &str) -> Self {
        let fixture = fs::read(Path::new(FIXTURES).join(format!("{case}.json"))).unwrap();
        let fixture: Value = serde_json::from_slice(&fixture).unwrap();
        let desk = Self { dir: tempfile::tempdir().unwrap(), port: free_port() };
        let shop = fs::read_to_string(Path::new(FIXTURES).join("shop.toml")).unwrap();
        let other = "[shops.tea]\nplatform = \"woocommerce\"\nname = \"Tea\"\nsecrets = [\"s\"]\n";
        let server = format!(
            "[server]\nlisten = [\"127.0.0.1:{}\"]\noperator_listen = []\n[database]\nurl = \"sqlite:afs.db\"\n",
            desk.port
        );
        desk.write("afs.toml", &format!("{server}{shop}{other}"));
        desk.write("body", fixture["body"].as_str().unwrap());
        let signature = fixture["headers"]["x-acme-signature"].as_str().unwrap();
        desk.write("headers", &format!("X-Acme-Signature: {signature}\n"));
        desk
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).unwrap();
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir.path().join(file)).unwrap()
    }

    fn change(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "{text}");
        self.write(file, &text.replace(old, new));
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_afs"));
        command.env_clear().current_dir(self.dir.path()).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Posts the request to a daemon, which ends with the test.
    fn serve_and_post(&self) -> Process {
        let daemon = Process::start(self.command(&["serve"]).stderr(Stdio::null()));
        let connect = || TcpStream::connect(("127.0.0.1", self.port));
        wait_until("the daemon listens", Duration::from_secs(30), || connect().is_ok());
        let (headers, body) = (self.read("headers"), self.read("body"));
        let headers = headers.replace('\n', "\r\n");
        let length = body.len();
        let request = format!(
            "POST /webhooks/acme HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        let mut connection = connect().unwrap();
        connection.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        daemon
    }

    fn orders(&self) -> Value {
        let status = self.run(&["status", "--json"]);
        serde_json::from_slice::<Value>(&status.stdout).unwrap()["record"]["orders"].clone()
    }

    fn try_out(&self, arguments: &[&str]) -> Output {
        let question = ["config", "check", "--shop", "acme", "--sample", "body"];
        self.run(&[&question, arguments].concat())
    }
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn a_mapping_is_tried_with_a_body_and_its_headers() {
    let desk = Desk::new("order_shipped");
    let output = desk.try_out(&["--headers", "headers"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let told = text(&output.stdout);
    assert!(told.starts_with("genuine\n  order 820982911946154508 completed\n"), "{told}");
    assert!(told.contains("    total     19.900000000000000001 EUR\n"), "{told}");
    assert!(!told.contains("nothing is at"), "{told}");

    desk.change("afs.toml", "/data/order/customer/language", "/data/order/language");
    desk.change("afs.toml", "/data/order/placed_at", "/data/order/customer");
    let told = desk.try_out(&[]).stdout;
    let told = text(&told);
    assert!(told.starts_with("the signature was not looked at"), "{told}");
    assert!(told.contains("  nothing is at order.language = \"/data/order/language\"\n"), "{told}");
    assert!(told.contains("  of no use is order.placed_at = \"/data/order/customer\"\n"), "{told}");

    let output = desk.try_out(&["--format", "json", "--headers", "headers"]);
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&findings["signature"], &findings["error"]), (&json!("genuine"), &json!(null)));
    assert_eq!(findings["events"][0]["order"]["order"]["country"], "se");
    let misses = json!([
        { "key": "order.language", "path": "/data/order/language", "found": "nothing" },
        { "key": "order.placed_at", "path": "/data/order/customer", "found": "unusable" },
    ]);
    assert_eq!(findings["misses"], misses);
}

#[test]
fn a_mapping_that_does_not_fit_is_told_with_the_reason() {
    let fails = |desk: &Desk, arguments: &[&str], told: &str, error: &str| {
        let output = desk.try_out(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stdout).contains(told), "{}", text(&output.stdout));
        assert!(text(&output.stderr).contains(error), "{}", text(&output.stderr));
    };
    let desk = Desk::new("order_shipped");
    desk.change("afs.toml", "mapping-fixture-secret", "another");
    let headers = ["--headers", "headers"];
    fails(
        &desk,
        &headers,
        "not genuine: bad_signature\n  order 8209",
        "the signature does not fit",
    );
    desk.change("afs.toml", "/data/order/id", "/data/order/key");
    fails(&desk, &[], "kept, not read: /data/order/key: expected an id", "does not fit this body");

    let desk = Desk::new("event_in_no_list");
    fails(&desk, &[], "kept, not read: /event: expected a value that is in a list", "does not fit");
    let ignored = Desk::new("order_created").try_out(&[]);
    assert!(
        ignored.status.success() && text(&ignored.stdout).contains("  ignored: event_not_used")
    );
}

#[test]
fn only_a_mapping_can_be_tried() {
    let desk = Desk::new("order_shipped");
    let fails = |arguments: &[&str], code: i32, told: &str| {
        let output = desk.run(&[&["config", "check"], arguments].concat());
        assert_eq!(output.status.code(), Some(code));
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    };
    fails(&["--shop", "tea", "--sample", "body"], 1, "`tea` has no mapping");
    fails(&["--shop", "ink", "--sample", "body"], 1, "there is no shop `ink`");
    fails(&["--sample", "body"], 2, "--shop <ID>");
    fails(&["--shop", "acme"], 2, "--sample <FILE>");
    fails(&["--shop", "acme", "--sample", "nowhere"], 1, "nowhere");
    let alone = desk.run(&["config", "check"]);
    assert!(alone.status.success() && text(&alone.stdout).contains("afs.toml is sound."));
}

#[test]
fn a_webhook_that_the_mapping_does_not_know_is_kept_until_it_does() {
    let desk = Desk::new("event_in_no_list");
    let _daemon = desk.serve_and_post();
    assert_eq!(desk.orders(), json!(0));
    let replay = desk.run(&["webhook", "replay"]);
    assert_eq!(replay.status.code(), Some(1));
    let told = text(&replay.stdout);
    assert!(told.contains("acme: cannot be read: /event: expected a value that is in a"), "{told}");

    desk.change("afs.toml", "completed = [", "completed = [\"order.split\", ");
    let replay = desk.run(&["webhook", "replay"]);
    assert!(replay.status.success(), "{}", text(&replay.stderr));
    assert_eq!(desk.orders(), json!(1));
}

#[test]
fn a_request_is_inspected_as_the_shop_it_was_sent_to_would_read_it() {
    let desk = Desk::new("order_shipped");
    let inspect = |arguments: &[&str]| {
        let files = ["webhook", "inspect", "--headers", "headers", "--body", "body"];
        desk.run(&[&files, arguments].concat())
    };
    let told = inspect(&["--shop", "acme"]);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let expected = "genuine\n  order 820982911946154508 completed\n";
    assert!(text(&told.stdout).starts_with(expected), "{}", text(&told.stdout));
    assert_eq!(inspect(&["--shop", "tea"]).status.code(), Some(3), "signed for another shop");

    for (arguments, told) in [
        (&["--shop", "ink"][..], "there is no shop `ink`"),
        (&["--shop", "acme", "--platform", "shopify"], "cannot be used with"),
        (&["--platform", "shopify"], "--secret-file <FILE>"),
        (&["--platform", "mapping", "--secret-file", "body"], "--shop"),
    ] {
        let output = inspect(arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
    }
}
