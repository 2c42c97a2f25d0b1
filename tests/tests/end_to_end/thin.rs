//! Webhooks that do not say all: what the platform's API tells counts, and nothing is lost meanwhile.

use adapter_api::signed_sample;
use domain::OrderEvent;
use reqwest::{Method, header::HeaderMap};
use tests::{
    installation::{Installation, Profile, Setup},
    on_both_profiles,
    platform::Platform,
    servers::eventually,
    shop::{Shop, TEA, Webhook, address, cancelled, completed, now},
};

on_both_profiles! {
    an_order_is_fetched_although_the_platform_was_away,
    a_worker_that_dies_while_it_asks_loses_no_order,
    a_replayed_envelope_says_nothing_that_the_platform_does_not,
    a_secret_in_the_address_only_leads_to_a_question,
    what_no_platform_tells_ends_and_is_told,
    what_no_platform_tells_counts_as_its_webhook_told_it,
    what_cannot_be_read_is_kept_until_it_can,
}

/// Signs with a key in hexadecimal; its webhooks hold an order's id.
const SQUARE: Shop = Shop {
    id: "square",
    platform: "squarespace",
    name: "Square Shop",
    secret: "0b1c2d3e4f5061728394a5b6c7d8e9f00b1c2d3e4f5061728394a5b6c7d8e9f0",
};

/// Signs two fields of its webhooks.
const CORNER: Shop = Shop {
    id: "corner",
    platform: "ecwid",
    name: "Corner Shop",
    secret: "the-client-secret-of-the-app",
};

/// Signs nothing.
const QUICK: Shop = Shop {
    id: "quick",
    platform: "quickbutik",
    name: "Quick Shop",
    secret: "abcdefghijklmnopqrstuvwxyz012345",
};

const ACCOUNT: &str = "1003";

async fn start(profile: Profile, shop: Shop, platform: &Platform) -> Installation {
    let key = |name| format!("shops.{}.{name}", shop.id);
    Setup::new(profile)
        .with_short_leases()
        .set(&key("platform"), shop.platform)
        .set(&key("name"), shop.name)
        .set(&key("secrets"), vec![shop.secret])
        .set(&key("api.url"), platform.url.as_str())
        .set(&key("api.account"), ACCOUNT)
        .set(&key("api.token"), "the-token")
        .start()
        .await
}

/// Has the platform tell of `event`, with this status. Returns the first path that is asked for.
fn tell(platform: &Platform, shop: Shop, event: &OrderEvent, status: u16) -> String {
    let source = adapters::find(shop.platform).unwrap().source().unwrap();
    let access = adapter_api::Access { account: ACCOUNT, token: "the-token" };
    let paths = source.requests(&event.order.reference, &access);
    for (request, answer) in paths.iter().zip(source.sample(event)) {
        platform.answers(&request.path, status, answer);
    }
    paths[0].path.clone()
}

async fn an_order_is_fetched_although_the_platform_was_away(profile: Profile) {
    let platform = Platform::start().await;
    let afs = start(profile, SQUARE, &platform).await;
    let event = completed(7);
    let path = tell(&platform, SQUARE, &event, 503);
    afs.web.deliver(&SQUARE.webhook(&event)).await;
    eventually("the platform was asked twice", async || platform.asked(&path) >= 2).await;
    assert_eq!(afs.status().orders(), 0);

    tell(&platform, SQUARE, &event, 200);
    let mail = afs.mail_to(&address(7)).await;
    assert!(mail.review_link().contains("/r/"));
    assert_eq!(afs.status().orders(), 1);

    let asked = platform.asked(&path);
    afs.web.deliver(&SQUARE.webhook(&event)).await;
    eventually("it was asked about once more", async || platform.asked(&path) > asked).await;
    assert_eq!(afs.mails_to(&address(7)).len(), 1, "and is the same order");

    // Nothing hides it: the mail of an order that is cancelled now has left already.
    tell(&platform, SQUARE, &cancelled(&event), 200);
    afs.web.deliver(&SQUARE.webhook(&cancelled(&event))).await;
    eventually("nothing waits to be fetched", async || afs.status().notices() == 0).await;
}

async fn a_worker_that_dies_while_it_asks_loses_no_order(profile: Profile) {
    let platform = Platform::start().await;
    let mut afs = start(profile, SQUARE, &platform).await;
    let event = completed(7);
    let path = tell(&platform, SQUARE, &event, 200);
    platform.hold(&path);
    afs.web.deliver(&SQUARE.webhook(&event)).await;
    eventually("the platform is asked", async || platform.asked(&path) == 1).await;
    afs.worker().kill();
    platform.release(&path);
    afs.worker().start_again().await;
    afs.mail_to(&address(7)).await;
    assert_eq!(afs.mails_to(&address(7)).len(), 1);
}

async fn a_replayed_envelope_says_nothing_that_the_platform_does_not(profile: Profile) {
    let platform = Platform::start().await;
    let afs = start(profile, CORNER, &platform).await;
    let event = completed(7);
    let path = tell(&platform, CORNER, &event, 200);
    let genuine = CORNER.webhook(&event);
    let mut forged = genuine.clone();
    let mut body: serde_json::Value = serde_json::from_slice(&genuine.body).unwrap();
    body["eventType"] = "order.deleted".into();
    forged.body = body.to_string().into_bytes();
    assert_eq!(afs.web.post(&forged).await.status, 200, "only the envelope is signed");
    afs.mail_to(&address(7)).await;
    assert!(platform.asked(&path) >= 1);
    let mut unsigned = genuine;
    let mut body: serde_json::Value = serde_json::from_slice(&unsigned.body).unwrap();
    body["eventId"] = "another".into();
    unsigned.body = body.to_string().into_bytes();
    assert_eq!(afs.web.post(&unsigned).await.status, 401);
}

