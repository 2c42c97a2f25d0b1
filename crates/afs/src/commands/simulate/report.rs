//! What a replay found, counted and as text. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use domain::decision::{DelayRule, Reason};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::replay::{Compared, Fate, Why};
use crate::commands::words::{count, moment, name, why};

/// What another configuration would have done to the orders of one shop.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    /// Orders that were replayed.
    pub(super) orders: usize,
    /// Under the configuration in force.
    pub(super) now: Side,
    /// Under the one that is tried.
    pub(super) new: Side,
    /// How many are mailed by both, at different times.
    pub(super) other_time: usize,
    /// How many are mailed by the new one only.
    pub(super) gained: usize,
    /// How many are mailed by the one in force only.
    pub(super) lost: usize,
    /// How many are mailed by neither, for different reasons.
    pub(super) other_reason: usize,
    /// By how much later the new one mails what both mail; `None` if there is nothing.
    pub(super) shift: Option<Shift>,
    /// Some of those that change.
    pub(super) examples: Vec<Example>,
}

/// What one configuration does.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Side {
    /// Orders whose buyers are mailed.
    pub(super) mailed: usize,
    /// The others, by why.
    pub(super) not_mailed: BTreeMap<String, usize>,
    /// Mails by the hour of the day in which they leave, 24 of them, by the clock of the buyer where
    /// it is known.
    pub(super) by_hour: [usize; 24],
}

/// In seconds; below zero is earlier.
#[expect(clippy::struct_field_names, reason = "units stand at the end of names")]
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Shift {
    pub(super) median_secs: i64,
    pub(super) earliest_secs: i64,
    pub(super) latest_secs: i64,
}

/// An order that changes.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Example {
    pub(super) order: String,
    pub(super) now: Said,
    pub(super) new: Said,
}

/// What becomes of an order.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Said {
    /// When its mail leaves.
    pub(super) mailed_at: Option<Timestamp>,
    /// The rule that set the delay.
    pub(super) rule: Option<DelayRule>,
    /// Why no mail leaves.
    pub(super) reason: Option<String>,
}

/// Examples that are shown.
const EXAMPLES_MAX: usize = 10;

/// The widest bar of a chart, in characters.
const BAR_MAX: usize = 30;

impl Report {
    /// Counts.
    pub(super) fn new(orders: &[Compared]) -> Self {
        let mut report = Self {
            orders: orders.len(),
            now: Side::default(),
            new: Side::default(),
            other_time: 0,
            gained: 0,
            lost: 0,
            other_reason: 0,
            shift: None,
            examples: Vec::new(),
        };
        let mut shifts = Vec::new();
        for order in orders {
            report.now.add(order.now, &order.zone);
            report.new.add(order.new, &order.zone);
            let changes = match (order.now, order.new) {
                (Fate::Mailed(now, _), Fate::Mailed(new, _)) => {
                    shifts.push(new.duration_since(now).as_secs());
                    report.other_time += usize::from(now != new);
                    now != new
                }
                (Fate::NotMailed(_), Fate::Mailed(..)) => {
                    report.gained += 1;
                    true
                }
                (Fate::Mailed(..), Fate::NotMailed(_)) => {
                    report.lost += 1;
                    true
                }
                (Fate::NotMailed(now), Fate::NotMailed(new)) => {
                    report.other_reason += usize::from(now != new);
                    now != new
                }
            };
            if changes && report.examples.len() < EXAMPLES_MAX {
                report.examples.push(order.into());
            }
        }
        report.shift = Shift::of(shifts);
        report
    }

    /// How many orders change in any way.
    pub(super) fn changed(&self) -> usize {
        self.other_time + self.gained + self.lost + self.other_reason
    }

    /// The report as it is printed. Times are by the clock of `zone`.
    pub(super) fn text(&self, shop: &str, zone: &TimeZone) -> String {
        let mut text = String::new();
        // Writing into a text cannot fail.
        let _written = self.write(&mut text, shop, zone);
        text
    }

    fn write(&self, text: &mut String, shop: &str, zone: &TimeZone) -> std::fmt::Result {
        writeln!(text, "{shop}: {}, {} of them change", orders(self.orders), self.changed())?;
        writeln!(text, "\n  {:<58}{:>9}{:>9}", "", "now", "new")?;
        writeln!(text, "  {:<58}{:>9}{:>9}", "mailed", self.now.mailed, self.new.mailed)?;
        let reasons: BTreeSet<&String> =
            self.now.not_mailed.keys().chain(self.new.not_mailed.keys()).collect();
        for reason in reasons {
            let of = |side: &Side| side.not_mailed.get(reason).copied().unwrap_or(0);
            let said = format!("not mailed, {}", in_words(reason));
            writeln!(text, "  {said:<58}{:>9}{:>9}", of(&self.now), of(&self.new))?;
        }
        let Self { other_time, gained, lost, other_reason, .. } = self;
        writeln!(
            text,
            "\n  at another time {other_time}, only now {lost}, only new {gained}, not mailed for \
             another reason {other_reason}"
        )?;
        if let Some(Shift { median_secs, earliest_secs, latest_secs }) = &self.shift {
            let (median, earliest, latest) =
                (shift(*median_secs), shift(*earliest_secs), shift(*latest_secs));
            writeln!(
                text,
                "  what both mail leaves {median} (median), between {earliest} and {latest}"
            )?;
        }
        self.chart(text)?;
        if !self.examples.is_empty() {
            writeln!(text, "\n  for example (times by the clock of {})", name(zone))?;
        }
        for Example { order, now, new } in &self.examples {
            writeln!(text, "    order {order}")?;
            writeln!(text, "      now  {}", now.text(zone))?;
            writeln!(text, "      new  {}", new.text(zone))?;
        }
        Ok(())
    }

