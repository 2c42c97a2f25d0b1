//! The hours in which mail may leave.

use std::iter;

use jiff::{
    SignedDuration, Timestamp,
    civil::{Date, DateTime, Time, Weekday},
    tz::TimeZone,
};
use sha2::{Digest as _, Sha256};

use crate::holidays::Holidays;

/// Opening hours in one time zone: `opens` inclusive, `closes` exclusive, on some weekdays, and
/// perhaps not on public holidays.
#[derive(Clone, Debug)]
pub struct SendWindow {
    opens: Time,
    closes: Time,
    zone: TimeZone,
    weekdays: Weekdays,
    holidays: Option<Holidays>,
}

/// How many days after today are searched for an opening: weeks more than holidays can close a
/// window that opens on one weekday only.
const SEARCHED_DAYS: usize = 60;
const SEARCHED: SignedDuration = SignedDuration::from_hours(24 * 60);

/// A window must open before it closes, on the same day.
#[derive(Debug, thiserror::Error)]
#[error("a send window must open before it closes, on the same day")]
pub struct EmptyWindow;

/// A set of weekdays, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weekdays(u8);

/// A set of [`Weekdays`] must not be empty.
#[derive(Debug, thiserror::Error)]
#[error("a send window must open on at least one weekday")]
pub struct NoWeekdays;

impl Weekdays {
    /// All seven.
    pub const EVERY: Self = Self(0b111_1111);

    /// The set of these days; one named twice counts once.
    pub fn new(days: impl IntoIterator<Item = Weekday>) -> Result<Self, NoWeekdays> {
        match days.into_iter().fold(0, |set, day| set | Self::bit(day)) {
            0 => Err(NoWeekdays),
            set => Ok(Self(set)),
        }
    }

    /// `true` if `day` is in the set.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & Self::bit(day) != 0
    }

    fn bit(day: Weekday) -> u8 {
        1 << day.to_monday_zero_offset()
    }
}

impl SendWindow {
    /// A window from `opens` to `closes`, every day, by the clocks of `zone`.
    pub fn new(opens: Time, closes: Time, zone: TimeZone) -> Result<Self, EmptyWindow> {
        if opens < closes {
            Ok(Self { opens, closes, zone, weekdays: Weekdays::EVERY, holidays: None })
        } else {
            Err(EmptyWindow)
        }
    }

    /// The same window, open on `weekdays` only.
    #[must_use]
    pub fn on(self, weekdays: Weekdays) -> Self {
        Self { weekdays, ..self }
    }

    /// The same window, closed on the public holidays of `country` (ISO 3166-1 alpha-2).
    ///
    /// A country without known holidays ([`Holidays::of`]) closes it on none.
    #[must_use]
    pub fn except_holidays_of(self, country: &str) -> Self {
        Self { holidays: Holidays::of(country), ..self }
    }

    /// The same window by the clocks of `zone`, such as the buyer's.
    #[must_use]
    pub fn in_zone(self, zone: TimeZone) -> Self {
        Self { zone, ..self }
    }

