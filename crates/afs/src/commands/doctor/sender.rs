//! Who mails come from: what the configuration says, and what the DNS says about it.

use std::{collections::BTreeMap, net::IpAddr};

use config::{Config, MailTransport, ShopSettings};

use super::{
    dkim::{self, Dkim, Key, ReadKey},
    dmarc::Walk,
    finding::{Finding, Section, count, txt_record},
    relay,
    resolver::{Answer, Resolver},
    spf::{LOOKUPS_MAX, Spf, VOID_MAX},
};

/// How many of a sender's shops are named.
const SHOPS_NAMED_MAX: usize = 5;

/// Tags of DMARC that RFC 9989 knows no more.
const GONE: [&str; 3] = ["pct", "rf", "ri"];

/// What is looked at for a sender. Shops that do not differ in it are told of together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Sender {
    /// The address in From.
    pub(super) address: String,
    /// The domain of From.
    pub(super) domain: String,
    /// Where answers go, if elsewhere.
    pub(super) reply_to: Option<String>,
    /// The domain that failures come back to, if another.
    pub(super) bounces: Option<String>,
    /// Whether a postal address stands in the mails.
    pub(super) has_postal_address: bool,
    /// What mails are signed with.
    pub(super) keys: Vec<Key>,
}

impl Sender {
    fn of(shop: &ShopSettings, config: &Config) -> Self {
        let sender = &shop.sender;
        Self {
            address: sender.address.as_str().to_owned(),
            domain: sender.address.host().to_owned(),
            reply_to: sender.reply_to.as_ref().map(|address| address.as_str().to_owned()),
            bounces: config.mail.bounces.domain.clone(),
            has_postal_address: sender.postal_address.is_some(),
            keys: Key::of(shop),
        }
    }

    /// The domain of the envelope's sender, which SPF is about.
    fn envelope(&self) -> &str {
        self.bounces.as_deref().unwrap_or(&self.domain)
    }

    /// The domain that answers go to.
    fn answers(&self) -> &str {
        let address = self.reply_to.as_deref().unwrap_or(&self.address);
        address.rsplit_once('@').map_or(address, |(_, domain)| domain)
    }

    /// No domain of anybody (RFC 2606): nothing to ask about.
    fn is_nobody(&self) -> bool {
        self.domain.ends_with(".invalid")
    }
}

/// The senders of all shops, each with its shops.
pub(super) fn senders(config: &Config) -> BTreeMap<Sender, Vec<String>> {
    let mut senders = BTreeMap::<_, Vec<_>>::new();
    for shop in config.shops.values() {
        senders.entry(Sender::of(shop, config)).or_default().push(shop.id.to_string());
    }
    senders
}

/// What the DNS says about a sender.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    spf: Spf,
    dkim: Vec<Dkim>,
    /// From the domain of From up.
    from: Walk,
    /// From the envelope's domain up.
    envelope: Walk,
    /// From the domain of each signature up.
    signers: Vec<Walk>,
    /// By domain: who takes mail for it.
    mail: BTreeMap<String, Inbox>,
}

/// Who takes mail for a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Inbox {
    /// Hosts that exist, and that do not.
    Hosts {
        there: Vec<String>,
        missing: Vec<String>,
    },
    /// It has no mail servers of its own, but an address.
    Itself,
    /// It says that it takes none (RFC 7505).
    Refuses,
    /// There is nothing.
    Nothing,
    Unanswered(String),
}

impl Inbox {
    async fn ask(resolver: &Resolver, domain: &str) -> Self {
        match resolver.mx(domain).await {
            Ok(hosts) if hosts.iter().any(|host| host == ".") => Self::Refuses,
            Ok(hosts) if hosts.is_empty() => match resolver.addresses(domain).await {
                Ok(addresses) if addresses.is_empty() => Self::Nothing,
                Ok(_) => Self::Itself,
                Err(why) => Self::Unanswered(why),
            },
            Ok(hosts) => {
                let (mut there, mut missing) = (Vec::new(), Vec::new());
                for host in hosts {
                    let found = resolver.addresses(&host).await;
                    let list = if found == Ok(Vec::new()) { &mut missing } else { &mut there };
                    list.push(host);
                }
                Self::Hosts { there, missing }
            }
            Err(why) => Self::Unanswered(why),
        }
    }
}

