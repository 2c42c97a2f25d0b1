//! The commands of `afs` beside `serve`.

pub(crate) mod adapter;
pub(crate) mod bounce;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod doctor;
pub(crate) mod experiment;
pub(crate) mod explain;
pub(crate) mod mail;
pub(crate) mod migrate;
pub(crate) mod privacy;
pub(crate) mod shop;
pub(crate) mod simulate;
pub(crate) mod status;
pub(crate) mod suppression;
pub(crate) mod webhook;
pub(crate) mod words;

use std::io::Write as _;

/// Prints a line for the person at the terminal.
pub(crate) fn say(line: impl std::fmt::Display) {
    // Nobody reads any more, as in `afs status | head -1`: nothing is lost.
    let _read = writeln!(std::io::stdout().lock(), "{line}");
}

/// Prints what is wrong with a part, while the rest goes on.
pub(crate) fn say_warning(line: &str) {
    let _read = writeln!(std::io::stderr().lock(), "{line}");
}

/// Prints why a command failed, with all that led to it.
pub(crate) fn say_error(error: &anyhow::Error) {
    let _read = writeln!(std::io::stderr().lock(), "error: {error:#}");
}
