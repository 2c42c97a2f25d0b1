//! One conversation with a mail server.

use std::{fmt, io, iter, net::SocketAddr, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use futures::FutureExt as _;
use memchr::memchr_iter;
use secrecy::ExposeSecret as _;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::{Instant, timeout},
};
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{
    Credentials, SmtpSettings, Timeouts, Tls,
    classify::classify,
    relay::{BadCertificate, Certificate, CheckError, Relay},
    reply::Reply,
    tls::{self, Socket},
};
use crate::{
    Accepted, Outgoing, SendError, Stage,
    transport::{TOO_LATE, without_addresses},
};

/// What ends a message (RFC 5321, 4.1.1.4), behind its last CRLF.
const FINAL_DOT: &[u8] = b".\r\n";

/// How long to wait for a farewell.
const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection that has said `EHLO` and signed in.
pub(super) struct Connection {
    stream: BufReader<Socket>,
    timeouts: Timeouts,
    pipelining: bool,
    smtputf8: bool,
    opened: Instant,
    messages: u32,
    state: State,
    /// Somebody's envelope went out with the text of the message before it.
    is_followed: bool,
}

/// How far a message got, as far as the next one is concerned.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Every command has had its one reply, but for the next message's envelope, and no message is
    /// under way.
    Ready,
    /// The server said nothing since the message began.
    Unheard,
    /// As before, and the connection turned out to be closed; or the envelope, which went out with
    /// the text of the message before it, got lost.
    Dead,
    /// Under way, or broken off.
    Used,
}

/// What is said before the text of a message.
#[derive(Clone)]
pub(super) struct Envelope {
    commands: [(Stage, String); 3],
    /// Only a server with SMTPUTF8 takes it (RFC 6531).
    needs_smtputf8: bool,
    /// Whether somebody has said it for us on this connection: only the replies are due.
    is_said: bool,
}

impl Envelope {
    pub(super) fn of(outgoing: &Outgoing) -> Self {
        let needs_smtputf8 = outgoing.needs_smtputf8();
        // Who offers SMTPUTF8 offers 8BITMIME, too (RFC 6531, 3.1).
        let parameters = if needs_smtputf8 { " BODY=8BITMIME SMTPUTF8" } else { "" };
        let from = outgoing.from().as_str();
        let commands = [
            (Stage::MailFrom, format!("MAIL FROM:<{from}>{parameters}\r\n")),
            (Stage::RcptTo, format!("RCPT TO:<{}>\r\n", outgoing.to().as_str())),
            (Stage::Data, "DATA\r\n".to_owned()),
        ];
        Self { commands, needs_smtputf8, is_said: false }
    }

    /// The same, said or to be said.
    pub(super) fn said(self, is_said: bool) -> Self {
        Self { is_said, ..self }
    }

    /// All commands, for a server that takes them in one go.
    pub(super) fn group(&self) -> String {
        self.commands.iter().map(|(_, command)| command.as_str()).collect()
    }
}

/// What a server says about itself in reply to `EHLO`.
#[derive(Default)]
struct Offers {
    pipelining: bool,
    smtputf8: bool,
    starttls: bool,
    max_size: Option<u64>,
    mechanism: Option<Mechanism>,
}

/// A way to sign in, the better one last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mechanism {
    /// Two questions, two answers: never made a standard, and all that some servers know.
    Login,
    /// RFC 4616.
    Plain,
}

/// Why a conversation did not go on. Holds the server's own words, so it stays in here.
struct Trouble {
    stage: Stage,
    reply: Option<Reply>,
    what: String,
    /// The server said no, and every command has had its reply.
    in_step: bool,
    certificate: Option<BadCertificate>,
}

impl Trouble {
    fn silence(stage: Stage, what: impl fmt::Display) -> Self {
        Self { stage, reply: None, what: what.to_string(), in_step: false, certificate: None }
    }

    fn reply(stage: Stage, reply: Reply) -> Self {
        // 421 announces the end of the connection.
        let in_step = (400..600).contains(&reply.code) && reply.code != 421;
        Self { stage, what: reply.text(), reply: Some(reply), in_step, certificate: None }
    }

