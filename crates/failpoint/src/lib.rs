//! Places where a test can end the process, and known bugs it can switch on.
//!
//! What a crash must not break is shown by crashing there: `hit("store_after_commit")` marks a
//! place, and a fault test kills the process at it. Whether such tests would notice a bug is shown
//! by known bugs: `bug("no_fence")` asks whether one is switched on. Without the feature `armed`
//! neither does anything, and the compiler removes both.
//!
//! | variable | meaning |
//! |---|---|
//! | `AFS_FAILPOINTS` | `name=chance,…`: end the process there, with this chance (0 to 1) each time |
//! | `AFS_FAILPOINT_SEED` | draws the chances; a whole number |
//! | `AFS_FAILPOINT_LEDGER` | a file that gets a line `name pid` before the process ends |
//! | `AFS_BUG` | the one bug to switch on |

/// Ends the process here, as `kill -9` would, if a test asked for it.
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
            atomic::{AtomicU64, Ordering},
        },
    };

    static CHANCES: LazyLock<HashMap<String, f64>> = LazyLock::new(|| {
        let armed = env::var("AFS_FAILPOINTS").unwrap_or_default();
        armed
            .split(',')
            .filter_map(|entry| {
                let (name, chance) = entry.split_once('=')?;
                Some((name.trim().to_owned(), chance.trim().parse().ok()?))
            })
            .collect()
    });

    static SEED: LazyLock<u64> = LazyLock::new(|| {
        env::var("AFS_FAILPOINT_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0)
    });

    static BUG: LazyLock<String> = LazyLock::new(|| env::var("AFS_BUG").unwrap_or_default());

    static DRAWS: AtomicU64 = AtomicU64::new(0);

    /// Ends the process here, as `kill -9` would, if a test asked for it.
    pub fn hit(name: &'static str) {
        let Some(chance) = CHANCES.get(name) else { return };
        if draw() >= *chance {
            return;
        }
        if let Ok(ledger) = env::var("AFS_FAILPOINT_LEDGER") {
            let file = OpenOptions::new().create(true).append(true).open(ledger);
            let line = format!("{name} {}\n", process::id());
            // Without its line the kill counts as one at a random time.
            let _written = file.and_then(|mut file| file.write_all(line.as_bytes()));
        }
        process::abort();
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
