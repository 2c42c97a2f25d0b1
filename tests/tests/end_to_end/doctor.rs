//! `afs doctor` with real servers: what is as it should be, and what is not.

use std::{
    fs::Permissions,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Output,
};

use mail::testkit::Script;
use tempfile::TempDir;
use tests::{
    dns::NameServer,
    installation::{Installation, Profile, Setup},
    on_both_profiles,
};

on_both_profiles! {
    the_doctor_finds_no_fault_where_there_is_none_and_changes_nothing,
    the_doctor_names_each_fault_and_its_remedy,
}

const ZONE: &str = "
    shop.example          MX   mx.shop.example
    shop.example          TXT  v=spf1 ip4:203.0.113.0/24 -all
    mx.shop.example       A    198.51.100.25
    reviews.shop.example  A    198.51.100.80
    _dmarc.shop.example   TXT  v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example
";

/// An installation that a merchant could have, the name server that knows it, and where its key is.
async fn installation(profile: Profile) -> (Installation, NameServer, TempDir) {
    let mut afs = Setup::new(profile)
        .set("server.public_url", "https://reviews.shop.example")
        .set("sender.address", "reviews@shop.example")
        .set("sender.reply_to", "service@shop.example")
        .set("sender.postal_address", "Shop AB, Storgatan 1, 111 22 Stockholm, Sweden")
        .mail_server(Script::new().auth("PLAIN", "afs", "mail-password"))
        .start()
        .await;
    let keys = tempfile::tempdir().unwrap();
    let key = keys.path().join("rsa.pem");
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/mail/tests/keys/rsa.pem");
    fs_err::copy(made, &key).unwrap();
    fs_err::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let key = key.to_str().unwrap();
    let published =
        afs.afs(&["mail", "dkim-key", key, "--domain", "shop.example", "--selector", "afs1"]);
    let published = String::from_utf8(published.stdout).unwrap();
    // What stands between quotes, in one.
    let record: String = published.split('"').skip(1).step_by(2).collect();
    for (setting, value) in [
        ("sender.dkim.domain", "shop.example"),
        ("sender.dkim.selector", "afs1"),
        ("sender.dkim.key_file", key),
        ("mail.smtp.username", "afs"),
        ("mail.smtp.password", "mail-password"),
    ] {
        afs.set(setting, value);
    }
    let zone = format!("{ZONE}\n afs1._domainkey.shop.example TXT {record}");
    let dns = NameServer::start(&zone).await;
    (afs, dns, keys)
}

fn doctor(afs: &Installation, dns: &NameServer, arguments: &[&str]) -> Output {
    let resolver = dns.address().to_string();
    afs.afs(&[&["doctor", "--resolver", &resolver], arguments].concat())
}

fn text(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    for secret in ["mail-password", "redis-password", "postgres-password", "the-link-key"] {
        assert!(!text.contains(secret), "{text}");
    }
    text
}

async fn the_doctor_finds_no_fault_where_there_is_none_and_changes_nothing(profile: Profile) {
    let (afs, dns, _keys) = installation(profile).await;
    let before = afs.status();

    let found = doctor(&afs, &dns, &[]);

    let told = text(&found);
    assert!(found.status.success(), "{told}");
    let stored = match profile {
        Profile::Embedded => ["WAL", "no damage"],
        Profile::Distributed => ["fsync, full_page_writes", "none (noeviction)"],
    };
    for line in ["afs1._domainkey.shop.example has the public half", "we signed in", "no faults"] {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    for line in stored {
        assert!(told.contains(line), "{line} is not in\n{told}");
    }
    assert!(afs.mails().is_empty());
    assert_eq!(afs.status().orders(), before.orders());
    let json = doctor(&afs, &dns, &["--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["faults"], 0);
}

async fn the_doctor_names_each_fault_and_its_remedy(profile: Profile) {
    let (mut afs, dns, _keys) = installation(profile).await;
    dns.publish("");
    afs.set("mail.smtp.password", "another-password");
    afs.set("server.public_url", "http://reviews.shop.example");
    let mut expected = vec![
        ("shop.example has no SPF record", "shop.example. TXT \"v=spf1 "),
        ("there is no record at afs1._domainkey.shop.example", "p=MII"),
        ("has a DMARC record", "_dmarc.shop.example. TXT \"v=DMARC1; p=none; rua="),
        ("it refuses our login: 535", "Check username and password_file"),
        ("it is not encrypted", "public_url = \"https://"),
        ("reviews.shop.example has no address", "reviews.shop.example. A "),
    ];
    if profile == Profile::Distributed {
        afs.change_record("ALTER SYSTEM SET fsync = off".to_owned()).await;
        afs.change_record("SELECT pg_reload_conf()".to_owned()).await;
        set_in_redis(&afs.redis().url(), "maxmemory 100mb");
        set_in_redis(&afs.redis().url(), "maxmemory-policy allkeys-lru");
        expected.push(("`fsync` is off", "fsync = on"));
        expected.push(("maxmemory-policy is `allkeys-lru`", "maxmemory-policy noeviction"));
    }

    let found = doctor(&afs, &dns, &[]);

    assert_eq!(found.status.code(), Some(1));
    let told = text(&found);
    for (fault, remedy) in expected {
        assert!(told.contains(fault) && told.contains(remedy), "{fault}: {remedy}\n{told}");
    }
    let offline = text(&doctor(&afs, &dns, &["--offline"]));
    assert!(offline.contains("it is not encrypted") && !offline.contains("SPF"), "{offline}");
}

fn set_in_redis(url: &str, setting: &str) {
    let mut server = TcpStream::connect(url.trim_start_matches("redis://")).unwrap();
    server.write_all(format!("CONFIG SET {setting}\r\n").as_bytes()).unwrap();
    let mut answer = [0; 3];
    server.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"+OK");
}

#[test]
fn a_name_server_is_an_address() {
    let dir = tempfile::tempdir().unwrap();
    let doctor = |resolver| {
        let mut command = tests::installation::program("afs", dir.path());
        command.args(["doctor", "--resolver", resolver]).output().unwrap()
    };
    let refused = doctor("dns.example");
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("9.9.9.9"));
}
