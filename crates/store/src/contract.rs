//! What every database must keep. Written once, run on each.

mod bounces;

use std::sync::Arc;

use domain::{
    Change, Decision, EmailAddress, Fulfilment, InvitationId, InvitationState, Item, MailKind,
    Order, OrderEvent, Policy, ProductReview, Review, ReviewId, ShopId, Stars,
    consent::{CheckoutNotice, ConsentPolicy, ConsentRule, Ground},
    decision::Reason,
    policy::Trigger,
    review::{Label, Opinion, verify},
};
use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, Executor as _, SqlSafeStr as _};
use uuid::Uuid;

use bounces::{
    a_bounce_may_come_before_its_mail_is_recorded_as_sent,
    a_hard_bounce_and_a_complaint_stop_all_shops_for_ever,
    an_answer_that_says_stop_counts_for_its_shop, an_event_is_about_whom_its_mail_went_to,
    an_event_without_a_mail_is_about_the_address, no_suppression_is_shortened_by_a_weaker_one,
    three_soft_bounces_rest_an_address_for_a_time, too_many_complaints_pause_a_shop_once,
};

use crate::{
    Store, StoreError, StoreSettings,
    db::{Db, WAL_MAX},
    erasure::{Erased, Found, Person},
    facts::{Facts, SqliteFacts},
    intake::{Accepted, Arrival},
    millis,
    notices::{Answered, Notified},
    overview::Due,
    retention::{Aging, EXPIRED_MAX, NotNeeded},
    reviews::Submitted,
    sending::{AttemptOutcome, Claim, Claimed, Finish, SentMail},
    statement::{Dialect, Statement},
    suppression::{Preferences, Stop},
    suppression_list::Entry,
    unread::{Kept, UnreadWebhook},
};

const DELAY: SignedDuration = SignedDuration::from_hours(24);
const LEASE: SignedDuration = SignedDuration::from_mins(5);

/// Runs each promise on SQLite as a test of its own, and all of them on one Postgres.
macro_rules! contract {
    ($($promise:ident)*) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                let dir = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", dir.path().join("data/afs.db").display());
                super::$promise(super::open(&url).await, url).await;
            })*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn postgres() {
            let postgres = tests::servers::Postgres::start();
            $({
                let url = postgres.database(stringify!($promise));
                eprintln!("{}", stringify!($promise));
                $promise(open(&url).await, url).await;
            })*
        }
    };
}

contract! {
    every_statement_prepares
    what_the_database_is_set_up_as_can_be_seen
    what_is_asked_is_answered_from_an_index
    a_completed_order_leads_to_one_invitation
    the_same_webhook_in_parallel_counts_once
    different_events_of_one_order_in_parallel_leave_one_invitation
    events_in_one_group_see_each_other
    a_cancel_before_the_order_leaves_a_tombstone
    a_cancel_stops_a_waiting_invitation
    a_cancel_while_sending_stops_the_retry
    only_one_worker_claims
    an_invitation_is_not_claimed_before_it_is_due
    a_lease_that_is_over_lets_another_claim_and_fences_the_first
    a_postponed_attempt_does_not_count
    unsubscribing_stops_what_waits_and_what_comes
    who_wants_no_reminders_gets_the_other_mails
    a_stop_can_be_taken_back_by_who_said_it
    a_stop_that_nobody_said_is_not_taken_back
    a_link_that_several_may_hold_takes_nothing_back
    what_buyers_read_at_the_checkout_is_kept_once
    who_may_not_be_asked_any_more_is_not
    a_changed_address_is_looked_up_anew
    a_stop_reaches_whoever_was_mailed_before_the_address_changed
    a_link_stops_mail_to_everybody_its_invitation_was_sent_to
    an_address_that_was_corrected_before_the_mail_is_not_stopped
    a_delivery_moves_what_waits
    a_reminder_follows_the_mail_and_a_review_ends_it
    who_wants_to_be_asked_later_is_asked_once_and_not_reminded
    who_wants_to_be_asked_later_is_not_mailed_by_a_retry
    what_was_sent_stays_with_whom_it_was_sent_to
    what_was_attempted_does_not_move
    all_mails_to_a_person_are_known_and_an_attempt_too
    an_experiment_counts_people_once_and_ends_once
    due_and_upcoming_are_listed_in_order
    shops_with_due_invitations_take_turns
    an_order_is_asked_about_until_the_platform_answers
    a_notice_while_the_platform_is_asked_has_it_asked_again
    what_a_platform_does_not_answer_ends_and_can_be_tried_again
    what_cannot_be_read_is_kept_once_and_not_for_ever
    who_is_erased_is_named_nowhere_any_more
    a_person_is_found_wherever_the_address_stands_and_erased_with_a_receipt
    nobody_but_the_person_is_erased
    what_is_told_of_a_forgotten_order_later_names_nobody_and_invites_nobody
    an_order_is_forgotten_when_nothing_needs_it_any_more
    what_ages_is_deleted_a_little_at_a_time
    the_suppression_list_is_never_made_weaker
    an_order_is_found_by_its_number_and_all_are_told_page_by_page
    one_invitation_one_review_however_often_it_is_submitted
    a_review_is_labelled_once
    an_organic_review_stays_organic
    products_are_stored_with_their_review_or_not_at_all
    a_hard_bounce_and_a_complaint_stop_all_shops_for_ever
    a_bounce_may_come_before_its_mail_is_recorded_as_sent
    an_event_is_about_whom_its_mail_went_to
    an_event_without_a_mail_is_about_the_address
    an_answer_that_says_stop_counts_for_its_shop
    three_soft_bounces_rest_an_address_for_a_time
    no_suppression_is_shortened_by_a_weaker_one
    too_many_complaints_pause_a_shop_once
    the_record_survives_being_opened_again
    a_newer_schema_is_refused
    an_account_that_may_not_change_tables_is_enough_once_they_are_there
    the_write_ahead_log_shrinks_again_after_a_long_reader
    looking_makes_no_record
}

async fn open(url: &str) -> Store {
    Store::open(settings(url)).await.unwrap()
}

fn settings(url: &str) -> StoreSettings {
    StoreSettings { url: url.into(), max_connections: 4, address_key: vec![7; 32], migrate: true }
}

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
}

fn shop() -> ShopId {
    "demo".parse().unwrap()
}

fn arrival(change: Change, reference: &str, key: &str) -> Arrival {
    let order = Order {
        reference: reference.into(),
        email: EmailAddress::parse(&format!("buyer-{reference}@x.example")).ok(),
        name: Some("Åsa \"Å\" Lind".into()),
        items: vec![Item { name: "Kaffe".into(), ..Item::default() }],
        ..Order::default()
    };
    Arrival {
        shop: shop(),
        event: OrderEvent { change, at: Some(at(0)), order },
        event_key: key.into(),
        request_id: Uuid::nil(),
        received_at: at(0),
        policy: Arc::new(Policy { max_order_age: DELAY * 90, ..Policy::after(DELAY) }),
    }
}

fn notified(reference: &str, told: Option<OrderEvent>) -> Notified {
    let (shop, reference) = (shop(), reference.to_owned());
    Notified { shop, reference, told, request_id: Uuid::nil(), at: at(0) }
}

async fn an_order_is_asked_about_until_the_platform_answers(store: Store, _: String) {
    let told = arrival(Change::Cancelled, "7", "").event;
    let id = store.save_notice(&notified("7", Some(told.clone()))).await.unwrap();
    assert_eq!(store.save_notice(&notified("7", None)).await.unwrap(), id, "one for each order");
    assert_eq!(store.due_notices(at(0), 10).await.unwrap(), [id]);
    assert!(store.claim_notice(id, at(-1), LEASE).await.unwrap().is_none(), "not due");
    let claimed = store.claim_notice(id, at(0), LEASE).await.unwrap().unwrap();
    assert_eq!((claimed.reference.as_str(), claimed.attempt), ("7", 1));
    assert_eq!(claimed.told, Some(told), "kept, although the later notice told nothing");
    assert!(store.claim_notice(id, at(0), LEASE).await.unwrap().is_none(), "somebody is asking");
    let (retry, error) = (at(2), "busy".to_owned());
    let later = Answered::Retry { at: retry, error };
    assert!(store.finish_notice(id, claimed.fence, &later).await.unwrap());
    assert!(store.due_notices(at(1), 10).await.unwrap().is_empty());
    let again = store.claim_notice(id, at(2), LEASE).await.unwrap().unwrap();
    assert_eq!((again.attempt, again.first_due_at), (2, at(0)));
    assert!(!store.finish_notice(id, claimed.fence, &Answered::Done).await.unwrap(), "fenced");
    assert!(store.finish_notice(id, again.fence, &Answered::Done).await.unwrap());
    assert!(store.due_notices(at(99), 10).await.unwrap().is_empty());
    assert!(store.status(at(0)).await.unwrap().notices.is_empty());
}

async fn a_notice_while_the_platform_is_asked_has_it_asked_again(store: Store, _: String) {
    let id = store.save_notice(&notified("7", None)).await.unwrap();
    let first = store.claim_notice(id, at(0), LEASE).await.unwrap().unwrap();
    store.save_notice(&notified("7", None)).await.unwrap();
    assert!(!store.finish_notice(id, first.fence, &Answered::Done).await.unwrap());
    let second = store.claim_notice(id, at(0), LEASE).await.unwrap().unwrap();
    assert_eq!(second.attempt, 1, "patience begins anew");
    assert!(store.finish_notice(id, second.fence, &Answered::Done).await.unwrap());
}

async fn what_a_platform_does_not_answer_ends_and_can_be_tried_again(store: Store, _: String) {
    let id = store.save_notice(&notified("7", None)).await.unwrap();
    let claimed = store.claim_notice(id, at(0), LEASE).await.unwrap().unwrap();
    let failed = Answered::Failed("401".into());
    assert!(store.finish_notice(id, claimed.fence, &failed).await.unwrap());
    assert!(store.due_notices(at(99), 10).await.unwrap().is_empty());
    let status = store.status(at(0)).await.unwrap();
    assert_eq!((status.notices[0].name.as_str(), status.notices[0].count), ("failed", 1));
    assert_eq!(status.failed_notices[0].error, "401");
    assert_eq!(store.retry_failed_notices(at(5)).await.unwrap(), 1);
    assert_eq!(store.due_notices(at(5), 10).await.unwrap(), [id]);
    assert_eq!(store.expire(Aging::Notices, at(99)).await.unwrap(), 0, "it waits again");
    let claimed = store.claim_notice(id, at(5), LEASE).await.unwrap().unwrap();
    store.finish_notice(id, claimed.fence, &failed).await.unwrap();
    assert_eq!(store.expire(Aging::Notices, at(5)).await.unwrap(), 0);
    assert_eq!(store.expire(Aging::Notices, at(6)).await.unwrap(), 1);
}

