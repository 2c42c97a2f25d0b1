//! A shop system without an adapter of its own, read as a shop's configuration says.
//!
//! Places in a body are JSON Pointers (RFC 6901). A pointer names one value or none, so a mapping means
//! one thing, and following it takes no more than `serde_json`, which leaves every value as the text it
//! came as: ids and amounts never pass through a float. The crates for `JSONPath` (RFC 9535) work on
//! numbers that are floats already, and most of that language selects many values, which a mapping
//! would have to refuse.
//!
//! What happened is read from the body alone: no scheme signs a header that could say it.
//!
//! How far the order is, is said by the list that names its event: what is in none of `partial`,
//! `shipped` and `delivered` says nothing of that.
//!
//! Only the order's id must be there. Whatever else is missing, or cannot be used, costs that detail;
//! [`Mapping::misses`] says which.

use std::{collections::HashMap, slice};

use adapter_api::{
    Adapter, Encoding, Event, KeyForm, Meta, ParseError, Sample, Scheme, Signature, StampedHeader,
    Verified, first_and_last,
    json::{self, Amount, Flag, Id, Instant, Text, Texts, UnixSeconds},
};
use config::mapping::{self, Mapping as Table};
use domain::{
    Change, Consent, EmailAddress, Fulfilment, Item, Money, Order, OrderEvent, order::ITEMS_MAX,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};

pub(crate) static META: Meta = Meta {
    id: mapping::PLATFORM,
    title: "By configuration",
    docs_url: "https://www.rfc-editor.org/rfc/rfc6901",
};

/// Stands in the lists of events for a body that says nothing there.
const NOTHING: &str = "null";

/// The adapter that a shop's configuration describes.
#[derive(Clone, Copy, Debug)]
pub struct Mapping<'a> {
    table: &'a Table,
    /// The header of the signature; none has this name where the scheme brings its own.
    header: &'a str,
}

/// A configured path that told nothing about a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Miss<'a> {
    /// The key in the mapping, such as `order.email`.
    pub key: &'static str,
    /// The path.
    pub path: &'a str,
    /// What stands there.
    pub found: Found,
}

/// What stands where nothing could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nothing, or a value that says as much: `null` or an empty text.
    Nothing,
    /// Something that is not of the kind that belongs there.
    Unusable,
}

impl<'a> Mapping<'a> {
    pub(crate) fn new(table: &'a Table) -> Self {
        Self { table, header: table.signature.header.as_deref().unwrap_or_default() }
    }

