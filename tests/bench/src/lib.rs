//! What the bench and its micro-benchmarks share.

pub mod orders;
