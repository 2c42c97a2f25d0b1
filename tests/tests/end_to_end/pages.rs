//! What links do, and what they do not: mail scanners open them all, and strangers try them.

use domain::{Item, ProductKey};
use futures::future::join_all;
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    installation::{Installation, Profile, Setup},
    on_both_profiles,
    servers::{PATIENCE, eventually},
    shop::{COFFEE, PAPER, address, completed, now},
    web::Form,
};

on_both_profiles! {
    only_the_form_itself_stores_a_review,
    fifty_submits_at_once_store_one_review,
    a_link_with_any_character_changed_leads_nowhere,
    a_link_that_ran_out_shows_no_form_and_takes_none,
    keys_of_links_rotate_and_a_key_that_is_gone_opens_nothing,
    one_click_stops_the_mail_of_that_shop_to_that_person,
    the_page_behind_the_link_stops_mail_and_takes_that_back,
    forms_and_styles_stay_below_the_public_address,
    a_review_without_an_invitation_is_organic_and_stays_so,
    products_are_rated_on_the_same_page_and_each_opinion_stays_with_its_product,
}

async fn only_the_form_itself_stores_a_review(profile: Profile) {
    let afs = Installation::start(profile).await;
    let link = invited(&afs, 1).await;
    let page = afs.web.get(&link).await;
    let form = page.form().with("stars", "5").with("title", "Good");
    let other_form = afs.web.get(&invited(&afs, 2).await).await.form();

    for path in [link.clone(), format!("{link}?stars=5")] {
        for method in [Method::HEAD, Method::GET] {
            assert_eq!(afs.web.ask(method, &path).await.status, 200);
        }
        let blind = afs.web.ask(Method::POST, &path).await;
        assert_eq!(blind.status, 422);
        for method in [Method::PUT, Method::DELETE, Method::PATCH] {
            assert_eq!(afs.web.ask(method, &path).await.status, 405);
        }
    }
    for wrong in [
        form.clone().without("stamp"),
        form.clone().with("stamp", ""),
        form.clone().with("stamp", &other_form.fields["stamp"]),
        form.clone().without("stars"),
        form.clone().with("stars", "0"),
        form.clone().with("stars", "6"),
        form.clone().with("stars", "five"),
        form.clone().with("title", &"x".repeat(10_000)),
        form.clone().with("name", &"x".repeat(10_000)),
        form.clone().with("text", &"x".repeat(90_000)),
    ] {
        let answer = afs.web.submit(&wrong).await;
        assert_eq!(answer.status, 422, "{:?}", wrong.fields.keys());
        let again = answer.form();
        assert_eq!(again.fields["title"], wrong.fields["title"], "what was written is kept");
    }
    assert_eq!(afs.status().all_reviews(), 0);

    assert_eq!(afs.web.submit(&form).await.status, 200);
    assert_eq!(afs.status().all_reviews(), 1);
}

async fn fifty_submits_at_once_store_one_review(profile: Profile) {
    let afs = Installation::start(profile).await;
    let link = invited(&afs, 1).await;
    let form = afs.web.get(&link).await.form();

    let forms: Vec<_> =
        (0..50).map(|n| form.clone().with("stars", &(n % 5 + 1).to_string())).collect();
    let answers = join_all(forms.iter().map(|form| afs.web.submit(form))).await;

    assert!(answers.iter().all(|answer| answer.status == 200));
    let thanked = answers.iter().filter(|answer| answer.text().contains("Thank you")).count();
    assert_eq!(thanked, 1, "the others are told that there is one already");
    until_verified(&afs, 1).await;
    assert_eq!(afs.status().all_reviews(), 1);
}

