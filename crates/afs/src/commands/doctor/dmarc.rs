//! What a domain wants to become of mails that only claim to be from it (DMARC, RFC 9989).

use super::resolver::Resolver;

/// Of longer names only the last so many labels are asked for, besides the name itself (4.10).
const LABELS_MAX: usize = 8;

/// The policy that stands at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Policy {
    /// The domain.
    pub(super) domain: String,
    /// The record.
    pub(super) record: String,
    tags: Vec<(String, String)>,
}

impl Policy {
    /// The value of a tag.
    pub(super) fn value(&self, tag: &str) -> Option<&str> {
        self.tags.iter().find(|(name, _)| name == tag).map(|(_, value)| value.as_str())
    }

    fn is_psd(&self, says: &str) -> bool {
        self.value("psd").is_some_and(|value| value.eq_ignore_ascii_case(says))
    }
}

/// The policies at a domain and above it: the tree walk (4.10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Walk {
    /// The domain it begins at.
    pub(super) domain: String,
    /// Longest name first.
    pub(super) policies: Vec<Policy>,
    /// Names with several records, which count as none.
    pub(super) doubled: Vec<String>,
    /// Why the DNS was not asked to the end.
    pub(super) unanswered: Option<String>,
}

impl Walk {
    pub(super) async fn ask(resolver: &Resolver, domain: &str) -> Self {
        let domain = domain.to_ascii_lowercase();
        let (mut policies, mut doubled, mut unanswered) = (Vec::new(), Vec::new(), None);
        for name in names(&domain) {
            match resolver.txt(&format!("_dmarc.{name}")).await {
                Ok(texts) => {
                    let mut found: Vec<_> =
                        texts.into_iter().filter(|text| is_dmarc(text)).collect();
                    if found.len() > 1 {
                        doubled.push(name.to_owned());
                    } else if let Some(record) = found.pop() {
                        let tags = tags(&record);
                        policies.push(Policy { domain: name.to_owned(), record, tags });
                    }
                }
                Err(why) => unanswered = Some(why),
            }
            if policies.last().is_some_and(|last| last.value("psd").is_some_and(is_said)) {
                break;
            }
        }
        Self { domain, policies, doubled, unanswered }
    }

    /// The domain of who is responsible for all names below (4.10.2).
    pub(super) fn organisation(&self) -> &str {
        let of_psd = |policy: &Policy| {
            let below = self.domain.strip_suffix(&policy.domain)?.strip_suffix('.')?;
            let label = below.rsplit('.').next()?;
            self.domain.get(self.domain.len() - policy.domain.len() - 1 - label.len()..)
        };
        match self.policies.last() {
            Some(last) if last.is_psd("n") => &last.domain,
            Some(last) if last.is_psd("y") => of_psd(last).unwrap_or(&self.domain),
            Some(last) => &last.domain,
            None => &self.domain,
        }
    }

    /// The policy for mails from the domain: its own, or that of the organisation, or of the public
    /// suffix that it is under.
    pub(super) fn policy(&self) -> Option<&Policy> {
        let at = |domain: &str| self.policies.iter().find(|policy| policy.domain == domain);
        at(&self.domain)
            .or_else(|| at(self.organisation()))
            .or_else(|| self.policies.iter().find(|policy| policy.is_psd("y")))
    }
}

/// The tags of a record: `v=DMARC1; p=none`. Names in lower case.
pub(super) fn tags(record: &str) -> Vec<(String, String)> {
    let tag = |tag: &str| {
        let (name, value) = tag.split_once('=')?;
        Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    };
    record.split(';').filter_map(tag).collect()
}

/// The domain, and all above it; of a long one, the last labels only.
fn names(domain: &str) -> Vec<&str> {
    let names = std::iter::successors(Some(domain), |name| Some(name.split_once('.')?.1));
    let is_asked =
        |(index, name): &(usize, &str)| *index == 0 || name.split('.').count() < LABELS_MAX;
    names.enumerate().filter(is_asked).map(|(_, name)| name).collect()
}

fn is_dmarc(text: &str) -> bool {
    tags(text).first().is_some_and(|(name, value)| name == "v" && value == "DMARC1")
}

fn is_said(psd: &str) -> bool {
    psd.eq_ignore_ascii_case("y") || psd.eq_ignore_ascii_case("n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_asked_about_from_their_seventh_label_on() {
        assert_eq!(names("a.shop.example"), ["a.shop.example", "shop.example", "example"]);
        let names = names("a.b.c.d.e.f.g.h.i.shop.example");
        assert_eq!(names[..2], ["a.b.c.d.e.f.g.h.i.shop.example", "e.f.g.h.i.shop.example"]);
        assert_eq!(names.len(), 1 + 7);
    }

    fn walk(domain: &str, records: &[(&str, &str)]) -> Walk {
        let policy = |(domain, record): &(&str, &str)| Policy {
            domain: (*domain).to_owned(),
            record: (*record).to_owned(),
            tags: tags(record),
        };
        Walk {
            domain: domain.to_owned(),
            policies: records.iter().map(policy).collect(),
            doubled: Vec::new(),
            unanswered: None,
        }
    }

    #[test]
    fn the_organisation_is_the_highest_domain_with_a_policy() {
        let none = walk("mail.shop.example", &[]);
        assert_eq!(none.organisation(), "mail.shop.example");
        let above = walk("mail.shop.example", &[("shop.example", "v=DMARC1; p=none")]);
        assert_eq!(above.organisation(), "shop.example");
        assert_eq!(above.policy().unwrap().domain, "shop.example");
        let suffix = [("shop.co.example", "v=DMARC1"), ("co.example", "v=DMARC1; psd=y")];
        assert_eq!(walk("mail.shop.co.example", &suffix).organisation(), "shop.co.example");
        let own = [("mail.shop.example", "v=DMARC1; psd=n")];
        assert_eq!(walk("mail.shop.example", &own).organisation(), "mail.shop.example");
    }

    #[test]
    fn a_record_is_known_by_its_first_tag() {
        for (text, known) in [
            ("v=DMARC1; p=none", true),
            ("v = DMARC1;p=none", true),
            ("p=none; v=DMARC1", false),
            ("v=DMARC2", false),
            ("DMARC1", false),
        ] {
            assert_eq!(is_dmarc(text), known, "{text}");
        }
    }
}
