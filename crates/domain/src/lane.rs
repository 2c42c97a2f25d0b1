//! Lanes: how mail to one receiving side is paced.
//!
//! Receiving sides count what a sender brings, and answer with 4.7.x or 5.7.x when it is too much or
//! unwelcome. Then the lane to that side slows down or rests; mail to others does not wait, and no
//! recipient is to blame.
//!
//! A lane that is not limited and has no trouble has no state: [`Lane::is_idle`].

use jiff::{SignedDuration, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::retry::RetryPolicy;

/// Domains whose mail one operator receives, by the first of each: as the operators publish them.
const GROUPS: [(&str, &[&str]); 6] = [
    ("gmail.com", &["googlemail.com"]),
    ("outlook.com", &["hotmail.com", "live.com", "msn.com"]),
    ("yahoo.com", &["aol.com", "ymail.com", "rocketmail.com"]),
    ("icloud.com", &["me.com", "mac.com"]),
    ("gmx.net", &["gmx.de", "gmx.at", "gmx.ch", "gmx.com", "web.de"]),
    ("mail.ru", &["inbox.ru", "list.ru", "bk.ru"]),
];

/// Names under which two of them have a domain in many countries: `yahoo.co.uk`, `hotmail.fr`.
const IN_MANY_COUNTRIES: [(&str, &str); 5] = [
    ("outlook", "outlook.com"),
    ("hotmail", "outlook.com"),
    ("live", "outlook.com"),
    ("yahoo", "yahoo.com"),
    ("aol", "yahoo.com"),
];

/// The lane of mail to addresses at `host`, which is in lower case: the domain itself, or the one that
/// stands for the group it belongs to.
#[must_use]
pub fn lane_of(host: &str) -> &str {
    let in_group = |(lane, others): &&(&str, &[&str])| *lane == host || others.contains(&host);
    if let Some((lane, _)) = GROUPS.iter().find(in_group) {
        return lane;
    }
    let country = host.split_once('.').filter(|(_, suffix)| is_country(suffix));
    let of_many =
        country.and_then(|(name, _)| IN_MANY_COUNTRIES.iter().find(|(many, _)| *many == name));
    of_many.map_or(host, |(_, lane)| lane)
}

/// Whether the lane is that of a group: a name that says nothing about a single person.
#[must_use]
pub fn is_group(lane: &str) -> bool {
    GROUPS.iter().any(|(group, _)| *group == lane)
}

/// `fr`, `co.uk`, `com.au`.
fn is_country(suffix: &str) -> bool {
    let country = suffix.strip_prefix("co.").or_else(|| suffix.strip_prefix("com."));
    let country = country.unwrap_or(suffix);
    country.len() == 2 && country.bytes().all(|c| c.is_ascii_lowercase())
}

/// What a sender that nobody knows may bring on its first days.
const WARM_UP: [u32; 10] = [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 20_000, 40_000];

/// Unreachable so many times in a row, a lane rests.
const FAILURES_MAX: u32 = 5;

/// What a lane without a limit is slowed down to first, in mails per hour.
const PACE_FIRST: u32 = 36_000;

/// It is slowed down no further than this.
const PACE_MIN: u32 = 60;

/// What each mail that is taken adds to the pace, in mails per hour.
const PACE_STEP: u32 = 36;

/// From here on the lane is as good as not slowed down.
const PACE_RECOVERED: u32 = 2 * PACE_FIRST;

/// How early mails may come in a row, so that a rate is kept although timers are not exact.
const BURST_MS: i64 = 2_000;

/// Between mails that come back to a lane that rested.
const BACK_MS: i64 = 10;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What a lane may take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Mails in hand at a time, of all workers that share the lane's state.
    pub connections: Option<u32>,
    /// Mails per hour.
    pub per_hour: Option<u32>,
    /// The first day on which the sender was used: on the days after it sends ever more.
    pub warm_up_from: Option<Date>,
}