async fn a_link_with_any_character_changed_leads_nowhere(profile: Profile) {
    let afs = Installation::start(profile).await;
    let link = invited(&afs, 1).await;
    let stop = afs.mail_to(&address(1)).await.unsubscribe_link();
    let form = afs.web.get(&link).await.form().with("stars", "1");

    for link in [&link, &stop] {
        let token_at = link.rfind('/').unwrap() + 1;
        for at in token_at..link.len() {
            let other = if &link[at..=at] == "A" { "B" } else { "A" };
            let mut changed = link.clone();
            changed.replace_range(at..=at, other);
            assert_eq!(afs.web.get(&changed).await.status, 404, "character {at}");
        }
        for changed in [&link[..link.len() - 1], &format!("{link}A"), &link[..token_at]] {
            assert_eq!(afs.web.get(changed).await.status, 404, "another length");
        }
    }
    let swapped = link.replace("/r/", "/u/");
    assert_eq!(afs.web.get(&swapped).await.status, 404, "each link is for one purpose");
    let mut stranger = form.clone();
    stranger.action = stop.replace("/u/", "/r/");
    assert_eq!(afs.web.submit(&stranger).await.status, 404);

    let status = afs.status();
    assert_eq!((status.all_reviews(), status.suppressions()), (0, 0));
}

async fn a_link_that_ran_out_shows_no_form_and_takes_none(profile: Profile) {
    let afs = Setup::new(profile).set("invitations.link_valid_days", 30).start().await;
    let link = invited(&afs, 1).await;
    let form = afs.web.get(&link).await.form().with("stars", "5");
    sent_days_ago(&afs, 29).await;
    assert_eq!(afs.web.get(&link).await.status, 200);

    sent_days_ago(&afs, 31).await;

    assert_eq!(afs.web.get(&link).await.status, 410);
    assert_eq!(afs.web.submit(&form).await.status, 410, "also a form that was open before");
    assert_eq!(afs.status().all_reviews(), 0);
    let stop = afs.mail_to(&address(1)).await.unsubscribe_link();
    assert_eq!(afs.web.get(&stop).await.status, 200, "mail can be stopped at any time");
}

/// Makes it so long ago that mails were sent.
async fn sent_days_ago(afs: &Installation, days: i64) {
    let at = (now() - SignedDuration::from_hours(24 * days)).as_millisecond();
    let sent = format!("UPDATE invitations SET first_attempt_at = {at}, sent_at = {at}");
    assert_eq!(afs.change_record(sent).await, 1);
}

async fn keys_of_links_rotate_and_a_key_that_is_gone_opens_nothing(profile: Profile) {
    const OLD: &str = "the-old-link-key-of-this-installation";
    const NEW: &str = "the-new-link-key-of-this-installation";
    let mut afs = Setup::new(profile).set("secrets.link_keys", vec![OLD]).start().await;
    let old_link = invited(&afs, 1).await;
    let old_stop = afs.mail_to(&address(1)).await.unsubscribe_link();
    let old_form = afs.web.get(&old_link).await.form().with("stars", "4");

    restart_with(&mut afs, vec![NEW, OLD]).await;
    assert_eq!(afs.web.get(&old_link).await.status, 200);
    assert_eq!(afs.web.submit(&old_form).await.status, 200, "its stamp is still good, too");
    let new_link = invited(&afs, 2).await;

    restart_with(&mut afs, vec![NEW]).await;
    assert_eq!(afs.web.get(&new_link).await.status, 200);
    for gone in [old_link, old_stop] {
        assert_eq!(afs.web.get(&gone).await.status, 404);
    }
}

async fn restart_with(afs: &mut Installation, link_keys: Vec<&str>) {
    afs.set("secrets.link_keys", link_keys);
    for daemon in afs.daemons() {
        daemon.signal("TERM");
        assert_eq!(daemon.exit_code(PATIENCE), Some(0));
        daemon.start_again().await;
    }
}

