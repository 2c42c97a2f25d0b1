//! `afs mail`: look at what buyers read, or send one sample.

mod dkim_key;
mod preview;
mod send_test;

use clap::Subcommand;
use config::Config;

pub(crate) use self::dkim_key::{DkimKeyArgs, dkim_key};

#[derive(Subcommand)]
pub(crate) enum MailCommand {
    /// Write each mail and page into a folder, in each language, to be looked at in a browser
    ///
    /// With your templates and texts, if the configuration names some. Nothing is sent.
    Preview(preview::PreviewArgs),
    /// Send one sample mail to an address, through the configured mail server
    ///
    /// It comes from the shop's sender and is written in the shop's language. Its links lead to pages
    /// that say that there is nothing. Nothing is stored.
    SendTest(send_test::SendTestArgs),
    /// Check a key that mails are to be signed with, and print the DNS record to publish
    ///
    /// With --ed25519, a key is made if there is none.
    DkimKey(DkimKeyArgs),
}

pub(crate) fn run(command: &MailCommand, config: &Config) -> anyhow::Result<()> {
    match command {
        MailCommand::Preview(args) => preview::preview(args, config),
        MailCommand::SendTest(args) => send_test::send_test(args, config),
        MailCommand::DkimKey(args) => dkim_key(args),
    }
}
