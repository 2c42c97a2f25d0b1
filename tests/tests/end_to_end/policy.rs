//! When people are asked, how often, and in which words.

use domain::{Consent, Fulfilment, OrderEvent};
use tests::{
    installation::{Installation, Profile, Setup},
    mailbox::Mail,
    on_both_profiles,
    servers::eventually,
    shop::{COFFEE, PAPER, TEA, address, completed},
};

on_both_profiles! {
    who_does_not_answer_is_reminded_once,
    who_has_answered_is_not_reminded,
    who_wants_to_be_asked_later_is_asked_then_and_not_reminded,
    who_stops_the_mail_of_all_shops_gets_none,
    who_wants_no_reminders_gets_none,
    a_german_buyer_is_asked_with_a_yes_or_a_notice_only_and_explain_says_why,
    a_person_gets_one_mail_a_day_from_all_shops_together,
    a_delivery_moves_the_invitation_and_explain_says_why,
    everybody_keeps_a_version_of_the_mail_until_one_has_won,
}

/// The time of what waits has come.
async fn let_it_be_due(afs: &Installation, kind: &str) {
    let waits = format!("kind = '{kind}' AND state = 'scheduled'");
    let changed =
        afs.change_record(format!("UPDATE invitations SET due_at = 1 WHERE {waits}")).await;
    assert_eq!(changed, 1, "{kind}");
}

fn with_reminder(profile: Profile) -> Setup {
    Setup::new(profile).set("invitations.reminder_days", 7)
}

async fn mails(afs: &Installation, order: u32, count: usize) -> Vec<Mail> {
    let arrived = async || afs.mails_to(&address(order)).len() >= count;
    eventually("there are as many mails", arrived).await;
    afs.mails_to(&address(order))
}

async fn who_does_not_answer_is_reminded_once(profile: Profile) {
    let afs = with_reminder(profile).start().await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    let first = afs.mail_to(&address(1)).await;
    afs.until_sent(1).await;
    let_it_be_due(&afs, "reminder").await;
    let reminder = mails(&afs, 1, 2).await.remove(1);
    assert_eq!(reminder.subject(), "A reminder: how was your order from Paper Place?");
    assert_ne!(reminder.message_id(), first.message_id());
    assert_eq!(reminder.review_link(), first.review_link(), "one review, whichever mail is used");
    assert_eq!(reminder.unsubscribe_link(), first.unsubscribe_link());
    let form = afs.web.get(&reminder.review_link()).await.form().with("stars", "4");
    assert_eq!(afs.web.submit(&form).await.status, 200);
    eventually("the review is verified", async || afs.status().reviews("verified") == 1).await;
    assert_eq!(afs.status().invitations("sent"), 1, "reminders are counted apart");
    let waits = "UPDATE invitations SET due_at = 1 WHERE state = 'scheduled'";
    assert_eq!(afs.change_record(waits.into()).await, 0, "there is no second one");
}

async fn who_has_answered_is_not_reminded(profile: Profile) {
    let afs = with_reminder(profile).start().await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    let first = afs.mail_to(&address(1)).await;
    afs.until_sent(1).await;
    let form = afs.web.get(&first.review_link()).await.form().with("stars", "4");
    assert_eq!(afs.web.submit(&form).await.status, 200);
    let_it_be_due(&afs, "reminder").await;
    eventually("the reminder ends", async || afs.status().reminders("cancelled") == 1).await;
    assert_eq!(afs.mails_to(&address(1)).len(), 1);
}

