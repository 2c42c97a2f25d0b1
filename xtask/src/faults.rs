//! The product under load and attack.

use crate::shell;

/// Beside the usual directory: the product is built with failpoints and known bugs, and must not be
/// taken for the real one.
const TARGET: &str = "target/armed";

/// Builds the armed programs and the fault runner, and passes `arguments` on to it.
pub(crate) fn run(release: bool, arguments: &[String]) -> anyhow::Result<()> {
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    let build = |package: &[&str]| {
        let build: Vec<&str> = ["build", "--bins", "--target-dir", TARGET]
            .iter()
            .chain(profile)
            .chain(package)
            .copied()
            .collect();
        shell::run("cargo", &build)
    };
    build(&["--package", "afs", "--features", "armed"])?;
    build(&["--package", "faults"])?;
    let directory = if release { "release" } else { "debug" };
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    shell::run(&format!("{TARGET}/{directory}/faults"), &arguments)
}