    fn into_error(self, outgoing: Option<&Outgoing>) -> SendError {
        let refusal = self.reply.as_ref().map(|reply| (reply.code, reply.enhanced()));
        let (failure, fault) = classify(self.stage, refusal);
        SendError {
            stage: self.stage,
            failure,
            fault,
            code: refusal.map(|(code, _)| code),
            text: without_addresses(&self.what, outgoing),
        }
    }
}

impl Connection {
    /// Connects, protects the connection as the settings say, and signs in.
    pub(super) async fn open(
        settings: &SmtpSettings,
        tls: Option<&tls::Client>,
    ) -> Result<Self, SendError> {
        let opened = Self::try_open(settings, tls).await;
        opened.map(|(connection, _)| connection).map_err(|trouble| trouble.into_error(None))
    }

    /// The same, with what the server let us see of itself.
    pub(super) async fn inspect(
        settings: &SmtpSettings,
        tls: Option<&tls::Client>,
    ) -> Result<(Self, Relay), CheckError> {
        Self::try_open(settings, tls).await.map_err(|mut trouble| CheckError {
            certificate: trouble.certificate.take(),
            error: trouble.into_error(None),
        })
    }

    async fn try_open(
        settings: &SmtpSettings,
        tls: Option<&tls::Client>,
    ) -> Result<(Self, Relay), Trouble> {
        let limit = settings.timeouts.connect;
        let connecting = TcpStream::connect((settings.host.as_str(), settings.port));
        let tcp =
            within(limit, connecting).await.map_err(|e| Trouble::silence(Stage::Connect, e))?;
        // Commands are small and wait for replies: nothing to gain from Nagle, 40 ms to lose.
        tcp.set_nodelay(true).map_err(|e| Trouble::silence(Stage::Connect, e))?;
        let peer = tcp.peer_addr().ok();
        let may_sign_in = settings.tls != Tls::None || peer.is_some_and(is_this_machine);

        let mut socket: Socket = Box::new(tcp);
        let mut certificate = None;
        if let (Tls::Implicit, Some(tls)) = (settings.tls, tls) {
            (socket, certificate) = handshake(tls, socket, limit).await?;
        }
        let mut connection = Self::over(socket, settings.timeouts);
        connection.expect(Stage::Connect).await?;
        let mut offers = connection.hello(&settings.hello_name).await?;
        if let (Tls::StartTls, Some(tls)) = (settings.tls, tls) {
            if !offers.starttls {
                return Err(Trouble::silence(Stage::Tls, "server does not offer STARTTLS"));
            }
            (connection, certificate) = connection.start_tls(tls).await?;
            // What was said in plain text counts no more (RFC 3207, 4.2).
            offers = connection.hello(&settings.hello_name).await?;
        }
        if let Some(credentials) = &settings.credentials {
            if !may_sign_in {
                let what = "password is not sent in plain text to another machine";
                return Err(Trouble::silence(Stage::Auth, what));
            }
            connection.sign_in(credentials, &offers).await?;
        }
        connection.pipelining = offers.pipelining;
        connection.smtputf8 = offers.smtputf8;
        connection.state = State::Ready;
        tracing::debug!(
            host = settings.host,
            pipelining = offers.pipelining,
            "connected to mail server"
        );
        let relay = Relay {
            address: peer.map(|peer| peer.ip().to_canonical()),
            pipelining: offers.pipelining,
            smtputf8: offers.smtputf8,
            max_size: offers.max_size,
            signed_in: settings.credentials.is_some(),
            certificate: certificate.as_deref().and_then(Certificate::read),
        };
        Ok((connection, relay))
    }

    fn over(socket: Socket, timeouts: Timeouts) -> Self {
        Self {
            stream: BufReader::new(socket),
            timeouts,
            pipelining: false,
            smtputf8: false,
            opened: Instant::now(),
            messages: 0,
            state: State::Used,
            is_followed: false,
        }
    }

    /// Since when the connection exists.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// How many messages it carried.
    pub(super) fn messages(&self) -> u32 {
        self.messages
    }

    /// `false` if the server does not know what this envelope asks for.
    pub(super) fn takes(&self, envelope: &Envelope) -> bool {
        self.smtputf8 || !envelope.needs_smtputf8
    }

    /// `true` if every reply is accounted for and another message may follow.
    pub(super) fn is_reusable(&self) -> bool {
        self.state == State::Ready
    }

    /// `true` if the message can be handed over on another connection as if it had never been here:
    /// this one turned out to be closed or out of step before the text was begun.
    pub(super) fn was_dead(&self) -> bool {
        self.state == State::Dead
    }