    fn chart(&self, text: &mut String) -> std::fmt::Result {
        let most = self.now.by_hour.iter().chain(&self.new.by_hour).copied().max().unwrap_or(0);
        if most == 0 {
            return Ok(());
        }
        writeln!(
            text,
            "\n  mails by the hour in which they leave, by the buyer's clock where it is known"
        )?;
        for (hour, (now, new)) in self.now.by_hour.iter().zip(&self.new.by_hour).enumerate() {
            for (label, side, count) in
                [(format!("{hour:02}:00"), "now", now), (String::new(), "new", new)]
            {
                if now + new > 0 {
                    // What is there is seen, however little it is.
                    let bar = "█".repeat((count * BAR_MAX).div_ceil(most));
                    let line = format!("    {label:<5}  {side}  {bar:<BAR_MAX$} {count:>8}");
                    writeln!(text, "{line}")?;
                }
            }
        }
        Ok(())
    }
}

impl Side {
    fn add(&mut self, fate: Fate, zone: &TimeZone) {
        match fate {
            Fate::Mailed(at, _) => {
                self.mailed += 1;
                let hour = zone.to_datetime(at).hour();
                if let Some(count) = self.by_hour.get_mut(usize::try_from(hour).unwrap_or(0)) {
                    *count += 1;
                }
            }
            Fate::NotMailed(why) => *self.not_mailed.entry(why.as_name()).or_default() += 1,
        }
    }
}

impl Shift {
    fn of(mut seconds: Vec<i64>) -> Option<Self> {
        seconds.sort_unstable();
        Some(Self {
            median_secs: *seconds.get(seconds.len() / 2)?,
            earliest_secs: *seconds.first()?,
            latest_secs: *seconds.last()?,
        })
    }
}

impl Why {
    /// The stable name.
    fn as_name(self) -> String {
        match self {
            Self::Decided(reason) => {
                let name = serde_json::to_value(reason).ok();
                name.and_then(|name| name.as_str().map(ToOwned::to_owned)).unwrap_or_default()
            }
            Self::AskedBefore => "asked_before".to_owned(),
            Self::SaidStop => "recipient_said_stop".to_owned(),
            Self::HeldBack => "held_back".to_owned(),
        }
    }
}

impl From<&Compared> for Example {
    fn from(order: &Compared) -> Self {
        let Compared { reference, now, new, .. } = order;
        Self { order: reference.to_string(), now: (*now).into(), new: (*new).into() }
    }
}

impl From<Fate> for Said {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Mailed(at, rule) => Self { mailed_at: Some(at), rule: Some(rule), reason: None },
            Fate::NotMailed(why) => {
                Self { mailed_at: None, rule: None, reason: Some(why.as_name()) }
            }
        }
    }
}

impl Said {
    fn text(&self, zone: &TimeZone) -> String {
        match (self.mailed_at, self.rule, &self.reason) {
            (Some(at), Some(rule), _) => {
                format!("mailed on {}, by {}", moment(at, zone), by(rule))
            }
            (_, _, Some(reason)) => format!("not mailed, {}", in_words(reason)),
            _ => String::new(),
        }
    }
}

/// What the rule is called.
fn by(rule: DelayRule) -> &'static str {
    match rule {
        DelayRule::OrderDate => "the order's own date",
        DelayRule::Product => "a rule for a product",
        DelayRule::Country => "the rule for the country",
        DelayRule::AfterDelivery => "the shop's delay after delivery",
        DelayRule::Fallback => {
            "the delay for orders that were not told to have been sent or arrived"
        }
        DelayRule::ShopDelay => "the shop's delay",
    }
}

fn in_words(reason: &str) -> &'static str {
    match reason {
        "asked_before" => "the buyer was asked about the same products",
        "recipient_said_stop" => "the buyer had said stop",
        "held_back" => "caps per person held it back for a year",
        reason => serde_json::from_value::<Reason>(reason.into()).map_or("", why),
    }
}

fn orders(number: usize) -> String {
    count(i64::try_from(number).unwrap_or(i64::MAX), "order")
}

/// In its two largest units: nobody counts further.
fn shift(seconds: i64) -> String {
    let mut rest = seconds.abs();
    let mut parts = Vec::new();
    for (name, unit) in [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)] {
        if rest >= unit {
            parts.push(count(rest / unit, name));
        }
        rest %= unit;
    }
    parts.truncate(2);
    match seconds {
        0 => "at the same time".to_owned(),
        1.. => format!("{} later", parts.join(" ")),
        _ => format!("{} earlier", parts.join(" ")),
    }
}