impl Facts {
    /// Asks for all that the DNS knows of a sender.
    pub(super) async fn ask(resolver: &Resolver, sender: &Sender, read: ReadKey) -> Self {
        let mail = async {
            let mut mail = BTreeMap::new();
            for domain in [sender.domain.as_str(), sender.answers(), sender.envelope()] {
                if !mail.contains_key(domain) {
                    mail.insert(domain.to_owned(), Inbox::ask(resolver, domain).await);
                }
            }
            mail
        };
        let keys = async {
            let (mut dkim, mut walks) = (Vec::new(), Vec::new());
            for key in &sender.keys {
                walks.push(Walk::ask(resolver, &key.domain).await);
                dkim.push(Dkim::ask(resolver, key, read).await);
            }
            (dkim, walks)
        };
        let (spf, (dkim, signers), from, envelope, mail) = tokio::join!(
            Spf::ask(resolver, sender.envelope()),
            keys,
            Walk::ask(resolver, &sender.domain),
            Walk::ask(resolver, sender.envelope()),
            mail
        );
        Self { spf, dkim, from, envelope, signers, mail }
    }
}

/// Where mails come from, as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outlet {
    /// A mail server elsewhere, at these addresses; it may send from others.
    Elsewhere(Answer<IpAddr>),
    /// A mail server on this machine, which sends from this address.
    Here(IpAddr),
    /// Not known.
    Unknown,
}

impl Outlet {
    pub(super) async fn ask(config: &Config, resolver: &Resolver) -> Self {
        let host = config.mail.smtp.host.as_str();
        if config.mail.transport == MailTransport::File {
            Self::Unknown
        } else if relay::is_here(host) {
            relay::own_address().map_or(Self::Unknown, Self::Here)
        } else if let Ok(address) = host.parse() {
            Self::Elsewhere(Ok(vec![address]))
        } else {
            Self::Elsewhere(resolver.addresses(host).await)
        }
    }
}

/// All about one sender. Without `facts`, what the configuration says.
pub(super) fn judge(
    sender: &Sender,
    shops: &[String],
    facts: Option<&Facts>,
    outlet: &Outlet,
) -> Section {
    let mut findings = configured(sender);
    if let Some(facts) = facts.filter(|_| !sender.is_nobody()) {
        findings.push(spf(&facts.spf, outlet));
        findings.extend(covered(&facts.spf, outlet));
        if facts.dkim.is_empty() {
            findings.push(dkim::unsigned());
        }
        findings.extend(facts.dkim.iter().map(Dkim::judge));
        findings.extend(dmarc(sender, &facts.from));
        findings.push(aligned(sender, facts));
        findings.extend(inboxes(sender, facts));
    }
    let (named, others) = shops.split_at(shops.len().min(SHOPS_NAMED_MAX));
    let more =
        if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    Section::new(format!("Sender {} ({}{more})", sender.address, named.join(", ")), findings)
}

fn configured(sender: &Sender) -> Vec<Finding> {
    let mut findings = Vec::new();
    if sender.is_nobody() {
        findings.push(
            Finding::fault("From", "no sender is configured")
                .means("Mails would come from an address that cannot exist.")
                .remedy("Set in [sender], or in [shops.<id>.sender]:")
                .add("address = \"reviews@your-domain\""),
        );
    }
    findings.push(match &sender.reply_to {
        Some(reply_to) => Finding::ok("Reply-To", format!("answers go to {reply_to}")),
        None => Finding::note("Reply-To", format!("answers go to {}", sender.address))
            .means("Buyers do answer; somebody should read that.")
            .remedy("If nobody reads it, set in [sender]:")
            .add("reply_to = \"service@your-domain\""),
    });
    findings.push(if sender.has_postal_address {
        Finding::ok("footer", "mails show the sender's postal address")
    } else {
        Finding::warning("footer", "mails show no postal address")
            .means("Many countries require one in such mails, the United States and Canada among them.")
            .remedy("Set in [sender]:")
            .add("postal_address = \"Shop AB, Storgatan 1, 111 22 Stockholm, Sweden\"")
    });
    findings
}

/// What has to stand in a record so that our mail server is allowed, as far as that can be told.
fn may_send(outlet: &Outlet) -> String {
    match outlet {
        Outlet::Here(IpAddr::V4(address)) => format!("ip4:{address}"),
        Outlet::Here(IpAddr::V6(address)) => format!("ip6:{address}"),
        Outlet::Elsewhere(_) | Outlet::Unknown => "include:<as your mail provider says>".to_owned(),
    }
}

