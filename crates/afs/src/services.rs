//! Every constructor, once.

use std::{num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use adapter_api::Adapter;
use anyhow::Context as _;
use arc_swap::ArcSwap;
use config::{
    Config, Experiment, MailTransport, Problems, QueueBackend, ShopSettings, Sources, Tls,
};
use fetch::Fetcher;
use jiff::Timestamp;
use mail::{Credentials, Files, Limits, Smtp, SmtpSettings, Timeouts, Transport};
use queue::{Clock, Queue, RedisSettings};
use receiver::Receiver;
use secrecy::ExposeSecret as _;
use store::{Store, StoreSettings};
use templates::Templates;
use worker::{DueInRecord, Signers, Worker};

use crate::keys::Keys;

/// Where the configuration comes from; read again at each reload.
#[derive(Clone, Default)]
pub(crate) struct Source {
    pub(crate) file: Option<PathBuf>,
    pub(crate) environment: Vec<(String, String)>,
}

/// The configuration, checked against the adapters there are.
pub(crate) fn load_config(source: &Source) -> Result<Config, Problems> {
    Config::load(&Sources {
        file: source.file.clone(),
        env: source.environment.clone(),
        platforms: &platforms(),
    })
}

/// The ids of the platforms that a shop can have.
pub(crate) fn platforms() -> Vec<&'static str> {
    adapters::platforms().map(|platform| platform.id).collect()
}

/// What receiver and worker share.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) templates: Arc<ArcSwap<Templates>>,
    pub(crate) store: Store,
    pub(crate) queue: Queue,
    pub(crate) clock: Clock,
    /// Of the shops' mails; nothing where none are sent.
    pub(crate) signers: Arc<ArcSwap<Signers>>,
    fetcher: Fetcher,
    keys: Arc<Keys>,
}

impl Services {
    /// Opens the record and the timer, and loads the templates.
    pub(crate) async fn open(config: Config) -> anyhow::Result<Self> {
        check_shops(&config)?;
        let templates = load_templates(&config)?;
        let keys = Keys::load(&config)?;
        let store = open_store(&config, keys.address_key.clone(), true).await?;
        for shop in config.shops.values() {
            store.save_shop(&shop.id, &shop.platform, &shop.name).await?;
        }
        let clock = system_clock();
        let queue = open_queue(&config, &store, clock.clone())?;
        Ok(Self {
            config: Arc::new(ArcSwap::from_pointee(config)),
            templates: Arc::new(ArcSwap::from_pointee(templates)),
            store,
            queue,
            clock,
            signers: Arc::default(),
            fetcher: Fetcher::new().context("no way to ask platforms")?,
            keys: Arc::new(keys),
        })
    }

    pub(crate) fn receiver(&self) -> Arc<Receiver> {
        Arc::new(Receiver {
            store: self.store.clone(),
            queue: self.queue.clone(),
            config: self.config.clone(),
            templates: self.templates.clone(),
            keys: self.keys.tokens.clone(),
            clock: self.clock.clone(),
            guard: receiver::Guard::default(),
            fetcher: self.fetcher.clone(),
            certificates: receiver::Certificates::default(),
        })
    }

    pub(crate) fn worker(&self, transport: Transport) -> Arc<Worker> {
        Arc::new(Worker {
            store: self.store.clone(),
            queue: self.queue.clone(),
            transport,
            fetcher: self.fetcher.clone(),
            config: self.config.clone(),
            templates: self.templates.clone(),
            signers: self.signers.clone(),
            keys: self.keys.tokens.clone(),
            clock: self.clock.clone(),
            decided: worker::experiment::Decisions::default(),
            paused: worker::pause::Pauses::default(),
            lanes: worker::lanes::Lanes::default(),
        })
    }
}

/// The one place that asks the system for the time.
#[expect(clippy::disallowed_methods, reason = "the clock that everybody else is given")]
pub(crate) fn system_clock() -> Clock {
    Arc::new(Timestamp::now)
}

/// Says which shops have secrets that their platform's scheme cannot use, and which cannot be asked
/// about orders although they must be; also which mail provider has such a key.
pub(crate) fn check_shops(config: &Config) -> anyhow::Result<()> {
    for shop in config.shops.values() {
        let Some(adapter) = adapters::of(shop) else { continue };
        for secret in &shop.secrets {
            adapter
                .scheme()
                .check_secret(secret.expose_secret())
                .with_context(|| format!("shops.{}.secrets", shop.id))?;
        }
        check_access(shop, &*adapter)?;
    }
    let unusable = receiver::unusable_provider(&config.mail.bounces);
    anyhow::ensure!(
        unusable.is_none(),
        "mail.bounces.{}: nothing can be proved with that key; copy it anew",
        unusable.unwrap_or_default()
    );
    Ok(())
}

