//! One file per shop platform. To add one: write it, name it here, add fixtures.

mod mapping;

use std::{iter, ops::Deref};

use adapter_api::{Adapter, Meta};
use config::ShopSettings;

pub use mapping::{Found, Mapping, Miss};

adapter_api::adapters! {
    adobe_commerce,
    adobe_io_events,
    bigcommerce,
    centra,
    ecwid,
    lemon_squeezy,
    lightspeed_ecom,
    paddle,
    quickbutik,
    saleor,
    shopify,
    shoptet,
    shopware,
    snipcart,
    squarespace,
    standard_webhooks,
    stripe,
    wix,
    woocommerce,
}

/// The adapter with this id, if there is one.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn Adapter> {
    ADAPTERS.iter().copied().find(|adapter| adapter.meta().id == id)
}

/// Everything that a shop's `platform` can be: what there is an adapter for, and a mapping.
pub fn platforms() -> impl Iterator<Item = &'static Meta> {
    ADAPTERS.iter().map(|adapter| adapter.meta()).chain(iter::once(&mapping::META))
}

/// The adapter of a configured shop, if its platform is known.
#[must_use]
pub fn of(shop: &ShopSettings) -> Option<ShopAdapter<'_>> {
    match &shop.mapping {
        Some(table) => Some(ShopAdapter::Mapping(Mapping::new(table))),
        None => find(&shop.platform).map(ShopAdapter::Platform),
    }
}

/// The adapter of a configured shop.
#[derive(Clone, Copy)]
pub enum ShopAdapter<'a> {
    /// That of its platform.
    Platform(&'static dyn Adapter),
    /// The one that its configuration describes.
    Mapping(Mapping<'a>),
}

impl<'a> Deref for ShopAdapter<'a> {
    type Target = dyn Adapter + 'a;

    fn deref(&self) -> &Self::Target {
        match self {
            Self::Platform(adapter) => *adapter,
            Self::Mapping(mapping) => mapping,
        }
    }
}
