//! What is written for people: by mail servers that know no reports, by machines of people who are away,
//! and by people who say stop.

use super::{
    Ignored, Told,
    mime::{Fields, Part},
};
use crate::{
    classify::{self, Status},
    words,
};

/// A mail to the unsubscribe address. What it says does not matter: mail programs send it by themselves.
pub(super) fn request(mail: &Part<'_>) -> Told {
    if is_auto_reply(&mail.fields) { Told::Nothing(Ignored::AutoReply) } else { Told::Stop }
}

/// A mail to the bounce address that is no report.
pub(super) fn bounce(mail: &Part<'_>, parts: &[Part<'_>]) -> Told {
    if is_auto_reply(&mail.fields) {
        return Told::Nothing(Ignored::AutoReply);
    }
    if is_challenge(&mail.fields) {
        return Told::Nothing(Ignored::Challenge);
    }
    let text = text(parts);
    let lower = text.to_ascii_lowercase();
    if STILL_TRIES.iter().any(|phrase| lower.contains(phrase)) {
        return Told::Nothing(Ignored::Delayed);
    }
    match reason(&text).filter(|_| is_by_mail_server(&mail.fields)) {
        Some(said) => {
            let (kind, status) = classify::failure(None, &said);
            // Transcripts name people by halves of their addresses, too.
            let named = mail.fields.get("x-failed-recipients").into_iter().chain([text.as_str()]);
            let words = named.flat_map(str::split_whitespace);
            let names: Vec<&str> = words.filter(|word| word.contains('@')).take(20).collect();
            Told::Failed { kind, status, said: words::detail(&said, &names) }
        }
        None => Told::Nothing(Ignored::Unknown),
    }
}

/// What a mail says to people, without the copy of ours below it.
pub(super) fn text(parts: &[Part<'_>]) -> String {
    let written =
        parts.iter().filter(|part| matches!(part.kind.as_str(), "text/plain" | "text/html"));
    let mut text = String::new();
    for part in written {
        let shown = part.text();
        text.extend(
            shown.lines().take_while(|line| !begins_copy(line)).flat_map(|line| [line, "\n"]),
        );
    }
    text
}

/// The line that says why a mail was not delivered, with the two behind it.
pub(super) fn reason(text: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().collect();
    let coded = |line: &&str| Status::find(line).is_some() || classify::smtp_code(line).is_some();
    let at = lines
        .iter()
        .position(coded)
        .or_else(|| lines.iter().position(|line| classify::has_phrase(line)))?;
    let reason: Vec<&str> = lines[at..].iter().take(3).map(|line| line.trim()).collect();
    Some(reason.join("\n"))
}

/// `--- Below this line is a copy of the message.`
fn begins_copy(line: &str) -> bool {
    const MARKS: &[&str] = &[
        "copy of",
        "original message",
        "unsent message",
        "undelivered message",
        "returned message",
        "message header",
        "message follows",
        "message text follows",
    ];
    let line = line.trim_start();
    let lower = line.to_ascii_lowercase();
    line.starts_with("--") && MARKS.iter().any(|mark| lower.contains(mark))
}

/// Lower case. In mails that are no reports; a mail server that has given up does not say so.
const STILL_TRIES: &[&str] = &[
    "warning message only",
    "will continue to try",
    "will continue to be made",
    "attempts will continue",
    "will keep trying",
    "will be retried",
    "still trying",
    "still being retried",
    "not yet been delivered",
    "delivery is delayed",
    "has been delayed",
    "no action is required on your part",
];

/// Mail servers mark their bounces as automatic replies, too (RFC 3834, section 5.2), hence the look at who
/// it is.
fn is_auto_reply(fields: &Fields) -> bool {
    const MARKS: [&str; 6] = [
        "x-autoreply",
        "x-autorespond",
        "x-autoresponder",
        "x-autoreply-from",
        "x-auto-reply-from",
        "x-vacation",
    ];
    // As mail programs write them, in the languages that our mails are in. Lower case.
    const SUBJECTS: &[&str] = &[
        "automatic reply",
        "auto reply",
        "auto-reply",
        "autoreply",
        "auto response",
        "autoresponse",
        "auto:",
        "out of office",
        "out of the office",
        "on vacation",
        "automatische antwort",
        "abwesenheit",
        "abwesend",
        "réponse automatique",
        "absence du bureau",
        "respuesta automática",
        "fuera de la oficina",
        "risposta automatica",
        "fuori sede",
        "resposta automática",
        "automatisch antwoord",
        "afwezig",
        "autosvar",
        "automatiskt svar",
        "frånvar",
        "automaattinen vastaus",
        "poissa",
        "odpowiedź automatyczna",
        "automatická odpověď",
    ];
    let submitted = fields.get("auto-submitted").unwrap_or_default().to_ascii_lowercase();
    let precedence = fields.get("precedence").unwrap_or_default().to_ascii_lowercase();
    let subject = fields.text("subject").to_lowercase();
    MARKS.iter().any(|mark| fields.get(mark).is_some())
        || precedence == "auto_reply"
        || (submitted.starts_with("auto-replied") && !is_named_mail_server(fields))
        || SUBJECTS.iter().any(|mark| subject.trim_start().starts_with(mark))
}

/// TMDA, Boxbe, Spam Arrest, and those that ask in their subject.
fn is_challenge(fields: &Fields) -> bool {
    const SUBJECTS: &[&str] = &[
        "please confirm",
        "confirm your message",
        "confirm your email",
        "verification required",
        "sender verification",
        "verify your email to",
        "your message awaits approval",
        "[spam arrest]",
    ];
    let subject = fields.text("subject").to_ascii_lowercase();
    ["x-tmda", "x-boxbe", "x-spamarrest"].iter().any(|prefix| fields.has_prefix(prefix))
        || SUBJECTS.iter().any(|mark| subject.contains(mark))
}

fn is_by_mail_server(fields: &Fields) -> bool {
    const SUBJECTS: &[&str] = &[
        "undeliverable",
        "undelivered",
        "delivery status notification",
        "delivery failure",
        "delivery report",
        "delivery notification",
        "mail delivery",
        "failure notice",
        "returned mail",
        "message could not be delivered",
        "unzustellbar",
        "non remis",
        "non recapitabile",
    ];
    let subject = fields.text("subject").to_lowercase();
    is_named_mail_server(fields)
        || fields.get("return-path").is_some_and(|sender| sender.trim() == "<>")
        || SUBJECTS.iter().any(|mark| subject.contains(mark))
}

fn is_named_mail_server(fields: &Fields) -> bool {
    const NAMES: &[&str] = &[
        "mailer-daemon",
        "mailer_daemon",
        "mail-daemon",
        "mdaemon",
        "postmaster",
        "mail delivery",
        "microsoftexchange",
    ];
    let from = fields.get("from").unwrap_or_default().to_ascii_lowercase();
    fields.get("x-failed-recipients").is_some() || NAMES.iter().any(|name| from.contains(name))
}
