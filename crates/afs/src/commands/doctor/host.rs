//! This machine: its clock, its disks, and who can read its secrets.

use std::{
    collections::BTreeSet,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use config::{Config, MailTransport};
use jiff::SignedDuration;

use super::finding::{Finding, Section, size};

/// So little room is used up by a busy day.
const ROOM_LOW: u64 = 1 << 30;
/// So little room is used up while somebody looks for more.
const ROOM_GONE: u64 = 256 << 20;

/// Clocks that differ by more are not kept right.
const CLOCK_OFF: SignedDuration = SignedDuration::from_secs(5);
/// Clocks that differ by more do harm.
const CLOCK_WRONG: SignedDuration = SignedDuration::from_secs(60);

/// What was seen of this machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Host {
    pub(super) disks: Vec<Disk>,
    pub(super) files: Vec<File>,
    pub(super) clocks: Vec<Clock>,
}

/// Room for what grows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    /// What is kept there.
    pub(super) what: &'static str,
    pub(super) dir: PathBuf,
    /// In bytes, for who is not root.
    pub(super) free: u64,
    pub(super) total: u64,
}

/// A file that is nobody else's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Who may do what with it, as `chmod` says it; nothing for others who cannot get to it.
    pub(super) mode: u32,
}

/// Another clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// Whose.
    pub(super) of: &'static str,
    /// How far ours is ahead of it, not counting what the question took.
    pub(super) ahead: SignedDuration,
}

impl Host {
    /// Looks at disks and files. Clocks are other people's.
    pub(super) fn look(config: &Config) -> Self {
        Self { disks: disks(config), files: files(config), clocks: Vec::new() }
    }
}

fn disks(config: &Config) -> Vec<Disk> {
    let record = config.database.sqlite_file().map(|file| ("the record", dir_of(file)));
    let outbox = (config.mail.transport == MailTransport::File)
        .then_some(("the outbox", config.mail.outbox_dir.as_path()));
    let mut seen = BTreeSet::new();
    let places = record.into_iter().chain(outbox);
    let disk = |(what, dir): (&'static str, &Path)| {
        // What is not there yet will be made there.
        let there = dir.ancestors().map(or_here).find(|dir| dir.exists())?;
        let device = fs_err::metadata(there).ok()?.dev();
        let room = rustix::fs::statvfs(there).ok()?;
        seen.insert(device).then(|| Disk {
            what,
            dir: dir.to_owned(),
            free: room.f_bavail.saturating_mul(room.f_frsize),
            total: room.f_blocks.saturating_mul(room.f_frsize),
        })
    };
    places.filter_map(disk).collect()
}

fn files(config: &Config) -> Vec<File> {
    let keys = config.shops.values().filter_map(|shop| shop.sender.dkim.as_ref());
    let keys = keys.flat_map(|dkim| Some(&dkim.key_file).into_iter().chain(&dkim.ed25519_key_file));
    let record = config.database.sqlite_file().into_iter().flat_map(|file| {
        [file.to_owned(), file.with_file_name("link.key"), file.with_file_name("address.key")]
    });
    let all: BTreeSet<PathBuf> =
        config.secret_files.iter().chain(keys).cloned().chain(record).collect();
    let file = |path: PathBuf| {
        // What is not there is told elsewhere, where it is needed.
        let mode = mode_of(&path)?;
        let real = fs_err::canonicalize(&path).ok()?;
        let mut dirs = real.ancestors().skip(1);
        let is_closed = dirs.any(|dir| mode_of(dir).is_some_and(|mode| mode & 0o001 == 0));
        Some(File { path, mode: if is_closed { mode & 0o770 } else { mode } })
    };
    all.into_iter().filter_map(file).collect()
}

fn mode_of(path: &Path) -> Option<u32> {
    Some(fs_err::metadata(path).ok()?.permissions().mode() & 0o777)
}

fn dir_of(file: &Path) -> &Path {
    or_here(file.parent().unwrap_or(Path::new("")))
}

fn or_here(dir: &Path) -> &Path {
    if dir.as_os_str().is_empty() { Path::new(".") } else { dir }
}

pub(super) fn judge(host: &Host) -> Section {
    let mut findings = vec![clock(&host.clocks)];
    findings.extend(host.disks.iter().map(disk));
    findings.extend(secrets(&host.files));
    Section::new("This machine", findings)
}

