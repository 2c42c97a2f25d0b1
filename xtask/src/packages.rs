//! What tests need beside Rust: programs and libraries from Debian.

use std::path::Path;

use anyhow::{Context as _, bail};

use crate::shell::{self, exists, output, say};

/// A Debian package, and how to see that what we need of it is there.
pub(crate) struct Package {
    name: &'static str,
    is_there: fn() -> bool,
}

/// Redis.
pub(crate) const REDIS: Package =
    Package { name: "redis-server", is_there: || exists("redis-server") };

/// Postgres. Debian keeps its programs out of the path.
pub(crate) const POSTGRES: Package = Package {
    name: "postgresql",
    is_there: || exists("initdb") || is_below("/usr/lib/postgresql", "bin/initdb"),
};

/// A mail server that is not ours.
pub(crate) const AIOSMTPD: Package = Package {
    name: "python3-aiosmtpd",
    is_there: || output("/usr/bin/python3", &["-c", "import aiosmtpd"]).is_ok(),
};

/// A mailbox as mail servers have it.
pub(crate) const DOVECOT: Package =
    Package { name: "dovecot-imapd", is_there: || Path::new("/usr/lib/dovecot/imap").exists() };

/// A mail server that delivers into mailboxes. Each test starts one of its own. Where there is another
/// mail server already, apt would remove that: then the test is left out, and says so.
pub(crate) const POSTFIX: Package = Package {
    name: "postfix",
    is_there: || ["postconf", "sendmail"].iter().any(|name| in_sbin(name)),
};

/// What Postfix keeps names and passwords in.
pub(crate) const SASL: Package = Package { name: "sasl2-bin", is_there: || in_sbin("saslpasswd2") };

/// How names and passwords are said to Postfix.
pub(crate) const SASL_MODULES: Package =
    Package { name: "libsasl2-modules", is_there: || is_below("/usr/lib", "sasl2/libplain.so") };

/// Signatures of mails, checked by `dkimpy`.
pub(crate) const DKIM: Package = Package {
    name: "python3-dkim",
    is_there: || output("/usr/bin/python3", &["-c", "import dkim, nacl"]).is_ok(),
};

/// Signatures that are not ours.
pub(crate) const OPENSSL: Package = Package { name: "openssl", is_there: || exists("openssl") };

/// Clocks that can be set, for one process.
pub(crate) const LIBFAKETIME: Package =
    Package { name: "libfaketime", is_there: || is_below("/usr/lib", "faketime/libfaketime.so.1") };

/// What a package would ask, answered beforehand. Postfix without a configuration starts nothing, and
/// takes no mail of this machine.
const ANSWERS: &str = "postfix postfix/main_mailer_type select No configuration";

/// Installs those that are missing.
pub(crate) fn install(packages: &[Package]) -> anyhow::Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|package| !(package.is_there)())
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("The tests need {}: installing.", missing.join(", ")));
    if !exists("apt-get") {
        bail!(
            "this is not Debian: install {} with your system's package manager",
            missing.join(", ")
        );
    }
    let root = output("id", &["-u"])?.trim() == "0";
    let as_root = |line: &[&str]| {
        if root { shell::run(line[0], &line[1..]) } else { shell::run("sudo", line) }
    };
    let apt = |arguments: &[&str]| {
        as_root(&[&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"], arguments].concat())
    };
    as_root(&["sh", "-c", "echo \"$0\" | debconf-set-selections", ANSWERS])?;
    apt(&["update", "-q"]).context("apt-get has no package lists")?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(missing);
    apt(&install)
}

/// `true` for a program that only root has in its path.
fn in_sbin(program: &str) -> bool {
    Path::new("/usr/sbin").join(program).exists()
}

/// `true` if a directory in `root` (a version, a kind of machine) has this file.
fn is_below(root: &str, file: &str) -> bool {
    let directories = Path::new(root).read_dir().into_iter().flatten().flatten();
    directories.into_iter().any(|directory| directory.path().join(file).exists())
}
