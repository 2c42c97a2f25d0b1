//! Amazon SES tells through SNS, which signs with the key of a certificate that the message names. Fetching
//! it is the caller's affair; that its address is one of Amazon's is checked here, before.
//!
//! 1. [`Message::read`]: the topic is one of ours, and all addresses are at SNS. Nothing is proved yet.
//! 2. The caller gets the certificate from [`Message::certificate_url`], and keeps it.
//! 3. [`Message::verify`]: events, or the address to visit so that the topic sends to us.
//!
//! Facts: <https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html> and
//! <https://docs.aws.amazon.com/ses/latest/dg/notification-contents.html>. *Raw message delivery* must be
//! off: it leaves the signature out.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::{SignedDuration, Timestamp};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;
use x509_parser::{pem::parse_x509_pem, time::ASN1Time};

use super::{Malformed, Reject, Request, Told, check_age, json, timestamp, typed};
use crate::{Event, Kind, classify, key};

/// SNS repeats for an hour at most. Longer does no harm, since a replay changes nothing: all of it is signed,
/// and each event has an id.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(25);

/// What Amazon gave the operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The topics that may tell us of bounces: `arn:aws:sns:<region>:<account>:<name>`. Anybody can have
    /// a topic of their own, and Amazon signs for all of them.
    pub topics: Vec<String>,
}

/// A message of SNS of which nothing is proved yet.
pub struct Message {
    fields: Fields,
    received_at: Timestamp,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message").field("type", &self.fields.r#type).finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    r#type: String,
    message_id: String,
    topic_arn: String,
    message: String,
    subject: Option<String>,
    timestamp: String,
    token: Option<String>,
    #[serde(rename = "SubscribeURL")]
    subscribe_url: Option<String>,
    signature_version: String,
    signature: String,
    #[serde(rename = "SigningCertURL")]
    signing_cert_url: String,
}

/// A message that SNS sent for one of our topics.
#[derive(Clone, PartialEq, Eq)]
pub enum Verified {
    /// What SES tells.
    Notification(Notification),
    /// SNS asks whether we want the topic: a GET of this address, without following redirects, says yes.
    Subscription(String),
    /// The topic does not send to us any longer.
    Unsubscribed,
}

impl std::fmt::Debug for Verified {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Notification(_) => "Notification(…)",
            // Whoever has the address can subscribe.
            Self::Subscription(_) => "Subscription(…)",
            Self::Unsubscribed => "Unsubscribed",
        })
    }
}

/// What SES tells, in its own words. Only [`Message::verify`] makes one.
#[derive(Clone, PartialEq, Eq)]
pub struct Notification(String);

impl Message {
    /// Reads what SNS sent, and refuses what is not for us whoever signed it.
    pub fn read(request: &Request<'_>, settings: &Settings) -> Result<Self, Reject> {
        request.check_len()?;
        let body: Value = serde_json::from_slice(request.body).map_err(|_| Reject::Malformed)?;
        if body.get("Signature").is_none() {
            return Err(Reject::Missing);
        }
        let fields = Fields::deserialize(body).map_err(|_| Reject::Malformed)?;
        if !settings.topics.contains(&fields.topic_arn) {
            return Err(Reject::WrongTopic);
        }
        // Version 1 is SHA-1, for which somebody else's message can be made to fit.
        if fields.signature_version != "2" {
            return Err(Reject::Malformed);
        }
        let path = at_sns(&fields.signing_cert_url).ok_or(Reject::WrongHost)?;
        let is_file = path.rsplit_once('.').is_some_and(|(_, end)| end == "pem");
        if !is_file || path.contains(['?', '#']) {
            return Err(Reject::WrongHost);
        }
        if fields.subscribe_url.as_deref().is_some_and(|url| at_sns(url).is_none()) {
            return Err(Reject::WrongHost);
        }
        Ok(Self { fields, received_at: request.received_at })
    }

    /// Where the certificate is that the message claims to be signed with: at Amazon SNS, over HTTPS.
    #[must_use]
    pub fn certificate_url(&self) -> &str {
        &self.fields.signing_cert_url
    }

