//! A mailbox over IMAP (RFC 3501), for mail that comes back.
//!
//! It knows nothing of what the mails mean: it hands them out, and does with each what it is told,
//! later. Nothing in the mailbox changes before that. Every command has an end in time, and every
//! answer in size.

mod tls;

use std::{io, path::PathBuf, time::Duration};

use async_imap::{Client, Session, error::Error, types::Fetch};
use futures::{Stream, TryStreamExt as _};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{net::TcpStream, time::timeout};
use trust::TrustError;

use crate::tls::Socket;

/// How long one command may take with its answer. A mail is 1 MiB at most.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// Mails that are asked for at once.
const LISTED_MAX: usize = 1000;

/// The mailbox, and how to get there.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// How the connection is protected.
    pub tls: Tls,
    /// Certificates to trust instead of the public ones (PEM).
    pub ca_file: Option<PathBuf>,
    /// The name to log in with.
    pub username: String,
    /// The password to log in with.
    pub password: SecretString,
    /// The mailbox, as the server calls it.
    pub mailbox: String,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// `STARTTLS`, or nothing is said.
    StartTls,
    /// Not at all: to this machine only.
    None,
}

/// Why the mailbox could not be worked with. Names no person.
#[derive(Debug, thiserror::Error)]
pub enum InboxError {
    /// Nobody's certificate would be believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The host is no name that a certificate could be for.
    #[error("the host is neither a name nor an address")]
    Host,
    /// Plain text may go to this machine only.
    #[error("without TLS only to this machine")]
    Plaintext,
    /// The server cannot be reached, or TLS with it does not come about.
    #[error("the mail server cannot be reached: {0}")]
    Connect(io::Error),
    /// The server does not offer TLS.
    #[error("the mail server refuses STARTTLS")]
    NoStartTls,
    /// The name or the password is wrong.
    #[error("the mail server refuses username or password")]
    Login,
    /// The server does not know the mailbox.
    #[error("the mail server does not open the mailbox")]
    Mailbox,
    /// The server answered something else than it should.
    #[error("the mail server did not do as it was told: {0}")]
    Protocol(Error),
    /// No answer in time.
    #[error("the mail server did not answer in time")]
    TimedOut,
}

impl From<Error> for InboxError {
    fn from(error: Error) -> Self {
        Self::Protocol(error)
    }
}

/// A mail in the mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The server's number for it.
    pub uid: u32,
    /// In bytes.
    pub len: u32,
}

/// An open mailbox.
pub struct Inbox {
    session: Session<Socket>,
    /// The server can delete one mail and leave others that are marked (RFC 4315).
    can_expunge_one: bool,
}

impl std::fmt::Debug for Inbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inbox(…)")
    }
}

impl Inbox {
    /// Connects, logs in and opens the mailbox.
    pub async fn open(settings: &Settings) -> Result<Self, InboxError> {
        let client = in_time(connect(settings)).await?;
        let login = client.login(&settings.username, settings.password.expose_secret());
        let mut session = in_time(async {
            login.await.map_err(|(error, _)| match error {
                Error::No(_) | Error::Bad(_) => InboxError::Login,
                error => error.into(),
            })
        })
        .await?;
        in_time(async {
            session.select(&settings.mailbox).await.map_err(|error| match error {
                Error::No(_) | Error::Bad(_) => InboxError::Mailbox,
                error => error.into(),
            })
        })
        .await?;
        let capabilities = in_time(async { Ok(session.capabilities().await?) }).await?;
        Ok(Self { can_expunge_one: capabilities.has_str("UIDPLUS"), session })
    }

    /// The oldest mails that nobody has marked as seen, at most `max`.
    pub async fn unseen(&mut self, max: usize) -> Result<Vec<Listed>, InboxError> {
        let found =
            in_time(async { Ok(self.session.uid_search("UNSEEN UNDELETED").await?) }).await?;
        let mut uids: Vec<u32> = found.into_iter().collect();
        uids.sort_unstable();
        uids.truncate(max.min(LISTED_MAX));
        if uids.is_empty() {
            return Ok(vec![]);
        }
        let set = uids.iter().map(u32::to_string).collect::<Vec<_>>().join(",");
        let fetched = self.fetch(&set, "(UID RFC822.SIZE)").await?;
        let listed = |mail: &Fetch| Some(Listed { uid: mail.uid?, len: mail.size? });
        let mut listed: Vec<_> = fetched.iter().filter_map(listed).collect();
        listed.sort_unstable_by_key(|mail| mail.uid);
        Ok(listed)
    }