impl Limits {
    /// Mails on the day that is `day` days after 1970-01-01, in UTC; `None` once the sender is warm.
    fn on_day(&self, day: i64) -> Option<u32> {
        let first = self.warm_up_from?.to_zoned(TimeZone::UTC).ok()?;
        let age = day - first.timestamp().as_millisecond().div_euclid(DAY_MS);
        WARM_UP.get(usize::try_from(age).unwrap_or(0)).copied()
    }

    /// Whether the sender may bring what it likes at this time.
    #[must_use]
    pub fn is_none(&self, now: Timestamp) -> bool {
        let day = now.as_millisecond().div_euclid(DAY_MS);
        self.connections.is_none() && self.per_hour.is_none() && self.on_day(day).is_none()
    }
}

/// What a lane says to a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    /// Send it now, and tell what came of it.
    Go,
    /// Come back then: this moment is kept for it.
    NotBefore(Timestamp),
}

/// What the receiving side said, as far as the lane is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It talks with us, whatever it thinks of this mail.
    Heard,
    /// Nothing that tells about the lane.
    Other,
    /// Too much, for now (4.7.x).
    Throttled,
    /// Not from us (5.7.x).
    Unwelcome,
    /// It could not be spoken to, or hung up (421).
    Unreachable,
}

/// Why a lane rests or is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// The receiving side said that it is too much.
    Throttled,
    /// The receiving side refuses what we send.
    Unwelcome,
    /// The mail server could not be spoken to.
    Unreachable,
}

impl Trouble {
    /// As it stands in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::Unwelcome => "unwelcome",
            Self::Unreachable => "unreachable",
        }
    }
}

/// The state of a lane. Times are milliseconds since 1970; what is zero or empty does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lane {
    /// When the mails in hand are given up at the latest: those of a worker that died.
    in_hand: Vec<i64>,
    /// When the next mail is on time, as the mails that went count (the virtual scheduling of GCRA).
    on_time: i64,
    /// The first moment that is not kept for a mail yet.
    free_from: i64,
    /// The day of `sent`, from 1970-01-01.
    day: i64,
    /// The mails that went on that day.
    sent: u32,
    /// The pace the lane was slowed down to, in mails per hour.
    pace: u32,
    /// It rests until then; after it one mail goes ahead.
    rests_until: i64,
    /// The one that went ahead is awaited until then.
    probe_until: i64,
    /// How often in a row it was sent to rest.
    rests: u32,
    /// How often in a row it could not be reached.
    failures: u32,
    /// The last time that something was wrong.
    wrong_at: i64,
    trouble: Option<Trouble>,
}

impl Lane {
    /// Asks for room for a mail that is given up at `until` at the latest. `waited` if it has come back.
    pub fn ask(
        &mut self,
        limits: &Limits,
        waited: bool,
        now: Timestamp,
        until: Timestamp,
    ) -> Permit {
        let now = now.as_millisecond();
        self.in_hand.retain(|until| now < *until);
        let day = now.div_euclid(DAY_MS);
        if self.day != day {
            (self.day, self.sent) = (day, 0);
        }
        if now < self.rests_until {
            return self.keep(self.rests_until, BACK_MS);
        }
        if self.rests > 0 && now < self.probe_until {
            return self.keep(now + BACK_MS, BACK_MS);
        }
        if let Some(most) = limits.on_day(day).filter(|most| self.sent >= *most) {
            let tomorrow = limits.on_day(day + 1).unwrap_or(most);
            return self.keep((day + 1) * DAY_MS, DAY_MS / i64::from(tomorrow.max(1)));
        }
        let busy = |most: u32| self.in_hand.len() >= most as usize;
        if let Some(most) = limits.connections.filter(|most| busy(*most)) {
            return self.keep(now + 1, 1_000 / i64::from(most.max(1)));
        }
        let interval = self.interval(limits);
        if interval > 0 {
            // Who has not waited stands behind those who do.
            let early = if waited { BURST_MS.max(interval) } else { 0 };
            if self.on_time - early > now || (!waited && self.free_from > now) {
                return self.keep(self.on_time.max(now + 1), interval);
            }
            self.on_time = self.on_time.max(now) + interval;
        }
        if self.rests > 0 {
            self.probe_until = until.as_millisecond();
        }
        if limits.on_day(day).is_some() {
            self.sent = self.sent.saturating_add(1);
        }
        if limits.connections.is_some() {
            self.in_hand.push(until.as_millisecond());
        }
        Permit::Go
    }

