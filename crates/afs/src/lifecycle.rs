//! Start, reload and stop.

use std::{future::Future, net::SocketAddr, process, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::Router;
use config::Config;
use mail::Transport;
use receiver::serve::Limits;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use worker::Signers;

use crate::{
    dkim,
    logs::LogLevel,
    operator,
    services::{Services, Source, load_config, load_templates, open_transport, sender_gaps},
};

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Takes webhooks and serves pages.
    Receiver,
    /// Sends and verifies.
    Worker,
    /// Both.
    Both,
}

/// Runs a daemon until a signal stops it.
pub(crate) fn run(source: &Source, role: Role) -> anyhow::Result<()> {
    let config = load_config(source)?;
    let logs = LogLevel::install(&config)?;
    allow_descriptors(&config);
    runtime()?.block_on(async {
        let services = Services::open(config).await?;
        // Before anybody can see that we are there: whoever then asks for a reload must not end us.
        let signals = Signals::listen()?;
        let daemon = Daemon::start(services, role).await?;
        daemon.until_signalled(signals, source, &logs).await
    })
}

/// Descriptors for everything but connections to our listeners: the record, the timer, mail.
const OTHER_DESCRIPTORS: usize = 128;

/// Asks for as many descriptors as there may be connections: a login shell grants 1,024, and without
/// one nothing can be accepted, and no order can be recorded.
fn allow_descriptors(config: &Config) {
    let server = &config.server;
    let listeners = server.listen.len() + server.operator_listen.len();
    let wanted = server.max_connections.saturating_mul(listeners) + OTHER_DESCRIPTORS;
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    match rlimit::increase_nofile_limit(wanted) {
        Ok(granted) if granted < wanted => tracing::warn!(
            granted,
            wanted,
            "too few descriptors for server.max_connections; raise the limit (LimitNOFILE)"
        ),
        Ok(_) => {}
        Err(error) => tracing::warn!(%error, "the limit of descriptors is not known"),
    }
}

/// The signals that a daemon heeds. None of them ends the process by itself once this exists.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Heeds them from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("no signal handler");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for the first of any kind.
    pub(crate) async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

/// A runtime for one of the programs.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no runtime")
}

/// A running daemon.
pub(crate) struct Daemon {
    services: Services,
    transport: Option<Transport>,
    shutdown: CancellationToken,
    tasks: JoinSet<&'static str>,
    /// Where webhooks and pages are served; with port 0 configured, the port that was free.
    pub(crate) public: Vec<SocketAddr>,
}

impl Daemon {
    /// Starts what `role` asks for.
    pub(crate) async fn start(services: Services, role: Role) -> anyhow::Result<Self> {
        let config = services.config.load_full();
        let shutdown = CancellationToken::new();
        let mut daemon =
            Self { services, transport: None, shutdown, tasks: JoinSet::new(), public: Vec::new() };
        if role != Role::Worker {
            let router = receiver::router(daemon.services.receiver());
            daemon.public = daemon.listen("server.listen", &config.server.listen, &router).await?;
        }
        let operator = operator::router(daemon.services.clone())?;
        daemon.listen("server.operator_listen", &config.server.operator_listen, &operator).await?;
        if role != Role::Receiver {
            let transport = open_transport(&config)?;
            daemon.transport = Some(transport.clone());
            daemon.services.signers.store(Arc::new(dkim::load(&config)?));
            for gap in sender_gaps(&config) {
                tracing::warn!("{gap}");
            }
            let worker = daemon.services.worker(transport);
            daemon.spawn("worker", worker.run(daemon.shutdown.clone()));
        }
        tracing::info!(
            ?role, public = ?daemon.public, shops = config.shops.len(),
            version = env!("CARGO_PKG_VERSION"), "started"
        );
        if failpoint::ARMED {
            tracing::warn!("armed for fault tests: not for production");
        }
        notify(&[sd_notify::NotifyState::Ready]);
        Ok(daemon)
    }

