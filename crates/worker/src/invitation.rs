//! Sends one mail about an order: the invitation, its reminder, or the one that was asked for later.

use std::{sync::Arc, time::Duration};

use config::{Config, ShopSettings};
use domain::{
    Allowed, Caps, EmailAddress, InvitationId, MailKind,
    bounce::look_again,
    lane::Permit,
    retry::{Failure, Next, RetryPolicy, after_failure, is_too_late},
    token::Purpose,
};
use jiff::{SignedDuration, Timestamp};
use mail::{Mailbox, Message, Outgoing};
use metrics::{counter, histogram};
use queue::{Channel, Wakeup};
use store::{
    StoreError,
    sending::{AttemptOutcome, Claim, Claimed, Finish, SentMail},
};
use templates::{InvitationMail, Shop};
use tokio::time::{Instant, sleep};

use crate::{
    Worker,
    experiment::{self, Version},
    lanes::Place,
};

/// The first pause before an outcome that could not be recorded is recorded again.
const RECORD_PAUSE: Duration = Duration::from_millis(200);

/// The longest such pause.
const RECORD_PAUSE_MAX: Duration = Duration::from_secs(5);

/// Claims the invitation and, if it is to be sent, sends it and records how that ended.
///
/// `lease` is how long the claim holds. After it, somebody else may be sending.
pub(crate) async fn send(worker: Arc<Worker>, id: InvitationId, lease: Duration) {
    let claim = Claim {
        id,
        now: worker.now(),
        lease: SignedDuration::try_from(lease).unwrap_or(SignedDuration::MAX),
    };
    let deadline = Instant::now() + lease;
    let claimed = match worker.store.claim(claim).await {
        Ok(Some(claimed)) => claimed,
        // Cancelled, moved, suppressed, or claimed by another worker: nothing to do.
        Ok(None) => return,
        // Still waiting in the record: the reconciler wakes it again.
        Err(error) => return tracing::warn!(invitation = %id, %error, "not claimed"),
    };
    if failpoint::bug("checkpoint_before_send") {
        let sent = AttemptOutcome::Sent("not yet".to_owned());
        record(&worker, &claimed, sent, SentMail::default(), deadline).await;
    }
    // Once: what is recorded is what was sent, whatever is reloaded or decided meanwhile.
    let version = experiment::version(&worker, &claimed);
    let outcome = attempt(&worker, &claimed, &version, deadline).await;
    failpoint::hit("worker_after_attempt");
    report(&worker, &claimed, &outcome);
    let sent = sent_mail(&worker, &claimed, version);
    if record(&worker, &claimed, outcome.clone(), sent, deadline).await {
        wake_again(&worker, &claimed, &outcome).await;
    }
}

/// Makes one attempt, and says how the invitation goes on. From `deadline` on, when another worker
/// may be sending it, no mail is begun.
async fn attempt(
    worker: &Worker,
    claimed: &Claimed,
    version: &Version,
    deadline: Instant,
) -> AttemptOutcome {
    let config = worker.config.load();
    let now = worker.now();
    if let Some(since) = worker.paused.load().get(&claimed.shop) {
        return AttemptOutcome::Postponed(look_again(*since, now));
    }
    if is_too_late(&config.retry.into(), claimed.attempt, claimed.first_due_at, now) {
        return AttemptOutcome::Failed("nobody took it in time".to_owned());
    }
    let Some(shop) = config.shop(&claimed.shop) else {
        let error = "the shop is not configured".to_owned();
        return failed(worker, &config, claimed, Failure::Temporary, error);
    };
    // Once more: a consent may have been taken back since it was decided on, and rules may be stricter.
    if let Err(reason) = shop.policy.consent.ground(&claimed.order.order) {
        return AttemptOutcome::MayNotAsk(reason);
    }
    let opening = next_open(shop, claimed, now);
    if opening > now {
        return AttemptOutcome::Postponed(opening);
    }
    match allowed(worker, shop, claimed, now).await {
        Ok(Allowed::Now) => {}
        Ok(Allowed::NotBefore(at)) => {
            return AttemptOutcome::Postponed(next_open(shop, claimed, at));
        }
        Ok(Allowed::Never) => return AttemptOutcome::AskedBefore,
        Err(error) => {
            let error = format!("what was mailed before could not be read: {error}");
            return failed(worker, &config, claimed, Failure::Temporary, error);
        }
    }
    let outgoing = match compose(worker, &config, shop, claimed, version) {
        Ok(outgoing) => outgoing.begin_by(deadline),
        Err(error) => return AttemptOutcome::Failed(error),
    };
    hand_over(worker, shop, claimed, &outgoing, deadline).await
}