    /// Takes back a mail that got [`Permit::Go`] with this `until`. `Some` if the lane rests now: then the
    /// mail may come back, after others had a chance to show whether it was to blame. Rests follow
    /// `retry` and vary by `seed`, so that lanes that failed together do not come back together.
    pub fn told(
        &mut self,
        answer: Answer,
        until: Timestamp,
        retry: &RetryPolicy,
        seed: u64,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let (now, until) = (now.as_millisecond(), until.as_millisecond());
        if let Some(mine) = self.in_hand.iter().position(|it| *it == until) {
            self.in_hand.swap_remove(mine);
        }
        let trouble = match answer {
            Answer::Other => {
                self.probe_until = 0;
                return None;
            }
            Answer::Heard => {
                self.recover();
                return None;
            }
            Answer::Throttled => Trouble::Throttled,
            Answer::Unwelcome => Trouble::Unwelcome,
            Answer::Unreachable => {
                (self.failures, self.wrong_at) = (self.failures.saturating_add(1), now);
                if self.failures < FAILURES_MAX {
                    return None;
                }
                Trouble::Unreachable
            }
        };
        self.wrong_at = now;
        // Those that were in hand when it was sent to rest say nothing new.
        if now >= self.rests_until {
            if trouble == Trouble::Throttled {
                let pace = if self.pace == 0 { PACE_FIRST } else { self.pace / 2 };
                self.pace = pace.max(PACE_MIN);
            }
            self.trouble = Some(trouble);
            self.rests_until = now.saturating_add(rest_ms(trouble, self.rests, retry, seed));
            self.free_from = self.free_from.max(self.rests_until);
            self.rests = self.rests.saturating_add(1);
            self.probe_until = 0;
        }
        let back = self.rests_until.saturating_add(self.rests_until - now);
        Some(Timestamp::from_millisecond(back).unwrap_or(Timestamp::MAX))
    }

    fn recover(&mut self) {
        (self.failures, self.rests, self.rests_until, self.probe_until) = (0, 0, 0, 0);
        self.pace = match self.pace {
            0 => 0,
            pace if pace + PACE_STEP >= PACE_RECOVERED => 0,
            pace => pace + PACE_STEP,
        };
        if self.pace == 0 {
            self.trouble = None;
        }
    }

    /// Keeps the first free moment from `from` on, and `spacing` behind it.
    fn keep(&mut self, from: i64, spacing: i64) -> Permit {
        let at = self.free_from.max(from);
        self.free_from = at.saturating_add(spacing.max(1));
        Permit::NotBefore(Timestamp::from_millisecond(at).unwrap_or(Timestamp::MAX))
    }

    /// Between two mails, in milliseconds; 0 if they may come as they like.
    fn interval(&self, limits: &Limits) -> i64 {
        let slowed = Some(self.pace).filter(|pace| *pace > 0);
        let per_hour = limits.per_hour.into_iter().chain(slowed).min();
        per_hour.map_or(0, |per_hour| HOUR_MS / i64::from(per_hour.max(1)))
    }

    /// What is wrong, if anything is, and until when the lane rests, if it does.
    #[must_use]
    pub fn trouble(&self, now: Timestamp) -> Option<(Trouble, Option<Timestamp>)> {
        let rests = Some(self.rests_until).filter(|until| now.as_millisecond() < *until);
        Some((self.trouble?, rests.and_then(|until| Timestamp::from_millisecond(until).ok())))
    }

