//! What strangers can do to the public port, and what they cannot.
//!
//! | module | what is promised there |
//! |---|---|
//! | [`connections`] | slow, idle and too many connections take no order's place |
//! | [`requests`] | heads and bodies are bounded, and nobody smuggles a request |
//! | [`overload`] | what the record cannot take is refused in time, and what a storm took is given back |
//! | [`strangers`] | whoever cannot sign writes neither the record nor the log nor the metrics |
//!
//! `docs/security.md` names these tests, row by row.
#![expect(clippy::unwrap_used, reason = "test code")]

mod connections;
mod overload;
mod requests;
mod server;
mod strangers;
mod wire;
