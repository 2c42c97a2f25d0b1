//! The decisions of the product under simulated time, faults and interleavings.
//!
//! One seed is one small world: some shops, buyers and orders, one to five processes, a record, a
//! Redis and a mail server, over a few days of virtual time. Nothing sleeps, nothing touches a
//! disk or a network, and one thread does everything, so a seed does the same twice and takes less
//! than a millisecond. First anything may fail; then nothing fails any more, and everything must
//! come to its end. Promises ([`Invariant`]) are checked at each step they are about, and at the
//! end. A promise that breaks tells the seed and what happened to the order.
//!
//! What is real: `domain` (decisions, retries, send windows, links, checks of reviews), with the
//! types of `store`. What is modelled, from the bottom up:
//!
//! | module | stands for |
//! |---|---|
//! | [`record`] | the conditional updates of `store`; compared with SQLite in `tests/record.rs` |
//! | `timer` | the sorted sets of `queue` in a Redis that loses, repeats and comes back old |
//! | `receiver` | `receiver`: webhooks, the review form, the way to stop mail |
//! | `worker` | `worker` and the fetching of `queue`: send, verify, reconcile; the mail server |
//! | `people` | platforms that repeat, buyers, scanners, forgers |
//! | `plan` | what a seed draws: orders, and which faults strike how often |
//! | `world` | virtual time, processes that are killed and stopped, clocks that step |
//! | `ledger` | what truly happened, and the promises |
//! | `bug` | known bugs, to show that they would be seen |
//!
//! Not modelled: groups of events that share a transaction, pages of a thousand wake-ups, the
//! queue without Redis, a reload of the configuration.
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

impl Tally {
    /// Adds what happened in another run.
    pub fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.claims += other.claims;
        self.mails += other.mails;
        self.lost_replies += other.lost_replies;
        self.reviews += other.reviews;
        for (into, from) in [(&mut self.kills, &other.kills), (&mut self.strikes, &other.strikes)] {
            for (name, count) in from {
                *into.entry(name).or_default() += count;
            }
        }
    }
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
