//! Shopware 6: the webhooks of an app for `state_enter.order_delivery.state.shipped` and `.delivered`,
//! `state_enter.order.state.completed` and `.cancelled`, and for deliveries that are `returned` and
//! transactions that are `refunded`.
//!
//! Only apps get signed webhooks. The secret is the one that the app gave the shop when it was
//! registered. Either another server registers the app, or we do: then one of the shop's secrets is
//! also that of the app's manifest, and the first of them is what Shopware is to sign with.
//!
//! Documented (developer.shopware.com): the signature, the envelope and that `source.eventId` stays
//! the same when a delivery is repeated (Webhook), the events and that they carry the order (Webhook
//! Events Reference), the registration (App Registration & Backend Setup, Signing & Verification in
//! the App System). In Shopware's source: which parts of the order are loaded for the events
//! (`OrderStateChangeEventListener`), that these are not hidden from apps (`OrderDefinition`), that the
//! query is signed as it is sent (`PrivateHandshake`).
//!
//! Not confirmed by a recorded body: the order's fields as a whole. Nothing but its id is required.
//! Shopware has no test orders. Pictures and GTINs are not among what is loaded, and consent to
//! marketing is no property of an order.
//!
//! *Shipped* is the state of a delivery, of which an order mostly has one; so is *delivered*, which newer
//! versions have (`OrderDeliveryStates`). *Completed* does not say that anything was sent. Tags come with an order. A buyer with a company counts as one.
//!
//! The `timestamp` that is signed with the body is renewed for each attempt, and not checked:
//! whoever repeats a request repeats an event that is known.

use std::{borrow::Cow, collections::BTreeMap};

use adapter_api::{
    Adapter as ShopAdapter, Encoding, Event, KeyForm, Meta, ParseError, Request, Sample, Scheme,
    Signature, Verified, first_and_last,
    json::{self, Amount, Id, Instant, Text, UnixSeconds},
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Number, json, value::RawValue};

static META: Meta = Meta {
    id: "shopware",
    title: "Shopware 6",
    docs_url: "https://developer.shopware.com/docs/resources/references/app-reference/webhook-events-reference.html",
};

/// The events of an order that is completed.
const SHIPPED: &str = "state_enter.order_delivery.state.shipped";
const DELIVERED: &str = "state_enter.order_delivery.state.delivered";
const COMPLETED: &str = "state_enter.order.state.completed";

const SHOP_SIGNATURE: &str = "shopware-shop-signature";
const APP_SIGNATURE: &str = "shopware-app-signature";

/// What the app is called in the manifest on our page. It is part of what proves who we are.
const APP_NAME: &str = "AfsInvitations";

/// How long a request to register is good for, both ways: the answer to it holds a secret.
const REGISTRATION_MAX_AGE_SECS: u64 = 300;

/// The lengths that Shopware asks of the secret it is to sign with.
const SECRET_LEN: std::ops::RangeInclusive<usize> = 64..=255;

/// How Shopware signs a request to register: the query, with the secret of the manifest.
const REGISTRATION: Scheme = Scheme::WholeBody(Signature::HmacSha256 {
    headers: &[APP_SIGNATURE],
    encoding: Encoding::Hex,
    key: KeyForm::Raw,
});

pub(crate) struct Adapter;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(default, borrow)]
    data: Option<Data<'a>>,
    /// A text, where a registration is confirmed.
    #[serde(default, borrow)]
    timestamp: Option<&'a RawValue>,
    /// Is for the shop's API, which we do not ask.
    #[serde(default)]
    api_key: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Data<'a> {
    event: String,
    /// An object or a list, depending on the event.
    #[serde(borrow)]
    payload: &'a RawValue,
}