async fn what_cannot_be_read_is_kept_once_and_not_for_ever(store: Store, _: String) {
    let webhook = |id: u128, hours| UnreadWebhook {
        id: Uuid::from_u128(id),
        shop: shop(),
        request_id: Uuid::nil(),
        received_at: at(hours),
        headers: [("x-topic".to_owned(), "orders/fulfilled".to_owned())].into(),
        body: vec![0, 159, 146, 150],
        path: "line_items[0]".into(),
        detail: "expected a map".into(),
    };
    for kept in [webhook(2, 0), webhook(1, 1), webhook(2, 5)] {
        assert_eq!(store.keep_unread(&kept).await.unwrap(), Kept::Yes);
    }
    let all = store.unread(None, 10).await.unwrap();
    assert!(all == [webhook(2, 0), webhook(1, 1)], "each once, whole, oldest first");
    let first = store.unread(None, 1).await.unwrap().remove(0);
    let rest = store.unread(Some((first.received_at, first.id)), 10).await.unwrap();
    assert!(rest == [webhook(1, 1)]);
    let status = store.status(at(0)).await.unwrap();
    assert_eq!(
        (status.unread_webhooks[0].path.as_str(), status.unread_webhooks[0].count),
        ("line_items[0]", 2)
    );
    for place in 0..9 {
        let path = format!("email[{place}]");
        let elsewhere = UnreadWebhook { path, ..webhook(place + 9, 0) };
        store.keep_unread(&elsewhere).await.unwrap();
    }
    let status = store.status(at(0)).await.unwrap();
    assert_eq!((status.unread, status.unread_webhooks.len()), (11, 5), "all count, few are shown");
    for place in 0..9 {
        store.forget_unread(Uuid::from_u128(place + 9)).await.unwrap();
    }
    store.forget_unread(Uuid::from_u128(1)).await.unwrap();
    assert_eq!(store.expire(Aging::UnreadWebhooks, at(0)).await.unwrap(), 0);
    assert_eq!(store.expire(Aging::UnreadWebhooks, at(1)).await.unwrap(), 1);
    assert!(store.unread(None, 10).await.unwrap().is_empty());
}

async fn who_is_erased_is_named_nowhere_any_more(store: Store, url: String) {
    let sent = invite(&store, "7").await;
    let claim = Claim { id: sent, now: at(24), lease: LEASE };
    let claimed = store.claim(claim).await.unwrap().unwrap();
    let reply = AttemptOutcome::Sent("250 queued for buyer-7@x.example".into());
    let sent_mail = SentMail::default();
    let finish =
        Finish { id: sent, fence: claimed.fence, at: at(24), outcome: reply, sent: sent_mail };
    assert!(store.finish(finish).await.unwrap());
    let review = review(Some(sent), 1);
    store.submit_review(&review).await.unwrap();
    let waiting = invite(&store, "8").await;
    store
        .save_notice(&notified("8", Some(arrival(Change::Cancelled, "8", "").event)))
        .await
        .unwrap();
    invite(&store, "9").await;

    assert_eq!(store.orders_of(&shop(), "", 2).await.unwrap(), ["7", "8"]);
    assert_eq!(store.orders_of(&shop(), "8", 2).await.unwrap(), ["9"]);
    let orders = ["7", "8", "unknown"].map(str::to_owned);
    let stored = store.stored(&shop(), &orders).await.unwrap();
    assert_eq!(stored.len(), 2);
    assert_eq!(stored[0].order.email.as_ref().unwrap().as_str(), "buyer-7@x.example");
    assert_eq!(stored[0].review.as_ref().unwrap().display_name, review.opinion.display_name);
    assert_eq!(stored[1].invitation.as_deref(), Some("scheduled"));

    assert_eq!(
        store.erase(&"other".parse().unwrap(), &orders, at(30)).await.unwrap(),
        0,
        "not theirs"
    );
    assert_eq!(store.erase(&shop(), &orders, at(30)).await.unwrap(), 2);
    let stored = store.stored(&shop(), &orders).await.unwrap();
    assert!(
        stored.iter().all(|stored| stored.order.email.is_none() && stored.order.name.is_none())
    );
    assert_eq!(stored[0].review.as_ref().unwrap().display_name, "");
    assert_eq!(stored[1].invitation.as_deref(), Some("cancelled"));
    assert!(store.claim(Claim { id: waiting, now: at(24), lease: LEASE }).await.unwrap().is_none());
    assert!(store.status(at(0)).await.unwrap().notices.is_empty());
    let dump = everything(&url).await;
    for name in ["buyer-7@", "buyer-8@", "Lind"] {
        assert_eq!(dump.matches(name).count(), usize::from(name == "Lind"), "{name}: {dump}");
    }
    assert!(dump.contains("buyer-9@"), "nobody else is erased");
}

/// `Anna+1@bücher.example`, who writes it in different ways.
fn anna() -> (EmailAddress, Person) {
    let address = EmailAddress::parse("Anna+1@bücher.example").unwrap();
    let person = Person::new(&address, &[7; 32]);
    (address, person)
}

fn kept(id: u128, body: &str) -> UnreadWebhook {
    UnreadWebhook {
        id: Uuid::from_u128(id),
        shop: shop(),
        request_id: Uuid::nil(),
        received_at: at(0),
        headers: [].into(),
        body: body.as_bytes().to_vec(),
        path: "line_items[0]".into(),
        detail: "expected a map".into(),
    }
}

async fn a_person_is_found_wherever_the_address_stands_and_erased_with_a_receipt(
    store: Store,
    url: String,
) {
    let (address, person) = anna();
    let order = |shop: &str, reference: &str, email: &str| {
        let mut arrival = order_of(shop, reference, email);
        arrival.event.order.name = Some("Anna Vertraulich".into());
        arrival
    };
    let mailed = accepted(&store, order("demo", "1", address.as_str())).await.1;
    let claimed = claim(&store, mailed, 24).await.unwrap();
    let reply = AttemptOutcome::Sent("250 queued for anna+1@xn--bcher-kva.example".into());
    assert!(finish(&store, &claimed, reply).await);
    let mut review = review(Some(mailed), 1);
    review.opinion.display_name = "Anna Vertraulich".into();
    review.opinion.text = "Ask me: ANNA+1@BÜCHER.example!".into();
    store.submit_review(&review).await.unwrap();
    let waiting = accepted(&store, order("other", "2", "anna+1@BÜCHER.example")).await.1;
    let failed = accepted(&store, order("demo", "3", "anna+1@xn--bcher-kva.EXAMPLE")).await.1;
    let claimed = claim(&store, failed, 24).await.unwrap();
    finish(&store, &claimed, AttemptOutcome::Failed("550 no Anna Vertraulich".into())).await;
    // One mail went to her, then the order got another address.
    let formerly = accepted(&store, order("demo", "4", address.as_str())).await.1;
    let claimed = claim(&store, formerly, 24).await.unwrap();
    finish(&store, &claimed, AttemptOutcome::Sent("250 2.0.0 for anna+1".into())).await;
    readdress(&store, "4", "bob@x.example").await;
    // No invitation, and no order yet.
    let mut uninvited = order("demo", "5", address.as_str());
    uninvited.event.order.test = true;
    store.accept(uninvited).await.unwrap();
    let told = order("demo", "6", address.as_str()).event;
    store.save_notice(&notified("6", Some(told))).await.unwrap();
    let body = r#"{"to":"\u0041nna\u002b1\u0040b\u00fccher.example"}"#;
    store.keep_unread(&kept(1, body)).await.unwrap();

    let found = store.find_person(&person).await.unwrap();
    assert_eq!((found.orders.len(), found.unread.len(), found.notices.len()), (4, 1, 1));
    let receipt = store.erase_person(&person, &found, 2, at(30)).await.unwrap();
    let erased = receipt.erased;
    assert_eq!((erased.orders, erased.invitations, erased.mail_files), (4, 1, 2));
    assert_eq!((erased.mail_replies, erased.authors, erased.review_texts), (3, 1, 1));
    assert_eq!((erased.notices, erased.unread_webhooks), (1, 1));
    assert_eq!(store.receipt(receipt.id).await.unwrap().as_ref(), Some(&receipt));
    assert_eq!(store.receipts(at(0), 10).await.unwrap(), [receipt]);
    assert!(claim(&store, waiting, 24).await.is_none());

    let dump = everything(&url).await.to_lowercase();
    for trace in ["anna", "vertraulich", "cher.example", "bcher"] {
        assert!(!dump.contains(trace), "{trace}: {dump}");
    }
    assert!(dump.contains(&person.hash().to_string()) && dump.contains("bob@x.example"));
    assert!(store.find_person(&person).await.unwrap().orders.is_empty());
    assert!(store.empty_log(SignedDuration::from_secs(20)).await.unwrap());

    let again = accepted(&store, order("demo", "7", address.as_str())).await.1;
    assert!(claim(&store, again, 24).await.is_none(), "stored, and not mailed");
}

async fn nobody_but_the_person_is_erased(store: Store, url: String) {
    let (_, person) = anna();
    for (reference, email) in [
        ("1", "joanna+1@bücher.example"),
        ("2", "anna+1@bücher.example.org"),
        ("3", "bob@x.example"),
    ] {
        accepted(&store, order_of("demo", reference, email)).await;
    }
    store.keep_unread(&kept(1, "joanna+1@bücher.example")).await.unwrap();
    let before = everything(&url).await;
    let found = store.find_person(&person).await.unwrap();
    assert!(found.orders.is_empty() && found.unread.is_empty(), "{found:?}");
    let receipt = store.erase_person(&person, &found, 0, at(30)).await.unwrap();
    assert_eq!(receipt.erased, Erased::default());
    let after = everything(&url).await;
    for row in before.lines() {
        assert!(after.contains(row), "{row}");
    }
}

