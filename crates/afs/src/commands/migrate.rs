//! `afs migrate`: makes the record's tables, or brings them up to date.

use config::Config;

use super::say;
use crate::{lifecycle, services::open_store};

pub(crate) fn run(config: &Config) -> anyhow::Result<()> {
    lifecycle::runtime()?.block_on(async {
        let store = open_store(config, vec![], true).await?;
        store.close().await;
        say("The record has the schema of this version.");
        Ok(())
    })
}
