//! Logs, metrics and refusals name nobody, and tell no secret; who is to be erased is.

use domain::{EmailAddress, OrderEvent};
use mail::{
    Stage,
    testkit::{Behaviour, Script},
};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    installation::{Installation, Profile, Setup},
    on_both_profiles,
    servers::eventually,
    shop::{COFFEE, PAPER, SHOPS, TEA, cancelled, completed},
    web::Answer,
};

on_both_profiles! {
    logs_and_metrics_name_nobody_and_tell_no_secret,
    a_buyer_is_told_what_is_stored_and_erased_when_the_platform_says_so,
}

const ADDRESS: &str = "ananas.vertraulich@geheim.example";
const NAME: &str = "Ananas Vertraulich";
const PRODUCT: &str = "Peinliche Salbe";
const PHONE: &str = "+49 30 901820";
const STREET: &str = "Geheimratsgasse 7";
const OPINION: &str = "Half-gar nicht so gut";
const SMTP_USER: &str = "smtp-user-of-afs";
const SMTP_PASSWORD: &str = "smtp-password-of-afs";
const NEW_SECRET: &str = "whsec_bm90LWJhc2U2NA==-not-base64-at-all";

async fn logs_and_metrics_name_nobody_and_tell_no_secret(profile: Profile) {
    let talkative = Script::new()
        .auth("PLAIN", SMTP_USER, SMTP_PASSWORD)
        .then(
            Stage::RcptTo,
            Behaviour::Reply("450 <ananas.vertraulich@geheim.example> is greylisted"),
        )
        .then(Stage::RcptTo, Behaviour::Reply("550 5.1.1 ananas.vertraulich: no such mailbox"));
    let mut afs = Setup::new(profile)
        // As much as there is.
        .set("log.level", "trace")
        .set("mail.smtp.username", SMTP_USER)
        .set("mail.smtp.password", SMTP_PASSWORD)
        .mail_server(talkative)
        .start()
        .await;

    let mut secrets = Vec::from(
        [ADDRESS, NAME, PRODUCT, PHONE, STREET, OPINION, SMTP_USER, SMTP_PASSWORD, NEW_SECRET]
            .map(str::to_owned),
    );
    secrets.extend(ADDRESS.split('@').map(str::to_owned));
    secrets.extend(NAME.split(' ').map(str::to_owned));
    secrets.extend(SHOPS.iter().map(|shop| shop.secret.to_owned()));
    secrets.extend(
        ["redis-password", "postgres-password", "the-link-key-of", "the-address-key-of"]
            .map(str::to_owned),
    );

    everything_that_goes_well(&afs, &mut secrets).await;
    let refusals = everything_that_goes_wrong(&mut afs).await;

    let mut told = afs.logs() + &afs.metrics().await + &refusals.join("\n");
    for command in [&["status"][..], &["status", "--json"], &["config", "check"]] {
        let output = afs.afs(command);
        told += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }
    for readiness in afs.ask_daemons("/readyz").await {
        told += &readiness.body;
    }
    for line in [
        "DEBUG ",
        "invitation failed for good",
        "webhook rejected",
        "unsubscribed",
        "cannot be read",
        "shops.paper.secrets",
    ] {
        assert!(told.contains(line), "nothing of {line:?} was told");
    }
    let told = told.to_lowercase();
    for secret in secrets {
        let secret = secret.to_lowercase();
        let found = told.lines().find(|line| line.contains(&secret));
        assert_eq!(found, None, "{secret} was told");
    }
}

/// Orders become mails, links are opened, a review is written, mail is stopped. Adds the tokens that
/// come up to `secrets`.
async fn everything_that_goes_well(afs: &Installation, secrets: &mut Vec<String>) {
    for (shop, reference) in SHOPS.iter().zip(1..) {
        afs.web.deliver(&shop.webhook(&order(reference))).await;
    }
    eventually("one mail is refused and the others are taken", async || {
        let status = afs.status();
        status.invitations("sent") == 2 && status.invitations("failed") == 1
    })
    .await;
    let mail = afs.mail_to(ADDRESS).await;
    let (link, stop) = (mail.review_link(), mail.unsubscribe_link());
    let form = afs.web.get(&link).await.form();
    for link in [&link, &stop] {
        secrets.push(link.rsplit('/').next().unwrap().to_owned());
    }
    secrets.push(form.fields["stamp"].clone());
    let filled_in =
        form.with("stars", "1").with("title", OPINION).with("text", OPINION).with("name", NAME);
    afs.web.submit(&filled_in).await;
    eventually("the review is verified", async || afs.status().reviews("verified") == 1).await;
    afs.web.submit(&afs.web.get(&stop).await.form()).await;
    assert_eq!(afs.status().suppressions(), 1);
    afs.web.deliver(&PAPER.webhook(&cancelled(&order(3)))).await;
    let genuine = TEA.webhook(&order(6));
    let mut with_more: Value = serde_json::from_slice(&genuine.body).unwrap();
    with_more["billing"]["phone"] = PHONE.into();
    with_more["billing"]["address_1"] = STREET.into();
    afs.web.deliver(&TEA.signed(with_more.to_string().as_bytes(), &genuine)).await;
}

