//! Slow, idle and too many connections take no order's place.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, future::join_all, stream};
use tests::{
    installation::program,
    servers::eventually,
    shop::{COFFEE, PAPER, TEA, completed},
};
use tokio::{net::TcpStream, time::timeout};

use crate::{
    server::Server,
    wire::{Wire, request, unsigned},
};

/// What one second may take on a busy machine.
const SLACK: Duration = Duration::from_secs(4);

/// Connections that only asked whether the server is ready, and may have been counted.
const TRANSIENT: usize = 5;

/// Connects so many times.
pub(crate) async fn connect(address: &str, count: usize) -> Vec<TcpStream> {
    let connecting = (0..count).map(|_| TcpStream::connect(address));
    stream::iter(connecting).buffer_unordered(100).map(Result::unwrap).collect().await
}

/// Sends one byte every 50 ms until the other side hangs up; how long that took.
async fn drip(server: &Server, start: &str, drops: &str) -> Duration {
    let began = Instant::now();
    let (mut listening, mut write) = {
        let mut wire = Wire::open(&server.address).await;
        wire.send(start).await.unwrap();
        wire.split()
    };
    let dripping = async {
        for drop in drops.as_bytes().iter().cycle() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if tokio::io::AsyncWriteExt::write_all(&mut write, &[*drop]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = dripping => {}
        reply = listening.reply() => {
            assert!(reply.is_none_or(|reply| [408, 422].contains(&reply.status)));
        }
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_sends_byte_by_byte_is_cut_in_head_and_in_body() {
    let server = Server::start(&[("server.request_timeout_secs", 1.into())]).await;
    let form = server.web.get("/review/tea").await.form();
    let form_start =
        format!("POST {} HTTP/1.1\r\nhost: afs\r\ncontent-length: 9000\r\n\r\nstars=", form.action);

    let body_start = unsigned("content-length: 9000");
    let (head, body, form) = tokio::join!(
        drip(&server, "POST /webhooks/tea HTTP/1.1\r\nx-slow: ", "z"),
        drip(&server, &body_start, "z"),
        drip(&server, &form_start, "5"),
    );

    for (what, took) in [("head", head), ("body", body), ("form", form)] {
        assert!(took < Duration::from_secs(1) + SLACK, "a slow {what} was cut after {took:?}");
    }
    assert_eq!(server.web.post(&TEA.webhook(&completed(1))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_and_does_not_read_is_cut() {
    const DEAF: usize = 20;
    let server = Server::start(&[("server.request_timeout_secs", 1.into())]).await;
    let calm = server.usage().sockets;
    let page = "GET /review/tea HTTP/1.1\r\nhost: afs\r\n\r\n".repeat(100);

    // Each asks for more than the buffers between us hold, and reads nothing of it.
    let deaf = connect(&server.address, DEAF).await.into_iter().map(|stream| async {
        let mut wire = Wire::over(stream);
        while let Ok(Ok(())) = timeout(Duration::from_millis(500), wire.send(&page)).await {}
        wire
    });
    let deaf = join_all(deaf).await;

    eventually("they are cut", async || server.usage().sockets <= calm).await;
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_keep_no_order_waiting() {
    const IDLE: usize = 10_000;
    let server = Server::start(&[
        ("server.max_connections", (IDLE + 100).into()),
        ("server.request_timeout_secs", 60.into()),
    ])
    .await;
    let before = server.usage();

    let idle = connect(&server.address, IDLE).await;
    eventually("the server has accepted them", async || {
        server.usage().sockets >= before.sockets + IDLE - TRANSIENT
    })
    .await;

    for order in 1..=20 {
        let began = Instant::now();
        assert_eq!(server.web.post(&PAPER.webhook(&completed(order))).await.status, 200);
        assert!(began.elapsed() < SLACK, "an order waited {:?}", began.elapsed());
    }
    let during = server.usage();
    assert!(during.rss_mib < before.rss_mib + 200, "{before:?}, then {during:?}");
    drop(idle);
    eventually("their descriptors are free again", async || {
        server.usage().sockets <= before.sockets
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_refused_at_once_and_the_next_after_it_is_served() {
    const MOST: usize = 50;
    const MORE: usize = 500;
    let server = Server::start(&[
        ("server.max_connections", MOST.into()),
        ("server.request_timeout_secs", 60.into()),
    ])
    .await;
    let before = server.usage();
    let idle = connect(&server.address, MOST).await;
    eventually("the server has accepted them", async || {
        server.usage().sockets >= before.sockets + MOST - TRANSIENT
    })
    .await;

    let order = request(&COFFEE.webhook(&completed(1)), "HTTP/1.1");
    let refusals = (0..MORE).map(|_| async {
        let began = Instant::now();
        (Wire::ask(&server.address, &order).await, began.elapsed())
    });
    let refusals: Vec<_> = stream::iter(refusals).buffer_unordered(50).collect().await;
    let mut times = Vec::new();
    for (reply, took) in refusals {
        let reply = reply.expect("a refusal, not just a closed door");
        assert_eq!(reply.status, 503);
        assert!(reply.head.contains("retry-after: "), "{}", reply.head);
        times.push(took);
    }
    times.sort();
    // Fifty ask at the same time, on a machine that does other things, too.
    assert!(times[MORE / 2] < Duration::from_millis(100), "half wait {:?}", times[MORE / 2]);
    assert!(times[MORE - 1] < Duration::from_secs(1), "one waited {:?}", times[MORE - 1]);
    let platform = server.web.post(&COFFEE.webhook(&completed(1))).await;
    assert_eq!(platform.status, 503, "an ordinary client hears it too");
    let after = server.usage();
    assert!(after.rss_mib < before.rss_mib + 50, "{before:?}, then {after:?}");
    assert!(server.metrics().await.contains("afs_connections_refused_total 501"));

    drop(idle);
    server.web.deliver(&COFFEE.webhook(&completed(1))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_usual_limit_of_descriptors_leaves_room_for_the_record() {
    // What a login shell gives a process: as many descriptors as the default has connections.
    let server = Server::start_by(&[("server.request_timeout_secs", 60.into())], |dir| {
        let afs = program("afs", dir);
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "ulimit -S -n 1024; exec \"$0\" \"$@\""]).arg(afs.get_program());
        shell.env_clear().current_dir(dir);
        shell.envs(afs.get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell
    })
    .await;
    rlimit::increase_nofile_limit(4_000).unwrap();
    let before = server.usage();
    let idle = connect(&server.address, 1_020).await;
    eventually("the server has accepted them", async || {
        server.usage().sockets >= before.sockets + 1_000
    })
    .await;

    for order in 1..=10 {
        assert_eq!(server.web.post(&PAPER.webhook(&completed(order))).await.status, 200);
    }
    drop(idle);
}
