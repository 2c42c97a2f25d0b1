//! Mail in lanes: asks, before a mail leaves, whether the side that receives it has room, and tells
//! what that side said.
//!
//! [`domain::lane`] decides. Here is where states live: with the queue in Redis they are notes there,
//! which all workers share; otherwise, and while Redis is away, each worker has its own. A lane without
//! limits or trouble has no state, and its mails cost nothing but a look at a map.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::lane::{Answer, Lane, Permit, is_group, lane_of};
use jiff::Timestamp;
use mail::{Accepted, Fault, SendError, Stage};
use metrics::{counter, gauge};
use queue::Queue;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::Worker;

/// How often a worker looks how lanes stand that others use.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// For so long Redis is left alone when it did not answer.
const AWAY: Duration = Duration::from_secs(5);

/// How often a change is tried when others change the same lane.
const TRIES: usize = 20;

/// The states of lanes, as this worker knows them.
#[derive(Default)]
pub struct Lanes {
    known: Mutex<HashMap<String, String>>,
    /// Held while a shared state is changed, so that tasks of one worker need not try in vain.
    changing: tokio::sync::Mutex<()>,
    away_until: Mutex<Option<Instant>>,
    /// Makes rests differ.
    seeds: RandomState,
}

impl Lanes {
    fn known(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self, name: &str) -> String {
        self.known().get(name).cloned().unwrap_or_default()
    }

    fn keep(&self, name: &str, state: &str) {
        let mut known = self.known();
        if state.is_empty() {
            known.remove(name);
        } else if known.len() < Queue::NOTES_MAX || known.contains_key(name) {
            known.insert(name.to_owned(), state.to_owned());
        }
    }

    fn is_away(&self) -> bool {
        let until = *self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_some_and(|until| Instant::now() < until)
    }

    fn set_away(&self, error: &queue::Error) {
        tracing::warn!(%error, "lanes are not shared for now: each worker keeps its own");
        let until = Some(Instant::now() + AWAY);
        *self.away_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

impl Lanes {
    /// Changes the state of a lane: that which all workers share, or the own one.
    async fn change<R>(
        &self,
        queue: &Queue,
        name: &str,
        now: Timestamp,
        mut act: impl FnMut(&mut Lane) -> R,
    ) -> R {
        let _alone = self.changing.lock().await;
        let mut old = self.state(name);
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let mut lane = read(&old);
            let result = act(&mut lane);
            let new = write(&lane, now);
            if new == old {
                return result;
            }
            let found =
                if self.is_away() { Ok(None) } else { queue.swap_note(name, &old, &new).await };
            match found {
                // Changed by another worker: once more, with what it made of it.
                Ok(Some(found)) if found != old && tries > 0 => old = found,
                found => {
                    if let Err(error) = found {
                        self.set_away(&error);
                    }
                    self.keep(name, &new);
                    return result;
                }
            }
        }
    }
}

/// A state as it is kept: empty if there is nothing to keep.
fn write(lane: &Lane, now: Timestamp) -> String {
    if lane.is_idle(now) { String::new() } else { serde_json::to_string(lane).unwrap_or_default() }
}

/// A state as it was kept; that of another version counts as none.
fn read(state: &str) -> Lane {
    serde_json::from_str(state).unwrap_or_default()
}

/// A mail's place in its lane.
pub(crate) struct Place<'a> {
    worker: &'a Worker,
    lane: &'a str,
    /// When it is given up at the latest.
    until: Timestamp,
}

impl<'a> Place<'a> {
    pub(crate) fn new(worker: &'a Worker, host: &'a str, until: Timestamp) -> Self {
        Self { worker, lane: lane_of(host), until }
    }

    /// Whether the operator has set how much may go in it.
    pub(crate) fn is_limited(&self) -> bool {
        !self.worker.config.load().mail.lanes.limits(self.lane).is_none(self.worker.now())
    }

    /// Asks for room. `waited` if the mail has come back.
    pub(crate) async fn ask(&self, waited: bool) -> Permit {
        let (now, limits) =
            (self.worker.now(), self.worker.config.load().mail.lanes.limits(self.lane));
        if limits.is_none(now) && self.is_unknown() {
            return Permit::Go;
        }
        self.change(|lane| lane.ask(&limits, waited, now, self.until)).await
    }