/// Forged and malformed requests, changed links, servers that are away, configurations that are
/// refused. Returns what the refusals say.
async fn everything_that_goes_wrong(afs: &mut Installation) -> Vec<String> {
    let mut refusals = Vec::new();
    let mut refused = |answer: Answer, status: u16| {
        assert_eq!(answer.status, status, "{}", answer.body);
        refusals.push(format!("{:?}\n{}", answer.headers, answer.body));
    };
    let genuine = TEA.webhook(&order(4));
    let mut forged = genuine.clone();
    forged.body.push(b' ');
    refused(afs.web.post(&forged).await, 401);
    for malformed in [
        json!({ "id": [], "billing": { "email": ADDRESS, "phone": PHONE } }),
        json!({ "id": 4, "status": "completed", "billing": { "email": [ADDRESS], "country": {} } }),
        json!({ "id": ADDRESS, "status": { "name": NAME }, "line_items": NAME }),
        json!(ADDRESS),
    ] {
        let malformed = TEA.signed(malformed.to_string().as_bytes(), &genuine);
        refused(afs.web.post(&malformed).await, 200);
    }
    let mut compressed = genuine.clone();
    compressed.headers.insert("content-encoding", ADDRESS.parse().unwrap());
    refused(afs.web.post(&compressed).await, 415);
    let large = TEA.signed(ADDRESS.repeat(40_000).as_bytes(), &genuine);
    refused(afs.web.post(&large).await, 413);
    let mail = afs.mail_to(ADDRESS).await;
    for link in [mail.review_link(), mail.unsubscribe_link()] {
        refused(afs.web.get(&format!("{link}x")).await, 404);
        refused(afs.web.ask(Method::PUT, &link).await, 405);
    }

    if afs.has_servers() {
        afs.redis().kill();
        afs.postgres().kill();
        refused(afs.web.post(&COFFEE.webhook(&order(5))).await, 503);
        refused(afs.web.get(&mail.review_link()).await, 500);
        afs.redis().start_again();
        afs.postgres().start_again();
        afs.web.deliver(&COFFEE.webhook(&order(5))).await;
    }

    afs.set("shops.coffee.secrets", vec!["another-secret-of-the-shopify-shop", COFFEE.secret]);
    for daemon in afs.daemons() {
        daemon.signal("HUP");
        daemon.until_logged("configuration reloaded key=\"shops.coffee.secrets");
    }
    afs.set("shops.paper.secrets", vec![NEW_SECRET]);
    for daemon in afs.daemons() {
        daemon.signal("HUP");
        daemon.until_logged("the new configuration is refused");
    }
    refusals
}

fn order(reference: u32) -> OrderEvent {
    let mut event = completed(reference);
    event.order.email = EmailAddress::parse(ADDRESS).ok();
    event.order.name = Some(NAME.into());
    event.order.items[0].name = PRODUCT.into();
    event
}

async fn a_buyer_is_told_what_is_stored_and_erased_when_the_platform_says_so(profile: Profile) {
    let afs = Setup::new(profile).set("invitations.delay_secs", 3600).start().await;
    let genuine = COFFEE.webhook(&order(1));
    afs.web.deliver(&genuine).await;
    afs.web.deliver(&COFFEE.webhook(&completed(2))).await;
    let tell = async |topic: &str, body: Value| {
        let mut request = COFFEE.signed(body.to_string().as_bytes(), &genuine);
        request.headers.insert("x-shopify-topic", topic.parse().unwrap());
        afs.web.deliver(&request).await;
    };
    let customer = json!({ "id": 191_167, "email": ADDRESS, "phone": PHONE });
    let export = || {
        let output = afs.afs(&["privacy", "export", "--shop", "coffee", "--order", "1"]);
        String::from_utf8(output.stdout).unwrap()
    };

    let asks = json!({ "shop_id": 1, "customer": customer, "orders_requested": [1, 3] });
    tell("customers/data_request", asks).await;
    let told = afs.logs();
    assert!(told.contains("`afs privacy export --shop coffee --order 1 --order 3`"), "{told}");
    assert!(!told.contains(ADDRESS));
    assert!(export().contains(ADDRESS) && export().contains(PRODUCT));

    let erase = json!({ "shop_id": 1, "customer": customer, "orders_to_redact": [1] });
    tell("customers/redact", erase).await;
    let left = export();
    assert!(!left.contains(ADDRESS) && !left.contains(NAME) && !left.contains(PRODUCT), "{left}");
    assert_eq!(afs.status().invitations("cancelled"), 1);
    assert_eq!(afs.status().invitations("scheduled"), 1, "nobody else is erased");

    let other = afs.afs(&["privacy", "erase", "--shop", "coffee", "--order", "2", "--order", "9"]);
    let said = String::from_utf8(other.stdout).unwrap();
    assert!(said.contains("erased 1 of 2 orders of coffee"), "{said}");
    assert_eq!(afs.status().invitations("scheduled"), 0);

    afs.web.deliver(&COFFEE.webhook(&completed(3))).await;
    let all = afs.afs(&["privacy", "erase-shop", "--shop", "coffee"]);
    let said = String::from_utf8(all.stdout).unwrap();
    assert!(said.ends_with("no order of coffee names its buyer any more\n"), "{said}");
    assert_eq!(afs.status().invitations("scheduled"), 0);
}
