//! What the daemon tells: structured lines on standard error, without personal data.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use config::{Config, LogFormat};
use tracing_subscriber::{
    EnvFilter, Layer as _, Registry, layer::SubscriberExt as _, reload,
    util::SubscriberInitExt as _,
};

/// Changes how much is told while the daemon runs.
pub(crate) struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    /// Starts telling.
    pub(crate) fn install(config: &Config) -> anyhow::Result<Self> {
        let (filter, handle) = reload::Layer::new(filter(config)?);
        // Colours are for people: in a file or a journal they would cut every word in pieces.
        let lines = tracing_subscriber::fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal());
        let lines = match config.log.format {
            LogFormat::Text => lines.with_target(false).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).boxed(),
        };
        tracing_subscriber::registry().with(filter).with(lines).try_init()?;
        Ok(Self(handle))
    }

    /// Tells as much as `config` says.
    pub(crate) fn set(&self, config: &Config) -> anyhow::Result<()> {
        Ok(self.0.reload(filter(config)?)?)
    }
}

fn filter(config: &Config) -> anyhow::Result<EnvFilter> {
    let level = &config.log.level;
    EnvFilter::try_new(level).with_context(|| format!("log.level {level:?} is not a filter"))
}
