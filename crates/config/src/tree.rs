//! The merged configuration as a tree in which every value knows where it came from.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    ops::Range,
    path::Path,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::problem::{Place, Problems};

/// The content of a table, by key.
pub(crate) type Entries = BTreeMap<String, Node>;

/// A value, and where it was set. No `Debug`: it may be a secret.
#[derive(Clone)]
pub(crate) struct Node {
    /// The key as the operator would write it, such as `mail.smtp.port` or `server.listen[0]`.
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    List(Vec<Node>),
    Table(Entries),
    /// What no key takes; only its name matters.
    Other(&'static str),
    /// Reported already: says nothing more.
    Unsound,
}

impl Value {
    /// The kind of value, in the operator's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Boolean(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
            Self::Unsound => "unsound",
        }
    }

    pub(crate) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Boolean(yes) => (*yes).into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Table(entries) => entries_to_json(entries),
            Self::Other(_) | Self::Unsound => serde_json::Value::Null,
        }
    }
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }

    pub(crate) fn integer(&self) -> Option<i64> {
        if let Value::Integer(number) = self.value { Some(number) } else { None }
    }

    pub(crate) fn list(&self) -> &[Node] {
        if let Value::List(items) = &self.value { items } else { &[] }
    }

    pub(crate) fn entries(&self) -> Option<&Entries> {
        if let Value::Table(entries) = &self.value { Some(entries) } else { None }
    }

    pub(crate) fn entries_mut(&mut self) -> Option<&mut Entries> {
        if let Value::Table(entries) = &mut self.value { Some(entries) } else { None }
    }

    /// The value of the key `path`, its parts joined by dots.
    pub(crate) fn get(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |node, name| node.entries()?.get(name))
    }

    /// What lies under `path`: keys of tables and indices of lists.
    pub(crate) fn find_mut(&mut self, path: &[String]) -> Option<&mut Self> {
        let [first, rest @ ..] = path else { return Some(self) };
        let child = match &mut self.value {
            Value::Table(entries) => entries.get_mut(first)?,
            Value::List(items) => items.get_mut(first.parse::<usize>().ok()?)?,
            _ => return None,
        };
        child.find_mut(rest)
    }
}

pub(crate) fn entries_to_json(entries: &Entries) -> serde_json::Value {
    entries.iter().map(|(name, node)| (name.clone(), node.value.to_json())).collect()
}

/// The key that, when set, takes the place of `key`: `delay_secs` for `delay_days`, and
/// `<key>_file` for the value itself.
pub(crate) fn stand_in(key: &str) -> String {
    match key {
        "delay_days" => "delay_secs".to_owned(),
        _ => format!("{key}_file"),
    }
}

/// Lays `upper` over `base`: tables key by key, everything else whole. A key set above silences the
/// stand-in for it below.
pub(crate) fn lay_over(base: &mut Entries, upper: Entries) {
    for (name, over) in upper {
        base.remove(&stand_in(&name));
        match (base.get_mut(&name), over) {
            (
                Some(Node { key, place, value: Value::Table(below) }),
                Node { key: upper_key, place: upper_place, value: Value::Table(above) },
            ) => {
                lay_over(below, above);
                (*key, *place) = (upper_key, upper_place);
            }
            (_, over) => {
                base.insert(name, over);
            }
        }
    }
}

/// Reports keys that are set together with their stand-in: which of them was meant?
pub(crate) fn check_stand_ins(layer: &Entries, problems: &mut Problems) {
    for (name, node) in layer {
        if let Some(other) = layer.get(&stand_in(name)) {
            let message = format!("`{}` and `{}` are both set", node.key, other.key);
            let place = (&node.place).max(&other.place);
            problems.add(place, message, "keep one of them: they mean the same thing");
        }
        if let Some(below) = node.entries() {
            check_stand_ins(below, problems);
        }
    }
}

/// Where a piece of TOML comes from.
pub(crate) struct Source<'a> {
    layer: usize,
    name: String,
    dir: &'a Path,
    prefix: String,
}

