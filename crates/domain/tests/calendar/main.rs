//! A million times: mail leaves as early as the window allows, by clocks that are not ours.
//!
//! What the clocks of all zones showed comes from `clocks.txt`, which Python wrote. The test adds
//! and compares whole numbers of it, and shares no sum of the calendar with the code under test.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking, too")]

use std::{collections::HashSet, ops::Range, thread};

use domain::{Holidays, SendWindow, Weekdays};
use fastrand::Rng;
use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Time, Weekday, date},
    tz::{TimeZone, TimeZoneDatabase},
};

const CLOCKS: &str = include_str!("clocks.txt");
const CASES: usize = 1_000_000;
const THREADS: usize = 4;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 24 * 3600 * SECOND;

/// 2024-01-01 and 2026-01-01: from when on holidays are known, and until when clocks are.
const HOLIDAYS_START: i64 = 19_723 * DAY;
const CLOCKS_END: i64 = 20_454 * DAY;

/// A window must open within this time: one weekday a week, and holidays on it.
const HORIZON: i64 = 40 * DAY;

/// A zone, as Python knows it.
struct Clocks {
    name: &'static str,
    /// From when on (Unix time) which offset from UTC holds, ascending; both in nanoseconds.
    offsets: Vec<(i64, i64)>,
}

impl Clocks {
    fn read_all() -> Vec<Self> {
        CLOCKS.lines().filter(|line| !line.starts_with('#')).map(Self::read).collect()
    }

    fn read(line: &'static str) -> Self {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let seconds = words.next().unwrap().split(',').map(|offset| offset.parse::<i64>().unwrap());
        let known: Vec<_> = seconds.map(|seconds| seconds * SECOND).collect();
        let mut offsets = vec![(0, known[0])];
        for jump in words {
            let (half_minutes, letter) = jump.split_at(jump.len() - 1);
            let since = half_minutes.parse::<i64>().unwrap() * 30 * SECOND;
            let letter = usize::from(letter.as_bytes()[0] - b'a');
            offsets.push((offsets.last().unwrap().0 + since, known[letter]));
        }
        Self { name, offsets }
    }

    /// The times of equal offset that make up `times`, each with that offset.
    fn parts(&self, times: Range<i64>) -> impl Iterator<Item = (Range<i64>, i64)> {
        let first = self.offsets.partition_point(|(from, _)| *from <= times.start) - 1;
        let all = &self.offsets[first..];
        let ends = all.iter().skip(1).map(|(from, _)| *from).chain([i64::MAX]);
        all.iter()
            .zip(ends)
            .map(move |((from, offset), end)| {
                ((*from).max(times.start)..end.min(times.end), *offset)
            })
            .take_while(|(part, _)| part.start < part.end)
    }
}

/// The public holidays of a country, as days since 1970-01-01. Which they are is not tested here.
struct Country {
    code: &'static str,
    holidays: HashSet<i64>,
}

impl Country {
    fn of(code: &'static str) -> Self {
        let holidays = Holidays::of(code).unwrap();
        let days = date(2024, 1, 1).series(1.day()).zip(HOLIDAYS_START / DAY..CLOCKS_END / DAY);
        let days = days.filter(|&(date, _)| holidays.contain(date)).map(|(_, day)| day);
        Self { code, holidays: days.collect() }
    }
}

/// The rules of a window, in numbers.
struct Rules<'a> {
    /// Nanoseconds since midnight.
    hours: Range<i64>,
    /// Monday first.
    weekdays: [bool; 7],
    country: Option<&'a Country>,
}

impl<'a> Rules<'a> {
    fn draw(draws: &mut Rng, countries: &'a [Country]) -> Self {
        // Most clocks jump in the small hours.
        let last_hour = if draws.bool() { 4 } else { 24 };
        let opens = draws.i64(0..last_hour * 3600);
        let longest = if draws.bool() { 2 * 3600 } else { DAY / SECOND };
        let closes = draws.i64(opens + 1..=opens + longest) * SECOND;
        let weekdays = draws.u8(1..=0b111_1111);
        let country = draws.usize(0..2 * countries.len());
        Self {
            hours: opens * SECOND..closes.min(DAY - 1),
            weekdays: std::array::from_fn(|day| weekdays >> day & 1 == 1),
            country: countries.get(country),
        }
    }

    fn window(&self, zone: &TimeZone) -> SendWindow {
        let time = |since_midnight| {
            Time::midnight().checked_add(SignedDuration::from_nanos(since_midnight)).unwrap()
        };
        let weekdays = Weekday::Monday.cycle_forward().zip(self.weekdays);
        let weekdays = weekdays.filter(|(_, open)| *open).map(|(day, _)| day);
        let hours = (time(self.hours.start), time(self.hours.end));
        let window = SendWindow::new(hours.0, hours.1, zone.clone()).unwrap();
        let window = window.on(Weekdays::new(weekdays).unwrap());
        match self.country {
            Some(country) => window.except_holidays_of(country.code),
            None => window,
        }
    }

