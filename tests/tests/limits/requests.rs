//! Heads and bodies are bounded, and nobody smuggles a request.

use std::time::Duration;

use tests::shop::{COFFEE, PAPER, TEA, completed};
use tokio::io::AsyncWriteExt as _;

use crate::{
    server::Server,
    wire::{Wire, request, unsigned},
};

const GIGABYTE: usize = 1 << 30;

/// More than any of our buffers, and far less than a gigabyte.
const EARLY: usize = 32 << 20;

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_is_refused_when_it_is_announced_and_while_it_streams() {
    let server = Server::start(&[]).await;
    let before = server.usage();

    for announced in ["", "expect: 100-continue\r\n"] {
        let head = unsigned(&format!("{announced}content-length: {GIGABYTE}"));
        let reply = Wire::ask(&server.address, head).await.unwrap();
        assert_eq!(reply.status, 413, "nobody is asked to go on");
    }

    let mut wire = Wire::open(&server.address).await;
    wire.send(unsigned("transfer-encoding: chunked")).await.unwrap();
    let (mut listening, mut write) = wire.split();
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 0x10_0000], b"\r\n"].concat();
    let streaming = tokio::spawn(async move {
        let mut sent = 0;
        while sent < GIGABYTE && write.write_all(&chunk).await.is_ok() {
            sent += 0x10_0000;
        }
        sent
    });
    assert_eq!(listening.reply().await.unwrap().status, 413);
    let sent = streaming.await.unwrap();
    assert!(sent < EARLY, "{sent} bytes were taken");

    let after = server.usage();
    assert!(after.rss_mib < before.rss_mib + 32, "{before:?}, then {after:?}");
}