fn check_access(shop: &ShopSettings, adapter: &dyn Adapter) -> anyhow::Result<()> {
    let (id, title) = (&shop.id, adapter.meta().title);
    let can_ask = shop.api.token.is_some();
    anyhow::ensure!(
        can_ask || adapter.scheme().vouches_for_body(),
        "shops.{id}.api.token is missing: webhooks of {title} prove too little to be believed, so that \
         AFS has to ask for each order; see docs/adapters/{}.md",
        adapter.meta().id
    );
    let has_address =
        shop.api.url.is_some() || adapter.source().is_none_or(|it| it.url().is_some());
    anyhow::ensure!(
        !can_ask || has_address,
        "shops.{id}.api.url is missing: each shop of {title} has its API at an address of its own"
    );
    Ok(())
}

/// What mails to buyers should have and lack, for each shop, while they really leave.
pub(crate) fn sender_gaps(config: &Config) -> Vec<String> {
    if config.mail.transport != MailTransport::Smtp {
        return Vec::new();
    }
    let gaps = |shop: &ShopSettings| {
        let (id, sender) = (&shop.id, &shop.sender);
        [
            sender.postal_address.is_none().then(|| {
                format!("shops.{id}.sender.postal_address is not set: many countries require it in mails")
            }),
            sender.reply_to.is_none().then(|| {
                format!(
                    "shops.{id}.sender.reply_to is not set: what buyers answer goes to the sender's \
                     address, where somebody should read it"
                )
            }),
        ]
    };
    config.shops.values().flat_map(gaps).flatten().collect()
}

pub(crate) fn load_templates(config: &Config) -> anyhow::Result<Templates> {
    let templates = Templates::load(config.templates.dir.as_deref())?;
    for warning in templates.warnings() {
        tracing::warn!("{warning}");
    }
    check_experiments(config, &templates)?;
    Ok(templates)
}

/// Says which versions of the invitation are to be tried although there are none.
fn check_experiments(config: &Config, templates: &Templates) -> anyhow::Result<()> {
    for shop in config.shops.values() {
        let variants = shop.experiment.iter().flat_map(|experiment| &experiment.variants);
        for variant in variants.filter(|variant| *variant != Experiment::USUAL) {
            let known: Vec<_> = templates.variants().collect();
            anyhow::ensure!(
                known.contains(&variant.as_str()),
                "shops.{}.invitations.experiment: there is no folder mail/invitation.{variant} of \
                 templates; known are `{}`, {}",
                shop.id,
                Experiment::USUAL,
                known.join(", ")
            );
        }
    }
    Ok(())
}

/// Opens the record; with `migrate`, makes it or brings it up to date.
pub(crate) async fn open_store(
    config: &Config,
    address_key: Vec<u8>,
    migrate: bool,
) -> anyhow::Result<Store> {
    let settings = StoreSettings {
        url: config.database.url.expose_secret().to_owned(),
        max_connections: config.database.max_connections,
        address_key,
        migrate,
    };
    let hint = match config.database.sqlite_file() {
        Some(file) => format!("the record {} cannot be opened", file.display()),
        None => "the Postgres database cannot be opened; check database.url".to_owned(),
    };
    Store::open(settings).await.context(hint)
}

pub(crate) fn open_queue(config: &Config, store: &Store, clock: Clock) -> anyhow::Result<Queue> {
    match (config.queue.backend, &config.queue.redis_url) {
        (QueueBackend::Redis, Some(url)) => {
            let settings = RedisSettings {
                url: url.expose_secret().to_owned(),
                namespace: config.queue.namespace.clone(),
            };
            Queue::redis(&settings, clock).context("queue.redis_url")
        }
        _ => Ok(Queue::record(Arc::new(DueInRecord(store.clone())), clock)),
    }
}

/// The way out for mail.
pub(crate) fn open_transport(config: &Config) -> anyhow::Result<Transport> {
    if config.mail.transport == MailTransport::File {
        return Ok(Transport::Files(Files::open(&config.mail.outbox_dir)?));
    }
    let smtp = &config.mail.smtp;
    let seconds = Duration::from_secs;
    let credentials = smtp.username.clone().zip(smtp.password.clone());
    let settings = SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        tls: match smtp.tls {
            Tls::Starttls => mail::Tls::StartTls,
            Tls::Implicit => mail::Tls::Implicit,
            Tls::Plaintext => mail::Tls::None,
        },
        ca_file: smtp.ca_file.clone(),
        credentials: credentials.map(|(username, password)| Credentials { username, password }),
        hello_name: smtp.hello_name.clone().unwrap_or_else(|| public_host(config)),
        timeouts: Timeouts {
            connect: seconds(smtp.connect_timeout_secs),
            command: seconds(smtp.command_timeout_secs),
            final_reply: seconds(smtp.final_timeout_secs),
        },
        limits: Limits {
            connections: NonZeroUsize::new(smtp.max_connections).unwrap_or(NonZeroUsize::MIN),
            ..Limits::default()
        },
    };
    Ok(Transport::Smtp(Smtp::new(settings).context("mail.smtp")?))
}

/// The host of the public address: what a mail server can look up.
fn public_host(config: &Config) -> String {
    let url = &config.server.public_url;
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next());
    let authority = authority.unwrap_or("localhost");
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    match host.parse::<std::net::Ipv4Addr>() {
        // An address literal needs its brackets (RFC 5321, 4.1.3).
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}