/// Hands the mail over, if its lane has room.
async fn hand_over(
    worker: &Worker,
    shop: &ShopSettings,
    claimed: &Claimed,
    outgoing: &Outgoing,
    deadline: Instant,
) -> AttemptOutcome {
    let (config, now) = (worker.config.load(), worker.now());
    let given_up = now.checked_add(deadline.saturating_duration_since(Instant::now()));
    let lane = Place::new(worker, outgoing.to().host(), given_up.unwrap_or(Timestamp::MAX));
    let give_up_after = RetryPolicy::from(config.retry).give_up_after;
    let is_stale = |at: Timestamp| at.duration_since(claimed.first_due_at) > give_up_after;
    if let Permit::NotBefore(at) = lane.ask(claimed.due_at > claimed.first_due_at).await {
        // A limit of ours may be waited for as long as it takes.
        return if lane.is_limited() || !is_stale(at) {
            AttemptOutcome::Postponed(next_open(shop, claimed, at))
        } else {
            AttemptOutcome::Failed("its mail server took nothing from us in time".to_owned())
        };
    }
    let outcome = worker.transport.send(outgoing).await;
    let back = lane.tell(&outcome).await;
    match outcome {
        Ok(accepted) => AttemptOutcome::Sent(accepted.reply),
        Err(error) => match back {
            Some(at) if error.failure == Failure::Temporary && !is_stale(at) => {
                let at = next_open(shop, claimed, at);
                AttemptOutcome::Held { at, error: error.to_string() }
            }
            _ => failed(worker, &config, claimed, error.failure, error.to_string()),
        },
    }
}

/// The first moment from `at` on at which this mail may leave.
fn next_open(shop: &ShopSettings, claimed: &Claimed, at: Timestamp) -> Timestamp {
    shop.policy.next_open(&claimed.order.order, at, &claimed.id.to_string())
}

/// Whether this person may get another mail. Most never got one. A mail that was attempted goes on:
/// its recipient may have it, and a pause as long as the caps' would end its retries.
async fn allowed(
    worker: &Worker,
    shop: &ShopSettings,
    claimed: &Claimed,
    now: Timestamp,
) -> Result<Allowed, StoreError> {
    let caps = &shop.policy.caps;
    if !claimed.is_known || claimed.attempt > 1 || *caps == Caps::NONE {
        return Ok(Allowed::Now);
    }
    let since = now.checked_sub(caps.memory()).unwrap_or(Timestamp::MIN);
    let earlier = worker.store.earlier_mails(claimed.id, since).await?;
    let first = claimed.kind == MailKind::Invitation;
    let asks_about = first.then_some((&claimed.shop, &*claimed.order.order.items));
    Ok(caps.allow(claimed.id, asks_about, &earlier, now))
}

/// What is recorded if the mail was sent.
fn sent_mail(worker: &Worker, claimed: &Claimed, version: Version) -> SentMail {
    let config = worker.config.load();
    let Some(shop) = config.shop(&claimed.shop) else { return SentMail::default() };
    let at = shop.policy.reminder.and_then(|delay| worker.now().checked_add(delay).ok());
    SentMail {
        remind_at: at.map(|at| next_open(shop, claimed, at)),
        variant: version.recorded.filter(|_| claimed.kind == MailKind::Invitation),
    }
}

