//! What mail providers tell stops mail, if they prove that it comes from them.

use domain::OrderEvent;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tests::{
    amazon::{Amazon, CERTIFICATE, HOST},
    installation::{Installation, Profile, Setup},
    mailbox::Mail,
    on_both_profiles,
    platform::Platform,
    provider::{Provider, told},
    proxy::Proxy,
    servers::eventually,
    shop::{PAPER, Webhook, address, completed, completed_by_buyer_of, now},
};

on_both_profiles! {
    a_provider_that_proves_itself_stops_mail_and_no_other_does,
    amazon_is_believed_once_its_certificate_is_fetched_from_amazon,
}

/// The next order of each buyer of orders 1 to `count` leads to no mail, and that of another does.
async fn no_more_mail_to_buyers_of_orders_up_to(afs: &Installation, count: u32) {
    let order = async |event: OrderEvent| afs.web.deliver(&PAPER.webhook(&event)).await;
    for buyer in 1..=count {
        order(completed_by_buyer_of(buyer, 100 + buyer)).await;
    }
    order(completed(200)).await;
    afs.mail_to(&address(200)).await;
    let ended = async || afs.status().invitations("suppressed") == u64::from(count);
    eventually("their invitations end", ended).await;
    for buyer in 1..=count {
        assert_eq!(afs.mails_to(&address(buyer)).len(), 1, "buyer {buyer}");
    }
}

/// A mail that was sent about an order.
async fn mail_about(afs: &Installation, order: u32) -> Mail {
    afs.web.deliver(&PAPER.webhook(&completed(order))).await;
    afs.mail_to(&address(order)).await
}

async fn a_provider_that_proves_itself_stops_mail_and_no_other_does(profile: Profile) {
    /// How old a genuine webhook may be, for those that say when it was made.
    fn stale_after(provider: &Provider) -> Option<SignedDuration> {
        match provider {
            Provider::Mailgun(_) => Some(SignedDuration::from_hours(10)),
            Provider::Sendgrid(_) => Some(SignedDuration::from_hours(26)),
            Provider::Postmark(_) => None,
        }
    }
    let kinds: [fn() -> Provider; 3] = [Provider::mailgun, Provider::sendgrid, Provider::postmark];
    let providers = kinds.map(|new| (new(), new()));
    let setup = providers.iter().fold(Setup::new(profile), |setup, (own, _)| own.configured(setup));
    let afs = setup.start().await;
    let post = async |webhook: &Webhook| afs.web.post(webhook).await.status;
    let mut genuine = Vec::new();
    for (order, (own, anothers)) in (1..).zip(&providers) {
        let name = own.name();
        let bounce = own.hard_bounce(&mail_about(&afs, order).await);
        assert_eq!(post(&anothers.webhook(&bounce, now())).await, 401, "forged: {name}");
        if let Some(age) = stale_after(own) {
            let old = own.webhook(&bounce, now().checked_sub(age).unwrap());
            assert_eq!(post(&old).await, 401, "stale: {name}");
        }
        let unreadable = own.webhook(&json!({ "event": 7, "RecordType": 7 }), now());
        assert_eq!(post(&unreadable).await, 422, "not as documented: {name}");
        for nobody in ["ses", "another"] {
            let path = format!("/providers/{nobody}");
            let lost = Webhook { path, ..own.webhook(&bounce, now()) };
            assert_eq!(post(&lost).await, 404, "{name} as {nobody}");
        }
        genuine.push(own.webhook(&bounce, now()));
    }
    afs.until_sent(3).await;
    assert_eq!(afs.status().suppressions(), 0);
    for (webhook, suppressions) in genuine.iter().zip(1..) {
        for time in ["first", "second"] {
            assert_eq!(post(webhook).await, 200, "{} for the {time} time", webhook.path);
            assert_eq!(afs.status().suppressions(), suppressions, "{}", webhook.path);
        }
    }
    no_more_mail_to_buyers_of_orders_up_to(&afs, 3).await;
}

async fn amazon_is_believed_once_its_certificate_is_fetched_from_amazon(profile: Profile) {
    const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:bounces";
    const FOREIGN: &str = "sns.eu-west-1.amazonaws.com.evil.example";
    let amazon = Amazon::new();
    let world = Platform::start().await;
    let proxy = Proxy::start(&world, &[HOST, FOREIGN]).await;
    let setup = Setup::new(profile).set("mail.bounces.ses.topics", vec![TOPIC]);
    let afs = setup.environment(proxy.environment()).start().await;
    let post = async |webhook: &Webhook| afs.web.post(webhook).await.status;
    let bounce = told("ses_permanent", &mail_about(&afs, 1).await);
    afs.until_sent(1).await;

    // Who has a certificate, and signs with it.
    let stranger = Amazon::new();
    world.answers("/strangers.pem", 200, stranger.certificate.as_str());
    let with = |name: &str, value: &str| {
        let mut message = Amazon::notification(TOPIC, &bounce);
        message[name] = Value::from(value);
        message
    };
    let foreign = with("SigningCertURL", &format!("https://{FOREIGN}/strangers.pem"));
    assert_eq!(post(&stranger.webhook(foreign)).await, 401, "somebody else's certificate");
    let topic = with("TopicArn", "arn:aws:sns:eu-west-1:210987654321:bounces");
    assert_eq!(post(&amazon.webhook(topic)).await, 401, "somebody else's topic");
    let page = format!("https://{FOREIGN}/?Action=ConfirmSubscription");
    let elsewhere = Amazon::subscription(TOPIC, &page);
    assert_eq!(post(&amazon.webhook(elsewhere)).await, 401, "to be confirmed elsewhere");
    assert_eq!(proxy.reached(), [""; 0], "nobody is asked");

    let notification = amazon.webhook(Amazon::notification(TOPIC, &bounce));
    assert_eq!(post(&notification).await, 503, "while Amazon has no certificate");
    world.answers(CERTIFICATE, 200, amazon.certificate.as_str());
    let page = "/?Action=ConfirmSubscription&Token=2336412f37";
    world.answers(page, 200, "<ConfirmSubscriptionResponse/>");
    let subscription = || Amazon::subscription(TOPIC, &format!("https://{HOST}{page}"));
    assert_eq!(post(&stranger.webhook(subscription())).await, 401, "another key");
    assert_eq!((world.asked(CERTIFICATE), world.asked(page)), (2, 0));
    assert_eq!(post(&amazon.webhook(subscription())).await, 200);
    assert_eq!((world.asked(CERTIFICATE), world.asked(page)), (3, 1));

    let forged = stranger.webhook(Amazon::notification(TOPIC, &bounce));
    assert_eq!(post(&forged).await, 401, "another key");
    assert_eq!(afs.status().suppressions(), 0);
    for time in ["first", "second"] {
        assert_eq!(post(&notification).await, 200, "for the {time} time");
        assert_eq!(afs.status().suppressions(), 1);
    }
    assert_eq!(world.asked(CERTIFICATE), 3, "the certificate is kept");
    assert!(proxy.reached().iter().all(|host| *host == format!("{HOST}:443")));
    no_more_mail_to_buyers_of_orders_up_to(&afs, 1).await;
}
