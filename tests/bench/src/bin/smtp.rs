//! What stands around a mail server in the bench: a way there that takes time, and senders that do
//! nothing but send.
//!
//! A sender prints one line of JSON when it is done: `count`, `seconds`, `cpu_seconds`.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use clap::{Parser, Subcommand};
use lettre::{
    Address,
    address::Envelope,
    transport::smtp::{client::AsyncSmtpConnection, extension::ClientId},
};

/// Speaks SMTP, or delays it.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Passes everything on, later: a network with a long way
    Delay {
        /// Where to listen
        listen: String,
        /// Where to pass it on
        server: String,
        /// How long each direction takes
        one_way_micros: u64,
    },
    /// The limit: prepared bytes on plain sockets
    Pipelined {
        #[command(flatten)]
        work: Work,
        /// Let the next envelope travel with the content (RFC 2920), so that a mail takes one round
        /// trip
        #[arg(long)]
        across: bool,
    },
    /// What lettre's pool does for a mail (NOOP, MAIL, RCPT, DATA, content), with `TCP_NODELAY`
    Lettre {
        #[command(flatten)]
        work: Work,
    },
}

#[derive(Clone, Debug, clap::Args)]
struct Work {
    /// The mail server
    server: String,
    /// How many mails
    count: u32,
    /// On so many connections
    connections: usize,
    /// The file with the mail
    mail: String,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Delay { listen, server, one_way_micros } => {
            delay(&listen, &server, Duration::from_micros(one_way_micros))
        }
        Command::Pipelined { work, across } => measure(&work, |turns| pipelined(turns, across)),
        Command::Lettre { work } => measure(&work, |turns| {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?
                .block_on(lettre(turns))
        }),
    }
}

/// What one connection of a sender works off.
struct Turns {
    server: String,
    mail: Arc<Vec<u8>>,
    count: u32,
    next: Arc<AtomicU32>,
}

impl Iterator for Turns {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.count).then_some(number)
    }
}

/// Runs a sender on every connection, and says how it went.
fn measure(work: &Work, send: impl Fn(Turns) -> anyhow::Result<()> + Sync) -> anyhow::Result<()> {
    let mail = Arc::new(fs_err::read(&work.mail)?);
    let next = Arc::new(AtomicU32::new(0));
    let started = Instant::now();
    thread::scope(|scope| {
        let senders: Vec<_> = (0..work.connections)
            .map(|_| {
                let turns = Turns {
                    server: work.server.clone(),
                    mail: mail.clone(),
                    count: work.count,
                    next: next.clone(),
                };
                scope.spawn(|| send(turns))
            })
            .collect();
        senders.into_iter().try_for_each(|sender| match sender.join() {
            Ok(sent) => sent,
            Err(_) => bail!("a sender panicked"),
        })
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let line = serde_json::json!({
        "count": work.count, "seconds": seconds, "cpu_seconds": own_cpu()?.as_secs_f64(),
    });
    writeln!(std::io::stdout().lock(), "{line}")?;
    Ok(())
}

fn own_cpu() -> anyhow::Result<Duration> {
    let stat = procfs::process::Process::myself()?.stat()?;
    let per_second = u32::try_from(procfs::ticks_per_second()).unwrap_or(100);
    Ok(Duration::from_secs(stat.utime + stat.stime) / per_second)
}

const MAIL_FROM: &str = "MAIL FROM:<reviews@afs.example>\r\n";

/// One write for the envelope and one for the content; or, across mails, one for both.
fn pipelined(turns: Turns, across: bool) -> anyhow::Result<()> {
    let socket = TcpStream::connect(&turns.server)?;
    socket.set_nodelay(true)?;
    let mut replies = BufReader::new(socket.try_clone()?);
    let mut socket = socket;
    let mut content = turns.mail.to_vec();
    content.extend_from_slice(b".\r\n");
    expect(&mut replies, 220)?;
    socket.write_all(b"EHLO bench.example\r\n")?;
    expect(&mut replies, 250)?;
    let mut content_is_due = false;
    for number in turns {
        let envelope = format!("{MAIL_FROM}RCPT TO:<buyer-{number}@example.com>\r\nDATA\r\n");
        if across && content_is_due {
            let mut group = content.clone();
            group.extend_from_slice(envelope.as_bytes());
            socket.write_all(&group)?;
            expect(&mut replies, 250)?;
        } else {
            socket.write_all(envelope.as_bytes())?;
        }
        for code in [250, 250, 354] {
            expect(&mut replies, code)?;
        }
        if across {
            content_is_due = true;
        } else {
            socket.write_all(&content)?;
            expect(&mut replies, 250)?;
        }
    }
    if content_is_due {
        socket.write_all(&content)?;
        expect(&mut replies, 250)?;
    }
    Ok(())
}

fn expect(replies: &mut impl BufRead, code: u16) -> anyhow::Result<()> {
    loop {
        let mut line = String::new();
        replies.read_line(&mut line)?;
        if !line.starts_with(&code.to_string()) {
            bail!("expected {code}, got {line:?}");
        }
        if line.as_bytes().get(3) == Some(&b' ') {
            return Ok(());
        }
    }
}

/// The pool itself cannot be told to set `TCP_NODELAY`, so this does what it does, on a socket that
/// has it: a NOOP, then the mail.
async fn lettre(turns: Turns) -> anyhow::Result<()> {
    let socket = tokio::net::TcpStream::connect(&turns.server).await?;
    socket.set_nodelay(true)?;
    let name = ClientId::Domain("bench.example".to_owned());
    let mut connection =
        AsyncSmtpConnection::connect_with_transport(Box::new(socket), &name).await?;
    let from: Address = "reviews@afs.example".parse()?;
    let mail = turns.mail.clone();
    for number in turns {
        let to: Address = format!("buyer-{number}@example.com").parse()?;
        let envelope = Envelope::new(Some(from.clone()), vec![to])?;
        anyhow::ensure!(connection.test_connected().await, "the connection is broken");
        connection.send(&envelope, &mail).await?;
    }
    connection.quit().await?;
    Ok(())
}

/// Accepts connections until the process ends.
fn delay(listen: &str, server: &str, one_way: Duration) -> anyhow::Result<()> {
    let listener = TcpListener::bind(listen)?;
    for client in listener.incoming() {
        let client = client?;
        let server = TcpStream::connect(server).context("the mail server does not listen")?;
        for (from, to) in [(&client, &server), (&server, &client)] {
            let (from, to) = (from.try_clone()?, to.try_clone()?);
            to.set_nodelay(true)?;
            pass_on(from, to, one_way);
        }
    }
    Ok(())
}

/// Reads at once, and writes when the time has come: what is said at the same time arrives at the
/// same time.
fn pass_on(mut from: TcpStream, mut to: TcpStream, one_way: Duration) {
    let (sender, receiver) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(len @ 1..) = from.read(&mut buffer) {
            if sender.send((Instant::now() + one_way, buffer[..len].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (at, bytes) in receiver {
            thread::sleep(at.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
        // The other side sees the end as late as everything else; an error means it is gone.
        let _gone = to.shutdown(std::net::Shutdown::Write);
    });
}
