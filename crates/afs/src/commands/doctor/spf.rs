//! Who may send mails in the name of a domain (SPF, RFC 7208).

use std::net::IpAddr;

use ipnet::IpNet;

use super::resolver::Resolver;

/// The most terms that may ask the DNS, before receivers stop and call it a mistake (4.6.4).
pub(super) const LOOKUPS_MAX: usize = 10;
/// The most of these that may find nothing.
pub(super) const VOID_MAX: usize = 2;
/// Beyond this nobody wants to know how many more there are.
const LOOKUPS_COUNTED_MAX: usize = 30;
/// How many of a domain's mail servers are looked at.
const MX_MAX: usize = 10;

/// What a domain says about who may send for it, and what follows from that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spf {
    /// The domain.
    pub(super) domain: String,
    /// Its records; should be one.
    pub(super) records: Vec<String>,
    /// Why the DNS was not asked to the end.
    pub(super) unanswered: Option<String>,
    /// How many terms ask the DNS, those in included records too.
    pub(super) lookups: usize,
    /// How many of them found nothing.
    pub(super) void: usize,
    /// What is not as it is written in RFC 7208.
    pub(super) mistakes: Vec<String>,
    /// What becomes of everybody else: `-`, `~`, `?` or `+`. `None`: nothing is said.
    pub(super) rest: Option<char>,
    /// Who may.
    pub(super) networks: Vec<IpNet>,
}

impl Spf {
    /// Follows the record of `domain` to its end.
    pub(super) async fn ask(resolver: &Resolver, domain: &str) -> Self {
        let mut spf = Self { domain: domain.to_owned(), ..Self::default() };
        let texts = match resolver.txt(domain).await {
            Ok(texts) => texts,
            Err(why) => return Self { unanswered: Some(why), ..spf },
        };
        spf.records = texts.into_iter().filter(|text| is_spf(text)).collect();
        if let [record] = &spf.records[..] {
            let mut todo = vec![(domain.to_owned(), record.clone(), Part::Own)];
            while let Some((domain, record, part)) = todo.pop() {
                spf.follow(resolver, &domain, &record, part, &mut todo).await;
            }
        }
        spf
    }

    /// `true` if the record lets this address send.
    pub(super) fn allows(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    async fn follow(
        &mut self,
        resolver: &Resolver,
        domain: &str,
        record: &str,
        part: Part,
        todo: &mut Vec<(String, String, Part)>,
    ) {
        let terms: Vec<_> = record.split_whitespace().skip(1).map(Term::read).collect();
        let has_all = terms.iter().any(|term| matches!(term, Ok(Term { what: What::All, .. })));
        for term in terms {
            let term = match term {
                Ok(term) => term,
                Err(mistake) => {
                    self.mistakes.push(mistake);
                    continue;
                }
            };
            // Where everybody has been dealt with, nobody is left for a redirect (6.1).
            let counts = match term.what {
                What::All | What::Networks(_) | What::Nothing => false,
                What::Redirect(_) => !has_all,
                _ => true,
            };
            if counts {
                self.lookups += 1;
                if self.lookups > LOOKUPS_COUNTED_MAX {
                    return;
                }
            }
            match term.what {
                What::All if part == Part::Own => self.rest = Some(term.qualifier),
                What::Networks(network) => self.allow(term.qualifier, network),
                What::Include(name) => {
                    self.go_on(resolver, name, Part::Included, todo).await;
                }
                What::Redirect(name) if !has_all => {
                    self.go_on(resolver, name, part, todo).await;
                }
                What::All | What::Redirect(_) | What::Unseen | What::Nothing => {}
                What::Hosts { of, mail, prefixes } => {
                    let name = of.unwrap_or_else(|| domain.to_owned());
                    for network in self.hosts(resolver, &name, mail, prefixes).await {
                        self.allow(term.qualifier, network);
                    }
                }
            }
        }
    }

    async fn go_on(
        &mut self,
        resolver: &Resolver,
        name: String,
        part: Part,
        todo: &mut Vec<(String, String, Part)>,
    ) {
        match resolver.txt(&name).await.map(|texts| texts.into_iter().filter(|it| is_spf(it))) {
            Ok(mut records) => match (records.next(), records.next()) {
                (Some(record), None) => todo.push((name, record, part)),
                (None, _) => self.mistakes.push(format!("{name} has no SPF record to include")),
                (Some(_), Some(_)) => {
                    self.mistakes.push(format!("{name} has more than one SPF record"));
                }
            },
            Err(why) => self.unanswered = Some(why),
        }
    }

    async fn hosts(
        &mut self,
        resolver: &Resolver,
        name: &str,
        mail: bool,
        (v4, v6): (u8, u8),
    ) -> Vec<IpNet> {
        let hosts = if mail { resolver.mx(name).await } else { Ok(vec![name.to_owned()]) };
        let mut networks = Vec::new();
        let mut found_nothing = true;
        match hosts {
            Ok(hosts) => {
                for host in hosts.iter().take(MX_MAX) {
                    match resolver.addresses(host).await {
                        Ok(addresses) => {
                            found_nothing &= addresses.is_empty();
                            networks.extend(addresses.into_iter().filter_map(|address| {
                                IpNet::new(address, if address.is_ipv4() { v4 } else { v6 }).ok()
                            }));
                        }
                        Err(why) => self.unanswered = Some(why),
                    }
                }
            }
            Err(why) => self.unanswered = Some(why),
        }
        self.void += usize::from(found_nothing && self.unanswered.is_none());
        networks
    }

    fn allow(&mut self, qualifier: char, network: IpNet) {
        if qualifier == '+' {
            self.networks.push(network);
        }
    }
}

/// Whether a record speaks for the domain itself, or for a part of who may send.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Own,
    Included,
}