/// Who sends on while we answer must not meet a reset before the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_ordinary_client_hears_why_its_body_was_refused() {
    let server = Server::start(&[]).await;
    let mut order = TEA.webhook(&completed(1));
    for megabytes in [2, 4, 7] {
        order.body = vec![b' '; megabytes << 20];
        for _ in 0..5 {
            let answer = server.web.post(&order).await;
            assert_eq!(answer.status, 413, "{}", answer.body);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_compressed_is_unpacked() {
    let server = Server::start(&[]).await;

    for encoding in ["gzip", "GZIP", "br", "zstd", "deflate, identity", "identity, gzip", ""] {
        let lines = format!("content-encoding: {encoding}\r\ncontent-length: {GIGABYTE}");
        let reply = Wire::ask(&server.address, unsigned(&lines)).await.unwrap();
        assert_eq!(reply.status, 415, "{encoding}");
    }
    for coding in ["gzip", "gzip, chunked", "chunked, gzip", "deflate, chunked, identity"] {
        let bomb = format!("{}0\r\n\r\n", unsigned(&format!("transfer-encoding: {coding}")));
        let reply = Wire::ask(&server.address, bomb).await.unwrap();
        assert!([400, 401].contains(&reply.status), "{coding}: {}", reply.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_has_at_most_64_headers_and_32_kib() {
    let server = Server::start(&[]).await;
    let headers =
        |count: usize| (1..count).map(|n| format!("x-{n}: y\r\n")).collect::<Vec<_>>().concat();
    let head = |lines: &str| format!("GET /review/tea HTTP/1.1\r\nhost: afs\r\n{lines}\r\n");

    let most = Wire::ask(&server.address, head(&headers(64))).await.unwrap();
    assert_eq!(most.status, 200);
    for (what, lines) in [
        ("65 headers", headers(65)),
        ("10,000 headers", headers(10_000)),
        ("one of 40 KiB", format!("x: {}\r\n", "y".repeat(40 << 10))),
        ("50 of 1 KiB", format!("x: {}\r\n", "y".repeat(1 << 10)).repeat(50)),
    ] {
        let mut wire = Wire::open(&server.address).await;
        let _refused_half_way = wire.send(head(&lines)).await;
        let reply = wire.reply().await.expect(what);
        assert!([400, 431].contains(&reply.status), "{what}: {}", reply.head);
        assert_eq!(wire.rest().await, b"", "{what}: the connection is closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_http_gets_400_and_the_door() {
    let server = Server::start(&[]).await;
    for nonsense in [
        "\r\n\r\n\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /\u{7f} HTTP/1.1\r\n\r\n",
        "G\0T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n folded: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nx : space\r\n\r\n",
        "GET / HTTP/1.1\r\nx: a\0b\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut wire = Wire::open(&server.address).await;
        wire.send(nonsense).await.unwrap();
        let status = wire.reply().await.map(|reply| reply.status);
        assert!(status.is_none_or(|status| status == 400), "{nonsense:?}: {status:?}");
        assert_eq!(wire.rest().await, b"", "{nonsense:?}: the connection is closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn long_and_garbled_addresses_are_answered_like_any_other() {
    let server = Server::start(&[]).await;
    let long = "a".repeat(10 << 10);
    for (path, status) in [
        (format!("/{long}"), 404),
        (format!("/r/{long}"), 404),
        (format!("/u/{long}"), 404),
        (format!("/review/{long}"), 404),
        (format!("/assets/{long}"), 404),
        (format!("/review/tea?{long}"), 200),
        (format!("/review/tea?{}", "stars=9&".repeat(1000)), 200),
        ("/r/%00%0d%0aSet-Cookie:%20x".into(), 404),
        ("/assets/..%2f..%2f..%2fetc%2fpasswd".into(), 404),
        ("/assets/../../etc/passwd".into(), 404),
        ("//review//tea".into(), 404),
        ("/review/tea/".into(), 404),
        ("/review/TEA".into(), 404),
        ("/r/%".into(), 404),
        ("/r/%zz".into(), 404),
        ("/r/%ff%fe".into(), 400),
        ("/review/%c0%af".into(), 400),
    ] {
        let get = format!("GET {path} HTTP/1.1\r\nhost: afs\r\n\r\n");
        let reply = Wire::ask(&server.address, get).await.unwrap();
        let path = &path[..path.len().min(40)];
        assert_eq!(reply.status, status, "{path}");
        assert!(!reply.head.to_lowercase().contains("set-cookie"), "{path}");
        assert!(!reply.head.to_lowercase().contains("location:"), "{path}: nobody is redirected");
    }
    let webhook = format!("POST /webhooks/{long} HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(Wire::ask(&server.address, webhook).await.unwrap().status, 401);
    let endless = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(70 << 10));
    let status = Wire::ask(&server.address, endless).await.unwrap().status;
    assert!([414, 431].contains(&status), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn http_1_0_as_woocommerce_speaks_it_works() {
    let server = Server::start(&[]).await;
    let order = request(&TEA.webhook(&completed(1)), "HTTP/1.0");
    let without_host = String::from_utf8(order).unwrap().replace("host: afs.example\r\n", "");

    let mut wire = Wire::open(&server.address).await;
    wire.send(&without_host).await.unwrap();
    assert_eq!(wire.reply().await.unwrap().status, 200);
    assert_eq!(wire.rest().await, b"", "one request, one connection");
    assert_eq!(server.recorded("orders"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = Server::start(&[]).await;
    let mut forged = COFFEE.webhook(&completed(1));
    forged.body.push(b' ');
    let kinds = [
        (request(&forged, "HTTP/1.1"), 401),
        (b"GET /review/tea HTTP/1.1\r\nhost: afs\r\n\r\n".to_vec(), 200),
        (b"GET /nothing HTTP/1.1\r\nhost: afs\r\n\r\n".to_vec(), 404),
        (b"PUT /review/tea HTTP/1.1\r\nhost: afs\r\n\r\n".to_vec(), 405),
    ];
    let mut all = Vec::new();
    for round in 0..25 {
        for (bytes, _) in &kinds {
            all.extend_from_slice(bytes);
        }
        all.extend(request(&PAPER.webhook(&completed(100 + round)), "HTTP/1.1"));
    }

    let wire = Wire::open(&server.address).await;
    let (mut listening, mut write) = wire.split();
    let writing = tokio::spawn(async move {
        write.write_all(&all).await.unwrap();
        write
    });

    for round in 0..25 {
        for status in kinds.iter().map(|(_, status)| *status).chain([200]) {
            assert_eq!(listening.reply().await.unwrap().status, status, "round {round}");
        }
    }
    drop(writing.await.unwrap());
    assert_eq!(server.recorded("orders"), 25);
}

/// A proxy and we must agree where a request ends, or a stranger's bytes become another's request.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_whose_end_is_in_doubt_has_no_successor() {
    let server = Server::start(&[]).await;
    let hidden = "GET /review/tea HTTP/1.1\r\nhost: afs\r\n\r\n";
    let length = hidden.len();
    for (lines, body) in [
        // By length the body is the hidden request; by chunks it has ended before.
        (format!("content-length: {}\r\ntransfer-encoding: chunked", length + 5), "0\r\n\r\n"),
        (format!("transfer-encoding: chunked\r\ncontent-length: {}", length + 5), "0\r\n\r\n"),
        ("content-length: 0\r\ntransfer-encoding: chunked".into(), "0\r\n\r\n"),
        ("transfer-encoding: xchunked".into(), "0\r\n\r\n"),
        ("transfer-encoding: chunked\r\ntransfer-encoding: identity".into(), "0\r\n\r\n"),
        (format!("content-length: 0\r\ncontent-length: {length}"), ""),
        (format!("content-length: {length}\r\ncontent-length: 0"), ""),
        (format!("content-length: 0, {length}"), ""),
        ("content-length: +0".into(), ""),
        ("content-length: -1".into(), ""),
        ("content-length: 0x0".into(), ""),
        ("content-length: 99999999999999999999".into(), ""),
        ("transfer-encoding: chunked".into(), "0x0\r\n\r\n"),
        ("transfer-encoding: chunked".into(), "-1\r\n\r\n"),
        ("transfer-encoding: chunked".into(), "fffffffffffffffff\r\n\r\n"),
        ("transfer-encoding: chunked".into(), "1\n\r\nx0\r\n\r\n"),
    ] {
        let mut wire = Wire::open(&server.address).await;
        wire.send(format!("{}{body}{hidden}", unsigned(&lines))).await.unwrap();
        if let Some(reply) = wire.reply().await {
            assert!((400..500).contains(&reply.status), "{lines:?}: {}", reply.head);
        }
        let rest = wire.rest().await;
        assert_eq!(String::from_utf8_lossy(&rest), "", "{lines:?}: the connection is closed");
    }
    let version_1_0 = format!(
        "{}0\r\n\r\n{hidden}",
        unsigned("transfer-encoding: chunked").replace("HTTP/1.1", "HTTP/1.0")
    );
    let mut wire = Wire::open(&server.address).await;
    wire.send(version_1_0).await.unwrap();
    assert_eq!(wire.reply().await.map(|reply| reply.status), Some(400));
    assert_eq!(wire.rest().await, b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_language_list_of_any_length_costs_nothing() {
    let server = Server::start(&[]).await;
    let ask = async |languages: &str| {
        let get = format!(
            "GET /review/tea HTTP/1.1\r\nhost: afs\r\naccept-language: {languages}\r\n\r\n"
        );
        Wire::ask(&server.address, get).await.unwrap()
    };
    assert!(ask("sv-SE,sv;q=0.9").await.body.contains("lang=\"sv\""));
    for languages in [
        "sv,".repeat(7_000),
        format!("sv{}", "-abcde".repeat(4_000)),
        "-".repeat(20_000),
        ";".repeat(20_000),
        "x-".repeat(10_000),
    ] {
        let began = std::time::Instant::now();
        for _ in 0..20 {
            assert_eq!(ask(&languages).await.status, 200);
        }
        let took = began.elapsed();
        assert!(took < Duration::from_secs(4), "{}…: {took:?}", &languages[..20]);
    }
}
