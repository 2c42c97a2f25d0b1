//! Wix: the eCommerce webhooks *Order Approved*, *Order Updated*, *Order Canceled*, *Payment Status
//! Updated* and *Order With Fulfillments Updated*, of an app of the shop's own.
//!
//! The body is a token. Its claim `data` is a JSON text, whose `data` is a JSON text again: the event.
//! What happened follows from the state of the order in it (`status`, `paymentStatus`,
//! `fulfillmentStatus`). An order is completed when all of it is fulfilled. The event about
//! fulfillments holds no more than the order's id, and others may hold a part of the order: then the
//! order is read from the API.
//!
//! Fulfilled is sent: that it arrived, Wix does not tell. A buyer with a company in the billing
//! details counts as one.
//!
//! Documented (dev.wix.com): that each event is a token to be verified with the app's public key, and
//! its layers (Handle Events with Webhooks for Self-hosting Without the JavaScript SDK), the events
//! and where the order stands in them (Order Approved, Order Updated, Payment Status Updated, Order
//! With Fulfillments Updated, Webhook Structure), the order (Order Object), how an API key is sent
//! (Make REST API Calls with an API Key), 200 requests a minute (Rate Limits). A token that a public
//! test shows holds `iat`, and `exp` 1,000 hours later.
//!
//! Read in public code that uses them, and not confirmed by a recorded body: the order's fields as a
//! whole, the path of one order (`GET /ecom/v1/orders/{id}`, in `order`), the activity
//! `ORDER_FULFILLED`, and that *Order Updated* tells a change of the fulfillment. Nothing but the
//! order's id is required. No mark of test orders is documented.

use std::num::NonZeroU32;

use adapter_api::{
    Access, Adapter as ShopAdapter, ApiRequest, Event, Meta, Notice, ParseError, PrivacyRequest,
    Sample, Scheme, Signature, Source, Verified, first_and_last,
    json::{self, Amount, Flag, Id, Instant, Text},
    jwt,
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

static META: Meta = Meta {
    id: "wix",
    title: "Wix",
    docs_url: "https://dev.wix.com/docs/build-apps/develop-your-app/frameworks/self-hosting/webhooks/handle-events-with-webhooks-for-self-hosting-without-the-java-script-sdk",
};

pub(crate) struct Adapter;

struct OrdersApi;

#[derive(Deserialize)]
struct Claims {
    data: String,
}

#[derive(Deserialize)]
struct Envelope {
    data: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DomainEvent<'a> {
    #[serde(default)]
    entity_fqdn: Text,
    #[serde(default)]
    slug: Text,
    #[serde(default)]
    entity_id: Option<Id>,
    #[serde(default)]
    event_time: Instant,
    /// The order was made unrecognisable.
    #[serde(default)]
    triggered_by_anonymize_request: Flag,
    #[serde(default, borrow)]
    created_event: Option<Created<'a>>,
    #[serde(default, borrow)]
    updated_event: Option<Updated<'a>>,
    #[serde(default, borrow)]
    action_event: Option<Action<'a>>,
}

#[derive(Deserialize)]
struct Created<'a> {
    #[serde(default, borrow)]
    entity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Updated<'a> {
    #[serde(default, borrow)]
    current_entity: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Action<'a> {
    #[serde(default, borrow)]
    body: Option<ActionBody<'a>>,
}

#[derive(Deserialize)]
struct ActionBody<'a> {
    #[serde(default, borrow)]
    order: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    order: WixOrder<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WixOrder<'a> {
    id: Id,
    #[serde(default)]
    number: Text,
    #[serde(default)]
    created_date: Instant,
    #[serde(default)]
    updated_date: Instant,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    payment_status: Text,
    #[serde(default)]
    fulfillment_status: Text,
    #[serde(default)]
    buyer_info: Option<BuyerInfo>,
    #[serde(default)]
    buyer_language: Text,
    #[serde(default)]
    billing_info: Option<AddressWithContact>,
    #[serde(default)]
    recipient_info: Option<AddressWithContact>,
    #[serde(default)]
    currency: Text,
    #[serde(default)]
    price_summary: Option<PriceSummary>,
    #[serde(default, borrow)]
    line_items: Option<Vec<LineItem<'a>>>,
    #[serde(default)]
    activities: Option<Vec<Activity>>,
}

