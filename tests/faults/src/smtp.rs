//! The mail server: what it took, and how it misbehaves for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ::tests::shop::now;
use jiff::{SignedDuration, Timestamp};
use mail::{
    Stage,
    testkit::{Behaviour, Ledger, Received, Script, SmtpServer},
};
use mail_parser::{HeaderName, MessageParser};
use tokio::{sync::Notify, time::sleep};

use crate::ledger::{FaultKind, Mail};

/// A way in which a mail server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    stage: Stage,
    how: How,
    kind: Kind,
    name: &'static str,
    /// How long it lasts, in milliseconds.
    millis: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Reply(&'static str),
    Drop,
    Silence,
    Garbage,
    LoseReply,
    ReplyThenReset,
    /// Goes on when the trouble is over.
    Hold,
}

/// What it means for mails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// None is taken, or it is taken and the worker hears of it.
    Refused,
    /// Taken, and the worker does not hear of it.
    ReplyLost,
    /// Refused for good.
    Gone,
}

/// Every way to misbehave that we know.
pub(crate) const TROUBLES: [Trouble; 20] = [
    trouble(Stage::Connect, How::Reply("421 4.3.2 too many"), Kind::Refused, "421 at once", 2000),
    trouble(Stage::MailFrom, How::Reply("451 4.3.0 later"), Kind::Refused, "451 to MAIL", 2000),
    trouble(Stage::RcptTo, How::Reply("450 4.7.1 grey"), Kind::Refused, "450 to RCPT", 2000),
    trouble(Stage::RcptTo, How::Reply("421 4.3.2 bye"), Kind::Refused, "421 to RCPT", 2000),
    trouble(Stage::Data, How::Reply("451 4.3.0 later"), Kind::Refused, "451 to DATA", 2000),
    DOT_REFUSED,
    trouble(Stage::FinalDot, How::Reply("554 5.7.1 spam"), Kind::Refused, "554 to the dot", 2000),
    trouble(Stage::RcptTo, How::Reply("550 5.1.1 nobody"), Kind::Gone, "550 to RCPT", 800),
    trouble(Stage::Connect, How::Drop, Kind::Refused, "drops connections", 2000),
    trouble(Stage::Connect, How::Silence, Kind::Refused, "half-open: never greets", 2000),
    trouble(Stage::Data, How::Drop, Kind::Refused, "drops at DATA", 2000),
    trouble(Stage::Content, How::Drop, Kind::Refused, "drops in the text", 2000),
    trouble(Stage::RcptTo, How::Silence, Kind::Refused, "silent at RCPT", 2000),
    trouble(Stage::FinalDot, How::Silence, Kind::Refused, "silent after the dot", 2000),
    trouble(Stage::FinalDot, How::Garbage, Kind::Refused, "garbage to the dot", 1500),
    LATE_ENVELOPE,
    SLOW,
    REPLY_LOST,
    trouble(Stage::FinalDot, How::ReplyThenReset, Kind::ReplyLost, "250, then reset", 1500),
    trouble(Stage::FinalDot, How::Hold, Kind::ReplyLost, "250 after the time limit", 4500),
];

/// Refuses each mail after its text.
pub(crate) const DOT_REFUSED: Trouble =
    trouble(Stage::FinalDot, How::Reply("452 4.3.1 full"), Kind::Refused, "452 to the dot", 2000);

/// Answers to `MAIL` when nobody waits for it any more.
pub(crate) const LATE_ENVELOPE: Trouble =
    trouble(Stage::MailFrom, How::Hold, Kind::Refused, "late at MAIL", 1800);

/// Takes its time for every mail, and stays within the limit.
pub(crate) const SLOW: Trouble = trouble(Stage::FinalDot, How::Hold, Kind::Refused, "slow", 2000);

/// Takes the mail and hangs up.
pub(crate) const REPLY_LOST: Trouble =
    trouble(Stage::FinalDot, How::LoseReply, Kind::ReplyLost, "hangs up after the dot", 1500);

/// Takes the mail and answers with what means "go ahead".
pub(crate) const GO_AHEAD: Trouble =
    trouble(Stage::FinalDot, How::Reply("354 go ahead"), Kind::ReplyLost, "354 to the dot", 1500);

const fn trouble(stage: Stage, how: How, kind: Kind, name: &'static str, millis: u64) -> Trouble {
    Trouble { stage, how, kind, name, millis }
}

impl Trouble {
    /// The fault as the ledger names it.
    pub(crate) fn fault(self) -> FaultKind {
        match self.kind {
            Kind::Refused => FaultKind::MailRefused(self.name),
            Kind::ReplyLost => FaultKind::ReplyLost(self.name),
            Kind::Gone => FaultKind::MailboxesGone,
        }
    }

    /// The same, for so long.
    pub(crate) const fn lasting(self, millis: u64) -> Self {
        Self { millis, ..self }
    }

