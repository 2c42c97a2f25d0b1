//! The rules between values: pairs that are fine alone and wrong together.
//!
//! A rule looks at the tree, not at the types, so that it can run, and blame the right line, while
//! other values are still wrong. A value that was found unsound silences the rules about it.

mod mapping;

use std::net::{IpAddr, SocketAddr};

use domain::EmailAddress;
use jiff::civil::Time;

use crate::{
    problem::{Problem, nearest, quoted},
    tree::{Node, Value, stand_in},
};

/// The commands a mail waits for before its content leaves: EHLO, AUTH, MAIL, RCPT and DATA.
const COMMANDS_PER_MAIL: i64 = 5;

/// Everything in `document` that contradicts something else.
pub(crate) fn contradictions(document: &Node, platforms: &[&str]) -> Vec<Problem> {
    let tables = || shops(document).chain([document]);
    let rules = [
        lease_outlasts_a_mail,
        retries_grow,
        redis_has_a_url,
        login_is_whole,
        |document: &Node| plaintext_stays_here(document, "mail.smtp"),
        |document: &Node| plaintext_stays_here(document, "mail.bounces.imap"),
        listeners_differ,
        queue_is_refilled_in_time,
        smtp_has_a_sender,
    ];
    rules
        .iter()
        .filter_map(|rule| rule(document))
        .chain(
            ["secrets.link_keys", "secrets.address_key"]
                .iter()
                .filter_map(|key| postgres_has(document, key)),
        )
        .chain(tables().filter_map(window_opens_before_it_closes))
        .chain(tables().filter_map(|table| outlives(table, "invitations.reminder_days")))
        .chain(tables().filter_map(|table| outlives(table, "invitations.experiment.review_days")))
        .chain(tables().flat_map(products_are_named))
        .chain(tables().filter_map(dkim_is_aligned))
        .chain(tables().filter_map(second_dkim_key_is_whole))
        .chain(tables().filter_map(dkim_selectors_differ))
        .chain(tables().flat_map(soft_opt_in_has_a_notice))
        .chain(shops(document).filter_map(|shop| platform_is_known(shop, platforms)))
        .chain(shops(document).filter_map(api_is_encrypted))
        .chain(shops(document).filter_map(api_has_a_token))
        .chain(shops(document).flat_map(mapping::contradictions))
        .collect()
}

fn lease_outlasts_a_mail(document: &Node) -> Option<Problem> {
    let lease = document.get("worker.lease_secs")?;
    let connect = document.get("mail.smtp.connect_timeout_secs")?;
    let command = document.get("mail.smtp.command_timeout_secs")?;
    let last = document.get("mail.smtp.final_timeout_secs")?;
    let longest = connect.integer()? + COMMANDS_PER_MAIL * command.integer()? + last.integer()?;
    if lease.integer()? > longest || !is(document, "mail.transport", "smtp") {
        return None;
    }
    Some(contradiction(
        &[lease, connect, command, last],
        format!(
            "`worker.lease_secs` is {}, but a mail can take {longest} seconds",
            lease.integer()?
        ),
        format!(
            "make the lease longer than connect_timeout_secs + {COMMANDS_PER_MAIL} * \
             command_timeout_secs + final_timeout_secs of [mail.smtp], or two workers may send the \
             same mail"
        ),
    ))
}

fn retries_grow(document: &Node) -> Option<Problem> {
    let first = document.get("retry.first_delay_secs")?;
    let max = document.get("retry.max_delay_secs")?;
    (first.integer()? > max.integer()?).then(|| {
        contradiction(
            &[first, max],
            "`retry.first_delay_secs` is more than `retry.max_delay_secs`",
            "the first delay doubles until it reaches the longest one",
        )
    })
}

fn redis_has_a_url(document: &Node) -> Option<Problem> {
    let backend = document.get("queue.backend")?;
    (backend.text()? == "redis" && is_missing(document, "queue.redis_url")).then(|| {
        contradiction(
            &[backend],
            "`queue.backend` is `redis`, but `queue.redis_url` is missing",
            "set redis_url, or redis_url_file to a file that holds it",
        )
    })
}

fn login_is_whole(document: &Node) -> Option<Problem> {
    let halves = ["mail.smtp.username", "mail.smtp.password"];
    let [set, missing] = match halves.map(|half| is_missing(document, half)) {
        [false, true] => halves,
        [true, false] => [halves[1], halves[0]],
        _ => return None,
    };
    let set_node = document.get(set).or_else(|| document.get(&stand_in(set)))?;
    Some(contradiction(
        &[set_node],
        format!("`{set}` is set, but `{missing}` is missing"),
        "set both to log in, or neither",
    ))
}

