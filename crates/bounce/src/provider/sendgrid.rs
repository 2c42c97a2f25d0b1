//! SendGrid signs a timestamp and the whole body with ECDSA (P-256, SHA-256); the operator has the public
//! key. A body is a list of events.
//!
//! Facts: <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event> and
//! <https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features>.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef, der::Decode as _};

use super::{Malformed, Reject, Request, Told, Verified, json, typed};
use crate::{Event, Kind, classify, key};

const SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
const TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// SendGrid repeats for 24 hours, and does not say whether it signs anew. A replay changes nothing: each
/// event has an id, and all of it is signed.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(25);

/// RFC 5480, section 2.1.1.
const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// What SendGrid gave the operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The *verification key*: DER in base64, as its page shows it.
    pub public_key: String,
}

impl Settings {
    /// Whether anything can be proved with them. Nothing is believed otherwise.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        self.point().is_some()
    }

    /// The point on the curve, if the key is one for it.
    fn point(&self) -> Option<Vec<u8>> {
        let der = STANDARD.decode(self.public_key.trim()).ok()?;
        let info = SubjectPublicKeyInfoRef::from_der(&der).ok()?;
        info.algorithm.assert_algorithm_oid(EC_PUBLIC_KEY).ok()?;
        let point = info.subject_public_key.as_bytes()?;
        // RFC 5480, section 2.2: not compressed, and two numbers of 256 bits.
        (point.len() == 65 && point[0] == 4).then(|| point.to_vec())
    }
}

/// Proves that SendGrid sent `request`.
pub fn verify<'a>(request: &Request<'a>, settings: &Settings) -> Result<Verified<'a>, Reject> {
    request.check_len()?;
    let point = settings.point().ok_or(Reject::Key)?;
    let signature = request.header(SIGNATURE).ok_or(Reject::Missing)?;
    let timestamp = request.header(TIMESTAMP).ok_or(Reject::Missing)?;
    let signature = STANDARD.decode(signature).map_err(|_| Reject::Malformed)?;
    let signed = [timestamp.as_bytes(), request.body].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point)
        .verify(&signed, &signature)
        .map_err(|_| Reject::Forged)?;
    request.check_time(timestamp, AGE_MAX)?;
    Ok(Verified { body: request.body, read })
}

#[derive(Deserialize)]
struct Named {
    event: String,
}

#[derive(Deserialize)]
struct Data {
    email: String,
    timestamp: i64,
    sg_event_id: String,
    #[serde(rename = "smtp-id")]
    smtp_id: Option<String>,
    r#type: Option<String>,
    status: Option<String>,
    reason: Option<String>,
}

fn read(body: &[u8]) -> Result<Vec<Event>, Malformed> {
    let events: Vec<Value> = typed(&json(body)?, "")?;
    let read = events.iter().enumerate().map(|(at, event)| one(event, &format!("[{at}]")));
    read.filter_map(Result::transpose).collect()
}

fn one(event: &Value, path: &str) -> Result<Option<Event>, Malformed> {
    let Named { event: name } = typed(event, path)?;
    if !matches!(
        name.as_str(),
        "bounce" | "dropped" | "spamreport" | "unsubscribe" | "group_unsubscribe"
    ) {
        return Ok(None);
    }
    let data: Data = typed(event, path)?;
    let said = data.reason.as_deref().unwrap_or_default();
    let (kind, status) = match (name.as_str(), data.r#type.as_deref()) {
        ("spamreport", _) => (Kind::Complaint, None),
        // Refused for the mail's sake, or after 72 hours of trying.
        ("bounce", Some("blocked" | "expired")) => {
            let status = data.status.as_deref().and_then(classify::Status::find);
            (Kind::SoftBounce, status.or_else(|| classify::Status::find(said)))
        }
        ("bounce", _) => classify::permanent(data.status.as_deref(), said),
        // Not sent, because of what SendGrid remembers.
        ("dropped", _) => match said {
            "Bounced Address" | "Invalid" => (Kind::HardBounce, None),
            "Unsubscribed Address" | "Spam Reporting Address" => (Kind::Unsubscribe, None),
            _ => return Ok(None),
        },
        _ => (Kind::Unsubscribe, None),
    };
    let told = Told {
        kind,
        at: Timestamp::from_second(data.timestamp).ok(),
        message_id: data.smtp_id.as_deref(),
        recipient: &data.email,
        status,
        said,
    };
    Ok(told.event(key("sendgrid", &[&data.sg_event_id])))
}
