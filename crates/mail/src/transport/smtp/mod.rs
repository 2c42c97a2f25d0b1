//! Handing messages to a mail server (RFC 5321).
//!
//! lettre composes our messages, but its connection does not carry them: it takes any reply below
//! 400 for success, its replies cannot be told from stray ones, its deadlines end with the TCP
//! connection, it hands a connection back to the pool when the sending future is dropped half-way,
//! it does not discard what a server said in plain text before TLS, and it knows no PIPELINING.
//! Its reply parser refuses a bare code, which RFC 5321, 4.2 allows. What we need instead is small:
//! lines, three-digit codes, and a strict count of both.
//!
//! The one rule: a connection belongs to the future that sends on it. It goes back to the pool only
//! when every reply has been accounted for; an error, a deadline, a surprise or a dropped future
//! closes it. While others wait for a connection, the text of a message takes the envelope of the
//! next with it, and the connection goes to the one whose replies are due: one round trip for each
//! message instead of two. Whoever is let down by that starts again, for no text was begun.

mod classify;
mod connection;
mod pool;
mod relay;
mod reply;
mod tls;

use std::{fmt, num::NonZeroUsize, path::PathBuf, sync::Arc, time::Duration};

use secrecy::SecretString;
use trust::TrustError;

pub use self::relay::{BadCertificate, Certificate, CheckError, Relay};
#[cfg(feature = "testkit")]
pub use self::reply::first_reply;
pub(super) use self::reply::subject_and_detail;
use self::{
    connection::{Connection, Envelope},
    pool::{Next, Pool, Turn},
};
use super::{Accepted, SendError};
use crate::Outgoing;

/// How to reach a mail server.
#[derive(Clone, Debug)]
pub struct SmtpSettings {
    /// Host name or IP address; with TLS the certificate must be for it.
    pub host: String,
    /// TCP port: as a rule 465 with [`Tls::Implicit`], 587 with [`Tls::StartTls`].
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// PEM file with the only certificates to trust: of an authority, or the server's own if it
    /// does not claim to be an authority (`CA:FALSE`). `None`: Mozilla's list and the host's store.
    pub ca_file: Option<PathBuf>,
    /// To sign in with. Never sent in plain text to another machine.
    pub credentials: Option<Credentials>,
    /// Our own name in `EHLO`: a host name or an address literal.
    pub hello_name: String,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// How many connections, and for how long.
    pub limits: Limits,
}

/// How a connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// `STARTTLS`, required: a server that does not offer it gets no message.
    StartTls,
    /// Plain text.
    None,
}

/// User name and password.
#[derive(Clone)]
pub struct Credentials {
    /// The user name, often an address.
    pub username: String,
    /// The password.
    pub password: SecretString,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// How long to wait for the server.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Name look-up and TCP connection; again for the TLS handshake.
    pub connect: Duration,
    /// One reply, and writing one command or the message.
    pub command: Duration,
    /// The reply to the final dot. RFC 5321, 4.5.3.2.6 asks for ten minutes: giving up early is how
    /// duplicates are made.
    pub final_reply: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_mins(1),
            final_reply: Duration::from_mins(10),
        }
    }
}

/// How many connections are open, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open at the same time, idle ones included. Further messages wait for their turn.
    pub connections: NonZeroUsize,
    /// Messages on one connection.
    pub messages: u32,
    /// Once it is so old a connection is not kept for another message.
    pub age: Duration,
    /// Closed after idling so long, before the server does it.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: NonZeroUsize::MIN.saturating_add(9),
            messages: 100,
            age: Duration::from_mins(5),
            idle: Duration::from_secs(30),
        }
    }
}

/// Why settings cannot work. Found out before the first message.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// With TLS the host must be one that a certificate can name.
    #[error("{0:?} is neither a host name nor an IP address")]
    Host(String),
    /// The name would break the `EHLO` line.
    #[error("{0:?} cannot be said in EHLO")]
    HelloName(String),
    /// Nobody's certificate would be believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

/// Hands messages to a mail server. Clones share their connections.
#[derive(Clone)]
pub struct Smtp(Arc<Inner>);

struct Inner {
    settings: SmtpSettings,
    tls: Option<tls::Client>,
    pool: Arc<Pool>,
}

impl Smtp {
    /// Checks the settings; connects with the first message.
    pub fn new(settings: SmtpSettings) -> Result<Self, SetupError> {
        let name = &settings.hello_name;
        if name.is_empty() || name.len() > 255 || !name.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(SetupError::HelloName(name.clone()));
        }
        let tls = match settings.tls {
            Tls::None => None,
            Tls::Implicit | Tls::StartTls => Some(tls::Client::new(&settings)?),
        };
        let pool = Arc::new(Pool::new(settings.limits));
        Ok(Self(Arc::new(Inner { settings, tls, pool })))
    }

    /// Sends a message on an idle connection or a new one, once there may be one more; or on the
    /// connection of somebody who said our envelope behind a message.
    pub(super) async fn send(&self, outgoing: &Outgoing) -> Result<Accepted, SendError> {
        let pool = &self.0.pool;
        let envelope = Envelope::of(outgoing);
        let turn = outgoing.in_time(pool.turn(&envelope)).await.ok_or_else(SendError::too_late)?;
        let (slot, handed_over) = match turn {
            Turn::Free(slot) => (slot, None),
            Turn::HandedOver(connection, slot) => (slot, Some(connection)),
        };
        let envelope = envelope.said(handed_over.is_some());
        let mut next = None;
        let following = |connection: &Connection, next: &mut Option<Next>| {
            *next = pool.next_on(connection);
            next.as_ref().map(Next::group)
        };
        if let Some(mut connection) = handed_over.or_else(|| pool.take()) {
            let result =
                connection.deliver(outgoing, &envelope, |on| following(on, &mut next)).await;
            if !connection.was_dead() {
                pool.give_back(connection, slot, next);
                return result;
            }
            tracing::debug!("mail server had closed a connection or lost an envelope");
        }
        let envelope = envelope.said(false);
        let mut connection = self.connect().await?;
        let result = connection.deliver(outgoing, &envelope, |on| following(on, &mut next)).await;
        pool.give_back(connection, slot, next);
        result
    }

    /// Connects, signs in and takes leave.
    pub(super) async fn check(&self) -> Result<Relay, CheckError> {
        let _slot = self.0.pool.slot().await;
        // An idle connection makes room, so that the server never sees more than it may.
        drop(self.0.pool.take());
        let (connection, relay) =
            Connection::inspect(&self.0.settings, self.0.tls.as_ref()).await?;
        connection.quit().await;
        Ok(relay)
    }

    /// Takes leave on every idle connection.
    pub(super) async fn close(&self) {
        self.0.pool.close().await;
    }

    async fn connect(&self) -> Result<Connection, SendError> {
        Connection::open(&self.0.settings, self.0.tls.as_ref()).await
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Smtp").field(&self.0.settings).finish()
    }
}
