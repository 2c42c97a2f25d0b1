//! A mail server for tests that follows a script: well behaved, unless told otherwise.
//!
//! ```
//! # use mail::{Stage, testkit::{Behaviour, Script, SmtpServer}};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let script = Script::new().then(Stage::RcptTo, Behaviour::Reply("450 4.7.1 later"));
//! let server = SmtpServer::start(script).await;
//! // The first recipient is put off, all others are taken; then:
//! assert!(server.ledger().messages.is_empty());
//! # }
//! ```

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use tokio::{
    io::{
        AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _,
        BufReader,
    },
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    server::TlsStream,
};

use crate::{Limits, SmtpSettings, Stage, Timeouts, Tls};

/// How long a test waits before it fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server does when the client gets to a stage, instead of going on.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Goes on as a mail server does.
    Normal,
    /// Gives this reply (lines parted by CRLF, the last CRLF left out), and goes on only if it
    /// begins with 2 or 3.
    Reply(&'static str),
    /// Hangs up without a word.
    Drop,
    /// Says nothing until the client hangs up.
    Silence,
    /// Sends bytes that are no reply.
    Garbage,
    /// Goes on, but its reply arrives one byte at a time.
    Split,
    /// Goes on once notified.
    Hold(Arc<Notify>),
    /// Goes on, replies, and resets the connection.
    ReplyThenReset,
    /// Goes on and hangs up without the reply. After the final dot: the message is accepted and
    /// nobody hears of it.
    LoseReply,
    /// Goes on and sends this in the same breath as its reply.
    Extra(&'static str),
}

/// What a server shows of itself when TLS begins. A client that trusts [`SmtpServer::certificate`] has
/// nothing against it but what is said here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certificate {
    /// For `localhost` and `127.0.0.1`.
    Good,
    /// The same, until a day long ago.
    Expired,
    /// For a host of another name.
    WrongHost,
    /// Signed by a key that nobody knows.
    Stranger,
}

/// What a server offers and how it behaves.
#[derive(Clone, Debug)]
pub struct Script {
    pipelining: bool,
    smtputf8: bool,
    tls: Tls,
    certificate: Certificate,
    credentials: Option<(&'static str, &'static str)>,
    mechanisms: &'static str,
    next: HashMap<Stage, VecDeque<Behaviour>>,
    always: HashMap<Stage, Behaviour>,
    ration: Option<Ration>,
}

/// How much a server takes for one host.
#[derive(Clone, Debug)]
struct Ration {
    host: &'static str,
    mails: usize,
    per: Duration,
    /// When the last ones were taken.
    taken: VecDeque<Instant>,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A plain server that offers PIPELINING and takes every message.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pipelining: true,
            smtputf8: false,
            tls: Tls::None,
            certificate: Certificate::Good,
            credentials: None,
            mechanisms: "PLAIN LOGIN",
            next: HashMap::new(),
            always: HashMap::new(),
            ration: None,
        }
    }

    /// Refuses for now what goes beyond so many recipients at `host` in this time.
    #[must_use]
    pub fn rations(mut self, host: &'static str, mails: usize, per: Duration) -> Self {
        self.ration = Some(Ration { host, mails, per, taken: VecDeque::new() });
        self
    }

    /// Whether it is too much for now; if not, it counts.
    fn is_too_much(&mut self, recipient: &str) -> bool {
        let Some(ration) = &mut self.ration else { return false };
        if !recipient.ends_with(ration.host) {
            return false;
        }
        ration.taken.retain(|at| at.elapsed() < ration.per);
        let too_much = ration.taken.len() >= ration.mails;
        if !too_much {
            ration.taken.push_back(Instant::now());
        }
        too_much
    }

    /// Does not offer PIPELINING.
    #[must_use]
    pub fn without_pipelining(mut self) -> Self {
        self.pipelining = false;
        self
    }

    /// Offers SMTPUTF8 (RFC 6531). Without it, nothing but ASCII is taken.
    #[must_use]
    pub fn with_smtputf8(mut self) -> Self {
        self.smtputf8 = true;
        self
    }

    /// Speaks TLS, with a certificate of its own making for `localhost` and `127.0.0.1`.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
    }

    /// Shows this certificate.
    #[must_use]
    pub fn certificate(mut self, certificate: Certificate) -> Self {
        self.certificate = certificate;
        self
    }

    /// Takes mail only from this user, who signs in by one of these mechanisms.
    #[must_use]
    pub fn auth(
        mut self,
        mechanisms: &'static str,
        user: &'static str,
        password: &'static str,
    ) -> Self {
        self.mechanisms = mechanisms;
        self.credentials = Some((user, password));
        self
    }

    /// The next time at this stage behaves so; at [`Stage::Content`] when the text begins. Asked
    /// several times, as many times, in order.
    #[must_use]
    pub fn then(mut self, stage: Stage, behaviour: Behaviour) -> Self {
        self.next.entry(stage).or_default().push_back(behaviour);
        self
    }

    /// Behaves so whenever nothing else is due at this stage.
    #[must_use]
    pub fn always(mut self, stage: Stage, behaviour: Behaviour) -> Self {
        self.always.insert(stage, behaviour);
        self
    }

    fn behaviour(&mut self, stage: Stage) -> Behaviour {
        let due = self.next.get_mut(&stage).and_then(VecDeque::pop_front);
        due.or_else(|| self.always.get(&stage).cloned()).unwrap_or(Behaviour::Normal)
    }
}

