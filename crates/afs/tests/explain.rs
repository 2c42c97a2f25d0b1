//! `afs explain` and `afs simulate`, as somebody at a terminal runs them.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{path::Path, process::Command};

const SHOP: &str = "[database]\nurl = 'sqlite:afs.db'\n[shops.tea]\nplatform = 'woocommerce'\n\
                    name = 'Tea'\nsecrets = ['a secret']\n[shops.tea.invitations]\n";

/// What `afs` says when it fails.
fn fails(dir: &Path, arguments: &[&str]) -> String {
    let mut afs = Command::new(env!("CARGO_BIN_EXE_afs"));
    let output = afs.env_clear().current_dir(dir).args(arguments).output().unwrap();
    assert!(!output.status.success());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn what_is_missing_or_unsound_is_said_and_no_record_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name, text: String| fs_err::write(dir.path().join(name), text).unwrap();
    write("afs.toml", SHOP.to_owned());
    write("new.toml", format!("{SHOP}delay_days = 7\n"));
    write("bad.toml", format!("{SHOP}delay_dayz = 7\n"));

    let said = fails(dir.path(), &["explain", "--shop", "tea", "--order", "1"]);
    assert!(said.contains("there is no record yet"), "{said}");
    let said = fails(dir.path(), &["simulate", "new.toml", "--since", "12h"]);
    assert!(said.contains("there is no record yet"), "{said}");
    let said = fails(dir.path(), &["simulate", "bad.toml"]);
    assert!(said.contains("bad.toml:8:1") && said.contains("did you mean `delay_days`?"), "{said}");
    let said = fails(dir.path(), &["simulate", "new.toml", "--shop", "paper"]);
    assert!(said.contains("there is no shop paper"), "{said}");
    assert!(!dir.path().join("afs.db").exists());
}