#[derive(Deserialize)]
struct BuyerInfo {
    #[serde(default)]
    email: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AddressWithContact {
    #[serde(default)]
    address: Option<Address>,
    #[serde(default)]
    contact_details: Option<ContactDetails>,
}

#[derive(Default, Deserialize)]
struct Address {
    #[serde(default)]
    country: Text,
    /// ISO 3166-2, with the country's code in front.
    #[serde(default)]
    subdivision: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContactDetails {
    #[serde(default)]
    first_name: Text,
    #[serde(default)]
    last_name: Text,
    #[serde(default)]
    company: Text,
}

#[derive(Deserialize)]
struct PriceSummary {
    #[serde(default)]
    total: Option<Price>,
}

#[derive(Deserialize)]
struct Price {
    #[serde(default)]
    amount: Amount,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LineItem<'a> {
    #[serde(default)]
    product_name: Option<Translatable>,
    #[serde(default)]
    physical_properties: Option<PhysicalProperties>,
    /// Wix's SDK has it as a text, `wix:image://…`.
    #[serde(default, borrow)]
    image: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Translatable {
    #[serde(default)]
    original: Text,
    #[serde(default)]
    translated: Text,
}

#[derive(Deserialize)]
struct PhysicalProperties {
    #[serde(default)]
    sku: Text,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    url: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Activity {
    #[serde(default)]
    r#type: Text,
    #[serde(default)]
    created_date: Instant,
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::JwtBody)
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let claims: Claims = json::from_slice(&jwt::claims(request.body())?)?;
        let envelope: Envelope = json::from_embedded(&claims.data, "data")?;
        let event: DomainEvent<'_> = json::from_embedded(&envelope.data, "data.data")?;
        Ok(vec![event.meaning()?])
    }

    fn source(&self) -> Option<&'static dyn Source> {
        Some(&OrdersApi)
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let order = sample_order(event);
        let (slug, kind, what) = match event.change {
            Change::Completed => ("updated", "updatedEvent", json!({ "currentEntity": order })),
            Change::Cancelled => ("canceled", "actionEvent", json!({ "body": { "order": order } })),
            Change::Refunded => (
                "payment_status_updated",
                "actionEvent",
                json!({ "body": { "order": order, "previousPaymentStatus": "PAID" } }),
            ),
        };
        let domain_event = json!({
            "id": "89db87be-f1b9-40a4-9bd4-cc4ef0804824",
            "entityFqdn": "wix.ecom.v1.order",
            "slug": slug,
            "entityId": event.order.reference,
            "eventTime": event.at,
            "triggeredByAnonymizeRequest": false,
            kind: what,
        });
        let envelope = json!({
            "eventType": format!("wix.ecom.v1.order_{slug}"),
            "instanceId": "d2b4e0a1-1f3c-4a55-9a2e-4c1b7a55e001",
            "data": domain_event.to_string(),
        });
        let claims = json!({ "data": envelope.to_string() });
        Sample { headers: vec![], body: claims.to_string().into_bytes() }
    }
}

impl Source for OrdersApi {
    fn url(&self) -> Option<&'static str> {
        Some("https://www.wixapis.com")
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        const THREE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);
        THREE
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let order = ApiRequest::get(&["ecom", "v1", "orders", reference])
            .header("authorization", access.token)
            .header("wix-site-id", access.account);
        vec![order]
    }

    fn parse(&self, _reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let Answer { order } = json::from_slice(answer)?;
        Ok(vec![match order.change() {
            Some(change) => Event::Order(order.event(change, None)),
            None => Event::Ignored { reason: "order_not_completed" },
        }])
    }

    fn sample(&self, event: &OrderEvent) -> Vec<Vec<u8>> {
        vec![json!({ "order": sample_order(event) }).to_string().into_bytes()]
    }
}

impl DomainEvent<'_> {
    fn meaning(self) -> Result<Event, ParseError> {
        if self.triggered_by_anonymize_request.0 == Some(true) {
            let orders = self.entity_id.into_iter().map(|Id(id)| id).collect();
            return Ok(Event::Privacy(PrivacyRequest::Erasure { orders }));
        }
        let about_order = match self.entity_fqdn.0.as_deref() {
            Some("wix.ecom.v1.order") => true,
            // Its id is that of the order.
            Some("wix.ecom.v1.fulfillments") => false,
            _ => return Ok(Event::Ignored { reason: "event_not_used" }),
        };
        let entity = [
            self.created_event.and_then(|event| event.entity),
            self.updated_event.and_then(|event| event.current_entity),
            self.action_event.and_then(|event| event.body?.order),
        ];
        let at = self.event_time;
        if let Some(order) = entity.into_iter().flatten().next().filter(|_| about_order) {
            let order: WixOrder<'_> = json::from_raw(order, "data.data.order")?;
            if let Some(change) = order.change() {
                return Ok(Event::Order(order.event(change, Some(at))));
            }
            if order.fulfillment_status.0.is_some() {
                return Ok(Event::Ignored { reason: "order_not_completed" });
            }
        }
        let Some(Id(reference)) = self.entity_id else {
            let path = "data.data.entityId".to_owned();
            return Err(ParseError { path, detail: "missing field `entityId`".to_owned() });
        };
        let canceled = about_order && self.slug.0.as_deref() == Some("canceled");
        let told = canceled.then(|| OrderEvent {
            change: Change::Cancelled,
            at: at.0,
            order: Order { reference: reference.clone(), ..Order::default() },
        });
        Ok(Event::Notice(Notice { reference, told }))
    }
}