    /// Proves that the owner of the certificate, in PEM, signed the message.
    pub fn verify(self, certificate: &[u8]) -> Result<Verified, Reject> {
        let signature = STANDARD.decode(&self.fields.signature).map_err(|_| Reject::Malformed)?;
        let text = self.fields.signed().ok_or(Reject::Malformed)?;
        let (_, pem) = parse_x509_pem(certificate).map_err(|_| Reject::Certificate)?;
        let certificate = pem.parse_x509().map_err(|_| Reject::Certificate)?;
        let now = ASN1Time::from_timestamp(self.received_at.as_second())
            .map_err(|_| Reject::Certificate)?;
        if !certificate.validity().is_valid_at(now) {
            return Err(Reject::Certificate);
        }
        let key = certificate.public_key().subject_public_key.data.as_ref();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key)
            .verify(text.as_bytes(), &signature)
            .map_err(|_| Reject::Forged)?;
        let signed_at: Timestamp = self.fields.timestamp.parse().map_err(|_| Reject::Malformed)?;
        check_age(signed_at, self.received_at, AGE_MAX)?;
        match (self.fields.r#type.as_str(), self.fields.subscribe_url) {
            ("Notification", _) => Ok(Verified::Notification(Notification(self.fields.message))),
            ("SubscriptionConfirmation", Some(url)) => Ok(Verified::Subscription(url)),
            _ => Ok(Verified::Unsubscribed),
        }
    }
}

impl Fields {
    /// What is signed: names and values, sorted by name, each on a line.
    fn signed(&self) -> Option<String> {
        let Self { message, message_id, timestamp, topic_arn, r#type, .. } = self;
        let mut fields: Vec<(&str, &str)> = vec![("Message", message), ("MessageId", message_id)];
        match r#type.as_str() {
            "Notification" => fields.extend(self.subject.as_deref().map(|text| ("Subject", text))),
            "SubscriptionConfirmation" | "UnsubscribeConfirmation" => {
                fields.push(("SubscribeURL", self.subscribe_url.as_deref()?));
            }
            _ => return None,
        }
        fields.push(("Timestamp", timestamp));
        if r#type != "Notification" {
            fields.push(("Token", self.token.as_deref()?));
        }
        fields.extend([("TopicArn", topic_arn.as_str()), ("Type", r#type)]);
        Some(fields.into_iter().flat_map(|(name, value)| [name, "\n", value, "\n"]).collect())
    }
}

/// The path of an `https` address at `sns.<region>.amazonaws.com` or `….com.cn`. Strict: no port, no name,
/// nothing that programs read in different ways.
fn at_sns(url: &str) -> Option<&str> {
    let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
    let region = host.strip_prefix("sns.")?;
    let region = region.strip_suffix(".cn").unwrap_or(region).strip_suffix(".amazonaws.com")?;
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = !region.is_empty() && region.bytes().all(plain);
    let printable = url.len() <= 2_000 && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    (fits && printable).then_some(path)
}

impl Notification {
    /// What it tells of mails that came back.
    pub fn events(&self) -> Result<Vec<Event>, Malformed> {
        let message = json(self.0.as_bytes())?;
        // The first where a topic is set for an identity, the other for a configuration set.
        let kind = message["notificationType"].as_str().or(message["eventType"].as_str());
        let mail = &message["mail"];
        match kind {
            Some("Bounce") => Ok(typed::<Bounce>(&message["bounce"], "bounce")?.events(mail)),
            Some("Complaint") => {
                Ok(typed::<Complaint>(&message["complaint"], "complaint")?.events(mail))
            }
            Some("Subscription") => subscription(&message["subscription"], mail),
            Some(_) => Ok(vec![]),
            None => Err(Malformed {
                at: "notificationType".to_owned(),
                what: "is missing: this is no notification of SES".to_owned(),
            }),
        }
    }
}

impl std::fmt::Debug for Notification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Notification(…)")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    #[serde(rename = "bounceType")]
    r#type: String,
    bounced_recipients: Vec<Recipient>,
    timestamp: Option<String>,
    feedback_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    status: Option<String>,
    diagnostic_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complained_recipients: Vec<Recipient>,
    timestamp: Option<String>,
    feedback_id: String,
    #[serde(rename = "complaintSubType")]
    sub_type: Option<String>,
    #[serde(rename = "complaintFeedbackType")]
    feedback_type: Option<String>,
}

impl Bounce {
    fn events(&self, mail: &Value) -> Vec<Event> {
        let event = |recipient: &Recipient| {
            let said = recipient.diagnostic_code.as_deref().unwrap_or_default();
            let status = recipient.status.as_deref();
            let (kind, status) = match self.r#type.as_str() {
                "Permanent" => classify::permanent(status, said),
                "Transient" => {
                    let status = status.and_then(classify::Status::find);
                    (Kind::SoftBounce, status.or_else(|| classify::Status::find(said)))
                }
                // “Undetermined”, and what may come.
                _ => classify::failure(status, said),
            };
            let told = Told {
                kind,
                at: timestamp(self.timestamp.as_deref()),
                message_id: message_id(mail),
                recipient: &recipient.email_address,
                status,
                said,
            };
            told.event(key("ses", &[&self.feedback_id, &recipient.email_address]))
        };
        self.bounced_recipients.iter().filter_map(event).collect()
    }
}