    /// The paths that tell nothing about `body`, for people who write mappings; a path into the
    /// products is one if it tells nothing about any of them.
    pub fn misses(&self, body: &[u8]) -> Result<Vec<Miss<'a>>, ParseError> {
        let mut reader = Reader::new(json::from_slice(body)?);
        // All of them, also where one alone decides what becomes of the body.
        let _meaning = self.meaning(&mut reader);
        let _order = self.order(&mut reader);
        Ok(reader.misses)
    }

    /// What happened to the order, and how far it is; `None` if that does not count.
    fn meaning(
        &self,
        reader: &mut Reader<'_, 'a>,
    ) -> Result<Option<(Change, Fulfilment)>, ParseError> {
        let event = &self.table.event;
        let value = reader.get("event.path", Some(&event.path), scalar);
        let value = value.unwrap_or_else(|| NOTHING.to_owned());
        let found = self.lists().into_iter().find(|(.., values)| values.contains(&value));
        let ignored = event.ignored.as_ref().is_some_and(|ignored| ignored.contains(&value));
        if found.is_none() && !ignored {
            // Not ignored: whoever wrote the mapping did not know of it, and it may be an order.
            let detail = "expected a value that is in a list under `event` in the shop's mapping";
            return Err(ParseError { path: event.path.clone(), detail: detail.to_owned() });
        }
        Ok(found.map(|(change, fulfilment, _)| (change, fulfilment)))
    }

    /// What values stand for, and the values.
    fn lists(&self) -> [(Change, Fulfilment, &'a [String]); 6] {
        let event = &self.table.event;
        [
            (Change::Completed, Fulfilment::Unknown, &event.completed),
            (Change::Completed, Fulfilment::Shipped, &event.shipped),
            (Change::Completed, Fulfilment::Delivered, &event.delivered),
            (Change::Completed, Fulfilment::Partial, &event.partial),
            (Change::Cancelled, Fulfilment::Unknown, &event.cancelled),
            (Change::Refunded, Fulfilment::Unknown, &event.refunded),
        ]
        .map(|(change, fulfilment, values)| {
            (change, fulfilment, values.as_deref().unwrap_or_default())
        })
    }

    /// What a sample of this event says happened.
    fn value(&self, event: &OrderEvent) -> &'a str {
        let lists = self.lists();
        let of_change = || lists.iter().filter(|(change, ..)| *change == event.change);
        let exact = of_change().filter(|(_, reached, _)| *reached == event.order.fulfilment);
        let value = exact.chain(of_change()).find_map(|(.., values)| values.first());
        // Without a word for it, ours: a mapping that cannot say it does not know that one either.
        value.map_or(event.change.as_str(), String::as_str)
    }

    /// The order, and when it became what it is.
    fn order(&self, reader: &mut Reader<'_, 'a>) -> Result<(Option<Timestamp>, Order), ParseError> {
        let paths = &self.table.order;
        let amount = |value| read::<Amount>(value)?.0;
        let reference = reader.get("order.reference", Some(&paths.reference), read::<Id>);
        let name = reader.get("order.name", paths.name.as_ref(), text);
        let first = reader.get("order.first_name", paths.first_name.as_ref(), text);
        let last = reader.get("order.last_name", paths.last_name.as_ref(), text);
        let currency = reader.get("order.currency", paths.currency.as_ref(), text);
        let total = reader.get("order.total", paths.total.as_ref(), amount);
        let minor = reader.get("order.total_minor", paths.total_minor.as_ref(), amount);
        let order = Order {
            number: reader.get("order.number", paths.number.as_ref(), text),
            email: reader.get("order.email", paths.email.as_ref(), email),
            name: name.or_else(|| Text::joined([Text(first), Text(last)])),
            locale: reader.get("order.language", paths.language.as_ref(), text),
            country: reader.get("order.country", paths.country.as_ref(), text),
            region: reader.get("order.region", paths.region.as_ref(), text),
            business: reader.get("order.company", paths.company.as_ref(), company) == Some(true),
            tags: reader.get("order.tags", paths.tags.as_ref(), texts).unwrap_or_default(),
            items: self.table.items.as_ref().map(|paths| items(paths, reader)).unwrap_or_default(),
            total: Money::new(total, currency.as_deref())
                .or_else(|| Money::from_minor(minor, currency.as_deref())),
            marketing_consent: consent(paths, reader),
            placed_at: reader.get("order.placed_at", paths.placed_at.as_ref(), time),
            ask_at: reader.get("order.ask_at", paths.ask_at.as_ref(), time),
            test: reader.get("order.test", paths.test.as_ref(), flag) == Some(true),
            ..Order::default()
        };
        let at = reader.get("order.changed_at", paths.changed_at.as_ref(), time);
        let Some(Id(reference)) = reference else {
            let detail = "expected an id: a whole number, or a text that is not too long";
            return Err(ParseError { path: paths.reference.clone(), detail: detail.to_owned() });
        };
        Ok((at, Order { reference, ..order }))
    }
}

/// What the field holds is taken for a box at the checkout: left empty, it says nothing.
fn consent<'a>(paths: &'a mapping::Order, reader: &mut Reader<'_, 'a>) -> Option<Consent> {
    let path = paths.marketing_consent.as_ref();
    let is_ticked = reader.get("order.marketing_consent", path, flag);
    let at = paths.marketing_consent_at.as_ref();
    let at = reader.get("order.marketing_consent_at", at, time);
    let words = paths.marketing_consent_text.as_ref();
    let words = reader.get("order.marketing_consent_text", words, text);
    let consent = Consent::ticked(is_ticked?, path?);
    Some(Consent { at, text: words, ..consent })
}