fn failed(
    worker: &Worker,
    config: &Config,
    claimed: &Claimed,
    failure: Failure,
    error: String,
) -> AttemptOutcome {
    let policy = RetryPolicy::from(config.retry);
    let (id, attempt, first_due) = (claimed.id.0, claimed.attempt, claimed.first_due_at);
    match after_failure(&policy, id, attempt, first_due, failure, worker.now()) {
        Next::RetryAt(at) => AttemptOutcome::Retry { at, error },
        Next::GiveUp => AttemptOutcome::Failed(error),
    }
}

fn compose(
    worker: &Worker,
    config: &Config,
    shop: &ShopSettings,
    claimed: &Claimed,
    version: &Version,
) -> Result<Outgoing, String> {
    let order = &claimed.order.order;
    let Some(recipient) = order.email.clone() else {
        return Err("the order has no usable address".to_owned());
    };
    let link = |kind: &str, purpose| {
        let token = worker.keys.token(purpose, claimed.invitation);
        format!("{}/{kind}/{token}", config.server.public_url)
    };
    let unsubscribe_url = link("u", Purpose::Unsubscribe);
    // What comes back belongs to this mail, whichever it is of those about the order.
    let tagged = |box_name: &str, purpose| {
        let host = config.mail.bounces.domain.as_ref()?;
        let tag = worker.keys.tag(purpose, claimed.id);
        EmailAddress::parse(&format!("{box_name}+{tag}@{host}")).ok()
    };
    let templates = worker.templates.load();
    let language = templates.language(order.locale.as_deref(), &shop.language);
    let written = InvitationMail {
        shop: Shop {
            name: shop.name.clone(),
            website: shop.website.clone(),
            postal_address: shop.sender.postal_address.clone(),
            ..Shop::default()
        },
        buyer_name: order.name.clone(),
        order_number: order.number.clone(),
        items: order.items.clone(),
        review_url: link("r", Purpose::Review),
        later_url: (claimed.kind != MailKind::Later).then(|| link("l", Purpose::Later)),
        unsubscribe_url: unsubscribe_url.clone(),
    };
    let kind = match claimed.kind {
        MailKind::Reminder => templates::MailKind::Reminder,
        // Who wanted to be asked later is asked as if for the first time.
        MailKind::Invitation | MailKind::Later => templates::MailKind::Invitation,
    };
    let rendered = templates
        .invitation(&language, kind, version.variant.as_deref(), &written)
        .map_err(|error| error.to_string())?;
    let sender = &shop.sender;
    let message = Message {
        id: format!("inv-{}", claimed.id),
        // Not when it was due: caps and a closed window may have held it back for weeks.
        date: claimed.first_attempt_at,
        from: Mailbox { name: Some(sender.name.clone()), address: sender.address.clone() },
        return_path: tagged("bounce", Purpose::Bounce),
        reply_to: sender.reply_to.clone(),
        to: Mailbox { name: order.name.clone(), address: recipient },
        subject: rendered.subject,
        text: rendered.text,
        html: rendered.html,
        unsubscribe: Some(unsubscribe_url),
        unsubscribe_mailto: tagged("unsub", Purpose::Unsubscribe),
        list_id: Some(format!("{}.reviews.{}", shop.id, sender.address.host())),
        feedback_id: Some(format!("{}:{}", claimed.kind.as_str(), shop.id)),
        dkim: worker.signers.load().get(&shop.id).cloned(),
    };
    mail::compose(&message).map_err(|error| error.to_string())
}

