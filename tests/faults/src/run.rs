//! One run: the product under load and attack, healed, brought to rest, and judged.

use std::{io::IsTerminal as _, path::PathBuf, sync::Arc, time::Duration};

use ::tests::shop::now;
use anyhow::Context as _;
use fastrand::Rng;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::{
    buyers::Buyers,
    checker::{self, Findings},
    cluster::{Cluster, Profile, Wants},
    generator::{Habits, Plan, Platforms},
    ledger::{Book, Ledger},
    nemesis::{self, Means, Nemesis, Planned},
    report::say_while_running,
    smtp::MailServer,
};

/// Orders posted in a second.
const ORDERS_PER_SECOND: u32 = 100;

/// Time for each fault: most are over sooner, and on different targets they overlap.
const TIME_PER_FAULT: Duration = Duration::from_secs(3);

/// The shortest time over which orders are posted.
const SPAN_MIN: Duration = Duration::from_secs(15);

/// Nothing happens for so long: it will not happen any more. Longer than a lease, and than it takes
/// the reconciler to find what is overdue.
const STALLED: Duration = Duration::from_secs(30);

/// What starting, healing and stopping may take.
const OVERHEAD: Duration = Duration::from_mins(3);

/// What is to happen.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) profile: Profile,
    pub(crate) seed: u64,
    pub(crate) plan: Arc<Plan>,
    pub(crate) attacks: Vec<Planned>,
    /// The known bug that is switched on.
    pub(crate) bug: Option<&'static str>,
    /// How long everything may take to come to rest once it is healed.
    pub(crate) patience: Duration,
}

/// What a run leaves behind.
pub(crate) struct Outcome {
    pub(crate) ledger: Ledger,
    pub(crate) findings: Findings,
    pub(crate) took: Duration,
    /// Where logs and database are kept, if there is a defect.
    pub(crate) files: Option<PathBuf>,
}

impl Run {
    /// A run drawn from a seed.
    pub(crate) fn drawn(
        profile: Profile,
        seed: u64,
        orders: u32,
        faults: u32,
        means: Means,
    ) -> Self {
        let mut rng = Rng::with_seed(seed);
        let seconds = Duration::from_secs((orders / ORDERS_PER_SECOND).into());
        let span = seconds.max(TIME_PER_FAULT * faults).max(SPAN_MIN);
        let plan = Plan::draw(&mut rng, orders, span, Habits::default());
        let attacks = nemesis::draw(&mut rng, faults, span, profile, means);
        let patience = Duration::from_mins(2) + seconds / 2;
        Self { profile, seed, plan: Arc::new(plan), attacks, bug: None, patience }
    }

    /// The longest that the run may take.
    fn limit(&self) -> Duration {
        let attacks = TIME_PER_FAULT * u32::try_from(self.attacks.len()).unwrap_or(u32::MAX);
        self.plan.span + attacks * 2 + self.patience + OVERHEAD
    }

    /// Runs, within a time that follows from its size.
    pub(crate) async fn go(&self) -> anyhow::Result<Outcome> {
        let limit = self.limit();
        timeout(limit, self.bounded()).await.with_context(|| format!("not done in {limit:?}"))?
    }

    async fn bounded(&self) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        let mut rng = Rng::with_seed(self.seed);
        let book = Book::default();
        let mail = Arc::new(MailServer::start().await);
        let wants = Wants { bug: self.bug, ..nemesis::wants(&self.attacks) };
        let cluster = Cluster::start(self.profile, &self.plan.shops, mail.port(), wants).await?;
        let cluster = Arc::new(cluster);
        let watchers = cluster.look_after(&book, &mut rng);
        let buyers = Buyers {
            http: cluster.http.clone(),
            book: book.clone(),
            source: cluster.source.clone(),
            tasks: TaskTracker::new(),
        };
        let tasks = buyers.tasks.clone();
        let reading =
            AbortOnDropHandle::new(tokio::spawn(buyers.read(mail.clone(), self.plan.clone())));
        let progress = AbortOnDropHandle::new(tokio::spawn(show_progress(book.clone())));

        let started = (Instant::now(), now());
        let platforms = Platforms {
            http: cluster.http.clone(),
            book: book.clone(),
            source: cluster.source.clone(),
            started,
        };
        let posting = AbortOnDropHandle::new(tokio::spawn(platforms.run(self.plan.clone())));
        let nemesis = Nemesis::new(cluster.clone(), mail.clone(), book.clone(), started.0);
        nemesis.run(&self.attacks, &mut rng).await?;
        posting.await?;

        cluster.heal().await?;
        self.until_quiet(&cluster, &mail, &book, &tasks).await;
        let sockets = cluster.sockets();
        cluster.stop(watchers).await;
        drop((progress, reading));

        let mut ledger = book.open().clone();
        ledger.sockets = sockets;
        ledger.panics = cluster.log_lines("panicked");
        ledger.fenced = cluster.log_lines("another worker claimed this invitation").len();
        ledger.record = cluster.source.read().await?;
        let findings = checker::check(&ledger);
        let keep = !findings.defects.is_empty() && self.bug.is_none();
        let files = match Arc::try_unwrap(cluster) {
            Ok(cluster) if keep => Some(cluster.keep_files()),
            _ => None,
        };
        Ok(Outcome { ledger, findings, took: began.elapsed(), files })
    }

    /// Waits until nothing is left to do, or nothing happens any more, or patience is at its end.
    async fn until_quiet(
        &self,
        cluster: &Cluster,
        mail: &MailServer,
        book: &Book,
        tasks: &TaskTracker,
    ) {
        let deadline = Instant::now() + self.patience;
        let mut last = (None, Instant::now());
        while Instant::now() < deadline {
            let unfinished = cluster.source.unfinished().await.ok();
            let unread = mail.count() - book.open().mails.len();
            let left = unfinished.map(|left| left.invitations + left.reviews);
            if left == Some(0) && unread == 0 && tasks.is_empty() {
                return;
            }
            let state = Some((unfinished, mail.count(), tasks.len()));
            if state != last.0 {
                last = (state, Instant::now());
            } else if last.1.elapsed() > STALLED {
                return;
            }
            sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Tells how far it is: for people all the time, for files now and then.
async fn show_progress(book: Book) {
    let terminal = std::io::stderr().is_terminal();
    let pause = Duration::from_secs(if terminal { 1 } else { 20 });
    let began = Instant::now();
    loop {
        sleep(pause).await;
        let line = {
            let ledger = book.open();
            format!(
                "{:4} s  {} requests  {} mails  {} reviews  {} faults",
                began.elapsed().as_secs(),
                ledger.requests.len(),
                ledger.mails.len(),
                ledger.submissions.len(),
                ledger.faults.len(),
            )
        };
        say_while_running(&line, terminal);
    }
}