fn spf(spf: &Spf, outlet: &Outlet) -> Finding {
    const CHECK: &str = "SPF";
    let domain = &spf.domain;
    let record = |text: &str| txt_record(domain, text);
    let [own] = &spf.records[..] else {
        if let Some(why) = &spf.unanswered {
            return Finding::warning(CHECK, format!("{domain} could not be looked up: {why}"))
                .remedy("Try again; if it stays so, ask who runs the DNS of that domain.");
        }
        if spf.records.is_empty() {
            return Finding::fault(CHECK, format!("{domain} has no SPF record"))
                .means(
                    "The domain does not say who may send for it, so mailbox providers refuse bulk \
                        mail from it, or put it into the spam folder.",
                )
                .remedy("Publish, with what your mail provider documents:")
                .add(record(&format!("v=spf1 {} ~all", may_send(outlet))));
        }
        return Finding::fault(CHECK, format!("{domain} has {} SPF records", spf.records.len()))
            .means("Receivers then take it for a mistake, and none of them counts (RFC 7208, 4.5).")
            .remedy("Remove all of them, and publish one with what stands in them:")
            .add(record(&merged(&spf.records)));
    };
    if spf.lookups > LOOKUPS_MAX {
        return Finding::fault(
            CHECK,
            format!("the record of {domain} takes {} look-ups; {LOOKUPS_MAX} are allowed", spf.lookups),
        )
        .means("Receivers stop there and take it for a mistake, so it may count for nothing.")
        .remedy(
            "Remove what no longer sends for you, and replace `a`, `mx` and `include:` by the networks \
             behind them (`ip4:`, `ip6:`) where these do not change. Send mails of AFS from a domain of \
             their own, such as mail.shop.example, if the record is too full. Now it is:",
        )
        .add(record(own));
    }
    if let [first, rest @ ..] = &spf.mistakes[..] {
        let more =
            if rest.is_empty() { String::new() } else { format!(" (and {} more)", rest.len()) };
        return Finding::fault(
            CHECK,
            format!("the record of {domain} has a mistake: {first}{more}"),
        )
        .means("Receivers take the whole record for a mistake, and it counts for nothing.")
        .remedy("Mend or remove that. Now the record is:")
        .add(record(own));
    }
    if let Some(why) = &spf.unanswered {
        return Finding::warning(
            CHECK,
            format!("a part of the record of {domain} has no answer: {why}"),
        )
        .remedy("Try again; if it stays so, remove what is not answered.");
    }
    if spf.void > VOID_MAX {
        let seen = format!("the record of {domain} names {} hosts that do not exist", spf.void);
        return Finding::fault(CHECK, seen)
            .means("Receivers that find nothing more than twice take it for a mistake.")
            .remedy("Remove them. Now the record is:")
            .add(record(own));
    }
    match spf.rest {
        Some('-' | '~') => {
            let lookups = count(spf.lookups, "look-up");
            Finding::ok(CHECK, format!("{domain}: {own} ({lookups} of {LOOKUPS_MAX})"))
        }
        Some('+') => Finding::fault(CHECK, format!("the record of {domain} lets everybody send"))
            .means("Anybody can send in its name; receivers trust such a domain less than one without.")
            .remedy("Let it end in `~all`:")
            .add(record(&ending(own))),
        _ => Finding::warning(CHECK, format!("the record of {domain} does not say who may not send"))
            .means("It proves nothing against those who send in its name.")
            .remedy("Let it end in `~all`:")
            .add(record(&ending(own))),
    }
}

/// Whether the record lets our mail server send, if that can be told.
fn covered(spf: &Spf, outlet: &Outlet) -> Option<Finding> {
    const CHECK: &str = "SPF, relay";
    if spf.records.len() != 1 {
        return None;
    }
    let domain = &spf.domain;
    match outlet {
        Outlet::Here(address) if spf.allows(*address) => {
            Some(Finding::ok(CHECK, format!("{domain} lets {address} send, this machine")))
        }
        Outlet::Here(address) => Some(
            Finding::warning(CHECK, format!("{domain} does not let {address} send, this machine"))
                .means("If the mail server here delivers by itself, receivers see mail from somebody who \
                        may not send.")
                .remedy("Put this into the SPF record, in front of `all`:")
                .add(may_send(outlet)),
        ),
        Outlet::Elsewhere(Ok(addresses)) if addresses.iter().any(|it| spf.allows(*it)) => {
            Some(Finding::ok(CHECK, format!("{domain} lets the mail server's address send")))
        }
        Outlet::Elsewhere(_) => Some(
            Finding::note(CHECK, "whether the mail server's outgoing addresses may send cannot be told")
                .means("Providers send from other addresses than they take mail at.")
                .remedy("Send yourself a sample with `afs mail send-test`, and look at its source for \
                         `spf=pass`."),
        ),
        Outlet::Unknown => None,
    }
}

