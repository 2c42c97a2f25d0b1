//! Mappings: what they say, and what must not be said.

use crate::{
    Config,
    mapping::{Encoding, Key, PLATFORM, Scheme},
};

const SHOP: &str = "[shops.a]\nplatform = 'mapping'\nname = 'A'\nsecrets = ['s']\n";
const SIGNATURE: &str = "[shops.a.mapping.signature]\nscheme = 'hmac_sha256'\nheader = 'x-a'\n";
const EVENT: &str = "[shops.a.mapping.event]\npath = '/event'\ncompleted = ['done']\n";
const ORDER: &str = "[shops.a.mapping.order]\nreference = '/id'\n";

fn load(text: &str) -> Result<Config, crate::Problems> {
    Config::from_toml(text, &["shopify", PLATFORM])
}

fn problems(text: &str) -> String {
    load(text).unwrap_err().to_string()
}

/// The one problem that is found, with its place in the file, and keys as they are in the mapping.
#[track_caller]
fn problem(text: &str) -> String {
    let found = load(text).unwrap_err();
    assert_eq!(found.iter().count(), 1, "{text}\n{found}");
    let problem = found.iter().next().unwrap();
    let place = problem.place.to_string().replace("afs.toml:", "");
    format!("{place} {}", problem.message.replace("shops.a.mapping.", ""))
}

