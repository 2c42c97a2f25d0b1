//! HTTP byte by byte: what no well-behaved client would send.

use std::{fmt::Write as _, future::Future, io, time::Duration};

use tests::shop::Webhook;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    time::timeout,
};

/// How long the other side may say nothing before a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection.
pub(crate) struct Wire {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

/// An answer as it came.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// The status code.
    pub(crate) status: u16,
    /// The head: status line and headers.
    pub(crate) head: String,
    /// The body.
    pub(crate) body: String,
}

impl Wire {
    /// Connects.
    pub(crate) async fn open(address: &str) -> Self {
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    /// Over a connection that is open.
    pub(crate) fn over(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self { read: BufReader::new(read), write }
    }

    /// Sends these bytes and hears one answer, if there is one. A server may answer and hang up
    /// before everything is sent.
    pub(crate) async fn ask(address: &str, bytes: impl AsRef<[u8]>) -> Option<Reply> {
        let mut wire = Self::open(address).await;
        let _refused_half_way = wire.send(bytes).await;
        wire.reply().await
    }

    /// Sends these bytes.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.write.write_all(bytes.as_ref()).await
    }

    /// The next answer; `None` if the other side hung up instead.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        patiently("an answer", self.read_reply()).await.ok()
    }

    /// What else comes until the other side hangs up.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A reset is a way to hang up, too.
        let _reset = patiently("the end", self.read.read_to_end(&mut rest)).await;
        rest
    }

    /// Both directions by themselves.
    pub(crate) fn split(self) -> (Listening, OwnedWriteHalf) {
        (Listening(self.read), self.write)
    }

    async fn read_reply(&mut self) -> io::Result<Reply> {
        read_reply(&mut self.read).await
    }
}

/// The direction from the server.
pub(crate) struct Listening(BufReader<OwnedReadHalf>);

impl Listening {
    /// The next answer; `None` if the other side hung up instead.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        patiently("an answer", read_reply(&mut self.0)).await.ok()
    }
}

async fn read_reply(from: &mut BufReader<OwnedReadHalf>) -> io::Result<Reply> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    from.read_exact(&mut body).await?;
    Ok(Reply { status, head, body: String::from_utf8(body).unwrap() })
}

async fn patiently<T>(what: &str, work: impl Future<Output = T>) -> T {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

/// A webhook as its platform writes it.
pub(crate) fn request(webhook: &Webhook, version: &str) -> Vec<u8> {
    let mut head = format!("POST {} {version}\r\nhost: afs.example\r\n", webhook.path);
    for (name, value) in &webhook.headers {
        write!(head, "{name}: {}\r\n", value.to_str().unwrap()).unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", webhook.body.len()).unwrap();
    [head.as_bytes(), &webhook.body].concat()
}

/// The head of an unsigned webhook, with one more line or several.
pub(crate) fn unsigned(lines: &str) -> String {
    format!("POST /webhooks/tea HTTP/1.1\r\nhost: afs.example\r\n{lines}\r\n\r\n")
}