    /// `true` if the server said nothing since the last reply: no farewell, no end, no surprise.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.stream.fill_buf().now_or_never().is_none()
            || failpoint::bug("connection_reused_after_timeout")
    }

    /// Hands one message over, and says with its text what `following` wants to be said: the
    /// envelope of the next message. It is asked once, when the text may begin.
    pub(super) async fn deliver(
        &mut self,
        outgoing: &Outgoing,
        envelope: &Envelope,
        following: impl FnOnce(&Self) -> Option<String>,
    ) -> Result<Accepted, SendError> {
        if !self.takes(envelope) {
            return Err(SendError::beyond_ascii());
        }
        // Should this future be dropped, the connection stays marked as used.
        self.state = State::Unheard;
        self.is_followed = false;
        let result = self.transact(outgoing, envelope, following).await;
        self.messages += 1;
        let in_step = match &result {
            Ok(_) => true,
            // Nobody can tell whether the refusal came before the text was read to its end, and what
            // follows are replies to the rest of it.
            Err(_) if self.is_followed => false,
            Err(trouble) => trouble.in_step && self.reset().await.is_ok(),
        };
        if in_step || failpoint::bug("connection_reused_after_timeout") {
            self.state = State::Ready;
        }
        match result {
            Ok(reply) => Ok(Accepted { reply: without_addresses(&reply.text(), Some(outgoing)) }),
            Err(trouble) => Err(trouble.into_error(Some(outgoing))),
        }
    }

    /// Takes leave.
    pub(super) async fn quit(mut self) {
        let farewell = async {
            self.write(Stage::Hello, b"QUIT\r\n").await?;
            self.read(Stage::Hello).await?;
            Ok::<_, Trouble>(self.stream.shutdown().await)
        };
        // Whether the server answers or not, the connection ends here.
        drop(timeout(QUIT_TIMEOUT, farewell).await);
    }

    async fn hello(&mut self, name: &str) -> Result<Offers, Trouble> {
        self.write(Stage::Hello, format!("EHLO {name}\r\n").as_bytes()).await?;
        let reply = self.expect(Stage::Hello).await?;
        Ok(Offers::read(&reply))
    }

    async fn start_tls(mut self, tls: &tls::Client) -> Result<(Self, Shown), Trouble> {
        self.write(Stage::Tls, b"STARTTLS\r\n").await?;
        self.expect(Stage::Tls).await?;
        // Somebody on the way could have slipped in words that we would take for protected ones.
        self.must_be_our_turn(Stage::Tls)?;
        let (socket, shown) =
            handshake(tls, self.stream.into_inner(), self.timeouts.connect).await?;
        Ok((Self::over(socket, self.timeouts), shown))
    }

    async fn sign_in(&mut self, credentials: &Credentials, offers: &Offers) -> Result<(), Trouble> {
        let (user, password) = (&credentials.username, credentials.password.expose_secret());
        match offers.mechanism {
            Some(Mechanism::Plain) => {
                let response = BASE64.encode(format!("\0{user}\0{password}"));
                self.write(Stage::Auth, format!("AUTH PLAIN {response}\r\n").as_bytes()).await?;
            }
            Some(Mechanism::Login) => {
                self.write(Stage::Auth, b"AUTH LOGIN\r\n").await?;
                for answer in [user, password] {
                    let question = self.read(Stage::Auth).await?;
                    if question.code != 334 {
                        return Err(Trouble::reply(Stage::Auth, question));
                    }
                    let answer = BASE64.encode(answer);
                    self.write(Stage::Auth, format!("{answer}\r\n").as_bytes()).await?;
                }
            }
            None => {
                let what = "server offers neither AUTH PLAIN nor LOGIN";
                return Err(Trouble::silence(Stage::Auth, what));
            }
        }
        self.expect(Stage::Auth).await.map(drop)
    }

    async fn transact(
        &mut self,
        outgoing: &Outgoing,
        envelope: &Envelope,
        following: impl FnOnce(&Self) -> Option<String>,
    ) -> Result<Reply, Trouble> {
        self.open_envelope(envelope).await?;
        failpoint::hit("smtp_before_content");
        // The server may have been slow, or we may have been frozen.
        if outgoing.is_late() {
            return Err(Trouble::silence(Stage::Content, TOO_LATE));
        }
        // A text may open the next group of commands (RFC 2920, 3.1): then a message takes one round
        // trip. Each text still waits for the 354 of its own envelope.
        let may_follow = self.pipelining && !failpoint::bug("connection_reused_after_timeout");
        let group = if may_follow { following(self) } else { None };
        self.is_followed = group.is_some();
        self.content(outgoing.bytes(), &group.unwrap_or_default()).await?;
        failpoint::hit("smtp_after_final_dot");
        let reply = self.expect(Stage::FinalDot).await?;
        failpoint::hit("smtp_after_250");
        Ok(reply)
    }

    /// Everything before the content, in one go if the server allows (RFC 2920).
    async fn open_envelope(&mut self, envelope: &Envelope) -> Result<(), Trouble> {
        if !envelope.is_said {
            failpoint::hit("smtp_before_envelope");
            if self.pipelining {
                self.write(Stage::MailFrom, envelope.group().as_bytes()).await?;
            }
        }
        let result = self.envelope_replies(envelope).await;
        if envelope.is_said && result.as_ref().is_err_and(|trouble| !trouble.in_step) {
            self.state = State::Dead;
        }
        result
    }

    async fn envelope_replies(&mut self, envelope: &Envelope) -> Result<(), Trouble> {
        // In a group the server answers to every command, also after it said no to one.
        let mut refusal: Option<Trouble> = None;
        for (stage, command) in &envelope.commands {
            let stage = *stage;
            if !self.pipelining {
                self.write(stage, command.as_bytes()).await?;
            }
            match (self.expect(stage).await, &mut refusal) {
                (Ok(_), None) => {}
                // Now it would take whatever we say for the text.
                (Ok(_), Some(first)) => first.in_step &= stage != Stage::Data,
                (Err(trouble), None) if trouble.in_step && self.pipelining => {
                    refusal = Some(trouble);
                }
                (Err(trouble), None) => return Err(trouble),
                (Err(trouble), Some(first)) => first.in_step &= trouble.in_step,
            }
            if refusal.as_ref().is_some_and(|first| !first.in_step) {
                break;
            }
        }
        refusal.map_or(Ok(()), Err)
    }

    /// The message, the final dot and the next envelope in one write. On a failure it matters how far
    /// it got: once the dot is on its way, the server may have the message.
    async fn content(&mut self, message: &[u8], following: &str) -> Result<(), Trouble> {
        self.must_be_our_turn(Stage::Content)?;
        let mut content = dot_stuffed(message);
        let len = content.len();
        let dot = len - FINAL_DOT.len();
        if self.is_followed {
            failpoint::hit("smtp_before_envelope");
            content.extend_from_slice(following.as_bytes());
        }
        let mut written = 0;
        let writing = async {
            while written < content.len() {
                match self.stream.write(&content[written..]).await? {
                    0 => return Err(io::ErrorKind::WriteZero.into()),
                    count => written += count,
                }
            }
            self.stream.flush().await
        };
        let result = within(self.timeouts.command, writing).await;
        if written >= len && self.is_followed {
            // If the rest is missing, the next message will notice.
            return Ok(());
        }
        let stage = if written <= dot { Stage::Content } else { Stage::FinalDot };
        result.map_err(|e| Trouble::silence(stage, e))
    }

    /// Clears what a refused message left behind.
    async fn reset(&mut self) -> Result<Reply, Trouble> {
        self.write(Stage::MailFrom, b"RSET\r\n").await?;
        self.expect(Stage::MailFrom).await
    }

    async fn write(&mut self, stage: Stage, command: &[u8]) -> Result<(), Trouble> {
        self.must_be_our_turn(stage)?;
        let writing = async {
            self.stream.write_all(command).await?;
            self.stream.flush().await
        };
        within(self.timeouts.command, writing).await.map_err(|error| {
            if error.kind() != io::ErrorKind::TimedOut {
                self.found_closed();
            }
            Trouble::silence(stage, error)
        })
    }

    /// A reply that we did not ask for would be taken for the answer to what we say next.
    fn must_be_our_turn(&mut self, stage: Stage) -> Result<(), Trouble> {
        if failpoint::bug("connection_reused_after_timeout") {
            return Ok(());
        }
        let Some(heard) = self.stream.fill_buf().now_or_never() else { return Ok(()) };
        let what = match heard.map(<[u8]>::is_empty) {
            Ok(false) => return Err(Trouble::silence(stage, "server spoke out of turn")),
            Ok(true) => io::ErrorKind::UnexpectedEof.into(),
            Err(error) => error,
        };
        self.found_closed();
        Err(Trouble::silence(stage, what))
    }

    fn found_closed(&mut self) {
        if self.state == State::Unheard {
            self.state = State::Dead;
        }
    }

    /// Reads the reply that lets the conversation go on.
    async fn expect(&mut self, stage: Stage) -> Result<Reply, Trouble> {
        let reply = self.read(stage).await?;
        let goes_on = match stage {
            Stage::Connect | Stage::Tls => reply.code == 220,
            Stage::Auth => reply.code == 235,
            Stage::FinalDot if failpoint::bug("any_3xx_is_success") => reply.code < 400,
            Stage::Hello | Stage::Content | Stage::FinalDot => reply.code == 250,
            Stage::MailFrom | Stage::RcptTo => (200..300).contains(&reply.code),
            Stage::Data => reply.code == 354,
        };
        if goes_on { Ok(reply) } else { Err(Trouble::reply(stage, reply)) }
    }

    async fn read(&mut self, stage: Stage) -> Result<Reply, Trouble> {
        let limit = match stage {
            Stage::FinalDot => self.timeouts.final_reply,
            _ => self.timeouts.command,
        };
        let reading = async {
            match self.stream.fill_buf().await {
                Ok(said) if !said.is_empty() => self.state = State::Used,
                _ => self.found_closed(),
            }
            Reply::read(&mut self.stream).await
        };
        match timeout(limit, reading).await {
            Ok(read) => read.map_err(|error| Trouble::silence(stage, error)),
            Err(_) => Err(Trouble::silence(stage, timed_out(limit))),
        }
    }
}