#[test]
fn a_mapping_needs_a_signature_an_event_and_an_id() {
    let config = load(&format!("{SHOP}{SIGNATURE}{EVENT}{ORDER}")).unwrap();
    let mapping = config.shops.values().next().unwrap().mapping.as_ref().unwrap();
    assert_eq!(mapping.signature.scheme, Scheme::HmacSha256);
    assert_eq!((mapping.signature.encoding, mapping.signature.key), (Encoding::Hex, Key::Raw));
    assert_eq!((mapping.order.reference.as_str(), &mapping.order.email), ("/id", &None));
    assert!(mapping.items.is_none() && mapping.event.cancelled.is_none());

    insta::assert_snapshot!(problems(SHOP), @r"
    afs.toml:2:1: `shops.a.platform` is `mapping`, but `shops.a.mapping` is missing
      hint: say under [shops.<id>.mapping] how the webhooks are read; docs/adapters/mapping.md shows it
    ");
    insta::assert_snapshot!(problems(&format!("{SHOP}[shops.a.mapping]\n")), @r"
    afs.toml:5:10: `shops.a.mapping.event` is missing
      hint: What happened to the order.
    afs.toml:5:10: `shops.a.mapping.order` is missing
      hint: Where the details of the order stand in the body.
    afs.toml:5:10: `shops.a.mapping.signature` is missing
      hint: How the shop system signs its webhooks.
    ");
    let tables = ["signature", "event", "order", "items"];
    let empty = tables.map(|table| format!("[shops.a.mapping.{table}]\n")).concat();
    insta::assert_snapshot!(problems(&format!("{SHOP}{empty}")), @r#"
    afs.toml:5:18: `shops.a.mapping.signature.scheme` is missing
      hint: How the signature is made, such as `hmac_sha256`.
    afs.toml:6:18: `shops.a.mapping.event.path` is missing
      hint: Where the body says what happened: the name of the event or the status of the order, such as `/event`. Numbers, true and false count as text.
    afs.toml:6:18: `shops.a.mapping.event` has none of `completed`, `partial`, `shipped`, `delivered`
      hint: say what stands there when the buyer has, or soon gets, the goods
    afs.toml:7:18: `shops.a.mapping.order.reference` is missing
      hint: The shop system's own id of the order, the same in all its webhooks, such as `/data/id`.
    afs.toml:8:18: `shops.a.mapping.items.list` is missing
      hint: The list of products, such as `/data/lines`.
    afs.toml:8:18: `shops.a.mapping.items.name` is missing
      hint: A product's name in its entry, such as `/title`.
    "#);
}

#[test]
fn a_signature_is_one_of_those_that_were_audited() {
    let with = |keys: &str| format!("{SHOP}[shops.a.mapping.signature]\n{keys}\n{EVENT}{ORDER}");
    for (keys, expected) in [
        (
            "scheme = 'none'",
            "6:1 `signature.scheme` must be one of `hmac_sha256`, `hmac_sha1`, `timestamped_hmac_sha256`, `standard_webhooks`",
        ),
        ("scheme = 'hmac_sha256'", "6:1 `signature.header` is missing"),
        ("scheme = 'hmac_sha1'", "6:1 `signature.header` is missing"),
        ("scheme = 'timestamped_hmac_sha256'", "6:1 `signature.header` is missing"),
        (
            "scheme = 'hmac_sha256'\nheader = 'x a'",
            "7:1 `signature.header` does not have the right form",
        ),
        (
            "scheme = 'hmac_sha256'\nheader = ''",
            "7:1 `signature.header` does not have the right form",
        ),
        (
            "scheme = 'hmac_sha256'\nheader = 'x'\nencoding = 'Hex'",
            "8:1 `signature.encoding` must be one of `hex`, `base64`",
        ),
        (
            "scheme = 'hmac_sha256'\nheader = 'x'\nkey = 'utf8'",
            "8:1 `signature.key` must be one of `raw`, `hex`, `base64`",
        ),
        (
            "scheme = 'timestamped_hmac_sha256'\nheader = 'x'\nencoding = 'hex'",
            "8:1 `signature.encoding` has no meaning with the scheme `timestamped_hmac_sha256`",
        ),
        (
            "scheme = 'standard_webhooks'\nheader = 'x'",
            "7:1 `signature.header` has no meaning with the scheme `standard_webhooks`",
        ),
        (
            "key = 'base64'\nscheme = 'standard_webhooks'",
            "7:1 `signature.key` has no meaning with the scheme `standard_webhooks`",
        ),
    ] {
        assert_eq!(problem(&with(keys)), expected);
    }
    for sound in [
        "scheme = 'hmac_sha1'\nheader = 'X-Signature'\nencoding = 'base64'\nkey = 'hex'",
        "scheme = 'timestamped_hmac_sha256'\nheader = 'x'",
        "scheme = 'standard_webhooks'",
    ] {
        assert!(load(&with(sound)).is_ok(), "{sound}");
    }
}

#[test]
fn an_event_stands_in_the_body_and_each_value_means_one_thing() {
    let with = |keys: &str| format!("{SHOP}{SIGNATURE}[shops.a.mapping.event]\n{keys}\n{ORDER}");
    for (keys, expected) in [
        ("completed = ['a']", "8:18 `event.path` is missing"),
        (
            "path = '/e'\nignored = ['a']",
            "8:18 `event` has none of `completed`, `partial`, `shipped`, `delivered`",
        ),
        (
            "path = '/e'\nheader = 'x-event'\ncompleted = ['a']",
            "10:1 `event.header` is not a known key",
        ),
        ("path = '/e'\ncompleted = []", "10:1 `event.completed` must not be empty"),
        ("path = '/e'\ncompleted = ['']", "10:14 `event.completed[0]` must not be empty"),
        (
            "path = '/e'\ncompleted = [7]",
            "10:14 `event.completed[0]` must be text, not a whole number",
        ),
        (
            "path = '/e'\ncompleted = ['a']\ncancelled = []",
            "11:1 `event.cancelled` must not be empty",
        ),
        (
            "path = '/e'\ncompleted = ['a']\nignored = ['b', 'a']",
            "11:17 `event.completed[0]` and `event.ignored[1]` are the same value",
        ),
        (
            "path = '/e'\nrefunded = ['a']\ncancelled = ['a']\ncompleted = ['b']",
            "11:14 `event.cancelled[0]` and `event.refunded[0]` are the same value",
        ),
        (
            "path = '/e'\nshipped = ['a']\ndelivered = ['a']",
            "11:14 `event.shipped[0]` and `event.delivered[0]` are the same value",
        ),
        (
            "path = '/e'\npartial = ['a']\ncompleted = ['a']",
            "11:14 `event.completed[0]` and `event.partial[0]` are the same value",
        ),
        ("path = '/e'\nshipped = []", "10:1 `event.shipped` must not be empty"),
        (
            "path = '/e'\ncompleted = ['a', 'a']",
            "10:19 `event.completed[0]` and `event.completed[1]` are the same value",
        ),
    ] {
        assert_eq!(problem(&with(keys)), expected);
    }
    assert!(load(&with("path = '/e'\ncompleted = ['a']\ncancelled = ['A', 'null']")).is_ok());
    for one in ["completed", "partial", "shipped", "delivered"] {
        assert!(load(&with(&format!("path = '/e'\n{one} = ['a']"))).is_ok(), "{one}");
    }
}

#[test]
fn a_place_is_a_json_pointer() {
    let with = |path: &str| format!("{SHOP}{SIGNATURE}{EVENT}{ORDER}email = '{path}'");
    for wrong in ["", "email", "$.email", "data.email", "#/email", "/a~2", "/a~"] {
        let expected = "13:1 `order.email` does not have the right form";
        assert_eq!(problem(&with(wrong)), expected, "{wrong}");
    }
    for sound in ["/", "/a", "/a/0/b", "/a~1b~0", "/ä ö//"] {
        assert!(load(&with(sound)).is_ok(), "{sound}");
    }
}

#[test]
fn a_detail_is_said_once_and_whole() {
    let with = |keys: &str| format!("{SHOP}{SIGNATURE}{EVENT}{ORDER}{keys}\n");
    for (keys, expected) in [
        ("name = '/n'\nlast_name = '/l'", "14:1 `order.name` and `order.last_name` are both set"),
        ("first_name = '/f'\nname = '/n'", "14:1 `order.name` and `order.first_name` are both set"),
        (
            "currency = '/c'\ntotal = '/t'\ntotal_minor = '/m'",
            "15:1 `order.total` and `order.total_minor` are both set",
        ),
        ("total = '/t'", "13:1 `order.total` is set, but `order.currency` is missing"),
        ("total_minor = '/t'", "13:1 `order.total_minor` is set, but `order.currency` is missing"),
    ] {
        assert_eq!(problem(&with(keys)), expected);
    }
    assert!(
        load(&with("first_name = '/f'\nlast_name = '/l'\ncurrency = '/c'\ntotal = '/t'")).is_ok()
    );
}

#[test]
fn a_mapping_belongs_to_its_platform_and_to_no_other() {
    let other = format!("{}{SIGNATURE}{EVENT}{ORDER}", SHOP.replace("'mapping'", "'shopify'"));
    assert_eq!(
        problem(&other),
        "5:10 `shops.a.mapping` is set, but `shops.a.platform` is not `mapping`"
    );
    assert_eq!(
        problem(SHOP),
        "2:1 `shops.a.platform` is `mapping`, but `shops.a.mapping` is missing"
    );
}
