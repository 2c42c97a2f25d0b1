//! The list, out as CSV.

use std::{
    io::{self, Write},
    path::Path,
};

use fs_err::os::unix::fs::OpenOptionsExt as _;
use store::{Store, suppression_list::Entry};

/// Entries that are read at a time.
const PAGE: u32 = 1000;

/// The columns, as [`import`](super::import) reads them.
pub(super) const COLUMNS: [&str; 5] = ["hash", "scope", "reason", "created_at", "expires_at"];

/// Writes the list, ordered by hash and scope, to `out` or to standard output.
pub(super) async fn run(out: Option<&Path>, store: &Store) -> anyhow::Result<()> {
    match out {
        // For its owner alone: whoever has the key, too, can ask it about any address.
        Some(path) => {
            let mut options = fs_err::OpenOptions::new();
            write(options.create(true).write(true).truncate(true).mode(0o600).open(path)?, store)
                .await
        }
        None => write(io::stdout(), store).await,
    }
}

async fn write(out: impl Write, store: &Store) -> anyhow::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    out.write_record(COLUMNS)?;
    let mut last: Option<Entry> = None;
    loop {
        let page = store.suppressions(last.as_ref(), PAGE).await?;
        for entry in &page {
            out.write_record(row(entry))?;
        }
        let Some(entry) = page.last() else { break };
        last = Some(entry.clone());
    }
    out.flush()?;
    Ok(())
}

fn row(entry: &Entry) -> [String; COLUMNS.len()] {
    let Entry { recipient, scope, reason, created_at, expires_at } = entry;
    let expires_at = expires_at.map(|at| at.to_string()).unwrap_or_default();
    [
        recipient.to_string(),
        harmless(&scope.to_string()),
        harmless(reason),
        created_at.to_string(),
        expires_at,
    ]
}

/// A cell that no spreadsheet takes for a formula (OWASP, CSV injection); a shop's id may begin with `-`.
fn harmless(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

/// The inverse of [`harmless`].
pub(super) fn meant(cell: &str) -> &str {
    cell.strip_prefix('\'').unwrap_or(cell)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_cell_is_a_formula_and_each_is_read_back(cell in "[=+@'\t\r-]?.{0,10}") {
            let written = harmless(&cell);
            prop_assert!(!written.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert_eq!(meant(&written), cell);
        }
    }
}