async fn who_wants_to_be_asked_later_is_asked_then_and_not_reminded(profile: Profile) {
    let afs = with_reminder(profile).start().await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    let first = afs.mail_to(&address(1)).await;
    afs.until_sent(1).await;
    let link = first.later_link().unwrap();
    let review_page = afs.web.get(&first.review_link()).await;
    assert!(review_page.links().contains(&link), "the review page leads there, too");
    let form = afs.web.get(&link).await.form();
    assert_eq!(form.fields["weeks"], "2", "a choice is made already");
    assert_eq!(afs.status().reminders("cancelled"), 0, "a scanner changes nothing");
    for nonsense in ["0", "3", "52", "-1", "two"] {
        let answer = afs.web.submit(&form.clone().with("weeks", nonsense)).await;
        assert!(answer.text().contains("When shall we ask you?"), "{nonsense}");
    }
    let answer = afs.web.submit(&form.with("weeks", "4")).await;
    assert!(answer.text().contains("in about 4 weeks"), "{}", answer.text());
    assert_eq!(afs.status().reminders("cancelled"), 1, "no reminder before that");

    let_it_be_due(&afs, "later").await;
    let second = mails(&afs, 1, 2).await.remove(1);
    assert_eq!(second.subject(), first.subject());
    assert_eq!(second.review_link(), first.review_link());
    assert_eq!(second.later_link(), None, "once is enough");
    eventually("it is recorded", async || afs.status().reminders("sent") == 1).await;
    let again = afs.web.submit(&afs.web.get(&link).await.form()).await;
    assert!(again.text().contains("We cannot ask you later"), "{}", again.text());
}

async fn who_stops_the_mail_of_all_shops_gets_none(profile: Profile) {
    let afs = Setup::new(profile)
        .set(&format!("shops.{}.invitations.delay_days", TEA.id), 1)
        .start()
        .await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    afs.web.deliver(&TEA.webhook(&completed(1))).await;
    let stop = afs.mail_to(&address(1)).await.unsubscribe_link();
    let form = afs.web.get(&stop).await.form().with("choice", "none");
    let answer = afs.web.submit(&form).await;
    assert!(answer.text().contains("None of the shops"), "{}", answer.text());
    let_it_be_due(&afs, "invitation").await;
    let suppressed = async || afs.status().invitations("suppressed") == 1;
    eventually("the other shop's invitation ends", suppressed).await;
    assert_eq!(afs.mails_to(&address(1)).len(), 1);
}

async fn who_wants_no_reminders_gets_none(profile: Profile) {
    let afs = with_reminder(profile).start().await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    let stop = afs.mail_to(&address(1)).await.unsubscribe_link();
    afs.until_sent(1).await;
    let form = afs.web.get(&stop).await.form().with("choice", "no-reminders");
    let answer = afs.web.submit(&form).await;
    assert!(answer.text().contains("but does not remind you"), "{}", answer.text());
    let_it_be_due(&afs, "reminder").await;
    eventually("the reminder ends", async || afs.status().reminders("suppressed") == 1).await;
    assert_eq!(afs.mails_to(&address(1)).len(), 1);
}

async fn a_german_buyer_is_asked_with_a_yes_or_a_notice_only_and_explain_says_why(
    profile: Profile,
) {
    let notice = "We will ask you for a review by e-mail. You can object at any time.";
    let afs = Setup::new(profile)
        .set("invitations.consent", "legal_default")
        .set(&format!("shops.{}.invitations.consent_notice", TEA.id), notice)
        .start()
        .await;
    let german = |reference, consent: Option<bool>| {
        let mut told = completed(reference);
        told.order.country = Some("DE".into());
        told.order.marketing_consent = consent.map(|yes| Consent::stated(yes, ""));
        told
    };
    afs.web.deliver(&PAPER.webhook(&german(1, None))).await;
    afs.web.deliver(&PAPER.webhook(&german(2, Some(true)))).await;
    afs.web.deliver(&TEA.webhook(&german(3, None))).await;
    afs.until_sent(2).await;
    for (order, count) in [(1, 0), (2, 1), (3, 1)] {
        assert_eq!(afs.mails_to(&address(order)).len(), count, "{order}");
    }
    for (shop, order, told) in [
        (PAPER.id, "1", "nothing says that the buyer may be asked by e-mail"),
        (PAPER.id, "2", "having agreed to marketing by e-mail"),
        (TEA.id, "3", notice),
    ] {
        let output = afs.afs(&["explain", "--shop", shop, "--order", order]);
        let text = String::from_utf8(output.stdout).unwrap();
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(told), "{text}");
    }
}