/// What happened at a server.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Every connection, in order of arrival.
    pub sessions: Vec<Session>,
    /// Every message the server took upon itself, in order, whether or not its reply arrived.
    pub messages: Vec<Received>,
    /// Connections open now.
    pub open: usize,
    /// The most connections open at the same time.
    pub most_open: usize,
    /// Each time it did something else than going on as a mail server does: at which stage.
    pub misbehaved: Vec<Stage>,
}

/// One connection.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Every line outside of messages, without CRLF; a final dot as `.`.
    pub commands: Vec<String>,
}

/// A message that the server took upon itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// The sender of the envelope.
    pub from: String,
    /// The recipient of the envelope.
    pub to: String,
    /// The message without dot-stuffing.
    pub bytes: Vec<u8>,
    /// Over which connection it came, as an index into [`Ledger::sessions`].
    pub session: usize,
    /// When its sender was named.
    pub begun_at: Instant,
    /// When it was taken; the reply, with its index in [`Ledger::messages`], follows at once.
    pub taken_at: Instant,
}

/// A scripted mail server on a free port of the loopback interface. Ends when dropped.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    script: Mutex<Script>,
    ledger: watch::Sender<Ledger>,
    key: KeyPair,
    /// The good one, as PEM.
    certificate: String,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

/// Settings for a client of a server at `address`: no TLS, nobody signs in, usual deadlines.
#[must_use]
pub fn settings_for(address: SocketAddr) -> SmtpSettings {
    SmtpSettings {
        host: address.ip().to_string(),
        port: address.port(),
        tls: Tls::None,
        ca_file: None,
        credentials: None,
        hello_name: "client.example".to_owned(),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
    }
}

impl SmtpServer {
    /// Starts to listen.
    ///
    /// # Panics
    /// If there is no free port.
    #[expect(clippy::expect_used, reason = "a test that cannot set up fails")]
    pub async fn start(script: Script) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("the port just bound");
        let key = new_key();
        let certificate = signed(&key, Certificate::Good).pem();
        let shared = Arc::new(Shared {
            script: Mutex::new(script),
            ledger: watch::Sender::new(Ledger::default()),
            key,
            certificate,
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, accepting }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its certificate as PEM, to be trusted by clients.
    #[must_use]
    pub fn certificate(&self) -> &str {
        &self.shared.certificate
    }

    /// Settings for a client of this server.
    #[must_use]
    pub fn settings(&self) -> SmtpSettings {
        settings_for(self.address)
    }

    /// Goes on from here by another script.
    pub fn follow(&self, script: Script) {
        *self.shared.script() = script;
    }

    /// What happened so far.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.shared.ledger.borrow().clone()
    }

