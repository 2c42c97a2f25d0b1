//! Reports for machines: of deliveries (RFC 3464), and of complaints (RFC 5965).

use std::iter;

use super::{
    Ignored, Told, enclosed,
    mime::{Fields, Part},
    prose,
};
use crate::{Kind, classify, words};

/// What a delivery report says, if there is one that says anything.
pub(super) fn delivery(parts: &[Part<'_>]) -> Option<Told> {
    let report = parts.iter().find(|part| {
        matches!(part.kind.as_str(), "message/delivery-status" | "message/global-delivery-status")
    })?;
    // The first group is about the mail, the others about a recipient each (RFC 3464, section 2.1); some
    // leave the first one out.
    let recipients: Vec<Fields> = Fields::groups(&report.text())
        .into_iter()
        .filter(|group| group.get("action").or(group.get("final-recipient")).is_some())
        .collect();
    let actions: Vec<Action> = recipients.iter().map(Action::of).collect();
    let failed = iter::zip(&recipients, &actions)
        .filter(|(_, action)| **action == Action::Failed)
        .map(|(recipient, _)| failure(recipient, parts));
    // A mail of ours has one recipient. Where it became several, the mailbox is gone if all of them are.
    let all_failed = actions.iter().all(|action| *action == Action::Failed);
    match failed.reduce(softer) {
        Some(Told::Failed { status, said, .. }) if !all_failed => {
            Some(Told::Failed { kind: Kind::SoftBounce, status, said })
        }
        None if actions.contains(&Action::Delayed) => Some(Told::Nothing(Ignored::Delayed)),
        None if !actions.is_empty() => Some(Told::Nothing(Ignored::Delivered)),
        told => told,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Action {
    Failed,
    Delayed,
    /// Delivered, relayed, expanded.
    Done,
}

impl Action {
    fn of(recipient: &Fields) -> Self {
        let action = recipient.get("action").unwrap_or_default().to_ascii_lowercase();
        let status = recipient.get("status").unwrap_or_default();
        match action.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default() {
            "failed" | "failure" => Self::Failed,
            "delayed" => Self::Delayed,
            "delivered" | "relayed" | "expanded" => Self::Done,
            // Left out by some: 5 is for good, 4 is for now.
            _ if status.starts_with('5') => Self::Failed,
            _ if status.starts_with('2') => Self::Done,
            _ => Self::Delayed,
        }
    }
}

fn failure(recipient: &Fields, parts: &[Part<'_>]) -> Told {
    let said = match recipient.get("diagnostic-code").filter(|said| !said.is_empty()) {
        Some(said) => said.to_owned(),
        None => prose::reason(&prose::text(parts)).unwrap_or_default(),
    };
    let names: Vec<&str> = ["original-recipient", "final-recipient"]
        .into_iter()
        .filter_map(|name| recipient.get(name))
        .map(|name| name.split_once(';').map_or(name, |(_, address)| address))
        .collect();
    let (kind, status) = classify::failure(recipient.get("status"), &said);
    Told::Failed { kind, status, said: words::detail(&said, &names) }
}

fn softer(one: Told, other: Told) -> Told {
    if matches!(one, Told::Failed { kind: Kind::HardBounce, .. }) { other } else { one }
}

/// A report of what a recipient thinks of a mail.
pub(super) struct Complaint {
    /// Its fields, and those of the mail it is about.
    fields: Vec<Fields>,
}

/// The complaint among `inner` parts, if there is one.
pub(super) fn complaint(inner: &[Part<'_>]) -> Option<Complaint> {
    let report = inner.iter().find(|part| part.kind == "message/feedback-report");
    let original = inner.iter().find_map(enclosed);
    let fields = match (report, original) {
        (Some(report), original) => {
            iter::once(Fields::parse(report.text().trim_start())).chain(original).collect()
        }
        // Microsoft's JMRP sends nothing but the mail, and names in it who complained.
        (None, Some(original)) if original.get("x-hmxmroriginalrecipient").is_some() => {
            vec![original]
        }
        _ => return None,
    };
    Some(Complaint { fields })
}

impl Complaint {
    /// Where addresses of ours may stand.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &str> {
        let names = ["original-mail-from", "return-path", "list-unsubscribe"];
        self.fields
            .iter()
            .flat_map(move |fields| names.into_iter().flat_map(|name| fields.all(name)))
    }

    /// Whether it is one: others are about authentication (RFC 6591), or say that it is not spam (RFC 6430).
    pub(super) fn counts(&self) -> bool {
        let kind = self.fields.iter().find_map(|fields| fields.get("feedback-type"));
        let kind = kind.map(str::to_ascii_lowercase);
        // Microsoft's has no type.
        matches!(kind.as_deref(), None | Some("abuse" | "fraud" | "opt-out" | "opt-out-list"))
    }

    /// Who sent the report.
    pub(super) fn said(&self) -> String {
        let agent = self.fields.iter().find_map(|fields| fields.get("user-agent"));
        agent.unwrap_or_default().to_owned()
    }
}
