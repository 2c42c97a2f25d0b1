//! The rules an operator sets for a shop's invitations: whom, when, how often.

use std::{collections::BTreeMap, num::NonZeroU32};

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use sha2::{Digest as _, Sha256};

use crate::{
    Caps, Money, SendWindow,
    consent::ConsentPolicy,
    decision::{DelayRule, Reason},
    order::{Fulfilment, Item, Order},
    zone,
};

/// When a shop's orders lead to an invitation, and which of them do.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What has to happen to an order before its buyer may be asked.
    pub trigger: Trigger,
    /// How long to wait then.
    pub delays: Delays,
    /// The hours in which mail may leave; `None` is any hour.
    pub window: Option<SendWindow>,
    /// No mail leaves on public holidays of the buyer's country.
    pub rests_on_holidays: bool,
    /// Mails that wait for the window to open leave spread over this time, not all in one minute.
    pub spread: SignedDuration,
    /// Orders completed longer ago than this are not invited.
    pub max_order_age: SignedDuration,
    /// Which orders are left out.
    pub selection: Selection,
    /// What has to be there, by law, before a buyer is asked.
    pub consent: ConsentPolicy,
    /// From the mail to the reminder; `None` is no reminder.
    pub reminder: Option<SignedDuration>,
    /// How often one person may be asked, by all shops together.
    pub caps: Caps,
}

/// What has to happen to an order before its buyer may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trigger {
    /// Whatever the platform calls completed.
    #[default]
    Completed,
    /// A part of it was sent.
    FirstShipment,
    /// All of it was sent.
    LastShipment,
    /// It arrived.
    Delivered,
}

/// From the event that sets the timer to the invitation. The first rule that fits decides: a date in
/// the order, the products, the country, the shop.
#[derive(Clone, Debug, Default)]
pub struct Delays {
    /// The shop's delay.
    pub shop: SignedDuration,
    /// The shop's delay for orders that are known to have arrived, if it differs.
    pub after_delivery: Option<SignedDuration>,
    /// For orders whose platform has not (yet) told what [`Trigger`] waits for. It may never.
    pub fallback: SignedDuration,
    /// By product. Of all that fit, the longest counts: then the buyer has tried everything.
    pub products: Vec<ProductDelay>,
    /// By ISO 3166-1 alpha-2 code.
    pub countries: BTreeMap<String, CountryRule>,
}

/// A delay for some products.
#[derive(Clone, Debug)]
pub struct ProductDelay {
    /// Which.
    pub products: ProductPattern,
    /// How long buyers need with them.
    pub delay: SignedDuration,
}

/// A stock-keeping unit or a category; a `*` at the end stands for any rest. Letter case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProductPattern {
    /// The shop's stock-keeping unit.
    Sku(String),
    /// One of the product's categories.
    Category(String),
}

/// What is different for buyers in one country.
#[derive(Clone, Debug, Default)]
pub struct CountryRule {
    /// The delay, if it differs.
    pub delay: Option<SignedDuration>,
    /// The clock for buyers of whom no more than the country is known, where it has several.
    pub zone: Option<TimeZone>,
}

/// Which orders are left out, beside those that never lead to an invitation.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Addresses at these domains, and below them: the shop's own staff.
    pub excluded_domains: Vec<String>,
    /// Orders with one of these tags. Letter case does not count.
    pub excluded_tags: Vec<String>,
    /// Orders of less. Those in another currency, or without a known total, are not held back.
    pub minimum_total: Option<Money>,
    /// Whether companies are asked too.
    pub invite_businesses: bool,
    /// One of so many orders. Which one follows from the order's reference alone, so nobody can steer
    /// it, and anybody can check it.
    pub one_in: NonZeroU32,
}