struct Term {
    qualifier: char,
    what: What,
}

enum What {
    All,
    Include(String),
    Redirect(String),
    Networks(IpNet),
    /// `a` and `mx`, with the lengths of the networks around their addresses.
    Hosts {
        of: Option<String>,
        mail: bool,
        prefixes: (u8, u8),
    },
    /// Asks the DNS, and what for depends on the mail: `exists`, `ptr` and macros.
    Unseen,
    /// For people, or for later versions.
    Nothing,
}

impl Term {
    /// Reads one word of a record; if it is none, says so.
    fn read(word: &str) -> Result<Self, String> {
        let (qualifier, rest) = match word.chars().next() {
            Some(sign @ ('+' | '-' | '~' | '?')) => (sign, &word[1..]),
            _ => ('+', word),
        };
        let end = rest.find([':', '/', '=']).unwrap_or(rest.len());
        let (name, argument) = rest.split_at(end);
        let domain = argument.strip_prefix(':').unwrap_or_default();
        let what = match (name.to_ascii_lowercase().as_str(), argument.chars().next()) {
            ("all", None) => What::All,
            ("exists", Some(':')) | ("ptr", _) => What::Unseen,
            ("include" | "a" | "mx", Some(':')) | ("redirect", Some('=')) if is_macro(argument) => {
                What::Unseen
            }
            ("include", Some(':')) if is_domain(domain) => What::Include(domain.to_owned()),
            ("redirect", Some('=')) if is_domain(&argument[1..]) => {
                What::Redirect(argument[1..].to_owned())
            }
            ("ip4" | "ip6", Some(':')) => {
                let network =
                    domain.parse().or_else(|_| domain.parse().map(|ip: IpAddr| ip.into()));
                let is_v4 = name.eq_ignore_ascii_case("ip4");
                let network = network.ok().filter(|it: &IpNet| it.addr().is_ipv4() == is_v4);
                What::Networks(network.ok_or_else(|| format!("`{word}` names no such address"))?)
            }
            ("a" | "mx", None | Some(':' | '/')) => {
                let (of, prefixes) = argument.split_once('/').unwrap_or((argument, ""));
                let of = of.strip_prefix(':').map(str::to_owned);
                let (v4, v6) = match prefixes.split_once('/') {
                    Some((v4, v6)) => (v4, v6.trim_start_matches('/')),
                    None => (prefixes, ""),
                };
                let length = |text: &str, all: u8| match text {
                    "" => Some(all),
                    text => text.parse().ok().filter(|length| *length <= all),
                };
                let prefixes = length(v4, 32).zip(length(v6, 128));
                let is_named = of.as_deref().is_none_or(is_domain);
                match prefixes.filter(|_| is_named) {
                    Some(prefixes) => {
                        let mail = name.eq_ignore_ascii_case("mx");
                        What::Hosts { of, mail, prefixes }
                    }
                    None => return Err(format!("`{word}` is not written as SPF wants it")),
                }
            }
            // Unknown names with a value are for later versions (6).
            (_, Some('=')) => What::Nothing,
            _ => return Err(format!("`{word}` is nothing that SPF knows")),
        };
        Ok(Self { qualifier, what })
    }
}

fn is_spf(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

fn is_macro(text: &str) -> bool {
    text.contains('%')
}

fn is_domain(text: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.contains('.')
        && text
            .trim_end_matches('.')
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63 && label.chars().all(letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(word: &str) -> bool {
        Term::read(word).is_ok()
    }

    #[test]
    fn what_rfc_7208_knows_is_read_and_nothing_else() {
        for word in [
            "all",
            "-all",
            "?ALL",
            "include:_spf.x.example",
            "redirect=x.example",
            "a",
            "mx",
            "a:x.example/24",
            "mx/24//64",
            "a//64",
            "ip4:192.0.2.1",
            "ip4:192.0.2.0/24",
            "ip6:2001:db8::/32",
            "exists:%{i}.x.example",
            "ptr",
            "exp=why.x.example",
            "include:%{d}.x.example",
            "moo=cow",
        ] {
            assert!(is_read(word), "{word}");
        }
        for word in [
            "include",
            "include:",
            "include:x",
            "include x.example",
            "ipv4:192.0.2.1",
            "ip4:x",
            "ip4:192.0.2.0/33",
            "ip4:2001:db8::1",
            "ip6:192.0.2.1",
            "a/33",
            "a:..",
            "all:x",
            "moo",
            "include:https://x.example",
        ] {
            assert!(!is_read(word), "{word}");
        }
    }

    #[test]
    fn a_record_is_known_by_its_first_word() {
        for (text, known) in
            [("v=spf1", true), ("V=SPF1 -all", true), ("v=spf10 -all", false), ("spf1 -all", false)]
        {
            assert_eq!(is_spf(text), known, "{text}");
        }
    }
}
