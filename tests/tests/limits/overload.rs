//! What the record cannot take is refused in time, and what a storm took is given back.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, future::join_all, stream};
use sqlx::{Connection as _, Executor as _, SqliteConnection};
use tests::{
    servers::eventually,
    shop::{SHOPS, TEA, Webhook, completed},
    usage::Usage,
};

use crate::{
    connections::connect,
    server::Server,
    wire::{Wire, request, unsigned},
};

/// A commit may take four seconds; hundreds of refusals at once, on a busy machine, a few more.
const REFUSED_WITHIN: Duration = Duration::from_secs(8);

/// Somebody else holds the record's lock.
async fn lock(server: &Server) -> SqliteConnection {
    let url = format!("sqlite:{}", server.dir().join("var/afs.db").display());
    let mut record = SqliteConnection::connect(&url).await.unwrap();
    record.execute("BEGIN EXCLUSIVE").await.unwrap();
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_record_is_busy_every_order_is_told_to_come_again_and_then_none_is_missing() {
    const ORDERS: u32 = 400;
    let server = Server::start(&[]).await;
    let orders: Vec<Webhook> =
        (1..=ORDERS).map(|n| SHOPS[n as usize % 3].webhook(&completed(n))).collect();
    let mut record = lock(&server).await;

    let refusals = join_all(orders.iter().map(|order| async {
        let began = Instant::now();
        (server.web.post(order).await, began.elapsed())
    }))
    .await;

    for (answer, took) in refusals {
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(answer.headers.contains_key("retry-after"));
        assert!(took < REFUSED_WITHIN, "refused after {took:?}");
    }
    assert_eq!(server.web.get("/review/tea").await.status, 200, "pages need no lock");

    record.execute("ROLLBACK").await.unwrap();
    server.web.deliver_all(orders).await;
    assert_eq!(server.recorded("orders"), u64::from(ORDERS));
    assert_eq!(server.recorded("invitations"), u64::from(ORDERS));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_too_many_orders_wait_for_the_record_the_next_ones_are_refused_at_once() {
    // 4,096 may wait, and 256 are being written.
    const WAITING: usize = 4_096 + 256;
    const MORE: usize = 100;
    let server = Server::start(&[
        ("server.max_connections", (WAITING + MORE + 100).into()),
        // So many connections take a while to open, and the first must not have ended by then.
        ("server.request_timeout_secs", 60.into()),
    ])
    .await;
    let order = request(&TEA.webhook(&completed(1)), "HTTP/1.1");
    let mut wires: Vec<Wire> =
        connect(&server.address, WAITING + MORE).await.into_iter().map(Wire::over).collect();
    let mut record = lock(&server).await;
    let before = server.usage();

    let began = Instant::now();
    for wire in &mut wires {
        wire.send(&order).await.unwrap();
    }
    let replies: Vec<_> = stream::iter(wires)
        .map(|mut wire| async move { (wire.reply().await.unwrap(), began.elapsed()) })
        .buffer_unordered(WAITING + MORE)
        .collect()
        .await;

    assert!(replies.iter().all(|(reply, _)| reply.status == 503));
    let soon = replies.iter().filter(|(_, took)| *took < Duration::from_secs(3)).count();
    assert!(soon >= 1, "the last ones need not wait");
    let after = server.usage();
    assert!(after.rss_mib < before.rss_mib + 150, "{before:?}, then {after:?}");
    record.execute("ROLLBACK").await.unwrap();
    server.web.deliver(&TEA.webhook(&completed(1))).await;
}

/// Senders of a megabyte each who stop before the last byte.
#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_never_end_take_a_bounded_share_of_memory_and_stop_no_order() {
    const SENDERS: usize = 400;
    let server = Server::start(&[("server.request_timeout_secs", 4.into())]).await;
    let before = server.usage();
    let head = unsigned(&format!("content-length: {}", 1 << 20));
    let unfinished = [head.as_bytes(), &vec![b' '; (1 << 20) - 1]].concat();

    let senders = connect(&server.address, SENDERS).await.into_iter().map(|stream| {
        let mut wire = Wire::over(stream);
        let unfinished = unfinished.clone();
        tokio::spawn(async move {
            let _cut = wire.send(unfinished).await;
            wire.reply().await.map(|reply| reply.status)
        })
    });
    let sending = tokio::spawn(join_all(senders));
    let (mut peak, mut orders) = (0, 0);
    while !sending.is_finished() {
        orders += 1;
        let order = SHOPS[orders as usize % 3].webhook(&completed(orders));
        assert_eq!(server.web.post(&order).await.status, 200);
        peak = peak.max(server.usage().rss_mib);
    }

    for status in sending.await.unwrap() {
        assert_eq!(status.unwrap(), Some(408));
    }
    assert!(peak < before.rss_mib + 160, "{before:?}, then {peak} MiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_storm_memory_and_descriptors_are_what_they_were() {
    let server = Server::start(&[
        ("server.request_timeout_secs", 2.into()),
        ("server.max_connections", 3_000.into()),
    ])
    .await;
    // The first round opens what stays open: connections to the record, buffers of the allocator.
    storm(&server, 0).await;
    let before = calm(&server).await;

    for round in 1..=3 {
        storm(&server, round).await;
    }

    let after = calm(&server).await;
    assert!(after.descriptors <= before.descriptors + 2, "{before:?}, then {after:?}");
    // The allocator keeps some; the bodies of three storms, if they leaked, would be 150 MiB.
    assert!(after.rss_mib <= before.rss_mib + 60, "{before:?}, then {after:?}");
    assert_eq!(server.recorded("orders"), 4 * 300);
}

/// Orders, idlers, half requests, garbage, pages and hang-ups, all at once.
async fn storm(server: &Server, round: u32) {
    let address = &server.address;
    let orders = (0..300).map(|n| SHOPS[n as usize % 3].webhook(&completed(1 + round * 300 + n)));
    let idlers = async {
        let idle = connect(address, 500).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(idle);
    };
    let large = format!("{}{}", unsigned("content-length: 900000"), " ".repeat(500_000));
    let halves = [
        "POST /webhooks/tea HTTP/1.1\r\nx: ".to_owned(),
        large,
        "\0\0\0\0\r\n\r\n".to_owned(),
        "GET /review/tea HTTP/1.1\r\nhost: afs\r\n\r\n".repeat(20),
        unsigned("content-encoding: gzip\r\ncontent-length: 10"),
    ];
    let disturbers = (0..500).map(|n| {
        let bytes = &halves[n % halves.len()];
        async move {
            let mut wire = Wire::open(address).await;
            let _refused = wire.send(bytes).await;
            if n % 2 == 0 {
                wire.reply().await;
            }
        }
    });
    let disturbing = stream::iter(disturbers).buffer_unordered(100).collect::<Vec<_>>();
    tokio::join!(server.web.deliver_all(orders), idlers, disturbing);
}

/// What the server holds once every connection is closed: nothing has changed for longer than it
/// bears with an idle one.
async fn calm(server: &Server) -> Usage {
    let mut last = (server.usage(), Instant::now());
    eventually("the server is calm", async || {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = server.usage();
        if now.descriptors != last.0.descriptors || now.rss_mib < last.0.rss_mib {
            last = (now, Instant::now());
        }
        last.1.elapsed() > Duration::from_secs(3)
    })
    .await;
    server.usage()
}
