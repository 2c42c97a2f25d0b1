//! The product beside its peers.

use crate::{
    packages::{self, POSTGRES, REDIS},
    shell,
};

/// Builds what operators run and what measures it, and passes `arguments` on.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    packages::install(&[REDIS, POSTGRES])?;
    shell::run("cargo", &["build", "--release", "--bins", "--package", "afs"])?;
    shell::run("cargo", &["build", "--release", "--bins", "--package", "bench"])?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    shell::run("target/release/bench", &arguments)
}