    /// Tells how it went, after [`Permit::Go`]. `Some` if the lane rests now, and when the mail may come
    /// back.
    pub(crate) async fn tell(&self, outcome: &Result<Accepted, SendError>) -> Option<Timestamp> {
        let answer = answer(outcome);
        if matches!(answer, Answer::Heard | Answer::Other) && self.is_unknown() {
            return None;
        }
        let (now, retry) = (self.worker.now(), self.worker.config.load().retry.into());
        let seed = self.worker.lanes.seeds.hash_one((self.lane, now));
        let told = |lane: &mut Lane| {
            let rested = lane.trouble(now).and_then(|(_, until)| until);
            let back = lane.told(answer, self.until, &retry, seed, now);
            (back, back.is_some() && rested.is_none())
        };
        let (back, rests_anew) = self.change(told).await;
        if rests_anew {
            // The domain of a single person would name them.
            let lane = if is_group(self.lane) { self.lane } else { "of one domain" };
            let error = outcome.as_ref().err().map(ToString::to_string);
            tracing::warn!(lane, error, "a lane rests; its mails wait");
            let trouble = format!("{answer:?}").to_lowercase();
            counter!("afs_lane_rests_total", "trouble" => trouble).increment(1);
        }
        back
    }

    fn is_unknown(&self) -> bool {
        !self.worker.lanes.known().contains_key(self.lane)
    }

    async fn change<R>(&self, act: impl FnMut(&mut Lane) -> R) -> R {
        let Worker { lanes, queue, .. } = self.worker;
        lanes.change(queue, self.lane, self.worker.now(), act).await
    }
}

/// What the outcome of one mail says about its lane.
fn answer(outcome: &Result<Accepted, SendError>) -> Answer {
    let error = match outcome {
        Ok(_) => return Answer::Heard,
        Err(error) if error.fault == Fault::Recipient => return Answer::Heard,
        Err(error) => error,
    };
    let policy = error.enhanced().is_some_and(|(subject, _)| subject == 7);
    // It keeps every new recipient waiting for some minutes, and nobody for longer.
    let greylisted = error.text.to_ascii_lowercase().contains("greylist");
    match error.code {
        Some(421) => Answer::Unreachable,
        _ if error.stage <= Stage::Auth => Answer::Unreachable,
        Some(400..=499) if policy && !greylisted => Answer::Throttled,
        Some(500..=599) if policy => Answer::Unwelcome,
        _ => Answer::Other,
    }
}