impl Offers {
    /// From the second line on there is one extension per line (RFC 5321, 4.1.1.1).
    fn read(reply: &Reply) -> Self {
        let mut offers = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_whitespace().map(str::to_ascii_uppercase);
            match words.next().as_deref() {
                Some("PIPELINING") => offers.pipelining = true,
                Some("SMTPUTF8") => offers.smtputf8 = true,
                Some("STARTTLS") => offers.starttls = true,
                // 0, or none, is no bound (RFC 1870, 3).
                Some("SIZE") => {
                    let size = words.next().and_then(|size| size.parse().ok());
                    offers.max_size = size.filter(|size| *size > 0);
                }
                Some("AUTH") => {
                    let known = words.filter_map(|word| match word.as_str() {
                        "PLAIN" => Some(Mechanism::Plain),
                        "LOGIN" => Some(Mechanism::Login),
                        _ => None,
                    });
                    offers.mechanism = known.max();
                }
                _ => {}
            }
        }
        offers
    }
}

fn is_this_machine(peer: SocketAddr) -> bool {
    peer.ip().to_canonical().is_loopback()
}

/// The certificate that a server showed in a handshake.
type Shown = Option<CertificateDer<'static>>;

async fn handshake(
    tls: &tls::Client,
    socket: Socket,
    limit: Duration,
) -> Result<(Socket, Shown), Trouble> {
    within(limit, tls.handshake(socket)).await.map_err(|error| Trouble {
        certificate: BadCertificate::of(&error),
        ..Trouble::silence(Stage::Tls, error)
    })
}

