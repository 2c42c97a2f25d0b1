//! The files in `config/` agree with the types.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::PLATFORMS;
use crate::{Config, Sources, schema};

fn config_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config")
}

/// The name that the default file shows for a key that the operator chooses.
fn chosen(path: &str) -> &'static str {
    match path {
        ".invitations.countries" => "US",
        ".mail.lanes.domains" => "gmail.com",
        ".invitations.products" => "mattresses",
        _ => "my-shop",
    }
}

/// The keys that `schema` knows, with an example for names that the operator chooses.
fn keys(schema: &Value, path: &str, into: &mut BTreeSet<String>) {
    let properties = schema["properties"].as_object().into_iter().flatten();
    let any = schema.get("additionalProperties").filter(|any| any.is_object());
    let mut children: Vec<_> = properties.map(|(name, child)| (name.as_str(), child)).collect();
    children.extend(any.map(|child| (chosen(path), child)));
    for (name, child) in &children {
        keys(child, &format!("{path}.{name}"), into);
    }
    if children.is_empty() {
        into.insert(path.to_owned());
    }
}

fn keys_of_toml(table: &toml::Table, path: &str, into: &mut BTreeSet<String>) {
    for (name, value) in table {
        let path = format!("{path}.{name}");
        match value {
            toml::Value::Table(table) => keys_of_toml(table, &path, into),
            _ => drop(into.insert(path)),
        }
    }
}

#[test]
fn the_schema_file_is_up_to_date() {
    let file = fs_err::read_to_string(config_dir().join("config.schema.json")).unwrap();
    // As values: the order of keys depends on what else is compiled in.
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert!(
        parse(&file) == parse(&schema()),
        "config/config.schema.json is out of date; run `afs config schema > config/config.schema.json`"
    );
}

#[test]
fn the_schema_asks_for_nothing_and_takes_nothing_unknown() {
    fn check(schema: &Value) {
        assert!(schema.get("required").is_none());
        if let Some(properties) = schema["properties"].as_object() {
            assert_eq!(schema["additionalProperties"], false);
            properties.values().for_each(check);
        }
    }
    check(&serde_json::from_str(&schema()).unwrap());
}

#[test]
fn every_key_has_a_description() {
    fn check(path: &str, schema: &Value) {
        for (name, child) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            assert!(child["description"].as_str().is_some_and(|text| !text.is_empty()), "{path}");
            check(&path, child);
        }
    }
    check("", &serde_json::from_str(&schema()).unwrap());
}

#[test]
fn the_default_file_shows_every_key_and_no_other() {
    let mut known = BTreeSet::new();
    keys(&serde_json::from_str(&schema()).unwrap(), "", &mut known);
    // A shop's overrides are shown by one key each.
    let is_override = |key: &String| {
        key.starts_with(".shops.my-shop.invitations.") || key.starts_with(".shops.my-shop.sender.")
    };
    known.retain(|key| !is_override(key));

    // Keys without a default stand behind a `#`, prose behind a `#` and a space.
    let is_key = |rest: &str| rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[');
    let uncommented: String = Config::default_text()
        .lines()
        .map(|line| line.strip_prefix('#').filter(|rest| is_key(rest)).unwrap_or(line))
        .flat_map(|line| [line, "\n"])
        .collect();
    let mut shown = BTreeSet::new();
    keys_of_toml(&uncommented.parse().unwrap(), "", &mut shown);
    shown.retain(|key| !is_override(key));
    assert_eq!(shown, known);
}

#[test]
fn the_default_file_loads_alone() {
    Config::load(&Sources::default()).unwrap();
}

#[test]
fn every_example_loads_once_its_secrets_are_there() {
    for name in ["example-single-machine.toml", "example-distributed.toml"] {
        let text = fs_err::read_to_string(config_dir().join(name)).unwrap();
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join("secrets")).unwrap();
        let file = dir.path().join(name);
        fs_err::write(&file, &text).unwrap();
        for line in text.lines().filter(|line| line.contains("_file = ")) {
            let path = line.split('"').nth(1).unwrap();
            let secret = match path {
                "secrets/database-url" => "postgres://afs:secret@db.example/afs",
                "secrets/redis-url" => "redis://redis.example:6379/0",
                _ => "0123456789abcdef0123456789abcdef",
            };
            fs_err::write(dir.path().join(path), secret).unwrap();
        }
        let sources = Sources { file: Some(file), env: Vec::new(), platforms: PLATFORMS };
        let config = Config::load(&sources).unwrap_or_else(|problems| panic!("{problems}"));
        assert!(!config.shops.is_empty(), "{name}");
    }
}

#[test]
fn editors_find_the_schema_from_every_file() {
    for name in ["default.toml", "example-single-machine.toml", "example-distributed.toml"] {
        let text = fs_err::read_to_string(config_dir().join(name)).unwrap();
        assert!(text.starts_with("#:schema ./config.schema.json\n"), "{name}");
    }
}