/// Keeps what is known of lanes up to date until `shutdown`.
pub(crate) async fn run(worker: Arc<Worker>, shutdown: CancellationToken) {
    loop {
        refresh(&worker).await;
        let pause = tokio::time::sleep(REFRESH_INTERVAL);
        if shutdown.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

/// Sees what others made of lanes, forgets those that are idle, and counts.
async fn refresh(worker: &Worker) {
    let lanes = &worker.lanes;
    if !lanes.is_away() {
        match worker.queue.notes().await {
            Ok(Some(notes)) => *lanes.known() = notes,
            Ok(None) => {}
            Err(error) => lanes.set_away(&error),
        }
    }
    let (now, states) = (worker.now(), lanes.known().clone());
    let (mut resting, mut slowed) = (0_u32, 0_u32);
    for (name, state) in states {
        let lane = read(&state);
        if lane.is_idle(now) {
            let place = Place { worker, lane: &name, until: now };
            place.change(|_| ()).await;
            continue;
        }
        let rests = lane.trouble(now).is_some_and(|(_, until)| until.is_some());
        resting += u32::from(rests);
        slowed += u32::from(!rests && lane.pace().is_some());
    }
    gauge!("afs_lanes", "state" => "resting").set(resting);
    gauge!("afs_lanes", "state" => "slowed").set(slowed);
}

/// A lane that has trouble, for people.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct TroubledLane {
    /// The domain, or the first one of its group.
    pub lane: String,
    /// Why.
    pub trouble: domain::lane::Trouble,
    /// It rests until then.
    pub rests_until: Option<Timestamp>,
    /// The pace it was slowed down to, in mails per hour.
    pub mails_per_hour: Option<u32>,
}

/// The lanes that have trouble, as all workers know them; empty with the record as the queue, where
/// each worker knows its own.
pub async fn troubled(queue: &Queue, now: Timestamp) -> Result<Vec<TroubledLane>, queue::Error> {
    let notes = queue.notes().await?.unwrap_or_default();
    let mut troubled: Vec<_> = notes
        .into_iter()
        .filter_map(|(name, state)| {
            let lane = read(&state);
            let (trouble, rests_until) = lane.trouble(now)?;
            Some(TroubledLane { lane: name, trouble, rests_until, mails_per_hour: lane.pace() })
        })
        .collect();
    troubled.sort_by(|a, b| a.lane.cmp(&b.lane));
    Ok(troubled)
}

#[cfg(test)]
mod tests {
    use domain::{lane::Limits, retry::Failure};
    use jiff::SignedDuration;
    use queue::RedisSettings;

    use super::*;

    fn queue(redis: &::tests::servers::Redis, now: Timestamp) -> Queue {
        let settings = RedisSettings { url: redis.url(), namespace: "test".into() };
        Queue::redis(&settings, Arc::new(move || now)).unwrap()
    }

    /// How many of ten mails may go at each of two workers.
    async fn permits(queues: &[Queue; 2], lanes: &[Lanes; 2], now: Timestamp) -> usize {
        let limits = Limits { connections: Some(3), ..Limits::default() };
        let until = now + SignedDuration::from_mins(20);
        let asked = async |queue: &Queue, lanes: &Lanes| {
            let mut permits = 0;
            for _ in 0..10 {
                let ask = |lane: &mut Lane| lane.ask(&limits, false, now, until);
                permits +=
                    usize::from(lanes.change(queue, "x.example", now, ask).await == Permit::Go);
            }
            permits
        };
        let (one, other) = tokio::join!(asked(&queues[0], &lanes[0]), asked(&queues[1], &lanes[1]));
        one + other
    }

    /// Waits until Redis answers.
    async fn connected(queue: &Queue) {
        while queue.notes().await.is_err() {}
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn workers_share_a_lane_while_redis_is_there() {
        let now: Timestamp = "2026-07-01T10:00:00Z".parse().unwrap();
        let mut redis = ::tests::servers::Redis::start();
        let queues = [queue(&redis, now), queue(&redis, now)];
        for queue in &queues {
            connected(queue).await;
        }
        let lanes = [Lanes::default(), Lanes::default()];
        assert_eq!(permits(&queues, &lanes, now).await, 3);
        assert_eq!(permits(&queues, &lanes, now).await, 0, "all are in hand");
        let later = now + SignedDuration::from_mins(21);
        assert_eq!(permits(&queues, &lanes, later).await, 3, "those of dead workers are let go");

        redis.kill();
        let later = later + SignedDuration::from_mins(21);
        assert_eq!(
            permits(&queues, &lanes, later).await,
            6,
            "each worker goes on with what it knows"
        );
    }

    #[test]
    fn what_mail_servers_say_tells_about_the_lane_or_not() {
        use Fault::{Ours, Recipient};

        let said = |stage, fault, code, text: &str| {
            let text = text.to_owned();
            answer(&Err(SendError { stage, failure: Failure::Temporary, fault, code, text }))
        };
        for (stage, fault, code, text, means) in [
            (Stage::RcptTo, Recipient, Some(550), "5.1.1 no such user", Answer::Heard),
            (Stage::FinalDot, Ours, Some(454), "4.7.0 throttled", Answer::Throttled),
            (Stage::MailFrom, Ours, Some(450), "4.7.1 slow down", Answer::Throttled),
            (Stage::RcptTo, Ours, Some(451), "4.7.1 Greylisted, come back", Answer::Other),
            (Stage::FinalDot, Ours, Some(550), "5.7.26 not authenticated", Answer::Unwelcome),
            (Stage::RcptTo, Ours, Some(421), "4.7.0 closing", Answer::Unreachable),
            (Stage::Connect, Ours, None, "connection refused", Answer::Unreachable),
            (Stage::Auth, Ours, Some(535), "5.7.8 bad password", Answer::Unreachable),
            (Stage::Data, Ours, Some(452), "4.3.1 disk full", Answer::Other),
            (Stage::FinalDot, Ours, None, "hung up", Answer::Other),
        ] {
            assert_eq!(said(stage, fault, code, text), means, "{stage}: {text}");
        }
        assert_eq!(answer(&Ok(Accepted { reply: "ok".into() })), Answer::Heard);
    }
}