async fn a_secret_in_the_address_only_leads_to_a_question(profile: Profile) {
    let platform = Platform::start().await;
    let afs = start(profile, QUICK, &platform).await;
    let event = completed(7);
    tell(&platform, QUICK, &event, 200);
    let adapter = adapters::find(QUICK.platform).unwrap();
    let (_, query) = signed_sample(adapter, &event, QUICK.secret, "", now());
    let query = String::from_utf8(query).unwrap();
    let at = |secret: &str| format!("/webhooks/{}/{secret}?{query}", QUICK.id);
    let wrong = QUICK.secret.replace('a', "b");
    for path in [at(&wrong), format!("/webhooks/{}?{query}", QUICK.id)] {
        let answer = afs.web.ask(Method::GET, &path).await;
        assert!([401, 405].contains(&answer.status), "{path}: {}", answer.status);
    }
    assert_eq!(afs.web.ask(Method::HEAD, &at(QUICK.secret)).await.status, 404);
    assert_eq!(afs.status().notices(), 0, "looking changes nothing");

    let answer = afs.web.ask(Method::GET, &at(QUICK.secret)).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, ""));
    afs.mail_to(&address(7)).await;
    assert!(!afs.logs().contains(QUICK.secret), "the address is not logged");
}

async fn what_no_platform_tells_ends_and_is_told(profile: Profile) {
    let platform = Platform::start().await;
    let afs = start(profile, SQUARE, &platform).await;
    let event = completed(7);
    let path = tell(&platform, SQUARE, &event, 200);
    platform.answers(&path, 200, "[]");
    afs.web.deliver(&SQUARE.webhook(&event)).await;
    eventually("it is given up", async || {
        afs.status().failed_notices().iter().any(|error| error.contains("documented shape"))
    })
    .await;
    let shown = String::from_utf8(afs.afs(&["status"]).stdout).unwrap();
    assert!(
        shown.contains("not fetched   square  7") && shown.contains("afs webhook replay"),
        "{shown}"
    );

    tell(&platform, SQUARE, &event, 200);
    let replayed = afs.afs(&["webhook", "replay"]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    afs.mail_to(&address(7)).await;
}

async fn what_no_platform_tells_counts_as_its_webhook_told_it(profile: Profile) {
    let platform = Platform::start().await;
    let shop =
        Shop { id: "pay", platform: "stripe", name: "Pay Shop", secret: "whsec_of-the-shop" };
    let afs = start(profile, shop, &platform).await;
    let event = completed(7);
    let path = tell(&platform, shop, &event, 200);
    platform.answers(&path, 200, "nothing of use");
    afs.web.deliver(&shop.webhook(&event)).await;
    afs.mail_to(&address(7)).await;
    assert!(platform.asked(&path) >= 1, "its products were asked for");
    eventually("nothing waits to be fetched", async || afs.status().notices() == 0).await;
    assert!(afs.logs().contains("it counts as its webhook told it"));
}

async fn what_cannot_be_read_is_kept_until_it_can(profile: Profile) {
    let platform = Platform::start().await;
    let shop = Shop { id: "moved", platform: "shopify", name: "Moved Shop", secret: TEA.secret };
    let mut afs = start(profile, shop, &platform).await;
    // What both platforms sign the same way, and only one of them can read.
    let event = completed(7);
    let readable = TEA.webhook(&event);
    let mut body: serde_json::Value = serde_json::from_slice(&readable.body).unwrap();
    body["fulfillments"] = "none".into();
    let mut webhook = TEA.signed(body.to_string().as_bytes(), &readable);
    webhook.path = "/webhooks/moved".into();
    let signature = webhook.headers["x-wc-webhook-signature"].clone();
    webhook.headers.insert("x-shopify-hmac-sha256", signature);
    webhook.headers.insert("x-shopify-topic", "orders/fulfilled".parse().unwrap());

    for _ in 0..2 {
        let answer = afs.web.post(&webhook).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "or it would be switched off");
    }
    assert_eq!(afs.status().orders(), 0);
    let shown = String::from_utf8(afs.afs(&["status"]).stdout).unwrap();
    assert!(shown.contains("not read      moved  1 webhooks  fulfillments"), "{shown}");
    assert!(afs.logs().contains("cannot be read"));
    assert!(afs.metrics().await.contains("afs_unread_webhooks 1"));
    let replayed = afs.afs(&["webhook", "replay"]);
    assert_eq!(replayed.status.code(), Some(1), "no version came that reads it");
    let told = String::from_utf8(replayed.stdout).unwrap();
    assert!(told.contains("still kept      1: moved: cannot be read: fulfillments"), "{told}");

    afs.set("shops.moved.platform", TEA.platform);
    let replayed = afs.afs(&["webhook", "replay"]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    afs.mail_to(&address(7)).await;
    assert_eq!(afs.status().unread(), 0);
    let forged = Webhook { headers: HeaderMap::new(), ..webhook };
    assert_eq!(afs.web.post(&forged).await.status, 401, "nothing unsigned is kept");
}
