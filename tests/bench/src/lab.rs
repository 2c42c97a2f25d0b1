//! What all scenarios share.

use std::{
    cell::{OnceCell, RefCell},
    io::Write as _,
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use bench::orders::Orders;

/// How long things take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Rounds, if nobody says how many.
    pub(crate) rounds: usize,
    /// No round begins after so many minutes.
    pub(crate) minutes: u64,
    /// How long a steady load is measured.
    pub(crate) measured: Duration,
    /// How long it runs before that.
    pub(crate) warm_up: Duration,
    /// How many distinct orders there are.
    pub(crate) orders: usize,
    /// `true` for the short pace: scenarios may take smaller sizes.
    pub(crate) is_quick: bool,
}

impl Pace {
    /// For figures to publish.
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        minutes: 60,
        measured: Duration::from_secs(3),
        warm_up: Duration::from_millis(500),
        orders: 100_000,
        is_quick: false,
    };
    /// For a look.
    pub(crate) const QUICK: Self = Self {
        rounds: 2,
        minutes: 15,
        measured: Duration::from_millis(1500),
        warm_up: Duration::from_millis(300),
        orders: 40_000,
        is_quick: true,
    };
}

/// What all scenarios share: the pace, the orders, and what had to be left out.
pub(crate) struct Lab {
    pub(crate) pace: Pace,
    requests: OnceCell<Vec<Vec<u8>>>,
    filters: Vec<String>,
    skipped: RefCell<Vec<String>>,
}

impl Lab {
    pub(crate) fn new(pace: Pace, filters: Vec<String>) -> Self {
        Self { pace, requests: OnceCell::new(), filters, skipped: RefCell::default() }
    }

    /// Signed requests, each with another order. Every measurement begins with an empty record, so
    /// they serve for all.
    pub(crate) fn requests(&self) -> &[Vec<u8>] {
        self.requests.get_or_init(|| {
            say(format!("signing {} orders", self.pace.orders));
            let orders = Orders::fulfilled_at(tests::shop::now());
            (0..self.pace.orders).map(|number| orders.request(number)).collect()
        })
    }

    /// Whether a contestant was asked for: by its scenario's name, or also by a part of its own.
    pub(crate) fn wants(&self, scenario: &str, contestant: &str) -> bool {
        let is_meant = |filter: &String| match filter.split_once('/') {
            Some((of, part)) => of == scenario && contestant.contains(part),
            None => filter == scenario,
        };
        self.filters.is_empty() || self.filters.iter().any(is_meant)
    }

    /// Notes what is not measured, and why; ends up in the report.
    pub(crate) fn skip(&self, line: String) {
        say(format!("skipped: {line}"));
        self.skipped.borrow_mut().push(line);
    }

    /// What was not measured, and why.
    pub(crate) fn skipped(&self) -> Vec<String> {
        self.skipped.borrow().clone()
    }
}

/// Tells how far it is.
pub(crate) fn say(line: impl std::fmt::Display) {
    // Nobody reads it: no harm.
    let _told = writeln!(std::io::stderr().lock(), "{line}");
}

/// A program that Cargo built beside this one: `afs`, `afs-receiver`, `limit`.
pub(crate) fn built(program: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(program);
    anyhow::ensure!(
        path.exists(),
        "{} is not there; `cargo xtask bench` builds it",
        path.display()
    );
    Ok(path)
}

/// The top of the repository.
pub(crate) fn repository() -> anyhow::Result<PathBuf> {
    let crate_dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    Ok(crate_dir.ancestors().nth(2).context("the crate lies in tests/bench")?.to_owned())
}
