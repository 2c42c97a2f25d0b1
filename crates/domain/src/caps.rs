//! How often one person is asked, by all shops of the operator together.

use jiff::{SignedDuration, Timestamp};

use crate::{InvitationId, decision::add, invitation::derive_uuid, order::Item, shop::ShopId};

/// How often one person may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// From one mail to the next.
    pub gap: SignedDuration,
    /// At most so many mails within [`Self::period`].
    pub per_period: u32,
    /// What [`Self::per_period`] is counted over.
    pub period: SignedDuration,
    /// Nobody is asked about the same product again before this.
    pub same_product: SignedDuration,
}

/// A mail that the same person got, or may be getting right now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierMail {
    /// When it was sent; `None` while it is being sent.
    pub sent_at: Option<Timestamp>,
    /// The shop that asked.
    pub shop: ShopId,
    /// What it asked about.
    pub items: Vec<Item>,
}

/// Whether a mail may leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// It may.
    Now,
    /// Not before then.
    NotBefore(Timestamp),
    /// The person was asked about all of these products not long ago.
    Never,
}

/// Whoever finds another mail under way looks again after this, and up to [`PAUSE_SPREAD_SECS`] more.
const PAUSE: SignedDuration = SignedDuration::from_mins(2);

/// Two mails that wait for each other must not look again at the same time.
const PAUSE_SPREAD_SECS: u64 = 600;

impl Caps {
    /// As often as there are orders.
    pub const NONE: Self = Self {
        gap: SignedDuration::ZERO,
        per_period: u32::MAX,
        period: SignedDuration::ZERO,
        same_product: SignedDuration::ZERO,
    };

    /// How far back mails have to be known.
    #[must_use]
    pub fn memory(&self) -> SignedDuration {
        self.gap.max(self.period).max(self.same_product)
    }

    /// Whether the mail `id` may leave `now`, after the mails `earlier`, in any order. `asks_about` are
    /// the shop and the products, for a mail that asks for the first time.
    #[must_use]
    pub fn allow(
        &self,
        id: InvitationId,
        asks_about: Option<(&ShopId, &[Item])>,
        earlier: &[EarlierMail],
        now: Timestamp,
    ) -> Allowed {
        let under_way = earlier.iter().any(|mail| mail.sent_at.is_none());
        if under_way && self.gap > SignedDuration::ZERO {
            // Another share each time: two that meet once must not meet again and again.
            let drawn = derive_uuid(now, &["pause", &id.to_string()]);
            let (_, low) = drawn.as_u64_pair();
            let more = SignedDuration::from_secs((low % PAUSE_SPREAD_SECS).cast_signed());
            return Allowed::NotBefore(add(now, PAUSE + more));
        }
        if asks_about.is_some_and(|(shop, items)| self.knows_all(shop, items, earlier, now)) {
            return Allowed::Never;
        }
        let mut sent: Vec<Timestamp> =
            earlier.iter().map(|mail| mail.sent_at.unwrap_or(now).min(now)).collect();
        sent.sort_unstable();
        let after_gap = sent.last().map(|last| add(*last, self.gap));
        let nth_last = sent.len().checked_sub(self.per_period as usize);
        let after_period = nth_last.and_then(|n| sent.get(n)).map(|at| add(*at, self.period));
        match after_gap.max(after_period) {
            Some(at) if at > now => Allowed::NotBefore(at),
            _ => Allowed::Now,
        }
    }

    fn knows_all(
        &self,
        shop: &ShopId,
        items: &[Item],
        earlier: &[EarlierMail],
        now: Timestamp,
    ) -> bool {
        // Before the clock was set back there may have been mails that seem to come.
        let sent_at = |mail: &EarlierMail| mail.sent_at.map(|at| at.min(now));
        let recent =
            |mail: &&EarlierMail| sent_at(mail).is_some_and(|at| add(at, self.same_product) > now);
        let known = |item: &Item| {
            earlier.iter().filter(recent).any(|mail| {
                let same_shop = mail.shop == *shop;
                mail.items.iter().any(|other| item.is_same_product(other, same_shop))
            })
        };
        !items.is_empty() && items.iter().all(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);
    const CAPS: Caps = Caps {
        gap: SignedDuration::from_hours(24),
        per_period: 4,
        period: SignedDuration::from_hours(24 * 30),
        same_product: SignedDuration::from_hours(24 * 365),
    };

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + HOUR * i32::try_from(hours).unwrap()
    }

