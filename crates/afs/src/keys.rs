//! The installation's own secrets: configured, or made once and kept beside the record.

use std::{
    io::{ErrorKind, Write as _},
    path::Path,
};

use anyhow::Context as _;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use config::Config;
use domain::token::TokenKeys;
use secrecy::ExposeSecret as _;

/// What signs links, and what hashes addresses.
pub(crate) struct Keys {
    pub(crate) tokens: TokenKeys,
    pub(crate) address_key: Vec<u8>,
}

impl Keys {
    /// The configured keys. Those that are not configured are kept beside the SQLite file, and made
    /// there the first time; with Postgres the configuration check asks for them.
    pub(crate) fn load(config: &Config) -> anyhow::Result<Self> {
        let kept = |name: &str| {
            let file = config.database.sqlite_file().context("the keys are not configured")?;
            kept_key(&file.with_file_name(name))
        };
        let bytes = |secret: &secrecy::SecretString| secret.expose_secret().as_bytes().to_vec();
        let link_keys = match &config.secrets.link_keys {
            Some(secrets) => secrets.iter().map(bytes).collect(),
            None => vec![kept("link.key")?],
        };
        let address_key = match &config.secrets.address_key {
            Some(secret) => bytes(secret),
            None => kept("address.key")?,
        };
        Ok(Self { tokens: TokenKeys::new(link_keys)?, address_key })
    }
}

/// The key in `path`, made if it is not there. Several processes may try at the same time: the one
/// that makes the file wins.
fn kept_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    if let Some(dir) = path.parent() {
        fs_err::create_dir_all(dir)?;
    }
    if write_new(path, &STANDARD.encode(random()?))? {
        tracing::info!(file = %path.display(), "a key was made; keep it with your backups");
    }
    warn_if_others_can_read(path)?;
    Ok(fs_err::read(path)?)
}

/// 32 bytes that nobody knows.
pub(crate) fn random() -> anyhow::Result<[u8; 32]> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).context("the system has no randomness")?;
    Ok(random)
}

/// Writes a secret into a file that only its owner can read; `false` if there is a file already.
pub(crate) fn write_new(path: &Path, secret: &str) -> anyhow::Result<bool> {
    // Complete before it has its name: a process that died in between leaves no half a key.
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut draft =
        tempfile::Builder::new().prefix(".key-").tempfile_in(dir.unwrap_or(Path::new(".")))?;
    draft.write_all(secret.as_bytes())?;
    draft.as_file().sync_all()?;
    match draft.persist_noclobber(path) {
        Ok(_) => Ok(true),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error.error).context(format!("{}", path.display())),
    }
}

pub(crate) fn warn_if_others_can_read(path: &Path) -> anyhow::Result<()> {
    let mode = fs_err::metadata(path)?;
    if std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o077 != 0 {
        tracing::warn!(file = %path.display(), "others can read this key: `chmod 600` it");
    }
    Ok(())
}
