//! `afs adapter`: which shop platforms there are.

use clap::Subcommand;

use super::say;

#[derive(Subcommand)]
pub(crate) enum AdapterCommand {
    /// Print the platforms a shop can have, with the pages that document their webhooks
    List,
}

pub(crate) fn run(command: &AdapterCommand) {
    match command {
        AdapterCommand::List => {
            for meta in adapters::platforms() {
                say(format_args!("{:18} {:18} {}", meta.id, meta.title, meta.docs_url));
            }
        }
    }
}
