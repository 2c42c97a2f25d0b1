//! What runs inside shops, in real installations of their platforms.

use std::path::Path;

use anyhow::{Context as _, bail};
use clap::ValueEnum;

use crate::{
    packages::{self, POSTGRES, REDIS},
    shell::{self, exists, output, say},
};

/// What merchants install.
const INTEGRATIONS: &str = "deploy/integrations";

/// What their platforms are tried with.
const PROJECTS: &str = "tests/tests/integrations";

/// Where the platforms are installed. Kept, so that the next run is faster.
const INSTALLED: &str = "target/integrations";

/// The oldest that the platforms run on.
const NODE_MAJOR_MIN: u32 = 20;

/// A platform that npm installs.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Platform {
    Vendure,
    Medusa,
}

impl Platform {
    fn name(self) -> &'static str {
        match self {
            Self::Vendure => "vendure",
            Self::Medusa => "medusa",
        }
    }

    /// What its page tells merchants to copy, and where to.
    fn copied(self) -> (&'static str, &'static str) {
        match self {
            Self::Vendure => ("afs", "src/plugins/afs"),
            Self::Medusa => ("src", "src"),
        }
    }
}

/// Checks what is in PHP, installs the platforms and runs the tests that need them.
pub(crate) fn run(platform: Option<Platform>) -> anyhow::Result<()> {
    check_php()?;
    check_node()?;
    packages::install(&[REDIS, POSTGRES])?;
    shell::run("cargo", &["build", "--package", "afs", "--bins"])?;
    let all = Platform::value_variants();
    for platform in platform.as_ref().map_or(all, std::slice::from_ref) {
        install(*platform)?;
        shell::run(
            "cargo",
            &[
                "test",
                "--package",
                "tests",
                "--test",
                "integrations",
                "--",
                "--ignored",
                platform.name(),
            ],
        )?;
    }
    Ok(())
}

/// That every file is PHP, and that what is signed is what AFS expects.
fn check_php() -> anyhow::Result<()> {
    if !exists("php") {
        say("what is in PHP is NOT checked: there is no php (Debian: php-cli)");
        return Ok(());
    }
    let files = output("find", &[INTEGRATIONS, "-name", "*.php"])?;
    for file in files.lines() {
        output("php", &["-l", file])?;
    }
    shell::run("php", &[&format!("{PROJECTS}/signing.php")])
}

fn check_node() -> anyhow::Result<()> {
    if !exists("node") || !exists("npm") {
        bail!("Vendure and Medusa need Node.js {NODE_MAJOR_MIN} or newer with npm: install them");
    }
    let version = output("node", &["--version"])?;
    let major = version.trim_start_matches('v').split('.').next().unwrap_or_default();
    if major.parse::<u32>().context(version.clone())? < NODE_MAJOR_MIN {
        bail!("Vendure and Medusa need Node.js {NODE_MAJOR_MIN} or newer: this is {version}");
    }
    Ok(())
}

/// Makes a project of the platform with our integration in it, as its page says, and compiles it:
/// then the integration fits the platform's types.
fn install(platform: Platform) -> anyhow::Result<()> {
    let name = platform.name();
    let project = format!("{INSTALLED}/{name}");
    let (from, to) = platform.copied();
    if Path::new(&project).join("src").exists() {
        fs_err::remove_dir_all(format!("{project}/src"))?;
    }
    copy(&format!("{PROJECTS}/{name}"), &project)?;
    copy(&format!("{INTEGRATIONS}/{name}/{from}"), &format!("{project}/{to}"))?;
    say(&format!("{name} is installed from npm into {project}: this takes minutes once."));
    shell::run("npm", &["install", "--prefix", &project, "--no-audit", "--no-fund"])?;
    shell::run("node", &[&format!("{project}/node_modules/typescript/bin/tsc"), "-p", &project])
}

fn copy(from: &str, to: &str) -> anyhow::Result<()> {
    fs_err::create_dir_all(to)?;
    shell::run("cp", &["-R", &format!("{from}/."), to])
}
