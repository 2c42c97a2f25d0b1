//! How requests to `/webhooks/{shop}` are refused.

use std::time::Duration;

use adapter_api::{Encoding, KeyForm, Scheme, Signature};
use jiff::SignedDuration;
use reqwest::{Method, header::HeaderMap};
use tests::{
    installation::{Profile, Setup},
    on_both_profiles,
    shop::{COFFEE, PAPER, SHOPS, Shop, TEA, Webhook, completed, now},
    web::Answer,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

on_both_profiles! {
    whoever_cannot_sign_learns_nothing,
    what_is_too_large_or_compressed_is_told_so,
    a_new_woocommerce_webhook_may_try_any_address,
    a_platform_that_tries_out_an_address_or_registers_is_answered,
    a_body_that_drips_in_is_cut,
}

async fn whoever_cannot_sign_learns_nothing(profile: Profile) {
    let afs = Setup::new(profile).start().await;
    let genuine = PAPER.webhook(&completed(1));
    let elsewhere = |path: &str| Webhook { path: path.to_owned(), ..genuine.clone() };
    let unsigned = |webhook: Webhook| {
        let mut headers = webhook.headers;
        for name in ["webhook-signature", "x-shopify-hmac-sha256", "x-wc-webhook-signature"] {
            headers.remove(name);
        }
        Webhook { headers, ..webhook }
    };
    let guessing = |shop: Shop| Shop { secret: "Z3Vlc3NlZC1ieS1zb21lYm9keS1lbHNlISEhISE=", ..shop };
    let long_ago = now() - SignedDuration::from_mins(10);

    let mut attempts = vec![
        PAPER.webhook_signed_at(&completed(1), long_ago),
        PAPER.webhook_signed_at(&completed(1), now() + SignedDuration::from_mins(10)),
        elsewhere("/webhooks/no-such-shop"),
        elsewhere("/webhooks/Not%20even%20an%20id"),
        elsewhere("/webhooks/coffee"),
    ];
    for shop in SHOPS {
        attempts.push(guessing(shop).webhook(&completed(1)));
        attempts.push(unsigned(shop.webhook(&completed(1))));
        let mut changed = shop.webhook(&completed(1));
        changed.body.push(b' ');
        attempts.push(changed);
    }
    let first = afs.web.post(&attempts[0]).await;
    assert_eq!(first.status, 401);
    for attempt in &attempts {
        let answer = afs.web.post(attempt).await;
        assert_eq!(answer.status, 401, "{}", attempt.path);
        assert_eq!(answer.body, first.body, "{}", attempt.path);
        assert_eq!(telling(&answer), telling(&first), "{}", attempt.path);
        assert_ne!(answer.headers["x-request-id"], first.headers["x-request-id"]);
    }

    assert_eq!(afs.web.post(&genuine).await.status, 200, "it was the signature");
    assert_eq!(afs.status().orders(), 1);
}

/// The headers that could tell one refusal from another.
fn telling(answer: &Answer) -> HeaderMap {
    let mut headers = answer.headers.clone();
    headers.remove("x-request-id").unwrap();
    headers.remove("date");
    headers
}

async fn what_is_too_large_or_compressed_is_told_so(profile: Profile) {
    let afs = Setup::new(profile).set("server.body_limit_kib", 16).start().await;
    let expect = async |webhook: &Webhook, status: u16, code: &str| {
        let answer = afs.web.post(webhook).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(problem["code"], code);
        problem["detail"].as_str().unwrap().to_owned()
    };

    let genuine = TEA.webhook(&completed(1));
    let large = TEA.signed(&vec![b' '; 16 * 1024 + 1], &genuine);
    let detail = expect(&large, 413, "body_too_large").await;
    assert!(detail.contains("16 KiB"), "{detail}");

    let mut compressed = genuine.clone();
    compressed.headers.insert("content-encoding", "gzip".parse().unwrap());
    expect(&compressed, 415, "compressed_body").await;

    let got = afs.web.ask(Method::GET, "/webhooks/tea").await;
    assert_eq!(got.status, 405);
    assert_eq!(got.headers["allow"], "POST");

    assert_eq!(afs.status().orders(), 0);
    assert_eq!(afs.web.post(&genuine).await.status, 200, "nothing of it does harm");
}

async fn a_new_woocommerce_webhook_may_try_any_address(profile: Profile) {
    let afs = Setup::new(profile).start().await;

    for shop in [TEA.id, COFFEE.id, PAPER.id, "no-such-shop"] {
        let ping = Webhook {
            path: format!("/webhooks/{shop}"),
            headers: HeaderMap::from_iter([(
                reqwest::header::CONTENT_TYPE,
                "application/x-www-form-urlencoded".parse().unwrap(),
            )]),
            body: b"webhook_id=7".to_vec(),
        };
        assert_eq!(afs.web.post(&ping).await.status, 200, "{shop}");
    }

    assert_eq!(afs.status().orders(), 0);
}

async fn a_platform_that_tries_out_an_address_or_registers_is_answered(profile: Profile) {
    const SECRET: &str = "4e9f5a0c1b7d2e8f4e9f5a0c1b7d2e8f4e9f5a0c1b7d2e8f4e9f5a0c1b7d2e8f";
    let afs = Setup::new(profile)
        .set("shops.ware.platform", "shopware")
        .set("shops.ware.name", "Ware House")
        .set("shops.ware.secrets", vec![SECRET])
        .start()
        .await;
    for shop in [TEA.id, "no-such-shop"] {
        let with = async |challenge: &str| {
            let path = format!("/webhooks/{shop}?challenge={challenge}");
            afs.web.ask(Method::GET, &path).await
        };
        let challenged = with("8ec8d794-1").await;
        assert_eq!((challenged.status, challenged.body.as_str()), (200, "8ec8d794-1"));
        assert_eq!(challenged.headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(
            with("%3Cscript%3E").await.status,
            405,
            "nothing a browser would run is said again"
        );
    }

    let timestamp = now().as_second();
    let query = format!("shop-id=1&shop-url=https://ware.example&timestamp={timestamp}");
    let signer = Scheme::WholeBody(Signature::HmacSha256 {
        headers: &["shopware-app-signature"],
        encoding: Encoding::Hex,
        key: KeyForm::Raw,
    });
    let register = async |secret: &str| {
        let headers = signer.sign(secret, query.as_bytes(), "", now());
        let webhook = Webhook { path: format!("/webhooks/ware?{query}"), headers, body: vec![] };
        afs.web.get_with(&webhook).await
    };
    let answer = register(SECRET).await;
    assert_eq!(answer.status, 200);
    let answer: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["secret"], SECRET);
    assert!(answer["confirmation_url"].as_str().unwrap().ends_with("/webhooks/ware"));
    assert_eq!(register("somebody else's").await.status, 405);
    assert!(!afs.logs().contains(SECRET));
}

async fn a_body_that_drips_in_is_cut(profile: Profile) {
    let mut afs = Setup::new(profile).set("server.request_timeout_secs", 1).start().await;
    let address = afs.address();

    let mut slow = TcpStream::connect(&address).await.unwrap();
    let head = "POST /webhooks/tea HTTP/1.1\r\nhost: afs\r\ncontent-length: 1000\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 12];
    timeout(Duration::from_secs(10), slow.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 408");

    let mut endless = TcpStream::connect(&address).await.unwrap();
    let head = "POST /webhooks/tea HTTP/1.1\r\nhost: afs\r\ntransfer-encoding: chunked\r\n\r\n";
    endless.write_all(head.as_bytes()).await.unwrap();
    // The body limit: 1 MiB, in chunks of 64 KiB.
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x1_0000], b"\r\n"].concat();
    for _ in 0..17 {
        endless.write_all(&chunk).await.unwrap();
    }
    timeout(Duration::from_secs(10), endless.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(answer, b"HTTP/1.1 413");

    let metrics = afs.receiver().ask("/metrics").await.body;
    for reason in ["body_too_slow", "body_too_large"] {
        let line = format!("afs_webhooks_rejected_total{{reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
    assert_eq!(afs.web.post(&TEA.webhook(&completed(1))).await.status, 200);
}
