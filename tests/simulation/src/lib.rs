//! The decisions of the product under simulated time.
#![expect(clippy::expect_used, reason = "test code")]

mod bug;
mod ledger;
mod people;
mod plan;
mod receiver;
pub mod record;
mod timer;
mod worker;
mod world;

use std::{collections::BTreeMap, fmt};

pub use bug::Bug;
pub use ledger::Invariant;

use jiff::Timestamp;

/// What happened in one or more runs.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Steps.
    pub steps: u64,
    /// Claims of invitations.
    pub claims: u64,
    /// Mails that the mail server took.
    pub mails: u64,
    /// Replies to the final dot that nobody heard.
    pub lost_replies: u64,
    /// Reviews stored.
    pub reviews: u64,
    /// Kills, by what the process was about to do.
    pub kills: BTreeMap<&'static str, u64>,
    /// Faults that struck at a time.
    pub strikes: BTreeMap<&'static str, u64>,
}

/// A promise that was broken, and how it came to that.
#[derive(Debug)]
pub struct Failure {
    /// Runs it again.
    pub seed: u64,
    /// The promise.
    pub invariant: Invariant,
    /// How it was broken.
    pub what: String,
    /// What happened to the order before that.
    pub time_line: Vec<(Timestamp, String)>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}: {}", self.seed, self.what)?;
        writeln!(f, "  broken: {}", self.invariant)?;
        for (at, what) in &self.time_line {
            writeln!(f, "  {at}  {what}")?;
        }
        Ok(())
    }
}

/// Runs one seed.
pub fn run(seed: u64, bug: Option<Bug>) -> Result<Tally, Box<Failure>> {
    let mut world = world::World::new(seed, bug, false);
    if world.run().is_ok() {
        return Ok(world.tally);
    }
    // Once more, with somebody who takes notes.
    let mut world = world::World::new(seed, bug, true);
    let violation = world.run().expect_err("a seed does the same twice");
    let notes = world.time_line.unwrap_or_default().into_iter();
    let about = |of: Option<usize>| of.is_none() || of == violation.order;
    Err(Box::new(Failure {
        seed,
        invariant: violation.invariant,
        what: violation.what,
        time_line: notes.filter(|(_, of, _)| about(*of)).map(|(at, _, what)| (at, what)).collect(),
    }))
}
