//! A list of ours or of another sender, in as CSV.
//!
//! It is read row by row and stored a batch at a time, so its length does not matter. What was read twice
//! changes nothing the second time.

use std::{
    cell::Cell,
    collections::BTreeSet,
    io::{self, Read},
    path::Path,
    rc::Rc,
    str,
};

use anyhow::{Context as _, bail, ensure};
use config::Config;
use csv::{ByteRecord, ReaderBuilder, Trim};
use domain::{AddressHash, EmailAddress, ShopId};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{Timestamp, fmt::rfc2822};
use store::{
    Store,
    suppression_list::{Entry, Scope},
};

use super::{super::say, export::meant, reason};
use crate::services::system_clock;

/// Rows that are stored in one transaction.
const BATCH: usize = 1000;

/// Rows with errors that are shown; the rest is counted.
const SHOWN_MAX: u64 = 20;

/// The longest row, in bytes. Without an end, a quote that was never closed would take in the whole file.
const ROW_MAX: u64 = 1 << 20;

/// Names of columns, as AFS and the common senders write them, in lower case.
const EMAIL: [&str; 8] = [
    "email",
    "e-mail",
    "email address",
    "email_address",
    "emailaddress",
    "address",
    "recipient",
    "recipient_email",
];
const HASH: [&str; 1] = ["hash"];
const SCOPE: [&str; 1] = ["scope"];
const REASON: [&str; 2] = ["reason", "suppressionreason"];
const CREATED: [&str; 3] = ["created_at", "created", "createdat"];
const EXPIRES: [&str; 1] = ["expires_at"];

/// The reason of a row that gives none in a word. Other senders quote mail servers there, who quote
/// addresses.
const IMPORTED: &str = "imported";

/// A file that is read.
pub(super) struct List {
    rows: csv::Reader<Bounded<Box<dyn Read>>>,
    /// Bytes of the row that is being read.
    row_bytes: Rc<Cell<u64>>,
    /// To be added to the line that the reader tells: where lines end in CR LF, it counts the LF to the next
    /// row.
    line_offset: u64,
    columns: Columns,
    /// For rows that do not say.
    scope: Scope,
    address_key: Vec<u8>,
    progress: ProgressBar,
}

/// Where things stand in a row.
#[derive(Debug)]
struct Columns {
    names: Vec<String>,
    /// And whether it holds hashes.
    recipient: (usize, bool),
    scope: Option<usize>,
    reason: Option<usize>,
    created_at: Option<usize>,
    expires_at: Option<usize>,
}

/// What became of the rows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    read: u64,
    bad: u64,
    over: u64,
    stored: u64,
    shops: BTreeSet<ShopId>,
}

impl List {
    /// Opens the file and reads its header.
    pub(super) fn open(file: &Path, scope: Scope, address_key: Vec<u8>) -> anyhow::Result<Self> {
        let source = fs_err::File::open(file)?;
        let style = "{bar:40} {percent} %, {eta} to go";
        let progress = ProgressBar::new(source.metadata()?.len())
            .with_style(ProgressStyle::with_template(style)?);
        let source: Box<dyn Read> = Box::new(progress.wrap_read(source));
        let list = Self::read(source, scope, address_key, progress);
        list.with_context(|| file.display().to_string())
    }

    fn read(
        source: Box<dyn Read>,
        scope: Scope,
        address_key: Vec<u8>,
        progress: ProgressBar,
    ) -> anyhow::Result<Self> {
        let row_bytes = Rc::new(Cell::new(0));
        let source = Bounded { source, row_bytes: row_bytes.clone() };
        let mut rows = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(source);
        let columns = Columns::find(rows.byte_headers()?)?;
        let line_offset = 2_u64.saturating_sub(rows.position().line());
        Ok(Self { rows, row_bytes, line_offset, columns, scope, address_key, progress })
    }

    /// The next row, by its line: `None` at the end. Empty lines before a row belong to it.
    fn next(&mut self, row: &mut ByteRecord) -> anyhow::Result<Option<u64>> {
        self.row_bytes.set(0);
        let from = self.rows.position().line();
        match self.rows.read_byte_record(row) {
            Ok(true) => Ok(Some(from + self.line_offset)),
            Ok(false) => Ok(None),
            Err(error) => Err(error).with_context(|| format!("line {}", from + self.line_offset)),
        }
    }

