//! Running other programs.

use std::process::Command;

use anyhow::{Context as _, bail};

/// Runs `program`; says what failed if it does.
pub(crate) fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    run_with(program, arguments, &[])
}

/// Runs `program` with additional environment variables.
pub(crate) fn run_with(
    program: &str,
    arguments: &[&str],
    environment: &[(&str, &str)],
) -> anyhow::Result<()> {
    let line = format!("{program} {}", arguments.join(" "));
    say(&format!("\n$ {}", shorten(&line)));
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied());
    // Cargo told us about ourselves. A build script that looks at this would run again each time
    // that somebody builds with us and then without us.
    let about_us =
        |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(about_us) {
            command.env_remove(name);
        }
    }
    let status = command.status().with_context(|| format!("{program} does not start"))?;
    if status.success() { Ok(()) } else { bail!("failed: {}", shorten(&line)) }
}

/// What `program` prints.
pub(crate) fn output(program: &str, arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{program} does not start"))?;
    if !output.status.success() {
        bail!(
            "failed: {program} {}\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// `true` if a program of this name can be started.
pub(crate) fn exists(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", "command -v \"$0\"", program])
        .output()
        .is_ok_and(|o| o.status.success())
}

/// Tells the developer something.
#[expect(clippy::print_stderr, reason = "this is what a developer reads")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}

fn shorten(line: &str) -> String {
    match line.char_indices().nth(120) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}