async fn what_is_told_of_a_forgotten_order_later_names_nobody_and_invites_nobody(
    store: Store,
    url: String,
) {
    let waiting = invite(&store, "1").await;
    // A cancel would have ended it; here it waits for nothing but its time.
    store.erase(&shop(), &["1".to_owned()], at(1)).await.unwrap();
    for (key, change) in [("again", Change::Completed), ("late", Change::Refunded)] {
        let mut again = arrival(change, "1", key);
        again.event.at = Some(at(5));
        assert!(matches!(store.accept(again).await.unwrap(), Accepted::Decided { .. }));
    }
    let mut readdressed = arrival(Change::Completed, "1", "readdressed");
    readdressed.event.order.email = EmailAddress::parse("new@x.example").ok();
    store.accept(readdressed).await.unwrap();
    let dump = everything(&url).await;
    for trace in ["buyer-1@", "new@x.example", "Lind", "Kaffe"] {
        assert!(!dump.contains(trace), "{trace}: {dump}");
    }
    assert!(dump.contains("refunded"), "what happened to it is recorded");
    assert!(claim(&store, waiting, 99).await.is_none());
}

async fn an_order_is_forgotten_when_nothing_needs_it_any_more(store: Store, url: String) {
    let day = 24;
    let not_needed = |now: i64| NotNeeded {
        changed_before: at(now - 30 * day),
        uninvited_before: at(now - 120 * day),
        mailed_before: at(now - 120 * day),
    };
    let forget = async |now: i64| {
        let page = store.forget_orders(&shop(), "", not_needed(now), at(now)).await.unwrap();
        assert_eq!(page.next, None);
        page.forgotten
    };
    let sent = invite(&store, "1-sent").await;
    mail(&store, sent, 24, SentMail::default()).await;
    let reviewed = invite(&store, "2-reviewed").await;
    mail(&store, reviewed, 24, SentMail::default()).await;
    let review = review(Some(reviewed), 1);
    store.submit_review(&review).await.unwrap();
    invite(&store, "3-waiting").await;
    invite(&store, "4-cancelled").await;
    store.accept(arrival(Change::Cancelled, "4-cancelled", "undone")).await.unwrap();
    let mut partly = arrival(Change::Completed, "5-uninvited", "done");
    partly.event.order.fulfilment = Fulfilment::Partial;
    partly.policy = Arc::new(Policy { trigger: Trigger::Delivered, ..(*partly.policy).clone() });
    partly.event.order.test = true;
    store.accept(partly).await.unwrap();
    let mut unasked = arrival(Change::Completed, "6-noticed", "done");
    unasked.event.order.test = true;
    store.accept(unasked).await.unwrap();
    let notice = store.save_notice(&notified("6-noticed", None)).await.unwrap();

    assert_eq!(forget(30 * day).await, 0);
    assert_eq!(forget(30 * day + 1).await, 1, "the cancelled one");
    assert_eq!(forget(120 * day + 1).await, 1, "the one that was never invited");
    assert_eq!(forget(121 * day).await, 0, "links are good");
    assert_eq!(forget(121 * day + 1).await, 1, "the one that was mailed and not answered");
    let found = store.pending_review(review.id).await.unwrap().unwrap();
    store.label_review(review.id, &verify(&found.0, found.1.as_ref()), at(500)).await.unwrap();
    assert_eq!(forget(122 * day).await, 1, "the review needs it no more");
    let claimed = store.claim_notice(notice, at(0), LEASE).await.unwrap().unwrap();
    store.finish_notice(notice, claimed.fence, &Answered::Done).await.unwrap();
    assert_eq!(forget(122 * day).await, 1, "its platform has answered");
    assert_eq!(forget(9999 * day).await, 0, "one that waits is needed for as long as it does");
    let dump = everything(&url).await;
    for reference in ["1-sent", "2-reviewed", "4-cancelled", "5-uninvited", "6-noticed"] {
        assert!(!dump.contains(&format!("buyer-{reference}@")), "{reference}: {dump}");
    }
    assert!(dump.contains("buyer-3-waiting@") && dump.contains("Kaffe"), "{dump}");
    assert!(dump.contains(&review.opinion.display_name), "a review keeps its author");
}

async fn what_ages_is_deleted_a_little_at_a_time(store: Store, _: String) {
    for n in 0..=u128::from(EXPIRED_MAX) {
        store.keep_unread(&kept(n + 1, "{}")).await.unwrap();
    }
    assert_eq!(store.expire(Aging::UnreadWebhooks, at(1)).await.unwrap(), EXPIRED_MAX);
    assert_eq!(store.expire(Aging::UnreadWebhooks, at(1)).await.unwrap(), 1);
    let (_, person) = anna();
    store.erase_person(&person, &Found::default(), 0, at(1)).await.unwrap();
    assert_eq!(store.expire(Aging::Receipts, at(1)).await.unwrap(), 0);
    assert_eq!(store.expire(Aging::Receipts, at(2)).await.unwrap(), 1);
    store.suppress(&[entry("bob@x.example", "*", Some(9))]).await.unwrap();
    assert_eq!(store.expire(Aging::Suppressions, at(9)).await.unwrap(), 0);
    assert_eq!(store.expire(Aging::Suppressions, at(10)).await.unwrap(), 1, "hers has no end");
    assert_eq!(store.suppressions_of(person.hash()).await.unwrap()[0].reason, "erased");
    assert_eq!(store.expire(Aging::Bounces, at(9)).await.unwrap(), 0);
}

fn entry(email: &str, scope: &str, until: Option<i64>) -> Entry {
    Entry {
        recipient: EmailAddress::parse(email).unwrap().hash(&[7; 32]),
        scope: scope.parse().unwrap(),
        reason: "imported".into(),
        created_at: at(0),
        expires_at: until.map(at),
    }
}

async fn the_suppression_list_is_never_made_weaker(store: Store, _: String) {
    let bob = |until| entry("bob@x.example", "demo", until);
    let ends = async || store.suppressions_of(bob(None).recipient).await.unwrap()[0].expires_at;
    assert_eq!(store.suppress(&[bob(Some(5)), bob(Some(7)), bob(Some(6))]).await.unwrap(), 1);
    assert_eq!(ends().await, Some(at(7)));
    assert_eq!(store.suppress(&[bob(Some(6))]).await.unwrap(), 0);
    assert_eq!(store.suppress(&[bob(Some(8))]).await.unwrap(), 1);
    assert_eq!(store.suppress(&[bob(None)]).await.unwrap(), 1);
    let other = Entry { reason: "other".into(), ..bob(Some(999)) };
    assert_eq!(store.suppress(&[other]).await.unwrap(), 0);
    assert_eq!(store.suppressions_of(bob(None).recipient).await.unwrap(), [bob(None)]);

    let more = [entry("bob@x.example", "*", None), entry("carl@x.example", "*", Some(3))];
    assert_eq!(store.suppress(&more).await.unwrap(), 2);
    let all = store.suppressions(None, 10).await.unwrap();
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by_key(|entry| (entry.recipient, entry.scope.to_string())));
    assert_eq!(store.suppressions(Some(&all[0]), 1).await.unwrap(), all[1..2]);
    assert!(store.lift(all[0].recipient, &all[0].scope).await.unwrap());
    assert!(!store.lift(all[0].recipient, &all[0].scope).await.unwrap());
    assert_eq!(store.suppressions(None, 10).await.unwrap(), all[1..]);
}

async fn an_order_is_found_by_its_number_and_all_are_told_page_by_page(store: Store, _: String) {
    let orders = i64::from(crate::history::PAGE) + 3;
    let mut accepted = tokio::task::JoinSet::new();
    for n in 0..orders {
        let mut arrival = arrival(Change::Completed, &format!("r{n:05}"), "done");
        arrival.event.order.number = Some(format!("#1_{n}"));
        arrival.event.at = Some(at(n % 2));
        arrival.received_at = at(1);
        let store = store.clone();
        accepted.spawn(async move { store.accept(arrival).await.unwrap() });
    }
    accepted.join_all().await;

    let numbered = async |number: String| store.orders_numbered(&shop(), &number).await.unwrap();
    assert_eq!(numbered("#1_7".into()).await, ["r00007"]);
    assert_eq!(numbered(format!("1_{}", orders - 1)).await, [format!("r{:05}", orders - 1)]);
    assert!(numbered("1%7".into()).await.is_empty());
    assert_eq!(store.count_orders_of(&shop()).await.unwrap(), orders.cast_unsigned());

    let (mut told, mut after, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = store.told(&shop(), &after, at(1)).await.unwrap();
        pages += 1;
        told.extend(
            page.orders.into_iter().map(|told| (told.order.order.reference, told.events.len())),
        );
        let Some(next) = page.next else { break };
        after = next;
    }
    let since: Vec<_> =
        (0..orders).filter(|n| n % 2 == 1).map(|n| (format!("r{n:05}"), 1)).collect();
    assert_eq!((told, pages), (since, 2));

    let id = invite(&store, "7").await;
    store.unsubscribe(id, Stop::Shop, at(3)).await.unwrap();
    let history = store.history(&shop(), "7").await.unwrap().unwrap();
    assert_eq!((history.events.len(), history.mails[0].decided_at), (1, at(0)));
    assert_eq!((history.stops[0].at, history.stops[0].all_shops), (at(3), false));
    let told = store.told(&shop(), "6", at(0)).await.unwrap().orders;
    assert_eq!(told[0].stopped_at, Some(at(3)));
    assert!(store.history(&shop(), "8").await.unwrap().is_none());
    assert_eq!(
        (store.unread_of(&shop()).await.unwrap(), store.notice_of(&shop(), "7").await.unwrap()),
        (0, None)
    );
}

/// Every row of every table, as text.
async fn everything(url: &str) -> String {
    const TABLES: [&str; 14] = [
        "orders",
        "invitations",
        "webhook_deliveries",
        "mail_deliveries",
        "reviews",
        "product_reviews",
        "notices",
        "unread_webhooks",
        "suppressions",
        "former_recipients",
        "bounces",
        "pauses",
        "checkout_notices",
        "erasures",
    ];
    let mut dump = String::new();
    for table in TABLES {
        let rows: Vec<String> = if url.starts_with("sqlite:") {
            let mut connection = sqlx::SqliteConnection::connect(url).await.unwrap();
            let columns: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(format!(
                "SELECT name FROM pragma_table_info('{table}')"
            )))
            .fetch_all(&mut connection)
            .await
            .unwrap();
            let columns: Vec<_> = columns
                .iter()
                .map(|(name,)| format!("COALESCE(CAST({name} AS TEXT), '')"))
                .collect();
            let select = format!("SELECT {} FROM {table}", columns.join(" || ' ' || "));
            sqlx::query_scalar(sqlx::AssertSqlSafe(select))
                .fetch_all(&mut connection)
                .await
                .unwrap()
        } else {
            let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
            let select = format!("SELECT t::text FROM {table} t");
            sqlx::query_scalar(sqlx::AssertSqlSafe(select))
                .fetch_all(&mut connection)
                .await
                .unwrap()
        };
        dump += &rows.join("\n");
    }
    dump
}