    fn behaviour(self, over: &Arc<Notify>) -> Behaviour {
        match self.how {
            How::Reply(reply) => Behaviour::Reply(reply),
            How::Drop => Behaviour::Drop,
            How::Silence => Behaviour::Silence,
            How::Garbage => Behaviour::Garbage,
            How::LoseReply => Behaviour::LoseReply,
            How::ReplyThenReset => Behaviour::ReplyThenReset,
            How::Hold => Behaviour::Hold(over.clone()),
        }
    }
}

/// The scripted mail server of a run.
#[derive(Debug)]
pub(crate) struct MailServer {
    server: SmtpServer,
    /// One moment by both clocks.
    epoch: (Instant, Timestamp),
}

impl MailServer {
    /// Starts one that behaves.
    pub(crate) async fn start() -> Self {
        let server = SmtpServer::start(Script::new()).await;
        Self { server, epoch: (Instant::now(), now()) }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.address().port()
    }

    /// Misbehaves for a while; returns how often it had the opportunity.
    pub(crate) async fn misbehave(&self, trouble: Trouble) -> usize {
        let count = || {
            let at_stage = |ledger: &Ledger| {
                ledger.misbehaved.iter().filter(|stage| **stage == trouble.stage).count()
            };
            self.server.look(at_stage)
        };
        let before = count();
        let over = Arc::new(Notify::new());
        let mut script = Script::new().always(trouble.stage, trouble.behaviour(&over));
        if trouble.stage == Stage::Connect {
            // Who is connected has no reason to connect again.
            script = script.always(Stage::MailFrom, Behaviour::Drop);
        }
        self.server.follow(script);
        sleep(Duration::from_millis(trouble.millis)).await;
        self.server.follow(Script::new());
        // Several times: who was told to wait a moment ago may not wait yet.
        for _ in 0..10 {
            over.notify_waiters();
            sleep(Duration::from_millis(20)).await;
        }
        count() - before
    }

    /// How many mails it took so far.
    pub(crate) fn count(&self) -> usize {
        self.server.look(|ledger| ledger.messages.len())
    }

    /// Waits for mails behind the first `count`.
    pub(crate) async fn behind(&self, count: usize) -> Vec<Letter> {
        let messages = self.server.take_behind(count).await;
        self.server.look(|ledger| {
            let greeting = |session: usize| {
                let commands = ledger.sessions.get(session).map(|session| &session.commands);
                commands.and_then(|commands| commands.first()).cloned().unwrap_or_default()
            };
            let numbered = (count..).zip(&messages);
            numbered
                .map(|(number, message)| self.letter(number, message, &greeting(message.session)))
                .collect()
        })
    }

    fn letter(&self, number: usize, message: &Received, greeting: &str) -> Letter {
        let parsed = MessageParser::default().parse(&message.bytes);
        let id = parsed.as_ref().and_then(|parsed| parsed.message_id());
        let text = parsed.as_ref().and_then(|parsed| parsed.body_text(0)).unwrap_or_default();
        let review = text.lines().find(|line| line.starts_with("http") && line.contains("/r/"));
        let unsubscribe =
            parsed.as_ref().and_then(|p| p.header_raw(HeaderName::from("List-Unsubscribe")));
        let unsubscribe = unsubscribe.map(|link| link.trim().trim_matches(['<', '>']));
        Letter {
            mail: Mail {
                queued_as: number,
                invitation: id.and_then(invitation_of),
                recipient: message.to.clone(),
                worker: greeting.strip_prefix("EHLO ").unwrap_or_default().to_owned(),
                begun_at: self.time(message.begun_at),
                taken_at: self.time(message.taken_at),
            },
            review_link: review.unwrap_or_default().trim().to_owned(),
            unsubscribe_link: unsubscribe.unwrap_or_default().to_owned(),
        }
    }

    fn time(&self, at: Instant) -> Timestamp {
        let (instant, time) = self.epoch;
        let since = at.saturating_duration_since(instant);
        time.checked_add(SignedDuration::try_from(since).unwrap_or_default()).unwrap_or(time)
    }
}

/// A mail, and the links in it.
#[derive(Clone, Debug)]
pub(crate) struct Letter {
    pub(crate) mail: Mail,
    pub(crate) review_link: String,
    pub(crate) unsubscribe_link: String,
}

/// The invitation in `inv-{id}@host`.
fn invitation_of(message_id: &str) -> Option<String> {
    let (id, _host) = message_id.strip_prefix("inv-")?.split_once('@')?;
    Some(id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_invitation_is_read_from_the_message_id() {
        assert_eq!(invitation_of("inv-01ab@afs.example").as_deref(), Some("01ab"));
        assert_eq!(invitation_of("01ab@afs.example"), None);
    }
}