    /// `true` if the window opens on this day since 1970-01-01, a Thursday.
    fn opens_on(&self, day: i64) -> bool {
        let weekday = usize::try_from((day + 3).rem_euclid(7)).unwrap();
        self.weekdays[weekday] && !self.country.is_some_and(|known| known.holidays.contains(&day))
    }

    /// When within `times` the window is open first: no moment in between is left out.
    fn first_open(&self, clocks: &Clocks, times: Range<i64>) -> Option<i64> {
        clocks.parts(times).find_map(|(part, offset)| {
            let local = part.start + offset..part.end + offset;
            let mut days = local.start.div_euclid(DAY)..=local.end.div_euclid(DAY);
            days.find_map(|day| {
                let opens = (day * DAY + self.hours.start).max(local.start);
                let closes = (day * DAY + self.hours.end).min(local.end);
                (opens < closes && self.opens_on(day)).then_some(opens - offset)
            })
        })
    }

    /// `true` if the window is open all the time.
    fn is_open_throughout(&self, clocks: &Clocks, times: Range<i64>) -> bool {
        clocks.parts(times).all(|(part, offset)| {
            let day = (part.start + offset).div_euclid(DAY);
            let midnight = day * DAY - offset;
            self.opens_on(day)
                && midnight + self.hours.start <= part.start
                && part.end <= midnight + self.hours.end
        })
    }
}

/// A moment at which the clocks are known: every other one within two days of a jump, every third
/// one in the years of known holidays.
fn draw_moment(draws: &mut Rng, clocks: &Clocks) -> i64 {
    let known = 2 * DAY..CLOCKS_END - HORIZON;
    let near = draws.i64(-2 * DAY..=2 * DAY);
    let moment = match draws.u8(0..6) {
        0..3 => clocks.offsets[draws.usize(0..clocks.offsets.len())].0 + near,
        3..5 => draws.i64(HOLIDAYS_START..known.end),
        _ => draws.i64(known.clone()),
    };
    moment.clamp(known.start, known.end)
}

fn timestamp(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap()
}

fn nanoseconds(at: Timestamp) -> i64 {
    at.as_nanosecond().try_into().unwrap()
}

/// If this fails, the database that comes with jiff knows something else about the past than the
/// one `clocks.txt` was written from: run `make.py` with a newer one.
#[test]
fn clocks_are_those_that_python_sees() {
    let end = timestamp(CLOCKS_END);
    for clocks in Clocks::read_all() {
        let zone = TimeZoneDatabase::bundled().get(clocks.name).unwrap();
        let start = timestamp(0);
        let jumps = zone.following(start).map(|jump| jump.timestamp());
        let moments = std::iter::once(start).chain(jumps.take_while(|&jump| jump < end));
        let offset = |at| i64::from(zone.to_offset(at).seconds()) * SECOND;
        let mut offsets: Vec<_> = moments.map(|at| (nanoseconds(at), offset(at))).collect();
        offsets.dedup_by_key(|(_, offset)| *offset);
        assert_eq!(offsets, clocks.offsets, "{}", clocks.name);
    }
}

#[test]
fn mail_leaves_in_the_first_open_moment_in_a_million_cases() {
    let zones: Vec<_> = Clocks::read_all()
        .into_iter()
        .map(|clocks| (TimeZoneDatabase::bundled().get(clocks.name).unwrap(), clocks))
        .collect();
    let countries = ["SE", "DE", "ES", "GB", "IE", "IT", "PL", "US"].map(Country::of);
    thread::scope(|scope| {
        for seed in 0..THREADS {
            let (zones, countries) = (&zones, &countries);
            scope.spawn(move || compare(zones, countries, seed));
        }
    });
}

fn compare(zones: &[(TimeZone, Clocks)], countries: &[Country], seed: usize) {
    let mut draws = Rng::with_seed(seed as u64);
    let mut at_once = 0;
    let cases = CASES / THREADS;
    for (case, (zone, clocks)) in zones.iter().cycle().take(cases).enumerate() {
        let rules = Rules::draw(&mut draws, countries);
        let at = draw_moment(&mut draws, clocks);
        let window = rules.window(zone);
        let told = || format!("case {case} of {seed}: {} with {window:?}", timestamp(at));

        let first = rules.first_open(clocks, at..at + HORIZON).unwrap();
        assert_eq!(window.next_open(timestamp(at)), timestamp(first), "{}", told());
        assert_eq!(window.is_open(timestamp(at)), at == first, "{}", told());
        if at == first {
            at_once += 1;
        }
        // Costs as much again.
        if case % 4 != 0 {
            continue;
        }
        let over = draws.i64(0..3 * 3600);
        let key = ["shop", clocks.name];
        let over_all = SignedDuration::from_secs(over);
        let spread = nanoseconds(window.next_open_spread(timestamp(at), &key, over_all));
        if at == first {
            assert_eq!(spread, at, "{}", told());
        } else {
            assert!((first..=first + over * SECOND).contains(&spread), "{}", told());
            assert!(rules.is_open_throughout(clocks, first..spread + 1), "{}", told());
        }
    }
    assert!((cases / 20..cases / 2).contains(&at_once), "{at_once} were open from the start");
}