fn plaintext_stays_here(document: &Node, table: &str) -> Option<Problem> {
    let tls = document.get(&format!("{table}.tls"))?;
    let host = document.get(&format!("{table}.host"))?;
    (tls.text()? == "none" && !is_this_machine(host.text()?)).then(|| {
        contradiction(
            &[tls, host],
            format!("`{table}.tls` is `none`, but `{table}.host` is another machine"),
            "use `starttls` or `implicit`: buyers' addresses must not cross a network unencrypted",
        )
    })
}

fn is_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn api_is_encrypted(shop: &Node) -> Option<Problem> {
    let url = shop.get("api.url")?;
    let rest = url.text()?.strip_prefix("http://")?;
    let host = rest.split(['/', ':']).next()?;
    (!is_this_machine(host)).then(|| {
        contradiction(
            &[url],
            format!("`{}` is not encrypted", url.key),
            "use https: the token and the buyers' addresses must not cross a network unencrypted",
        )
    })
}

fn api_has_a_token(shop: &Node) -> Option<Problem> {
    let set = shop.get("api.url").or_else(|| shop.get("api.account"))?;
    is_missing(shop, "api.token").then(|| {
        contradiction(
            &[set],
            format!("`{}` is set, but the token is missing", set.key),
            "set token, or token_file to a file that holds it",
        )
    })
}

fn listeners_differ(document: &Node) -> Option<Problem> {
    let lists = ["server.listen", "server.operator_listen"];
    let nodes: Vec<_> =
        lists.iter().filter_map(|list| document.get(list)).flat_map(Node::list).collect();
    let address = |node: &Node| node.text()?.parse::<SocketAddr>().ok();
    nodes.iter().enumerate().find_map(|(index, &later)| {
        let earlier = nodes[..index]
            .iter()
            .find(|&&earlier| address(earlier).zip(address(later)).is_some_and(clash))?;
        Some(contradiction(
            &[earlier, later],
            format!("`{}` and `{}` are the same address", earlier.key, later.key),
            "give every listener a port of its own; the operator's one is not for the public",
        ))
    })
}

/// `true` when two listeners cannot be open together. Port 0 is a new port each time.
fn clash((a, b): (SocketAddr, SocketAddr)) -> bool {
    let overlap = a.ip() == b.ip()
        || a.is_ipv4() == b.is_ipv4() && (a.ip().is_unspecified() || b.ip().is_unspecified());
    a.port() == b.port() && a.port() != 0 && overlap
}

fn queue_is_refilled_in_time(document: &Node) -> Option<Problem> {
    let interval = document.get("queue.reconcile_interval_secs")?;
    let horizon = document.get("queue.horizon_minutes")?;
    (interval.integer()? >= horizon.integer()? * 60).then(|| {
        contradiction(
            &[interval, horizon],
            "`queue.reconcile_interval_secs` is not less than `queue.horizon_minutes`",
            "invitations enter the queue when the record is compared; rarer than the horizon, they \
             come late",
        )
    })
}

/// A sender set for all shops reaches every shop, so a shop can lack one only if that is missing.
fn smtp_has_a_sender(document: &Node) -> Option<Problem> {
    let transport = document.get("mail.transport")?;
    let mut shops = shops(document).peekable();
    let lacking = is_missing(document, "sender.address")
        && (shops.peek().is_none() || shops.any(|shop| is_missing(shop, "sender.address")));
    (transport.text()? == "smtp" && lacking).then(|| {
        contradiction(
            &[transport],
            "`mail.transport` is `smtp`, but `sender.address` is missing",
            "set address under [sender] for all shops, or under [shops.<id>.sender] for each",
        )
    })
}

/// Receivers believe a signature only if it is by the domain in From, or by one above it (RFC 9989).
fn dkim_is_aligned(table: &Node) -> Option<Problem> {
    let domain = table.get("sender.dkim.domain")?;
    let address = table.get("sender.address")?;
    let sender = EmailAddress::parse(address.text()?).ok()?;
    let rest = sender.host().strip_suffix(domain.text()?);
    (!rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))).then(|| {
        contradiction(
            &[domain, address],
            format!("`{}` is not the domain of `{}`, nor above it", domain.key, address.key),
            "receivers look for a signature by the domain in From: set both under \
             [shops.<id>.sender] for a shop with an address of its own",
        )
    })
}

fn second_dkim_key_is_whole(table: &Node) -> Option<Problem> {
    let halves = ["ed25519_selector", "ed25519_key_file"];
    let (set, missing) = match halves.map(|half| table.get(&format!("sender.dkim.{half}"))) {
        [Some(set), None] => (set, halves[1]),
        [None, Some(set)] => (set, halves[0]),
        _ => return None,
    };
    Some(contradiction(
        &[set],
        format!("`{}` is set, but `{missing}` is missing", set.key),
        "set both for a second signature, or neither",
    ))
}

