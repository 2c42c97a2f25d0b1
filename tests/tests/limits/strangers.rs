//! Whoever cannot sign writes neither the record nor the log nor the metrics.

use std::{os::unix::fs::PermissionsExt as _, time::Instant};

use domain::OrderEvent;
use futures::{StreamExt as _, stream};
use reqwest::{Method, header::HeaderMap};
use serde_json::Value;
use tests::{
    servers::eventually,
    shop::{COFFEE, PAPER, TEA, Webhook, completed},
};

use crate::{
    server::Server,
    wire::{Wire, request, unsigned},
};

#[tokio::test(flavor = "multi_thread")]
async fn requests_without_a_signature_leave_no_trace_but_counters_of_fixed_names() {
    let server = Server::start(&[]).await;
    server.web.deliver(&TEA.webhook(&completed(1))).await;
    let paths =
        ["/webhooks/made-up-shop", "/r/made-up", "/u/made-up", "/review/made-up", "/made-up"];
    let strangers = |round: u32| {
        let server = &server;
        let requests = (0..100).flat_map(move |n| {
            paths.into_iter().map(move |path| {
                let number = round * 1000 + n;
                let body =
                    format!("{{\"id\":{number},\"email\":\"made-up-{number}@example.com\"}}");
                let headers = [
                    ("user-agent", format!("made-up-{number}")),
                    ("x-wc-webhook-signature", format!("made-up-{number}")),
                    ("x-wc-webhook-topic", format!("made-up-{number}")),
                    ("x-request-id", format!("made-up-{number}")),
                    ("webhook-id", format!("made-up-{number}")),
                    ("accept-language", format!("made-up-{number}")),
                ];
                let headers =
                    headers.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
                let path = format!("{path}-{number}");
                let webhook =
                    Webhook { path, headers: HeaderMap::from_iter(headers), body: body.into() };
                async move { server.web.post(&webhook).await.status }
            })
        });
        stream::iter(requests).buffer_unordered(8).collect::<Vec<_>>()
    };

    strangers(1).await;
    let names = |metrics: String| -> Vec<String> {
        let lines = metrics.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut names: Vec<_> =
            lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
        names.sort();
        names
    };
    let before = names(server.metrics().await);
    let statuses = strangers(2).await;
    assert!(statuses.iter().all(|status| [401, 404].contains(status)), "{statuses:?}");

    assert_eq!(names(server.metrics().await), before, "no name and no label is a stranger's");
    assert_eq!(server.recorded("orders"), 1);
    assert_eq!(server.recorded("reviews"), 0);
    assert_eq!(server.recorded("suppressions"), 0);
    assert!(!server.log().contains("made-up"), "the log tells that, not what");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_writes_lines_of_their_own_into_the_log() {
    for format in ["text", "json"] {
        let server = Server::start(&[("log.format", format.into())]).await;
        let sly = |reference: &str, shop: tests::shop::Shop| {
            let mut order: OrderEvent = completed(1);
            order.order.reference = reference.to_owned();
            shop.webhook(&order)
        };
        let references = [
            "1\nERROR forged",
            "1\r\n2026-01-01T00:00:00Z ERROR forged",
            "1\u{1b}[2J\u{1b}[31mforged",
            "1\" forged=\"yes",
            "1\u{202e}degrof",
            "1\u{2028}forged",
            "1\u{85}forged",
            "1 forged=yes",
        ];
        for reference in references {
            for shop in [PAPER, COFFEE, TEA] {
                let answer = server.web.post(&sly(reference, shop)).await;
                assert!([200, 401].contains(&answer.status), "{reference:?}: {}", answer.body);
            }
        }
        let garbled = request(&PAPER.webhook(&completed(2)), "HTTP/1.1");
        let garbled = String::from_utf8(garbled).unwrap();
        for path in ["/webhooks/paper%0aforged", "/webhooks/paper%0d%0aforged", "/r/x%0aforged"] {
            let moved = garbled.replace("/webhooks/paper", path);
            Wire::ask(&server.address, moved).await.unwrap();
        }

        let log = server.log();
        assert!(log.contains("webhook accepted"), "{log}");
        for line in log.lines() {
            let begins = if format == "json" { "{\"timestamp\":\"2" } else { "2" };
            assert!(line.starts_with(begins), "a line of its own: {line:?}");
            assert!(!line.contains(char::is_control), "{line:?}");
            if format == "json" {
                assert!(serde_json::from_str::<Value>(line).is_ok(), "{line:?}");
            } else {
                assert!(!line.contains(['\u{202e}', '\u{2028}']), "for a terminal: {line:?}");
                assert!(!line.contains(" forged=\"yes"), "a field of its own: {line:?}");
            }
        }
    }
}

/// The log may lie on the disk of the record.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_is_counted_and_does_not_flood_the_log() {
    const ROUNDS: usize = 30;
    let server = Server::start(&[]).await;
    let began = Instant::now();
    let hundred = unsigned("content-length: 0").repeat(100);

    for _ in 0..ROUNDS {
        let mut wire = Wire::open(&server.address).await;
        wire.send(&hundred).await.unwrap();
        for _ in 0..100 {
            assert_eq!(wire.reply().await.unwrap().status, 401);
        }
    }

    let told = server.log().matches("webhook rejected").count();
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 1;
    assert!((20..=20 + 10 * seconds).contains(&told), "{told} lines in {seconds} s");
    let counted =
        format!("afs_webhooks_rejected_total{{reason=\"missing_signature\"}} {}", ROUNDS * 100);
    let metrics = server.metrics().await;
    assert!(metrics.contains(&counted), "{metrics}");
}

