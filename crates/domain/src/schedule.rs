//! The hours in which mail may leave.

use jiff::{SignedDuration, Timestamp, ToSpan as _, civil::Time, tz::TimeZone};

/// Daily opening hours in one time zone: `opens` inclusive, `closes` exclusive.
#[derive(Clone, Debug)]
pub struct SendWindow {
    opens: Time,
    closes: Time,
    zone: TimeZone,
}

/// How far ahead a jump of the clocks can be what opens the window.
const SEARCHED: SignedDuration = SignedDuration::from_hours(72);

/// A window must open before it closes, on the same day.
#[derive(Debug, thiserror::Error)]
#[error("a send window must open before it closes, on the same day")]
pub struct EmptyWindow;

impl SendWindow {
    /// A window from `opens` to `closes`, every day, by the clocks of `zone`.
    pub fn new(opens: Time, closes: Time, zone: TimeZone) -> Result<Self, EmptyWindow> {
        if opens < closes { Ok(Self { opens, closes, zone }) } else { Err(EmptyWindow) }
    }

    /// `true` while mail may leave.
    #[must_use]
    pub fn is_open(&self, at: Timestamp) -> bool {
        let time = at.to_zoned(self.zone.clone()).time();
        self.opens <= time && time < self.closes
    }

    /// The first time from `at` on at which the window is open.
    ///
    /// When clocks skip the opening time, that is the moment they jump to, if it lies in the
    /// window; when an opening time happens twice, the window opens twice.
    #[must_use]
    pub fn next_open(&self, at: Timestamp) -> Timestamp {
        if self.is_open(at) {
            return at;
        }
        if failpoint::bug("clock_changes_ignored") {
            return self.next_open_ignoring_clock_changes(at);
        }
        let jumps = self.zone.following(at).map(|jump| jump.timestamp());
        let jumps = jumps.take_while(|jump| jump.duration_since(at) <= SEARCHED);
        let today = at.to_zoned(self.zone.clone()).date();
        // Two days are enough even when a zone skips a whole day (Apia, 2011-12-30).
        (0..=2)
            .filter_map(|days| today.checked_add(days.days()).ok())
            .map(|date| self.zone.to_ambiguous_timestamp(date.to_datetime(self.opens)))
            .flat_map(|opening| [opening.earlier(), opening.later()])
            .filter_map(Result::ok)
            .chain(jumps)
            .filter(|&opening| opening >= at && self.is_open(opening))
            .min()
            .unwrap_or(at)
    }

    /// A known bug, for tests that must notice it: takes every day for 24 hours long.
    fn next_open_ignoring_clock_changes(&self, at: Timestamp) -> Timestamp {
        let offset = self.zone.to_offset(at);
        let local = offset.to_datetime(at);
        let days = i64::from(local.time() >= self.opens);
        let opening = local.date().to_datetime(self.opens).checked_add(days.days());
        opening.ok().and_then(|opening| offset.to_timestamp(opening).ok()).unwrap_or(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::time;
    use proptest::prelude::*;

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