fn dkim_selectors_differ(table: &Node) -> Option<Problem> {
    let first = table.get("sender.dkim.selector")?;
    let second = table.get("sender.dkim.ed25519_selector")?;
    first.text()?.eq_ignore_ascii_case(second.text()?).then(|| {
        contradiction(
            &[first, second],
            format!("`{}` and `{}` are the same", first.key, second.key),
            "each key has a record of its own in DNS",
        )
    })
}

fn postgres_has(document: &Node, key: &str) -> Option<Problem> {
    let url = document.get("database.url")?;
    (url.text()?.starts_with("postgres") && is_missing(document, key)).then(|| {
        contradiction(
            &[url],
            format!("`{key}` is missing, and receiver and worker must share it"),
            "with Postgres make it once with `openssl rand -base64 32`, and give it to every \
             process",
        )
    })
}

fn window_opens_before_it_closes(table: &Node) -> Option<Problem> {
    let opens = table.get("invitations.window_opens")?;
    let closes = table.get("invitations.window_closes")?;
    let always = table.get("invitations.window_always_open")?;
    let time = |node: &Node| node.text()?.parse::<Time>().ok();
    let always = matches!(always.value, Value::Boolean(true));
    (!always && time(opens)? >= time(closes)?).then(|| {
        contradiction(
            &[opens, closes],
            format!("`{}` is not before `{}`", opens.key, closes.key),
            "a window opens and closes on the same day; for mails at any hour set \
             window_always_open",
        )
    })
}

/// The link in a mail must be good when something is still expected of it.
fn outlives(table: &Node, key: &str) -> Option<Problem> {
    let valid = table.get("invitations.link_valid_days")?;
    let expected = table.get(key)?;
    (expected.integer()? >= valid.integer()?).then(|| {
        contradiction(
            &[valid, expected],
            format!("`{}` is not less than `{}`", expected.key, valid.key),
            "links in mails would have run out by then",
        )
    })
}

fn products_are_named(table: &Node) -> Vec<Problem> {
    let products = table.get("invitations.products").and_then(Node::entries);
    let unnamed = |product: &&Node| is_missing(product, "sku") && is_missing(product, "category");
    let products = products.into_iter().flat_map(|products| products.values()).filter(unnamed);
    let problem = |product: &Node| {
        let message = format!("`{}` names no products", product.key);
        contradiction(&[product], message, "set sku or category: it is for which products?")
    };
    products.map(problem).collect()
}

/// The order is a ground for buyers who were told at the checkout, and only for them.
fn soft_opt_in_has_a_notice(table: &Node) -> Vec<Problem> {
    let countries = table.get("invitations.countries").and_then(Node::entries);
    let countries = countries.into_iter().flat_map(|countries| countries.values());
    let everywhere = table.get("invitations");
    let has_notice = |node: &Node| node.get("consent_notice").is_some();
    let covered = everywhere.is_some_and(has_notice);
    let problem = |node: &Node| {
        let basis = node.get("consent").filter(|basis| basis.text() == Some("soft_opt_in"))?;
        (!covered && !has_notice(node)).then(|| {
            contradiction(
                &[basis],
                format!("`{}` is `soft_opt_in`, but `consent_notice` is missing", basis.key),
                "set consent_notice to what buyers read at the checkout, word for word; without such a \
                 text, only buyers who agreed may be asked: `opt_in`",
            )
        })
    };
    everywhere.into_iter().chain(countries).filter_map(problem).collect()
}

fn platform_is_known(shop: &Node, platforms: &[&str]) -> Option<Problem> {
    let platform = shop.get("platform")?;
    let name = platform.text()?;
    let hint = match nearest(name, platforms.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("the platforms are {}", quoted(platforms.iter().copied())),
    };
    (!platforms.contains(&name)).then(|| {
        contradiction(&[platform], format!("`{}` is not a known platform", platform.key), hint)
    })
}

fn shops(document: &Node) -> impl Iterator<Item = &Node> {
    let shops = document.get("shops").and_then(Node::entries);
    shops.into_iter().flat_map(|shops| shops.values())
}

fn is(document: &Node, path: &str, text: &str) -> bool {
    document.get(path).and_then(Node::text) == Some(text)
}

fn is_missing(document: &Node, path: &str) -> bool {
    document.get(path).is_none() && document.get(&stand_in(path)).is_none()
}

/// The values in `nodes` contradict each other: blames the one that was set last.
fn contradiction(nodes: &[&Node], message: impl Into<String>, hint: impl Into<String>) -> Problem {
    let place = nodes.iter().map(|node| &node.place).max().cloned().unwrap_or_default();
    Problem { place, message: message.into(), hint: hint.into() }
}
