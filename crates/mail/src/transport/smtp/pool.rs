//! Idle connections, and the count of all.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use futures::future::join_all;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::{Instant, sleep, timeout},
};

use super::{
    Limits,
    connection::{Connection, Envelope},
};

/// How long to wait for a connection on which the reply to somebody else's message is due. Then it
/// is closed, and another one is as good.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(30);

/// Whoever opens, uses or closes a connection holds a slot meanwhile. A new one is opened only by
/// somebody who found none idle, and a connection goes idle before its slot is free: so there are
/// never more connections than slots.
pub(super) struct Pool {
    limits: Limits,
    slots: Arc<Semaphore>,
    idle: Mutex<Idle>,
    queue: Mutex<Queue>,
}

/// Who waits for a slot, in order.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Next>,
    /// The last ticket given out.
    tickets: u64,
}

/// A message that waits for a connection.
pub(super) struct Next {
    ticket: u64,
    /// What is to be said for it.
    envelope: Envelope,
    hand_over: HandOver,
}

/// Takes the connection on which an envelope was said, with its slot.
type HandOver = oneshot::Sender<(Connection, Slot)>;

impl Next {
    /// The commands of the envelope.
    pub(super) fn group(&self) -> String {
        self.envelope.group()
    }
}

/// What ends the waiting for a connection.
pub(super) enum Turn {
    /// There may be one more.
    Free(Slot),
    /// Our envelope was said on this one, and its replies are due.
    HandedOver(Connection, Slot),
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
        Self { limits, slots, idle: Mutex::default(), queue: Mutex::default() }
    }

    /// Waits until one more connection may be open.
    pub(super) async fn slot(&self) -> Slot {
        #[expect(clippy::expect_used, reason = "the semaphore is never closed")]
        let permit = Arc::clone(&self.slots).acquire_owned().await.expect("open semaphore");
        Slot(permit)
    }

    /// Waits until one more connection may be open, or until somebody has said `envelope` behind
    /// their own message and leaves us the connection.
    pub(super) async fn turn(&self, envelope: &Envelope) -> Turn {
        loop {
            if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
                return Turn::Free(Slot(slot));
            }
            let (hand_over, mut handed_over) = oneshot::channel();
            let ticket = self.queue_up(envelope.clone(), hand_over);
            tokio::select! {
                biased;
                handed_over = &mut handed_over => {
                    if let Ok((connection, slot)) = handed_over {
                        return Turn::HandedOver(connection, slot);
                    }
                }
                slot = self.slot() => {
                    if self.leave(ticket) {
                        return Turn::Free(slot);
                    }
                    // Somebody has just said our envelope: what is free is for the next.
                    drop(slot);
                    if let Ok(Ok((connection, slot))) = timeout(HAND_OVER_TIMEOUT, handed_over).await {
                        return Turn::HandedOver(connection, slot);
                    }
                }
            }
        }
    }

    /// Who waits longest, if the connection may carry another message behind the one under way. Whose
    /// envelope the server does not know is left waiting for a slot, where no envelope is said unasked.
    pub(super) fn next_on(&self, connection: &Connection) -> Option<Next> {
        if self.is_spent(connection, 1) {
            return None;
        }
        let mut queue = self.queue();
        loop {
            let fits = |next: &Next| connection.takes(&next.envelope);
            let index = queue.waiting.iter().position(fits)?;
            let next = queue.waiting.remove(index)?;
            if !next.hand_over.is_closed() {
                return Some(next);
            }
        }
    }

    fn queue_up(&self, envelope: Envelope, hand_over: HandOver) -> u64 {
        let mut queue = self.queue();
        queue.tickets += 1;
        let ticket = queue.tickets;
        queue.waiting.push_back(Next { ticket, envelope, hand_over });
        ticket
    }

    /// `false` if somebody has called the ticket already. Clears away who stopped waiting, too.
    fn leave(&self, ticket: u64) -> bool {
        let mut queue = self.queue();
        let mut found = false;
        queue.waiting.retain(|next| {
            found |= next.ticket == ticket;
            next.ticket != ticket && !next.hand_over.is_closed()
        });
        found
    }

    /// `true` if it has carried enough once the messages `under_way` are through.
    fn is_spent(&self, connection: &Connection, under_way: u32) -> bool {
        connection.messages() + under_way >= self.limits.messages
            || connection.age() >= self.limits.age
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

    /// Leaves a connection to `next`, whose envelope was said on it, or keeps one that may carry
    /// another message; drops any other.
    pub(super) fn give_back(
        self: &Arc<Self>,
        connection: Connection,
        slot: Slot,
        next: Option<Next>,
    ) {
        if !connection.is_reusable() {
            // Before the slot, which else could be somebody's while the connection still is.
            drop(connection);
            return;
        }
        if let Some(next) = next {
            // Whoever stopped waiting leaves replies behind that nobody else may read.
            drop(next.hand_over.send((connection, slot)));
            return;
        }
        if self.is_spent(&connection, 0) {
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

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
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