async fn invite(store: &Store, reference: &str) -> InvitationId {
    match store.accept(arrival(Change::Completed, reference, "done")).await.unwrap() {
        Accepted::Decided { invitation: Some(id), .. } => id,
        other => panic!("{other:?}"),
    }
}

async fn claim(store: &Store, id: InvitationId, hours: i64) -> Option<Claimed> {
    store.claim(Claim { id, now: at(hours), lease: LEASE }).await.unwrap()
}

async fn finish(store: &Store, claimed: &Claimed, outcome: AttemptOutcome) -> bool {
    let (id, fence) = (claimed.id, claimed.fence);
    let sent = SentMail::default();
    store.finish(Finish { id, fence, at: at(25), outcome, sent }).await.unwrap()
}

async fn states(store: &Store) -> Vec<(String, i64)> {
    let mut states: Vec<_> = store
        .status(at(0))
        .await
        .unwrap()
        .invitations
        .into_iter()
        .map(|c| (c.name, c.count))
        .collect();
    states.sort();
    states
}

async fn every_statement_prepares(store: Store, _: String) {
    let all = [
        crate::experiments::STATEMENTS,
        crate::intake::STATEMENTS,
        crate::sending::STATEMENTS,
        crate::suppression::STATEMENTS,
        crate::bounces::STATEMENTS,
        crate::reviews::STATEMENTS,
        crate::overview::STATEMENTS,
        crate::notices::STATEMENTS,
        crate::unread::STATEMENTS,
        crate::privacy::STATEMENTS,
        crate::history::STATEMENTS,
        crate::erasure::STATEMENTS,
        crate::retention::STATEMENTS,
        crate::suppression_list::STATEMENTS,
    ];
    for statement in all.into_iter().flatten() {
        let outcome = match &*store.db {
            Db::Sqlite { writer, .. } => {
                writer.prepare(statement.text(Dialect::Sqlite).into_sql_str()).await.map(|_| ())
            }
            Db::Postgres(pool) => {
                pool.prepare(statement.text(Dialect::Postgres).into_sql_str()).await.map(|_| ())
            }
        };
        outcome.unwrap_or_else(|error| panic!("{}: {error}", statement.name));
    }
}

async fn what_the_database_is_set_up_as_can_be_seen(store: Store, _: String) {
    match store.facts().await.unwrap() {
        Facts::Sqlite(facts) => {
            let sound = Some("ok".to_owned());
            let expected =
                SqliteFacts { journal_mode: "wal".to_owned(), synchronous: 2, quick_check: sound };
            assert_eq!(facts, expected);
        }
        Facts::Postgres(facts) => {
            assert!(facts.fsync && facts.full_page_writes && facts.is_private, "{facts:?}");
            assert_eq!(facts.synchronous_commit, "on");
            assert!(!facts.is_standby && !facts.is_read_only, "{facts:?}");
            assert!(facts.connections_open > 0, "ours at least");
            assert!(facts.connections_max > 10 && facts.account_connections_max.is_none());
            assert!(facts.now().is_ok() && facts.version.contains('.'), "{facts:?}");
        }
    }
}

async fn what_is_asked_is_answered_from_an_index(store: Store, _: String) {
    let asked = [
        &crate::overview::DUE,
        &crate::overview::LEASES_OVER,
        &crate::overview::FIRST_DUE,
        &crate::overview::UPCOMING,
        &crate::overview::PENDING_REVIEWS,
        &crate::sending::CLAIM,
        &crate::sending::FINISH,
        &crate::sending::LOAD_CLAIMED,
        &crate::sending::CANCEL_UNDONE,
        &crate::sending::SUPPRESS,
        &crate::notices::CLAIM_NOTICE,
        &crate::notices::DUE_NOTICES,
        &crate::retention::NOT_NEEDED,
        &crate::retention::PAGE_END,
        &crate::retention::FORGET_ORDERS,
        &crate::retention::EXPIRE_UNREAD,
        &crate::retention::EXPIRE_NOTICES,
        &crate::retention::EXPIRE_BOUNCES,
        &crate::retention::EXPIRE_SUPPRESSIONS,
        &crate::retention::EXPIRE_RECEIPTS,
        &crate::erasure::FIND_ORDERS,
        &crate::erasure::ORDERS_END,
        &crate::erasure::FIND_REVIEWS,
        &crate::erasure::FIND_OPINIONS,
        &crate::erasure::FIND_NOTICES,
        &crate::erasure::MAILED_TO,
        &crate::erasure::FORMERLY_MAILED_TO,
        &crate::erasure::ERASE_MAIL_REPLIES,
        &crate::erasure::ERASE_MAIL_AUTHORS,
        &crate::erasure::REWRITE_REVIEWS,
        &crate::erasure::REWRITE_OPINIONS,
        &crate::erasure::DELETE_NOTICES,
        &crate::erasure::DELETE_UNREAD,
        &crate::erasure::ERASE_BOUNCES,
        &crate::erasure::LIST_BOUNCES,
        &crate::suppression_list::ENTRIES_OF,
        &crate::suppression_list::LIST_ENTRIES,
        &crate::suppression_list::REMOVE_ENTRY,
        &crate::history::FIND_ORDER,
        &crate::history::LIST_EVENTS,
        &crate::history::LIST_MAILS,
        &crate::history::LIST_OUTCOMES,
        &crate::history::LIST_STOPS,
        &crate::history::LIST_RETURNED,
        &crate::bounces::FIND_MAILED,
        &crate::bounces::LAST_MAIL,
        &crate::bounces::COUNT_SOFT,
        &crate::bounces::COUNT_COMPLAINTS,
        &crate::bounces::COUNT_SENT,
        &crate::bounces::RESUMED_AT,
        &crate::history::FIND_REVIEW,
        &crate::history::FIND_NOTICE,
        &crate::history::PAGE_END,
        &crate::history::LIST_TOLD_EVENTS,
        &crate::privacy::LOAD_STORED,
        &crate::privacy::ORDERS_OF,
        &crate::privacy::ERASE_ORDERS,
        &crate::privacy::CANCEL_ERASED,
        &crate::privacy::ERASE_REPLIES,
        &crate::privacy::FORGET_REASONS,
        &crate::privacy::ERASE_AUTHORS,
        &crate::privacy::LOAD_STORED_PRODUCTS,
        &crate::privacy::ERASE_PRODUCTS,
        &crate::privacy::ERASE_NOTICES,
        &crate::reviews::FIND_PRODUCTS,
        &crate::unread::COUNT_UNREAD_OF,
        &crate::intake::LOAD_KNOWN,
        &crate::intake::CANCEL_INVITATIONS,
        &crate::intake::RETARGET_INVITATIONS,
        &crate::intake::KEEP_FORMER_RECIPIENTS,
    ];
    for statement in asked {
        let plan = match &*store.db {
            Db::Sqlite { writer, .. } => sqlite_plan(writer, statement).await,
            Db::Postgres(pool) => postgres_plan(pool, statement).await,
        };
        assert!(!plan.is_empty(), "{} has a plan", statement.name);
        let by_key = statement.text.contains("{rows}");
        for steps in plan.windows(2).filter(|steps| by_key && steps[0].contains("Index Scan")) {
            assert!(
                steps[1].contains("Index Cond"),
                "{} reads a whole index: {steps:?}",
                statement.name
            );
        }
        for step in plan {
            // Not what the statement itself has found.
            let found = ["SCAN shop", "SCAN due", "SCAN first"].contains(&step.as_str());
            let reads_all = (step.starts_with("SCAN ") && !step.contains("VIRTUAL TABLE"))
                && !found
                && step != "SCAN p" // a page, which was read from an index
                && !step.contains("USING") // an index in order, as MIN and ORDER BY … LIMIT read it
                || ["Seq Scan", "Hash Join", "Merge Join"].iter().any(|read| step.contains(read));
            assert!(!reads_all, "{} reads a whole table: {step}", statement.name);
        }
    }
}

async fn sqlite_plan(pool: &sqlx::SqlitePool, statement: &Statement) -> Vec<String> {
    let text = format!("EXPLAIN QUERY PLAN {}", statement.text(Dialect::Sqlite));
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(sqlx::AssertSqlSafe(text)).fetch_all(pool).await.unwrap();
    plan.into_iter().map(|(.., step)| step).collect()
}

async fn postgres_plan(pool: &sqlx::PgPool, statement: &Statement) -> Vec<String> {
    let mut connection = pool.acquire().await.unwrap();
    // As it is kept: made while the tables are empty, as they are here, and used when they are not.
    let kept = "SET plan_cache_mode = force_generic_plan";
    sqlx::query(kept).execute(&mut *connection).await.unwrap();
    let text = statement.text(Dialect::Postgres);
    let nulls = vec!["NULL"; (1..9).filter(|n| text.contains(&format!("${n}"))).count()].join(", ");
    let arguments = if nulls.is_empty() { nulls } else { format!("({nulls})") };
    let explain = format!("EXPLAIN EXECUTE asked{arguments}");
    let prepare = sqlx::AssertSqlSafe(format!("PREPARE asked AS {text}"));
    sqlx::raw_sql(prepare).execute(&mut *connection).await.unwrap();
    let steps = sqlx::raw_sql(sqlx::AssertSqlSafe(explain)).fetch_all(&mut *connection).await;
    connection.close().await.unwrap();
    steps.unwrap().iter().map(|row| sqlx::Row::get(row, 0)).collect()
}

async fn a_completed_order_leads_to_one_invitation(store: Store, _: String) {
    let first = store.accept(arrival(Change::Completed, "1", "a")).await.unwrap();
    let Accepted::Decided { decision: Decision::Schedule(timing), invitation } = first else {
        panic!("{first:?}")
    };
    assert_eq!(timing.due_at, at(24));
    assert!(invitation.is_some());
    let again = store.accept(arrival(Change::Completed, "1", "a")).await.unwrap();
    assert_eq!(again, Accepted::Duplicate);
    let edited = store.accept(arrival(Change::Completed, "1", "b")).await.unwrap();
    let kept = Decision::Keep { reason: Reason::AlreadyInvited };
    assert_eq!(edited, Accepted::Decided { decision: kept, invitation });
    assert_eq!(states(&store).await, [("scheduled".into(), 1)]);
}

