//! What a reply, or none, means.

use domain::retry::Failure;

use super::reply::Enhanced;
use crate::{Fault, Stage};

/// What it means that the server did not take the message when it stood at this stage.
///
/// `refusal` is the code it gave; `None` if it fell silent, hung up, or said something that has no
/// place there.
///
/// A message is given up only if the server says that it is about the recipient. Everything else is
/// taken for our fault or the server's and may heal: a block list or a wrong password must not use
/// up the recipients. Nobody knows what became of a message whose last byte was written and that
/// was never clearly refused.
pub(super) fn classify(stage: Stage, refusal: Option<(u16, Option<Enhanced>)>) -> (Failure, Fault) {
    match refusal {
        Some((code @ 400..=599, enhanced)) => {
            let fault = fault(stage, code, enhanced);
            let for_good = code >= 500 && fault == Fault::Recipient;
            (if for_good { Failure::Permanent } else { Failure::Temporary }, fault)
        }
        _ if stage == Stage::FinalDot => (Failure::Unknown, Fault::Ours),
        _ => (Failure::Temporary, Fault::Ours),
    }
}

fn fault(stage: Stage, code: u16, enhanced: Option<Enhanced>) -> Fault {
    // 421 closes the connection, whatever it was about.
    if stage < Stage::RcptTo || code == 421 {
        return Fault::Ours;
    }
    let recipient = match enhanced.map(|Enhanced { subject, detail }| (subject, detail)) {
        // RFC 3463: 1.x is about addresses, but 1.7 and 1.8 about the sender's; 2.x is about the
        // mailbox; 4.4 says that no way leads to the recipient's host, and 4.1 is also how Exchange
        // Online refuses an unknown mailbox.
        Some((1, 7 | 8)) => false,
        Some((1 | 2, _) | (4, 1 | 4)) => true,
        // "Undefined" tells no more than the code, and only at RCPT do these codes speak of the
        // recipient (RFC 5321, 4.3.2); after the text 550 and 554 are policy.
        None | Some((0 | 5, 0)) => {
            stage == Stage::RcptTo && matches!(code, 450 | 550 | 551 | 552 | 553)
        }
        // Server full, protocol error, policy (7.x).
        Some(_) => false,
    };
    if recipient { Fault::Recipient } else { Fault::Ours }
}

#[cfg(test)]
mod tests {
    use Failure::{Permanent, Temporary, Unknown};
    use Fault::{Ours, Recipient};
    use Stage::{Auth, Connect, Content, Data, FinalDot, Hello, MailFrom, RcptTo, Tls};

    use super::*;
    use crate::transport::smtp::reply::Reply;

    #[test]
    fn every_kind_of_reply_has_one_meaning() {
        #[rustfmt::skip]
        let table: &[(Stage, &str, Failure, Fault)] = &[
            // Before the recipient is named it is never about them.
            (Connect,  "554 no service",                Temporary, Ours),
            (Connect,  "421 busy",                      Temporary, Ours),
            (Hello,    "550 5.7.1 who are you",         Temporary, Ours),
            (Tls,      "454 4.7.0 not now",             Temporary, Ours),
            (Auth,     "535 5.7.8 bad password",        Temporary, Ours),
            (MailFrom, "550 5.1.8 bad sender",          Temporary, Ours),
            (MailFrom, "550 5.1.1 odd",                 Temporary, Ours),
            (MailFrom, "452 4.3.1 disk full",           Temporary, Ours),
            // Addresses and mailboxes.
            (RcptTo,   "550 5.1.1 no such user",        Permanent, Recipient),
            (RcptTo,   "556 5.1.10 null MX",            Permanent, Recipient),
            (RcptTo,   "550 5.1.8 bad sender",          Temporary, Ours),
            (RcptTo,   "552 5.2.2 mailbox full",        Permanent, Recipient),
            (RcptTo,   "452 4.2.2 mailbox full",        Temporary, Recipient),
            (RcptTo,   "550 5.4.1 access denied",       Permanent, Recipient),
            (RcptTo,   "550 5.5.0 mailbox unavailable", Permanent, Recipient),
            (RcptTo,   "550 no such user",              Permanent, Recipient),
            (RcptTo,   "450 greylisted",                Temporary, Recipient),
            (RcptTo,   "550 5.7.1 relaying denied",     Temporary, Ours),
            (RcptTo,   "451 4.7.1 greylisted",          Temporary, Ours),
            (RcptTo,   "554 blocked",                   Temporary, Ours),
            (RcptTo,   "503 5.5.1 bad sequence",        Temporary, Ours),
            (RcptTo,   "421 4.2.1 closing",             Temporary, Ours),
            // The text.
            (Data,     "554 no valid recipients",       Temporary, Ours),
            (Data,     "550 5.1.1 no such user",        Permanent, Recipient),
            (FinalDot, "550 5.1.1 no such user",        Permanent, Recipient),
            (FinalDot, "552 5.2.2 mailbox full",        Permanent, Recipient),
            (FinalDot, "550 5.7.26 not authenticated",  Temporary, Ours),
            (FinalDot, "554 5.7.1 spam",                Temporary, Ours),
            (FinalDot, "550 spam",                      Temporary, Ours),
            (FinalDot, "554 failed",                    Temporary, Ours),
            (FinalDot, "552 5.3.4 too big",             Temporary, Ours),
            (FinalDot, "454 4.7.0 throttled",           Temporary, Ours),
            (FinalDot, "452 4.2.2 mailbox full",        Temporary, Recipient),
            (FinalDot, "421 4.3.0 closing",             Temporary, Ours),
            // Anything but 250 after the dot that is no refusal.
            (FinalDot, "251 forwarded",                 Unknown,   Ours),
            (FinalDot, "354 go ahead",                  Unknown,   Ours),
            (Data,     "250 ok",                        Temporary, Ours),
            (RcptTo,   "354 go ahead",                  Temporary, Ours),
        ];
        for (stage, line, failure, fault) in table {
            let (code, text) = line.split_at(3);
            let reply = Reply { code: code.parse().unwrap(), lines: vec![text.trim().to_owned()] };
            let refusal = Some((reply.code, reply.enhanced()));
            assert_eq!(classify(*stage, refusal), (*failure, *fault), "{stage}: {line}");
        }
    }

    #[test]
    fn silence_is_a_failure_until_the_last_byte_is_written_and_then_unknown() {
        for stage in [Connect, Hello, Tls, Auth, MailFrom, RcptTo, Data, Content] {
            assert_eq!(classify(stage, None), (Temporary, Ours), "{stage}");
        }
        assert_eq!(classify(FinalDot, None), (Unknown, Ours));
    }
}