    /// The clocks it goes by.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// `true` while mail may leave.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let local = self.zone.to_datetime(at);
        self.opens <= local.time() && local.time() < self.closes && self.opens_on(local.date())
    }

    /// The first time from `at` on at which the window is open.
    ///
    /// When clocks skip the opening time, that is the moment they jump to, if it lies in the
    /// window; when an opening time happens twice, the window opens twice.
    ///
    /// A window that stays closed for 60 days yields the end of that time, closed as it is then:
    /// asked again at that moment, it looks further.
    #[must_use]
    pub fn next_open(&self, at: Timestamp) -> Timestamp {
        if self.is_open(at) {
            return at;
        }
        let opening = if failpoint::bug("clock_changes_ignored") {
            // A known bug, for tests that must notice it: takes every day for 24 hours long.
            let zone = self.zone.to_offset(at).to_time_zone();
            self.clone().in_zone(zone).first_opening(at)
        } else {
            self.first_opening(at)
        };
        opening.unwrap_or_else(|| later(at, SEARCHED))
    }

    /// [`Self::next_open`], but who has to wait for an opening gets a share of the time `over`
    /// after it, so that not all mail leaves in its first second.
    ///
    /// The share follows from `key`, such as a shop and an order's reference: the same key and
    /// opening yield the same second. The window is open then, too, and was all the time since.
    #[must_use]
    pub fn next_open_spread(&self, at: Timestamp, key: &[&str], over: SignedDuration) -> Timestamp {
        let opening = self.next_open(at);
        if opening == at || !self.is_open(opening) {
            return opening;
        }
        let room = self.next_closed(opening).duration_since(opening).min(over);
        later(opening, share(key, room))
    }

    /// `true` if the window opens on this day at all.
    fn opens_on(&self, date: Date) -> bool {
        self.weekdays.contains(date.weekday())
            && self.holidays.is_none_or(|holidays| !holidays.contain(date))
    }

    /// When a window that is closed at `at` opens, if it does within [`SEARCHED_DAYS`].
    fn first_opening(&self, at: Timestamp) -> Option<Timestamp> {
        let today = self.zone.to_datetime(at).date();
        // Clocks set back after midnight show yesterday again (St. John's, until 2011).
        let yesterday = today.yesterday().unwrap_or(today);
        let by_clock = iter::successors(Some(yesterday), |date| date.tomorrow().ok())
            .take(2 + SEARCHED_DAYS)
            .filter(|&date| self.opens_on(date))
            .find_map(|date| {
                let openings = self.instants_of(date.to_datetime(self.opens));
                openings.filter(|&opening| opening >= at && self.is_open(opening)).min()
            });
        let end = by_clock.unwrap_or_else(|| later(at, SEARCHED));
        self.jumps(at, end).find(|&jump| self.is_open(jump)).or(by_clock)
    }

    /// When a window that is open at `at` closes.
    fn next_closed(&self, at: Timestamp) -> Timestamp {
        let closing = self.zone.to_datetime(at).date().to_datetime(self.closes);
        let closings = self.instants_of(closing);
        let by_clock = closings.filter(|&closing| closing > at && !self.is_open(closing)).min();
        let end = by_clock.unwrap_or(at);
        self.jumps(at, end).find(|&jump| !self.is_open(jump)).unwrap_or(end)
    }

    /// When clocks show this: once, twice, or, if they skip it, around the time they do.
    fn instants_of(&self, local: DateTime) -> impl Iterator<Item = Timestamp> {
        let instant = self.zone.to_ambiguous_timestamp(local);
        [instant.earlier(), instant.later()].into_iter().flatten()
    }

    /// When clocks jump, after `start` and before `end`.
    fn jumps(&self, start: Timestamp, end: Timestamp) -> impl Iterator<Item = Timestamp> {
        let jumps = self.zone.following(start).map(|jump| jump.timestamp());
        jumps.take_while(move |&jump| jump < end)
    }
}