impl WixOrder<'_> {
    fn change(&self) -> Option<Change> {
        let is = |field: &Text, value: &str| field.0.as_deref() == Some(value);
        if is(&self.status, "CANCELED") || is(&self.status, "REJECTED") {
            Some(Change::Cancelled)
        } else if is(&self.payment_status, "FULLY_REFUNDED") {
            Some(Change::Refunded)
        } else {
            is(&self.fulfillment_status, "FULFILLED").then_some(Change::Completed)
        }
    }

    /// `told_at` is when the event says that it happened.
    fn event(self, change: Change, told_at: Option<Instant>) -> OrderEvent {
        // Whatever else happens to a fulfilled order, it is fulfilled since then.
        let fulfilled = self.activities.iter().flatten().filter(|activity| {
            change == Change::Completed && activity.r#type.0.as_deref() == Some("ORDER_FULFILLED")
        });
        let fulfilled_at = fulfilled.filter_map(|activity| activity.created_date.0).max();
        let at = fulfilled_at.or(told_at.and_then(|at| at.0)).or(self.updated_date.0);
        let fulfilment = match change {
            Change::Completed => Fulfilment::Shipped,
            Change::Cancelled | Change::Refunded => Fulfilment::Unknown,
        };
        OrderEvent { change, at, order: Order { fulfilment, ..self.into() } }
    }
}

impl From<WixOrder<'_>> for Order {
    fn from(order: WixOrder<'_>) -> Self {
        let email = order.buyer_info.and_then(|buyer| buyer.email.0);
        let total = order.price_summary.and_then(|prices| prices.total?.amount.0);
        let billed = order.billing_info.as_ref().and_then(|info| info.contact_details.as_ref());
        let business = billed.is_some_and(|details| details.company.0.is_some());
        let contacts = [order.billing_info, order.recipient_info];
        let (name, address) = contacts.into_iter().flatten().map(contact).fold(
            (None, None),
            |(name, address): (Option<_>, Option<_>), (other_name, other_address)| {
                (name.or(other_name), address.or(other_address))
            },
        );
        let address = address.unwrap_or_default();
        Self {
            reference: order.id.0,
            number: order.number.0,
            email: email.and_then(|email| EmailAddress::parse(&email).ok()),
            name,
            locale: order.buyer_language.0,
            country: address.country.0,
            region: address.subdivision.0,
            items: order.line_items.unwrap_or_default().into_iter().map(item).collect(),
            total: Money::new(total, order.currency.0.as_deref()),
            placed_at: order.created_date.0,
            business,
            ..Self::default()
        }
    }
}

fn contact(contact: AddressWithContact) -> (Option<String>, Option<Address>) {
    let name = contact
        .contact_details
        .and_then(|details| Text::joined([details.first_name, details.last_name]));
    (name, contact.address.filter(|address| address.country.0.is_some()))
}

fn item(item: LineItem<'_>) -> Item {
    let name = item.product_name.and_then(|name| name.translated.0.or(name.original.0));
    let image = item.image.and_then(|image| serde_json::from_str::<Image>(image.get()).ok());
    Item {
        name: name.unwrap_or_default(),
        sku: item.physical_properties.and_then(|properties| properties.sku.0),
        image: image.and_then(|image| image.url.0),
        ..Item::default()
    }
}