impl Policy {
    /// Everybody is asked once, so long after the order was completed, at any hour.
    #[must_use]
    pub fn after(delay: SignedDuration) -> Self {
        Self {
            trigger: Trigger::Completed,
            delays: Delays { shop: delay, fallback: delay, ..Delays::default() },
            window: None,
            rests_on_holidays: false,
            spread: SignedDuration::ZERO,
            max_order_age: SignedDuration::MAX,
            selection: Selection::default(),
            consent: ConsentPolicy::none(),
            reminder: None,
            caps: Caps::NONE,
        }
    }

    /// The hours in which mail about this order may leave, by the buyer's clock where it is known:
    /// the order's region, then its country, then what the operator set; `None` is any hour.
    #[must_use]
    pub fn window(&self, order: &Order) -> Option<SendWindow> {
        let window = self.window.clone()?;
        let Some(country) = &order.country else { return Some(window) };
        let set = || self.delays.countries.get(country).and_then(|rule| rule.zone.clone());
        let zone = zone::zone_of(country, order.region.as_deref()).or_else(set);
        let window =
            if self.rests_on_holidays { window.except_holidays_of(country) } else { window };
        Some(match zone {
            Some(zone) => window.in_zone(zone),
            None => window,
        })
    }

    /// The first moment from `at` on at which mail about this order may leave; if it has to wait,
    /// spread. The same `key` yields the same share of the spread.
    #[must_use]
    pub fn next_open(&self, order: &Order, at: Timestamp, key: &str) -> Timestamp {
        self.window(order).map_or(at, |window| window.next_open_spread(at, &[key], self.spread))
    }

    /// Why this order is left out, if it is.
    pub(crate) fn leaves_out(&self, order: &Order) -> Option<Reason> {
        // What was sent in part is not completed, whatever its platform calls it.
        let partly = self.trigger == Trigger::Completed && order.fulfilment == Fulfilment::Partial;
        if partly { Some(Reason::PartlyShipped) } else { self.selection.leaves_out(order) }
    }

    /// From the event that sets the timer to the invitation, and the rule that says so. A date in the
    /// order comes before this.
    pub(crate) fn delay(&self, order: &Order) -> (SignedDuration, DelayRule) {
        if !self.trigger.is_reached(order.fulfilment) {
            return (self.delays.fallback, DelayRule::Fallback);
        }
        if let Some(longest) = self.delays.products(&order.items) {
            return (longest, DelayRule::Product);
        }
        let country = order.country.as_ref().and_then(|code| self.delays.countries.get(code));
        if let Some(delay) = country.and_then(|rule| rule.delay) {
            return (delay, DelayRule::Country);
        }
        match self.delays.after_delivery {
            Some(delay) if order.fulfilment == Fulfilment::Delivered => {
                (delay, DelayRule::AfterDelivery)
            }
            _ => (self.delays.shop, DelayRule::ShopDelay),
        }
    }

    /// Whether the timer starts again because an order that was `before` is now `after`.
    pub(crate) fn restarts(&self, before: Fulfilment, after: Fulfilment) -> bool {
        let arrives = before < Fulfilment::Delivered && after == Fulfilment::Delivered;
        let reached = !self.trigger.is_reached(before) && self.trigger.is_reached(after);
        reached || (arrives && self.delays.after_delivery.is_some())
    }
}

impl Trigger {
    fn is_reached(self, fulfilment: Fulfilment) -> bool {
        match self {
            Self::Completed => true,
            Self::FirstShipment => fulfilment >= Fulfilment::Partial,
            Self::LastShipment => fulfilment >= Fulfilment::Shipped,
            Self::Delivered => fulfilment >= Fulfilment::Delivered,
        }
    }
}

impl Delays {
    fn products(&self, items: &[Item]) -> Option<SignedDuration> {
        let fits = |rule: &&ProductDelay| items.iter().any(|item| rule.products.fits(item));
        self.products.iter().filter(fits).map(|rule| rule.delay).max()
    }
}

