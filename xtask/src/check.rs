//! What can be checked without running anything.

use crate::{
    adapter_pages, layers,
    shell::{self, exists, output, say},
};

/// The version is named so that a new release of the checker does not change what passes.
const CARGO_DENY: &str = "0.20.2";

/// Checks format, lints, docs, layers, pages, licences and advisories.
pub(crate) fn run() -> anyhow::Result<()> {
    format()?;
    layers::check()?;
    adapter_pages::check()?;
    shell::run(
        "cargo",
        &["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"],
    )?;
    shell::run_with(
        "cargo",
        &["doc", "--workspace", "--no-deps", "--document-private-items"],
        &[("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links")],
    )?;
    dependencies()
}

/// `cargo fmt` does not see modules that a macro declares, as the list of adapters does.
fn format() -> anyhow::Result<()> {
    let files = output("git", &["ls-files", "--cached", "--others", "--exclude-standard", "*.rs"])?;
    let mut arguments = vec!["--check", "--edition", "2024"];
    arguments.extend(files.lines());
    shell::run("rustfmt", &arguments)
}

fn dependencies() -> anyhow::Result<()> {
    if !exists("cargo-deny") {
        say("cargo-deny is missing: installing, which takes some minutes once.");
        shell::run("cargo", &["install", "--locked", "--version", CARGO_DENY, "cargo-deny"])?;
    }
    shell::run("cargo", &["deny", "check", "licenses", "bans", "sources"])?;
    if let Err(error) = shell::run("cargo", &["deny", "fetch", "db"]) {
        // The database is a repository of its own. Without a way to it, what is known about our
        // dependencies cannot be looked up; that is told, and is no fault of theirs.
        say(&format!("advisories NOT checked, their database cannot be reached: {error}"));
        return Ok(());
    }
    shell::run("cargo", &["deny", "check", "advisories"])
}
