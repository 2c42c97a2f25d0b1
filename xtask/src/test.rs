//! Every test, with everything it needs.

use crate::{
    packages::{
        self, AIOSMTPD, DKIM, DOVECOT, OPENSSL, POSTFIX, POSTGRES, REDIS, SASL, SASL_MODULES,
    },
    shell,
};

/// Installs what is missing, builds the programs and runs every test against them.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    packages::install(&[
        REDIS,
        POSTGRES,
        AIOSMTPD,
        DOVECOT,
        POSTFIX,
        SASL,
        SASL_MODULES,
        DKIM,
        OPENSSL,
    ])?;
    shell::run("cargo", &["build", "--package", "afs", "--bins"])?;
    // One run tells all that fails.
    let mut test = vec!["test", "--workspace", "--no-fail-fast"];
    test.extend(arguments.iter().map(String::as_str));
    let environment = [
        // A snapshot that differs is a failure, never a file to review later.
        ("INSTA_UPDATE", "no"),
        // Tests with real servers wait most of the time.
        ("RUST_TEST_THREADS", "4"),
    ];
    shell::run_with("cargo", &test, &environment)
}
