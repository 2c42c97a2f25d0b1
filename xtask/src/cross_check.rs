//! Our verdict on signatures beside that of the platforms' own libraries.

use std::path::Path;

use anyhow::Context as _;
use fs_err as fs;

use crate::shell::{self, exists, say};

/// What says which libraries, and asks them.
const FROM: &str = "tests/cross-check";

/// Where they are installed.
const TO: &str = "target/cross-check";

const FILES: [&str; 3] = ["package.json", "package-lock.json", "cross-check.js"];

/// Installs the libraries, unless that was done before, and runs the test that asks them.
pub(crate) fn run() -> anyhow::Result<()> {
    if !exists("node") || !exists("npm") {
        say("NOT compared with the platforms' libraries: they need Node.js 20 or newer with npm.");
        return Ok(());
    }
    fs::create_dir_all(TO)?;
    for file in FILES {
        fs::copy(Path::new(FROM).join(file), Path::new(TO).join(file))?;
    }
    let (wanted, done) = (Path::new(TO).join("package-lock.json"), Path::new(TO).join("installed"));
    let wanted = fs::read(wanted)?;
    if fs::read(&done).ok().as_ref() != Some(&wanted) {
        shell::run("npm", &["ci", "--prefix", TO, "--no-audit", "--no-fund", "--ignore-scripts"])
            .context("the libraries cannot be installed")?;
        fs::write(done, wanted)?;
    }
    shell::run("cargo", &["test", "--package", "afs", "--test", "cross_check", "--", "--ignored"])
}