async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(timed_out(limit)))
}

fn timed_out(limit: Duration) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("nothing happened for {limit:?}"))
}

/// The message as it travels: lines that begin with a dot get another (RFC 5321, 4.5.2), and the
/// final dot follows.
fn dot_stuffed(message: &[u8]) -> Vec<u8> {
    let mut content = Vec::with_capacity(message.len() + message.len() / 64 + FINAL_DOT.len());
    let mut rest = message;
    let line_starts = iter::once(0).chain(memchr_iter(b'\n', message).map(|end| end + 1));
    for start in line_starts.filter(|&start| message.get(start) == Some(&b'.')) {
        let (before, dot) = rest.split_at(start - (message.len() - rest.len()));
        content.extend_from_slice(before);
        content.push(b'.');
        rest = dot;
    }
    content.extend_from_slice(rest);
    content.extend_from_slice(FINAL_DOT);
    content
}

#[cfg(test)]
mod tests {
    use domain::retry::Failure;
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    /// A connection whose other end takes no more than `window` bytes unread.
    fn connection(window: usize, command: Duration) -> (Connection, tokio::io::DuplexStream) {
        let (ours, theirs) = duplex(window);
        let timeouts = Timeouts { command, ..Timeouts::default() };
        (Connection::over(Box::new(ours), timeouts), theirs)
    }