impl ProductPattern {
    fn fits(&self, item: &Item) -> bool {
        let (pattern, values) = match self {
            Self::Sku(pattern) => (pattern, item.sku.as_slice()),
            Self::Category(pattern) => (pattern, item.categories.as_slice()),
        };
        values.iter().any(|value| match pattern.strip_suffix('*') {
            Some(start) => value.starts_with(start),
            None => value == pattern,
        })
    }
}

impl Selection {
    /// Why this order is not among those that are asked about, if it is not.
    fn leaves_out(&self, order: &Order) -> Option<Reason> {
        let host = order.email.as_ref().map_or("", |email| email.host());
        let at = |domain: &String| {
            host.strip_suffix(domain.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        if self.excluded_domains.iter().any(at) {
            return Some(Reason::ExcludedDomain);
        }
        let excluded = |tag: &String| self.excluded_tags.iter().any(|out| same(out, tag));
        if order.tags.iter().any(excluded) {
            return Some(Reason::ExcludedTag);
        }
        if order.business && !self.invite_businesses {
            return Some(Reason::Business);
        }
        let below = |minimum: &Money, total: &Money| {
            total.currency == minimum.currency && total.amount < minimum.amount
        };
        if self.minimum_total.as_ref().zip(order.total.as_ref()).is_some_and(|(m, t)| below(m, t)) {
            return Some(Reason::BelowMinimum);
        }
        (!self.samples(&order.reference)).then_some(Reason::NotSampled)
    }

    /// The first eight bytes of the reference's SHA-256, as a big-endian number, tell.
    fn samples(&self, reference: &str) -> bool {
        let digest = Sha256::digest(reference);
        let (first, _) = digest.split_at(8);
        let number = first.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        number.is_multiple_of(u64::from(self.one_in.get()))
    }
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            excluded_domains: vec![],
            excluded_tags: vec![],
            minimum_total: None,
            invite_businesses: true,
            one_in: NonZeroU32::MIN,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EmailAddress;

    const DAY: SignedDuration = SignedDuration::from_hours(24);

    fn order() -> Order {
        Order {
            reference: "1".into(),
            email: EmailAddress::parse("anna@mail.shop.example").ok(),
            country: Some("DE".into()),
            items: vec![item("TEA-1", &["Tea/Green"]), item("POT-1", &[])],
            total: Money::new("19.90".parse().ok(), Some("EUR")),
            ..Order::default()
        }
    }

    fn item(sku: &str, categories: &[&str]) -> Item {
        let categories = categories.iter().map(|&category| category.to_owned()).collect();
        Item { sku: Some(sku.into()), categories, ..Item::default() }
    }

    fn product(products: ProductPattern, days: i32) -> ProductDelay {
        ProductDelay { products, delay: DAY * days }
    }

    #[test]
    fn the_nearest_rule_sets_the_delay() {
        let mut policy = Policy::after(DAY * 14);
        let mut order = order();
        assert_eq!(policy.delay(&order), (DAY * 14, DelayRule::ShopDelay));
        policy.delays.after_delivery = Some(DAY * 7);
        order.fulfilment = Fulfilment::Delivered;
        assert_eq!(policy.delay(&order), (DAY * 7, DelayRule::AfterDelivery));
        let germany = CountryRule { delay: Some(DAY * 5), zone: None };
        policy.delays.countries.insert("DE".into(), germany);
        assert_eq!(policy.delay(&order), (DAY * 5, DelayRule::Country));
        policy.delays.products = vec![
            product(ProductPattern::Category("Tea*".into()), 20),
            product(ProductPattern::Sku("POT-1".into()), 60),
            product(ProductPattern::Sku("POT".into()), 90),
        ];
        assert_eq!(policy.delay(&order), (DAY * 60, DelayRule::Product), "the longest that fits");
        policy.trigger = Trigger::Delivered;
        order.fulfilment = Fulfilment::Shipped;
        assert_eq!(policy.delay(&order), (DAY * 14, DelayRule::Fallback));
    }

    #[test]
    fn the_timer_starts_again_when_what_was_waited_for_happens() {
        use Fulfilment::{Delivered, Partial, Shipped, Unknown};
        let policy = |trigger| Policy { trigger, ..Policy::after(DAY) };
        assert!(!policy(Trigger::Completed).restarts(Unknown, Delivered));
        assert!(policy(Trigger::FirstShipment).restarts(Unknown, Partial));
        assert!(!policy(Trigger::FirstShipment).restarts(Partial, Shipped));
        assert!(policy(Trigger::LastShipment).restarts(Partial, Shipped));
        assert!(policy(Trigger::Delivered).restarts(Shipped, Delivered));
        let mut completed = policy(Trigger::Completed);
        completed.delays.after_delivery = Some(DAY);
        assert!(completed.restarts(Shipped, Delivered));
        assert!(!completed.restarts(Delivered, Delivered));
    }

    #[test]
    fn orders_are_left_out_for_a_reason() {
        let none = Selection::default();
        let left_out = |selection: &Selection, order: &Order| selection.leaves_out(order);
        assert_eq!(left_out(&none, &order()), None);
        let staff = Selection { excluded_domains: vec!["shop.example".into()], ..none.clone() };
        assert_eq!(left_out(&staff, &order()), Some(Reason::ExcludedDomain));
        let other = Order { email: EmailAddress::parse("a@myshop.example").ok(), ..order() };
        assert_eq!(left_out(&staff, &other), None, "another domain with the same end");
        let tagged = Order { tags: vec!["B2B".into()], ..order() };
        let tags = Selection { excluded_tags: vec!["b2b".into()], ..none.clone() };
        assert_eq!(left_out(&tags, &tagged), Some(Reason::ExcludedTag));
        let minimum =
            Selection { minimum_total: Money::new("20".parse().ok(), Some("EUR")), ..none.clone() };
        assert_eq!(left_out(&minimum, &order()), Some(Reason::BelowMinimum));
        let crowns = Order { total: Money::new("1".parse().ok(), Some("SEK")), ..order() };
        assert_eq!(left_out(&minimum, &crowns), None, "not to be compared");
        let consumers = Selection { invite_businesses: false, ..none };
        let business = Order { business: true, ..order() };
        assert_eq!(left_out(&consumers, &business), Some(Reason::Business));
    }

    #[test]
    fn mail_leaves_in_the_buyers_hours_and_not_on_their_holidays() {
        let hours =
            SendWindow::new("09:00".parse().unwrap(), "10:00".parse().unwrap(), TimeZone::UTC);
        let mut policy = Policy { window: Some(hours.unwrap()), ..Policy::after(DAY) };
        let opens = |policy: &Policy, country: Option<&str>| {
            let order = Order { country: country.map(Into::into), ..order() };
            let at: Timestamp = "2026-12-25T00:00:00Z".parse().unwrap();
            policy.next_open(&order, at, "key").to_string()
        };
        assert_eq!(opens(&policy, None), "2026-12-25T09:00:00Z");
        assert_eq!(opens(&policy, Some("JP")), "2026-12-25T00:00:00Z", "nine in Tokyo");
        assert_eq!(opens(&policy, Some("DE")), "2026-12-25T08:00:00Z");
        policy.rests_on_holidays = true;
        assert_eq!(opens(&policy, Some("DE")), "2026-12-27T08:00:00Z");
        policy.spread = SignedDuration::from_mins(30);
        let spread = opens(&policy, Some("DE"));
        assert!(("2026-12-27T08:00:01Z".."2026-12-27T08:30:00Z").contains(&&*spread), "{spread}");
    }

    #[test]
    fn a_sample_is_as_large_as_it_says_and_the_same_each_time() {
        let third = Selection { one_in: NonZeroU32::new(3).unwrap(), ..Selection::default() };
        let taken = (0..3000).filter(|n| third.samples(&n.to_string())).count();
        assert!((900..1100).contains(&taken), "{taken}");
        assert!((0..99).all(|n| Selection::default().samples(&n.to_string())));
    }
}
