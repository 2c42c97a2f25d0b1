//! The product under load and attack, real and simulated.

use std::path::Path;

use crate::{
    packages::{self, LIBFAKETIME, POSTGRES, REDIS},
    shell,
};

/// Where the armed programs are kept: the usual place is for the real ones.
const ARMED: &str = "target/armed";

/// What is kept there: the product with failpoints and known bugs, and who runs it.
const PROGRAMS: [&str; 4] = ["afs", "afs-receiver", "afs-worker", "faults"];

/// Builds the armed programs and the fault runner, and passes `arguments` on to it.
pub(crate) fn run(release: bool, arguments: &[String]) -> anyhow::Result<()> {
    packages::install(&[REDIS, POSTGRES, LIBFAKETIME])?;
    build(release, &["--package", "faults"])?;
    build(release, &["--package", "afs", "--features", "armed"])?;
    let profile = if release { "release" } else { "debug" };
    let armed = Path::new(ARMED).join(profile);
    keep(&Path::new("target").join(profile), &armed)?;
    // The programs in the usual place are the real ones again. Both builds are kept: this takes no
    // time.
    build(release, &["--package", "afs"])?;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    shell::run(&armed.join("faults").display().to_string(), &arguments)
}

/// Runs the simulation, and passes `arguments` on to it.
pub(crate) fn simulate(release: bool, arguments: &[String]) -> anyhow::Result<()> {
    build(release, &["--package", "simulation"])?;
    let program = if release { "target/release/simulation" } else { "target/debug/simulation" };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    shell::run(program, &arguments)
}

fn build(release: bool, package: &[&str]) -> anyhow::Result<()> {
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    shell::run("cargo", &[&["build", "--bins"], profile, package].concat())
}

fn keep(built: &Path, armed: &Path) -> anyhow::Result<()> {
    fs_err::create_dir_all(armed)?;
    for program in PROGRAMS {
        let (from, to) = (built.join(program), armed.join(program));
        // Under a new name first: somebody may be running the old one.
        let draft = to.with_extension("draft");
        fs_err::copy(&from, &draft)?;
        fs_err::rename(draft, to)?;
    }
    Ok(())
}