fn report(worker: &Worker, claimed: &Claimed, outcome: &AttemptOutcome) {
    let shop = || claimed.shop.to_string();
    let Claimed { id, request_id, attempt, .. } = claimed;
    match outcome {
        AttemptOutcome::Sent(reply) => {
            let lateness = worker.now().duration_since(claimed.due_at);
            counter!("afs_invitations_sent_total", "shop" => shop()).increment(1);
            histogram!("afs_invitation_lateness_seconds").record(lateness.as_secs_f64());
            tracing::info!(
                %request_id, invitation = %id, shop = %claimed.shop, attempt,
                lateness_ms = %lateness.as_millis(), reply, "invitation sent"
            );
        }
        AttemptOutcome::Retry { at, error } | AttemptOutcome::Held { at, error } => {
            counter!("afs_invitation_retries_total", "shop" => shop()).increment(1);
            tracing::warn!(
                %request_id, invitation = %id, shop = %claimed.shop, attempt, next = %at, error,
                "invitation not sent; it will be tried again"
            );
        }
        AttemptOutcome::Failed(error) => {
            counter!("afs_invitations_failed_total", "shop" => shop()).increment(1);
            tracing::error!(
                %request_id, invitation = %id, shop = %claimed.shop, attempt, error,
                "invitation failed for good"
            );
        }
        AttemptOutcome::Postponed(at) => {
            tracing::info!(
                %request_id, invitation = %id, shop = %claimed.shop, until = %at,
                "invitation waits: the send window is closed, its recipient was mailed lately, or its lane has no room"
            );
        }
        AttemptOutcome::AskedBefore => {
            tracing::info!(
                %request_id, invitation = %id, shop = %claimed.shop,
                "invitation not sent: its recipient was asked about the same products lately"
            );
        }
        AttemptOutcome::MayNotAsk(reason) => {
            tracing::info!(
                %request_id, invitation = %id, shop = %claimed.shop, ?reason,
                "invitation not sent: its recipient may not be asked"
            );
        }
    }
}

/// Records the outcome, however long the record is away, as long as the claim is ours. `false` if
/// it is not any more.
async fn record(
    worker: &Worker,
    claimed: &Claimed,
    outcome: AttemptOutcome,
    sent: SentMail,
    deadline: Instant,
) -> bool {
    let finish = Finish { id: claimed.id, fence: claimed.fence, at: worker.now(), outcome, sent };
    let mut pause = RECORD_PAUSE;
    loop {
        match worker.store.finish(finish.clone()).await {
            Ok(true) => return true,
            Ok(false) => {
                counter!("afs_fenced_outcomes_total").increment(1);
                tracing::warn!(
                    invitation = %claimed.id,
                    "another worker claimed this invitation meanwhile; its outcome counts"
                );
                return false;
            }
            Err(error) => {
                tracing::error!(invitation = %claimed.id, %error, "an outcome was not recorded");
            }
        }
        if Instant::now() + pause >= deadline {
            return false;
        }
        sleep(pause).await;
        pause = (pause * 2).min(RECORD_PAUSE_MAX);
    }
}

/// Sets the timer for the next attempt, if it comes soon; the reconciler sets later ones.
async fn wake_again(worker: &Worker, claimed: &Claimed, outcome: &AttemptOutcome) {
    let (AttemptOutcome::Retry { at: due_at, .. }
    | AttemptOutcome::Held { at: due_at, .. }
    | AttemptOutcome::Postponed(due_at)) = *outcome
    else {
        return;
    };
    if due_at > worker.horizon() {
        return;
    }
    let Claimed { id, shop, .. } = claimed;
    let wakeup = Wakeup { id: id.0, group: shop.to_string(), due_at };
    if let Err(error) = worker.queue.wake(Channel::Invitations, &[wakeup]).await {
        tracing::warn!(invitation = %id, %error, "the queue did not take a wake-up; the reconciler will");
    }
}