fn items<'a>(paths: &'a mapping::Items, reader: &mut Reader<'_, 'a>) -> Vec<Item> {
    let list = reader.get("items.list", Some(&paths.list), read::<Vec<&RawValue>>);
    let mut items = Vec::new();
    let mut missed_in_all: Option<Vec<Miss<'a>>> = None;
    for entry in list.unwrap_or_default().into_iter().take(ITEMS_MAX) {
        let mut entry = Reader::new(entry);
        let name = entry.get("items.name", Some(&paths.name), text);
        let categories = entry.get("items.categories", paths.categories.as_ref(), texts);
        let item = Item {
            name: name.unwrap_or_default(),
            sku: entry.get("items.sku", paths.sku.as_ref(), text),
            gtin: entry.get("items.gtin", paths.gtin.as_ref(), text),
            url: entry.get("items.url", paths.url.as_ref(), text),
            image: entry.get("items.image", paths.image.as_ref(), text),
            categories: categories.unwrap_or_default(),
        };
        if !item.name.is_empty() {
            items.push(item);
        }
        match &mut missed_in_all {
            Some(missed) => missed.retain(|miss| entry.misses.iter().any(|it| it.key == miss.key)),
            None => missed_in_all = Some(entry.misses),
        }
    }
    reader.misses.extend(missed_in_all.unwrap_or_default());
    items
}

/// Reads what stands where a mapping says, and keeps in mind what it looked for in vain.
struct Reader<'b, 'a> {
    value: &'b RawValue,
    misses: Vec<Miss<'a>>,
}

impl<'b, 'a> Reader<'b, 'a> {
    fn new(value: &'b RawValue) -> Self {
        Self { value, misses: Vec::new() }
    }

    /// What stands at `path`, if that is configured, and something that `as_usable` takes.
    fn get<T>(
        &mut self,
        key: &'static str,
        path: Option<&'a String>,
        as_usable: impl FnOnce(&'b RawValue) -> Option<T>,
    ) -> Option<T> {
        let path = path?;
        let there = at(self.value, path).filter(|value| !matches!(value.get(), "null" | "\"\""));
        let found = if there.is_some() { Found::Unusable } else { Found::Nothing };
        let usable = there.and_then(as_usable);
        if usable.is_none() {
            self.misses.push(Miss { key, path, found });
        }
        usable
    }
}

/// The value inside `value` that `pointer` names.
fn at<'b>(value: &'b RawValue, pointer: &str) -> Option<&'b RawValue> {
    tokens(pointer).try_fold(value, |value, token| match value.get().as_bytes().first()? {
        b'{' => read::<HashMap<String, &RawValue>>(value)?.remove(&token),
        b'[' => read::<Vec<&RawValue>>(value)?.get(index(&token)?).copied(),
        _ => None,
    })
}

/// The reference tokens of a pointer.
fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}

/// An index as RFC 6901 writes it: digits, without leading zeros.
fn index(token: &str) -> Option<usize> {
    let index = token.parse::<usize>().ok()?;
    (index.to_string() == token).then_some(index)
}

fn read<'b, T: Deserialize<'b>>(value: &'b RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// A text, number, true or false, as text.
fn scalar(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'{' | b'[' => None,
        b'"' => read(value),
        _ => Some(value.get().to_owned()),
    }
}

fn text(value: &RawValue) -> Option<String> {
    read::<Text>(value)?.0
}

fn texts(value: &RawValue) -> Option<Vec<String>> {
    Some(read::<Texts>(value)?.0).filter(|texts| !texts.is_empty())
}

/// Whether there is a company: what is no yes or no is its name.
fn company(value: &RawValue) -> Option<bool> {
    flag(value).or_else(|| text(value).map(|_name| true))
}

fn email(value: &RawValue) -> Option<EmailAddress> {
    EmailAddress::parse(&text(value)?).ok()
}

fn flag(value: &RawValue) -> Option<bool> {
    read::<Flag>(value)?.0
}

fn time(value: &RawValue) -> Option<Timestamp> {
    match read::<UnixSeconds>(value) {
        Some(UnixSeconds(at)) => at,
        None => read::<Instant>(value)?.0,
    }
}

