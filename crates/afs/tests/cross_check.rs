//! Our verdict on signatures beside that of the platforms' own libraries, where there are some: what
//! they sign we accept, what we sign they accept, and what they refuse we refuse.
//!
//! `cargo xtask cross-check` installs the libraries and runs this.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};

use adapter_api::signed_sample;
use domain::{Change, EmailAddress, Item, Order, OrderEvent};
use fs_err as fs;
use jiff::Timestamp;
use serde_json::{Value, json};

/// Where we differ, and what the library says there.
const DIFFERENCES: [(&str, &str, bool); 4] = [
    // Paddle's library gives a request five seconds from its signature; we give it five minutes.
    ("paddle", "signed 200 s ago", false),
    // Of several signatures it takes the last one, and misses those of an older secret; we take any.
    ("paddle", "a wrong signature behind it", false),
    // Neither of these minds signatures from the future; we do, beyond five minutes.
    ("paddle", "signed 400 s ahead", true),
    ("stripe", "signed 400 s ahead", true),
];

/// The platforms whose libraries are asked.
const PLATFORMS: [&str; 5] = ["paddle", "saleor", "shopify", "standard_webhooks", "stripe"];

/// A secret of each form.
const SECRET: &str = "whsec_QUZTLXRlc3Qtc2VjcmV0LW9mLTMyLWJ5dGVzISE=";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Requests of ours, one for each platform.
#[expect(clippy::disallowed_methods, reason = "the libraries look at the clock")]
fn signed() -> Vec<Value> {
    // Ahead of the clock: it takes a while to load the libraries, and Paddle's gives five seconds.
    let at = Timestamp::try_from(SystemTime::now() + Duration::from_mins(1)).unwrap();
    let order = Order {
        reference: "820982911946154508".into(),
        number: Some("1001".into()),
        email: EmailAddress::parse("asa.lind@example.com").ok(),
        name: Some("Åsa Lind".into()),
        items: vec![Item { name: "Kaffe \"Mörk\"".into(), ..Item::default() }],
        ..Order::default()
    };
    let event = OrderEvent { change: Change::Completed, at: Some(at), order };
    let request = |platform: &&str| {
        let adapter = adapters::find(platform).unwrap();
        let (signing_key, secret) = keys(platform);
        let (headers, body) = signed_sample(adapter, &event, &signing_key, "msg_1", at);
        let headers: serde_json::Map<_, _> = headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().into()))
            .collect();
        let body = String::from_utf8(body).unwrap();
        json!({ "platform": platform, "secret": secret, "headers": headers, "body": body })
    };
    PLATFORMS.iter().map(request).collect()
}

/// What signs, and what verifies: the same, unless the platform has keys. Then those of the fixtures.
fn keys(platform: &str) -> (String, String) {
    let fixtures = repository().join("tests/fixtures/adapters").join(platform);
    let Ok(signing_key) = fs::read_to_string(fixtures.join("signing_key.txt")) else {
        return (SECRET.to_owned(), SECRET.to_owned());
    };
    let fixture = fs::read(fixtures.join("order_fulfilled.json")).unwrap();
    let fixture: Value = serde_json::from_slice(&fixture).unwrap();
    (signing_key.trim_end().to_owned(), fixture["secret"].as_str().unwrap().to_owned())
}

/// What the libraries say of these, of their own, and of each with something changed.
fn cases(dir: &Path, signed: &[Value]) -> Vec<Value> {
    let file = dir.join("signed.json");
    fs::write(&file, json!(signed).to_string()).unwrap();
    let libraries = repository().join("target/cross-check");
    let output = Command::new("node")
        .current_dir(libraries)
        .arg("cross-check.js")
        .arg(file)
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What `afs webhook inspect` says.
fn accepted(dir: &Path, case: &Value) -> bool {
    let text = |member: &str| case[member].as_str().unwrap();
    let headers = case["headers"].as_object().unwrap();
    let lines =
        headers.iter().map(|(name, value)| format!("{name}: {}\n", value.as_str().unwrap()));
    fs::write(dir.join("headers"), lines.collect::<String>()).unwrap();
    fs::write(dir.join("body"), text("body")).unwrap();
    fs::write(dir.join("secret"), text("secret")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_afs"))
        .env_clear()
        .current_dir(dir)
        .args(["webhook", "inspect", "--format", "json", "--platform", text("platform")])
        .args(["--secret-file", "secret", "--headers", "headers", "--body", "body"])
        .args(["--at", text("at")])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.is_empty(), "{error}");
    let findings: Value = serde_json::from_slice(&output.stdout).unwrap();
    findings["verified"].as_bool().unwrap()
}

#[test]
#[ignore = "needs Node.js and a download: cargo xtask cross-check"]
fn the_libraries_of_the_platforms_say_the_same_as_we() {
    let dir = tempfile::tempdir().unwrap();
    let signed = signed();
    let cases = cases(dir.path(), &signed);
    let mut differences = BTreeSet::new();
    let mut genuine = 0;
    for case in &cases {
        let (platform, change) =
            (case["platform"].as_str().unwrap(), case["change"].as_str().unwrap());
        let theirs = case["accepted"].as_bool().unwrap();
        if change == "nothing" {
            assert!(theirs, "{platform}: what one of us signed is genuine");
            genuine += 1;
        }
        let ours = accepted(dir.path(), case);
        let difference = (platform, change, theirs);
        if DIFFERENCES.contains(&difference) {
            differences.insert(difference);
        }
        assert_eq!(ours != theirs, DIFFERENCES.contains(&difference), "{difference:?}");
    }
    assert_eq!(genuine, 2 * PLATFORMS.len(), "each platform, signed by us and by its library");
    assert_eq!(differences.len(), DIFFERENCES.len(), "only {differences:?} were met");
}
