//! Adobe Commerce: the webhook `observer.sales_order_save_commit_after`, configured with the
//! `webhooks.xml` on the page `docs/adapters/adobe_commerce.md`.
//!
//! The merchant chooses the fields of a hook. Ours keep the names they have in the hook's own payload,
//! so that one without a choice of fields is read as well. Commerce sends each save of an order: its
//! `state` says what happened. It is `complete` when all of the order is invoiced and shipped, and
//! `closed` when all of it is refunded. A buyer with a company in the billing address counts as one.
//!
//! Commerce waits for the answer while it saves the order, and reads it.
//!
//! Documented (developer.adobe.com/commerce/extensibility/webhooks): that what is signed is the body
//! in base64, with an RSA key of the shop's own (Webhooks signature verification: its text says HMAC,
//! its examples verify RSA), fields and rules (Configure hook contents, Define conditional webhooks),
//! the payload with `data.order` and an order's fields (Order custom attributes validation, Webhooks
//! reference), the answer (Webhook responses and logging). In Magento's source: that an order's times
//! are read back from the database before this event (`Sales/Model/ResourceModel/EntityAbstract`), in
//! UTC.
//!
//! Not confirmed by a recorded body: the order as this event has it, as a whole. Nothing but `state`
//! and an id is required. Commerce has no test orders, and does not say in which language an order
//! was made.

use std::{fmt, marker::PhantomData};

use adapter_api::{
    Adapter as ShopAdapter, Encoding, Event, Meta, ParseError, Sample, Scheme, Signature, Verified,
    first_and_last,
    json::{self, Amount, Id, Instant, Text},
};
use domain::{Change, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent};
use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny},
};
use serde_json::{Value, json};

static META: Meta = Meta {
    id: "adobe_commerce",
    title: "Adobe Commerce",
    docs_url: "https://developer.adobe.com/commerce/extensibility/webhooks/",
};

pub(crate) struct Adapter;

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    order: Option<SalesOrder>,
}

/// An order as Magento has it. Numbers and texts stand for each other.
#[derive(Deserialize)]
#[serde(expecting = "an order")]
pub(crate) struct SalesOrder {
    #[serde(default)]
    entity_id: Option<Id>,
    /// The same, under the name it has in events.
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    increment_id: Text,
    #[serde(default)]
    state: Text,
    #[serde(default)]
    created_at: Instant,
    #[serde(default)]
    updated_at: Instant,
    #[serde(default)]
    customer_email: Text,
    #[serde(default)]
    customer_firstname: Text,
    #[serde(default)]
    customer_lastname: Text,
    #[serde(default)]
    order_currency_code: Text,
    #[serde(default)]
    grand_total: Amount,
    #[serde(default)]
    addresses: Listed<Address>,
    #[serde(default)]
    items: Listed<OrderItem>,
}

#[derive(Default, Deserialize)]
struct Address {
    #[serde(default, rename = "address_type")]
    r#type: Text,
    #[serde(default)]
    company: Text,
    #[serde(default)]
    country_id: Text,
    #[serde(default)]
    email: Text,
    #[serde(default)]
    firstname: Text,
    #[serde(default)]
    lastname: Text,
}

#[derive(Deserialize)]
struct OrderItem {
    #[serde(default)]
    name: Text,
    #[serde(default)]
    sku: Text,
    /// Set for the parts of a product that is itself an item.
    #[serde(default)]
    parent_item_id: Text,
}

/// A list as PHP writes it: an array, or an object if its keys have gaps.
struct Listed<T>(Vec<T>);

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Listed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> de::Visitor<'de> for Visitor<T> {
            type Value = Listed<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, or an object in place of one")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Listed<T>, E> {
                Ok(Listed::default())
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Listed<T>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Listed(items))
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Listed<T>, A::Error> {
                let mut items = Vec::new();
                while let Some((IgnoredAny, item)) = map.next_entry()? {
                    items.push(item);
                }
                Ok(Listed(items))
            }
        }
        deserializer.deserialize_any(Visitor(PhantomData))
    }
}

