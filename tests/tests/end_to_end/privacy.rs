//! Logs and metrics name nobody, and tell no secret.

use domain::{EmailAddress, OrderEvent};
use mail::{
    Stage,
    testkit::{Behaviour, Script},
};
use tests::{
    installation::{Installation, Profile, Setup},
    on_both_profiles,
    servers::eventually,
    shop::{COFFEE, PAPER, SHOPS, TEA, cancelled, completed},
};

on_both_profiles! {
    logs_and_metrics_name_nobody_and_tell_no_secret,
}

const ADDRESS: &str = "ananas.vertraulich@geheim.example";
const NAME: &str = "Ananas Vertraulich";
const PRODUCT: &str = "Peinliche Salbe";
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

    let mut secrets = vec![ADDRESS, NAME, PRODUCT, OPINION, SMTP_USER, SMTP_PASSWORD, NEW_SECRET]
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    secrets.extend(ADDRESS.split('@').map(str::to_owned));
    secrets.extend(NAME.split(' ').map(str::to_owned));
    secrets.extend(SHOPS.iter().map(|shop| shop.secret.to_owned()));
    secrets.extend(
        ["redis-password", "postgres-password", "the-link-key-of", "the-address-key-of"]
            .map(str::to_owned),
    );

    everything_that_goes_well(&afs, &mut secrets).await;
    everything_that_goes_wrong(&mut afs).await;

    let mut told = afs.logs() + &afs.metrics().await;
    let status = afs.afs(&["status"]);
    told += &String::from_utf8_lossy(&status.stdout);
    for readiness in afs.ask_daemons("/readyz").await {
        told += &readiness.body;
    }
    for line in ["DEBUG ", "invitation failed for good", "webhook rejected", "unsubscribed"] {
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
}

/// Forged and malformed requests, changed links, servers that are away, configurations that are
/// refused.
async fn everything_that_goes_wrong(afs: &mut Installation) {
    let genuine = TEA.webhook(&order(4));
    let mut forged = genuine.clone();
    forged.body.push(b' ');
    assert_eq!(afs.web.post(&forged).await.status, 401);
    let malformed = format!(r#"{{"id": [], "billing": {{"email": "{ADDRESS}"}}}}"#);
    let malformed = TEA.signed(malformed.as_bytes(), &genuine);
    assert_eq!(afs.web.post(&malformed).await.status, 422);
    let link = afs.mail_to(ADDRESS).await.review_link();
    assert_eq!(afs.web.get(&format!("{link}x")).await.status, 404);

    if afs.has_servers() {
        afs.redis().kill();
        afs.postgres().kill();
        assert_eq!(afs.web.post(&COFFEE.webhook(&order(5))).await.status, 503);
        assert_eq!(afs.web.get(&link).await.status, 500);
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
}

fn order(reference: u32) -> OrderEvent {
    let mut event = completed(reference);
    event.order.email = EmailAddress::parse(ADDRESS).ok();
    event.order.name = Some(NAME.into());
    event.order.items[0].name = PRODUCT.into();
    event
}
