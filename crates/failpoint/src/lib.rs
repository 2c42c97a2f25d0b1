//! Places where a test can end or stop the process, and known bugs it can switch on.
//!
//! What a crash must not break is shown by crashing there: `hit("store_after_commit")` marks a
//! place, and a fault test kills the process at it. Whether such tests would notice a bug is shown
//! by known bugs: `bug("no_fence")` asks whether one is switched on. Without the feature `armed`
//! neither does anything, and the compiler removes both.
//!
//! | variable | meaning |
//! |---|---|
//! | `AFS_FAILPOINTS` | `name=chance,…`: end the process there, with this chance (0 to 1) each time |
//! | `AFS_STOPPOINTS` | the same, but stop the process, once: it goes on when a test continues it |
//! | `AFS_FAILPOINT_SEED` | draws the chances; a whole number |
//! | `AFS_FAILPOINT_LEDGER` | a file that gets a line `name pid` before the process ends or stops |
//! | `AFS_BUG` | the one bug to switch on |

/// `true` if tests can end this program, stop it and switch bugs on.
pub const ARMED: bool = cfg!(feature = "armed");

/// Ends the process here, as `kill -9` would, or stops it, if a test asked for it.
#[cfg(not(feature = "armed"))]
#[inline]
pub fn hit(_name: &'static str) {}

/// `true` if a test switched this bug on.
#[cfg(not(feature = "armed"))]
#[inline]
#[must_use]
pub fn bug(_name: &'static str) -> bool {
    false
}

#[cfg(feature = "armed")]
pub use armed::{bug, hit};

#[cfg(feature = "armed")]
#[expect(clippy::disallowed_methods, reason = "armed by the environment of a test, not configured")]
mod armed {
    use std::{
        collections::HashMap,
        env,
        fs::OpenOptions,
        io::Write as _,
        process,
        sync::{
            LazyLock,
            atomic::{AtomicBool, AtomicU64, Ordering},
        },
    };

    type Chances = HashMap<String, f64>;

    static FAILPOINTS: LazyLock<Chances> = LazyLock::new(|| chances("AFS_FAILPOINTS"));

    static STOPPOINTS: LazyLock<Chances> = LazyLock::new(|| chances("AFS_STOPPOINTS"));

    static SEED: LazyLock<u64> = LazyLock::new(|| {
        env::var("AFS_FAILPOINT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
    });

    static BUG: LazyLock<String> = LazyLock::new(|| env::var("AFS_BUG").unwrap_or_default());

    static DRAWS: AtomicU64 = AtomicU64::new(0);

    static STOPPED: AtomicBool = AtomicBool::new(false);

    /// Ends the process here, as `kill -9` would, or stops it, if a test asked for it.
    pub fn hit(name: &'static str) {
        if is_drawn(&FAILPOINTS, name) {
            note(name);
            process::abort();
        }
        if is_drawn(&STOPPOINTS, name) && !STOPPED.swap(true, Ordering::Relaxed) {
            note(name);
            let id = process::id().to_string();
            // It stops while it waits for this.
            let _stopped = process::Command::new("kill").args(["-s", "STOP", &id]).status();
        }
    }

    fn chances(variable: &str) -> Chances {
        let armed = env::var(variable).unwrap_or_default();
        armed
            .split(',')
            .filter_map(|entry| {
                let (name, chance) = entry.split_once('=')?;
                Some((name.trim().to_owned(), chance.trim().parse().ok()?))
            })
            .collect()
    }

    fn is_drawn(chances: &Chances, name: &str) -> bool {
        chances.get(name).is_some_and(|chance| draw() < *chance)
    }

    fn note(name: &str) {
        if let Ok(ledger) = env::var("AFS_FAILPOINT_LEDGER") {
            let file = OpenOptions::new().create(true).append(true).open(ledger);
            let line = format!("{name} {}\n", process::id());
            // Without its line the kill counts as one at a random time.
            let _written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        }
    }

    /// `true` if a test switched this bug on.
    #[must_use]
    pub fn bug(name: &'static str) -> bool {
        *BUG == name
    }

    /// The next number from 0 to 1, by the generator `SplitMix64`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn draw() -> f64 {
        let n = DRAWS.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let mut z = (*SEED).wrapping_add(n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}
