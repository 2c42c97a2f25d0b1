//! Processor time and memory of processes and all their descendants.

use std::time::Duration;

use procfs::process::Process;

/// Measures some processes, with all their descendants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter {
    roots: Vec<i32>,
}

impl Meter {
    /// For the processes with these ids.
    pub(crate) fn new(ids: impl IntoIterator<Item = u32>) -> Self {
        Self { roots: ids.into_iter().filter_map(|id| i32::try_from(id).ok()).collect() }
    }

    /// Processor time used so far, with that of descendants that ended and were waited for.
    pub(crate) fn cpu(&self) -> Duration {
        let ticks: u64 = self
            .family()
            .iter()
            .filter_map(|process| process.stat().ok())
            .map(|stat| {
                let of_the_ended =
                    stat.cutime.max(0).unsigned_abs() + stat.cstime.max(0).unsigned_abs();
                stat.utime + stat.stime + of_the_ended
            })
            .sum();
        Duration::from_secs(ticks) / u32::try_from(procfs::ticks_per_second()).unwrap_or(100)
    }

    /// Memory that is resident, in MiB. Pages shared by several processes count for each.
    pub(crate) fn rss_mib(&self) -> f64 {
        let family = self.family();
        let statuses = family.iter().filter_map(|process| process.status().ok());
        let kib: u64 = statuses.filter_map(|status| status.vmrss).sum();
        as_f64(kib) / 1024.0
    }

    /// The processes and their descendants, as far as they still run.
    fn family(&self) -> Vec<Process> {
        let mut family = Vec::new();
        let mut ids = self.roots.clone();
        while let Some(id) = ids.pop() {
            let Ok(process) = Process::new(id) else { continue };
            let tasks = process.tasks().into_iter().flatten().flatten();
            let children = tasks.filter_map(|task| task.children().ok()).flatten();
            ids.extend(children.filter_map(|child| i32::try_from(child).ok()));
            family.push(process);
        }
        family
    }
}

/// Counts are far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(crate) fn as_f64(count: u64) -> f64 {
    count as f64
}