async fn the_same_webhook_in_parallel_counts_once(store: Store, url: String) {
    let other = open(&url).await;
    let tasks: Vec<_> = (0..40)
        .map(|n| {
            let store = if n % 2 == 0 { store.clone() } else { other.clone() };
            tokio::spawn(async move {
                store.accept(arrival(Change::Completed, "1", "a")).await.unwrap()
            })
        })
        .collect();
    let mut decided = 0;
    for task in tasks {
        decided += usize::from(task.await.unwrap() != Accepted::Duplicate);
    }
    assert_eq!(decided, 1);
    assert_eq!(states(&store).await, [("scheduled".into(), 1)]);
}

async fn different_events_of_one_order_in_parallel_leave_one_invitation(store: Store, url: String) {
    let other = open(&url).await;
    let tasks: Vec<_> = (0..30)
        .map(|n| {
            let store = if n % 2 == 0 { store.clone() } else { other.clone() };
            let change = if n == 17 { Change::Cancelled } else { Change::Completed };
            tokio::spawn(async move {
                store.accept(arrival(change, "1", &format!("event {n}"))).await.unwrap()
            })
        })
        .collect();
    for task in tasks {
        assert_ne!(task.await.unwrap(), Accepted::Duplicate);
    }
    let states = states(&store).await;
    assert!(states.is_empty() || states == [("cancelled".into(), 1)], "{states:?}");
}

async fn events_in_one_group_see_each_other(store: Store, _: String) {
    let group = vec![
        arrival(Change::Completed, "1", "a"),
        arrival(Change::Completed, "1", "a"),
        arrival(Change::Cancelled, "1", "b"),
        arrival(Change::Completed, "2", "a"),
    ];
    let accepted = crate::intake::accept(
        store.db.clone(),
        Arc::from(&[7_u8; 32][..]),
        group.into_iter().map(Arc::new).collect(),
    )
    .await
    .unwrap();
    assert!(matches!(accepted[0], Accepted::Decided { decision: Decision::Schedule(_), .. }));
    assert_eq!(accepted[1], Accepted::Duplicate);
    assert!(matches!(accepted[2], Accepted::Decided { decision: Decision::Cancel { .. }, .. }));
    assert!(matches!(accepted[3], Accepted::Decided { decision: Decision::Schedule(_), .. }));
    assert_eq!(states(&store).await, [("cancelled".into(), 1), ("scheduled".into(), 1)]);
}

async fn a_cancel_before_the_order_leaves_a_tombstone(store: Store, _: String) {
    store.accept(arrival(Change::Cancelled, "1", "a")).await.unwrap();
    let late = store.accept(arrival(Change::Completed, "1", "b")).await.unwrap();
    let decision = Decision::DoNotInvite { reason: Reason::OrderCancelled };
    assert_eq!(late, Accepted::Decided { decision, invitation: None });
    assert!(states(&store).await.is_empty());
}

async fn a_cancel_stops_a_waiting_invitation(store: Store, _: String) {
    let id = invite(&store, "1").await;
    store.accept(arrival(Change::Refunded, "1", "b")).await.unwrap();
    assert_eq!(states(&store).await, [("cancelled".into(), 1)]);
    assert!(claim(&store, id, 48).await.is_none());
}

async fn a_cancel_while_sending_stops_the_retry(store: Store, _: String) {
    let id = invite(&store, "1").await;
    let claimed = claim(&store, id, 24).await.unwrap();
    let late = store.accept(arrival(Change::Cancelled, "1", "b")).await.unwrap();
    let decision = Decision::Keep { reason: Reason::TooLate };
    assert_eq!(late, Accepted::Decided { decision, invitation: Some(id) });
    let retry = AttemptOutcome::Retry { at: at(25), error: "451".into() };
    assert!(finish(&store, &claimed, retry).await);
    assert!(claim(&store, id, 26).await.is_none());
    assert_eq!(states(&store).await, [("cancelled".into(), 1)]);
}