impl ShopAdapter for Adapter {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        Scheme::WholeBody(Signature::RsaSha256 {
            headers: &["x-adobe-commerce-webhook-signature"],
            body: Some(Encoding::Base64),
            recipient: None,
        })
    }

    fn answer(&self) -> Option<&'static str> {
        Some(r#"{"op":"success"}"#)
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let body: Body = json::from_slice(request.body())?;
        let order = body.data.and_then(|data| data.order);
        Ok(vec![order.and_then(|order| order.meaning(None)).unwrap_or(Event::Alert {
            reason: "the hook does not send the fields that AFS needs: put the webhooks.xml of \
                     docs/adapters/adobe_commerce.md in its place",
        })])
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let body = json!({
            "eventName": "sales_order_save_commit_after",
            "data": { "order": sample_order(event) },
        });
        Sample {
            headers: vec![
                ("content-type", "application/json".into()),
                ("x-adobe-commerce-request-id", "b0f2b088-5490-4d16-9ce9-0cb1fb3e5ed0".into()),
            ],
            body: body.to_string().into_bytes(),
        }
    }
}

impl SalesOrder {
    /// What the order's state says happened, by then at `told_at`; none if the order has no id.
    pub(crate) fn meaning(self, told_at: Option<Timestamp>) -> Option<Event> {
        let (change, fulfilment) = match self.state.0.as_deref() {
            Some("complete") => (Change::Completed, Fulfilment::Shipped),
            Some("canceled") => (Change::Cancelled, Fulfilment::Unknown),
            Some("closed") => (Change::Refunded, Fulfilment::Unknown),
            Some(_) => return Some(Event::Ignored { reason: "order_not_completed" }),
            // Commerce saves a part of an order, too, and then sends no more than that.
            None if self.entity_id.is_some() || self.id.is_some() => {
                return Some(Event::Ignored { reason: "order_without_state" });
            }
            None => return None,
        };
        let Id(reference) = self.entity_id.or(self.id)?;
        let billing = self
            .addresses
            .0
            .iter()
            .position(|address| address.r#type.0.as_deref() == Some("billing"));
        let address =
            self.addresses.0.into_iter().nth(billing.unwrap_or_default()).unwrap_or_default();
        let email = self.customer_email.0.or(address.email.0);
        let name = Text::joined([self.customer_firstname, self.customer_lastname]);
        let order = Order {
            reference,
            number: self.increment_id.0,
            email: email.and_then(|email| EmailAddress::parse(&email).ok()),
            // Guests have a name in their address only.
            name: name.or_else(|| Text::joined([address.firstname, address.lastname])),
            country: address.country_id.0,
            items: self.items.0.into_iter().filter_map(OrderItem::item).collect(),
            total: Money::new(self.grand_total.0, self.order_currency_code.0.as_deref()),
            placed_at: self.created_at.0,
            fulfilment,
            business: billing.is_some() && address.company.0.is_some(),
            ..Order::default()
        };
        Some(Event::Order(OrderEvent { change, at: self.updated_at.0.or(told_at), order }))
    }
}

impl OrderItem {
    fn item(self) -> Option<Item> {
        let is_part = self.parent_item_id.0.is_some();
        let name = self.name.0.unwrap_or_default();
        (!is_part).then(|| Item { name, sku: self.sku.0, ..Item::default() })
    }
}

/// The order as Commerce would send it after `event`.
pub(crate) fn sample_order(event: &OrderEvent) -> Value {
    let order = &event.order;
    let (first, last) = first_and_last(order.name.as_deref());
    let state = match event.change {
        Change::Completed => "complete",
        Change::Cancelled => "canceled",
        Change::Refunded => "closed",
    };
    json!({
        "entity_id": order.reference,
        "increment_id": order.number,
        "state": state,
        "created_at": order.placed_at.map(without_zone),
        "updated_at": event.at.map(without_zone),
        "customer_email": order.email,
        "customer_firstname": first,
        "customer_lastname": last,
        "order_currency_code": "EUR",
        "grand_total": "29.3500",
        "addresses": [{
            "address_type": "billing", "country_id": order.country,
            "company": order.business.then_some("Sample AB"),
        }],
        "items": order.items.iter().map(|item| json!({
            "name": item.name, "sku": item.sku, "parent_item_id": null,
        })).collect::<Vec<_>>(),
    })
}

/// Magento's times are UTC without saying so.
fn without_zone(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_in_each_form_that_php_gives_it() {
        for form in ["[]", "{}", "null"] {
            let read: Listed<OrderItem> = serde_json::from_str(form).unwrap();
            assert!(read.0.is_empty(), "{form}");
        }
        for form in [r#"[{"name":"Tea"}]"#, r#"{"17":{"name":"Tea"}}"#] {
            let read: Listed<OrderItem> = serde_json::from_str(form).unwrap();
            assert_eq!(read.0[0].name.0.as_deref(), Some("Tea"), "{form}");
        }
        assert!(serde_json::from_str::<Listed<OrderItem>>("1").is_err());
    }
}