async fn one_click_stops_the_mail_of_that_shop_to_that_person(profile: Profile) {
    let afs = Setup::new(profile).set("invitations.delay_secs", 60).start().await;
    let buyer = completed(1).order.email;
    let order = |reference, completed_secs_ago| {
        let mut order = completed(reference);
        order.order.email.clone_from(&buyer);
        order.at = Some(now() - SignedDuration::from_secs(completed_secs_ago));
        order
    };
    afs.web.deliver(&PAPER.webhook(&order(1, 60))).await;
    afs.web.deliver(&PAPER.webhook(&order(2, 0))).await;
    let stop = afs.mail_to(&address(1)).await.unsubscribe_link();

    for method in [Method::HEAD, Method::GET, Method::POST] {
        assert_eq!(afs.web.ask(method, &stop).await.status, 200, "it only asks");
    }
    assert_eq!(afs.status().suppressions(), 0);

    let one_click =
        Form { action: stop, fields: [("List-Unsubscribe".into(), "One-Click".into())].into() };
    for _ in 0..2 {
        assert_eq!(afs.web.submit(&one_click).await.status, 200, "the second changes nothing");
    }
    assert_eq!(afs.status().suppressions(), 1);

    afs.web.deliver(&PAPER.webhook(&order(3, 60))).await;
    afs.web.deliver(&COFFEE.webhook(&order(4, 60))).await;
    let mut others = completed(99);
    others.at = order(99, 60).at;
    afs.web.deliver(&PAPER.webhook(&others)).await;
    afs.mail_to(&address(99)).await;
    eventually("the next order is stopped when it is due", async || {
        afs.status().invitations("suppressed") == 1
    })
    .await;
    afs.until_sent(3).await;
    let mut subjects: Vec<_> =
        afs.mails_to(&address(1)).iter().map(|mail| mail.subject().to_owned()).collect();
    subjects.sort();
    assert_eq!(
        subjects,
        ["How was your order from Coffee Corner?", "How was your order from Paper Place?"],
        "the other shop was not told to stop"
    );
}

async fn the_page_behind_the_link_stops_mail_and_takes_that_back(profile: Profile) {
    let afs = Installation::start(profile).await;
    invited(&afs, 1).await;
    let stop = afs.mail_to(&address(1)).await.unsubscribe_link();

    let form = afs.web.get(&stop).await.form();
    assert_eq!(form.fields["choice"], "none-from-shop", "who comes here wants less mail");
    let answer = afs.web.submit(&form).await;
    assert!(answer.text().contains("does not ask you for reviews"), "{}", answer.text());
    assert_eq!(afs.status().suppressions(), 1);

    let blind = form.clone().with("choice", "all").without("List-Unsubscribe");
    let answer = afs.web.submit(&blind).await;
    assert!(!answer.text().contains("is saved"), "not without the word that says so");
    assert_eq!(afs.status().suppressions(), 1);
    let answer = afs.web.submit(&form.with("choice", "all")).await;
    assert!(answer.text().contains("and remind you once"), "{}", answer.text());
    assert_eq!(afs.status().suppressions(), 0);
}

/// The proxy in front of the server may take a path away, as the configuration says.
async fn forms_and_styles_stay_below_the_public_address(profile: Profile) {
    const PUBLIC: &str = "https://shop.example/reviews";
    let afs = Setup::new(profile).set("server.public_url", PUBLIC).start().await;
    let link = invited(&afs, 1).await;
    let stop = afs.mail_to(&address(1)).await.unsubscribe_link();

    for link in [link, stop, format!("{PUBLIC}/review/coffee")] {
        let page = afs.web.get(&link).await;
        assert_eq!(afs.web.get(&page.style_sheet()).await.status, 200);
        assert_eq!(afs.web.submit(&page.form().with("stars", "5")).await.status, 200);
    }

    let status = afs.status();
    assert_eq!((status.all_reviews(), status.suppressions()), (2, 1));
}

