//! A listener whose connections are bounded in number, time and size.

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

use crate::stream::Stream;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// The most bytes of a request's head.
const HEAD_MAX: usize = 32 * 1024;

/// The most bytes that are read ahead.
const BUFFER_MAX: usize = 32 * 1024;

/// The most connections that are being told that there are too many. More are just closed.
const REFUSALS_MAX: usize = 256;

/// How long to wait when no connection can be accepted: usually there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long being told may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// What one listener grants to those who connect.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most connections that are open at the same time; more are answered with 503 at once.
    pub connections: usize,
    /// How long a request's head may take to arrive, counted from the end of the request before
    /// it, so also how long an idle connection is kept; and how long an answer may wait to be read.
    pub patience: Duration,
}

/// Serves `router` until `shutdown`, then lets requests that are under way finish.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(limits.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.patience)
        .max_headers(HEADERS_MAX)
        .max_header_size(HEAD_MAX)
        .max_buf_size(BUFFER_MAX);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => Stream::new(stream, limits.patience),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            metrics::counter!("afs_connections_refused_total").increment(1);
            if let Ok(permit) = refusals.clone().try_acquire_owned() {
                tokio::spawn(refuse(stream, permit));
            }
            continue;
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A peer that breaks off or breaks the protocol has been answered as far as possible.
            let _ended = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    graceful.shutdown().await;
}

async fn refuse(mut stream: Stream, _permit: OwnedSemaphorePermit) {
    let refusing = async {
        // Clients take an answer that comes before they asked for a broken connection.
        stream.read_u8().await?;
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await
    };
    let _best_effort = tokio::time::timeout(REFUSAL_TIMEOUT, refusing).await;
}