async fn only_one_worker_claims(store: Store, url: String) {
    let id = invite(&store, "1").await;
    let other = open(&url).await;
    let tasks: Vec<_> = (0..20)
        .map(|n| {
            let store = if n % 2 == 0 { store.clone() } else { other.clone() };
            tokio::spawn(async move { claim(&store, id, 24).await.is_some() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
}

async fn an_invitation_is_not_claimed_before_it_is_due(store: Store, _: String) {
    let id = invite(&store, "1").await;
    assert!(claim(&store, id, 23).await.is_none());
    let claimed = claim(&store, id, 24).await.unwrap();
    assert_eq!((claimed.attempt, claimed.first_due_at), (1, at(24)));
    assert_eq!(claimed.order.order.name.as_deref(), Some("Åsa \"Å\" Lind"));
}

async fn a_lease_that_is_over_lets_another_claim_and_fences_the_first(store: Store, _: String) {
    let id = invite(&store, "1").await;
    let zombie = claim(&store, id, 24).await.unwrap();
    assert!(claim(&store, id, 24).await.is_none(), "leased");
    assert!(store.due_invitations(at(24), 9).await.unwrap().is_empty());
    assert_eq!(store.due_invitations(at(25), 9).await.unwrap()[0].id, id);
    let second = claim(&store, id, 25).await.unwrap();
    assert_eq!(second.attempt, 2);
    assert!(!finish(&store, &zombie, AttemptOutcome::Failed("late".into())).await);
    assert!(finish(&store, &second, AttemptOutcome::Sent("250".into())).await);
    assert!(!finish(&store, &second, AttemptOutcome::Sent("250".into())).await, "once");
    assert_eq!(states(&store).await, [("sent".into(), 1)]);
    let errors = store.status(at(0)).await.unwrap().last_errors;
    assert_eq!(errors.iter().map(|e| e.detail.as_str()).collect::<Vec<_>>(), ["late"]);
}

async fn a_postponed_attempt_does_not_count(store: Store, _: String) {
    let id = invite(&store, "1").await;
    let claimed = claim(&store, id, 24).await.unwrap();
    assert!(finish(&store, &claimed, AttemptOutcome::Postponed(at(30))).await);
    assert_eq!(store.invited(id).await.unwrap().unwrap().first_attempt_at, None);
    assert!(claim(&store, id, 29).await.is_none());
    assert_eq!(claim(&store, id, 30).await.unwrap().attempt, 1);
}

async fn unsubscribing_stops_what_waits_and_what_comes(store: Store, _: String) {
    let mut second = arrival(Change::Completed, "2", "a");
    second.event.order.email = EmailAddress::parse("BUYER-1@x.example").ok();
    let first = invite(&store, "1").await;
    assert!(claim(&store, first, 24).await.is_some());
    let Accepted::Decided { invitation: Some(waiting), .. } =
        store.accept(second.clone()).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(store.unsubscribe(first, Stop::Shop, at(25)).await.unwrap(), Some(shop()));
    assert!(claim(&store, waiting, 48).await.is_none());
    second.event.order.reference = "3".into();
    let Accepted::Decided { invitation: Some(coming), .. } = store.accept(second).await.unwrap()
    else {
        panic!()
    };
    assert!(claim(&store, coming, 48).await.is_none());
    assert_eq!(states(&store).await, [("sending".into(), 1), ("suppressed".into(), 2)]);
    assert_eq!(
        store.unsubscribe(first, Stop::Shop, at(26)).await.unwrap(),
        Some(shop()),
        "idempotent"
    );
    let nobody = InvitationId(Uuid::nil());
    assert_eq!(store.unsubscribe(nobody, Stop::Shop, at(26)).await.unwrap(), None);
}

async fn who_wants_no_reminders_gets_the_other_mails(store: Store, _: String) {
    let id = invite(&store, "1").await;
    mail(&store, id, 24, reminded_at(100)).await;
    let mut next = arrival(Change::Completed, "2", "next");
    next.event.order.email = EmailAddress::parse("buyer-1@x.example").ok();
    let Accepted::Decided { invitation: Some(other), .. } = store.accept(next).await.unwrap()
    else {
        panic!()
    };
    store.prefer(id, Some(Stop::Reminders), at(25)).await.unwrap();
    let [reminder] = &store.due_invitations(at(999), 9).await.unwrap()[1..] else { panic!() };
    assert!(claim(&store, reminder.id, 100).await.is_none());
    assert!(claim(&store, other, 100).await.is_some());
    let history = store.history(&shop(), "1").await.unwrap().unwrap();
    assert_eq!(history.mails[1].state, InvitationState::Suppressed);
    assert!(history.stops[0].reminders_only && !history.stops[0].all_shops);
    let told = store.told(&shop(), "", at(0)).await.unwrap().orders;
    assert_eq!(told[0].stopped_at, None, "invitations go on");
}

async fn a_stop_can_be_taken_back_by_who_said_it(store: Store, _: String) {
    let id = invite(&store, "1").await;
    let holds = async || store.preferences(id, at(30)).await.unwrap();
    let told = |stop| Preferences { stop, is_fixed: false };
    assert_eq!(holds().await, told(None));
    for stop in [Stop::Shop, Stop::AllShops, Stop::Reminders] {
        assert_eq!(store.prefer(id, Some(stop), at(1)).await.unwrap(), Some(shop()));
        assert_eq!(holds().await, told(Some(stop)), "instead of what was said before");
    }
    store.unsubscribe(id, Stop::AllShops, at(2)).await.unwrap();
    store.unsubscribe(id, Stop::Shop, at(3)).await.unwrap();
    assert_eq!(holds().await, told(Some(Stop::AllShops)), "one click takes nothing back");
    store.prefer(id, None, at(4)).await.unwrap();
    assert_eq!(holds().await, told(None));
    assert!(claim(&store, id, 24).await.is_some());
    let nobody = InvitationId(Uuid::nil());
    assert_eq!(store.prefer(nobody, None, at(5)).await.unwrap(), None);
}

async fn a_stop_that_nobody_said_is_not_taken_back(store: Store, _: String) {
    let id = invite(&store, "1").await;
    store.unsubscribe(id, Stop::Shop, at(1)).await.unwrap();
    crate::db::write_on!(store.db, |pool, _sql, _begin| {
        sqlx::query("UPDATE suppressions SET reason = 'complaint'").execute(pool).await.unwrap();
    });
    store.prefer(id, None, at(2)).await.unwrap();
    let holds = store.preferences(id, at(3)).await.unwrap();
    assert_eq!(holds, Preferences { stop: None, is_fixed: true });
    assert!(claim(&store, id, 24).await.is_none());

    let soon = format!("UPDATE suppressions SET expires_at = {}", millis(at(4)));
    crate::db::write_on!(store.db, |pool, _sql, _begin| {
        let soon = sqlx::AssertSqlSafe(soon);
        sqlx::query(soon).execute(pool).await.unwrap();
    });
    assert_eq!(store.preferences(id, at(5)).await.unwrap(), Preferences::default());
    store.unsubscribe(id, Stop::Shop, at(6)).await.unwrap();
    let lasting = store.preferences(id, at(7)).await.unwrap();
    assert_eq!(lasting, Preferences { stop: Some(Stop::Shop), is_fixed: false });
}

async fn a_link_that_several_may_hold_takes_nothing_back(store: Store, _: String) {
    let mailed = invite(&store, "1").await;
    assert!(claim(&store, mailed, 24).await.is_some());
    readdress(&store, "1", "second@x.example").await;
    store.prefer(mailed, Some(Stop::Shop), at(25)).await.unwrap();
    store.prefer(mailed, None, at(26)).await.unwrap();
    let holds = store.preferences(mailed, at(27)).await.unwrap();
    assert_eq!(holds, Preferences { stop: Some(Stop::Shop), is_fixed: true });
}

async fn what_buyers_read_at_the_checkout_is_kept_once(store: Store, _: String) {
    let notice = CheckoutNotice::from("We will ask you for a review.");
    let everywhere = ConsentRule { basis: None, notice: Some(notice.clone()) };
    let consent = ConsentPolicy { everywhere, ..ConsentPolicy::default() };
    let policy = Arc::new(Policy { consent, ..Policy::after(DELAY) });
    for reference in ["1", "2"] {
        let told = arrival(Change::Completed, reference, "a");
        store.accept(Arrival { policy: policy.clone(), ..told }).await.unwrap();
    }
    store.accept(arrival(Change::Completed, "3", "a")).await.unwrap();
    let history = async |reference| store.history(&shop(), reference).await.unwrap().unwrap();
    let told = history("2").await;
    let Decision::Schedule(timing) = &told.events[0].decision else { panic!() };
    assert_eq!(timing.ground, Some(Ground::SoftOptIn { notice: notice.hash.clone() }));
    assert_eq!(told.checkout_notices[&notice.hash], notice.text);
    assert!(history("3").await.checkout_notices.is_empty());
}

async fn who_may_not_be_asked_any_more_is_not(store: Store, _: String) {
    let id = invite(&store, "1").await;
    let claimed = claim(&store, id, 24).await.unwrap();
    assert!(finish(&store, &claimed, AttemptOutcome::MayNotAsk(Reason::Objected)).await);
    assert!(claim(&store, id, 48).await.is_none());
    let mails = store.history(&shop(), "1").await.unwrap().unwrap().mails;
    assert_eq!((mails[0].state, mails[0].attempts), (InvitationState::Cancelled, 0));
    assert_eq!(mails[0].reason.as_deref(), Some("objected"));
}

async fn a_changed_address_is_looked_up_anew(store: Store, _: String) {
    let stopped = invite(&store, "1").await;
    store.unsubscribe(stopped, Stop::Shop, at(1)).await.unwrap();
    let waiting = invite(&store, "2").await;
    let mut edited = arrival(Change::Completed, "2", "edited");
    edited.event.order.email = EmailAddress::parse("buyer-1@x.example").ok();
    store.accept(edited).await.unwrap();
    for id in [stopped, waiting] {
        assert!(claim(&store, id, 48).await.is_none());
    }
    assert_eq!(states(&store).await, [("suppressed".into(), 2)]);
}

/// The order gets another address, as shops do when they correct one.
async fn readdress(store: &Store, reference: &str, address: &str) {
    let mut edited = arrival(Change::Completed, reference, address);
    edited.event.order.email = EmailAddress::parse(address).ok();
    store.accept(edited).await.unwrap();
}

async fn a_link_stops_mail_to_everybody_its_invitation_was_sent_to(store: Store, _: String) {
    let mailed = invite(&store, "1").await;
    let first = claim(&store, mailed, 24).await.unwrap();
    let lost = AttemptOutcome::Retry { at: at(25), error: "no reply".into() };
    assert!(finish(&store, &first, lost).await);
    readdress(&store, "1", "second@x.example").await;
    let second = claim(&store, mailed, 25).await.unwrap();
    assert!(finish(&store, &second, AttemptOutcome::Sent("250".into())).await);
    readdress(&store, "1", "third@x.example").await;
    let waiting = [invite(&store, "2").await, invite(&store, "3").await];
    readdress(&store, "2", "buyer-1@x.example").await;
    readdress(&store, "3", "second@x.example").await;
    store.unsubscribe(mailed, Stop::Shop, at(26)).await.unwrap();
    for id in waiting {
        assert!(claim(&store, id, 48).await.is_none());
    }
    assert_eq!(states(&store).await, [("sent".into(), 1), ("suppressed".into(), 2)]);
}

async fn an_address_that_was_corrected_before_the_mail_is_not_stopped(store: Store, _: String) {
    let corrected = invite(&store, "1").await;
    readdress(&store, "1", "right@x.example").await;
    assert!(claim(&store, corrected, 24).await.is_some());
    let others = invite(&store, "2").await;
    readdress(&store, "2", "buyer-1@x.example").await;
    store.unsubscribe(corrected, Stop::Shop, at(25)).await.unwrap();
    assert!(claim(&store, others, 48).await.is_some());
}

async fn a_stop_reaches_whoever_was_mailed_before_the_address_changed(store: Store, _: String) {
    let mailed = invite(&store, "1").await;
    assert!(claim(&store, mailed, 24).await.is_some());
    let mut edited = arrival(Change::Completed, "1", "edited");
    edited.event.order.email = EmailAddress::parse("buyer-2@x.example").ok();
    store.accept(edited).await.unwrap();
    store.unsubscribe(mailed, Stop::Shop, at(25)).await.unwrap();
    for (reference, email) in [("3", "buyer-1@x.example"), ("4", "buyer-2@x.example")] {
        let mut next = arrival(Change::Completed, reference, "next");
        next.event.order.email = EmailAddress::parse(email).ok();
        let Accepted::Decided { invitation: Some(id), .. } = store.accept(next).await.unwrap()
        else {
            panic!()
        };
        assert!(claim(&store, id, 48).await.is_none(), "{email} holds the link");
    }
}

/// An order of this shop and person; what else it says is for `change` to add.
fn order_of(shop: &str, reference: &str, email: &str) -> Arrival {
    let mut arrival = arrival(Change::Completed, reference, "done");
    arrival.shop = shop.parse().unwrap();
    arrival.event.order.email = EmailAddress::parse(email).ok();
    arrival
}

async fn accepted(store: &Store, arrival: Arrival) -> (Decision, InvitationId) {
    match store.accept(arrival).await.unwrap() {
        Accepted::Decided { decision, invitation: Some(id) } => (decision, id),
        other => panic!("{other:?}"),
    }
}

/// Mails it at this hour.
async fn mail(store: &Store, id: InvitationId, hours: i64, sent: SentMail) {
    let fence = claim(store, id, hours).await.unwrap().fence;
    let outcome = AttemptOutcome::Sent("250 ok".into());
    assert!(store.finish(Finish { id, fence, at: at(hours), outcome, sent }).await.unwrap());
}

fn reminded_at(hours: i64) -> SentMail {
    SentMail { remind_at: Some(at(hours)), variant: None }
}

async fn a_delivery_moves_what_waits(store: Store, _: String) {
    let told = |fulfilment, key: &str, hours| {
        let mut arrival = arrival(Change::Completed, "1", key);
        let policy = Policy { trigger: Trigger::Delivered, ..Policy::after(DELAY) };
        arrival.policy = Arc::new(policy);
        arrival.event.order.fulfilment = fulfilment;
        arrival.event.at = Some(at(hours));
        arrival.received_at = at(hours);
        arrival
    };
    let (first, id) = accepted(&store, told(Fulfilment::Shipped, "a", 0)).await;
    assert!(matches!(first, Decision::Schedule(_)));
    let (moved, same) = accepted(&store, told(Fulfilment::Delivered, "b", 10)).await;
    assert!(matches!(moved, Decision::Move(_)), "{moved:?}");
    assert_eq!(same, id);
    assert!(claim(&store, id, 33).await.is_none());
    let claimed = claim(&store, id, 34).await.unwrap();
    assert_eq!(claimed.first_due_at, at(34));

    // In one group with what set the timer: nothing of it is on record yet.
    let group = [told(Fulfilment::Shipped, "c", 0), told(Fulfilment::Delivered, "d", 10)].map(
        |mut told| {
            told.event.order.reference = "2".into();
            store.accept(told)
        },
    );
    let [first, moved] = group;
    let (first, moved) = tokio::join!(first, moved);
    assert!(first.is_ok() && moved.is_ok());
    assert!(store.due_invitations(at(33), 9).await.unwrap().is_empty());
}

async fn a_reminder_follows_the_mail_and_a_review_ends_it(store: Store, _: String) {
    let reminder = async |reference| {
        let id = invite(&store, reference).await;
        mail(&store, id, 24, reminded_at(100)).await;
        let due = store.due_invitations(at(100), 9).await.unwrap();
        assert_eq!(due.len(), 1);
        (id, due[0].id)
    };
    let (first, reminder_id) = reminder("1").await;
    assert_eq!(states(&store).await, [("sent".into(), 1)], "reminders are counted apart");
    let claimed = claim(&store, reminder_id, 100).await.unwrap();
    assert_eq!((claimed.kind, claimed.invitation), (MailKind::Reminder, first));
    let outcome = AttemptOutcome::Sent("250 ok".into());
    let (id, fence, sent) = (reminder_id, claimed.fence, reminded_at(200));
    store.finish(Finish { id, fence, at: at(100), outcome, sent }).await.unwrap();
    assert!(store.due_invitations(at(999), 9).await.unwrap().is_empty(), "there is one");

    let (first, answered) = reminder("2").await;
    let reviewed = review(Some(first), 2);
    store.submit_review(&reviewed).await.unwrap();
    assert!(claim(&store, answered, 100).await.is_none());
    assert!(store.due_invitations(at(999), 9).await.unwrap().is_empty(), "it has ended");

    let (_, undone) = reminder("3").await;
    store.accept(arrival(Change::Refunded, "3", "undone")).await.unwrap();
    assert!(claim(&store, undone, 100).await.is_none());

    let (first, stopped) = reminder("4").await;
    store.unsubscribe(first, Stop::Shop, at(50)).await.unwrap();
    assert!(claim(&store, stopped, 100).await.is_none());

    let failed = invite(&store, "5").await;
    let claimed = claim(&store, failed, 24).await.unwrap();
    let outcome = AttemptOutcome::Failed("550".into());
    let (id, fence, sent) = (failed, claimed.fence, reminded_at(100));
    store.finish(Finish { id, fence, at: at(24), outcome, sent }).await.unwrap();
    assert!(store.due_invitations(at(999), 9).await.unwrap().is_empty(), "who got nothing");
}

async fn who_wants_to_be_asked_later_is_asked_once_and_not_reminded(store: Store, _: String) {
    let id = invite(&store, "1").await;
    assert!(!store.ask_later(id, at(300), at(1)).await.unwrap(), "nobody holds the link yet");
    mail(&store, id, 24, reminded_at(100)).await;
    assert!(store.ask_later(id, at(300), at(30)).await.unwrap());
    assert!(store.ask_later(id, at(200), at(31)).await.unwrap(), "another choice");
    let due = store.due_invitations(at(999), 9).await.unwrap();
    assert_eq!(due.len(), 1, "and no reminder");
    assert_eq!(due[0].at, at(200));
    assert_eq!(claim(&store, due[0].id, 200).await.unwrap().kind, MailKind::Later);
    assert!(!store.ask_later(id, at(400), at(201)).await.unwrap(), "once only");

    let answered = invite(&store, "2").await;
    mail(&store, answered, 24, SentMail::default()).await;
    let reviewed = review(Some(answered), 2);
    store.submit_review(&reviewed).await.unwrap();
    assert!(!store.ask_later(answered, at(300), at(30)).await.unwrap());
    let nobody = InvitationId(Uuid::from_u128(77));
    assert!(!store.ask_later(nobody, at(300), at(30)).await.unwrap());

    let stopped = invite(&store, "3").await;
    mail(&store, stopped, 24, SentMail::default()).await;
    store.unsubscribe(stopped, Stop::Shop, at(25)).await.unwrap();
    assert!(!store.ask_later(stopped, at(300), at(30)).await.unwrap());
    let undone = invite(&store, "4").await;
    mail(&store, undone, 24, SentMail::default()).await;
    store.accept(arrival(Change::Cancelled, "4", "undone")).await.unwrap();
    assert!(!store.ask_later(undone, at(300), at(30)).await.unwrap());
}

async fn who_wants_to_be_asked_later_is_not_mailed_by_a_retry(store: Store, _: String) {
    // The answer of the mail server was lost: the buyer has the mail, and it is to be tried again.
    let id = invite(&store, "1").await;
    let claimed = claim(&store, id, 24).await.unwrap();
    let lost = AttemptOutcome::Retry { at: at(26), error: "lost".into() };
    assert!(finish(&store, &claimed, lost.clone()).await);
    assert!(store.ask_later(id, at(300), at(25)).await.unwrap());
    assert!(claim(&store, id, 26).await.is_none());
    let later = store.due_invitations(at(999), 9).await.unwrap();
    assert_eq!((later.len(), later[0].at), (1, at(300)));

    // The same while a worker is sending.
    let id = invite(&store, "2").await;
    let claimed = claim(&store, id, 24).await.unwrap();
    assert!(store.ask_later(id, at(300), at(25)).await.unwrap());
    assert!(finish(&store, &claimed, lost).await);
    assert!(claim(&store, id, 26).await.is_none());
    let id = invite(&store, "3").await;
    let claimed = claim(&store, id, 24).await.unwrap();
    assert!(store.ask_later(id, at(300), at(25)).await.unwrap());
    let outcome = AttemptOutcome::Sent("250 ok".into());
    let (fence, sent) = (claimed.fence, reminded_at(100));
    assert!(store.finish(Finish { id, fence, at: at(25), outcome, sent }).await.unwrap());
    assert!(store.due_invitations(at(299), 9).await.unwrap().is_empty(), "and nobody is reminded");
}

async fn what_was_sent_stays_with_whom_it_was_sent_to(store: Store, _: String) {
    let id = invite(&store, "1").await;
    mail(&store, id, 24, reminded_at(100)).await;
    let mut corrected = arrival(Change::Completed, "1", "corrected");
    corrected.event.order.email = EmailAddress::parse("other@x.example").ok();
    store.accept(corrected).await.unwrap();
    assert!(store.due_invitations(at(999), 9).await.unwrap().is_empty(), "not asked, not reminded");
    assert!(!store.ask_later(id, at(300), at(30)).await.unwrap(), "the link is another person's");
    let (_, next) = accepted(&store, order_of("demo", "2", "other@x.example")).await;
    assert!(!claim(&store, next, 24).await.unwrap().is_known);
    let (_, next) = accepted(&store, order_of("demo", "3", "buyer-1@x.example")).await;
    assert!(claim(&store, next, 24).await.unwrap().is_known);
}

async fn what_was_attempted_does_not_move(store: Store, _: String) {
    let told = |key: &str, ask_at: Option<i64>| {
        let mut arrival = arrival(Change::Completed, "1", key);
        arrival.event.order.ask_at = ask_at.map(at);
        arrival
    };
    let (_, id) = accepted(&store, told("a", None)).await;
    let claimed = claim(&store, id, 24).await.unwrap();
    let later = AttemptOutcome::Retry { at: at(26), error: "busy".into() };
    assert!(finish(&store, &claimed, later).await);
    let (kept, _) = accepted(&store, told("b", Some(500))).await;
    assert_eq!(kept, Decision::Keep { reason: Reason::AlreadyInvited });
    assert!(claim(&store, id, 26).await.is_some());
}

async fn all_mails_to_a_person_are_known_and_an_attempt_too(store: Store, _: String) {
    let (_, tea) = accepted(&store, order_of("tea", "1", "anna@x.example")).await;
    let (_, paper) = accepted(&store, order_of("paper", "1", "Anna@x.example")).await;
    let (_, others) = accepted(&store, order_of("paper", "2", "bert@x.example")).await;
    let since = at(0);
    let first = claim(&store, tea, 24).await.unwrap();
    assert!(!first.is_known);
    let second = claim(&store, paper, 24).await.unwrap();
    assert!(second.is_known, "the other mail is under way");
    assert_eq!(second.recipient, first.recipient);
    assert!(!claim(&store, others, 24).await.unwrap().is_known);
    let earlier = store.earlier_mails(paper, since).await.unwrap();
    assert_eq!((earlier.len(), earlier[0].sent_at), (1, None));
    assert_eq!(earlier[0].shop.as_str(), "tea");
    assert_eq!(earlier[0].items[0].name, "Kaffe");
    finish(&store, &first, AttemptOutcome::Sent("250 ok".into())).await;
    let earlier = store.earlier_mails(paper, since).await.unwrap();
    assert_eq!(earlier[0].sent_at, Some(at(25)));
    assert!(store.earlier_mails(paper, at(26)).await.unwrap().is_empty(), "long ago");
    assert!(finish(&store, &second, AttemptOutcome::AskedBefore).await);
    assert!(store.earlier_mails(tea, since).await.unwrap().is_empty());
    let ended = states(&store).await;
    assert!(ended.contains(&("cancelled".into(), 1)), "{ended:?}");
}

async fn an_experiment_counts_people_once_and_ends_once(store: Store, _: String) {
    let within = SignedDuration::from_hours(10);
    let tally = async |hours| {
        let tally = store.tally(&shop(), "test/short", within, at(hours)).await.unwrap();
        (tally.trials, tally.successes)
    };
    let variant = || SentMail { variant: Some("test/short".into()), remind_at: None };
    for (n, email) in ["a@x.example", "b@x.example", "a@x.example"].into_iter().enumerate() {
        let (_, id) = accepted(&store, order_of("demo", &n.to_string(), email)).await;
        mail(&store, id, 24 + i64::try_from(n).unwrap(), variant()).await;
        let mut review = review(Some(id), n as u128);
        review.submitted_at = at(if n == 0 { 30 } else { 40 });
        store.submit_review(&review).await.unwrap();
    }
    assert_eq!(tally(33).await, (0, 0), "not before its time is over");
    assert_eq!(tally(34).await, (1, 1));
    assert_eq!(tally(99).await, (2, 1), "the second was late, the third was mailed before");
    assert_eq!(store.decided_variant(&shop(), "test").await.unwrap(), None);
    for variant in ["short", "usual"] {
        store.decide_experiment(&shop(), "test", variant, at(99)).await.unwrap();
    }
    assert_eq!(store.decided_variant(&shop(), "test").await.unwrap().as_deref(), Some("short"));
}

async fn due_and_upcoming_are_listed_in_order(store: Store, _: String) {
    let mut ids = Vec::new();
    for n in 0..5 {
        let mut arrival = arrival(Change::Completed, &n.to_string(), "a");
        arrival.event.at = Some(at(-n));
        let Accepted::Decided { invitation: Some(id), .. } = store.accept(arrival).await.unwrap()
        else {
            panic!()
        };
        ids.push(id);
    }
    ids.reverse();
    let due = store.due_invitations(at(24), 3).await.unwrap();
    assert_eq!(due.iter().map(|due| due.id).collect::<Vec<_>>(), ids[..3]);
    let mut walked = Vec::new();
    let start = Due { id: InvitationId(Uuid::max()), shop: shop(), at: at(0) };
    let mut after = start.clone();
    loop {
        let page = store.upcoming_invitations(&after, at(100), 2).await.unwrap();
        let Some(last) = page.last() else { break };
        after = last.clone();
        walked.extend(page.iter().map(|due| due.id));
    }
    assert_eq!(walked, ids);
    assert_eq!(store.upcoming_invitations(&start, at(20), 9).await.unwrap().len(), 1);
}

async fn shops_with_due_invitations_take_turns(store: Store, _: String) {
    let mut dead = None;
    for (shop, orders) in [("a", 9), ("b", 2), ("c", 1), ("d", 1)] {
        for n in 0..orders {
            let mut arrival = order_of(shop, &n.to_string(), "x@x.example");
            // Those of `d` are due later than asked about; of the others the first order is due last.
            arrival.received_at = at(if shop == "d" { 99 } else { 0 });
            arrival.event.at = Some(arrival.received_at - SignedDuration::from_hours(n));
            let (_, id) = accepted(&store, arrival).await;
            dead = dead.or(Some(id));
        }
    }
    let shops = async |now, limit, after: &str| {
        let due = store.due_in_turns(now, limit, after).await.unwrap();
        due.iter().map(|due| due.shop.as_str().to_owned()).collect::<Vec<_>>().concat()
    };
    assert_eq!(shops(at(24), 20, "").await, "abcabaaaaaaa");
    assert_eq!(shops(at(24), 5, "").await, "abcab");
    assert_eq!(shops(at(24), 5, "a").await, "bcaba");
    assert_eq!(shops(at(24), 2, "b").await, "ca");
    assert_eq!(shops(at(24), 2, "c").await, "ab");
    assert_eq!(shops(at(24), 2, "zzz").await, "ab", "behind the last comes the first");
    assert_eq!(shops(at(24), 0, "").await, "");
    assert_eq!(shops(at(16), 5, "").await, "a");
    assert_eq!(shops(at(1), 5, "").await, "", "nothing is due");
    let due = store.due_in_turns(at(24), 20, "").await.unwrap();
    let of_a: Vec<_> =
        due.iter().filter(|due| due.shop.as_str() == "a").map(|due| due.at).collect();
    assert!(of_a.is_sorted() && of_a.len() == 9, "{of_a:?}");

    // Whose worker died waits for nobody's turn.
    let dead = dead.unwrap();
    store.claim(Claim { id: dead, now: at(24), lease: LEASE }).await.unwrap().unwrap();
    assert_eq!(shops(at(24), 9, "").await, "abcabaaaa", "it is being sent");
    let due = store.due_in_turns(at(25), 3, "c").await.unwrap();
    assert_eq!(due[0].id, dead);
    assert_eq!(due.len(), 3);

    let waiting = async |after, until| {
        let shops = store.shops_due(after, until).await.unwrap();
        shops.iter().map(ShopId::as_str).collect::<Vec<_>>().concat()
    };
    assert_eq!(waiting(Timestamp::MIN, at(24)).await, "abc");
    assert_eq!(waiting(Timestamp::MIN, at(22)).await, "a");
    assert_eq!(waiting(at(23), at(200)).await, "bcd", "the one of `a` due then is being sent");
    assert_eq!(waiting(at(24), at(100)).await, "");
    assert_eq!(store.status(at(16)).await.unwrap().oldest_due_at, Some(at(16)));
}

fn review(invitation: Option<InvitationId>, n: u128) -> Review {
    Review {
        id: ReviewId(Uuid::from_u128(n)),
        shop: shop(),
        invitation,
        opinion: Opinion {
            stars: Stars::try_from(4).unwrap(),
            title: "Gott".into(),
            text: "Mycket\ngott 'kaffe' <b>".into(),
            display_name: "Å. L.".into(),
        },
        products: vec![],
        submitted_at: at(30),
    }
}

async fn one_invitation_one_review_however_often_it_is_submitted(store: Store, url: String) {
    let id = invite(&store, "1").await;
    claim(&store, id, 24).await.unwrap();
    let other = open(&url).await;
    let tasks: Vec<_> = (1..=50)
        .map(|n| {
            let store = if n % 2 == 0 { store.clone() } else { other.clone() };
            tokio::spawn(async move { store.submit_review(&review(Some(id), n)).await.unwrap() })
        })
        .collect();
    let mut stored = 0;
    for task in tasks {
        stored += usize::from(matches!(task.await.unwrap(), Submitted::Stored(_)));
    }
    assert_eq!(stored, 1);
    let invited = store.invited(id).await.unwrap().unwrap();
    assert_eq!(invited.review, Some((Stars::try_from(4).unwrap(), Label::Pending)));
    assert_eq!(store.pending_reviews(9).await.unwrap().len(), 1);
}

async fn a_review_is_labelled_once(store: Store, _: String) {
    let id = invite(&store, "1").await;
    claim(&store, id, 24).await.unwrap();
    store.submit_review(&review(Some(id), 1)).await.unwrap();
    let (read, origin) = store.pending_review(ReviewId(Uuid::from_u128(1))).await.unwrap().unwrap();
    assert_eq!(read, review(Some(id), 1));
    let verdict = verify(&read, origin.as_ref());
    assert!(verdict.is_ok(), "{verdict:?}");
    assert!(store.label_review(read.id, &verdict, at(31)).await.unwrap());
    assert!(!store.label_review(read.id, &verdict, at(32)).await.unwrap());
    assert!(store.pending_review(read.id).await.unwrap().is_none());
    let line = &store.last_reviews(9).await.unwrap()[0];
    assert_eq!(line.label, "verified");
    assert!(line.evidence.as_ref().unwrap().contains("\"order_reference\":\"1\""));
}

async fn an_organic_review_stays_organic(store: Store, _: String) {
    store.submit_review(&review(None, 1)).await.unwrap();
    store.submit_review(&review(None, 2)).await.unwrap();
    assert!(store.pending_review(ReviewId(Uuid::from_u128(1))).await.unwrap().is_none());
    let refused = Err(domain::review::Refusal::NoInvitation);
    assert!(!store.label_review(ReviewId(Uuid::from_u128(1)), &refused, at(31)).await.unwrap());
    let labels: Vec<_> =
        store.last_reviews(9).await.unwrap().into_iter().map(|r| r.label).collect();
    assert_eq!(labels, ["organic", "organic"]);
}

async fn products_are_stored_with_their_review_or_not_at_all(store: Store, _: String) {
    let id = invite(&store, "1").await;
    claim(&store, id, 24).await.unwrap();
    let items = [
        Item { name: "Kaffe 'mörk'".into(), sku: Some("K-1".into()), ..Item::default() },
        Item {
            name: "Filter".into(),
            gtin: Some("12345670".into()),
            url: Some("https://shop.example/filter".into()),
            ..Item::default()
        },
    ];
    let written = |texts: [&str; 2]| {
        let products = domain::review::products(&items).into_iter().zip(texts);
        products
            .map(|(product, text)| ProductReview::new(product, 2.try_into().unwrap(), text))
            .collect()
    };
    let first = Review { products: written(["Stark.\nGod.", ""]), ..review(Some(id), 1) };
    let second = Review { products: written(["later", "later"]), ..review(Some(id), 2) };
    let other = Review { products: vec![], ..review(None, 3) };
    assert_eq!(store.submit_review(&first).await.unwrap(), Submitted::Stored(first.id));
    assert_eq!(store.submit_review(&second).await.unwrap(), Submitted::AlreadyThere);
    assert_eq!(store.submit_review(&other).await.unwrap(), Submitted::Stored(other.id));

    let (read, _) = store.pending_review(first.id).await.unwrap().unwrap();
    assert_eq!(read, first);
    let orders = ["1".to_owned()];
    let stored = store.stored(&shop(), &orders).await.unwrap().remove(0).review.unwrap();
    let shown: Vec<_> = stored.products.iter().map(|p| (&*p.name, p.stars, &*p.body)).collect();
    assert_eq!(shown, [("Kaffe 'mörk'", 2, "Stark.\nGod."), ("Filter", 2, "")]);
    assert_eq!(stored.products[1].gtin.as_deref(), Some("12345670"));

    store.erase(&shop(), &orders, at(30)).await.unwrap();
    let stored = store.stored(&shop(), &orders).await.unwrap().remove(0).review.unwrap();
    assert_eq!((stored.stars, stored.products), (4, vec![]), "they tell what was bought");
}

async fn the_record_survives_being_opened_again(store: Store, url: String) {
    store.save_shop(&shop(), "shopify", "Demo").await.unwrap();
    let id = invite(&store, "1").await;
    store.close().await;
    let again = open(&url).await;
    again.save_shop(&shop(), "shopify", "Demo, renamed").await.unwrap();
    assert!(claim(&again, id, 24).await.is_some());
    let line = &again.last_orders(9).await.unwrap()[0];
    assert_eq!((line.order_ref.as_str(), line.state.as_deref()), ("1", Some("sending")));
    assert!(line.decision.as_ref().unwrap().contains("schedule"));
    again.ping().await.unwrap();
}

async fn a_newer_schema_is_refused(store: Store, url: String) {
    let newer =
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                 VALUES (9999, 'from the future', TRUE, $1, 0)";
    crate::db::write_on!(store.db, |pool, _sql, _begin| {
        sqlx::query(newer).bind(vec![0_u8; 4]).execute(pool).await.unwrap();
    });
    store.close().await;
    for migrate in [true, false] {
        let refused = Store::open(StoreSettings { migrate, ..settings(&url) }).await;
        assert!(matches!(refused, Err(StoreError::NewerSchema(9999))), "{migrate}");
    }
}

/// The installation's owner migrates; the daemon's account only reads and writes rows.
async fn an_account_that_may_not_change_tables_is_enough_once_they_are_there(
    store: Store,
    url: String,
) {
    let Db::Postgres(pool) = &*store.db else { return };
    let grants = "CREATE ROLE clerk LOGIN;
                  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
                  GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO clerk;";
    sqlx::raw_sql(grants).execute(pool).await.unwrap();

    let clerk = open(&url.replace("afs@", "clerk@")).await;

    let id = invite(&clerk, "1").await;
    assert!(claim(&clerk, id, 24).await.is_some());
    sqlx::query("DELETE FROM _sqlx_migrations").execute(pool).await.unwrap();
    let refused = Store::open(settings(&url.replace("afs@", "clerk@"))).await;
    assert!(matches!(refused, Err(StoreError::NotOwner)));
}

/// A backup, say, reads for long; meanwhile the log cannot be used anew and grows.
async fn the_write_ahead_log_shrinks_again_after_a_long_reader(store: Store, url: String) {
    let Db::Sqlite { readers, writer } = &*store.db else { return };
    let log = format!("{}-wal", url.strip_prefix("sqlite:").unwrap());
    let size = || fs_err::metadata(&log).unwrap().len();
    let mut reading = readers.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM orders").execute(&mut *reading).await.unwrap();
    sqlx::raw_sql("CREATE TABLE ballast (bytes BLOB)").execute(writer).await.unwrap();
    let write = "INSERT INTO ballast VALUES (zeroblob(1000000))";
    while size() < 3 * WAL_MAX {
        sqlx::query(write).execute(writer).await.unwrap();
    }

    drop(reading);
    // The first folds the log into the file, the second begins it anew.
    for _ in 0..2 {
        sqlx::query(write).execute(writer).await.unwrap();
    }

    assert!(size() <= WAL_MAX, "{} bytes", size());
}

async fn looking_makes_no_record(store: Store, url: String) {
    let look = StoreSettings { migrate: false, ..settings(&url) };
    Store::open(look.clone()).await.unwrap();
    crate::db::write_on!(store.db, |pool, _sql, _begin| {
        sqlx::query("DROP TABLE _sqlx_migrations").execute(pool).await.unwrap();
    });
    assert!(matches!(Store::open(look).await, Err(StoreError::Missing)));
}