async fn a_review_without_an_invitation_is_organic_and_stays_so(profile: Profile) {
    let afs = Installation::start(profile).await;
    let page = afs.web.get("/review/coffee").await;
    let form = page.form().with("stars", "3").with("title", "Walked in");

    assert_eq!(afs.web.submit(&form.clone().without("stamp")).await.status, 422);
    assert_eq!(afs.web.submit(&form.clone().with("website", "spam")).await.status, 200);
    assert_eq!(afs.status().all_reviews(), 0, "programs are thanked, and not listened to");
    assert_eq!(afs.web.get("/review/no-such-shop").await.status, 404);

    let thanks = afs.web.submit(&form).await;
    assert_eq!(thanks.status, 200);
    assert!(thanks.text().contains("It is marked as organic"), "{}", thanks.text());

    let link = invited(&afs, 1).await;
    let invited = afs.web.get(&link).await.form().with("stars", "4");
    assert_eq!(afs.web.submit(&invited).await.status, 200);
    until_verified(&afs, 1).await;
    assert_eq!(afs.status().reviews("organic"), 1, "it is still organic when others are verified");
    assert_eq!(afs.status().all_reviews(), 2);
}

async fn products_are_rated_on_the_same_page_and_each_opinion_stays_with_its_product(
    profile: Profile,
) {
    let afs = Installation::start(profile).await;
    let item = |name: &str| Item { name: name.into(), ..Item::default() };
    let order = |names: &[&str]| {
        let mut event = completed(1);
        event.order.items = names.iter().map(|name| item(name)).collect();
        event
    };
    afs.web.deliver(&PAPER.webhook(&order(&["Pen", "Ink", "Diary"]))).await;
    let link = afs.mail_to(&address(1)).await.review_link();
    let field = |prefix: &str, name: &str| format!("{prefix}-{}", ProductKey::of(&item(name)));

    let page = afs.web.get(&link).await;
    assert!(page.text().contains("Diary"), "{}", page.text());
    let form = page
        .form()
        .with("stars", "5")
        .with(&field("stars", "Pen"), "2")
        .with(&field("text", "Pen"), "It blots.")
        .with(&field("stars", "Diary"), "4")
        .with(&field("text", "Ink"), "It is blue.");
    let answer = afs.web.submit(&form).await;
    assert_eq!(answer.status, 422, "a text without stars");
    let again = answer.form();
    assert_eq!(again.fields[&field("stars", "Pen")], "2", "what was chosen is kept");
    assert!(answer.text().contains("It blots.") && answer.text().contains("It is blue."));

    let form = form.with(&field("stars", "Ink"), "1");
    let mut changed = order(&["Ruler", "Ink", "Pen"]);
    changed.at = Some(now() + SignedDuration::from_secs(1));
    let update = PAPER.webhook(&changed);
    afs.web.deliver(&PAPER.signed(&update.body, &update)).await;
    assert_eq!(afs.web.submit(&form).await.status, 200);
    until_verified(&afs, 1).await;

    let told = afs.afs(&["privacy", "export", "--shop", "paper", "--order", "1"]).stdout;
    let told: Value = serde_json::from_slice(&told).unwrap();
    let review = &told[0]["review"];
    assert_eq!((&review["stars"], &review["label"]), (&json!(5), &json!("verified")));
    let products: Vec<_> = review["products"].as_array().unwrap().iter().collect();
    let shown: Vec<_> = products.iter().map(|p| (&p["name"], &p["stars"], &p["body"])).collect();
    assert_eq!(
        shown,
        [
            (&json!("Ink"), &json!(1), &json!("It is blue.")),
            (&json!("Pen"), &json!(2), &json!("It blots.")),
        ],
        "the diary was taken out of the order"
    );
}

/// Completes an order and returns the link in the mail that comes of it.
async fn invited(afs: &Installation, order: u32) -> String {
    afs.web.deliver(&COFFEE.webhook(&completed(order))).await;
    afs.mail_to(&address(order)).await.review_link()
}

async fn until_verified(afs: &Installation, count: u64) {
    eventually(&format!("{count} reviews are verified"), async || {
        afs.status().reviews("verified") == count
    })
    .await;
}
