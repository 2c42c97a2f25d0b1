//! What every database must keep of what comes back of mails.

use bounce::{Event, Kind};
use domain::bounce::{Alarm, Reason};

use super::*;
use crate::bounces::{Applied, Pause};

fn event(kind: Kind, key: &str, mail: Option<InvitationId>, address: Option<&str>) -> Event {
    Event {
        key: key.into(),
        kind,
        at: None,
        mail,
        address: address.map(|address| EmailAddress::parse(address).unwrap()),
        status: Some("5.1.1".into()),
        detail: "550 <address>: unknown user".into(),
    }
}

async fn apply(store: &Store, event: &Event, hours: i64) -> Applied {
    store.apply_bounce(event, at(hours)).await.unwrap().unwrap()
}

/// An invitation that was mailed.
async fn mailed(store: &Store, reference: &str) -> InvitationId {
    let id = invite(store, reference).await;
    let claimed = claim(store, id, 24).await.unwrap();
    assert!(finish(store, &claimed, AttemptOutcome::Sent("250".into())).await);
    id
}

/// An order of the shop `other` by whoever has this address.
async fn waiting(store: &Store, reference: &str, address: &str) -> InvitationId {
    let mut order = arrival(Change::Completed, reference, "done");
    order.shop = "other".parse().unwrap();
    order.event.order.email = EmailAddress::parse(address).ok();
    match store.accept(order).await.unwrap() {
        Accepted::Decided { invitation: Some(id), .. } => id,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn a_hard_bounce_and_a_complaint_stop_all_shops_for_ever(store: Store, _: String) {
    for (kind, reason, order) in
        [(Kind::HardBounce, Reason::Bounced, "1"), (Kind::Complaint, Reason::Complained, "2")]
    {
        let mail = mailed(&store, order).await;
        let coming = waiting(&store, order, &format!("buyer-{order}@x.example")).await;
        let event = event(kind, order, Some(mail), None);
        let applied = apply(&store, &event, 25).await;
        assert_eq!((applied.is_new, applied.stopped), (true, Some(reason)));
        assert_eq!((applied.shop, applied.mail), (Some(shop()), Some(mail)));
        assert!(!apply(&store, &event, 26).await.is_new, "told twice, counts once");
        assert!(claim(&store, coming, 99_999).await.is_none());
        let history = store.history(&"other".parse().unwrap(), order).await.unwrap().unwrap();
        assert_eq!(history.mails[0].state, domain::InvitationState::Suppressed);
        assert_eq!(history.mails[0].reason.as_deref(), Some(reason.as_str()));
        let stop = &history.stops[0];
        assert_eq!((stop.at, stop.all_shops, stop.expires_at), (at(25), true, None));
        let history = store.history(&shop(), order).await.unwrap().unwrap();
        assert_eq!(history.returned[0].kind, kind.as_str());
        assert_eq!(history.returned[0].words, "5.1.1 550 <address>: unknown user");
    }
    let status = store.status(at(27)).await.unwrap();
    assert_eq!((status.suppressions, status.bounces.iter().map(|it| it.count).sum()), (2, 2_i64));
}

pub(super) async fn a_bounce_may_come_before_its_mail_is_recorded_as_sent(store: Store, _: String) {
    let mail = invite(&store, "1").await;
    let claimed = claim(&store, mail, 24).await.unwrap();
    apply(&store, &event(Kind::HardBounce, "k", Some(mail), None), 24).await;
    let remind_at = Some(at(26));
    let sent = SentMail { remind_at, ..SentMail::default() };
    let outcome = AttemptOutcome::Sent("250".into());
    let finish = Finish { id: mail, fence: claimed.fence, at: at(25), outcome, sent };
    assert!(store.finish(finish).await.unwrap());
    let due = store.due_invitations(at(26), 10).await.unwrap();
    assert!(claim(&store, due[0].id, 26).await.is_none(), "no reminder to nobody");
}

pub(super) async fn an_event_is_about_whom_its_mail_went_to(store: Store, _: String) {
    let kind = Kind::HardBounce;
    let mail = invite(&store, "1").await;
    let first = claim(&store, mail, 24).await.unwrap();
    let lost = AttemptOutcome::Retry { at: at(25), error: "no reply".into() };
    assert!(finish(&store, &first, lost).await);
    readdress(&store, "1", "right@x.example").await;
    let [wrong, right] = ["buyer-1@x.example", "right@x.example"];
    let [to_wrong, to_right] =
        [waiting(&store, "w", wrong).await, waiting(&store, "r", right).await];
    apply(&store, &event(kind, "told", Some(mail), Some(wrong)), 25).await;
    assert!(claim(&store, to_wrong, 48).await.is_none(), "the source tells which one it was");
    assert!(claim(&store, to_right, 48).await.is_some());
    apply(&store, &event(kind, "not told", Some(mail), Some("elsewhere@x.example")), 26).await;
    let another = waiting(&store, "r2", right).await;
    assert!(claim(&store, another, 48).await.is_none(), "nobody knows which one it was");
    let forwarded = waiting(&store, "e", "elsewhere@x.example").await;
    assert!(claim(&store, forwarded, 48).await.is_some(), "no mail of ours went there");
}

pub(super) async fn an_event_without_a_mail_is_about_the_address(store: Store, _: String) {
    let mail = mailed(&store, "1").await;
    let address = Some("Buyer-1@x.example");
    let applied = apply(&store, &event(Kind::Complaint, "a", None, address), 26).await;
    assert_eq!((applied.shop, applied.mail), (Some(shop()), Some(mail)), "their last mail");
    let unknown = Some(InvitationId(Uuid::nil()));
    let applied = apply(&store, &event(Kind::HardBounce, "b", unknown, address), 26).await;
    assert_eq!(applied.mail, Some(mail), "the mail told is not on record");
    let stranger = Some("stranger@x.example");
    let applied = apply(&store, &event(Kind::Unsubscribe, "c", None, stranger), 26).await;
    assert_eq!((applied.shop, applied.mail), (None, None));
    let coming = waiting(&store, "9", "stranger@x.example").await;
    assert!(claim(&store, coming, 48).await.is_none(), "whose mail they meant is not known");
    let nobody = event(Kind::HardBounce, "d", unknown, None);
    assert_eq!(store.apply_bounce(&nobody, at(26)).await.unwrap(), None);
}

pub(super) async fn an_answer_that_says_stop_counts_for_its_shop(store: Store, _: String) {
    let mail = mailed(&store, "1").await;
    let other = waiting(&store, "1", "buyer-1@x.example").await;
    apply(&store, &event(Kind::Unsubscribe, "k", Some(mail), None), 26).await;
    assert!(claim(&store, other, 48).await.is_some());
    let mut again = arrival(Change::Completed, "2", "done");
    again.event.order.email = EmailAddress::parse("buyer-1@x.example").ok();
    let Accepted::Decided { invitation: Some(again), .. } = store.accept(again).await.unwrap()
    else {
        panic!()
    };
    assert!(claim(&store, again, 48).await.is_none());
}

pub(super) async fn three_soft_bounces_rest_an_address_for_a_time(store: Store, _: String) {
    const DAY: i64 = 24;
    let address = Some("full@x.example");
    let soft = |key: &str| Event { at: None, ..event(Kind::SoftBounce, key, None, address) };
    let waits = waiting(&store, "1", "full@x.example").await;
    apply(&store, &soft("long ago"), -20 * DAY).await;
    let one = mailed(&store, "one").await;
    for report in ["first", "second"] {
        let report = event(Kind::SoftBounce, report, Some(one), None);
        assert_eq!(apply(&store, &report, 25).await.stopped, None, "of one mail");
    }
    // At the same time, by different processes.
    let events: Vec<Event> = ["a", "b", "c"].map(&soft).into();
    let all = events.iter().map(|event| store.apply_bounce(event, at(25)));
    let stopped = futures_join(all).await;
    assert!(stopped.iter().any(|applied| applied.stopped == Some(Reason::SoftBounces)));
    let again = apply(&store, &soft("c"), 30 * DAY).await;
    assert!(!again.is_new, "and it does not rest longer for it");
    assert!(claim(&store, waits, 24).await.is_none());
    let rest = 25 + 90 * DAY;
    assert_eq!(store.status(at(rest - 1)).await.unwrap().suppressions, 1);
    assert_eq!(store.status(at(rest)).await.unwrap().suppressions, 0);
    let coming = waiting(&store, "2", "full@x.example").await;
    assert!(claim(&store, coming, rest - 1).await.is_none());
    for order in ["3", "4", "5"] {
        let mail = waiting(&store, order, "full@x.example").await;
        assert!(claim(&store, mail, rest).await.is_some(), "it may be mailed again");
        apply(&store, &event(Kind::SoftBounce, order, Some(mail), None), rest + 1).await;
    }
    assert_eq!(store.status(at(rest + 2)).await.unwrap().suppressions, 1, "and once more");
}

async fn futures_join(
    all: impl Iterator<Item = impl Future<Output = Result<Option<Applied>, StoreError>>>,
) -> Vec<Applied> {
    let all = futures::future::join_all(all).await;
    all.into_iter().map(|applied| applied.unwrap().unwrap()).collect()
}

pub(super) async fn no_suppression_is_shortened_by_a_weaker_one(store: Store, _: String) {
    let address = "full@x.example";
    let mail = mailed(&store, "1").await;
    readdress(&store, "1", address).await;
    let soft = async |keys: [&str; 3], hours| {
        for key in keys {
            apply(&store, &event(Kind::SoftBounce, key, None, Some(address)), hours).await;
        }
    };
    soft(["a", "b", "c"], 30).await;
    apply(&store, &event(Kind::HardBounce, "hard", None, Some(address)), 31).await;
    soft(["d", "e", "f"], 32).await;
    let waits = waiting(&store, "2", address).await;
    assert!(claim(&store, waits, 24 * 365).await.is_none());
    // Their own wish outlasts a rest, too.
    let other = "buyer-1@x.example";
    for key in ["g", "h", "i"] {
        apply(&store, &event(Kind::SoftBounce, key, None, Some(other)), 30).await;
    }
    store.unsubscribe(mail, Stop::AllShops, at(31)).await.unwrap();
    let waits = waiting(&store, "3", other).await;
    assert!(claim(&store, waits, 24 * 365).await.is_none());
    assert_eq!(store.history(&shop(), "1").await.unwrap().unwrap().stops[0].expires_at, None);
    // What they may take back gives way to what they may not.
    apply(&store, &event(Kind::Complaint, "spam", Some(mail), None), 33).await;
    assert!(store.preferences(mail, at(34)).await.unwrap().is_fixed);
}

pub(super) async fn too_many_complaints_pause_a_shop_once(store: Store, _: String) {
    let mut complaints = Vec::new();
    for order in 1..=8 {
        let mail = mailed(&store, &order.to_string()).await;
        complaints.push(event(Kind::Complaint, &format!("k{order}"), Some(mail), None));
    }
    let alarms = |applied: &Applied| applied.complaints.map(|it| (it.people, it.alarm)).unwrap();
    assert_eq!(alarms(&apply(&store, &complaints[0], 26).await), (1, Alarm::Calm));
    let again = Event { key: "again".into(), ..complaints[0].clone() };
    assert_eq!(alarms(&apply(&store, &again, 26).await), (1, Alarm::Calm), "one person");
    assert_eq!(alarms(&apply(&store, &complaints[1], 26).await), (2, Alarm::Warn));
    assert!(store.pauses().await.unwrap().is_empty());
    let both = complaints[2..4].iter().map(|event| store.apply_bounce(event, at(26)));
    let both = futures_join(both).await;
    let pausing = both.iter().filter(|it| it.complaints.is_some_and(|it| it.pauses)).count();
    assert_eq!(pausing, 1, "{both:?}");
    let reason = "4 people complained about 8 mails of 7 days".to_owned();
    let pause = Pause { shop: shop(), reason, since: at(26) };
    assert_eq!(store.pauses().await.unwrap(), std::slice::from_ref(&pause));
    assert_eq!(store.status(at(26)).await.unwrap().pauses, std::slice::from_ref(&pause));
    assert_eq!(store.history(&shop(), "1").await.unwrap().unwrap().pause, Some(pause));
    assert!(!store.pause_shop(&shop(), "by hand", at(27)).await.unwrap(), "it rests already");

    assert!(store.resume_shop(&shop(), at(28)).await.unwrap());
    assert!(!store.resume_shop(&shop(), at(29)).await.unwrap());
    assert!(store.pauses().await.unwrap().is_empty());
    apply(&store, &complaints[3], 30).await;
    let fifth = apply(&store, &complaints[4], 30).await;
    assert_eq!(alarms(&fifth), (1, Alarm::Calm), "whoever resumed it knew the others");
    for complaint in &complaints[5..8] {
        apply(&store, complaint, 31).await;
    }
    assert_eq!(store.pauses().await.unwrap()[0].since, at(31), "and again");
    assert!(store.resume_shop(&shop(), at(32)).await.unwrap());
    assert!(store.pause_shop(&shop(), "by hand", at(33)).await.unwrap());
    assert_eq!(store.pauses().await.unwrap()[0].reason, "by hand");
}
