//! The operator's configuration: layers, schema, and errors that say where.
//!
//! From the lowest layer to the highest:
//!
//! 1. `config/default.toml`, embedded: documentation, defaults and base layer at once;
//! 2. the operator's file;
//! 3. the files `shops.d/<id>.toml` beside it, each the content of one table `[shops.<id>]`;
//! 4. environment variables `AFS__SECTION__KEY`.
//!
//! Every secret `<key>` can instead be given in any layer as `<key>_file`, the path of a file that
//! holds it. The merged tree is checked against the JSON Schema of its types, then for
//! contradictions; all [`Problems`] are reported together, each with its file, line and column.
//!
//! ```
//! let config = config::Config::from_toml(
//!     r#"
//!         [shops.demo]
//!         platform = "woocommerce"
//!         name = "Demo shop"
//!         secrets = ["from the shop's settings"]
//!     "#,
//!     &["woocommerce"],
//! )?;
//! let shop = config.shop(&"demo".parse()?).ok_or("no such shop")?;
//! assert_eq!(shop.policy.delays.shop.as_hours(), 14 * 24);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod changes;
mod document;
mod layers;
pub mod mapping;
mod problem;
mod rules;
mod schema;
mod shop;
#[cfg(test)]
mod tests;
mod tree;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
    path::PathBuf,
};

use domain::{ShopId, schedule::EmptyWindow};

pub use changes::{Change, changes};
pub use document::{
    Api, Bounces, Database, Dkim, Imap, Log, LogFormat, Mail, MailTransport, Queue, QueueBackend,
    Retention, Retry, Secrets, Server, Smtp, Templates, Tls, Worker,
};
pub use problem::{Place, Problem, Problems};
pub use shop::{Experiment, Sender, ShopSettings};

use crate::{
    document::Document,
    tree::{Entries, Node},
};

/// Where a configuration comes from, besides the embedded defaults.
#[derive(Clone, Default)]
pub struct Sources<'a> {
    /// The operator's file. Shop files are looked for in `shops.d` beside it.
    pub file: Option<PathBuf>,
    /// The environment. Only variables that start with `AFS__` count.
    pub env: Vec<(String, String)>,
    /// The ids of the platforms that there are adapters for.
    pub platforms: &'a [&'a str],
}

/// A sound configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// The HTTP listeners.
    pub server: Server,
    /// The record.
    pub database: Database,
    /// The timer that wakes workers.
    pub queue: Queue,
    /// How invitations are worked off.
    pub worker: Worker,
    /// When mails are tried again.
    pub retry: Retry,
    /// The keys of the installation.
    pub secrets: Secrets,
    /// How mails leave.
    pub mail: Mail,
    /// What the daemon tells about itself.
    pub log: Log,
    /// How long what is stored about people is kept.
    pub retention: Retention,
    /// The operator's own texts.
    pub templates: Templates,
    /// The shops, with the defaults for all shops resolved.
    pub shops: BTreeMap<ShopId, ShopSettings>,
    /// The files that hold secrets: those named by `…_file`, and those in which a secret stands itself.
    pub secret_files: BTreeSet<PathBuf>,
    fingerprint: Fingerprint,
}

/// Hashes of all values, by path. Not shown: a hash of a weak secret tells the secret.
#[derive(Clone)]
struct Fingerprint(BTreeMap<String, u64>);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(…)")
    }
}

impl Config {
    /// Reads all layers. What is wrong in any of them is reported together; only text that is not
    /// TOML is reported first, since little can be said about the rest then.
    pub fn load(sources: &Sources<'_>) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let mut layers = vec![layers::defaults(&mut problems)];
        if let Some(file) = &sources.file {
            layers.extend(layers::files(file, &mut problems));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        layers.push(layers::environment(&sources.env, &mut problems));
        Self::build(layers, sources.platforms, problems)
    }

    /// A configuration from the defaults and `text`, as if `text` was the operator's file.
    pub fn from_toml(text: &str, platforms: &[&str]) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let layers = vec![layers::defaults(&mut problems), layers::from_text(text, &mut problems)];
        if problems.is_empty() { Self::build(layers, platforms, problems) } else { Err(problems) }
    }

    /// The embedded `config/default.toml`.
    #[must_use]
    pub fn default_text() -> &'static str {
        layers::DEFAULT_TEXT
    }

    /// The settings of a shop, if there is one of that id.
    #[must_use]
    pub fn shop(&self, id: &ShopId) -> Option<&ShopSettings> {
        self.shops.get(id)
    }

    fn build(
        layers: Vec<Entries>,
        platforms: &[&str],
        mut problems: Problems,
    ) -> Result<Self, Problems> {
        let mut document = layers::merge(layers, &mut problems);
        let secret_files = layers::secret_files(&document, &schema::SCHEMA);
        layers::read_secrets(&mut document, &schema::SCHEMA, &mut problems);
        let fingerprint = Fingerprint(tree::fingerprint(&document));
        layers::inherit(&mut document);
        schema::check(&mut document, &mut problems);
        problems.extend(rules::contradictions(&document, platforms));
        if !problems.is_empty() {
            return Err(problems);
        }
        Self::assemble(&document, secret_files, fingerprint).map_err(|error| {
            let hint = "the checks let something pass that they should not: please report this";
            problems.add(&document.place, format!("cannot be used: {error}"), hint);
            problems
        })
    }

    fn assemble(
        document: &Node,
        secret_files: BTreeSet<PathBuf>,
        fingerprint: Fingerprint,
    ) -> Result<Self, Box<dyn Error>> {
        let mut document: Document = serde_json::from_value(document.value.to_json())?;
        let slashless = document.server.public_url.trim_end_matches('/').len();
        document.server.public_url.truncate(slashless);
        let resolve = |(id, shop): (ShopId, _)| Ok((id.clone(), ShopSettings::resolve(id, shop)?));
        Ok(Self {
            server: document.server,
            database: document.database,
            queue: document.queue,
            worker: document.worker,
            retry: document.retry,
            secrets: document.secrets,
            mail: document.mail,
            log: document.log,
            retention: document.retention,
            templates: document.templates,
            shops: document.shops.into_iter().map(resolve).collect::<Result<_, EmptyWindow>>()?,
            secret_files,
            fingerprint,
        })
    }
}

/// The JSON Schema of configuration files, for editors; `config/config.schema.json` is a copy.
#[must_use]
pub fn schema() -> String {
    schema::for_editors(&layers::defaults(&mut Problems::default()))
}