impl Complaint {
    fn events(&self, mail: &Value) -> Vec<Event> {
        let feedback = self.feedback_type.as_deref();
        if matches!(feedback, Some("not-spam" | "auth-failure" | "virus" | "other")) {
            return vec![];
        }
        // On the account's list since an earlier complaint: not sent, and no new complaint.
        let again = self.sub_type.as_deref() == Some("OnAccountSuppressionList");
        let event = |recipient: &Recipient| {
            let told = Told {
                kind: if again { Kind::Unsubscribe } else { Kind::Complaint },
                at: timestamp(self.timestamp.as_deref()),
                message_id: message_id(mail),
                recipient: &recipient.email_address,
                status: None,
                said: feedback.unwrap_or_default(),
            };
            told.event(key("ses", &[&self.feedback_id, &recipient.email_address]))
        };
        self.complained_recipients.iter().filter_map(event).collect()
    }
}

/// Somebody used the unsubscribe link that SES put into the mail.
fn subscription(subscription: &Value, mail: &Value) -> Result<Vec<Event>, Malformed> {
    if subscription["newTopicPreferences"]["unsubscribeAll"] != true {
        return Ok(vec![]);
    }
    let recipients: Vec<String> = typed(&mail["destination"], "mail.destination")?;
    let at = subscription["timestamp"].as_str();
    let sent_as = mail["messageId"].as_str().unwrap_or_default();
    let events = recipients.iter().filter_map(|recipient| {
        let told = Told {
            kind: Kind::Unsubscribe,
            at: timestamp(at),
            message_id: message_id(mail),
            recipient,
            status: None,
            said: "",
        };
        told.event(key("ses", &[sent_as, at.unwrap_or_default(), recipient]))
    });
    Ok(events.collect())
}

/// Ours: SES gives mails another, and repeats the first one where it was told to include the headers.
fn message_id(mail: &Value) -> Option<&str> {
    let headers = mail["headers"].as_array().into_iter().flatten();
    let named = |header: &&Value| {
        header["name"].as_str().is_some_and(|name| name.eq_ignore_ascii_case("message-id"))
    };
    let header = headers.filter(named).find_map(|header| header["value"].as_str());
    header.or_else(|| mail["commonHeaders"]["messageId"].as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_at_sns_are_taken() {
        for url in [
            "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123.pem",
            "https://sns.cn-north-1.amazonaws.com.cn/x.pem",
        ] {
            assert!(at_sns(url).is_some(), "{url}");
        }
        for url in [
            "http://sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com.evil.example/x.pem",
            "https://sns.us-east-1.amazonaws.com:8443/x.pem",
            "https://sns.us-east-1.amazonaws.com@evil.example/x.pem",
            "https://evil.example/sns.us-east-1.amazonaws.com/x.pem",
            "https://sns.a.b.amazonaws.com/x.pem",
            "https://sns..amazonaws.com/x.pem",
            "https://sns.amazonaws.com/x.pem",
            "https://sns.US-east-1.amazonaws.com/x.pem",
            "https://xsns.us-east-1.amazonaws.com/x.pem",
            "https://sns.us-east-1.amazonaws.com\\@evil.example/x.pem",
            "https://sns.us-east-1.amazonaws.com/x y.pem",
            "https://sns.us-east-1.amazonaws.com",
        ] {
            assert!(at_sns(url).is_none(), "{url}");
        }
    }
}
