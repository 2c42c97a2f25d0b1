//! What the documents on security name is there, and what they say of the units holds.
#![expect(clippy::unwrap_used, reason = "test code")]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names in the last column of every table that calls it “test”.
fn named(document: &str) -> Vec<String> {
    let (mut names, mut in_table) = (Vec::new(), false);
    for line in document.lines() {
        let Some(row) = line.strip_prefix('|').and_then(|row| row.strip_suffix('|')) else {
            in_table = false;
            continue;
        };
        let last = row.rsplit('|').next().unwrap().trim();
        in_table |= last == "test";
        if in_table {
            names.extend(last.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    names
}

fn sources(dir: &Path, text: &mut String) {
    for entry in fs_err::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs_err::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut code = String::new();
    for dir in ["crates", "tests"] {
        sources(&repository().join(dir), &mut code);
    }
    for document in ["docs/security.md", "docs/asvs.md"] {
        let text = fs_err::read_to_string(repository().join(document)).unwrap();
        let names = named(&text);
        assert!(names.len() > 30, "{document} names only {names:?}");
        for name in names {
            assert!(code.contains(&format!("fn {name}(")), "{document}: no test is called {name}");
        }
    }
}

/// As `deploy/README.md` says: at most 1.2 on systemd's scale, where 10 is worst.
#[test]
fn units_expose_little_of_the_machine() {
    for unit in ["afs", "afs-receiver", "afs-worker"] {
        let unit = repository().join(format!("deploy/systemd/{unit}.service"));
        let analysis = Command::new("systemd-analyze")
            .args(["security", "--offline=true", "--no-pager", "--threshold=12"])
            .arg(unit)
            .output();
        let Ok(analysis) = analysis else {
            eprintln!("skipped: the exposure of the units, since systemd-analyze is not there");
            return;
        };
        assert!(analysis.status.success(), "{}", String::from_utf8_lossy(&analysis.stdout));
    }
}