#[derive(Deserialize)]
struct Payload<'a> {
    #[serde(borrow)]
    order: ShopwareOrder<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ShopwareOrder<'a> {
    id: Id,
    #[serde(default)]
    order_number: Text,
    #[serde(default)]
    order_date_time: Instant,
    #[serde(default)]
    amount_total: Amount,
    #[serde(default)]
    currency: Option<Currency>,
    #[serde(default)]
    order_customer: Option<Customer>,
    #[serde(default)]
    language: Option<Language>,
    #[serde(default)]
    billing_address_id: Text,
    #[serde(default)]
    addresses: Option<Vec<Address>>,
    #[serde(default, borrow)]
    line_items: Option<Vec<LineItem<'a>>>,
    #[serde(default)]
    tags: Option<Vec<Tag>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Currency {
    #[serde(default)]
    iso_code: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Customer {
    #[serde(default)]
    email: Text,
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
    #[serde(default)]
    company: Text,
}

#[derive(Deserialize)]
struct Language {
    #[serde(default)]
    locale: Option<Locale>,
}

#[derive(Deserialize)]
struct Locale {
    #[serde(default)]
    code: Text,
}

#[derive(Deserialize)]
struct Tag {
    #[serde(default)]
    name: Text,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Address {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    company: Text,
    #[serde(default)]
    country: Option<Country>,
    #[serde(default)]
    country_state: Option<CountryState>,
}

/// A region.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CountryState {
    /// With the country's code in front, such as `DE-BE`.
    #[serde(default)]
    short_code: Text,
}

#[derive(Deserialize)]
struct Country {
    #[serde(default)]
    iso: Text,
}

#[derive(Deserialize)]
struct LineItem<'a> {
    #[serde(default)]
    label: Text,
    #[serde(default)]
    r#type: Text,
    /// Free in form; PHP writes an empty one as a list.
    #[serde(default, borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineItemPayload {
    #[serde(default)]
    product_number: Text,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::HmacSha256 {
            headers: &[SHOP_SIGNATURE],
            encoding: Encoding::Hex,
            key: KeyForm::Raw,
        })
    }

    fn event_id<'a>(&self, request: &Verified<'a>) -> Option<&'a str> {
        #[derive(Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            source: Source<'a>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Source<'a> {
            event_id: &'a str,
        }
        let envelope: Envelope<'a> = json::from_slice(request.body()).ok()?;
        Some(envelope.source.event_id)
    }

    fn registration(
        &self,
        request: &Request<'_>,
        secrets: &[&str],
        address: &str,
    ) -> Option<String> {
        let app_secret =
            secrets.iter().find(|secret| REGISTRATION.verify(*request, &[secret]).is_ok())?;
        // A shop that is registered signs with the secret that it has now, too.
        if request.headers.contains_key(SHOP_SIGNATURE) {
            self.scheme().verify(*request, secrets).ok()?;
        }
        let query: BTreeMap<Cow<'_, str>, Cow<'_, str>> =
            form_urlencoded::parse(request.body).collect();
        let signed_at: i64 = query.get("timestamp")?.parse().ok()?;
        if signed_at.abs_diff(request.received_at.as_second()) > REGISTRATION_MAX_AGE_SECS {
            return None;
        }
        let secret = secrets.first().filter(|secret| SECRET_LEN.contains(&secret.len()));
        let answer = if let Some(secret) = secret {
            let known = format!("{}{}{APP_NAME}", query.get("shop-id")?, query.get("shop-url")?);
            let signed = REGISTRATION.sign(app_secret, known.as_bytes(), "", request.received_at);
            let proof = signed.get(APP_SIGNATURE)?.to_str().ok()?;
            json!({ "proof": proof, "secret": secret, "confirmation_url": address })
        } else {
            json!({ "error": "the first secret in the shop's secrets_file needs 64 to 255 characters" })
        };
        Some(answer.to_string())
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let Body { data, timestamp, api_key } = json::from_slice(request.body())?;
        let Some(data) = data else {
            let missing = || ParseError { path: ".".into(), detail: "missing field `data`".into() };
            let reason = "registration_confirmed";
            return api_key.map(|_| vec![Event::Ignored { reason }]).ok_or_else(missing);
        };
        let (change, fulfilment) = match data.event.as_str() {
            SHIPPED => (Change::Completed, Fulfilment::Shipped),
            DELIVERED => (Change::Completed, Fulfilment::Delivered),
            COMPLETED => (Change::Completed, Fulfilment::Unknown),
            "state_enter.order.state.cancelled" => (Change::Cancelled, Fulfilment::Unknown),
            "state_enter.order_delivery.state.returned"
            | "state_enter.order_transaction.state.refunded" => {
                (Change::Refunded, Fulfilment::Unknown)
            }
            _ => return Ok(vec![Event::Ignored { reason: "event_not_used" }]),
        };
        let Payload { order } = json::from_raw(data.payload, "data.payload")?;
        let at = timestamp.map(|at| json::from_raw::<UnixSeconds>(at, "timestamp")).transpose()?;
        let at = at.unwrap_or_default().0;
        let order = Order { fulfilment, ..order.into() };
        Ok(vec![Event::Order(OrderEvent { change, at, order })])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let state = match event.change {
            Change::Completed => match order.fulfilment {
                Fulfilment::Unknown => COMPLETED,
                Fulfilment::Partial | Fulfilment::Shipped => SHIPPED,
                Fulfilment::Delivered => DELIVERED,
            },
            Change::Cancelled => "state_enter.order.state.cancelled",
            Change::Refunded => "state_enter.order_transaction.state.refunded",
        };
        let address = "0190a5e87c1d7abc8def0123456789ab";
        let amount =
            order.total.as_ref().and_then(|total| total.amount.to_string().parse::<Number>().ok());
        let body = json!({
            "data": {
                "event": state,
                "payload": { "order": {
                    "id": order.reference,
                    "orderNumber": order.number,
                    "orderDateTime": order.placed_at,
                    "amountTotal": amount,
                    "currency": order.total.as_ref().map(|it| json!({ "isoCode": it.currency })),
                    "orderCustomer": {
                        "email": order.email, "firstName": first, "lastName": last,
                    },
                    "language": { "locale": { "code": order.locale } },
                    "billingAddressId": address,
                    "addresses": [{
                        "id": address, "country": { "iso": order.country },
                        "company": order.business.then_some("Sample AB"),
                        "countryState":
                            order.region.as_ref().map(|code| json!({ "shortCode": code })),
                    }],
                    "tags": order.tags.iter().map(|tag| json!({ "name": tag })).collect::<Vec<_>>(),
                    "lineItems": order.items.iter().map(|item| json!({
                        "label": item.name, "type": "product", "quantity": 1,
                        "payload": { "productNumber": item.sku },
                    })).collect::<Vec<_>>(),
                } },
            },
            "source": {
                "url": "https://shop.example",
                "appVersion": "1.0.0",
                "shopId": "dgrH7nLU6tlE",
                "eventId": format!("{}.{}", order.reference, event.change.as_str()),
            },
            "timestamp": event.at.map(Timestamp::as_second),
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("sw-version", "6.7.0.0".into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

impl From<ShopwareOrder<'_>> for Order {
    fn from(order: ShopwareOrder<'_>) -> Self {
        let customer = order.order_customer.unwrap_or_default();
        let billing = order.billing_address_id.0;
        let mut addresses = order.addresses.unwrap_or_default().into_iter();
        let address = addresses.find(|address| address.id.0 == billing).unwrap_or_default();
        let currency = order.currency.and_then(|currency| currency.iso_code.0);
        Self {
            reference: order.id.0,
            number: order.order_number.0,
            email: customer.email.0.and_then(|email| EmailAddress::parse(&email).ok()),
            name: Text::joined([customer.first_name, customer.last_name]),
            locale: order.language.and_then(|language| language.locale?.code.0),
            country: address.country.and_then(|country| country.iso.0),
            region: address.country_state.and_then(|state| state.short_code.0),
            items: order.line_items.unwrap_or_default().into_iter().filter_map(item).collect(),
            total: Money::new(order.amount_total.0, currency.as_deref()),
            marketing_consent: None,
            placed_at: order.order_date_time.0,
            tags: order.tags.into_iter().flatten().filter_map(|tag| tag.name.0).collect(),
            business: customer.company.0.or(address.company.0).is_some(),
            test: false,
            ..Order::default()
        }
    }
}

/// A line that is a product; vouchers and discounts are lines, too.
fn item(line: LineItem<'_>) -> Option<Item> {
    if line.r#type.0.is_some_and(|kind| kind != "product") {
        return None;
    }
    let payload = line
        .payload
        .and_then(|payload| serde_json::from_str::<LineItemPayload>(payload.get()).ok());
    let sku = payload.and_then(|payload| payload.product_number.0);
    Some(Item { name: line.label.0.unwrap_or_default(), sku, ..Item::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use adapter_api::signed_sample;
    use http::HeaderMap;

    #[test]
    fn a_repeated_delivery_is_known_by_its_event() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let order =
            Order { reference: "b7d2554b0ce847cd82f3ac9bd1c0dfad".into(), ..Order::default() };
        let event = OrderEvent { change: Change::Cancelled, at: Some(now), order };
        let (headers, body) = signed_sample(&Adapter, &event, "secret", "", now);
        let request =
            Request { headers: &headers, body: &body, received_at: now, address_secret: None };
        let verified = Adapter.scheme().verify(request, &["secret"]).unwrap();
        let id = Adapter.event_id(&verified);
        assert_eq!(id, Some("b7d2554b0ce847cd82f3ac9bd1c0dfad.cancelled"));
    }

    const QUERY: &str = "shop-id=123&shop-url=https://my-shop.com&timestamp=1234567890";
    const SECOND: i64 = 1_234_567_890;
    const ADDRESS: &str = "https://reviews.shop.example/webhooks/my-shop";
    /// 64 characters, the least that Shopware takes.
    const NEW: &str = "4e9f5a0c1b7d2e8f4e9f5a0c1b7d2e8f4e9f5a0c1b7d2e8f4e9f5a0c1b7d2e8f";

    fn answer(
        headers: &HeaderMap,
        query: &str,
        second: i64,
        secrets: &[&str],
    ) -> Option<serde_json::Value> {
        let received_at = Timestamp::from_second(second).unwrap();
        let request =
            Request { headers, body: query.as_bytes(), received_at, address_secret: None };
        let answer = Adapter.registration(&request, secrets, ADDRESS)?;
        Some(serde_json::from_str(&answer).unwrap())
    }

    fn signed(query: &str, secret: &str) -> HeaderMap {
        REGISTRATION.sign(secret, query.as_bytes(), "", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn requests_to_register_are_signed_as_shopwares_library_expects_it() {
        // Published in the tests of Shopware's PHP SDK: of a query, and of what is known about a shop.
        let query = signed(QUERY, "my-secret");
        assert_eq!(
            query[APP_SIGNATURE],
            "96c91f86c822e11444b7a57b54ef125ed86b1a639c5360d45c5397daa8c3f70b"
        );
        let known = signed("testtest.detest", "test");
        assert_eq!(
            known[APP_SIGNATURE],
            "a1a38c9580bb3bcd0df226086a9783ba4087671ce4968a4469e451c517fff445"
        );
    }

    #[test]
    fn a_shop_that_registers_is_given_the_first_secret_and_a_proof_by_its_own() {
        let answer =
            answer(&signed(QUERY, "of the manifest"), QUERY, SECOND, &[NEW, "of the manifest"]);
        let known = signed("123https://my-shop.comAfsInvitations", "of the manifest");
        let proof = known[APP_SIGNATURE].to_str().unwrap();
        let expected = json!({ "proof": proof, "secret": NEW, "confirmation_url": ADDRESS });
        assert_eq!(answer, Some(expected));
    }

    #[test]
    fn what_is_proved_is_what_the_query_means() {
        let encoded = QUERY.replace("https://", "https%3A%2F%2F");
        let answers =
            [QUERY, &encoded].map(|query| answer(&signed(query, NEW), query, SECOND, &[NEW]));
        assert!(answers[0].is_some());
        assert_eq!(answers[0], answers[1]);
    }

    #[test]
    fn nobody_else_is_told_a_secret() {
        let genuine = signed(QUERY, NEW);
        assert!(answer(&genuine, QUERY, SECOND, &[NEW]).is_some());
        assert_eq!(answer(&HeaderMap::new(), QUERY, SECOND, &[NEW]), None, "unsigned");
        assert_eq!(answer(&genuine, QUERY, SECOND, &["another"]), None, "signed by another");
        assert_eq!(answer(&genuine, QUERY, SECOND, &[]), None);
        let other = QUERY.replace("my-shop", "my-shup");
        assert_eq!(answer(&genuine, &other, SECOND, &[NEW]), None, "another query");
        for (second, in_time) in [(-301, false), (-300, true), (300, true), (301, false)] {
            let answer = answer(&genuine, QUERY, SECOND + second, &[NEW]);
            assert_eq!(answer.is_some(), in_time, "{second} s later");
        }
        for query in ["", "shop-id=1&shop-url=x", "shop-id=1&timestamp=1234567890", "timestamp=x"] {
            assert_eq!(answer(&signed(query, NEW), query, SECOND, &[NEW]), None, "{query}");
        }
    }

    #[test]
    fn a_shop_that_registers_again_signs_with_its_old_secret_too() {
        let mut headers = signed(QUERY, "of the manifest");
        let secrets = [NEW, "of the manifest", "old"];
        let old = Adapter.scheme().sign("old", QUERY.as_bytes(), "", Timestamp::UNIX_EPOCH);
        headers.insert(SHOP_SIGNATURE, old[SHOP_SIGNATURE].clone());
        assert!(answer(&headers, QUERY, SECOND, &secrets).is_some());
        assert_eq!(answer(&headers, QUERY, SECOND, &secrets[..2]), None);
    }

    #[test]
    fn a_secret_that_shopware_would_refuse_is_told_in_its_administration() {
        let answer = answer(&signed(QUERY, "short"), QUERY, SECOND, &["short"]).unwrap();
        assert!(answer["error"].as_str().unwrap().contains("64 to 255 characters"));
        assert_eq!(answer["secret"], serde_json::Value::Null);
    }
}
