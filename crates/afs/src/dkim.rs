//! The keys that mails are signed with, read from their files.

use std::{path::Path, sync::Arc};

use anyhow::{Context as _, ensure};
use config::{Config, ShopSettings};
use mail::{Algorithm, Dkim, PrivateKey};
use worker::Signers;

use crate::keys::warn_if_others_can_read;

/// The strings that a TXT record is made of: 255 bytes each at the most (RFC 1035, 3.3.14).
pub(crate) fn txt_strings(text: &str) -> Vec<String> {
    let mut strings = vec![String::new()];
    for letter in text.chars() {
        if let Some(last) = strings.last_mut() {
            if last.len() + letter.len_utf8() <= 255 {
                last.push(letter);
            } else {
                strings.push(letter.to_string());
            }
        }
    }
    strings
}

/// The keys of all shops. Says which file of which shop cannot be used, and why.
pub(crate) fn load(config: &Config) -> anyhow::Result<Signers> {
    let signers =
        config.shops.values().map(|shop| Ok(of(shop)?.map(|dkim| (shop.id.clone(), dkim))));
    signers.filter_map(Result::transpose).collect()
}

/// What the shop signs with, if it does.
pub(crate) fn of(shop: &ShopSettings) -> anyhow::Result<Option<Arc<Dkim>>> {
    let Some(dkim) = &shop.sender.dkim else { return Ok(None) };
    let key = |name: &str, file: &Path, algorithm| {
        let key = key_of(file, algorithm);
        key.with_context(|| format!("shops.{}.sender.dkim.{name}", shop.id))
    };
    let mut keys = vec![(dkim.selector.clone(), key("key_file", &dkim.key_file, Algorithm::Rsa)?)];
    if let (Some(selector), Some(file)) = (&dkim.ed25519_selector, &dkim.ed25519_key_file) {
        keys.push((selector.clone(), key("ed25519_key_file", file, Algorithm::Ed25519)?));
    }
    Ok(Some(Arc::new(Dkim::new(dkim.domain.clone(), keys))))
}

/// The key in `file`, whatever its algorithm.
pub(crate) fn read(file: &Path) -> anyhow::Result<PrivateKey> {
    let text = fs_err::read_to_string(file)?;
    let key = PrivateKey::from_pem(&text).with_context(|| file.display().to_string())?;
    warn_if_others_can_read(file)?;
    Ok(key)
}

fn key_of(file: &Path, algorithm: Algorithm) -> anyhow::Result<PrivateKey> {
    let key = read(file)?;
    let hint = match algorithm {
        Algorithm::Rsa => {
            "its key is Ed25519, which not every receiver knows: it is for ed25519_key_file, beside an \
             RSA key"
        }
        Algorithm::Ed25519 => "its key is RSA: it is for key_file",
    };
    ensure!(key.algorithm() == algorithm, "{}: {hint}", file.display());
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path, rsa: &str, ed25519: &str) -> Config {
        let text = format!(
            "[sender.dkim]\ndomain = 'shop.example'\nselector = 'a'\nkey_file = '{0}/{rsa}'\n\
             ed25519_selector = 'b'\ned25519_key_file = '{0}/{ed25519}'\n\
             [shops.demo]\nplatform = 'x'\nname = 'Demo'\nsecrets = ['a secret']\n",
            dir.display()
        );
        Config::from_toml(&text, &["x"]).unwrap()
    }

    #[test]
    fn a_key_that_cannot_be_used_is_named_with_its_shop_and_its_fault() {
        let dir = tempfile::tempdir().unwrap();
        let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mail/tests/keys");
        for name in ["rsa.pem", "ed25519.pem"] {
            fs_err::copy(keys.join(name), dir.path().join(name)).unwrap();
        }
        fs_err::write(dir.path().join("none.pem"), "hunter2").unwrap();
        assert_eq!(load(&config(dir.path(), "rsa.pem", "ed25519.pem")).unwrap().len(), 1);
        for (rsa, ed25519, fault) in [
            ("none.pem", "ed25519.pem", "key_file: DIR/none.pem: there is no private key in it"),
            ("ed25519.pem", "ed25519.pem", "key_file: DIR/ed25519.pem: its key is Ed25519"),
            ("rsa.pem", "rsa.pem", "ed25519_key_file: DIR/rsa.pem: its key is RSA"),
            ("rsa.pem", "gone.pem", "ed25519_key_file: failed to open file `DIR/gone.pem`"),
        ] {
            let error = format!("{:#}", load(&config(dir.path(), rsa, ed25519)).unwrap_err());
            let error = error.replace(&dir.path().display().to_string(), "DIR");
            assert!(error.starts_with(&format!("shops.demo.sender.dkim.{fault}")), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