async fn a_person_gets_one_mail_a_day_from_all_shops_together(profile: Profile) {
    let afs = Setup::new(profile).set("invitations.person_gap_hours", 24).start().await;
    for shop in [COFFEE, TEA, PAPER] {
        afs.web.deliver(&shop.webhook(&completed(1))).await;
    }
    afs.web.deliver(&TEA.webhook(&completed(2))).await;
    afs.mail_to(&address(2)).await;
    // Those that met under way wait some minutes; nothing but the gap holds them back then.
    let postponed = async || afs.status().invitations("scheduled") >= 2;
    eventually("the others wait", postponed).await;
    assert!(afs.mails_to(&address(1)).len() <= 1);
    let hurry = "UPDATE invitations SET due_at = 1 WHERE state = 'scheduled' AND id =
                 (SELECT MIN(id) FROM invitations WHERE state = 'scheduled')";
    if afs.mails_to(&address(1)).is_empty() {
        afs.change_record(hurry.into()).await;
        afs.mail_to(&address(1)).await;
    }
    afs.until_sent(2).await;
    assert_eq!(afs.change_record(hurry.into()).await, 1);
    let none = "UPDATE invitations SET due_at = due_at WHERE due_at = 1 AND state <> 'sent'";
    let looked_at = async || afs.change_record(none.into()).await == 0;
    eventually("it was looked at, and waits again", looked_at).await;
    assert_eq!(afs.status().invitations("scheduled"), 2);
    assert_eq!(afs.mails_to(&address(1)).len(), 1);
}

async fn a_delivery_moves_the_invitation_and_explain_says_why(profile: Profile) {
    let invitations = format!("shops.{}.invitations", PAPER.id);
    let afs = Setup::new(profile)
        .without("invitations.delay_secs")
        .set(&format!("{invitations}.trigger"), "delivered")
        .set(&format!("{invitations}.delivered_delay_days"), 3)
        .set(&format!("{invitations}.fallback_delay_days"), 30)
        .start()
        .await;
    let told = |fulfilment| {
        let mut event = completed(1);
        event.order.fulfilment = fulfilment;
        event
    };
    let explained = async |event: &OrderEvent| {
        afs.web.deliver(&PAPER.webhook(event)).await;
        let output = afs.afs(&["explain", "--shop", PAPER.id, "--order", "1"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let shipped = explained(&told(Fulfilment::Shipped)).await;
    assert!(shipped.contains("30 days"), "{shipped}");
    let delivered = explained(&told(Fulfilment::Delivered)).await;
    assert!(delivered.contains("3 days"), "{delivered}");
    assert_eq!(afs.status().invitations("scheduled"), 1);
}

async fn everybody_keeps_a_version_of_the_mail_until_one_has_won(profile: Profile) {
    const USUAL: &str = "How was your order from Paper Place?";
    const SHORT: &str = "Write a review: Paper Place";
    const PEOPLE: u32 = 16;
    let experiment = |key: &str| format!("invitations.experiment.{key}");
    let mut afs = Setup::new(profile)
        .set(&experiment("name"), "length")
        .set(&experiment("variants"), vec!["usual", "short"])
        .start()
        .await;
    for person in 1..=PEOPLE {
        afs.web.deliver(&PAPER.webhook(&completed(person))).await;
    }
    afs.until_sent(PEOPLE.into()).await;
    let subjects = |mails: &[Mail], subject: &str| {
        mails.iter().filter(|mail| mail.subject() == subject).count()
    };
    let (usual, short) = (subjects(&afs.mails(), USUAL), subjects(&afs.mails(), SHORT));
    assert_eq!(usual + short, PEOPLE as usize);
    assert!(usual > 0 && short > 0, "{usual} and {short}");
    let output = afs.afs(&["experiment"]);
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("paper: length") && told.contains("goes on"), "{told}");

    let won = "INSERT INTO experiments (shop_id, name, variant, decided_at)
               VALUES ('paper', 'length', 'short', 1)";
    afs.change_record(won.into()).await;
    afs.worker().kill();
    afs.worker().start_again().await;
    afs.worker().until_logged("the experiment has ended");
    for person in 100..104 {
        afs.web.deliver(&PAPER.webhook(&completed(person))).await;
    }
    afs.until_sent(u64::from(PEOPLE) + 4).await;
    assert_eq!(subjects(&afs.mails(), SHORT), short + 4, "all get it now");
}