/// One record with the terms of several, without what they say of everybody else.
fn merged(records: &[String]) -> String {
    let mut terms = Vec::new();
    for term in records.iter().flat_map(|record| record.split_whitespace().skip(1)) {
        if !is_all(term) && !terms.contains(&term) {
            terms.push(term);
        }
    }
    format!("v=spf1 {} ~all", terms.join(" "))
}

fn ending(record: &str) -> String {
    let terms: Vec<_> = record.split_whitespace().filter(|term| !is_all(term)).collect();
    format!("{} ~all", terms.join(" "))
}

fn is_all(term: &str) -> bool {
    term.trim_start_matches(['+', '-', '~', '?']).eq_ignore_ascii_case("all")
}

fn dmarc(sender: &Sender, walk: &Walk) -> Vec<Finding> {
    const CHECK: &str = "DMARC";
    let domain = &sender.domain;
    let Some(policy) = walk.policy() else {
        if let [doubled, ..] = &walk.doubled[..] {
            return vec![
                Finding::fault(CHECK, format!("there are several records at _dmarc.{doubled}"))
                    .means("Then none of them counts.")
                    .remedy("Remove all but one."),
            ];
        }
        if let Some(why) = &walk.unanswered {
            return vec![
                Finding::warning(CHECK, format!("_dmarc.{domain} could not be looked up: {why}"))
                    .remedy("Try again; if it stays so, ask who runs the DNS of that domain."),
            ];
        }
        return vec![
            Finding::fault(
                CHECK,
                format!("neither {domain} nor a domain above it has a DMARC record"),
            )
            .means(
                "Gmail, Yahoo and Microsoft want one from who sends much mail, and refuse it \
                        without.",
            )
            .remedy("Publish, with an address where reports are read:")
            .add(txt_record(
                &format!("_dmarc.{domain}"),
                &format!("v=DMARC1; p=none; rua=mailto:dmarc@{domain}"),
            )),
        ];
    };
    let name = format!("_dmarc.{}", policy.domain);
    let mut findings = Vec::new();
    let wanted = if policy.domain == walk.domain { "p" } else { "sp" };
    let wanted = policy.value(wanted).or_else(|| policy.value("p")).unwrap_or("none");
    findings.push(match wanted.to_ascii_lowercase().as_str() {
        "none" => Finding::note(CHECK, format!("{name} asks for nothing to be done (p=none)"))
            .means("That is enough to be delivered. It keeps nobody from sending in your name.")
            .remedy("When the reports show that all your mail passes, publish:")
            .add(txt_record(&name, &with_policy(&policy.record, "quarantine"))),
        "quarantine" | "reject" => Finding::ok(CHECK, format!("{name}: {}", policy.record)),
        other => Finding::fault(CHECK, format!("{name} asks for `{other}`, which is nothing"))
            .means("Receivers take it for `none`, or for no record.")
            .remedy("Publish:")
            .add(txt_record(&name, &with_policy(&policy.record, "none"))),
    });
    if policy.value("rua").is_none() {
        findings.push(
            Finding::note(CHECK, format!("{name} names no address for reports (rua)"))
                .means("Nobody tells you whose mails in your name pass and whose do not.")
                .remedy("Add to it:")
                .add(format!("rua=mailto:dmarc@{}", policy.domain)),
        );
    }
    let gone: Vec<_> = GONE.into_iter().filter(|tag| policy.value(tag).is_some()).collect();
    if !gone.is_empty() {
        findings.push(
            Finding::note(CHECK, format!("{name} has tags that are gone: {}", gone.join(", ")))
                .means(
                    "RFC 9989 knows them no more, and receivers pass over them. In place of `pct` \
                        there is `t=y`, for trying a policy out.",
                )
                .remedy("Remove them."),
        );
    }
    findings
}

/// The record with another policy.
fn with_policy(record: &str, policy: &str) -> String {
    let tags = super::dmarc::tags(record);
    let mut parts = vec!["v=DMARC1".to_owned(), format!("p={policy}")];
    let is_kept = |name: &str| name != "v" && name != "p" && !GONE.contains(&name);
    let others = tags.iter().filter(|(name, _)| is_kept(name));
    parts.extend(others.map(|(name, value)| format!("{name}={value}")));
    parts.join("; ")
}

