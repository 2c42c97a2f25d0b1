//! The public halves of the keys that mails are signed with (DKIM, RFC 6376).

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use config::ShopSettings;

use super::{
    dmarc::tags,
    finding::{Finding, txt_record},
    resolver::{Answer, Resolver},
};

const CHECK: &str = "DKIM";

/// A key that mails are signed with, as it is configured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The domain that answers for the mail.
    pub(super) domain: String,
    /// Under which its public half is found.
    pub(super) selector: String,
    /// Where it is.
    pub(super) file: PathBuf,
}

impl Key {
    /// The keys that a shop's mails are signed with.
    pub(super) fn of(shop: &ShopSettings) -> Vec<Self> {
        let Some(dkim) = &shop.sender.dkim else { return Vec::new() };
        let second = dkim.ed25519_selector.as_ref().zip(dkim.ed25519_key_file.as_ref());
        [(&dkim.selector, &dkim.key_file)]
            .into_iter()
            .chain(second)
            .map(|(selector, file)| Self {
                domain: dkim.domain.clone(),
                selector: selector.clone(),
                file: file.clone(),
            })
            .collect()
    }

    fn name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }
}

/// Reads the public half of a key, as it has to stand in the DNS; or says why it cannot be read.
pub(super) type ReadKey = fn(&Path) -> Result<String, String>;

/// Reads it from its file.
pub(super) fn read_key(file: &Path) -> Result<String, String> {
    crate::dkim::read(file).map(|key| key.record()).map_err(|error| format!("{error:#}"))
}

/// A key, and what the DNS has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Dkim {
    key: Key,
    /// What has to stand in the DNS.
    record: Result<String, String>,
    found: Answer<String>,
}

impl Dkim {
    pub(super) async fn ask(resolver: &Resolver, key: &Key, read: ReadKey) -> Self {
        let found = resolver.txt(&key.name()).await;
        Self { key: key.clone(), record: read(&key.file), found }
    }

    pub(super) fn judge(&self) -> Finding {
        let name = self.key.name();
        let record = match &self.record {
            Ok(record) => record,
            Err(why) => {
                return Finding::fault(
                    CHECK,
                    format!("the key {} cannot be used", self.key.selector),
                )
                .means(format!("{why}."))
                .remedy("This makes or checks a key, and prints what to publish:")
                .add(format!(
                    "afs mail dkim-key {} --domain {} --selector {}",
                    self.key.file.display(),
                    self.key.domain,
                    self.key.selector
                ));
            }
        };
        let published = txt_record(&name, record);
        let found = match &self.found {
            Ok(found) => found,
            Err(why) => {
                return Finding::warning(CHECK, format!("{name} could not be looked up: {why}"))
                    .remedy("Try again; if it stays so, ask who runs the DNS of that domain.");
            }
        };
        let nobody = "Nobody can check the signatures that AFS puts on its mails, so they count for \
                      nothing.";
        let [theirs] = &found[..] else {
            let seen = match found.len() {
                0 => format!("there is no record at {name}"),
                several => format!("there are {several} records at {name}, and one may be there"),
            };
            let remedy = match found.len() {
                0 => "Publish the key's public half:",
                _ => "Remove all but this one:",
            };
            return Finding::fault(CHECK, seen).means(nobody).remedy(remedy).add(published);
        };
        let [ours, theirs] = [record, theirs].map(|record| tags(record));
        let [algorithm, other] = [&ours, &theirs].map(|tags| value(tags, "k").unwrap_or("rsa"));
        let [key, theirs_key] = [&ours, &theirs].map(|tags| value(tags, "p").and_then(decoded));
        if theirs_key.as_ref().is_some_and(Vec::is_empty) {
            return Finding::fault(
                CHECK,
                format!("the record at {name} says that its key is revoked"),
            )
            .means(nobody)
            .remedy(
                "Publish the key that AFS signs with, or sign with another one under another \
                         selector:",
            )
            .add(published);
        }
        if algorithm != other || key != theirs_key {
            return Finding::fault(
                CHECK,
                format!("the record at {name} is not for the key in use"),
            )
            .means(nobody)
            .remedy(
                "Publish the public half of the key in key_file, or give AFS the key that the \
                         record is for:",
            )
            .add(published);
        }
        if value(&theirs, "t").is_some_and(|flags| flags.split(':').any(|flag| flag.trim() == "y"))
        {
            return Finding::warning(
                CHECK,
                format!("the record at {name} says `t=y`: only testing"),
            )
            .means("Receivers may treat mails as if they were not signed.")
            .remedy("When mails arrive as they should, publish it without:")
            .add(published);
        }
        Finding::ok(CHECK, format!("{name} has the public half of the key in use ({algorithm})"))
    }
}

/// AFS signs nothing.
pub(super) fn unsigned() -> Finding {
    Finding::note(CHECK, "AFS has no key to sign with, so the mail server has to sign")
        .means("The large mailbox providers refuse bulk mail that is not signed.")
        .remedy(
            "Send yourself a sample with `afs mail send-test`, and look at its source for `dkim=pass` \
             with the domain of From behind `header.d=` or `header.i=@`. If it is not there, have the \
             mail server sign, or give AFS a key under [sender.dkim].",
        )
}

/// The value of a tag.
fn value<'a>(tags: &'a [(String, String)], name: &str) -> Option<&'a str> {
    tags.iter().find(|(tag, _)| tag == name).map(|(_, value)| value.as_str())
}

/// A key without the white space that may stand in it; `None` if it is none.
fn decoded(key: &str) -> Option<Vec<u8>> {
    let key: String = key.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(key).ok()
}