fn clock(clocks: &[Clock]) -> Finding {
    const CHECK: &str = "clock";
    let remedy = "Keep the clocks of all machines right with NTP, on Debian with:";
    let command = "apt install systemd-timesyncd && timedatectl set-ntp true";
    let Some(worst) = clocks.iter().max_by_key(|clock| clock.ahead.abs()) else {
        return Finding::note(CHECK, "there is no other clock to compare with")
            .remedy("This must say that the system clock is synchronized:")
            .add("timedatectl");
    };
    let off = worst.ahead.abs();
    if off <= CLOCK_OFF {
        let others: Vec<_> = clocks.iter().map(|clock| clock.of).collect();
        return Finding::ok(CHECK, format!("agrees with {}", others.join(" and ")));
    }
    let way = if worst.ahead.is_positive() { "ahead of" } else { "behind" };
    let seen = format!("it is {} {way} that of {}", off_by(off), worst.of);
    if off > CLOCK_WRONG {
        Finding::fault(CHECK, seen).means(
            "Webhooks that are signed with a time are refused when it is five minutes off, mails leave at \
             the wrong time, and workers on different machines take each other for dead.",
        )
    } else {
        Finding::warning(CHECK, seen).means("One of the two is not kept right, and will drift on.")
    }
    .remedy(remedy)
    .add(command)
}

fn off_by(off: SignedDuration) -> String {
    let seconds = off.as_secs();
    if seconds < 120 { format!("{seconds} seconds") } else { format!("{} minutes", seconds / 60) }
}

fn disk(disk: &Disk) -> Finding {
    const CHECK: &str = "disk";
    let Disk { what, dir, free, total } = disk;
    let seen = format!("{} of {} free for {what} in {}", size(*free), size(*total), dir.display());
    let finding = match *free {
        free if free < ROOM_GONE => Finding::fault(CHECK, seen)
            .means("When it is full, orders are answered with 503, and no mail leaves."),
        free if free < ROOM_LOW => {
            Finding::warning(CHECK, seen).means("When it is full, orders are answered with 503.")
        }
        _ => return Finding::ok(CHECK, seen),
    };
    finding.remedy("Free some space there, or move it to a larger disk.")
}

fn secrets(files: &[File]) -> Vec<Finding> {
    const CHECK: &str = "secrets";
    let open: Vec<_> = files.iter().filter(|file| file.mode & 0o007 != 0).collect();
    if open.is_empty() {
        return match files.len() {
            0 => Vec::new(),
            _ => vec![Finding::ok(CHECK, "files with secrets are closed to others")],
        };
    }
    let names: Vec<_> = open.iter().map(|file| file.path.display().to_string()).collect();
    let is_writable = open.iter().any(|file| file.mode & 0o002 != 0);
    let may = if is_writable { "read, and partly change" } else { "read" };
    vec![
        Finding::fault(CHECK, format!("everybody on this machine can {may}: {}", names.join(", ")))
            .means("They hold secrets, or what buyers bought.")
            .remedy("Close them to all but AFS:")
            .add(format!("chmod o= {}", names.join(" "))),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;

    use super::*;

    #[test]
    fn a_file_is_open_if_others_can_get_to_it() {
        let dir = tempfile::Builder::new().permissions(Permissions::from_mode(0o755)).tempdir();
        let dir = dir.unwrap();
        // Others come as far as here on most machines only.
        let is_reachable = dir.path().ancestors().all(|dir| mode_of(dir).unwrap() & 0o001 != 0);
        let file = dir.path().join("secret");
        fs_err::write(&file, "").unwrap();
        fs_err::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        let mut config = Config::from_toml("", &[]).unwrap();
        config.secret_files = [file].into();
        let seen = |config| files(config).pop().unwrap().mode;
        assert_eq!(seen(&config), if is_reachable { 0o644 } else { 0o640 });
        fs_err::set_permissions(dir.path(), Permissions::from_mode(0o750)).unwrap();
        assert_eq!(seen(&config), 0o640);
    }

    #[test]
    fn room_is_looked_at_where_things_will_be_made() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("[database]\nurl = 'sqlite:{}/a/b/afs.db'", dir.path().display());
        let found = disks(&Config::from_toml(&url, &[]).unwrap());
        assert_eq!(found[0].dir, dir.path().join("a/b"));
        assert!(found[0].free > 0 && found[0].free <= found[0].total);
    }
}
