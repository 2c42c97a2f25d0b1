//! A connection to a stranger, who may stop reading, and may still be sending when we have done.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Sleep, sleep},
};

/// How long we listen on after the last answer.
const LINGER: Duration = Duration::from_secs(1);

/// How much we listen to then, in bytes.
const LINGER_MAX: usize = 8 << 20;

/// A TCP connection that ends in bounded time, whatever the other side does.
pub(crate) struct Stream {
    tcp: TcpStream,
    patience: Duration,
    /// Set while an answer waits to be taken. One who takes a byte now and then gains no time.
    overdue: Option<Pin<Box<Sleep>>>,
    farewell: Option<Farewell>,
}

/// We have said everything, and the other side may still be speaking.
///
/// Closing with bytes unread resets the connection, and with it goes the answer that says why: the
/// other side reads on only until it hears of the reset.
struct Farewell {
    over: Pin<Box<Sleep>>,
    heard: usize,
}

impl Stream {
    /// Gives up writing after `patience`.
    pub(crate) fn new(tcp: TcpStream, patience: Duration) -> Self {
        // Answers are small and complete: nothing is gained by waiting for more.
        let _best_effort = tcp.set_nodelay(true);
        Self { tcp, patience, overdue: None, farewell: None }
    }

    /// What came of an attempt to write `len` bytes.
    fn written(
        &mut self,
        cx: &mut Context<'_>,
        len: usize,
        outcome: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match outcome {
            Poll::Ready(Ok(taken)) if taken == len => self.overdue = None,
            Poll::Ready(_) => {}
            Poll::Pending => {
                let patience = self.patience;
                let overdue = self.overdue.get_or_insert_with(|| Box::pin(sleep(patience)));
                ready!(overdue.as_mut().poll(cx));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        outcome
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.tcp).poll_write(cx, buf);
        self.written(cx, buf.len(), outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs);
        self.written(cx, bufs.iter().map(|buf| buf.len()).sum(), outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { tcp, farewell, .. } = &mut *self;
        let farewell = if let Some(farewell) = farewell {
            farewell
        } else {
            ready!(Pin::new(&mut *tcp).poll_shutdown(cx))?;
            farewell.insert(Farewell { over: Box::pin(sleep(LINGER)), heard: 0 })
        };
        let mut scratch = [0; 8 << 10];
        while farewell.heard < LINGER_MAX && farewell.over.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut *tcp).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => farewell.heard += buf.filled().len(),
                // The other side has done, too, or is gone.
                _ => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