/// `at` plus `duration`, or the end of time.
fn later(at: Timestamp, duration: SignedDuration) -> Timestamp {
    at.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// A part of `room` in whole seconds, less than all of it, that is stable for `key`.
fn share(key: &[&str], room: SignedDuration) -> SignedDuration {
    let mut hash = Sha256::new();
    for part in key {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut high = [0; 8];
    high.copy_from_slice(&digest[..8]);
    let room = u128::try_from(room.as_secs()).unwrap_or(0);
    let seconds = (u128::from(u64::from_be_bytes(high)) * room) >> 64;
    SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holidays::tests::all_of_2024;
    use jiff::civil::time;
    use proptest::prelude::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn window(opens: Time, closes: Time, zone: &str) -> SendWindow {
        SendWindow::new(opens, closes, TimeZone::get(zone).unwrap()).unwrap()
    }

    #[track_caller]
    fn opens_at(window: &SendWindow, from: &str, expected: &str) {
        let from: Timestamp = from.parse().unwrap();
        let expected: Timestamp = expected.parse().unwrap();
        assert_eq!(window.next_open(from), expected);
    }

    #[test]
    fn inside_stays_outside_moves_to_the_next_opening() {
        let stockholm = window(time(9, 0, 0, 0), time(19, 0, 0, 0), "Europe/Stockholm");
        opens_at(&stockholm, "2026-07-01T10:00:00Z", "2026-07-01T10:00:00Z");
        opens_at(&stockholm, "2026-07-01T05:00:00Z", "2026-07-01T07:00:00Z");
        opens_at(&stockholm, "2026-07-01T17:00:00Z", "2026-07-02T07:00:00Z");
        opens_at(&stockholm, "2026-12-31T23:30:00Z", "2027-01-01T08:00:00Z");
    }

    #[test]
    fn clock_changes_move_the_instant_not_the_wall_clock() {
        let berlin = window(time(2, 30, 0, 0), time(4, 0, 0, 0), "Europe/Berlin");
        // 2026-03-29: 02:00 to 03:00 does not exist, so the window is open from 03:00 summer time.
        opens_at(&berlin, "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z");
        // 2026-10-25: 02:30 happens twice; the first is in summer time, and at 03:00 it is 02:00.
        opens_at(&berlin, "2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z");
        opens_at(&berlin, "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z");
    }

    #[test]
    fn a_skipped_day_is_survived() {
        let apia = window(time(9, 0, 0, 0), time(10, 0, 0, 0), "Pacific/Apia");
        opens_at(&apia, "2011-12-30T09:00:00Z", "2011-12-30T19:00:00Z");
    }

    #[test]
    fn an_empty_window_is_refused() {
        let nine = time(9, 0, 0, 0);
        assert!(SendWindow::new(nine, nine, TimeZone::UTC).is_err());
    }

    #[test]
    fn a_day_that_begins_twice_is_survived() {
        // 2010-11-07: at 00:01 it is 23:01 of the day before, a Saturday.
        let saturdays = Weekdays::new([Weekday::Saturday]).unwrap();
        let newfoundland = window(time(23, 30, 0, 0), time(23, 59, 0, 0), "America/St_Johns");
        opens_at(&newfoundland.on(saturdays), "2010-11-07T02:30:30Z", "2010-11-07T03:00:00Z");
    }

    #[test]
    fn other_weekdays_are_waited_for() {
        let weekdays = Weekday::Monday.cycle_forward().take(5);
        let stockholm = window(time(9, 0, 0, 0), time(19, 0, 0, 0), "Europe/Stockholm");
        let stockholm = stockholm.on(Weekdays::new(weekdays).unwrap());
        opens_at(&stockholm, "2026-07-03T16:59:59Z", "2026-07-03T16:59:59Z");
        opens_at(&stockholm, "2026-07-03T17:00:00Z", "2026-07-06T07:00:00Z");
        opens_at(&stockholm, "2026-07-04T10:00:00Z", "2026-07-06T07:00:00Z");
    }

    #[test]
    fn a_set_of_weekdays_has_what_was_put_in_and_is_not_empty() {
        let weekend = Weekdays::new([Weekday::Sunday, Weekday::Saturday, Weekday::Sunday]).unwrap();
        for day in Weekday::Monday.cycle_forward().take(7) {
            let is_weekend = matches!(day, Weekday::Saturday | Weekday::Sunday);
            assert_eq!(weekend.contains(day), is_weekend);
            assert!(Weekdays::EVERY.contains(day));
        }
        assert!(Weekdays::new([]).is_err());
    }

    #[test]
    fn holidays_are_waited_for() {
        let stockholm = window(time(9, 0, 0, 0), time(19, 0, 0, 0), "Europe/Stockholm");
        let swedish = stockholm.clone().except_holidays_of("SE");
        // From the evening before Good Friday to the Saturday; Easter Sunday and Monday.
        opens_at(&swedish, "2026-04-02T18:00:00Z", "2026-04-04T07:00:00Z");
        opens_at(&swedish, "2026-04-05T10:00:00Z", "2026-04-07T07:00:00Z");
        opens_at(&stockholm, "2026-04-05T10:00:00Z", "2026-04-05T10:00:00Z");
        opens_at(
            &stockholm.except_holidays_of("XX"),
            "2026-04-05T10:00:00Z",
            "2026-04-05T10:00:00Z",
        );
    }

    /// The day is that of the zone, wherever the holiday is.
    #[test]
    fn the_same_window_opens_by_other_clocks() {
        let stockholm = window(time(9, 0, 0, 0), time(19, 0, 0, 0), "Europe/Stockholm");
        let honolulu = stockholm.in_zone(TimeZone::get("Pacific/Honolulu").unwrap());
        opens_at(&honolulu, "2026-07-01T10:00:00Z", "2026-07-01T19:00:00Z");
        let american = honolulu.except_holidays_of("US");
        opens_at(&american, "2026-12-25T08:00:00Z", "2026-12-26T19:00:00Z");
    }

    #[test]
    fn a_window_that_stays_closed_is_asked_again_until_it_opens() {
        let utc = window(time(9, 0, 0, 0), time(19, 0, 0, 0), "UTC");
        let closed = SendWindow { holidays: Some(all_of_2024()), ..utc };
        opens_at(&closed, "2024-01-01T10:00:00Z", "2024-03-01T10:00:00Z");
        opens_at(&closed, "2024-12-01T10:00:00Z", "2025-01-01T09:00:00Z");
        let at: Timestamp = "2024-01-01T10:00:00Z".parse().unwrap();
        assert_eq!(closed.next_open_spread(at, &["key"], HOUR), closed.next_open(at));
        assert_eq!(closed.next_open(Timestamp::MAX), Timestamp::MAX);
    }

    #[test]
    fn who_waited_is_spread_and_who_did_not_is_not() {
        let utc = window(time(9, 0, 0, 0), time(19, 0, 0, 0), "UTC");
        let spread = |at: &str, key: &[&str], over| {
            utc.next_open_spread(at.parse().unwrap(), key, over).to_string()
        };
        assert_eq!(spread("2026-07-01T09:00:00Z", &["a", "1"], HOUR), "2026-07-01T09:00:00Z");
        let first = spread("2026-07-01T20:00:00Z", &["a", "1"], HOUR);
        assert_eq!(first, spread("2026-07-02T08:59:59Z", &["a", "1"], HOUR));
        assert_ne!(first, spread("2026-07-01T20:00:00Z", &["a1", ""], HOUR));
        for none in [SignedDuration::ZERO, -HOUR] {
            assert_eq!(spread("2026-07-01T20:00:00Z", &["a"], none), "2026-07-02T09:00:00Z");
        }
    }

    #[test]
    fn every_minute_of_the_hour_gets_its_share() {
        let mut minutes = [0; 60];
        for order in 0..6_000 {
            let share = share(&["shop", &order.to_string()], HOUR);
            minutes[usize::try_from(share.as_mins()).unwrap()] += 1;
        }
        assert!(minutes.iter().all(|count| (50..150).contains(count)), "{minutes:?}");
    }

    #[test]
    fn clock_changes_close_a_window_too() {
        let closes_at = |window: &SendWindow, open: &str, expected: &str| {
            let closed = window.next_closed(open.parse().unwrap());
            assert_eq!(closed, expected.parse().unwrap());
        };
        let berlin = window(time(1, 0, 0, 0), time(2, 30, 0, 0), "Europe/Berlin");
        // 02:00 to 03:00 does not exist; 02:00 to 03:00 happens twice.
        closes_at(&berlin, "2026-03-29T00:10:00Z", "2026-03-29T01:00:00Z");
        closes_at(&berlin, "2026-10-25T00:10:00Z", "2026-10-25T00:30:00Z");
        closes_at(&berlin, "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z");
        let late = window(time(2, 30, 0, 0), time(4, 0, 0, 0), "Europe/Berlin");
        closes_at(&late, "2026-10-25T00:40:00Z", "2026-10-25T01:00:00Z");
    }

    proptest! {
        #[test]
        fn never_early_and_never_closed(
            seconds in 0_i64..4_000_000_000,
            zone in prop::sample::select(vec![
                "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
                "Pacific/Kiritimati", "Asia/Kathmandu", "America/St_Johns", "UTC",
            ]),
            opens in 0_i8..22,
        ) {
            let window = window(time(opens, 15, 0, 0), time(opens + 2, 0, 0, 0), zone);
            let at = Timestamp::from_second(seconds).unwrap();
            let opening = window.next_open(at);
            prop_assert!(opening >= at);
            prop_assert!(window.is_open(opening));
            prop_assert!(opening.duration_since(at).as_hours() < 49);
        }

        /// From two days before a clock change on: it is the first time at which the window is open.
        #[test]
        fn nothing_open_is_passed_over(
            seconds in 1_700_000_000_i64..2_000_000_000,
            before in 0_i64..48 * 3600,
            zone in prop::sample::select(vec![
                "Europe/Stockholm", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
            ]),
            opens in 0_i8..4,
        ) {
            let window = window(time(opens, 15, 0, 0), time(opens + 1, 45, 0, 0), zone);
            let any = Timestamp::from_second(seconds).unwrap();
            let change = TimeZone::get(zone).unwrap().following(any).next().unwrap().timestamp();
            let at = change - SignedDuration::from_secs(before);
            let opening = window.next_open(at);
            let mut passed = at;
            while passed < opening {
                prop_assert!(!window.is_open(passed), "{opening} after {at}, but open at {passed}");
                passed += SignedDuration::from_mins(7);
            }
        }
    }
}
