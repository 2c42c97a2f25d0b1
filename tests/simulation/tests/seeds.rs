//! A fixed range of seeds keeps every promise, and each known bug breaks one.

use simulation::{Bug, run};

/// Enough for a debug build; `cargo run -p simulation --release` runs as many as there is time for.
const SEEDS: u64 = 300;

/// The rarest bug is caught well within this many.
const SEEDS_TO_CATCH: u64 = 3_000;

#[test]
fn no_seed_breaks_a_promise() {
    for seed in 0..SEEDS {
        if let Err(failure) = run(seed, None) {
            panic!("{failure}");
        }
    }
}

#[test]
fn every_known_bug_is_caught() {
    for bug in Bug::ALL {
        let caught = (0..SEEDS_TO_CATCH).find(|seed| run(*seed, Some(bug)).is_err());
        assert!(caught.is_some(), "{} is not caught", bug.as_str());
    }
}