    /// The pace it was slowed down to, in mails per hour.
    #[must_use]
    pub fn pace(&self) -> Option<u32> {
        Some(self.pace).filter(|pace| *pace > 0)
    }

    /// Whether it is as if nothing had ever been asked, so that its state need not be kept. Trouble is
    /// forgotten a day after.
    #[must_use]
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let now = now.as_millisecond();
        let quiet = self.in_hand.iter().all(|until| *until <= now)
            && self.on_time <= now
            && self.free_from <= now
            && (self.sent == 0 || self.day < now.div_euclid(DAY_MS));
        let forgotten = now >= self.rests_until.max(self.wrong_at).saturating_add(DAY_MS);
        quiet && ((self.trouble.is_none() && self.failures == 0) || forgotten)
    }
}

/// How long a lane rests that rested `before` times in a row: ±20 %.
fn rest_ms(trouble: Trouble, before: u32, retry: &RetryPolicy, seed: u64) -> i64 {
    let ms = |span: SignedDuration| i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
    let (first, most) = (ms(retry.first_delay), ms(retry.max_delay));
    // A refusal is not taken back soon; a server that is away may be there again at any time.
    let (first, most) = match trouble {
        Trouble::Throttled => (first, most),
        Trouble::Unwelcome => (first.saturating_mul(10), most),
        Trouble::Unreachable => (first, first.saturating_mul(5).min(most)),
    };
    let rest = first.saturating_mul(1 << before.min(20)).min(most).max(1);
    let permille = 800 + i64::try_from(seed % 401).unwrap_or(0);
    rest.saturating_mul(permille) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RETRY: RetryPolicy = RetryPolicy {
        first_delay: SignedDuration::from_mins(1),
        max_delay: SignedDuration::from_hours(4),
        give_up_after: SignedDuration::from_hours(72),
        after_unknown: SignedDuration::from_mins(15),
    };
    const NONE: Limits = Limits { connections: None, per_hour: None, warm_up_from: None };
    /// The seed that adds and takes nothing.
    const EVEN: u64 = 200;

    fn at(ms: i64) -> Timestamp {
        let start: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        start + SignedDuration::from_millis(ms)
    }

    fn ask(lane: &mut Lane, limits: &Limits, waited: bool, ms: i64) -> Permit {
        lane.ask(limits, waited, at(ms), at(ms + 1_200_000))
    }

    fn told(lane: &mut Lane, answer: Answer, ms: i64) -> Option<Timestamp> {
        lane.told(answer, at(0), &RETRY, EVEN, at(ms))
    }

    #[test]
    fn domains_of_one_operator_share_a_lane() {
        for (host, lane) in [
            ("gmail.com", "gmail.com"),
            ("googlemail.com", "gmail.com"),
            ("hotmail.co.uk", "outlook.com"),
            ("live.se", "outlook.com"),
            ("msn.com", "outlook.com"),
            ("yahoo.com.br", "yahoo.com"),
            ("aol.de", "yahoo.com"),
            ("mac.com", "icloud.com"),
            ("web.de", "gmx.net"),
            ("x.example", "x.example"),
            ("live.example", "live.example"),
            ("yahoo.evil.example", "yahoo.evil.example"),
        ] {
            assert_eq!(lane_of(host), lane, "{host}");
            assert_eq!(lane_of(lane), lane);
        }
    }

    #[test]
    fn a_lane_without_limits_or_trouble_lets_all_go_and_remembers_nothing_of_them() {
        let mut lane = Lane::default();
        assert!(lane.is_idle(at(0)));
        for _ in 0..1_000 {
            assert_eq!(ask(&mut lane, &NONE, false, 0), Permit::Go);
            told(&mut lane, Answer::Heard, 0);
        }
        assert!(lane.is_idle(at(0)));
    }

    #[test]
    fn no_more_are_in_hand_than_allowed_and_those_of_the_dead_are_let_go() {
        let limits = Limits { connections: Some(2), ..NONE };
        let mut lane = Lane::default();
        assert_eq!(ask(&mut lane, &limits, false, 0), Permit::Go);
        assert_eq!(ask(&mut lane, &limits, false, 1), Permit::Go);
        assert!(matches!(ask(&mut lane, &limits, false, 2), Permit::NotBefore(_)));
        // One is back: told with the moment at which it was to be given up.
        lane.told(Answer::Heard, at(1_200_000), &RETRY, EVEN, at(3));
        assert_eq!(ask(&mut lane, &limits, true, 4), Permit::Go);
        assert!(matches!(ask(&mut lane, &limits, true, 5), Permit::NotBefore(_)));
        assert_eq!(ask(&mut lane, &limits, true, 1_200_004), Permit::Go);
    }

    #[test]
    fn a_throttled_lane_rests_sends_one_ahead_and_slows_down() {
        let mut lane = Lane::default();
        assert_eq!(ask(&mut lane, &NONE, false, 0), Permit::Go);
        assert_eq!(told(&mut lane, Answer::Throttled, 0), Some(at(120_000)));
        // The others that were in hand say the same, and it counts once.
        assert_eq!(told(&mut lane, Answer::Throttled, 5), Some(at(119_995)));
        assert_eq!(lane.pace(), Some(PACE_FIRST));
        assert_eq!(lane.trouble(at(6)), Some((Trouble::Throttled, Some(at(60_000)))));
        assert_eq!(ask(&mut lane, &NONE, false, 10), Permit::NotBefore(at(60_000)));
        // One goes ahead; what is throttled again rests for longer.
        assert_eq!(ask(&mut lane, &NONE, true, 60_000), Permit::Go);
        assert!(matches!(ask(&mut lane, &NONE, true, 60_010), Permit::NotBefore(_)));
        assert_eq!(told(&mut lane, Answer::Throttled, 60_020), Some(at(300_020)));
        assert_eq!(lane.pace(), Some(PACE_FIRST / 2));
        // Taken: the pace recovers, and in the end nothing is left of it.
        assert_eq!(ask(&mut lane, &NONE, true, 200_000), Permit::Go);
        let mut taken = 0;
        while lane.pace().is_some() {
            told(&mut lane, Answer::Heard, 200_000 + taken);
            taken += 1;
        }
        assert!(lane.is_idle(at(400_000)), "{lane:?}");
        assert!((1_000..2_000).contains(&taken), "{taken}");
        assert_eq!(lane.trouble(at(400_000)), None);
    }

    #[test]
    fn what_is_unreachable_now_and_then_does_not_rest() {
        let mut lane = Lane::default();
        for _ in 0..10 {
            for _ in 1..FAILURES_MAX {
                assert_eq!(told(&mut lane, Answer::Unreachable, 0), None);
                assert!(!lane.is_idle(at(0)), "it is counted");
            }
            assert_eq!(told(&mut lane, Answer::Heard, 0), None);
        }
        for _ in 1..FAILURES_MAX {
            assert_eq!(told(&mut lane, Answer::Unreachable, 0), None);
        }
        assert_eq!(told(&mut lane, Answer::Unreachable, 0), Some(at(120_000)));
        assert!(!lane.is_idle(at(0)));
        assert_eq!(lane.pace(), None, "it is away, not slow");
    }

    #[test]
    fn a_refusal_is_left_alone_for_longer_and_rests_end() {
        let mut lane = Lane::default();
        assert_eq!(told(&mut lane, Answer::Unwelcome, 0), Some(at(1_200_000)));
        let mut now = 600_000;
        for _ in 0..20 {
            assert_eq!(ask(&mut lane, &NONE, true, now), Permit::Go, "one goes ahead");
            told(&mut lane, Answer::Unwelcome, now);
            let (_, until) = lane.trouble(at(now)).unwrap();
            let rest = until.unwrap().duration_since(at(now));
            assert!(rest <= RETRY.max_delay, "{rest}");
            now = until.unwrap().duration_since(at(0)).as_millis().try_into().unwrap();
        }
    }

    #[test]
    fn a_new_sender_brings_more_each_day() {
        let limits = Limits { warm_up_from: Some("2026-07-01".parse().unwrap()), ..NONE };
        let mut lane = Lane::default();
        let went = |lane: &mut Lane, day: i64| {
            let go = |n: &i64| ask(lane, &limits, true, day * DAY_MS + n) == Permit::Go;
            (0..41_000).filter(go).count()
        };
        for (day, most) in (0..).zip(WARM_UP) {
            assert_eq!(went(&mut lane, day), most as usize, "day {day}");
        }
        assert_eq!(went(&mut lane, 10), 41_000);
        assert!(!limits.is_none(at(9 * DAY_MS)) && limits.is_none(at(10 * DAY_MS)));
        assert!(!limits.is_none(at(-DAY_MS)), "before its first day, too");
    }

    proptest! {
        /// Mails that come when they like, and come back when they are told: each goes once, at no time
        /// more than the rate, and the lane is not left idle while some wait.
        #[test]
        fn a_rate_is_kept_and_used(per_hour in 60_u32..7_200, arrivals in prop::collection::vec(0_i64..600_000, 1..100)) {
            let limits = Limits { per_hour: Some(per_hour), ..NONE };
            let interval = HOUR_MS / i64::from(per_hour);
            let mut lane = Lane::default();
            let mut queue: std::collections::BTreeSet<(i64, usize, bool)> =
                arrivals.iter().enumerate().map(|(n, ms)| (*ms, n, false)).collect();
            let (mut went, mut asked) = (Vec::new(), 0);
            while let Some((ms, n, waited)) = queue.pop_first() {
                asked += 1;
                match ask(&mut lane, &limits, waited, ms) {
                    Permit::Go => {
                        went.push(ms);
                        told(&mut lane, Answer::Heard, ms);
                    }
                    Permit::NotBefore(back) => {
                        let back = back.as_millisecond() - at(0).as_millisecond();
                        prop_assert!(back > ms, "later");
                        queue.insert((back, n, true));
                    }
                }
            }
            prop_assert_eq!(went.len(), arrivals.len());
            prop_assert!(asked <= 3 * arrivals.len(), "{} asked for {}", asked, arrivals.len());
            let burst = BURST_MS.max(interval);
            for (n, first) in went.iter().enumerate() {
                for (further, last) in went[n..].iter().enumerate() {
                    let further = i64::try_from(further).unwrap();
                    prop_assert!(further * interval <= last - first + burst, "{further} within {}", last - first);
                }
            }
            let last = *arrivals.iter().max().unwrap();
            let all = i64::try_from(arrivals.len()).unwrap() * interval;
            prop_assert!(*went.last().unwrap() <= last + all + burst);
        }

        /// Whatever is said in whatever order, no state is broken, rests end, and trouble is forgotten.
        #[test]
        fn nothing_lasts_for_ever(told_at in prop::collection::vec((0_usize..5, 0_i64..3_600_000, any::<u64>()), 0..200)) {
            let mut lane = Lane::default();
            let mut now = 0;
            for (answer, later, seed) in told_at {
                now += later;
                let answers = [Answer::Heard, Answer::Other, Answer::Throttled, Answer::Unwelcome, Answer::Unreachable];
                if ask(&mut lane, &NONE, true, now) == Permit::Go {
                    let rests = lane.told(answers[answer], at(now), &RETRY, seed, at(now));
                    let longest = RETRY.max_delay * 13 / 5;
                    prop_assert!(rests.is_none_or(|until| until > at(now) && until.duration_since(at(now)) < longest));
                }
                let text = serde_json::to_string(&lane).unwrap();
                prop_assert_eq!(&serde_json::from_str::<Lane>(&text).unwrap(), &lane);
            }
            prop_assert!(lane.is_idle(at(now + 3 * DAY_MS)));
        }
    }
}
