//! The queue without a server: asks the record what is due.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::{Channel, Clock, DueJob, DueJobs, Error, Lease, RECHECK, floor_ms, span_ms};

/// Polls [`DueJobs`] and keeps the leases in memory.
pub(crate) struct Record {
    due_jobs: Arc<dyn DueJobs>,
    clock: Clock,
    invitations: Mutex<State>,
    reviews: Mutex<State>,
    notices: Mutex<State>,
}

/// Of one channel.
#[derive(Default)]
struct State {
    /// The ids that must not be fetched, although the record may report them.
    held: HashMap<Uuid, Hold>,
    /// The group whose turn was last.
    last_turn: String,
}

struct Hold {
    /// In milliseconds since the Unix epoch.
    until: i64,
    /// The handler has returned; the id is held only until the record stops reporting it.
    finished: bool,
}

impl Record {
    pub(crate) fn new(due_jobs: Arc<dyn DueJobs>, clock: Clock) -> Self {
        let (invitations, reviews, notices) = Default::default();
        Self { due_jobs, clock, invitations, reviews, notices }
    }

    pub(crate) async fn fetch(
        &self,
        channel: Channel,
        limit: usize,
        lease: Duration,
    ) -> Result<Vec<Lease>, Error> {
        // Locked while the record is asked: an answer from before an `ack` would look like new work.
        let mut state = self.state(channel).await;
        let State { held, last_turn } = &mut *state;
        let time = (self.clock)();
        let now = floor_ms(time);
        held.retain(|_, hold| now < hold.until);

        // Held ids may come first in the answer, and must not hide those behind them.
        let ask = u32::try_from(limit.saturating_add(held.len())).unwrap_or(u32::MAX);
        let due = self.due_jobs.due(channel, time, ask, last_turn).await.map_err(Error::Record)?;

        held.retain(|id, hold| !hold.finished || due.iter().any(|job| job.id == *id));
        let until = now.saturating_add(span_ms(lease));
        let mut leases = Vec::with_capacity(limit);
        for DueJob { id, group } in due {
            if leases.len() == limit {
                break;
            }
            if let Entry::Vacant(entry) = held.entry(id) {
                entry.insert(Hold { until, finished: false });
                leases.push(Lease { id, until });
                *last_turn = group;
            }
        }
        Ok(leases)
    }

    /// Keeps the ids a little longer: if the record still reports one, its handler got nowhere, and
    /// running it again at once would only spin.
    pub(crate) async fn ack(&self, channel: Channel, leases: &[Lease]) {
        let held = &mut self.state(channel).await.held;
        let until = floor_ms((self.clock)()).saturating_add(span_ms(RECHECK));
        for lease in leases {
            if let Some(hold) = held.get_mut(&lease.id).filter(|hold| hold.until == lease.until) {
                *hold = Hold { until, finished: true };
            }
        }
    }

    pub(crate) async fn release(&self, channel: Channel, leases: &[Lease]) {
        let held = &mut self.state(channel).await.held;
        for lease in leases {
            if held.get(&lease.id).is_some_and(|hold| hold.until == lease.until) {
                held.remove(&lease.id);
            }
        }
    }

    async fn state(&self, channel: Channel) -> MutexGuard<'_, State> {
        match channel {
            Channel::Invitations => self.invitations.lock().await,
            Channel::Reviews => self.reviews.lock().await,
            Channel::Notices => self.notices.lock().await,
        }
    }
}
