use std::sync::LazyLock;

use adapter_api::{Reject, Request, read, testkit};
use config::Config;
use domain::ShopId;
use http::{HeaderMap, HeaderName};
use proptest::prelude::*;

use super::*;
use crate::ShopAdapter;

/// A made-up shop system, with the fixtures that it sends.
static ACME: LazyLock<Config> =
    LazyLock::new(|| config(include_str!("../../../../tests/fixtures/adapters/mapping/shop.toml")));

/// The least that a mapping can say; tests replace what they are about.
const MINIMAL: &str = r#"
    [shops.acme]
    platform = "mapping"
    name = "Acme"
    secrets = ["key"]
    [shops.acme.mapping.signature]
    scheme = "hmac_sha256"
    header = "x-signature"
    [shops.acme.mapping.event]
    path = "/status"
    completed = ["shipped"]
    [shops.acme.mapping.order]
    reference = "/id"
"#;

fn config(text: &str) -> Config {
    Config::from_toml(text, &[mapping::PLATFORM]).unwrap_or_else(|problems| panic!("{problems}"))
}

fn adapter(config: &Config) -> ShopAdapter<'_> {
    crate::of(config.shop(&"acme".parse::<ShopId>().unwrap()).unwrap()).unwrap()
}

fn table(config: &Config) -> &Table {
    config.shops.values().next().unwrap().mapping.as_ref().unwrap()
}

/// What the mapping says about a genuine body.
fn meaning(config: &Config, body: &str) -> Result<Event, ParseError> {
    let (adapter, now) = (adapter(config), Timestamp::UNIX_EPOCH);
    let headers = adapter.scheme().sign("key", body.as_bytes(), "delivery", now);
    let body = body.as_bytes();
    let request = Request { headers: &headers, body, received_at: now, address_secret: None };
    let verified = adapter.scheme().verify(request, &["key"]).expect("we signed it");
    read(&*adapter, &verified).map(|mut events| {
        assert_eq!(events.len(), 1);
        events.remove(0)
    })
}

#[track_caller]
fn order(config: &Config, body: &str) -> OrderEvent {
    match meaning(config, body) {
        Ok(Event::Order(event)) => event,
        other => panic!("{other:?}"),
    }
}

#[test]
fn fixtures_mean_what_their_snapshots_say() {
    testkit::fixtures(&*adapter(&ACME));
}

#[test]
fn forgery_of_every_byte_is_refused() {
    testkit::forgery(&*adapter(&ACME));
}

#[test]
fn wrong_and_missing_signatures_are_refused() {
    testkit::signatures(&*adapter(&ACME));
}

#[test]
fn every_accepted_secret_counts() {
    testkit::rotation(&*adapter(&ACME));
}

#[test]
fn no_signed_body_panics() {
    testkit::no_panic(&*adapter(&ACME));
}

#[test]
fn samples_read_back_as_what_they_were_made_of() {
    testkit::samples(&*adapter(&ACME));
}

#[test]
fn the_example_in_the_documentation_reads_its_body() {
    const PAGE: &str = include_str!("../../../../docs/adapters/mapping.md");
    let block = |kind: &str| {
        let (_, rest) = PAGE.split_once(&format!("```{kind}\n")).unwrap();
        rest.split_once("```").unwrap().0.to_owned()
    };
    let toml = block("toml").replace("secrets_file = \"../secrets/my-shop\"", "secrets = ['key']");
    let config =
        config(&format!("[shops.acme]\n{}", toml.replace("[mapping", "[shops.acme.mapping")));
    let body = block("json");
    let OrderEvent { change, at, order } = order(&config, &body);
    assert_eq!((change, at), (Change::Completed, "2026-07-01T08:00:00Z".parse().ok()));
    assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
    assert_eq!(order.total.unwrap().amount.to_string(), "389.00");
    assert_eq!(order.items[0].image.as_deref(), Some("https://shop.example/dark-roast.jpg"));
    let misses = Mapping::new(table(&config)).misses(body.as_bytes()).unwrap();
    assert_eq!(misses, [], "each path leads to something");
}

