//! Where buyers reach AFS.

use std::{net::IpAddr, time::Duration};

use jiff::{Timestamp, fmt::rfc2822};

use super::{
    finding::{Finding, Section},
    relay::is_here,
    resolver::{Answer, Resolver},
};

/// How long the answer may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(8);

/// What answered there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// Its clock, in whole seconds.
    pub(super) date: Option<Timestamp>,
}

/// What was seen of the public address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Public {
    /// Of its host, if it is a name.
    pub(super) addresses: Option<Answer<IpAddr>>,
    pub(super) answer: Result<Answered, String>,
}

impl Public {
    /// `None` if it leads to this machine only: there is nothing to learn.
    pub(super) async fn ask(resolver: &Resolver, url: &str) -> Option<Self> {
        let host = host(url);
        if is_here(host) {
            return None;
        }
        let addresses = async {
            let is_name = host.parse::<IpAddr>().is_err();
            if is_name { Some(resolver.addresses(host).await) } else { None }
        };
        let (addresses, answer) = tokio::join!(addresses, answer(url));
        Some(Self { addresses, answer })
    }
}

async fn answer(url: &str) -> Result<Answered, String> {
    // The page of a link that leads nowhere: it changes nothing, and a proxy passes it on.
    let page = format!("{url}/u/doctor");
    let asking = async {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        client.get(page).send().await
    };
    let answer = asking.await.map_err(|error| innermost(&error))?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| rfc2822::parse(date).ok()).map(|date| date.timestamp());
    Ok(Answered { status: answer.status().as_u16(), date })
}

/// The words of what went wrong at the bottom: those above it say that something did.
fn innermost(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The host of an address, without brackets.
fn host(url: &str) -> &str {
    let authority = url.split("://").nth(1).and_then(|rest| rest.split('/').next()).unwrap_or(url);
    match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    }
}

pub(super) fn judge(url: &str, public: Option<&Public>) -> Section {
    let title = format!("Public address {url}");
    let host = host(url);
    let set = |finding: Finding| {
        finding
            .remedy("Put a proxy with a certificate in front of AFS, and set in [server]:")
            .add("public_url = \"https://reviews.your-domain\"")
    };
    if is_here(host) {
        let finding = Finding::fault("address", "it leads to this machine only").means(
            "All links in mails begin with it: buyers cannot open them, nor can webhooks come in.",
        );
        return Section::new(title, vec![set(finding)]);
    }
    let mut findings = Vec::new();
    if url.starts_with("http://") {
        let finding = Finding::fault("https", "it is not encrypted").means(
            "Links in mails let who holds them write reviews; and one-click unsubscribe, which \
                    Gmail and Yahoo want, is only looked at with https (RFC 8058).",
        );
        findings.push(set(finding));
    }
    findings.extend(public.map(|public| reached(host, public)));
    if findings.is_empty() {
        findings.push(Finding::ok("https", "links in mails are encrypted"));
    }
    Section::new(title, findings)
}

fn reached(host: &str, public: &Public) -> Finding {
    match &public.addresses {
        Some(Ok(found)) if found.is_empty() => {
            return Finding::fault("name", format!("{host} has no address"))
                .means("Buyers cannot open the links in their mails, and webhooks cannot come in.")
                .remedy("Publish the address of the proxy in front of AFS:")
                .add(format!("{host}. A <address of the proxy>"));
        }
        Some(Err(why)) => {
            return Finding::warning("name", format!("{host} could not be looked up: {why}"))
                .remedy("Try again; if it stays so, ask who runs the DNS of that domain.");
        }
        _ => {}
    }
    match &public.answer {
        Ok(Answered { status: status @ 500.., .. }) => {
            Finding::fault("answer", format!("it answers with {status}"))
                .means("The proxy is there, and does not reach AFS.")
                .remedy(
                    "Does the daemon run? Does the proxy pass on to the address in server.listen?",
                )
        }
        Ok(Answered { status, .. }) => Finding::ok("answer", format!("it answers ({status})")),
        // From behind some routers one's own public address cannot be reached.
        Err(why) => Finding::warning("answer", format!("it does not answer from here: {why}"))
            .remedy(
                "Open it on a phone that is not in this network. If that fails too: does the proxy \
                     run, and is its certificate right?",
            ),
    }
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn the_host_is_found_in_any_address() {
        for (url, expected) in [
            ("https://reviews.shop.example", "reviews.shop.example"),
            ("https://shop.example:8443/reviews", "shop.example"),
            ("http://127.0.0.1:8080", "127.0.0.1"),
            ("http://[::1]:8080/x", "::1"),
        ] {
            assert_eq!(host(url), expected);
        }
    }
}
