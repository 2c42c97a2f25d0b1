//! Files that pages refer to.

use std::{collections::BTreeMap, sync::Arc};

use minijinja::{Error, ErrorKind, Value};
use sha2::{Digest as _, Sha256};

use crate::files::{self, Files};

/// A file that pages refer to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// What it holds.
    pub bytes: Vec<u8>,
    /// Its media type, as for the `Content-Type` header.
    pub content_type: &'static str,
}

/// Every asset, by the name it is served under.
#[derive(Debug)]
pub(crate) struct Assets {
    by_name: BTreeMap<String, Asset>,
    /// From the plain name to the served one.
    names: Arc<BTreeMap<String, String>>,
}

impl Assets {
    pub(crate) fn new(files: &Files) -> Self {
        let mut by_name = BTreeMap::new();
        let mut names = BTreeMap::new();
        for (plain, file) in files
            .names(files::is_asset)
            .into_iter()
            .filter_map(|name| Some((name.strip_prefix("assets/")?, files.get(name)?)))
        {
            let served = served_name(plain, &file.bytes);
            let asset = Asset { bytes: file.bytes.to_vec(), content_type: content_type(plain) };
            by_name.insert(served.clone(), asset);
            names.insert(plain.to_owned(), served);
        }
        Self { by_name, names: Arc::new(names) }
    }

    pub(crate) fn get(&self, served: &str) -> Option<&Asset> {
        self.by_name.get(served)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Asset)> {
        self.by_name.iter()
    }

    /// The function `asset("style.css")` of page templates: where the file is served, below `base`.
    pub(crate) fn function(&self, base: &str) -> Value {
        let (names, base) = (Arc::clone(&self.names), base.to_owned());
        Value::from_function(move |name: &str| -> Result<String, Error> {
            let served = names.get(name).ok_or_else(|| {
                Error::new(ErrorKind::InvalidOperation, format!("there is no file assets/{name}"))
            })?;
            Ok(format!("{base}{served}"))
        })
    }
}

/// `style.css` → `style-1f0c9a3be2d4.css`: a new content has a new name, so caches never go stale.
fn served_name(plain: &str, bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hash = digest[..6].iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
    let (stem, ending) = plain.rsplit_once('.').unwrap_or((plain, ""));
    format!("{stem}-{hash}.{ending}")
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("webp") => "image/webp",
        Some("avif") => "image/avif",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}
