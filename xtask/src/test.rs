//! Every test, with everything it needs.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::shell::{self, exists, output, say};

/// A program that tests start, and the Debian package it comes from.
struct Server {
    package: &'static str,
    is_there: fn() -> bool,
}

const SERVERS: [Server; 4] = [
    Server { package: "redis-server", is_there: || exists("redis-server") },
    Server { package: "postgresql", is_there: has_postgres },
    Server {
        package: "python3-aiosmtpd",
        is_there: || output("/usr/bin/python3", &["-c", "import aiosmtpd"]).is_ok(),
    },
    Server { package: "openssl", is_there: || exists("openssl") },
];

/// Installs what is missing, builds the programs and runs every test against them.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    install_servers()?;
    shell::run("cargo", &["build", "--package", "afs", "--bins"])?;
    let mut test = vec!["test", "--workspace"];
    test.extend(arguments.iter().map(String::as_str));
    let environment = [
        // A snapshot that differs is a failure, never a file to review later.
        ("INSTA_UPDATE", "no"),
        // Tests with real servers wait most of the time.
        ("RUST_TEST_THREADS", "4"),
    ];
    shell::run_with("cargo", &test, &environment)
}

fn install_servers() -> anyhow::Result<()> {
    let missing: Vec<&str> =
        SERVERS.iter().filter(|server| !(server.is_there)()).map(|server| server.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("The tests start {}: installing.", missing.join(", ")));
    if !exists("apt-get") {
        bail!(
            "this is not Debian: install {} with your system's package manager",
            missing.join(", ")
        );
    }
    let root = output("id", &["-u"])?.trim() == "0";
    let apt = |arguments: &[&str]| {
        let mut line = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
        line.extend(arguments);
        if root { shell::run(line[0], &line[1..]) } else { shell::run("sudo", &line) }
    };
    apt(&["update", "-q"]).context("apt-get has no package lists")?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

/// Debian keeps Postgres's programs out of the path.
fn has_postgres() -> bool {
    let installed = Path::new("/usr/lib/postgresql").read_dir().into_iter().flatten().flatten();
    exists("initdb")
        || installed.into_iter().any(|version| version.path().join("bin/initdb").exists())
}