    fn shop(id: &str) -> ShopId {
        id.parse().unwrap()
    }

    fn item(sku: &str) -> Item {
        Item { sku: Some(sku.into()), ..Item::default() }
    }

    fn mail(hours: i64, items: &[Item]) -> EarlierMail {
        EarlierMail { sent_at: Some(at(hours)), shop: shop("tea"), items: items.to_vec() }
    }

    fn allow(earlier: &[EarlierMail], asks_about: &[Item], now: i64) -> Allowed {
        let shop = shop("tea");
        CAPS.allow(InvitationId(Uuid::nil()), Some((&shop, asks_about)), earlier, at(now))
    }

    #[test]
    fn a_day_lies_between_two_mails() {
        assert_eq!(allow(&[], &[], 0), Allowed::Now);
        assert_eq!(allow(&[mail(0, &[])], &[], 5), Allowed::NotBefore(at(24)));
        assert_eq!(allow(&[mail(0, &[])], &[], 24), Allowed::Now);
    }

    #[test]
    fn no_more_than_so_many_in_a_month_whatever_their_order() {
        let sent = [mail(300, &[]), mail(0, &[]), mail(200, &[]), mail(100, &[])];
        assert_eq!(allow(&sent, &[], 400), Allowed::NotBefore(at(24 * 30)));
        assert_eq!(allow(&sent, &[], 24 * 30), Allowed::Now);
        assert_eq!(allow(&sent[..3], &[], 400), Allowed::Now);
    }

    #[test]
    fn who_was_asked_about_all_of_it_is_not_asked_again() {
        let sent = [mail(0, &[item("a"), item("b")])];
        assert_eq!(allow(&sent, &[item("a")], 24 * 100), Allowed::Never);
        assert_eq!(allow(&sent, &[item("a"), item("c")], 24 * 100), Allowed::Now);
        assert_eq!(allow(&sent, &[item("a")], 24 * 365), Allowed::Now);
        assert_eq!(allow(&sent, &[], 24 * 100), Allowed::Now, "an order without known products");
        let caps = CAPS.allow(InvitationId(Uuid::nil()), None, &sent, at(24 * 100));
        assert_eq!(caps, Allowed::Now, "a reminder asks about the same on purpose");
        let elsewhere = [EarlierMail { shop: shop("paper"), ..sent[0].clone() }];
        assert_eq!(allow(&elsewhere, &[item("a")], 24 * 100), Allowed::Now, "another shop's `a`");
    }

    #[test]
    fn a_clock_that_was_set_back_holds_nobody_back_for_longer_than_the_caps() {
        let sent = [mail(1, &[item("a")])];
        let off = Caps {
            gap: SignedDuration::ZERO,
            period: SignedDuration::ZERO,
            same_product: SignedDuration::ZERO,
            ..CAPS
        };
        let shop = shop("tea");
        let asks_about = Some((&shop, &sent[0].items[..]));
        let allowed = off.allow(InvitationId(Uuid::nil()), asks_about, &sent, at(0));
        assert_eq!(allowed, Allowed::Now);
        assert_eq!(allow(&sent, &[], 0), Allowed::NotBefore(at(24)));
    }

    #[test]
    fn two_mails_at_once_both_wait_and_not_for_each_other() {
        let under_way = EarlierMail { sent_at: None, ..mail(0, &[]) };
        let next = |id: u128| {
            let id = InvitationId(Uuid::from_u128(id));
            match CAPS.allow(id, None, std::slice::from_ref(&under_way), at(0)) {
                Allowed::NotBefore(at) => at,
                other => panic!("{other:?}"),
            }
        };
        assert!(next(1) > at(0));
        assert_ne!(next(1), next(2));
        let no_gap = Caps { gap: SignedDuration::ZERO, ..CAPS };
        let now = no_gap.allow(InvitationId(Uuid::nil()), None, &[under_way], at(0));
        assert_eq!(now, Allowed::Now, "nothing has to lie between them");
    }
}