impl Adapter for Mapping<'_> {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn scheme(&self) -> Scheme<'_> {
        let signature = &self.table.signature;
        let (header, headers) = (self.header, slice::from_ref(&self.header));
        let encoding = match signature.encoding {
            mapping::Encoding::Hex => Encoding::Hex,
            mapping::Encoding::Base64 => Encoding::Base64,
        };
        let key = match signature.key {
            mapping::Key::Raw => KeyForm::Raw,
            mapping::Key::Hex => KeyForm::Hex,
            mapping::Key::Base64 => KeyForm::Base64,
        };
        Scheme::WholeBody(match signature.scheme {
            mapping::Scheme::HmacSha256 => Signature::HmacSha256 { headers, encoding, key },
            mapping::Scheme::HmacSha1 => Signature::HmacSha1 { header, encoding, key },
            mapping::Scheme::TimestampedHmacSha256 => {
                Signature::StampedHmacSha256 { header, form: StampedHeader::STRIPE }
            }
            mapping::Scheme::StandardWebhooks => {
                Signature::StandardWebhooks { key: KeyForm::StandardWebhooks }
            }
        })
    }

    fn parse(&self, request: &Verified<'_>) -> Result<Vec<Event>, ParseError> {
        let mut reader = Reader::new(json::from_slice(request.body())?);
        let Some((change, fulfilment)) = self.meaning(&mut reader)? else {
            return Ok(vec![Event::Ignored { reason: "event_not_used" }]);
        };
        let (at, order) = self.order(&mut reader)?;
        let order = Order { fulfilment, ..order };
        Ok(vec![Event::Order(OrderEvent { change, at, order })])
    }

    fn event_id<'r>(&self, request: &Verified<'r>) -> Option<&'r str> {
        let is_signed = self.table.signature.scheme == mapping::Scheme::StandardWebhooks;
        is_signed.then(|| request.header("webhook-id")).flatten()
    }

    fn sample(&self, event: &OrderEvent) -> Sample {
        let Table { event: told, order: paths, items, .. } = self.table;
        let order = &event.order;
        let (first, last) = first_and_last(order.name.as_deref());
        let mut body = json!({});
        let consent = order.marketing_consent.as_ref();
        if let Some(paths) = items {
            put(
                &mut body,
                &paths.list,
                order.items.iter().map(|item| entry(paths, item)).collect(),
            );
        }
        for (path, value) in [
            (&paths.number, json!(order.number)),
            (&paths.email, json!(order.email)),
            (&paths.name, json!(order.name)),
            (&paths.first_name, json!(first)),
            (&paths.last_name, json!(last)),
            (&paths.language, json!(order.locale)),
            (&paths.country, json!(order.country)),
            (&paths.region, json!(order.region)),
            (&paths.company, json!(order.business)),
            (&paths.tags, json!(order.tags)),
            (&paths.total, json!(order.total.as_ref().map(|total| total.amount.to_string()))),
            (&paths.currency, json!(order.total.as_ref().map(|total| &total.currency))),
            (&paths.marketing_consent, json!(consent.map(Consent::is_given))),
            (&paths.marketing_consent_at, json!(consent.and_then(|consent| consent.at))),
            (&paths.marketing_consent_text, json!(consent.and_then(|it| it.text.as_ref()))),
            (&paths.changed_at, json!(event.at)),
            (&paths.placed_at, json!(order.placed_at)),
            (&paths.ask_at, json!(order.ask_at)),
            (&paths.test, json!(order.test)),
        ] {
            put_at(&mut body, path.as_ref(), value);
        }
        put(&mut body, &told.path, json!(self.value(event)));
        put(&mut body, &paths.reference, json!(order.reference));
        Sample {
            headers: vec![("content-type", "application/json".into())],
            body: body.to_string().into_bytes(),
        }
    }
}

/// An entry of the list of products.
fn entry(paths: &mapping::Items, item: &Item) -> Value {
    let mut entry = json!({});
    for (path, value) in [
        (&paths.sku, &item.sku),
        (&paths.gtin, &item.gtin),
        (&paths.url, &item.url),
        (&paths.image, &item.image),
    ] {
        put_at(&mut entry, path.as_ref(), json!(value));
    }
    put_at(&mut entry, paths.categories.as_ref(), json!(item.categories));
    put(&mut entry, &paths.name, json!(item.name));
    entry
}

fn put_at(body: &mut Value, path: Option<&String>, value: Value) {
    if let Some(path) = path.filter(|_| !value.is_null()) {
        put(body, path, value);
    }
}

/// Makes `pointer` name `value`, through objects where there is nothing yet.
fn put(body: &mut Value, pointer: &str, value: Value) {
    let place = tokens(pointer).try_fold(body, |place, token| {
        if !place.is_object() && !place.is_array() {
            *place = json!({});
        }
        match place {
            Value::Array(list) => list.get_mut(index(&token)?),
            Value::Object(members) => Some(members.entry(token).or_insert(Value::Null)),
            _ => None,
        }
    });
    if let Some(place) = place {
        *place = value;
    }
}

#[cfg(test)]
mod tests;