    async fn listen(
        &mut self,
        key: &str,
        addresses: &[SocketAddr],
        router: &Router,
    ) -> anyhow::Result<Vec<SocketAddr>> {
        let server = &self.services.config.load().server;
        let limits = Limits {
            connections: server.max_connections,
            patience: Duration::from_secs(server.request_timeout_secs),
        };
        let mut bound = Vec::new();
        for address in addresses {
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("{key}: {address} is not free for us"))?;
            bound.push(listener.local_addr()?);
            let shutdown = self.shutdown.clone();
            let serve = receiver::serve::serve(listener, router.clone(), limits, shutdown);
            self.spawn("listener", serve);
        }
        Ok(bound)
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async move {
            task.await;
            name
        });
    }

    /// Runs until SIGTERM or SIGINT; reloads on SIGHUP.
    async fn until_signalled(
        mut self,
        mut signals: Signals,
        source: &Source,
        logs: &LogLevel,
    ) -> anyhow::Result<()> {
        loop {
            tokio::select! {
                _ = signals.terminate.recv() => break,
                _ = signals.interrupt.recv() => break,
                _ = signals.hangup.recv() => self.reload(source, logs),
                Some(ended) = self.tasks.join_next() => {
                    let task = ended.unwrap_or("a task that panicked");
                    anyhow::bail!("{task} ended by itself; the process stops so that it is started anew");
                }
            }
        }
        self.stop(signals).await;
        Ok(())
    }

    /// Takes a new configuration into use, if it is sound.
    fn reload(&self, source: &Source, logs: &LogLevel) {
        notify(&[sd_notify::NotifyState::Reloading]);
        match self.try_reload(source, logs) {
            Ok(changes) if changes.is_empty() => {
                tracing::info!("configuration reloaded: no change");
            }
            Ok(changes) => {
                for config::Change { path, needs_restart } in changes {
                    let effect = if needs_restart { "after a restart" } else { "now" };
                    tracing::info!(key = path, effect, "configuration reloaded");
                }
            }
            Err(error) => {
                tracing::error!("the new configuration is refused, the old one stays: {error:#}");
            }
        }
        notify(&[sd_notify::NotifyState::Ready]);
    }

    fn try_reload(&self, source: &Source, logs: &LogLevel) -> anyhow::Result<Vec<config::Change>> {
        let new = load_config(source)?;
        crate::services::check_shops(&new)?;
        let templates = load_templates(&new)?;
        let signers = if self.transport.is_some() { dkim::load(&new)? } else { Signers::new() };
        logs.set(&new)?;
        let old = self.services.config.load_full();
        let changes = config::changes(&old, &new);
        self.services.templates.store(Arc::new(templates));
        self.services.signers.store(Arc::new(signers));
        self.services.config.store(Arc::new(new));
        Ok(changes)
    }

    /// Takes no new work, lets running work finish for as long as the configuration allows, and
    /// hands the rest back. A second signal ends it at once.
    async fn stop(mut self, mut again: Signals) {
        notify(&[sd_notify::NotifyState::Stopping]);
        let patience =
            Duration::from_secs(self.services.config.load().server.shutdown_timeout_secs);
        tracing::info!(?patience, "stopping");
        self.shutdown.cancel();
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        tokio::select! {
            () = finished => tracing::info!("every task has finished"),
            () = tokio::time::sleep(patience) => {
                tracing::warn!("not everything finished in time; what was under way comes back after its lease");
            }
            _ = again.terminate.recv() => tracing::warn!("stopped at once"),
            _ = again.interrupt.recv() => tracing::warn!("stopped at once"),
        }
        self.close().await;
    }

    /// Stops without waiting for a signal.
    pub(crate) async fn shut_down(mut self) {
        self.shutdown.cancel();
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        let _in_time = tokio::time::timeout(Duration::from_secs(5), finished).await;
        self.close().await;
    }

    async fn close(mut self) {
        self.tasks.abort_all();
        let closing = async {
            if let Some(transport) = &self.transport {
                transport.close().await;
            }
            self.services.store.close().await;
        };
        let _in_time = tokio::time::timeout(Duration::from_secs(5), closing).await;
        tracing::info!(pid = process::id(), "stopped");
    }
}

/// Tells systemd, if it started us.
fn notify(states: &[sd_notify::NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "systemd could not be told");
    }
}