    /// The first `max_len` bytes of a mail; it stays unseen. `None` if it is gone.
    pub async fn read(&mut self, uid: u32, max_len: usize) -> Result<Option<Vec<u8>>, InboxError> {
        let part = format!("(UID BODY.PEEK[]<0.{max_len}>)");
        let fetched = self.fetch(&uid.to_string(), &part).await?;
        let mail = fetched.into_iter().find(|mail| mail.uid == Some(uid));
        Ok(mail.and_then(|mail| mail.body().map(<[u8]>::to_vec)))
    }

    /// Deletes a mail.
    pub async fn delete(&mut self, uid: u32) -> Result<(), InboxError> {
        // Seen, too: should it not be deleted, it is not read again.
        self.flag(uid, r"+FLAGS.SILENT (\Seen \Deleted)").await?;
        let one = self.can_expunge_one;
        let session = &mut self.session;
        in_time(async move {
            if one {
                drained(session.uid_expunge(uid.to_string()).await?).await
            } else {
                drained(session.expunge().await?).await
            }
        })
        .await
    }

    /// Leaves a mail where it is, marked as seen.
    pub async fn keep(&mut self, uid: u32) -> Result<(), InboxError> {
        self.flag(uid, r"+FLAGS.SILENT (\Seen)").await
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        // What was asked for was done; whoever hangs up first does not matter.
        let _left = in_time(async { Ok(self.session.logout().await?) }).await;
    }

    async fn fetch(&mut self, uids: &str, what: &str) -> Result<Vec<Fetch>, InboxError> {
        let session = &mut self.session;
        in_time(async move { Ok(session.uid_fetch(uids, what).await?.try_collect().await?) }).await
    }

    async fn flag(&mut self, uid: u32, flags: &str) -> Result<(), InboxError> {
        let session = &mut self.session;
        in_time(async move { drained(session.uid_store(uid.to_string(), flags).await?).await })
            .await
    }
}

async fn connect(settings: &Settings) -> Result<Client<Socket>, InboxError> {
    let address = (settings.host.as_str(), settings.port);
    let tcp = TcpStream::connect(address).await.map_err(InboxError::Connect)?;
    let is_here = tcp.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback());
    let greeted = async |socket: Socket| {
        let mut client = Client::new(socket);
        let greeting = client.read_response().await.map_err(InboxError::Connect)?;
        let hung_up = || InboxError::Connect(io::ErrorKind::UnexpectedEof.into());
        greeting.ok_or_else(hung_up)?;
        Ok(client)
    };
    match settings.tls {
        Tls::None if is_here => greeted(Box::new(tcp)).await,
        Tls::None => Err(InboxError::Plaintext),
        Tls::Implicit => greeted(tls::handshake(settings, Box::new(tcp)).await?).await,
        Tls::StartTls => {
            let mut client = greeted(Box::new(tcp)).await?;
            client
                .run_command_and_check_ok("STARTTLS", None)
                .await
                .map_err(|_| InboxError::NoStartTls)?;
            // What was sent in plain text behind the answer goes with the old client.
            Ok(Client::new(tls::handshake(settings, client.into_inner()).await?))
        }
    }
}

/// Reads answers that nobody needs.
async fn drained<T>(answers: impl Stream<Item = Result<T, Error>>) -> Result<(), InboxError> {
    Ok(answers.try_for_each(async |_| Ok(())).await?)
}

async fn in_time<T>(command: impl Future<Output = Result<T, InboxError>>) -> Result<T, InboxError> {
    timeout(COMMAND_TIMEOUT, command).await.map_err(|_| InboxError::TimedOut)?
}