fn sample_order(event: &OrderEvent) -> Value {
    let order = &event.order;
    let (first, last) = first_and_last(order.name.as_deref());
    let (status, payment, fulfillment) = match event.change {
        Change::Completed => ("APPROVED", "PAID", "FULFILLED"),
        Change::Cancelled => ("CANCELED", "PAID", "NOT_FULFILLED"),
        Change::Refunded => ("APPROVED", "FULLY_REFUNDED", "FULFILLED"),
    };
    let billing = json!({
        "address": { "country": order.country, "subdivision": order.region },
        "contactDetails": {
            "firstName": first, "lastName": last, "company": order.business.then_some("Sample AB"),
        },
    });
    json!({
        "id": order.reference,
        "number": order.number,
        "createdDate": order.placed_at,
        "updatedDate": event.at,
        "status": status,
        "paymentStatus": payment,
        "fulfillmentStatus": fulfillment,
        "buyerInfo": { "email": order.email },
        "buyerLanguage": order.locale,
        "billingInfo": billing,
        "recipientInfo": billing,
        "currency": "EUR",
        "priceSummary": { "total": { "amount": "24.90", "formattedAmount": "24,90 €" } },
        "lineItems": order.items.iter().map(|item| json!({
            "productName": { "original": item.name },
            "quantity": 1,
            "physicalProperties": { "sku": item.sku, "shippable": true },
            "image": { "url": item.image, "height": 256, "width": 256 },
        })).collect::<Vec<_>>(),
        "activities": if event.change == Change::Completed {
            json!([{ "type": "ORDER_FULFILLED", "createdDate": event.at }])
        } else {
            json!([])
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "a4738c5d-98d6-45e4-bc88-4e5940acacfd";

    /// What the API answers about one order, as documented.
    fn answer() -> Value {
        json!({ "order": {
            "id": ID,
            "number": "10133",
            "createdDate": "2026-06-24T10:48:58.241Z",
            "updatedDate": "2026-07-03T11:02:11.900Z",
            "lineItems": [
                {
                    "id": "00000000-0000-0000-0000-000000000001",
                    "productName": { "original": "Handkerchief", "translated": "Näsduk" },
                    "catalogReference": {
                        "catalogItemId": "c8539b66-7a44-fe18-affc-afec4be8562a",
                        "appId": "215238eb-22a5-4c36-9e7b-e7c08025e04e",
                    },
                    "quantity": 3,
                    "price": { "amount": "12.00", "formattedAmount": "12,00 kr" },
                    "physicalProperties": { "sku": "hank5", "shippable": true },
                    "itemType": { "preset": "PHYSICAL" },
                    "image": {
                        "id": "3c76e2_mv2.jpg", "url": "https://static.wixstatic.com/media/3c76e2_mv2.jpg",
                        "height": 2384, "width": 2384,
                    },
                },
                {
                    "productName": { "original": "Gift card" },
                    "image": "wix:image://v1/3c76e2.jpg/gift.jpg",
                },
            ],
            "buyerInfo": { "contactId": "f61f30cd", "email": "asa.lind@example.com" },
            "paymentStatus": "PAID",
            "fulfillmentStatus": "FULFILLED",
            "buyerLanguage": "sv",
            "weightUnit": "KG",
            "currency": "SEK",
            "taxIncludedInPrices": true,
            "priceSummary": {
                "subtotal": { "amount": "36.00", "formattedAmount": "36,00 kr" },
                "total": { "amount": "40.56", "formattedAmount": "40,56 kr" },
            },
            "billingInfo": {
                "address": {
                    "country": "SE", "subdivision": "SE-M", "city": "Lund", "postalCode": "22222",
                },
                "contactDetails": { "firstName": "Åsa", "lastName": "Lind", "phone": "0700000000" },
            },
            "status": "APPROVED",
            "archived": false,
            "activities": [
                { "id": "1", "createdDate": "2026-06-24T10:48:58.241Z", "type": "ORDER_PLACED" },
                { "id": "2", "createdDate": "2026-07-01T08:00:00Z", "type": "ORDER_FULFILLED" },
                { "id": "3", "createdDate": "2026-07-02T08:00:00Z", "type": "ORDER_FULFILLED" },
                { "id": "4", "createdDate": "2026-07-03T11:02:11Z", "type": "MERCHANT_COMMENT" },
            ],
        } })
    }

    fn read(answer: &Value) -> Result<Vec<Event>, ParseError> {
        OrdersApi.parse(ID, &[answer.to_string().into_bytes()])
    }

    fn event(answer: &Value) -> OrderEvent {
        match &read(answer).unwrap()[..] {
            [Event::Order(event)] => event.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn one_order_is_asked_with_the_key_and_the_site() {
        let access = Access { account: "site", token: "key" };
        let [request] = &OrdersApi.requests("a/b", &access)[..] else { panic!("one request") };
        assert_eq!(request.path, "/ecom/v1/orders/a%2Fb");
        let headers = [("authorization", "key".to_owned()), ("wix-site-id", "site".to_owned())];
        assert_eq!(request.headers, headers);
    }

    #[test]
    fn a_fulfilled_order_is_completed_since_it_was_fulfilled() {
        let OrderEvent { change, at, order } = event(&answer());
        assert_eq!(change, Change::Completed);
        assert_eq!(at.unwrap().to_string(), "2026-07-02T08:00:00Z");
        assert_eq!((order.reference.as_str(), order.number.as_deref()), (ID, Some("10133")));
        assert_eq!(order.email, EmailAddress::parse("asa.lind@example.com").ok());
        assert_eq!(order.name.as_deref(), Some("Åsa Lind"));
        assert_eq!((order.locale.as_deref(), order.country.as_deref()), (Some("sv"), Some("SE")));
        assert_eq!(order.region.as_deref(), Some("SE-M"));
        assert_eq!((order.fulfilment, order.business), (Fulfilment::Shipped, false));
        assert_eq!(order.total, Money::new("40.56".parse().ok(), Some("SEK")));
        let items: Vec<_> = order.items.iter().map(|item| item.name.as_str()).collect();
        assert_eq!(items, ["Näsduk", "Gift card"]);
        assert_eq!(order.items[0].sku.as_deref(), Some("hank5"));
        let images: Vec<_> = order.items.iter().map(|item| item.image.as_deref()).collect();
        assert_eq!(images, [Some("https://static.wixstatic.com/media/3c76e2_mv2.jpg"), None]);
    }

    #[test]
    fn a_company_in_the_billing_details_is_one() {
        let mut answer = answer();
        answer["order"]["billingInfo"]["contactDetails"]["company"] = json!("Lind AB");
        assert!(event(&answer).order.business);
    }

    #[test]
    fn the_state_of_an_order_says_what_happened() {
        for (field, value, change) in [
            ("status", "CANCELED", Change::Cancelled),
            ("status", "REJECTED", Change::Cancelled),
            ("paymentStatus", "FULLY_REFUNDED", Change::Refunded),
            ("paymentStatus", "PARTIALLY_REFUNDED", Change::Completed),
        ] {
            let mut answer = answer();
            answer["order"][field] = value.into();
            let event = event(&answer);
            assert_eq!(event.change, change, "{field}: {value}");
            let undone = event.change != Change::Completed;
            let expected = if undone { "2026-07-03T11:02:11.9Z" } else { "2026-07-02T08:00:00Z" };
            assert_eq!(event.at.unwrap().to_string(), expected);
        }
        for open in ["NOT_FULFILLED", "PARTIALLY_FULFILLED"] {
            let mut answer = answer();
            answer["order"]["fulfillmentStatus"] = open.into();
            let ignored = [Event::Ignored { reason: "order_not_completed" }];
            assert_eq!(read(&answer).unwrap(), ignored, "{open}");
        }
    }

    #[test]
    fn what_is_missing_costs_that_detail_only() {
        let bare = json!({ "order": { "id": ID, "fulfillmentStatus": "FULFILLED" } });
        let OrderEvent { change, at, order } = event(&bare);
        assert_eq!((change, at), (Change::Completed, None));
        let fulfilment = Fulfilment::Shipped;
        assert_eq!(order, Order { reference: ID.into(), fulfilment, ..Order::default() });
    }

    #[test]
    fn a_malformed_answer_is_told_by_its_path() {
        let mut malformed = answer();
        malformed["order"]["lineItems"][1]["productName"] = json!("Gift card");
        assert_eq!(read(&malformed).unwrap_err().path, "order.lineItems[1].productName");
        assert_eq!(read(&json!({ "order": {} })).unwrap_err().path, "order");
        assert!(OrdersApi.parse(ID, &[]).is_err());
    }

    #[test]
    fn what_the_api_would_answer_reads_back() {
        for change in [Change::Completed, Change::Cancelled, Change::Refunded] {
            let at = "2026-07-01T09:00:00Z".parse().ok();
            let order = Order { reference: ID.into(), ..Order::default() };
            let told = OrderEvent { change, at, order };
            let events = OrdersApi.parse(ID, &OrdersApi.sample(&told)).unwrap();
            let [Event::Order(read)] = &events[..] else { panic!("{events:?}") };
            assert_eq!((read.change, read.at, &read.order.reference), (change, at, &ID.to_owned()));
        }
    }
}