#[test]
fn published_signatures_are_those_of_the_configured_scheme() {
    // The keyed-hash examples that Wikipedia has for this text and the key `key`.
    const BODY: &[u8] = b"The quick brown fox jumps over the lazy dog";
    const SHA256: &str = "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8";
    const SHA1: &str = "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9";
    for (keys, secret, signature) in [
        ("scheme = 'hmac_sha256'", "key", SHA256),
        ("scheme = 'hmac_sha256'\nkey = 'hex'", "6b6579", SHA256),
        ("scheme = 'hmac_sha256'\nkey = 'base64'", "a2V5", SHA256),
        (
            "scheme = 'hmac_sha256'\nencoding = 'base64'",
            "key",
            "97yD9DBThCSxMpjmqm+xQ+9NWaFJRhdZl0edvC0aPNg=",
        ),
        ("scheme = 'hmac_sha1'", "key", SHA1),
        ("scheme = 'hmac_sha1'\nkey = 'hex'", "6b6579", SHA1),
        ("scheme = 'hmac_sha1'\nkey = 'base64'", "a2V5", SHA1),
        ("scheme = 'hmac_sha1'\nencoding = 'base64'", "key", "3nybhbi3iqa8ino29wqQcBydtNk="),
    ] {
        let config = config(&MINIMAL.replace(r#"scheme = "hmac_sha256""#, keys));
        let scheme = adapter(&config).scheme().signature_headers();
        assert_eq!(scheme, ["x-signature"]);
        let verify = |signature: &str| {
            let name = HeaderName::from_static("x-signature");
            let headers = HeaderMap::from_iter([(name, signature.parse().unwrap())]);
            let received_at = Timestamp::UNIX_EPOCH;
            let request =
                Request { headers: &headers, body: BODY, received_at, address_secret: None };
            adapter(&config).scheme().verify(request, &[secret]).map(|_| ())
        };
        assert_eq!(verify(signature), Ok(()), "{keys}");
        assert!(verify(&signature.replace('d', "e")).is_err(), "{keys}");
    }
}

#[test]
fn a_signed_time_counts_with_the_schemes_that_have_one() {
    let timestamped = MINIMAL.replace("hmac_sha256", "timestamped_hmac_sha256");
    let standard = MINIMAL
        .replace("hmac_sha256", "standard_webhooks")
        .replace(r#"header = "x-signature""#, "");
    let secret = "whsec_bWFwcGluZy1zZWNyZXQtb2YtMjgtYnl0ZXMh";
    for text in [timestamped, standard] {
        let config = config(&text);
        let adapter = adapter(&config);
        let scheme = adapter.scheme();
        let signed_at = Timestamp::from_second(1_000).unwrap();
        let headers = scheme.sign(secret, b"{}", "delivery", signed_at);
        let verify = |second| {
            let received_at = Timestamp::from_second(second).unwrap();
            let request =
                Request { headers: &headers, body: b"{}", received_at, address_secret: None };
            scheme.verify(request, &[secret]).map(|_| ())
        };
        assert_eq!(verify(1_300), Ok(()));
        assert_eq!(verify(1_301), Err(Reject::Stale));
    }
}

#[test]
fn only_an_id_that_is_signed_tells_deliveries_apart() {
    let hmac = config(MINIMAL);
    let standard = MINIMAL.replace("hmac_sha256", "standard_webhooks");
    let standard = config(&standard.replace(r#"header = "x-signature""#, ""));
    let secret = "whsec_bWFwcGluZy1zZWNyZXQtb2YtMjgtYnl0ZXMh";
    for (config, expected) in [(&hmac, None), (&standard, Some("delivery"))] {
        let (adapter, now) = (adapter(config), Timestamp::UNIX_EPOCH);
        let mut headers = adapter.scheme().sign(secret, b"{}", "delivery", now);
        headers.entry("webhook-id").or_insert("anything".parse().unwrap());
        let request =
            Request { headers: &headers, body: b"{}", received_at: now, address_secret: None };
        let verified = adapter.scheme().verify(request, &[secret]).unwrap();
        assert_eq!(adapter.event_id(&verified), expected);
    }
}

#[test]
fn a_body_means_what_its_event_is_listed_under_and_no_header_changes_that() {
    let lists = "completed = ['shipped', '7', 'true']\ncancelled = ['8']\nrefunded = ['false']\n\
                 ignored = ['paid', 'null']";
    let config = config(&MINIMAL.replace(r#"completed = ["shipped"]"#, lists));
    let change = |status: &str| {
        meaning(&config, &format!(r#"{{"status":{status},"id":1}}"#)).map(|event| match event {
            Event::Order(event) => Some(event.change),
            Event::Ignored { reason: "event_not_used" } => None,
            other => panic!("{other:?}"),
        })
    };
    for completed in [r#""shipped""#, "7", r#""7""#, "true", r#""\u0073hipped""#] {
        assert_eq!(change(completed), Ok(Some(Change::Completed)), "{completed}");
    }
    assert_eq!(change("8"), Ok(Some(Change::Cancelled)));
    assert_eq!(change("false"), Ok(Some(Change::Refunded)));
    for ignored in [r#""paid""#, "null", r#""""#] {
        assert_eq!(change(ignored), Ok(None), "{ignored}");
    }
    assert_eq!(meaning(&config, "{}"), Ok(Event::Ignored { reason: "event_not_used" }));
    for unknown in [r#""Shipped""#, r#"" shipped""#, "7.0", "9"] {
        let error = change(unknown).unwrap_err();
        assert_eq!(error.path, "/status");
        assert!(error.detail.contains("in a list under `event`"), "{unknown}: {}", error.detail);
    }
}

#[test]
fn the_list_of_an_event_says_how_far_the_order_is() {
    let lists = "completed = ['paid']\npartial = ['split']\nshipped = ['sent']\n\
                 delivered = ['there']\ncancelled = ['off']";
    let config = config(&MINIMAL.replace(r#"completed = ["shipped"]"#, lists));
    for (status, change, fulfilment) in [
        ("paid", Change::Completed, Fulfilment::Unknown),
        ("split", Change::Completed, Fulfilment::Partial),
        ("sent", Change::Completed, Fulfilment::Shipped),
        ("there", Change::Completed, Fulfilment::Delivered),
        ("off", Change::Cancelled, Fulfilment::Unknown),
    ] {
        let event = order(&config, &format!(r#"{{"status":"{status}","id":1}}"#));
        assert_eq!((event.change, event.order.fulfilment), (change, fulfilment), "{status}");
        let sample = adapter(&config).sample(&event).body;
        assert!(String::from_utf8(sample).unwrap().contains(status), "{status}");
    }
}

#[test]
fn a_company_is_a_text_or_true_and_tags_are_a_list_or_between_commas() {
    let paths = "reference = '/id'\ncompany = '/company'\ntags = '/tags'";
    let config = config(&MINIMAL.replace(r#"reference = "/id""#, paths));
    let order = |company: &str, tags: &str| {
        let body = format!(r#"{{"status":"shipped","id":1,"company":{company},"tags":{tags}}}"#);
        let order = order(&config, &body).order;
        (order.business, order.tags)
    };
    for company in [r#""Lind AB""#, "true", r#""true""#, "1"] {
        assert_eq!(order(company, r#""gift, b2b""#), (true, vec!["gift".into(), "b2b".into()]));
    }
    for none in ["null", r#""""#, r#"" ""#, "false", r#""0""#, "{}"] {
        assert_eq!(order(none, r#"["gift, wrapped"]"#), (false, vec!["gift, wrapped".into()]));
    }
}

#[test]
fn what_the_mapping_does_not_know_is_an_error_and_so_is_kept() {
    let config = config(MINIMAL);
    for body in [r#"{"id":1}"#, r#"{"id":1,"status":null}"#, r#"{"id":1,"status":["shipped"]}"#] {
        assert_eq!(meaning(&config, body).unwrap_err().path, "/status", "{body}");
    }
    for body in [r#"{"status":"shipped"}"#, r#"{"status":"shipped","id":1.5}"#] {
        let error = meaning(&config, body).unwrap_err();
        assert_eq!(error.path, "/id", "{body}");
        assert!(error.detail.starts_with("expected an id"), "{}", error.detail);
    }
    assert_eq!(meaning(&config, "status=shipped").unwrap_err().path, ".");
}

#[test]
fn pointers_name_what_rfc_6901_says() {
    let document = r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6,
        " ":7,"m~n":8,"~1":9,"0":[10]}"#;
    let document: &RawValue = serde_json::from_str(document).unwrap();
    for (pointer, expected) in [
        ("/foo", r#"["bar","baz"]"#),
        ("/foo/0", r#""bar""#),
        ("/", "0"),
        ("/a~1b", "1"),
        ("/c%d", "2"),
        ("/e^f", "3"),
        ("/g|h", "4"),
        (r"/i\j", "5"),
        (r#"/k"l"#, "6"),
        ("/ ", "7"),
        ("/m~0n", "8"),
        ("/~01", "9"),
        ("/0/0", "10"),
    ] {
        assert_eq!(at(document, pointer).map(RawValue::get), Some(expected), "{pointer}");
    }
    for pointer in ["/bar", "/foo/2", "/foo/00", "/foo/+1", "/foo/-", "/foo/0/0", "//", "/m~1n"] {
        assert!(at(document, pointer).is_none(), "{pointer}");
    }
}

#[test]
fn amounts_are_what_was_written() {
    let paths = "reference = '/id'\ncurrency = '/currency'";
    let total = |key: &str, written: &str| {
        let paths = format!("{paths}\n{key} = '/total'");
        let config = config(&MINIMAL.replace(r#"reference = "/id""#, &paths));
        let body = format!(r#"{{"status":"shipped","id":1,"total":{written},"currency":"sek"}}"#);
        order(&config, &body)
            .order
            .total
            .map(|money| format!("{} {}", money.amount, money.currency))
    };
    let amount = Some("0.10000000000000000555 SEK".to_owned());
    assert_eq!(total("total", "0.10000000000000000555"), amount);
    assert_eq!(total("total", r#""0.10000000000000000555""#), amount);
    assert_eq!(total("total_minor", "1990").as_deref(), Some("19.90 SEK"));
    assert_eq!(total("total", r#""19,90""#), None);
}

#[test]
fn a_time_is_a_date_or_seconds() {
    let paths = "reference = '/id'\nchanged_at = '/at'";
    let config = config(&MINIMAL.replace(r#"reference = "/id""#, paths));
    let at = |written: &str| {
        let body = format!(r#"{{"status":"shipped","id":1,"at":{written}}}"#);
        order(&config, &body).at.map(|at| at.to_string())
    };
    for written in [
        "1782892800",
        r#""2026-07-01T08:00:00Z""#,
        r#""2026-07-01T10:00:00+02:00""#,
        r#""2026-07-01 08:00:00""#,
    ] {
        assert_eq!(at(written).as_deref(), Some("2026-07-01T08:00:00Z"), "{written}");
    }
    for useless in ["null", r#""yesterday""#, "1e3", "[]", "9223372036854775807"] {
        assert_eq!(at(useless), None, "{useless}");
    }
}

#[test]
fn paths_that_tell_nothing_are_named() {
    let mapping = Mapping::new(table(&ACME));
    let body = r#"{"event":"order.split","sent_at":"soon","data":{"order":{"id":1,"number":"",
        "customer":{"email":"nobody","first_name":"Åsa"},"lines":[
            {"title":"Tea","variant":{"sku":"T-1"},"links":[]},
            {"title":"Pot","variant":{"ean":"4006381333931"},"links":[{}]}]}}}"#;
    let misses = mapping.misses(body.as_bytes()).unwrap();
    let told: Vec<_> = misses.iter().map(|miss| (miss.key, miss.found)).collect();
    let expected = [
        ("order.last_name", Found::Nothing),
        ("order.currency", Found::Nothing),
        ("order.total", Found::Nothing),
        ("order.number", Found::Nothing),
        ("order.email", Found::Unusable),
        ("order.language", Found::Nothing),
        ("order.country", Found::Nothing),
        ("order.region", Found::Nothing),
        ("order.company", Found::Nothing),
        ("order.tags", Found::Nothing),
        ("items.categories", Found::Nothing),
        ("items.url", Found::Nothing),
        ("items.image", Found::Nothing),
        ("order.marketing_consent", Found::Nothing),
        ("order.placed_at", Found::Nothing),
        ("order.ask_at", Found::Nothing),
        ("order.test", Found::Nothing),
        ("order.changed_at", Found::Unusable),
    ];
    assert_eq!(told, expected, "each product has a name, and one of them a SKU");
    assert_eq!(misses[0].path, "/data/order/customer/last_name");

    let nothing = mapping.misses(b"{}").unwrap();
    assert_eq!(nothing.len(), 19, "all but those of a product: {nothing:?}");
    assert!(mapping.misses(b"event=order.shipped").is_err());
}

/// A pointer that may lead somewhere, or any text.
fn pointer() -> impl Strategy<Value = String> {
    prop_oneof![4 => "(/(a|b|0|1|~0|~1|)){0,4}", 1 => any::<String>()]
}

/// A mapping of any shape, also one that no configuration could have.
fn any_table() -> impl Strategy<Value = Table> {
    let pointers = prop::collection::vec(prop::option::of(pointer()), 28);
    let lists = prop::collection::vec(prop::option::of(prop::collection::vec("a|1|null", 0..3)), 7);
    (pointers, lists).prop_map(|(pointers, lists)| {
        let mut pointers = pointers.into_iter();
        let mut next = || pointers.next().flatten();
        let mut lists = lists.into_iter();
        let mut list = || lists.next().flatten();
        Table {
            signature: mapping::Signature {
                scheme: mapping::Scheme::HmacSha256,
                header: Some("x-signature".to_owned()),
                encoding: mapping::Encoding::Hex,
                key: mapping::Key::Raw,
            },
            event: mapping::Event {
                path: next().unwrap_or_default(),
                completed: list(),
                partial: list(),
                shipped: list(),
                delivered: list(),
                cancelled: list(),
                refunded: list(),
                ignored: list(),
            },
            order: mapping::Order {
                reference: next().unwrap_or_default(),
                number: next(),
                email: next(),
                name: next(),
                first_name: next(),
                last_name: next(),
                language: next(),
                country: next(),
                region: next(),
                company: next(),
                tags: next(),
                total: next(),
                total_minor: next(),
                currency: next(),
                marketing_consent: next(),
                marketing_consent_at: next(),
                marketing_consent_text: next(),
                changed_at: next(),
                placed_at: next(),
                ask_at: next(),
                test: next(),
            },
            items: next().map(|list| mapping::Items {
                list,
                name: next().unwrap_or_default(),
                sku: next(),
                gtin: None,
                categories: next(),
                url: next(),
                image: next(),
            }),
        }
    })
}

/// JSON in which pointers lead somewhere, or nearly JSON.
fn any_body() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec![
        "null",
        "true",
        "0",
        "1",
        "1.50",
        "-1",
        "1e400",
        "99999999999999999999",
        r#""a""#,
        r#""""#,
        r#""sek""#,
        r#""\ud800""#,
        r#""a@example.com""#,
        r#""2026-07-01T10:00:00Z""#,
        "",
    ]);
    scalar.prop_map(str::to_owned).prop_recursive(5, 60, 4, |inner| {
        let key = prop::sample::select(vec!["a", "b", "0", "1", "~", "/", "", r"\ud800"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|values| format!("[{}]", values.join(","))),
            prop::collection::vec((key, inner), 0..4).prop_map(|members| {
                let member = |(key, value)| format!(r#""{key}":{value}"#);
                format!("{{{}}}", members.into_iter().map(member).collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn any_mapping_has_an_answer_for_any_body(table in any_table(), body in any_body()) {
        let mapping = Mapping::new(&table);
        let now = Timestamp::UNIX_EPOCH;
        let event = OrderEvent {
            change: Change::Completed,
            at: Some(now),
            order: Order {
                items: vec![Item { name: "Tea".to_owned(), ..Item::default() }],
                ..Order::default()
            },
        };
        for body in [body.into_bytes(), mapping.sample(&event).body] {
            let headers = mapping.scheme().sign("key", &body, "", now);
            let request =
                Request { headers: &headers, body: &body, received_at: now, address_secret: None };
            let verified = mapping.scheme().verify(request, &["key"]).expect("we signed it");
            let events = read(&mapping, &verified);
            let misses = mapping.misses(&body);
            if let Ok([Event::Order(event)]) = events.as_deref() {
                let bounds = 1..=domain::order::REFERENCE_MAX_LEN;
                prop_assert!(bounds.contains(&event.order.reference.len()));
                let keys: Vec<_> = misses.unwrap_or_default().iter().map(|miss| miss.key).collect();
                prop_assert!(!keys.contains(&"order.reference"));
            }
        }
    }
}
