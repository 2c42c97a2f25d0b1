//! Redis, where it is the timer.

use queue::RedisFacts;

use super::finding::{Finding, Section, size};

/// What was seen of it, or why nothing was.
pub(super) fn judge(facts: &Result<RedisFacts, String>) -> Section {
    let findings = match facts {
        Ok(facts) => [server(facts), eviction(facts), memory(facts), durability(facts)]
            .into_iter()
            .flatten()
            .collect(),
        Err(why) => vec![
            Finding::fault("connection", why.clone())
                .means("Orders are still stored, but workers are not woken: mails wait.")
                .remedy("Check queue.redis_url, whether the server runs, and who may reach it."),
        ],
    };
    Section::new("Timer in Redis", findings)
}

fn server(facts: &RedisFacts) -> Vec<Finding> {
    let mut findings = vec![match &facts.version {
        Some(version) => Finding::ok("server", format!("Redis {version}")),
        None => unseen("server", "it does not tell its version (INFO)"),
    }];
    if facts.is_replica == Some(true) {
        findings.push(
            Finding::fault("writing", "the server is a replica, and takes no changes")
                .means("Workers are not woken: mails wait.")
                .remedy("Set queue.redis_url to the primary."),
        );
    }
    if let Some(why) = &facts.scripts_refused {
        findings.push(
            Finding::fault("scripts", format!("it runs no scripts for us: {why}"))
                .means("Workers are not woken: mails wait.")
                .remedy("Allow it to the account, in users.acl or with ACL SETUSER:")
                .add("+@scripting"),
        );
    }
    findings
}

fn eviction(facts: &RedisFacts) -> Vec<Finding> {
    let has_bound = facts.maxmemory.is_none_or(|bytes| bytes > 0);
    vec![match facts.maxmemory_policy.as_deref() {
        Some("noeviction") => Finding::ok("eviction", "none (noeviction)"),
        Some(policy) => {
            let seen = format!("maxmemory-policy is `{policy}`");
            let finding = if has_bound {
                Finding::fault("eviction", seen).means(
                    "When its memory is full, Redis throws waiting mails away. They come back \
                            from the record, and are thrown away again.",
                )
            } else {
                Finding::warning("eviction", seen).means(
                    "Its memory has no bound now; with one it would throw waiting mails away.",
                )
            };
            finding
                .remedy("Set in redis.conf, and at once with `redis-cli CONFIG SET`:")
                .add("maxmemory-policy noeviction")
        }
        None => unseen("eviction", "whether it throws away what waits could not be seen (INFO)")
            .remedy("Make sure of this setting:")
            .add("maxmemory-policy noeviction"),
    }]
}

fn memory(facts: &RedisFacts) -> Vec<Finding> {
    let (Some(used), Some(bound)) = (facts.used_memory, facts.maxmemory.filter(|bytes| *bytes > 0))
    else {
        return Vec::new();
    };
    let seen = format!("{} of {} in use", size(used), size(bound));
    // In tenths, without overflow.
    vec![if used / 9 >= bound / 10 {
        Finding::warning("memory", seen)
            .means("When it is full, no more mails can be put in; they wait in the record.")
            .remedy("Set maxmemory higher, or find who else fills it.")
    } else {
        Finding::ok("memory", seen)
    }]
}

fn durability(facts: &RedisFacts) -> Vec<Finding> {
    let lost = "What a crash loses comes back from the record within seconds.";
    vec![match (facts.append_only, facts.append_fsync.as_deref()) {
        (Some(true), Some(fsync)) => {
            Finding::ok("durability", format!("appendonly, with appendfsync {fsync}"))
        }
        (Some(true), None) => Finding::ok(
            "durability",
            "appendonly; when it reaches the disk could not be seen (CONFIG)",
        ),
        (Some(false), _) => Finding::ok("durability", format!("nothing is written down. {lost}")),
        (None, _) => unseen("durability", "could not be seen (INFO)").means(lost),
    }]
}

/// Managed servers often forbid to look.
fn unseen(check: &'static str, seen: &str) -> Finding {
    Finding::note(check, seen)
}
