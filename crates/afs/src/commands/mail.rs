//! `afs mail`: look at what buyers read, or send one sample.

mod preview;
mod send_test;

use clap::Subcommand;
use config::Config;

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
}

pub(crate) fn run(command: &MailCommand, config: &Config) -> anyhow::Result<()> {
    match command {
        MailCommand::Preview(args) => preview::preview(args, config),
        MailCommand::SendTest(args) => send_test::send_test(args, config),
    }
}