    /// Waits until enough has happened.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn wait_until(&self, enough: impl FnMut(&Ledger) -> bool) -> Ledger {
        let mut ledger = self.shared.ledger.subscribe();
        match timeout(PATIENCE, ledger.wait_for(enough)).await {
            Ok(Ok(ledger)) => ledger.clone(),
            _ => panic!("waited in vain: {:?}", self.ledger()),
        }
    }

    /// Looks at what happened so far without copying it.
    pub fn look<T>(&self, at: impl FnOnce(&Ledger) -> T) -> T {
        at(&self.shared.ledger.borrow())
    }

    /// Waits, for as long as it takes, for messages behind the first `count`, and returns those. The
    /// server does not keep their text: there may be many.
    pub async fn take_behind(&self, count: usize) -> Vec<Received> {
        let mut ledger = self.shared.ledger.subscribe();
        let mut taken = Vec::new();
        if ledger.wait_for(|ledger| ledger.messages.len() > count).await.is_ok() {
            self.shared.note(|ledger| {
                taken.extend(ledger.messages[count..].iter_mut().map(|kept| {
                    let bytes = std::mem::take(&mut kept.bytes);
                    Received { bytes, ..kept.clone() }
                }));
            });
        }
        taken
    }

    /// Waits until the server accepted so many messages, and returns all.
    ///
    /// # Panics
    /// After 30 seconds.
    pub async fn wait_for_messages(&self, count: usize) -> Vec<Received> {
        self.wait_until(|ledger| ledger.messages.len() >= count).await.messages
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What accepts TLS as the script wants it.
    #[expect(clippy::expect_used, reason = "a test that cannot set up fails")]
    fn acceptor(&self) -> TlsAcceptor {
        let shown = self.script().certificate;
        let stranger = (shown == Certificate::Stranger).then(new_key);
        let key = stranger.as_ref().unwrap_or(&self.key);
        let certificate = signed(key, shown);
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![certificate.into()], key)
            })
            .expect("a key that fits its certificate");
        TlsAcceptor::from(Arc::new(config))
    }

    fn behaviour(&self, stage: Stage) -> Behaviour {
        let behaviour = self.script().behaviour(stage);
        if !matches!(behaviour, Behaviour::Normal) {
            self.note(|ledger| ledger.misbehaved.push(stage));
        }
        behaviour
    }

    fn is_too_much(&self, recipient: &str) -> bool {
        let too_much = self.script().is_too_much(recipient);
        if too_much {
            self.note(|ledger| ledger.misbehaved.push(Stage::RcptTo));
        }
        too_much
    }

    fn note(&self, change: impl FnOnce(&mut Ledger)) {
        self.ledger.send_modify(change);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut sessions = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let mut number = 0;
        shared.note(|ledger| {
            number = ledger.sessions.len();
            ledger.sessions.push(Session::default());
            ledger.open += 1;
            ledger.most_open = ledger.most_open.max(ledger.open);
        });
        sessions.spawn(async move {
            // However it ended, the ledger tells all there is to know.
            drop(serve(tcp, &shared, number).await);
            shared.note(|ledger| ledger.open -= 1);
        });
    }
}

async fn serve(tcp: TcpStream, shared: &Shared, number: usize) -> io::Result<()> {
    tcp.set_nodelay(true)?;
    let tls = shared.script().tls;
    if tls == Tls::Implicit {
        let stream = shared.acceptor().accept(tcp).await?;
        Dialogue::new(stream, shared, number, false).run(true).await.map(drop)
    } else {
        let starttls = tls == Tls::StartTls;
        let upgrade = Dialogue::new(tcp, shared, number, starttls).run(true).await?;
        let Some(tcp) = upgrade else { return Ok(()) };
        let stream = shared.acceptor().accept(tcp).await?;
        Dialogue::new(stream, shared, number, false).run(false).await.map(drop)
    }
}

/// A stream whose TCP connection can be reset.
trait Socket: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Socket for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Socket for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

struct Dialogue<'a, S> {
    stream: BufReader<S>,
    shared: &'a Shared,
    number: usize,
    starttls: bool,
    signed_in: bool,
    /// The message under way asked for SMTPUTF8.
    beyond_ascii: bool,
    from: Option<String>,
    to: Option<String>,
    begun_at: Instant,
}

impl<'a, S: Socket> Dialogue<'a, S> {
    fn new(stream: S, shared: &'a Shared, number: usize, starttls: bool) -> Self {
        let signed_in = shared.script().credentials.is_none();
        let stream = BufReader::new(stream);
        let begun_at = Instant::now();
        Self {
            stream,
            shared,
            number,
            starttls,
            signed_in,
            beyond_ascii: false,
            from: None,
            to: None,
            begun_at,
        }
    }

