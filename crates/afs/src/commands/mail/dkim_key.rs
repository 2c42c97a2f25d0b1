//! `afs mail dkim-key`: a key for signatures, and what to publish of it.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use domain::EmailAddress;
use mail::PrivateKey;
use secrecy::ExposeSecret as _;

use crate::{commands::say, dkim, keys};

#[derive(Args)]
pub(crate) struct DkimKeyArgs {
    /// The file of the key (PEM)
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The domain that answers for the mails: that of the sender's address, or one above it
    #[arg(long, value_parser = domain)]
    domain: String,
    /// The name of the key in DNS. A new key gets a new name, so that both are there while mails that
    /// the old one signed are under way
    #[arg(long)]
    selector: String,
    /// Make an Ed25519 key if the file does not exist
    #[arg(long)]
    ed25519: bool,
}

fn domain(text: &str) -> Result<String, String> {
    let address = EmailAddress::parse(&format!("x@{text}"));
    address.map(|address| address.host().to_owned()).map_err(|_| "not a domain".to_owned())
}

pub(crate) fn dkim_key(args: &DkimKeyArgs) -> anyhow::Result<()> {
    let file = args.file.display();
    if !args.file.exists() {
        if !args.ed25519 {
            bail!(
                "{file} does not exist. Make an RSA key and run this again:\n\n  \
                 openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {file}\n"
            );
        }
        let made = PrivateKey::new_ed25519(keys::random()?);
        keys::write_new(&args.file, made.expose_secret()).context("no key was made")?;
        say(format_args!("A key was made: {file}. Keep it with your backups.\n"));
    }
    let record = dkim::read(&args.file)?.record();
    say("Publish this record in DNS (the parts in quotes are one text):\n");
    say(format_args!(
        "{}._domainkey.{}. IN TXT ( {} )",
        args.selector,
        args.domain,
        strings(&record)
    ));
    Ok(())
}

/// The strings of a TXT record, as in a zone file, one a line.
fn strings(record: &str) -> String {
    format!("\"{}\"", dkim::txt_strings(record).join("\"\n    \""))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn args(file: PathBuf, ed25519: bool) -> DkimKeyArgs {
        let domain = "shop.example".to_owned();
        DkimKeyArgs { file, domain, selector: "a".to_owned(), ed25519 }
    }

    #[test]
    fn a_key_is_made_once_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key.pem");
        let error = dkim_key(&args(file.clone(), false)).unwrap_err().to_string();
        assert!(error.contains("openssl genpkey -algorithm RSA"), "{error}");
        dkim_key(&args(file.clone(), true)).unwrap();
        let made = fs_err::read_to_string(&file).unwrap();
        assert_eq!(fs_err::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        dkim_key(&args(file.clone(), true)).unwrap();
        assert_eq!(fs_err::read_to_string(&file).unwrap(), made);
    }

    #[test]
    fn long_records_are_parted() {
        let record = "a".repeat(300);
        assert_eq!(strings(&record), format!("\"{}\"\n    \"{}\"", &record[..255], &record[255..]));
    }
}
