//! One file per shop platform. To add one: write it, name it here, add fixtures.

adapter_api::adapters! {
    lemon_squeezy,
    saleor,
    shopify,
    shopware,
    standard_webhooks,
    stripe,
    woocommerce,
}

/// The adapter with this id, if there is one.
#[must_use]
pub fn find(id: &str) -> Option<&'static dyn adapter_api::Adapter> {
    ADAPTERS.iter().copied().find(|adapter| adapter.meta().id == id)
}
