//! The layers of the configuration, from the defaults to the environment, and how they become one.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use serde_json::Value as Schema;

use crate::{
    problem::{Place, Problems},
    schema::{self, SCHEMA},
    tree::{Entries, Node, Source, Value, check_stand_ins, lay_over, parse_list, stand_in},
};

/// The layer of the embedded defaults.
const DEFAULTS: usize = 0;
/// The layer of the operator's file; the files of the shops follow.
const OPERATOR: usize = 1;
/// The layer of the environment, above all files.
const ENVIRONMENT: usize = usize::MAX;

/// What every environment variable of ours starts with.
const PREFIX: &str = "AFS__";

/// The embedded defaults: documentation, default values and lowest layer at once.
pub(crate) const DEFAULT_TEXT: &str = include_str!("../../../config/default.toml");

/// The lowest layer.
pub(crate) fn defaults(problems: &mut Problems) -> Entries {
    Source::new(DEFAULTS, Path::new("config/default.toml"), Path::new(""))
        .parse(DEFAULT_TEXT, problems)
}

/// The layer of an operator's file that is not a file.
pub(crate) fn from_text(text: &str, problems: &mut Problems) -> Entries {
    Source::new(OPERATOR, Path::new("afs.toml"), Path::new("")).parse(text, problems)
}

/// The layers of the operator's file and of the shops' files beside it, lowest first.
pub(crate) fn files(file: &Path, problems: &mut Problems) -> Vec<Entries> {
    let mut layers = Vec::new();
    let dir = file.parent().unwrap_or(Path::new(""));
    let source = Source::new(OPERATOR, file, dir);
    layers.extend(read(&source, file, problems).map(|text| source.parse(&text, problems)));
    let shops = dir.join("shops.d");
    for (index, file) in shop_files(&shops, problems).iter().enumerate() {
        let source = Source::new(OPERATOR + 1 + index, file, &shops);
        let text = read(&source, file, problems);
        layers.extend(text.map(|text| shop(source, file, &text, problems)));
    }
    layers
}

fn read(source: &Source<'_>, file: &Path, problems: &mut Problems) -> Option<String> {
    match fs_err::read_to_string(file) {
        Ok(text) => Some(text),
        Err(error) => {
            problems.add(&source.whole(), error.to_string(), "check path and permissions");
            None
        }
    }
}

/// The files in `dir` that end in `.toml`, by name. No directory, no files.
fn shop_files(dir: &Path, problems: &mut Problems) -> Vec<PathBuf> {
    let list = || -> io::Result<Vec<PathBuf>> {
        let entries = fs_err::read_dir(dir)?;
        let mut files = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
        files.sort();
        Ok(files)
    };
    match list() {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            let place = Source::new(OPERATOR, dir, dir).whole();
            problems.add(&place, error.to_string(), "check path and permissions");
            Vec::new()
        }
    }
}

/// A file in `shops.d`: the content of the table `[shops.<file name>]`.
fn shop(source: Source<'_>, file: &Path, text: &str, problems: &mut Problems) -> Entries {
    let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let place = source.start();
    let key = format!("shops.{id}");
    let content = source.in_table(&key).parse(text, problems);
    let shop = Node { key, place: place.clone(), value: Value::Table(content) };
    let shops = Value::Table([(id, shop)].into());
    [("shops".to_owned(), Node { key: "shops".to_owned(), place, value: shops })].into()
}

/// The layer of the variables that start with `AFS__`: `AFS__MAIL__SMTP__PORT` sets
/// `mail.smtp.port`.
pub(crate) fn environment(variables: &[(String, String)], problems: &mut Problems) -> Entries {
    let mut layer = Entries::new();
    for (name, text) in variables {
        if let Some(path) = name.strip_prefix(PREFIX) {
            let variable = Variable { text, place: Place::whole(ENVIRONMENT, name) };
            variable.set(&mut layer, &SCHEMA, "", &path.to_ascii_lowercase(), problems);
        }
    }
    layer
}

struct Variable<'a> {
    text: &'a str,
    place: Place,
}

