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
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::sync::CancellationToken;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// The most bytes of a request's head, and of what is read ahead.
const BUFFER_MAX: usize = 32 * 1024;

/// How long a request's head may take, counted from the end of the request before it: also the
/// longest that an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(15);

/// How long to wait when no connection can be accepted: usually there are no descriptors left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n\
    content-length: 0\r\nconnection: close\r\n\r\n";

/// Serves `router` until `shutdown`, then lets requests that are under way finish.
///
/// At most `connections_max` connections are open; more are answered with 503 at once.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    connections_max: usize,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(connections_max));
    let graceful = GracefulShutdown::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(HEADERS_MAX)
        .max_buf_size(BUFFER_MAX);
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            metrics::counter!("afs_connections_refused_total").increment(1);
            tokio::spawn(refuse(stream));
            continue;
        };
        // Answers are small and complete: nothing is gained by waiting for more.
        let _best_effort = stream.set_nodelay(true);
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

async fn refuse(mut stream: TcpStream) {
    let _best_effort =
        tokio::time::timeout(Duration::from_secs(1), stream.write_all(REFUSAL)).await;
}