    /// Talks until the end, an error, or an agreed change to TLS: then returns the stream.
    async fn run(mut self, greet: bool) -> io::Result<Option<S>> {
        if greet && !self.answer(Stage::Connect, "220 testkit ESMTP").await? {
            return Ok(None);
        }
        while let Some(line) = self.line().await? {
            let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.hello().await?,
                "STARTTLS" if self.starttls => {
                    if self.answer(Stage::Tls, "220 go ahead").await? {
                        return Ok(Some(self.stream.into_inner()));
                    }
                }
                "AUTH" => self.auth(rest).await?,
                "MAIL" if !self.signed_in => self.say("530 5.7.0 sign in first").await?,
                "MAIL" if self.from.is_some() => self.say("503 5.5.1 nested MAIL").await?,
                "MAIL" if rest.ends_with(" SMTPUTF8") && !self.shared.script().smtputf8 => {
                    self.say("555 5.5.4 SMTPUTF8 is not known here").await?;
                }
                "MAIL" => {
                    self.beyond_ascii = rest.ends_with(" BODY=8BITMIME SMTPUTF8");
                    self.begun_at = Instant::now();
                    if self.answer(Stage::MailFrom, "250 2.1.0 ok").await? {
                        self.from = Some(path(rest));
                    }
                }
                "RCPT" if self.from.is_none() => self.say("503 5.5.1 no MAIL").await?,
                "RCPT" if !rest.is_ascii() && !self.beyond_ascii => {
                    self.say("553 5.6.7 address beyond ASCII").await?;
                }
                "RCPT" if self.shared.is_too_much(&path(rest)) => {
                    self.say("451 4.7.0 too many mails from you").await?;
                }
                "RCPT" => {
                    if self.answer(Stage::RcptTo, "250 2.1.5 ok").await? {
                        self.to = Some(path(rest));
                    }
                }
                "DATA" if self.to.is_none() => self.say("503 5.5.1 no RCPT").await?,
                "DATA" => {
                    if self.answer(Stage::Data, "354 go ahead").await? {
                        self.message().await?;
                    }
                }
                "RSET" => {
                    (self.from, self.to) = (None, None);
                    self.say("250 2.0.0 ok").await?;
                }
                "QUIT" => {
                    self.say("221 2.0.0 bye").await?;
                    return Ok(None);
                }
                _ => self.say("500 5.5.2 what?").await?,
            }
        }
        Ok(None)
    }

    async fn hello(&mut self) -> io::Result<()> {
        let (pipelining, smtputf8, auth) = {
            let script = self.shared.script();
            let auth = script.credentials.map(|_| format!("250-AUTH {}\r\n", script.mechanisms));
            (script.pipelining, script.smtputf8, auth.unwrap_or_default())
        };
        let starttls = if self.starttls { "250-STARTTLS\r\n" } else { "" };
        let pipelining = if pipelining { "250-PIPELINING\r\n" } else { "" };
        let smtputf8 = if smtputf8 { "250-8BITMIME\r\n250-SMTPUTF8\r\n" } else { "" };
        let reply =
            format!("250-testkit\r\n{pipelining}{smtputf8}{starttls}{auth}250 ENHANCEDSTATUSCODES");
        self.answer(Stage::Hello, &reply).await.map(drop)
    }

    async fn auth(&mut self, rest: &str) -> io::Result<()> {
        let expected = self.shared.script().credentials.unwrap_or_default();
        let (user, password) = if let Some(response) = rest.strip_prefix("PLAIN ") {
            let response = decoded(response);
            let mut parts = response.split('\0').skip(1).map(str::to_owned);
            (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
        } else {
            self.say("334 VXNlcm5hbWU6").await?;
            let user = decoded(&self.line().await?.unwrap_or_default());
            self.say("334 UGFzc3dvcmQ6").await?;
            (user, decoded(&self.line().await?.unwrap_or_default()))
        };
        if (user.as_str(), password.as_str()) == expected {
            self.signed_in = self.answer(Stage::Auth, "235 2.7.0 welcome").await?;
            Ok(())
        } else {
            self.say("535 5.7.8 wrong password").await
        }
    }

    async fn message(&mut self) -> io::Result<()> {
        // The text is under way once its first byte is here.
        self.stream.fill_buf().await?;
        let behaviour = self.shared.behaviour(Stage::Content);
        match behaviour {
            Behaviour::Normal => {}
            Behaviour::Hold(release) => release.notified().await,
            interruption => return self.act(interruption, "").await,
        }
        let mut bytes = Vec::new();
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if line == b".\r\n" {
                break;
            }
            bytes.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.note_command(".");
        if !bytes.is_ascii() && !self.beyond_ascii {
            (self.from, self.to) = (None, None);
            return self.say("554 5.6.1 bytes beyond ASCII").await;
        }
        let (from, to) = (self.from.take().unwrap_or_default(), self.to.take().unwrap_or_default());
        let behaviour = self.shared.behaviour(Stage::FinalDot);
        let mut reply = String::new();
        if accepts(&behaviour) {
            if let Behaviour::Hold(release) = &behaviour {
                release.notified().await;
            }
            let (session, begun_at, taken_at) = (self.number, self.begun_at, Instant::now());
            let received = Received { from, to, bytes, session, begun_at, taken_at };
            // First into the ledger: a client that heard our 250 must find it there.
            self.shared.note(|ledger| {
                reply = format!("250 2.0.0 queued as {}", ledger.messages.len());
                ledger.messages.push(received);
            });
        }
        self.act(behaviour, &reply).await
    }

    /// Replies as the script wants it; `true` if the client may go on.
    async fn answer(&mut self, stage: Stage, normal: &str) -> io::Result<bool> {
        let behaviour = self.shared.behaviour(stage);
        let goes_on = accepts(&behaviour);
        if let Behaviour::Hold(release) = &behaviour {
            release.notified().await;
        }
        self.act(behaviour, normal).await?;
        Ok(goes_on)
    }

    async fn act(&mut self, behaviour: Behaviour, normal: &str) -> io::Result<()> {
        match behaviour {
            Behaviour::Normal | Behaviour::Hold(_) => self.say(normal).await,
            Behaviour::Reply(reply) => self.say(reply).await,
            Behaviour::Extra(more) => self.say(&format!("{normal}\r\n{more}")).await,
            Behaviour::Garbage => self.send(b"\x00\xff\x07 HTTP/1.1 400 Bad Request\r\n").await,
            Behaviour::Split => {
                for byte in format!("{normal}\r\n").bytes() {
                    self.send(&[byte]).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
            Behaviour::Drop | Behaviour::LoseReply => Err(io::ErrorKind::ConnectionAborted.into()),
            Behaviour::ReplyThenReset => {
                self.say(normal).await?;
                self.stream.get_ref().tcp().set_zero_linger()?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Behaviour::Silence => {
                self.stream.read_to_end(&mut Vec::new()).await?;
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
    }

    async fn line(&mut self) -> io::Result<Option<String>> {
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.note_command(&line);
        Ok(Some(line))
    }

    fn note_command(&self, line: &str) {
        self.shared.note(|ledger| ledger.sessions[self.number].commands.push(line.to_owned()));
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.send(format!("{reply}\r\n").as_bytes()).await
    }

    async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }
}

/// `true` if the server does what the client asked for, whatever becomes of its reply.
fn accepts(behaviour: &Behaviour) -> bool {
    match behaviour {
        Behaviour::Reply(reply) => reply.starts_with(['2', '3']),
        Behaviour::Drop | Behaviour::Silence | Behaviour::Garbage => false,
        _ => true,
    }
}

/// What stands in angle brackets.
fn path(argument: &str) -> String {
    let inner = argument.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or_else(String::new, |(path, _)| path.to_owned())
}

fn decoded(base64: &str) -> String {
    String::from_utf8_lossy(&BASE64.decode(base64).unwrap_or_default()).into_owned()
}

#[expect(clippy::expect_used, reason = "a test that cannot set up fails")]
fn new_key() -> KeyPair {
    KeyPair::generate().expect("randomness")
}

/// A certificate signed by the key it is for.
#[expect(clippy::expect_used, reason = "a test that cannot set up fails")]
fn signed(key: &KeyPair, certificate: Certificate) -> rcgen::Certificate {
    let names = match certificate {
        Certificate::WrongHost => vec!["other.example".to_owned()],
        Certificate::Good | Certificate::Expired | Certificate::Stranger => {
            vec!["localhost".to_owned(), "127.0.0.1".to_owned()]
        }
    };
    let mut params = CertificateParams::new(names).expect("fixed names");
    if certificate == Certificate::Expired {
        params.not_after = date_time_ymd(2001, 1, 1);
    }
    params.self_signed(key).expect("a key of our own")
}
