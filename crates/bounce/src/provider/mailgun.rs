//! Mailgun signs a timestamp and a token inside the body (HMAC-SHA256), not the body: whoever saw one
//! request could put another event beside its signature. Hence a token makes one event, ever
//! ([`Event::key`]), and is worth nothing after nine hours.
//!
//! Needed are the webhooks *Permanent Failure*, *Spam Complaints* and *Unsubscribes*. Facts:
//! <https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks> and
//! <https://documentation.mailgun.com/docs/mailgun/user-manual/events/events>.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

use super::{Malformed, Reject, Request, Told, Verified, json, typed};
use crate::{Event, Kind, classify, key};

/// Mailgun repeats for eight hours, and does not say whether it signs anew: what is told after an outage
/// must not be too old.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(9);

/// What Mailgun gave the operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The *HTTP webhook signing key*.
    pub signing_key: SecretString,
}

impl Settings {
    /// Whether anything can be proved with them. Nothing is believed otherwise.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.signing_key.expose_secret().is_empty()
    }
}

#[derive(Deserialize)]
struct Signed {
    signature: Proof,
}

#[derive(Deserialize)]
struct Proof {
    timestamp: String,
    token: String,
    signature: String,
}

/// Proves that Mailgun sent `request`, not long ago.
pub fn verify<'a>(request: &Request<'a>, settings: &Settings) -> Result<Verified<'a>, Reject> {
    request.check_len()?;
    if !settings.is_usable() {
        return Err(Reject::Key);
    }
    let body: Value = serde_json::from_slice(request.body).map_err(|_| Reject::Malformed)?;
    if body.get("signature").is_none() {
        return Err(Reject::Missing);
    }
    let Signed { signature: Proof { timestamp, token, signature } } =
        Signed::deserialize(body).map_err(|_| Reject::Malformed)?;
    let signature = HEXLOWER.decode(signature.as_bytes()).map_err(|_| Reject::Malformed)?;
    let secret = settings.signing_key.expose_secret().as_bytes();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).map_err(|_| Reject::Key)?;
    mac.update(timestamp.as_bytes());
    mac.update(token.as_bytes());
    mac.verify_slice(&signature).map_err(|_| Reject::Forged)?;
    request.check_time(&timestamp, AGE_MAX)?;
    Ok(Verified { body: request.body, read })
}

#[derive(Deserialize)]
struct Named {
    event: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Data {
    timestamp: Option<f64>,
    recipient: String,
    severity: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    delivery_status: DeliveryStatus,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct DeliveryStatus {
    enhanced_code: Option<String>,
    message: Option<String>,
    description: Option<String>,
}

fn read(body: &[u8]) -> Result<Vec<Event>, Malformed> {
    let body = json(body)?;
    let Signed { signature: Proof { token, .. } } = typed(&body, "")?;
    let data = &body["event-data"];
    let Named { event } = typed(data, "event-data")?;
    if !matches!(event.as_str(), "failed" | "complained" | "unsubscribed") {
        return Ok(vec![]);
    }
    let details: Data = typed(data, "event-data")?;
    let DeliveryStatus { enhanced_code, message, description } = &details.delivery_status;
    let said = [message, description].into_iter().flatten().find(|said| !said.is_empty());
    let said = said.or(details.reason.as_ref()).map_or("", String::as_str);
    let (kind, status) = match event.as_str() {
        "complained" => (Kind::Complaint, None),
        "unsubscribed" => (Kind::Unsubscribe, None),
        // It is tried again, until the failure is permanent.
        _ if details.severity.as_deref() != Some("permanent") => return Ok(vec![]),
        _ => match details.reason.as_deref() {
            // On Mailgun's own list: no new complaint, but nothing reaches them.
            Some("suppress-unsubscribe" | "suppress-complaint") => (Kind::Unsubscribe, None),
            Some("suppress-bounce") => (Kind::HardBounce, None),
            // Given up, or blocked.
            Some("old" | "espblock" | "greylisted") => {
                (Kind::SoftBounce, classify::Status::find(said))
            }
            _ => classify::permanent(enhanced_code.as_deref(), said),
        },
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "milliseconds are enough, and it saturates"
    )]
    let at = details.timestamp.map(|seconds| (seconds * 1_000.0) as i64);
    let told = Told {
        kind,
        at: at.and_then(|millis| Timestamp::from_millisecond(millis).ok()),
        message_id: data["message"]["headers"]["message-id"].as_str(),
        recipient: &details.recipient,
        status,
        said,
    };
    Ok(told.event(key("mailgun", &[&token])).into_iter().collect())
}
