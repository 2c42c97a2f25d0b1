//! What a reload changes.

use crate::Config;

/// A key that differs between two configurations. Values are not told: they may be secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The key, such as `shops.demo.name`.
    pub path: String,
    /// `true` when the running process keeps the old value until it is started again.
    pub needs_restart: bool,
}

/// What differs between `old` and `new`, sorted by path.
#[must_use]
pub fn changes(old: &Config, new: &Config) -> Vec<Change> {
    let (old, new) = (&old.fingerprint.0, &new.fingerprint.0);
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    let set = new.iter().filter(|(path, hash)| old.get(*path) != Some(hash)).map(|(path, _)| path);
    let mut paths: Vec<_> = gone.chain(set).collect();
    paths.sort();
    let change = |path: &String| Change { path: path.clone(), needs_restart: !is_live(path) };
    paths.into_iter().map(change).collect()
}

/// `true` for what is looked up anew with every use; the rest is built into listeners, connections
/// and keys when the process starts.
fn is_live(path: &str) -> bool {
    let section = path.split('.').next().unwrap_or_default();
    matches!(section, "shops" | "invitations" | "sender" | "retry" | "templates" | "retention")
        || path.starts_with("mail.lanes.")
        || path == "log.level"
        || path.starts_with("mail.bounces.")
}
