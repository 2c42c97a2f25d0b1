//! Buyers: read their mail, follow its links, write reviews, say stop. Before some of them, a
//! program that looks for malware follows the same links.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use ::tests::{
    shop::now,
    web::{Answer, Form},
};
use futures::future::join_all;
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderValue},
};
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::{
    generator::{Buyer, Plan, Reaction, leases_after_a_stop},
    http::{Http, path_of},
    ledger::{Book, Cause, Granted, Stop, Submission},
    record::Source,
    smtp::{Letter, MailServer},
};

/// How often somebody tries before they give up.
const ATTEMPTS: u32 = 12;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_secs(1);

/// All buyers of a run. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Buyers {
    pub(crate) http: Http,
    pub(crate) book: Book,
    pub(crate) source: Source,
    /// What they are busy with.
    pub(crate) tasks: TaskTracker,
}

impl Buyers {
    /// Reads every mail as it arrives, for as long as it is polled.
    pub(crate) async fn read(self, server: Arc<MailServer>, plan: Arc<Plan>) {
        let buyers: HashMap<&str, usize> =
            plan.buyers.iter().enumerate().map(|(n, buyer)| (buyer.address.as_str(), n)).collect();
        let mut invited = BTreeSet::new();
        let mut leaving = BTreeSet::new();
        let mut count = 0;
        loop {
            for letter in server.behind(count).await {
                count += 1;
                let buyer = buyers.get(letter.mail.recipient.as_str()).copied();
                let is_news = invited.insert(letter.mail.invitation.clone());
                if let Some(n) = buyer.filter(|_| is_news) {
                    let unsubscribes = matches!(plan.buyers[n].reaction, Reaction::Unsubscribe(_));
                    if !unsubscribes || leaving.insert(n) {
                        let (buyers, plan, letter) = (self.clone(), plan.clone(), letter.clone());
                        let reaction = async move { buyers.react(&plan.buyers[n], &letter).await };
                        self.tasks.spawn(reaction);
                    }
                }
                // Last, so that whoever sees the mail in the ledger knows its reader to be busy.
                self.book.open().mails.push(letter.mail);
            }
        }
    }

    async fn react(&self, buyer: &Buyer, letter: &Letter) {
        if buyer.scanned {
            self.scan(letter).await;
        }
        match (buyer.reaction, &letter.mail.invitation) {
            (Reaction::Review { stars, copies }, Some(invitation)) => {
                self.review(letter, invitation, stars, copies).await;
            }
            (Reaction::Unsubscribe(after), _) => {
                sleep(after).await;
                self.unsubscribe(buyer, letter).await;
            }
            _ => {}
        }
    }

    /// Looks at every page and posts at random. None of this may change anything.
    async fn scan(&self, letter: &Letter) {
        let (review, stop) = (path_of(&letter.review_link), path_of(&letter.unsubscribe_link));
        for path in [format!("{review}?stars=1"), stop.to_owned()] {
            for method in [Method::HEAD, Method::GET] {
                self.http.send(method, &path, HeaderMap::new(), "").await;
            }
        }
        self.post(review, "stars=1&title=&text=&name=".to_owned()).await;
        self.post(stop, "confirm=yes".to_owned()).await;
    }

    async fn review(&self, letter: &Letter, invitation: &str, stars: u8, copies: u8) {
        let path = path_of(&letter.review_link);
        let Some(form) = self.open_form(&format!("{path}?stars={stars}")).await else { return };
        let filled = form.with("stars", &stars.to_string()).with("text", "Gott kaffe!");
        let submissions = (0..copies).map(|_| self.submit(path, &filled, invitation, stars));
        join_all(submissions).await;
    }

    async fn open_form(&self, path: &str) -> Option<Form> {
        for _ in 0..ATTEMPTS {
            let page = self.http.send(Method::GET, path, HeaderMap::new(), "").await;
            match page {
                Some(page) if page.status == 200 && page.body.contains("<form") => {
                    return Some(page.form());
                }
                // Gone, or reviewed already.
                Some(page) if page.status < 500 => return None,
                _ => sleep(PAUSE).await,
            }
        }
        None
    }

    async fn submit(&self, path: &str, form: &Form, invitation: &str, stars: u8) {
        for _ in 0..ATTEMPTS {
            let sent_at = now();
            let answer = self.post(path, encoded(form)).await;
            let accepted = answer.as_ref().is_some_and(|answer| answer.status == 200);
            let submission = Submission {
                invitation: invitation.to_owned(),
                stars: stars.into(),
                sent_at,
                accepted,
            };
            self.book.open().submissions.push(submission);
            if answer.is_some_and(|answer| answer.status < 500) {
                return;
            }
            sleep(PAUSE).await;
        }
    }

    async fn unsubscribe(&self, buyer: &Buyer, letter: &Letter) {
        let asked_at = now();
        self.note_stops(buyer, asked_at, |_| None);
        for _ in 0..ATTEMPTS {
            let path = path_of(&letter.unsubscribe_link);
            let answer = self.post(path, "List-Unsubscribe=One-Click".to_owned()).await;
            if answer.is_some_and(|answer| answer.status == 200) {
                let orders: Vec<u32> = buyer.orders.iter().map(|order| order.reference).collect();
                let looked = leases_after_a_stop(&self.source, buyer.shop.id, &orders).await;
                if let Some(leases) = looked {
                    self.note_stops(buyer, asked_at, |order| {
                        let (looked_at, until) = (leases.looked_at, leases.until(order));
                        Some(Granted { looked_at, in_flight_until: until })
                    });
                }
                return;
            }
            sleep(PAUSE).await;
        }
    }

    fn note_stops(
        &self,
        buyer: &Buyer,
        asked_at: jiff::Timestamp,
        granted: impl Fn(u32) -> Option<Granted>,
    ) {
        let stops = buyer.orders.iter().map(|order| Stop {
            order: order.reference,
            cause: Cause::Unsubscribed,
            asked_at,
            granted: granted(order.reference),
        });
        self.book.open().stops.extend(stops);
    }

    async fn post(&self, path: &str, form: String) -> Option<Answer> {
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, form_type)]);
        self.http.send(Method::POST, path, headers, form).await
    }
}

fn encoded(form: &Form) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(&form.fields).finish()
}
