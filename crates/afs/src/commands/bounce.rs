//! `afs bounce`: what comes back of mails, handed over by a mail server.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, ensure};
use bounce::mail::MAX_LEN;
use clap::{Args, Subcommand};
use config::Config;
use store::StoreError;
use worker::bounce::{Taken, take};

use super::{say, say_error};
use crate::{
    keys::Keys,
    lifecycle,
    services::{Source, load_config, open_store, system_clock},
};

/// As mail servers read them of programs that they hand mail to (`sysexits.h`).
const DATA_ERROR: u8 = 65;
const TRY_AGAIN: u8 = 75;

#[derive(Subcommand)]
pub(crate) enum BounceCommand {
    /// Read mail that came back, and stop mail to whoever it tells of
    ///
    /// Reads one mail from standard input, as mail servers hand it over, or files. Ends with 0 if it was
    /// read, also if it says nothing that counts; with 65 if it cannot be used, as when nothing proves
    /// that it belongs to a mail of ours; with 75 if it should be given again later.
    Ingest(Ingest),
}

#[derive(Args)]
pub(crate) struct Ingest {
    /// Files with one mail each, as in a Maildir; without them, standard input
    files: Vec<PathBuf>,
}

pub(crate) fn run(command: &BounceCommand, source: &Source) -> ExitCode {
    let BounceCommand::Ingest(args) = command;
    let ended = load_config(source)
        .map_err(anyhow::Error::from)
        .and_then(|config| lifecycle::runtime()?.block_on(ingest(args, &config)));
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DATA_ERROR),
        // Whatever it is, a person can mend it, and the mail is worth keeping until then.
        Err(error) => {
            say_error(&error);
            ExitCode::from(TRY_AGAIN)
        }
    }
}

/// `false` if something could not be used.
async fn ingest(args: &Ingest, config: &Config) -> anyhow::Result<bool> {
    // Without a record there are no mails of ours, and keys are not to be made for them.
    ensure!(config.database.sqlite_file().is_none_or(Path::exists), StoreError::Missing);
    let keys = Keys::load(config)?;
    // Must not change the schema under a running daemon.
    let store = open_store(config, keys.address_key, false).await?;
    let clock = system_clock();
    let mut all_used = true;
    for mail in mails(args) {
        let taken = take(&store, &keys.tokens, &mail?, clock()).await?;
        all_used &= !matches!(taken, Taken::Refused(_));
        say(told(&taken));
    }
    store.close().await;
    Ok(all_used)
}

/// The mails, one after the other, each a byte longer than they may be at the most.
fn mails(args: &Ingest) -> Box<dyn Iterator<Item = anyhow::Result<Vec<u8>>> + '_> {
    fn whole(from: impl Read) -> io::Result<Vec<u8>> {
        let mut mail = Vec::new();
        from.take(MAX_LEN as u64 + 1).read_to_end(&mut mail)?;
        Ok(mail)
    }
    if args.files.is_empty() {
        let mail = whole(io::stdin().lock()).context("standard input");
        return Box::new(std::iter::once(mail));
    }
    Box::new(args.files.iter().map(|file| Ok(whole(fs_err::File::open(file)?)?)))
}

fn told(taken: &Taken) -> String {
    match taken {
        Taken::Applied(applied) if !applied.is_new => "this is on record already".to_owned(),
        Taken::Applied(applied) => match applied.stopped {
            Some(reason) => format!("recorded; no more mail goes there ({})", reason.as_str()),
            None => "recorded; it changes nothing yet".to_owned(),
        },
        Taken::Ignored(why) => format!("nothing that counts ({})", why.as_str()),
        Taken::Unknown => "it is about a mail that is not on record".to_owned(),
        Taken::Refused(error) => format!("not used: {error}"),
    }
}
