//! The timer: what the scripts of `queue` do in Redis, and what Redis may do to us.
//!
//! Simplified in one thing: the two channels share their ids and their worker's slots.

use std::collections::BTreeMap;

use domain::{InvitationId, ReviewId};

/// What can be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Job {
    /// Mail an invitation.
    Invitation(InvitationId),
    /// Verify a review.
    Review(ReviewId),
}

/// The right to work on a job until a point in time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) job: Job,
    until: i64,
}

/// After this time a job met in passing is looked at again, in milliseconds.
const RECHECK: i64 = 1_000;

/// Two sorted sets and a marker. All times are milliseconds of the caller's clock.
#[derive(Clone, Default)]
pub(crate) struct Timer {
    due: BTreeMap<Job, i64>,
    leases: BTreeMap<Job, i64>,
    marker: Option<u64>,
}

impl Timer {
    /// Wakes a job then; moves one that waits already.
    pub(crate) fn wake(&mut self, job: Job, due_at: i64) {
        self.due.insert(job, due_at);
    }

    /// Forgets a job that waits.
    pub(crate) fn cancel(&mut self, job: Job) {
        self.due.remove(&job);
    }

    /// Loses a job, as Redis should not.
    pub(crate) fn forget(&mut self, job: Job) {
        self.due.remove(&job);
        self.leases.remove(&job);
    }

    /// `fetch.lua`: leases jobs whose lease ran out, then those that are due.
    pub(crate) fn fetch(&mut self, now: i64, until: i64, limit: usize) -> Vec<Lease> {
        let mut taken = first(&self.leases, now, limit);
        while taken.len() < limit {
            let due = first(&self.due, now, limit - taken.len());
            if due.is_empty() {
                break;
            }
            for job in due {
                if self.leases.contains_key(&job) {
                    self.due.insert(job, now + RECHECK);
                } else {
                    self.due.remove(&job);
                    taken.push(job);
                }
            }
        }
        self.leases.extend(taken.iter().map(|job| (*job, until)));
        taken.into_iter().map(|job| Lease { job, until }).collect()
    }

    /// `ack.lua`: ends a lease, unless somebody else holds it by now.
    pub(crate) fn ack(&mut self, lease: Lease) {
        if self.leases.get(&lease.job) == Some(&lease.until) {
            self.leases.remove(&lease.job);
        }
    }

    /// `epoch.lua`: the marker of this life of the data; `fresh`, if there is none yet.
    pub(crate) fn epoch(&mut self, fresh: u64) -> u64 {
        *self.marker.get_or_insert(fresh)
    }

    /// The marker, if there is one.
    pub(crate) fn marker(&self) -> Option<u64> {
        self.marker
    }

    /// When the next fetch would find something that nobody works on.
    pub(crate) fn next(&self) -> Option<i64> {
        let due = self.due.iter().filter(|(job, _)| !self.leases.contains_key(job));
        due.map(|(_, score)| *score).chain(self.leases.values().copied()).min()
    }

    /// Every job it knows.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        self.due.keys().chain(self.leases.keys()).copied().collect()
    }
}

/// The first members of a sorted set with a score up to `now`.
fn first(set: &BTreeMap<Job, i64>, now: i64, limit: usize) -> Vec<Job> {
    let mut found: Vec<(i64, Job)> =
        set.iter().filter(|(_, score)| **score <= now).map(|(job, score)| (*score, *job)).collect();
    found.sort_unstable();
    found.truncate(limit);
    found.into_iter().map(|(_, job)| job).collect()
}