impl Variable<'_> {
    /// Sets what `path` names below `parent`, whose content is `entries` and described by `schema`.
    fn set(
        &self,
        entries: &mut Entries,
        schema: &Schema,
        parent: &str,
        path: &str,
        problems: &mut Problems,
    ) {
        let (name, rest) = match path.split_once("__") {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        // Names of variables have no dash, ids of shops have no underscore.
        let name = if schema::is_map(schema) { name.replace('_', "-") } else { name.to_owned() };
        let key = format!("{parent}{name}");
        let below = schema::child(schema, &name);
        let is_table = below.is_some_and(|below| schema::type_name(below) == "object");
        match (below, rest) {
            (Some(below), Some(rest)) if is_table => {
                let prefix = format!("{key}.");
                let table = entries.entry(name).or_insert_with(|| Node {
                    key,
                    place: self.place.clone(),
                    value: Value::Table(Entries::new()),
                });
                if let Some(entries) = table.entries_mut() {
                    self.set(entries, below, &prefix, rest, problems);
                }
            }
            (Some(below), None) if !is_table => {
                let value = self.value(below, &key);
                entries.insert(name, Node { key, place: self.place.clone(), value });
            }
            (None, _) => {
                // The check of all layers knows what is near it.
                let value = Value::Other("unknown");
                entries.insert(name, Node { key, place: self.place.clone(), value });
            }
            (Some(_), Some(_)) => problems.add(
                &self.place,
                format!("`{key}` is not a table"),
                "two underscores stand for the dot in a key, and there is one too many",
            ),
            (Some(_), None) => problems.add(
                &self.place,
                format!("`{key}` is a table"),
                "add two underscores and a key, as in AFS__MAIL__SMTP__PORT",
            ),
        }
    }

    /// The text, read as the schema wants it; as text where it does not fit.
    fn value(&self, schema: &Schema, key: &str) -> Value {
        let value = match schema::type_name(schema) {
            "integer" => self.text.trim().parse().map(Value::Integer).ok(),
            "boolean" => self.text.trim().parse().map(Value::Boolean).ok(),
            "array" => parse_list(self.text, key, &self.place),
            _ => None,
        };
        value.unwrap_or_else(|| Value::Text(self.text.to_owned()))
    }
}

/// Lays the layers over each other, the lowest first.
pub(crate) fn merge(layers: impl IntoIterator<Item = Entries>, problems: &mut Problems) -> Node {
    let mut document = Entries::new();
    for layer in layers {
        check_stand_ins(&layer, problems);
        lay_over(&mut document, layer);
    }
    Node { key: String::new(), place: Place::default(), value: Value::Table(document) }
}

/// Puts the content of files named by `<key>_file` in the place of secret keys.
pub(crate) fn read_secrets(table: &mut Node, schema: &Schema, problems: &mut Problems) {
    let Some(entries) = table.entries_mut() else { return };
    for (name, node) in entries.iter_mut() {
        if let Some(schema) = schema::child(schema, name) {
            read_secrets(node, schema, problems);
        }
    }
    for name in schema::keys(schema) {
        let Some(secret) = schema::child(schema, name).filter(|key| schema::is_secret(key)) else {
            continue;
        };
        let twin = stand_in(name);
        let Some((file, path)) = entries.get(&twin).and_then(|file| Some((file, file.text()?)))
        else {
            continue;
        };
        match fs_err::read_to_string(path) {
            Ok(text) => {
                let value = secret_value(&text, secret, file);
                let node = Node { value, ..file.clone() };
                entries.remove(&twin);
                entries.insert(name.to_owned(), node);
            }
            Err(error) => problems.add(
                &file.place,
                format!("`{}`: {error}", file.key),
                "check path and permissions; a relative path starts at the file that names it",
            ),
        }
    }
}

/// The files that hold a secret in `table`: those named by `<key>_file`, and those of the operator in
/// which a secret stands itself.
pub(crate) fn secret_files(table: &Node, schema: &Schema) -> BTreeSet<PathBuf> {
    let Some(entries) = table.entries() else { return BTreeSet::new() };
    let below =
        entries.iter().filter_map(|(name, node)| Some((node, schema::child(schema, name)?)));
    let mut files: BTreeSet<_> =
        below.flat_map(|(node, schema)| secret_files(node, schema)).collect();
    let is_secret = |name: &&str| schema::child(schema, name).is_some_and(schema::is_secret);
    for name in schema::keys(schema).filter(is_secret) {
        let named = entries.get(&stand_in(name)).and_then(Node::text);
        files.extend(named.map(PathBuf::from));
        let place = entries.get(name).map(|node| &node.place);
        let place = place.filter(|place| (OPERATOR..ENVIRONMENT).contains(&place.layer));
        files.extend(place.map(|place| PathBuf::from(&place.source)));
    }
    files
}

fn secret_value(text: &str, schema: &Schema, file: &Node) -> Value {
    if schema::type_name(schema) != "array" {
        return Value::Text(text.trim().to_owned());
    }
    let lines = text.lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty());
    let line = |(index, line): (usize, &str)| Node {
        key: format!("{} line {}", file.key, index + 1),
        place: file.place.clone(),
        value: Value::Text(line.to_owned()),
    };
    Value::List(lines.map(line).collect())
}

/// Lays what each shop sets over what is set for all shops.
pub(crate) fn inherit(document: &mut Node) {
    let Some(document) = document.entries_mut() else { return };
    for name in ["invitations", "sender"] {
        let Some(for_all) = document.get(name).cloned() else { continue };
        let shops = document.get_mut("shops").and_then(Node::entries_mut);
        for shop in shops.into_iter().flat_map(Entries::values_mut).filter_map(Node::entries_mut) {
            let own = shop.remove(name).map(|own| (name.to_owned(), own));
            shop.insert(name.to_owned(), for_all.clone());
            lay_over(shop, own.into_iter().collect());
        }
    }
}
