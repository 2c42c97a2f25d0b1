//! A shop as the rest of the program sees it: every default and override resolved.

use std::sync::Arc;

use domain::{
    Caps, EmailAddress, Policy, SendWindow, ShopId,
    consent::{ConsentPolicy, ConsentRule},
    policy::{CountryRule, Delays, ProductDelay, ProductPattern, Selection},
    schedule::{EmptyWindow, NoWeekdays, Weekdays},
};
use jiff::SignedDuration;
use secrecy::SecretString;

use crate::{
    document::{
        Api, ConsentBasis, CountryTable, Dkim, ExperimentTable, InvitationsTable, ProductTable,
        SenderTable, ShopTable,
    },
    mapping::Mapping,
};

/// Who mails come from while no sender is set, which only the transport "file" allows. The domain
/// can never exist (RFC 2606).
const NO_SENDER: &str = "afs@sender.invalid";

/// A shop's settings.
#[derive(Clone, Debug)]
pub struct ShopSettings {
    /// The last part of the shop's webhook address.
    pub id: ShopId,
    /// The id of the platform whose adapter reads the webhooks.
    pub platform: String,
    /// The name that buyers know.
    pub name: String,
    /// The language tag for buyers whose own language is unknown or not translated.
    pub language: String,
    /// The webhook secrets, at least one; all are accepted.
    pub secrets: Vec<SecretString>,
    /// The shop's home page: https.
    pub website: Option<String>,
    /// How the shop's platform is asked about orders.
    pub api: Api,
    /// When orders lead to an invitation.
    pub policy: Arc<Policy>,
    /// The versions of the invitation that are tried against each other.
    pub experiment: Option<Experiment>,
    /// How long the link in a mail stays good, from the sending of the mail.
    pub link_valid: SignedDuration,
    /// Who the mails come from.
    pub sender: Sender,
    /// How webhooks are read; there if, and only if, the platform is [`PLATFORM`](crate::mapping::PLATFORM).
    pub mapping: Option<Mapping>,
}

/// Versions of the invitation that are tried against each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Experiment {
    /// Its name, unique in the shop.
    pub name: String,
    /// 2 to 8 names of versions; [`Self::USUAL`] is the mail as it is.
    pub variants: Vec<String>,
    /// How long after the mail a review counts.
    pub review_within: SignedDuration,
    /// After so many mails of each version it ends.
    pub max_per_variant: u32,
}

impl Experiment {
    /// The version that is no version: the mail as it is.
    pub const USUAL: &str = "usual";
}

impl From<&ExperimentTable> for Experiment {
    fn from(table: &ExperimentTable) -> Self {
        Self {
            name: table.name.clone(),
            variants: table.variants.clone(),
            review_within: days(table.review_days),
            max_per_variant: table.max_mails_per_variant,
        }
    }
}

/// Who a shop's mails come from.
#[derive(Clone, Debug)]
pub struct Sender {
    /// The address in From.
    pub address: EmailAddress,
    /// The name in From: the sender's own, or the shop's.
    pub name: String,
    /// Where answers go, if not to `address`.
    pub reply_to: Option<EmailAddress>,
    /// The postal address at the end of each mail.
    pub postal_address: Option<String>,
    /// The keys that mails are signed with.
    pub dkim: Option<Dkim>,
}

impl ShopSettings {
    pub(crate) fn resolve(id: ShopId, shop: ShopTable) -> Result<Self, EmptyWindow> {
        Ok(Self {
            id,
            policy: policy(&shop.invitations)?.into(),
            experiment: shop.invitations.experiment.as_ref().map(Into::into),
            link_valid: days(shop.invitations.link_valid_days),
            sender: sender(shop.sender, &shop.name),
            platform: shop.platform,
            name: shop.name,
            language: shop.language,
            secrets: shop.secrets,
            website: shop.website,
            api: shop.api,
            mapping: shop.mapping,
        })
    }
}

fn policy(table: &InvitationsTable) -> Result<Policy, EmptyWindow> {
    let seconds = table.delay_secs.map(|seconds| SignedDuration::from_secs(seconds.into()));
    let weekdays = Weekdays::new(table.weekdays.iter().copied().map(Into::into));
    let window = (!table.window_always_open)
        .then(|| SendWindow::new(table.window_opens, table.window_closes, table.time_zone.clone()))
        .transpose()?
        .map(|window| match weekdays {
            Ok(weekdays) => window.on(weekdays),
            Err(NoWeekdays) => window,
        });
    Ok(Policy {
        trigger: table.trigger.into(),
        delays: Delays {
            shop: seconds.unwrap_or(days(table.delay_days)),
            after_delivery: seconds.is_none().then(|| days(table.delivered_delay_days)),
            fallback: seconds.unwrap_or(days(table.fallback_delay_days)),
            products: table.products.values().flat_map(product_delays).collect(),
            countries: table.countries.iter().map(country_rule).collect(),
        },
        window,
        rests_on_holidays: table.rest_on_holidays,
        spread: SignedDuration::from_mins(table.spread_minutes.into()),
        max_order_age: days(table.max_order_age_days),
        selection: Selection {
            excluded_domains: table.exclude_domains.clone(),
            excluded_tags: table.exclude_tags.clone(),
            minimum_total: table.minimum_total.clone(),
            invite_businesses: table.invite_businesses,
            one_in: table.one_in,
        },
        consent: consent(table),
        reminder: (table.reminder_days > 0).then(|| days(table.reminder_days)),
        caps: Caps {
            gap: SignedDuration::from_hours(table.person_gap_hours.into()),
            per_period: table.person_mails_per_30_days,
            period: days(30),
            same_product: days(table.same_product_days),
        },
    })
}

/// A table that names units and categories stands for both.
fn product_delays(table: &ProductTable) -> impl Iterator<Item = ProductDelay> {
    let delay = days(table.delay_days);
    let sku = table.sku.clone().map(ProductPattern::Sku);
    let category = table.category.clone().map(ProductPattern::Category);
    sku.into_iter().chain(category).map(move |products| ProductDelay { products, delay })
}

fn country_rule((code, table): (&String, &CountryTable)) -> (String, CountryRule) {
    let CountryTable { delay_days, time_zone, .. } = table;
    (code.clone(), CountryRule { delay: delay_days.map(days), zone: time_zone.clone() })
}

/// A country's rule is whole: what it does not say is as everywhere.
fn consent(table: &InvitationsTable) -> ConsentPolicy {
    let rule = |basis: ConsentBasis, notice: Option<&String>| ConsentRule {
        basis: basis.basis(),
        notice: notice.map(|text| text.as_str().into()),
    };
    let in_country = |(code, country): (&String, &CountryTable)| {
        let basis = country.consent.unwrap_or(table.consent);
        let notice = country.consent_notice.as_ref().or(table.consent_notice.as_ref());
        (code.clone(), rule(basis, notice))
    };
    ConsentPolicy {
        everywhere: rule(table.consent, table.consent_notice.as_ref()),
        countries: table.countries.iter().map(in_country).collect(),
    }
}

fn sender(table: SenderTable, shop_name: &str) -> Sender {
    #[expect(clippy::expect_used, reason = "a constant, and the tests resolve it")]
    let nobody = || EmailAddress::parse(NO_SENDER).expect("an address");
    Sender {
        address: table.address.unwrap_or_else(nobody),
        name: table.name.unwrap_or_else(|| shop_name.to_owned()),
        reply_to: table.reply_to,
        postal_address: table.postal_address,
        dkim: table.dkim,
    }
}

/// Days of 24 hours.
fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}
