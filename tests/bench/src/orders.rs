//! Orders as Shopify posts them: fulfilled, distinct, signed in advance.

use jiff::Timestamp;
use serde_json::Value;

/// The shop that they come from: the last part of its webhook address.
pub const SHOP: &str = "bench";

/// Signs its webhooks.
pub const SECRET: &str = "the-secret-of-the-shop-in-the-bench";

/// A real order's fields, with made-up values.
const TEMPLATE: &str = include_str!("order.json");

/// What is another in each order, as it stands in the template.
const ID: &str = "5551234000000";
const EMAIL: &str = "buyer@example.com";
const TIME: &str = "2026-01-01T00:00:00Z";

/// Orders have one or two items, and so 5 to 8 KB.
const MOST_ITEMS: usize = 2;

/// Writes orders that were fulfilled at one time.
#[derive(Clone, Debug)]
pub struct Orders {
    /// The text of an order with one item, with two, and so on.
    texts: Vec<String>,
    signed_at: Timestamp,
}

impl Orders {
    /// Orders that are fulfilled now.
    #[must_use]
    pub fn fulfilled_at(now: Timestamp) -> Self {
        let text = |items: usize| {
            let mut order: Value = serde_json::from_str(TEMPLATE).unwrap_or_default();
            let item = order["line_items"][0].clone();
            order["line_items"] = vec![item; items].into();
            order.to_string().replace(TIME, &now.to_string())
        };
        Self { texts: (1..=MOST_ITEMS).map(text).collect(), signed_at: now }
    }

    /// The body of an order; each number is another order by another buyer.
    #[must_use]
    pub fn body(&self, number: usize) -> String {
        let id = (5_000_000_000_000 + number).to_string();
        let email = format!("buyer-{number}@example.com");
        self.texts[number % MOST_ITEMS].replace(ID, &id).replace(EMAIL, &email)
    }

    /// The whole signed request that tells of an order.
    #[must_use]
    pub fn request(&self, number: usize) -> Vec<u8> {
        let body = self.body(number);
        let signature = adapters::find("shopify").map(|shopify| {
            let scheme = shopify.scheme();
            scheme.sign(SECRET, body.as_bytes(), "", self.signed_at)
        });
        let mut request = format!(
            "POST /webhooks/{SHOP} HTTP/1.1\r\n\
             host: reviews.shop.example\r\n\
             user-agent: Shopify-Captain-Hook\r\n\
             accept: */*\r\n\
             content-type: application/json\r\n\
             content-length: {}\r\n\
             x-shopify-topic: orders/fulfilled\r\n\
             x-shopify-shop-domain: demo.myshopify.com\r\n\
             x-shopify-api-version: 2026-07\r\n\
             x-shopify-triggered-at: {}\r\n\
             x-shopify-webhook-id: b54557e4-bdd9-4b37-8a5f-bf7d70bcd043\r\n\
             x-shopify-event-id: 98880550-7158-44d4-b7cd-{number:012x}\r\n",
            body.len(),
            self.signed_at,
        )
        .into_bytes();
        for (name, value) in signature.iter().flatten() {
            request.extend_from_slice(name.as_str().as_bytes());
            request.extend_from_slice(b": ");
            request.extend_from_slice(value.as_bytes());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request.extend_from_slice(body.as_bytes());
        request
    }
}

#[cfg(test)]
mod tests {
    use adapter_api::{Event, Request};
    use domain::Change;

    use super::*;

    #[test]
    fn every_order_is_one_that_is_invited() {
        let now: Timestamp = "2026-07-01T12:00:00Z".parse().unwrap();
        let orders = Orders::fulfilled_at(now);
        let shopify = adapters::find("shopify").unwrap();
        for number in 0..MOST_ITEMS {
            let body = orders.body(number);
            assert!((5_000..=8_000).contains(&body.len()), "{} bytes", body.len());
            let mut headers = shopify.scheme().sign(SECRET, body.as_bytes(), "", now);
            headers.insert("x-shopify-topic", "orders/fulfilled".parse().unwrap());
            let request = Request {
                headers: &headers,
                body: body.as_bytes(),
                received_at: now,
                address_secret: None,
            };
            let verified = shopify.scheme().verify(request, &[SECRET]).unwrap();
            let events = shopify.parse(&verified).unwrap();
            let [Event::Order(event)] = &events[..] else { panic!("{events:?}") };
            assert_eq!(event.change, Change::Completed);
            assert_eq!(
                event.order.email.as_ref().unwrap().as_str(),
                format!("buyer-{number}@example.com")
            );
            assert_eq!(event.order.items.len(), 1 + number);
        }
    }
}