impl Worker {
    /// Invitations due later than this need not lie in the timer.
    pub(crate) fn horizon(&self) -> Timestamp {
        let minutes = self.config.load().queue.horizon_minutes;
        let span = SignedDuration::from_mins(i64::try_from(minutes).unwrap_or(i64::MAX / 60));
        self.now().checked_add(span).unwrap_or(Timestamp::MAX)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Mutex;

    use arc_swap::ArcSwap;
    use domain::{Change, Order, OrderEvent, Policy, ShopId, token::TokenKeys};
    use mail::{Dkim, Memory, PrivateKey, Transport};
    use mail_parser::MessageParser;
    use queue::{Clock, Queue};
    use secrecy::ExposeSecret as _;
    use store::{
        Store, StoreSettings,
        intake::{Accepted, Arrival},
    };
    use templates::Templates;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{DueInRecord, pause};

    pub(crate) const LEASE: Duration = Duration::from_mins(20);

    /// A worker with a clock that stands, and an invitation that is due.
    pub(crate) struct Bench {
        pub(crate) worker: Arc<Worker>,
        pub(crate) invitation: InvitationId,
        pub(crate) now: Arc<Mutex<Timestamp>>,
        pub(crate) dir: Arc<tempfile::TempDir>,
        sent: Memory,
    }

    impl Bench {
        async fn new() -> Self {
            Self::configured(&asking("none")).await
        }

        async fn configured(config: &str) -> Self {
            let sent = Memory::default();
            let bench = Self { sent: sent.clone(), ..Self::with(Transport::Memory(sent)).await };
            bench.configure(config);
            bench
        }

        fn configure(&self, config: &str) {
            self.worker.config.store(Arc::new(Config::from_toml(config, &["x"]).unwrap()));
        }

        pub(crate) async fn with(transport: Transport) -> Self {
            let dir = Arc::new(tempfile::tempdir().unwrap());
            let store = Store::open(StoreSettings {
                url: format!("sqlite:{}", dir.path().join("afs.db").display()),
                max_connections: 2,
                address_key: vec![7; 32],
                migrate: true,
            })
            .await
            .unwrap();
            let templates = Arc::new(ArcSwap::from_pointee(Templates::load(None).unwrap()));
            let fetcher = fetch::Fetcher::new().unwrap();
            Self::on(dir, store, templates, fetcher, "1", transport).await
        }

        /// Another worker on the same record, with an order, a clock and a mail server of its own.
        pub(crate) async fn beside(&self, reference: &str, transport: Transport) -> Self {
            let Worker { store, templates, fetcher, .. } = &*self.worker;
            let (dir, store) = (self.dir.clone(), store.clone());
            Self::on(dir, store, templates.clone(), fetcher.clone(), reference, transport).await
        }

        async fn on(
            dir: Arc<tempfile::TempDir>,
            store: Store,
            templates: Arc<ArcSwap<Templates>>,
            fetcher: fetch::Fetcher,
            reference: &str,
            transport: Transport,
        ) -> Self {
            let now = Arc::new(Mutex::new("2026-07-01T10:00:00Z".parse().unwrap()));
            let clock: Clock = {
                let now = now.clone();
                Arc::new(move || *now.lock().unwrap())
            };
            let config = Config::from_toml(&asking("none"), &["x"]).unwrap();
            let worker = Arc::new(Worker {
                queue: Queue::record(Arc::new(DueInRecord(store.clone())), clock.clone()),
                store,
                transport,
                fetcher,
                config: Arc::new(ArcSwap::from_pointee(config)),
                templates,
                signers: Arc::default(),
                keys: TokenKeys::new(vec![vec![7; 32]]).unwrap(),
                clock,
                decided: experiment::Decisions::default(),
                paused: pause::Pauses::default(),
                lanes: crate::lanes::Lanes::default(),
            });
            let invitation = invite(&worker, reference).await;
            Self { worker, invitation, now, dir, sent: Memory::default() }
        }

        fn wait(&self, hours: i64) {
            *self.now.lock().unwrap() += SignedDuration::from_hours(hours);
        }

        /// A worker claims the invitation, and is never heard of again.
        async fn crash(&self) {
            let (id, now) = (self.invitation, self.worker.now());
            let claim = Claim { id, now, lease: SignedDuration::from_mins(20) };
            assert!(self.worker.store.claim(claim).await.unwrap().is_some());
        }

        async fn send(&self) -> String {
            send(self.worker.clone(), self.invitation, LEASE).await;
            let orders = self.worker.store.last_orders(1).await.unwrap();
            orders[0].state.clone().unwrap()
        }
    }

    /// A configuration by which buyers are asked on this ground.
    fn asking(consent: &str) -> String {
        format!(
            "[shops.demo]\nplatform = 'x'\nname = 'Demo'\nsecrets = ['a secret']\n\
             invitations.consent = '{consent}'\n"
        )
    }

    async fn invite(worker: &Worker, reference: &str) -> InvitationId {
        let order = Order {
            reference: reference.into(),
            email: EmailAddress::parse(&format!("anna-{reference}@x.example")).ok(),
            name: Some("Anna\r\nBcc: b@x.example \u{202e}http://spam.example Lind".into()),
            ..Order::default()
        }
        .cleaned();
        let policy = Policy::after(SignedDuration::ZERO);
        let arrival = Arrival {
            shop: "demo".parse().unwrap(),
            event: OrderEvent { change: Change::Completed, at: None, order },
            event_key: format!("{reference}-done"),
            request_id: uuid::Uuid::nil(),
            received_at: worker.now(),
            policy: Arc::new(policy),
        };
        match worker.store.accept(arrival).await.unwrap() {
            Accepted::Decided { invitation: Some(id), .. } => id,
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn who_may_not_be_asked_by_the_rules_of_that_time_is_not_mailed() {
        let bench = Bench::new().await;
        bench.configure(&asking("opt_in"));
        assert_eq!(bench.send().await, "cancelled");
        assert!(bench.sent.sent().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mail_whose_attempts_end_their_worker_is_given_up_in_time() {
        let bench = Bench::new().await;
        for _ in 0..3 {
            bench.crash().await;
            bench.wait(24);
        }
        bench.crash().await;
        bench.wait(1);
        assert_eq!(bench.send().await, "failed");
        assert!(bench.sent.sent().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_claimed_is_not_sent_once_the_lease_is_over() {
        let bench = Bench::new().await;
        send(bench.worker.clone(), bench.invitation, Duration::ZERO).await;
        assert!(bench.sent.sent().is_empty());
        assert_eq!(bench.send().await, "scheduled", "it was recorded as to be tried again");
        bench.wait(1);
        assert_eq!(bench.send().await, "sent");
    }

    /// A worker whose only shop rests, and has postponed its mail.
    async fn resting() -> (Bench, ShopId) {
        let bench = Bench::new().await;
        let shop = "demo".parse().unwrap();
        let now = bench.worker.now();
        bench.worker.store.pause_shop(&shop, "by hand", now).await.unwrap();
        assert!(pause::known(&bench.worker, &CancellationToken::new()).await);
        assert_eq!(bench.send().await, "scheduled");
        (bench, shop)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn mail_of_a_shop_that_rests_waits_and_is_never_too_late_for_it() {
        let (bench, shop) = resting().await;
        let store = &bench.worker.store;
        bench.wait(1);
        bench.crash().await;
        bench.wait(100);
        assert_eq!(bench.send().await, "scheduled", "not failed");
        let history = store.history(&shop, "1").await.unwrap().unwrap();
        assert_eq!(history.mails[0].attempts, 1, "only the crash counts");
        assert!(bench.sent.sent().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn mail_of_a_shop_goes_on_when_it_is_resumed() {
        let (bench, shop) = resting().await;
        let store = &bench.worker.store;
        bench.wait(100);
        store.resume_shop(&shop, bench.worker.now()).await.unwrap();
        assert!(pause::known(&bench.worker, &CancellationToken::new()).await);
        assert_eq!(bench.send().await, "sent");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crash_costs_no_mail_and_a_first_attempt_is_never_too_late() {
        let crashed = Bench::new().await;
        crashed.crash().await;
        crashed.wait(48);
        assert_eq!(crashed.send().await, "sent");
        let forgotten = Bench::new().await;
        forgotten.wait(100);
        assert_eq!(forgotten.send().await, "sent");
    }

    /// The headers of a mail as they travel, unfolded, by name.
    fn headers(bytes: &[u8]) -> Vec<(String, String)> {
        let parsed = MessageParser::new().parse(bytes).unwrap();
        let raw = parsed
            .headers_raw()
            .map(|(name, value)| (name.to_owned(), value.replace("\r\n", "").trim().to_owned()));
        raw.collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_mail_says_all_that_receivers_and_laws_ask_for() {
        let bench = Bench::configured(&format!(
            "[mail.bounces]\ndomain = 'bounces.shop.example'\n[sender]\nname = 'Bücher & Söhne'\n\
             address = 'reviews@bücher.example'\nreply_to = 'help@shop.example'\n\
             postal_address = 'Storgatan 1, Stockholm'\n{}",
            asking("none")
        ))
        .await;
        let key = PrivateKey::from_pem(PrivateKey::new_ed25519([7; 32]).expose_secret());
        let keys = vec![("a".to_owned(), key.unwrap())];
        let dkim = Arc::new(Dkim::new("xn--bcher-kva.example".to_owned(), keys));
        bench.worker.signers.store(Arc::new([("demo".parse().unwrap(), dkim)].into()));
        assert_eq!(bench.send().await, "sent");
        let sent = bench.sent.sent();
        let [outgoing] = &sent[..] else { panic!("{} mails", sent.len()) };

        let id = bench.invitation;
        let tag = |purpose| bench.worker.keys.tag(purpose, id);
        let (bounce, unsub) = (tag(Purpose::Bounce), tag(Purpose::Unsubscribe));
        let token = bench.worker.keys.token(Purpose::Unsubscribe, id);
        assert_eq!(outgoing.from().as_str(), format!("bounce+{bounce}@bounces.shop.example"));
        assert!(outgoing.from().as_str().split('@').next().unwrap().len() <= 64);
        let found = headers(outgoing.bytes());
        let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
        let expected = [
            ("Date", "Wed, 01 Jul 2026 10:00:00 +0000"),
            ("From", "=?utf-8?b?QsO8Y2hlciAmIFPDtmhuZQ==?= <reviews@xn--bcher-kva.example>"),
            // "Anna Bcc: b@x.example Lind": one name, without the break, the override and the link.
            ("To", "=?utf-8?b?QW5uYSBCY2M6IGJAeC5leGFtcGxlIExpbmQ=?= <anna-1@x.example>"),
            ("Reply-To", "help@shop.example"),
            ("Message-ID", &format!("<inv-{id}@xn--bcher-kva.example>")),
            ("Subject", "How was your order from Demo?"),
            (
                "List-Unsubscribe",
                &format!(
                    "<http://127.0.0.1:8080/u/{token}>, <mailto:unsub+{unsub}@bounces.shop.example>"
                ),
            ),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("List-ID", "<demo.reviews.xn--bcher-kva.example>"),
            ("Feedback-ID", "invitation:demo:afs-rkvaexample"),
            ("Auto-Submitted", "auto-generated"),
            ("X-Auto-Response-Suppress", "All"),
            ("MIME-Version", "1.0"),
            ("Content-Type", &format!("multipart/alternative; boundary=\"=_inv-{id}\"")),
        ];
        assert_eq!(names[0], "DKIM-Signature");
        assert_eq!(names[1..], expected.map(|(name, _)| name));
        for ((name, value), (_, wanted)) in found[1..].iter().zip(expected) {
            assert_eq!(value, wanted, "{name}");
        }

        let parsed = MessageParser::new().parse(outgoing.bytes()).unwrap();
        assert!(outgoing.bytes().len() < 102_000, "Gmail cuts what is longer");
        assert_eq!((parsed.text_body_count(), parsed.html_body_count()), (1, 1));
        let plain_first =
            parsed.part(1).unwrap().is_text() && !parsed.part(1).unwrap().is_text_html();
        assert!(plain_first, "text comes before HTML");
        for body in [parsed.body_text(0).unwrap(), parsed.body_html(0).unwrap()] {
            let said = body.split_whitespace().collect::<Vec<_>>().join(" ");
            for part in
                ["Storgatan 1", "You are receiving this email because", "/r/", "/u/", "Demo"]
            {
                assert!(said.contains(part), "{part} in {said}");
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn without_a_host_for_it_nothing_comes_back_to_us() {
        let bench = Bench::new().await;
        assert_eq!(bench.send().await, "sent");
        let sent = bench.sent.sent();
        assert_eq!(sent[0].from().as_str(), "afs@sender.invalid");
        assert!(!String::from_utf8_lossy(sent[0].bytes()).contains("mailto:"));
    }
}