impl<'a> Source<'a> {
    /// The file `name`; relative paths under its `*_file` keys start at `dir`.
    pub(crate) fn new(layer: usize, name: &Path, dir: &'a Path) -> Self {
        Self { layer, name: name.display().to_string(), dir, prefix: String::new() }
    }

    /// The file fills the table `key`, not the whole document.
    pub(crate) fn in_table(self, key: &str) -> Self {
        Self { prefix: format!("{key}."), ..self }
    }

    /// The file as a whole.
    pub(crate) fn whole(&self) -> Place {
        Place::whole(self.layer, &self.name)
    }

    /// The beginning of the file.
    pub(crate) fn start(&self) -> Place {
        self.place("", 0)
    }

    fn place(&self, text: &str, offset: usize) -> Place {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Place {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            ..self.whole()
        }
    }

    /// Reads `text`; syntax errors become problems, one for each.
    pub(crate) fn parse(&self, text: &str, problems: &mut Problems) -> Entries {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let at = error.span().unwrap_or_default().start;
            let hint = "the text around here is not TOML; text values need quotes";
            // The message alone: the error as a whole quotes the line, which may hold a secret.
            problems.add(&self.place(text, at), error.message(), hint);
        }
        let place = |span: Range<usize>| self.place(text, span.start);
        entries(table.into_inner(), &self.prefix, self.dir, &place)
    }
}

/// The list that `text` spells in TOML.
pub(crate) fn parse_list(text: &str, key: &str, place: &Place) -> Option<Value> {
    let list = DeValue::parse(text).ok().filter(|value| value.get_ref().is_array())?;
    Some(value(list.into_inner(), key, Path::new(""), &|_| place.clone()))
}

fn entries(
    table: DeTable<'_>,
    prefix: &str,
    dir: &Path,
    place: &dyn Fn(Range<usize>) -> Place,
) -> Entries {
    let node = |(name, content): (Spanned<_>, Spanned<_>)| {
        let at = place(name.span());
        let name = String::from(name.into_inner());
        let key = format!("{prefix}{name}");
        let mut value = value(content.into_inner(), &key, dir, place);
        if let (true, Value::Text(path)) = (name.ends_with("_file"), &mut value) {
            *path = dir.join(&*path).to_string_lossy().into_owned();
        }
        (name, Node { key, place: at, value })
    };
    table.into_iter().map(node).collect()
}

fn value(
    content: DeValue<'_>,
    key: &str,
    dir: &Path,
    place: &dyn Fn(Range<usize>) -> Place,
) -> Value {
    match content {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Boolean(yes) => Value::Boolean(yes),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map_or(Value::Other("a number beyond 64 bits"), Value::Integer),
        DeValue::Float(_) => Value::Other("a number with a fraction"),
        DeValue::Datetime(_) => Value::Other("a date or time without quotes"),
        DeValue::Table(table) => Value::Table(entries(table, &format!("{key}."), dir, place)),
        DeValue::Array(array) => {
            let item = |(index, item): (usize, Spanned<DeValue<'_>>)| {
                let key = format!("{key}[{index}]");
                let at = place(item.span());
                let value = value(item.into_inner(), &key, dir, place);
                Node { key, place: at, value }
            };
            Value::List(array.into_iter().enumerate().map(item).collect())
        }
    }
}

/// A hash of every value that is not a table, by path: enough to tell what changed, too little to
/// tell what it was.
pub(crate) fn fingerprint(document: &Node) -> BTreeMap<String, u64> {
    fn collect(node: &Node, path: &str, found: &mut BTreeMap<String, u64>) {
        if let Some(entries) = node.entries() {
            for (name, node) in entries {
                let dot = if path.is_empty() { "" } else { "." };
                collect(node, &format!("{path}{dot}{name}"), found);
            }
        } else {
            let mut hasher = DefaultHasher::new();
            node.value.to_json().to_string().hash(&mut hasher);
            found.insert(path.to_owned(), hasher.finish());
        }
    }
    let mut found = BTreeMap::new();
    collect(document, "", &mut found);
    found
}