    fn entry(&self, row: &ByteRecord, now: Timestamp) -> Result<Entry, String> {
        let columns = &self.columns;
        let cell = |column: usize| {
            let cell = str::from_utf8(row.get(column).unwrap_or_default());
            cell.map_err(|_| columns.error(column, "not UTF-8"))
        };
        let optional = |column: Option<usize>| -> Result<Option<(usize, &str)>, String> {
            let Some(column) = column else { return Ok(None) };
            let text = cell(column)?;
            Ok((!text.is_empty()).then_some((column, text)))
        };
        let time = |column| {
            let Some((column, text)) = optional(column)? else { return Ok(None) };
            let why = "not a time: write 2026-01-31T12:00:00Z, or seconds since 1970";
            read_time(text).map(Some).ok_or_else(|| columns.error(column, why))
        };
        let (column, hashed) = columns.recipient;
        let text = cell(column)?;
        let recipient = if hashed {
            text.parse::<AddressHash>()
                .map_err(|error| columns.error(column, &error.to_string()))?
        } else {
            let address = EmailAddress::parse(text);
            let address = address.map_err(|error| columns.error(column, &error.to_string()))?;
            address.hash(&self.address_key)
        };
        let scope = match optional(columns.scope)? {
            Some((column, text)) => {
                let scope = meant(text).parse();
                scope.map_err(|error: store::suppression_list::InvalidScope| {
                    columns.error(column, &error.to_string())
                })?
            }
            None => self.scope.clone(),
        };
        let why = optional(columns.reason)?.and_then(|(_, text)| reason(meant(text)).ok());
        Ok(Entry {
            recipient,
            scope,
            reason: why.unwrap_or_else(|| IMPORTED.to_owned()),
            created_at: time(columns.created_at)?.unwrap_or(now),
            expires_at: time(columns.expires_at)?,
        })
    }
}

/// Imports the list, and fails if some rows could not be read.
pub(super) async fn run(mut list: List, store: &Store, config: &Config) -> anyhow::Result<()> {
    let progress = list.progress.clone();
    let tell = |line: &str| progress.suspend(|| super::super::say_warning(line));
    let imported = import(&mut list, store, system_clock()(), tell).await;
    progress.finish_and_clear();
    let Outcome { read, bad, over, stored, shops } = imported?;
    for shop in shops.iter().filter(|shop| config.shop(shop).is_none()) {
        super::super::say_warning(&format!("there is no shop {shop} in the configuration"));
    }
    let there = read - bad - over - stored;
    say(format_args!("imported {stored} of {read}; {there} were there already, {over} are over"));
    ensure!(
        bad == 0,
        "{bad} of {read} rows could not be read; mend them and import the file again"
    );
    Ok(())
}

async fn import(
    list: &mut List,
    store: &Store,
    now: Timestamp,
    tell: impl Fn(&str),
) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut batch = Vec::with_capacity(BATCH);
    let mut row = ByteRecord::new();
    loop {
        let line = list.next(&mut row)?;
        if let Some(line) = line {
            outcome.read += 1;
            match list.entry(&row, now) {
                Ok(entry) if entry.expires_at.is_some_and(|at| at <= now) => outcome.over += 1,
                Ok(entry) => {
                    if let Scope::Shop(shop) = &entry.scope {
                        outcome.shops.insert(shop.clone());
                    }
                    batch.push(entry);
                }
                Err(error) => {
                    outcome.bad += 1;
                    if outcome.bad <= SHOWN_MAX {
                        tell(&format!("line {line}, {error}"));
                    }
                }
            }
        }
        if batch.len() == BATCH || line.is_none() && !batch.is_empty() {
            outcome.stored += store.suppress(&batch).await?;
            batch.clear();
        }
        if line.is_none() {
            return Ok(outcome);
        }
    }
}

impl Columns {
    fn find(header: &ByteRecord) -> anyhow::Result<Self> {
        let names: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name).trim_start_matches('\u{feff}').to_lowercase())
            .collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let recipient = match (find(&EMAIL), find(&HASH)) {
            (Some(column), None) => (column, false),
            (None, Some(column)) => (column, true),
            (Some(_), Some(_)) => {
                bail!("line 1: there is a column with addresses and one with hashes")
            }
            (None, None) => bail!(
                "line 1: there is no column `email` (or {}), and no column `hash`; the first line must \
                 name the columns, with commas between them",
                EMAIL[1..].join(", ")
            ),
        };
        Ok(Self {
            recipient,
            scope: find(&SCOPE),
            reason: find(&REASON),
            created_at: find(&CREATED),
            expires_at: find(&EXPIRES),
            names,
        })
    }

    fn error(&self, column: usize, why: &str) -> String {
        let name = self.names.get(column).map_or("", String::as_str);
        format!("column {name}: {why}")
    }
}

/// RFC 3339 as we write it, seconds since 1970 as `SendGrid` does, RFC 2822 as `Mailgun` does.
fn read_time(text: &str) -> Option<Timestamp> {
    let rfc3339 = text.parse().ok();
    let seconds = || Timestamp::from_second(text.parse().ok()?).ok();
    let rfc2822 = || Some(rfc2822::parse(text).ok()?.timestamp());
    rfc3339.or_else(seconds).or_else(rfc2822)
}

