//! What strangers may take together: each request is bounded by itself, where it is read.

use std::{fmt, num::NonZeroU32, time::Instant};

use axum::body::Body;
use domain::ShopId;
use futures::StreamExt as _;
use governor::{
    Quota, RateLimiter,
    clock::{Clock, MonotonicClock},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed, keyed::HashMapStateStore},
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A body up to this size, in bytes, takes nothing from the shared memory: most orders are smaller,
/// so nobody's large body keeps them waiting.
const SMALL_BODY: usize = 64 * 1024;

/// Memory for all larger bodies together, in KiB.
const LARGE_BODIES_KIB: u32 = 64 * 1024;

/// A rate for each shop.
type PerShop<C> =
    RateLimiter<ShopId, HashMapStateStore<ShopId>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// Counts what strangers take of what is shared.
pub struct Guard {
    large_bodies: Semaphore,
    reviews: PerShop<MonotonicClock>,
    refusals_told: RateLimiter<NotKeyed, InMemoryState, MonotonicClock, NoOpMiddleware<Instant>>,
}

/// A body that was read, and its share of the memory.
pub(crate) struct Held<'a> {
    pub(crate) bytes: Vec<u8>,
    _share: Option<SemaphorePermit<'a>>,
}

/// The body has more bytes than the limit, or its sender went away, who reads no answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLarge;

impl Default for Guard {
    fn default() -> Self {
        let large_bodies = Semaphore::new(LARGE_BODIES_KIB as usize);
        let refusals_told = RateLimiter::direct_with_clock(refusals_told(), MonotonicClock);
        Self { large_bodies, reviews: reviews(MonotonicClock), refusals_told }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl Guard {
    /// Reads a body of at most `limit` bytes. Beyond a small size it waits for its share of the
    /// memory, and the sender with it.
    pub(crate) async fn read(&self, body: Body, limit: usize) -> Result<Held<'_>, TooLarge> {
        let (mut bytes, mut share) = (Vec::new(), None);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| TooLarge)?;
            let len = bytes.len() + chunk.len();
            if len > limit {
                return Err(TooLarge);
            }
            if len > SMALL_BODY && share.is_none() {
                share = self.large_bodies.acquire_many(kib(limit)).await.ok();
                // All at once: growing step by step would take up to twice the share.
                bytes.reserve_exact(limit - bytes.len());
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(Held { bytes, _share: share })
    }

    /// Whether the shop takes one more review that nobody asked for.
    pub(crate) fn admits_review(&self, shop: &ShopId) -> bool {
        self.reviews.check_key(shop).is_ok()
    }

    /// Whether the log tells of one more refusal.
    pub(crate) fn tells_refusal(&self) -> bool {
        self.refusals_told.check().is_ok()
    }
}

/// Uninvited reviews of one shop: strangers could fill the disk, and keep the one writer of the
/// record from orders.
fn reviews<C: Clock>(clock: C) -> PerShop<C> {
    const A_MINUTE: NonZeroU32 = NonZeroU32::new(10).unwrap();
    const BURST: NonZeroU32 = NonZeroU32::new(60).unwrap();
    RateLimiter::hashmap_with_clock(Quota::per_minute(A_MINUTE).allow_burst(BURST), clock)
}

/// Refusals that the log tells one by one. All are counted.
fn refusals_told() -> Quota {
    const A_SECOND: NonZeroU32 = NonZeroU32::new(10).unwrap();
    const BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
    Quota::per_second(A_SECOND).allow_burst(BURST)
}

/// The share of a body: all it may have. More than there is in total would wait for ever.
fn kib(limit: usize) -> u32 {
    u32::try_from(limit.div_ceil(1024)).unwrap_or(u32::MAX).min(LARGE_BODIES_KIB)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;
    use governor::clock::FakeRelativeClock;

    use super::*;

    const MIB: usize = 1024 * 1024;

    #[tokio::test]
    async fn bodies_are_read_up_to_the_limit() {
        let guard = Guard::default();
        let read = async |len: usize, limit| {
            let held = guard.read(Body::from(vec![b'x'; len]), limit).await;
            held.map(|held| held.bytes.len())
        };
        for len in [0, 1, SMALL_BODY, SMALL_BODY + 1, MIB] {
            assert_eq!(read(len, MIB).await, Ok(len));
        }
        assert_eq!(read(MIB + 1, MIB).await, Err(TooLarge));
        assert_eq!(read(SMALL_BODY + 1, 96 * MIB).await, Ok(SMALL_BODY + 1));
    }

    #[test]
    fn large_bodies_wait_for_memory_and_small_ones_do_not() {
        let guard = Guard::default();
        let read = |len| guard.read(Body::from(vec![b'x'; len]), MIB).now_or_never();
        let mut held: Vec<_> = (0..64).map(|_| read(MIB).unwrap().unwrap()).collect();

        assert!(read(MIB).is_none(), "there is none left");
        assert!(read(SMALL_BODY).is_some());
        held.pop();
        assert!(read(MIB).is_some());
    }

    #[test]
    fn uninvited_reviews_come_in_bursts_or_at_a_rate() {
        let clock = FakeRelativeClock::default();
        let reviews = reviews(clock.clone());
        let (tea, coffee): (ShopId, ShopId) = ("tea".parse().unwrap(), "coffee".parse().unwrap());
        let admitted = |shop| (0..1000).filter(|_| reviews.check_key(shop).is_ok()).count();

        assert_eq!(admitted(&tea), 60);
        assert_eq!(admitted(&coffee), 60, "each shop by itself");
        clock.advance(Duration::from_secs(6));
        assert_eq!(admitted(&tea), 1);
        clock.advance(Duration::from_mins(1));
        assert_eq!(admitted(&tea), 10);
        clock.advance(Duration::from_secs(1_000_000));
        assert_eq!(admitted(&tea), 60);
    }
}