/// Whether SPF or DKIM speak for the domain that people see.
fn aligned(sender: &Sender, facts: &Facts) -> Finding {
    const CHECK: &str = "alignment";
    let policy = facts.from.policy();
    let fits = |tag: &str, other: &Walk| {
        let is_strict = policy.and_then(|it| it.value(tag)).is_some_and(|mode| mode == "s");
        let is_same = other.domain.eq_ignore_ascii_case(&sender.domain);
        is_same || !is_strict && other.organisation() == facts.from.organisation()
    };
    let by_dkim = facts.signers.iter().find(|signer| fits("adkim", signer));
    let by_spf = fits("aspf", &facts.envelope).then_some(&facts.envelope.domain);
    let from = &sender.domain;
    match (by_dkim, by_spf) {
        (Some(signer), _) => {
            Finding::ok(CHECK, format!("From is at {from}, mails are signed by {}", signer.domain))
        }
        (None, Some(envelope)) => Finding::ok(
            CHECK,
            format!("From is at {from}, the envelope's sender at {envelope}, as DMARC wants it"),
        ),
        (None, None) if facts.signers.is_empty() => Finding::warning(
            CHECK,
            format!("From is at {from}, but the envelope's sender at {}", sender.envelope()),
        )
        .means(format!(
            "DMARC then passes only if the mail server signs with DKIM for {from}: ask for that, or"
        ))
        .remedy("set in [mail.bounces] a domain below that of From:")
        .add(format!("domain = \"bounces.{from}\"")),
        (None, None) => {
            let mut signers: Vec<_> =
                facts.signers.iter().map(|signer| signer.domain.as_str()).collect();
            signers.dedup();
            Finding::fault(
                CHECK,
                format!(
                    "From is at {from}, but mails are signed by {} and the envelope's sender is at {}",
                    signers.join(" and "),
                    sender.envelope()
                ),
            )
            .means("Neither SPF nor DKIM speak for the domain that people see, so DMARC fails.")
            .remedy("Sign for the domain of From, in [sender.dkim]:")
            .add(format!("domain = \"{from}\""))
        }
    }
}

fn inboxes(sender: &Sender, facts: &Facts) -> Vec<Finding> {
    let mut roles = vec![("answers", sender.answers(), "answers of buyers do not arrive")];
    if sender.domain != sender.answers() {
        roles.push((
            "From",
            &sender.domain,
            "some receivers refuse mail from a domain that takes none",
        ));
    }
    match &sender.bounces {
        Some(bounces) => roles.push((
            "bounces",
            bounces,
            "AFS does not hear of mails that could not be delivered, nor of mails that say stop",
        )),
        None => {
            roles.push((
                "bounces",
                &sender.domain,
                "nobody hears of mails that were not delivered",
            ));
        }
    }
    roles
        .into_iter()
        .filter_map(|(check, domain, harm)| {
            let inbox = facts.mail.get(domain)?;
            Some(judge_inbox(check, domain, inbox, harm))
        })
        .collect()
}

fn judge_inbox(check: &'static str, domain: &str, inbox: &Inbox, harm: &str) -> Finding {
    let means = format!("So {harm}.");
    let publish = |finding: Finding| {
        finding
            .means(means.clone())
            .remedy("Publish the host that takes mail for it:")
            .add(format!("{domain}. MX 10 <your mail server>."))
    };
    match inbox {
        Inbox::Hosts { there, missing } if missing.is_empty() => {
            Finding::ok(check, format!("{domain} takes mail at {}", there.join(", ")))
        }
        Inbox::Hosts { there, missing } if there.is_empty() => publish(Finding::fault(
            check,
            format!("the mail servers of {domain} have no address: {}", missing.join(", ")),
        )),
        Inbox::Hosts { missing, .. } => Finding::warning(
            check,
            format!("mail servers of {domain} have no address: {}", missing.join(", ")),
        )
        .remedy("Remove them from its MX records."),
        Inbox::Itself => {
            Finding::note(check, format!("{domain} has no MX, mail goes to its address"))
                .means("That is allowed, and surprises some senders.")
                .remedy("Better publish it:")
                .add(format!("{domain}. MX 10 {domain}."))
        }
        Inbox::Refuses => {
            publish(Finding::fault(check, format!("{domain} says that it takes no mail")))
        }
        Inbox::Nothing => publish(Finding::fault(
            check,
            format!("{domain} has neither MX nor address: it takes no mail"),
        )),
        Inbox::Unanswered(why) => {
            Finding::warning(check, format!("{domain} could not be looked up: {why}"))
                .remedy("Try again; if it stays so, ask who runs the DNS of that domain.")
        }
    }
}
