//! Our verdicts and signatures beside those of libraries that are not ours.

use std::path::Path;

use anyhow::Context as _;
use fs_err as fs;

use crate::shell::{self, exists, output, say};

/// What says which libraries, and asks them.
const FROM: &str = "tests/cross-check";

/// Where they are installed.
const TO: &str = "target/cross-check";

const FILES: [&str; 3] = ["package.json", "package-lock.json", "cross-check.js"];

/// Installs the libraries, unless that was done before, and runs the tests that ask them.
pub(crate) fn run() -> anyhow::Result<()> {
    fs::create_dir_all(TO)?;
    webhooks()?;
    mails()
}

/// Signatures of webhooks, by the platforms' own libraries.
fn webhooks() -> anyhow::Result<()> {
    if !exists("node") || !exists("npm") {
        say("NOT compared with the platforms' libraries: they need Node.js 20 or newer with npm.");
        return Ok(());
    }
    for file in FILES {
        fs::copy(Path::new(FROM).join(file), Path::new(TO).join(file))?;
    }
    install("package-lock.json", || {
        shell::run("npm", &["ci", "--prefix", TO, "--no-audit", "--no-fund", "--ignore-scripts"])
    })?;
    shell::run("cargo", &["test", "--package", "afs", "--test", "cross_check", "--", "--ignored"])
}

/// Signatures of mails, by a library for Python.
fn mails() -> anyhow::Result<()> {
    if output("python3", &["-c", "import ensurepip, venv"]).is_err() {
        say("NOT compared with dkimpy: it needs Python 3 with venv (Debian: python3-venv).");
        return Ok(());
    }
    install("requirements.txt", || {
        let (venv, wanted) = (format!("{TO}/venv"), format!("{FROM}/requirements.txt"));
        shell::run("python3", &["-m", "venv", "--clear", &venv])?;
        shell::run(&format!("{venv}/bin/pip"), &["install", "--quiet", "--requirement", &wanted])
    })?;
    shell::run("cargo", &["test", "--package", "mail", "--test", "dkim", "--", "--ignored"])
}

/// Installs what the file `list` asks for, unless just that was installed before.
fn install(list: &str, install: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let wanted = fs::read(Path::new(FROM).join(list))?;
    let done = Path::new(TO).join(format!("installed-{list}"));
    if fs::read(&done).ok().as_ref() != Some(&wanted) {
        install().context("the libraries cannot be installed")?;
        fs::write(done, wanted)?;
    }
    Ok(())
}