    #[test]
    fn dots_at_the_start_of_a_line_are_doubled_and_the_final_dot_follows() {
        let travels = dot_stuffed(b".\r\n..a\r\nb.\r\n\r\n.c\r\n");
        assert_eq!(travels, b"..\r\n...a\r\nb.\r\n\r\n..c\r\n.\r\n");
    }

    #[tokio::test]
    async fn a_message_cut_off_before_its_final_dot_cannot_have_been_accepted() {
        let (mut connection, mut server) = connection(1024, Duration::from_mins(1));
        let message = b"0123456789abcde\r\n".repeat(1_000);
        let hang_up = async {
            server.read_exact(&mut [0; 5_000]).await.unwrap();
            drop(server);
        };
        let (result, ()) = tokio::join!(connection.content(&message, ""), hang_up);
        let error = result.unwrap_err().into_error(None);
        assert_eq!((error.stage, error.failure), (Stage::Content, Failure::Temporary));
    }

    #[tokio::test]
    async fn a_server_that_stops_reading_is_left_at_the_deadline() {
        let (mut connection, _server) = connection(1024, Duration::from_millis(10));
        let error = connection.content(&[b'x'; 2_000], "").await.unwrap_err().into_error(None);
        assert_eq!((error.stage, error.failure), (Stage::Content, Failure::Temporary));
    }

    #[tokio::test]
    async fn once_the_dot_is_on_its_way_only_the_server_knows() {
        for missing in 0..=3 {
            let message = [&[b'x'; 998][..], b"\r\n"].concat();
            let (mut connection, _server) =
                connection(message.len() + FINAL_DOT.len() - missing, Duration::from_millis(10));
            let result = connection.content(&message, "").await;
            let result = match result {
                Ok(()) => connection.expect(Stage::FinalDot).now_or_never().map(|_| Stage::Content),
                Err(trouble) => Some(trouble.stage),
            };
            let expected = match missing {
                0 => None,
                1 | 2 => Some(Stage::FinalDot),
                _ => Some(Stage::Content),
            };
            assert_eq!(result, expected, "{missing} bytes missing");
        }
    }

    #[test]
    fn only_a_loopback_peer_is_this_machine() {
        for (peer, local) in [
            ("127.0.0.1:25", true),
            ("127.8.8.8:25", true),
            ("[::1]:25", true),
            ("[::ffff:127.0.0.1]:25", true),
            ("10.0.0.1:25", false),
            ("0.0.0.0:25", false),
            ("[fe80::1]:25", false),
            ("[::ffff:192.0.2.1]:25", false),
        ] {
            assert_eq!(is_this_machine(peer.parse().unwrap()), local, "{peer}");
        }
    }

    #[test]
    fn extensions_are_read_in_any_case_and_not_from_the_servers_name() {
        let lines = |lines: &[&str]| {
            let lines = lines.iter().map(|&line| line.to_owned()).collect();
            Offers::read(&Reply { code: 250, lines })
        };
        let offers =
            lines(&["mx.example", "pipelining", "SmtpUtf8", "StartTLS", "AUTH login XOAUTH2"]);
        assert!(offers.pipelining && offers.smtputf8 && offers.starttls);
        assert_eq!(offers.mechanism, Some(Mechanism::Login));
        let offers = lines(&["PIPELINING", "X-PIPELINING", "AUTH", "", "XSTARTTLS"]);
        assert!(!offers.pipelining && !offers.smtputf8 && !offers.starttls);
        assert_eq!(offers.mechanism, None);
        assert_eq!(lines(&["mx", "AUTH PLAIN LOGIN"]).mechanism, Some(Mechanism::Plain));
        let offers = lines(&["mx", "SIZE 52428800", "SMTPUTF8"]);
        assert!(offers.smtputf8 && offers.max_size == Some(52_428_800));
        assert_eq!(lines(&["mx", "SIZE 0"]).max_size, None);
    }
}