/// Anybody may write a review without an invitation, so that must not fill the disk, nor keep the
/// one writer of the record from orders.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_uninvited_reviews_is_dammed_shop_by_shop() {
    const FLOOD: usize = 300;
    let server = Server::start(&[]).await;
    let form = server.web.get("/review/tea").await.form().with("stars", "1");

    let posts = (0..FLOOD).map(|n| {
        let (server, form) = (&server, form.clone().with("text", &format!("spam {n}")));
        async move { server.web.submit(&form).await }
    });
    let answers: Vec<_> = stream::iter(posts).buffer_unordered(16).collect().await;

    let stored = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((50..=100).contains(&stored), "{stored} of {FLOOD} were stored");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!(answer.status, 429);
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(server.recorded("reviews"), stored as u64);
    assert!(server.metrics().await.contains("afs_reviews_refused_total{reason=\"flood\"}"));

    let elsewhere = server.web.get("/review/coffee").await.form().with("stars", "5");
    assert_eq!(server.web.submit(&elsewhere).await.status, 200, "the other shop is dry");
    assert_eq!(server.web.post(&TEA.webhook(&completed(1))).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_scripts_frames_sniffing_indexing_and_referrers() {
    let server = Server::start(&[]).await;
    let page = server.web.get("/review/tea").await;
    let style = page.body.split("assets/").nth(1).unwrap().split('"').next().unwrap();
    let style = format!("/assets/{style}");
    for (method, path, status, cached) in [
        (Method::GET, "/review/tea", 200, false),
        (Method::HEAD, "/review/tea", 200, false),
        (Method::POST, "/review/tea", 422, false),
        (Method::GET, "/review/none", 404, false),
        (Method::GET, "/r/none", 404, false),
        (Method::POST, "/u/none", 404, false),
        (Method::GET, "/r/%ff", 400, false),
        (Method::GET, "/", 404, false),
        (Method::DELETE, "/review/tea", 405, false),
        (Method::TRACE, "/review/tea", 405, false),
        (Method::OPTIONS, "/review/tea", 405, false),
        (Method::POST, "/webhooks/tea", 401, false),
        (Method::GET, "/webhooks/tea", 405, false),
        (Method::GET, &style, 200, true),
    ] {
        let answer = server.web.ask(method.clone(), path).await;
        let what = format!("{method} {path}");
        assert_eq!(answer.status, status, "{what}");
        let header = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap());
        let policy = header("content-security-policy").unwrap_or_default();
        for part in [
            "default-src 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
            "base-uri 'none'",
        ] {
            assert!(policy.contains(part), "{what}: {part} is not in {policy:?}");
        }
        assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{what}: {policy}");
        assert_eq!(header("x-content-type-options"), Some("nosniff"), "{what}");
        assert_eq!(header("referrer-policy"), Some("no-referrer"), "{what}");
        assert_eq!(header("x-robots-tag"), Some("noindex"), "{what}");
        let cache = if cached { "public, max-age=31536000, immutable" } else { "no-store" };
        assert_eq!(header("cache-control"), Some(cache), "{what}");
        let kind = header("content-type").unwrap_or_default();
        let tells_charset = kind.ends_with("charset=utf-8") || kind == "application/problem+json";
        assert!(answer.body.is_empty() || tells_charset, "{what}: {kind}");
        for absent in ["set-cookie", "location", "server", "access-control-allow-origin"] {
            assert_eq!(header(absent), None, "{what}");
        }
    }
    assert!(!page.body.contains("<script"));
}

/// Personal data lies in these files, and the keys of all links.
#[tokio::test(flavor = "multi_thread")]
async fn files_that_the_server_makes_are_for_its_own_user_alone() {
    let server = Server::start(&[
        ("invitations.delay_secs", 0.into()),
        ("invitations.window_always_open", true.into()),
    ])
    .await;
    server.web.deliver(&TEA.webhook(&completed(1))).await;
    let var = server.dir().join("var");
    let files = || {
        let mut files = Vec::new();
        for dir in [var.clone(), var.join("outbox")] {
            let entries = fs_err::read_dir(dir).into_iter().flatten().flatten();
            files.extend(entries.map(|entry| entry.path()).filter(|path| path.is_file()));
        }
        files
    };
    let made = ["afs.db", "afs.db-wal", "link.key", "address.key", ".eml"];
    eventually("all files are made", async || {
        let files = files();
        let there = |name: &&str| files.iter().any(|file| file.to_string_lossy().ends_with(*name));
        made.iter().all(there)
    })
    .await;

    for file in files() {
        let Ok(metadata) = fs_err::metadata(&file) else { continue };
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(mode & 0o077, 0, "{} has mode {mode:o}", file.display());
    }
}
