//! What tests share: real servers on free ports, ended when they go out of scope.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "test code")]

pub mod servers;