/// Fails rather than reads a row without an end.
struct Bounded<R> {
    source: R,
    row_bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.row_bytes.get() > ROW_MAX {
            let why = "this row does not end within 1 MiB: is a quote missing?";
            return Err(io::Error::other(why));
        }
        let read = self.source.read(buffer)?;
        self.row_bytes.set(self.row_bytes.get() + read as u64);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use store::StoreSettings;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn list(text: impl AsRef<[u8]>) -> anyhow::Result<List> {
        let source: Box<dyn Read> = Box::new(io::Cursor::new(text.as_ref().to_vec()));
        List::read(source, Scope::AllShops, KEY.to_vec(), ProgressBar::hidden())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn hash(address: &str) -> AddressHash {
        EmailAddress::parse(address).unwrap().hash(&KEY)
    }

    async fn store(dir: &Path) -> Store {
        let url = format!("sqlite:{}", dir.join("afs.db").display());
        let settings =
            StoreSettings { url, max_connections: 2, address_key: KEY.to_vec(), migrate: true };
        Store::open(settings).await.unwrap()
    }

    /// What became of the rows, and what was told about them.
    async fn imported(text: &str, store: &Store) -> (anyhow::Result<Outcome>, Vec<String>) {
        let told: RefCell<Vec<String>> = RefCell::default();
        let tell = |line: &str| RefCell::borrow_mut(&told).push(line.to_owned());
        let outcome = import(&mut list(text).unwrap(), store, at(0), tell).await;
        (outcome, told.into_inner())
    }

    #[tokio::test]
    async fn a_bad_row_harms_no_other_and_is_named_by_line_and_column() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        for end in ["\n", "\r\n"] {
            let text = [
                "Email,scope,Reason,created_at,expires_at",
                "anna@x.example,*,unsubscribed,2026-01-02T03:04:05Z,",
                "anna.x.example,*,,,",
                "\"bob@x.example\",no shop,\"two",
                "lines\",,",
                "bob@x.example,demo,\"550 <bob@x.example>\",1700000000,2040-01-01T00:00:00Z",
                "carl@x.example,*,,never,",
                "carl@x.example,*,,,2026-01-01T00:00:00Z",
                "carl@x.example",
                "dora@x.example,*,,\"Fri, 21 Oct 2011 11:02:55 GMT\",soon",
            ];
            let (outcome, told) = imported(&text.join(end), &store).await;
            let outcome = outcome.unwrap();
            assert_eq!((outcome.read, outcome.bad, outcome.over), (8, 4, 1), "{told:?}");
            assert_eq!(outcome.shops, ["demo".parse().unwrap()].into());
            let time = "not a time: write 2026-01-31T12:00:00Z, or seconds since 1970";
            assert_eq!(
                told,
                [
                    "line 3, column email: not an e-mail address".to_owned(),
                    "line 4, column scope: neither * nor the id of a shop".to_owned(),
                    format!("line 7, column created_at: {time}"),
                    format!("line 10, column expires_at: {time}"),
                ]
            );
        }
        let [bob] = &store.suppressions_of(hash("Bob@X.example")).await.unwrap()[..] else {
            panic!("there is one entry");
        };
        assert_eq!((bob.reason.as_str(), bob.created_at.as_second()), ("imported", 1_700_000_000));
        assert_eq!(bob.scope.to_string(), "demo");
        assert_eq!(
            store.suppressions_of(hash("carl@x.example")).await.unwrap()[0].created_at,
            at(0)
        );
    }

    #[test]
    fn a_header_says_where_the_recipient_stands() {
        for header in ["code,Address,error", "\u{feff}EMAIL", "Email Address", "hash,scope"] {
            assert!(list(header).is_ok(), "{header}");
        }
        for (header, why) in [
            ("", "no column `email`"),
            ("anna@x.example", "the first line must name the columns"),
            ("email;scope", "with commas between them"),
            ("email,hash", "one with hashes"),
        ] {
            let error = list(header).err().unwrap().to_string();
            assert!(error.starts_with("line 1: ") && error.contains(why), "{header}: {error}");
        }
    }

    #[tokio::test]
    async fn a_row_without_an_end_is_not_read_into_memory() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        let text = format!("email,reason\nanna@x.example,x\n\"{}", "a,b\n".repeat(1 << 20));
        let (outcome, _) = imported(&text, &store).await;
        let error = format!("{:#}", outcome.unwrap_err());
        assert!(error.contains("line 3") && error.contains("is a quote missing?"), "{error}");
    }
}
