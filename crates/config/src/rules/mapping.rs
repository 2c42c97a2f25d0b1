//! The rules about a mapping.

use super::contradiction;
use crate::{mapping::PLATFORM, problem::Problem, tree::Node};

/// The keys of a signature that a scheme has no use for.
const UNUSED_KEYS: [(&str, &[&str]); 2] = [
    ("timestamped_hmac_sha256", &["encoding", "key"]),
    ("standard_webhooks", &["header", "encoding", "key"]),
];

/// The lists of what completes an order.
const COMPLETING: [&str; 4] = ["completed", "partial", "shipped", "delivered"];

/// Everything in the mapping of `shop` that contradicts something else.
pub(super) fn contradictions(shop: &Node) -> Vec<Problem> {
    let order = shop.get("mapping.order");
    let parts = ["first_name", "last_name"];
    platform_and_mapping_go_together(shop)
        .into_iter()
        .chain(signature_has_a_header(shop))
        .chain(signature_says_nothing_twice(shop))
        .chain(event_completes_orders(shop))
        .chain(values_mean_one_thing(shop))
        .chain(parts.iter().filter_map(|part| one_of(order?, "name", part)))
        .chain(order.and_then(|order| one_of(order, "total", "total_minor")))
        .chain(
            ["total", "total_minor"].iter().filter_map(|total| total_has_a_currency(order?, total)),
        )
        .collect()
}

fn platform_and_mapping_go_together(shop: &Node) -> Option<Problem> {
    let platform = shop.get("platform")?;
    match (platform.text()? == PLATFORM, shop.get("mapping")) {
        (true, None) => Some(contradiction(
            &[platform],
            format!("`{}` is `{PLATFORM}`, but `{}.mapping` is missing", platform.key, shop.key),
            "say under [shops.<id>.mapping] how the webhooks are read; docs/adapters/mapping.md shows it",
        )),
        (false, Some(mapping)) => Some(contradiction(
            &[platform, mapping],
            format!("`{}` is set, but `{}` is not `{PLATFORM}`", mapping.key, platform.key),
            "the adapter of a platform needs no mapping: remove one of them",
        )),
        _ => None,
    }
}

fn signature_has_a_header(shop: &Node) -> Option<Problem> {
    let signature = shop.get("mapping.signature")?;
    let scheme = signature.get("scheme")?;
    let lacking = scheme.text()? != "standard_webhooks" && signature.get("header").is_none();
    lacking.then(|| {
        contradiction(
            &[scheme],
            format!("`{}.header` is missing", signature.key),
            "name the header that holds the signature, such as `x-acme-signature`",
        )
    })
}

fn signature_says_nothing_twice(shop: &Node) -> Vec<Problem> {
    let problems = || {
        let signature = shop.get("mapping.signature")?;
        let scheme = signature.get("scheme")?;
        let name = scheme.text()?;
        let (_, unused) = UNUSED_KEYS.iter().find(|(scheme, _)| *scheme == name)?;
        let problem = |key: &Node| {
            contradiction(
                &[scheme, key],
                format!("`{}` has no meaning with the scheme `{name}`", key.key),
                "remove it: the scheme itself says how that is",
            )
        };
        Some(unused.iter().filter_map(|key| signature.get(key)).map(problem).collect())
    };
    problems().unwrap_or_default()
}

fn event_completes_orders(shop: &Node) -> Option<Problem> {
    let event = shop.get("mapping.event")?;
    COMPLETING.iter().all(|list| event.get(list).is_none()).then(|| {
        contradiction(
            &[event],
            format!("`{}` has none of `{}`", event.key, COMPLETING.join("`, `")),
            "say what stands there when the buyer has, or soon gets, the goods",
        )
    })
}

fn values_mean_one_thing(shop: &Node) -> Vec<Problem> {
    let lists = COMPLETING.iter().chain(&["cancelled", "refunded", "ignored"]);
    let event = shop.get("mapping.event");
    let values: Vec<&Node> = lists
        .filter_map(|list| event?.get(list))
        .flat_map(Node::list)
        .filter(|value| value.text().is_some())
        .collect();
    let again = |(index, later): (usize, &&Node)| {
        let earlier = values[..index].iter().find(|earlier| earlier.text() == later.text())?;
        Some(contradiction(
            &[earlier, later],
            format!("`{}` and `{}` are the same value", earlier.key, later.key),
            "one value means one thing: keep it in one of the lists",
        ))
    };
    values.iter().enumerate().filter_map(again).collect()
}

fn one_of(order: &Node, one: &str, other: &str) -> Option<Problem> {
    let (one, other) = (order.get(one)?, order.get(other)?);
    Some(contradiction(
        &[one, other],
        format!("`{}` and `{}` are both set", one.key, other.key),
        "keep one of them: they mean the same thing",
    ))
}

fn total_has_a_currency(order: &Node, total: &str) -> Option<Problem> {
    let total = order.get(total)?;
    order.get("currency").is_none().then(|| {
        contradiction(
            &[total],
            format!("`{}` is set, but `{}.currency` is missing", total.key, order.key),
            "say where the currency stands: an amount without it cannot be used",
        )
    })
}
