//! Postmark signs nothing: it sends the name and password that stand in the address it calls (HTTP Basic,
//! RFC 7617). Needed are the webhooks *Bounce*, *Spam Complaint* and *Subscription Change*.
//!
//! Facts: <https://postmarkapp.com/developer/webhooks/webhooks-overview> and the pages below it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Malformed, Reject, Request, Told, Verified, json, timestamp, typed};
use crate::{Event, Kind, classify, key};

/// What Postmark was told to call us with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name, without a colon.
    pub user: String,
    /// The password.
    pub password: SecretString,
}

impl Settings {
    /// Whether anything can be proved with them. Nothing is believed otherwise.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        let named = !self.user.is_empty() && !self.user.contains(':');
        named && !self.password.expose_secret().is_empty()
    }
}

/// Proves that Postmark sent `request`, or whoever else knows the password. The time it takes says nothing
/// about either.
pub fn verify<'a>(request: &Request<'a>, settings: &Settings) -> Result<Verified<'a>, Reject> {
    request.check_len()?;
    let header = request.header("authorization").ok_or(Reject::Missing)?;
    let (scheme, sent) = header.split_once(' ').ok_or(Reject::Malformed)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(Reject::Malformed);
    }
    let sent = STANDARD.decode(sent.trim()).map_err(|_| Reject::Malformed)?;
    if !settings.is_usable() {
        return Err(Reject::Key);
    }
    let expected = format!("{}:{}", settings.user, settings.password.expose_secret());
    // Hashes are of one length: comparing them does not tell that of the password.
    let same = Sha256::digest(expected).ct_eq(&Sha256::digest(sent));
    if bool::from(same) { Ok(Verified { body: request.body, read }) } else { Err(Reject::Forged) }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Record {
    record_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Bounce {
    #[serde(rename = "ID")]
    id: i64,
    #[serde(default)]
    r#type: String,
    email: String,
    bounced_at: Option<String>,
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SubscriptionChange {
    #[serde(rename = "MessageID", default)]
    message_id: Option<String>,
    recipient: String,
    changed_at: Option<String>,
    suppress_sending: bool,
    suppression_reason: Option<String>,
}

fn read(body: &[u8]) -> Result<Vec<Event>, Malformed> {
    let body = json(body)?;
    let Record { record_type } = typed(&body, "")?;
    // Ours, if the mail server keeps it: as metadata, or in the head that it was told to add.
    let message_id = body["Metadata"]["message-id"].as_str();
    let event = match record_type.as_str() {
        "Bounce" => bounce(&typed(&body, "")?, message_id),
        "SpamComplaint" => {
            let complaint: Bounce = typed(&body, "")?;
            told(&complaint, Kind::Complaint, None, message_id)
        }
        "SubscriptionChange" => {
            let change: SubscriptionChange = typed(&body, "")?;
            // Bounces and complaints have records of their own.
            let asked = change.suppress_sending
                && change.suppression_reason.as_deref() == Some("ManualSuppression");
            let changed_at = change.changed_at.as_deref();
            let identity = [
                change.message_id.as_deref().unwrap_or_default(),
                changed_at.unwrap_or_default(),
                &change.recipient,
            ];
            asked
                .then(|| Told {
                    kind: Kind::Unsubscribe,
                    at: timestamp(changed_at),
                    message_id,
                    recipient: &change.recipient,
                    status: None,
                    said: "ManualSuppression",
                })
                .and_then(|told| told.event(key("postmark", &identity)))
        }
        _ => None,
    };
    Ok(event.into_iter().collect())
}

/// By the types of <https://postmarkapp.com/developer/api/bounce-api#bounce-types>. What is not here is no
/// bounce (`AutoResponder`, `ChallengeVerification`), is tried again (`Transient`), or is not about the
/// recipient (`SMTPApiError`).
fn bounce(bounce: &Bounce, message_id: Option<&str>) -> Option<Event> {
    let said = bounce.details.as_deref().unwrap_or_default();
    let (kind, status) = match bounce.r#type.as_str() {
        "HardBounce" | "BadEmailAddress" => classify::permanent(None, said),
        "SoftBounce" | "DnsError" | "SpamNotification" | "VirusNotification" | "Blocked"
        | "DMARCPolicy" | "Unknown" => (Kind::SoftBounce, classify::Status::find(said)),
        "Unsubscribe" | "ManuallyDeactivated" => (Kind::Unsubscribe, None),
        "SpamComplaint" => (Kind::Complaint, None),
        _ => return None,
    };
    told(bounce, kind, status, message_id)
}

fn told(
    bounce: &Bounce,
    kind: Kind,
    status: Option<classify::Status>,
    message_id: Option<&str>,
) -> Option<Event> {
    let said = [&bounce.details, &bounce.description].into_iter().flatten();
    let told = Told {
        kind,
        at: timestamp(bounce.bounced_at.as_deref()),
        message_id,
        recipient: &bounce.email,
        status,
        said: said.map(String::as_str).find(|said| !said.is_empty()).unwrap_or_default(),
    };
    told.event(key("postmark", &[&bounce.id.to_string()]))
}
