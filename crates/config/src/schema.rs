//! The JSON Schema of the configuration: derived from the types, used by editors, and the rule that
//! every single value is checked against.

use std::{net::SocketAddr, sync::LazyLock};

use domain::EmailAddress;
use jiff::tz::TimeZone;
use jsonschema::{ValidationError, Validator, error::ValidationErrorKind as Kind};
use schemars::{Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Map, Value};

use crate::{
    document::Document,
    problem::{Problems, nearest, quoted},
    tree::{self, Entries, Node, entries_to_json, stand_in},
};

/// The schema of the merged configuration: what the defaults fill in is required here.
pub(crate) static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    SchemaSettings::draft2020_12()
        // Without references, a walk along a path is a walk along the schema.
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(as_toml))
        .into_generator()
        .into_root_schema_for::<Document>()
        .to_value()
});

#[expect(clippy::expect_used, reason = "the schema is a constant, and every test builds it")]
static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| {
    jsonschema::options()
        .should_validate_formats(true)
        // A sender beyond ASCII would need SMTPUTF8 all the way to each of its recipients.
        .with_format("email", |text| EmailAddress::parse(text).is_ok_and(|it| it.is_ascii()))
        .with_format("mail-host", is_mail_host)
        .with_format("https-url", domain::text::is_https)
        .with_format("socket-address", |text| text.parse::<SocketAddr>().is_ok())
        .with_format("time-zone", |text| TimeZone::get(text).is_ok())
        .build(&SCHEMA)
        .expect("a valid schema")
});

/// `true` for what can stand behind the `@` of our addresses, the longest of which are those that mails
/// come back to.
fn is_mail_host(text: &str) -> bool {
    EmailAddress::parse(&format!("{}@{text}", "x".repeat(47))).is_ok()
}

/// What the types do not say: TOML has no null, sizes of integers are ranges, and every secret can
/// come from a file.
fn as_toml(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description") {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [single] = types.as_slice() {
            let single = single.clone();
            schema.insert("type".to_owned(), single);
        }
    }
    if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint"))
    {
        schema.remove("format");
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        let secrets: Vec<_> = properties
            .iter()
            .filter(|(_, key)| is_secret(key))
            .map(|(name, _)| name.clone())
            .collect();
        for name in secrets {
            let each = if properties[&name]["type"] == "array" { ", one a line" } else { "" };
            let twin = serde_json::json!({
                "description": format!("A file that holds `{name}`{each}; relative to this file."),
                "type": "string",
                "minLength": 1,
            });
            properties.insert(stand_in(&name), twin);
        }
    }
}

/// The schema for editors, pretty-printed: strict about what is there, content with what is missing,
/// since a file sets only what differs from `defaults`.
pub(crate) fn for_editors(defaults: &Entries) -> String {
    let mut schema = SCHEMA.clone();
    relax(&mut schema, &entries_to_json(defaults));
    format!("{schema:#}\n")
}

fn relax(schema: &mut Value, default: &Value) {
    let Value::Object(keywords) = schema else { return };
    keywords.remove("required");
    if !default.is_null() && !default.is_object() {
        keywords.insert("default".to_owned(), default.clone());
    }
    if let Some(Value::Object(properties)) = keywords.get_mut("properties") {
        for (name, property) in properties {
            relax(property, default.get(name).unwrap_or(&Value::Null));
        }
    }
    if let Some(any) = keywords.get_mut("additionalProperties") {
        relax(any, &Value::Null);
    }
}

pub(crate) fn is_secret(schema: &Value) -> bool {
    schema.get("writeOnly") == Some(&Value::Bool(true))
}

/// The schema of `key` in the table that `schema` describes.
pub(crate) fn child<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let named = schema.get("properties").and_then(|properties| properties.get(key));
    named.or_else(|| schema.get("additionalProperties").filter(|any| any.is_object()))
}

/// `true` for a table whose keys are names that the operator chooses.
pub(crate) fn is_map(schema: &Value) -> bool {
    schema.get("additionalProperties").is_some_and(Value::is_object)
}

/// The type that `schema` asks for: "object", "array", "string", "integer" or "boolean".
pub(crate) fn type_name(schema: &Value) -> &str {
    schema.get("type").and_then(Value::as_str).unwrap_or("string")
}

/// The names of the keys in the table that `schema` describes.
pub(crate) fn keys(schema: &Value) -> impl Iterator<Item = &str> {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flat_map(Map::keys).map(String::as_str)
}

/// What the key is for, in one line.
fn description(schema: &Value) -> Option<&str> {
    schema.get("description")?.as_str()
}

/// Checks every value on its own. What is wrong is reported and spoiled, so that later checks see
/// sound values only.
pub(crate) fn check(document: &mut Node, problems: &mut Problems) {
    let json = document.value.to_json();
    for error in VALIDATOR.iter_errors(&json) {
        explain(&error, document, problems);
    }
}

