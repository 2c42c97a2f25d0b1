//! Idle connections, and the count of all.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, sleep},
};

use super::{Limits, connection::Connection};

/// Whoever opens, uses or closes a connection holds a slot meanwhile. A new one is opened only by
/// somebody who found none idle, and a connection goes idle before its slot is free: so there are
/// never more connections than slots.
pub(super) struct Pool {
    limits: Limits,
    slots: Arc<Semaphore>,
    idle: Mutex<Idle>,
}

/// The right to one connection.
pub(super) struct Slot(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

#[derive(Default)]
struct Idle {
    /// With the time since when, oldest first.
    connections: VecDeque<(Instant, Connection)>,
    /// Whether a task closes them when their time has come.
    watched: bool,
}

/// What the watching task finds.
enum Oldest {
    Expired(Connection),
    ExpiresIn(Duration),
    None,
}

impl Pool {
    pub(super) fn new(limits: Limits) -> Self {
        let slots = Arc::new(Semaphore::new(limits.connections.get()));
        Self { limits, slots, idle: Mutex::default() }
    }

    /// Waits until one more connection may be open.
    pub(super) async fn slot(&self) -> Slot {
        #[expect(clippy::expect_used, reason = "the semaphore is never closed")]
        let permit = Arc::clone(&self.slots).acquire_owned().await.expect("open semaphore");
        Slot(permit)
    }

    /// The connection that went idle last, if it still seems alive. Needs a slot.
    pub(super) fn take(&self) -> Option<Connection> {
        loop {
            let (_, mut connection) = self.idle().connections.pop_back()?;
            if connection.is_quiet() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection that may carry another message; drops any other.
    pub(super) fn give_back(self: &Arc<Self>, connection: Connection, slot: Slot) {
        if !connection.is_reusable() {
            // Before the slot, which else could be somebody's while the connection still is.
            drop(connection);
            return;
        }
        if connection.messages() >= self.limits.messages || connection.age() >= self.limits.age {
            tokio::spawn(async move {
                connection.quit().await;
                drop(slot);
            });
            return;
        }
        let mut idle = self.idle();
        idle.connections.push_back((Instant::now(), connection));
        if !idle.watched {
            idle.watched = true;
            tokio::spawn(Self::watch(Arc::downgrade(self), self.limits.idle));
        }
    }

    /// Takes leave of the server on all idle connections.
    pub(super) async fn close(&self) {
        let count = self.idle().connections.len();
        join_all((0..count).map(|_| async {
            let _slot = self.slot().await;
            let oldest = self.idle().connections.pop_front();
            if let Some((_, connection)) = oldest {
                connection.quit().await;
            }
        }))
        .await;
    }

    /// Closes connections that idled for too long, until none is idle.
    async fn watch(pool: Weak<Self>, mut wait: Duration) {
        loop {
            sleep(wait).await;
            let Some(pool) = pool.upgrade() else { return };
            let _slot = pool.slot().await;
            wait = match pool.oldest() {
                Oldest::Expired(connection) => {
                    connection.quit().await;
                    Duration::ZERO
                }
                Oldest::ExpiresIn(rest) => rest,
                Oldest::None => return,
            };
        }
    }

    fn oldest(&self) -> Oldest {
        let mut idle = self.idle();
        let Some((since, _)) = idle.connections.front() else {
            idle.watched = false;
            return Oldest::None;
        };
        let rest = self.limits.idle.saturating_sub(since.elapsed());
        if !rest.is_zero() {
            return Oldest::ExpiresIn(rest);
        }
        idle.connections
            .pop_front()
            .map_or(Oldest::None, |(_, connection)| Oldest::Expired(connection))
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_that_finds_nothing_idle_makes_room_for_the_next() {
        let pool = Pool::new(Limits::default());
        pool.idle().watched = true;
        assert!(matches!(pool.oldest(), Oldest::None));
        assert!(!pool.idle().watched);
    }
}
