//! A shop as the rest of the program sees it: every default and override resolved.

use std::sync::Arc;

use domain::{EmailAddress, Policy, SendWindow, ShopId, schedule::EmptyWindow};
use jiff::SignedDuration;
use secrecy::SecretString;

use crate::{
    document::{Api, InvitationsTable, SenderTable, ShopTable},
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
    /// How long the link in a mail stays good, from the sending of the mail.
    pub link_valid: SignedDuration,
    /// Who the mails come from.
    pub sender: Sender,
    /// How webhooks are read; there if, and only if, the platform is [`PLATFORM`](crate::mapping::PLATFORM).
    pub mapping: Option<Mapping>,
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
}

impl ShopSettings {
    pub(crate) fn resolve(id: ShopId, shop: ShopTable) -> Result<Self, EmptyWindow> {
        Ok(Self {
            id,
            policy: policy(&shop.invitations)?.into(),
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
    let window = (!table.window_always_open)
        .then(|| SendWindow::new(table.window_opens, table.window_closes, table.time_zone.clone()));
    Ok(Policy {
        delay: seconds.unwrap_or(days(table.delay_days)),
        window: window.transpose()?,
        max_order_age: days(table.max_order_age_days),
    })
}

fn sender(table: SenderTable, shop_name: &str) -> Sender {
    #[expect(clippy::expect_used, reason = "a constant, and the tests resolve it")]
    let nobody = || EmailAddress::parse(NO_SENDER).expect("an address");
    Sender {
        address: table.address.unwrap_or_else(nobody),
        name: table.name.unwrap_or_else(|| shop_name.to_owned()),
        reply_to: table.reply_to,
        postal_address: table.postal_address,
    }
}

/// Days of 24 hours.
fn days(days: u32) -> SignedDuration {
    SignedDuration::from_hours(24 * i64::from(days))
}