/// Puts `error` into the operator's words.
fn explain(error: &ValidationError<'_>, document: &mut Node, problems: &mut Problems) {
    let path = segments(error.instance_path().as_str());
    let (schema, hint) = describe(&path);
    let Some(node) = document.find_mut(&path) else { return };
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            for name in unexpected {
                let Some(unknown) = node.entries().and_then(|entries| entries.get(name)) else {
                    continue;
                };
                let message = format!("`{}` is not a known key", unknown.key);
                problems.add(&unknown.place, message, hint_for_unknown(name, schema));
            }
        }
        Kind::PropertyNames { error } => {
            let name = error.instance().as_str().unwrap_or_default();
            let place = node
                .entries()
                .and_then(|entries| entries.get(name))
                .map_or(&node.place, |named| &named.place);
            let (message, hint) = if node.key.ends_with("countries") {
                let hint = "two capital letters, such as `SE` (ISO 3166-1); not in the environment, \
                            which knows no letter case";
                (format!("`{name}` cannot be the code of a country"), hint.to_owned())
            } else if node.key.ends_with("lanes.domains") {
                let hint =
                    "in quotes and lower case, such as \"gmail.com\"; not in the environment";
                (format!("`{name}` cannot be a domain"), hint.to_owned())
            } else {
                let hint = domain::shop::InvalidShopId.to_string();
                (format!("`{name}` cannot be the id of a shop"), hint)
            };
            problems.add(place, message, hint);
        }
        Kind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            // A file that was to hold the value, but could not be read, is reported already.
            if node.get(&stand_in(name)).is_none() {
                let message = format!("`{}.{name}` is missing", node.key);
                let hint = child(schema, name).and_then(description).unwrap_or_default();
                problems.add(&node.place, message, hint);
            }
        }
        _ if matches!(node.value, tree::Value::Unsound) => {}
        kind => {
            let message = format!("`{}` {}", node.key, complaint(kind, schema, node));
            let hint = hint_for_value(schema, node).unwrap_or_else(|| hint.to_owned());
            problems.add(&node.place, message, hint);
            node.value = tree::Value::Unsound;
        }
    }
}

/// What is wrong with one value. Never tells the value: it may be a secret.
fn complaint(kind: &Kind, schema: &Value, node: &Node) -> String {
    match kind {
        Kind::Type { .. } => {
            let wanted = match type_name(schema) {
                "object" => "a table",
                "array" => "a list",
                "integer" => "a whole number",
                "boolean" => "true or false",
                _ => "text",
            };
            format!("must be {wanted}, not {}", node.value.kind())
        }
        Kind::OneOfNotValid { .. } => format!("must be one of {}", quoted(options(schema))),
        Kind::Minimum { limit } => format!("must be at least {limit}"),
        Kind::Maximum { limit } => format!("must be at most {limit}"),
        Kind::MinLength { limit: 1 } | Kind::MinItems { limit: 1 } => {
            "must not be empty".to_owned()
        }
        Kind::MinLength { limit } => format!("must have at least {limit} characters"),
        Kind::MaxLength { limit } => format!("must have at most {limit} characters"),
        Kind::MinItems { limit } => format!("must have at least {limit} entries"),
        Kind::MaxItems { limit } => format!("must have at most {limit} entries"),
        Kind::Format { format } => format!("is not a valid {}", format.replace('-', " ")),
        _ => "does not have the right form".to_owned(),
    }
}

fn hint_for_unknown(name: &str, schema: &Value) -> String {
    match nearest(name, keys(schema)) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("the keys here are {}", quoted(keys(schema))),
    }
}

fn hint_for_value(schema: &Value, node: &Node) -> Option<String> {
    let text = node.text()?;
    let zones = jiff::tz::db();
    let meant = if schema.get("format").is_some_and(|format| format == "time-zone") {
        let names: Vec<_> = zones.available().map(|zone| zone.as_str().to_owned()).collect();
        nearest(text, names.iter().map(String::as_str))?.to_owned()
    } else {
        nearest(text, options(schema))?.to_owned()
    };
    Some(format!("did you mean `{meant}`?"))
}

/// The texts that a key with a fixed choice takes.
fn options(schema: &Value) -> impl Iterator<Item = &str> {
    let variants = schema.get("oneOf").and_then(Value::as_array);
    variants.into_iter().flatten().filter_map(|variant| variant.get("const")?.as_str())
}

/// The schema at `path`, and the nearest description on the way there.
fn describe(path: &[String]) -> (&'static Value, &'static str) {
    let mut schema = &*SCHEMA;
    let mut text = None;
    for name in path {
        schema = child(schema, name).or_else(|| schema.get("items")).unwrap_or(&Value::Null);
        text = description(schema).or(text);
    }
    (schema, text.unwrap_or_default())
}

/// The parts of a JSON pointer. (`Location` reads a shop named `007` as the index 7.)
fn segments(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}
