//! What is said of a good installation, and of broken ones: each names the fault and the remedy.

use std::path::Path;

use ::tests::dns::Zone;
use config::Config;
use domain::retry::Failure;
use jiff::{SignedDuration, Timestamp};
use mail::{BadCertificate, Certificate, CheckError, Fault, Relay, SendError, Stage};
use queue::RedisFacts;
use store::{
    facts::{Facts as RecordFacts, PostgresFacts, SqliteFacts},
    overview::{Count, FailedNotice, MailError, Status, Unread},
};

use super::{
    Facts, Report,
    finding::Severity,
    host::{Clock, Disk, File, Host},
    judge,
    public::{Answered, Public},
    record::Record,
    relay::{Reverse, Tried},
    resolver::Resolver,
    sender::{self, Outlet},
};

const NOW: Timestamp = Timestamp::constant(1_795_356_000, 0);
const KEY: &str = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

const CONFIG: &str = r#"
    [server]
    public_url = "https://reviews.shop.example"
    [database]
    url = "postgres://afs:database-password@db.example/afs"
    [queue]
    backend = "redis"
    redis_url = "redis://:redis-password@redis.example"
    [secrets]
    link_keys = ["a link key of thirty-two letters or more"]
    address_key = "an address key of thirty-two letters or more"
    [mail]
    transport = "smtp"
    [mail.smtp]
    host = "mail.relay.example"
    username = "afs"
    password = "mail-password"
    [mail.bounces]
    domain = "bounces.shop.example"
    [sender]
    address = "reviews@shop.example"
    reply_to = "service@shop.example"
    postal_address = "Shop AB, Storgatan 1, 111 22 Stockholm, Sweden"
    [sender.dkim]
    domain = "shop.example"
    selector = "afs1"
    key_file = "secrets/dkim.pem"
    [shops.coffee]
    platform = "woocommerce"
    name = "Coffee"
    secrets = ["s"]
    [shops.tea]
    platform = "woocommerce"
    name = "Tea"
    secrets = ["s"]
"#;

const ZONE: &str = r"
    shop.example                   MX   mx.shop.example
    shop.example                   TXT  google-site-verification=x
    bounces.shop.example           MX   mx.shop.example
    bounces.shop.example           TXT  v=spf1 include:_spf.relay.example -all
    mx.shop.example                A    198.51.100.25
    reviews.shop.example           A    198.51.100.80
    _spf.relay.example             TXT  v=spf1 ip4:203.0.113.0/24 a:mail.relay.example ~all
    mail.relay.example             A    203.0.113.5
    afs1._domainkey.shop.example   TXT  v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    _dmarc.shop.example            TXT  v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.example
";

/// What is seen, to be changed by tests.
struct Seen {
    config: String,
    zone: String,
    outlet: Option<Outlet>,
    relay: Tried,
    public: Public,
    record: Record,
    timer: RedisFacts,
    host: Host,
}

impl Seen {
    /// All is well.
    fn good() -> Self {
        Self {
            config: CONFIG.to_owned(),
            zone: ZONE.to_owned(),
            outlet: None,
            relay: Tried::Reached(relay()),
            public: Public {
                addresses: Some(Ok(vec![[198, 51, 100, 80].into()])),
                answer: Ok(Answered { status: 404, date: Some(NOW) }),
            },
            record: open(RecordFacts::Postgres(postgres())),
            timer: redis(),
            host: Host {
                disks: Vec::new(),
                files: vec![File { path: "secrets/dkim.pem".into(), mode: 0o600 }],
                clocks: vec![clock("Postgres", 0), clock("Redis", 1)],
            },
        }
    }

    fn configured(mut self, line: &str, other: &str) -> Self {
        assert!(self.config.contains(line), "{line}");
        self.config = self.config.replace(line, other);
        self
    }

    /// The records at `name` are these.
    fn zoned(mut self, name: &str, kind: &str, values: &[&str]) -> Self {
        let is_other = |line: &&str| {
            let mut words = line.split_whitespace();
            (words.next(), words.next()) != (Some(name), Some(kind))
        };
        let mut lines: Vec<_> = self.zone.lines().filter(is_other).map(str::to_owned).collect();
        lines.extend(values.iter().map(|value| format!("{name} {kind} {value}")));
        self.zone = lines.join("\n");
        self
    }

    async fn report(self) -> Report {
        let config = Config::from_toml(&self.config, &["woocommerce"]).unwrap();
        let resolver = Resolver::Recorded(Zone::read(&self.zone));
        let mut senders = Vec::new();
        for (sender, shops) in sender::senders(&config) {
            let facts = sender::Facts::ask(&resolver, &sender, key).await;
            senders.push((sender, shops, Some(facts)));
        }
        let outlet = match self.outlet {
            Some(outlet) => outlet,
            None => Outlet::ask(&config, &resolver).await,
        };
        let reverse = match outlet {
            Outlet::Here(address) => Some(Reverse::ask(&resolver, address).await),
            _ => None,
        };
        let facts = Facts {
            now: NOW,
            refusal: None,
            senders,
            outlet,
            relay: Some(self.relay),
            reverse,
            public: Some(self.public),
            record: self.record,
            timer: Some(Ok(self.timer)),
            host: self.host,
        };
        judge(&config, &facts)
    }

    /// What is said where something is not as it should be.
    async fn troubles(self) -> String {
        let report = self.report().await;
        let text = report.troubles().text();
        for secret in ["database-password", "redis-password", "mail-password", "a link key"] {
            assert!(!text.contains(secret), "{text}");
        }
        text
    }
}

impl Report {
    /// The sections in which something is to be done.
    fn troubles(mut self) -> Self {
        self.0.retain(|section| section.worst() >= Severity::Warning);
        self
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stands for reading a file, which may fail")]
fn key(_: &Path) -> Result<String, String> {
    Ok(KEY.to_owned())
}

fn relay() -> Relay {
    Relay {
        address: Some([203, 0, 113, 5].into()),
        pipelining: true,
        smtputf8: true,
        max_size: Some(50 << 20),
        signed_in: true,
        certificate: Some(Certificate {
            names: vec!["mail.relay.example".to_owned()],
            not_after: NOW + SignedDuration::from_hours(60 * 24),
        }),
    }
}

fn refusal(stage: Stage, code: Option<u16>, text: &str) -> CheckError {
    let error = SendError {
        stage,
        failure: Failure::Temporary,
        fault: Fault::Ours,
        code,
        text: text.to_owned(),
    };
    CheckError { error, certificate: None }
}

fn bad_certificate(certificate: BadCertificate, text: &str) -> Tried {
    let refused = refusal(Stage::Tls, None, text);
    Tried::Refused(CheckError { certificate: Some(certificate), ..refused })
}

fn postgres() -> PostgresFacts {
    PostgresFacts {
        version: "17.6".to_owned(),
        fsync: true,
        full_page_writes: true,
        synchronous_commit: "on".to_owned(),
        is_standby: false,
        is_read_only: false,
        connections_max: 97,
        account_connections_max: None,
        connections_open: 12,
        is_private: true,
        now_millis: NOW.as_millisecond(),
    }
}

fn redis() -> RedisFacts {
    RedisFacts {
        version: Some("8.0.2".to_owned()),
        maxmemory_policy: Some("noeviction".to_owned()),
        maxmemory: Some(256 << 20),
        used_memory: Some(40 << 20),
        append_only: Some(true),
        append_fsync: Some("everysec".to_owned()),
        is_replica: Some(false),
        time: Some(NOW),
        scripts_refused: None,
    }
}

fn open(facts: RecordFacts) -> Record {
    Record::Open { facts: Ok(facts), status: Ok(Box::new(status())) }
}

fn status() -> Status {
    Status {
        invitations: vec![Count { name: "sent".to_owned(), count: 40 }],
        reminders: Vec::new(),
        reviews: Vec::new(),
        orders: 40,
        suppressions: 0,
        bounces: Vec::new(),
        pauses: Vec::new(),
        oldest_due_at: Some(NOW + SignedDuration::from_hours(20)),
        last_errors: Vec::new(),
        notices: Vec::new(),
        failed_notices: Vec::new(),
        unread: 0,
        unread_webhooks: Vec::new(),
    }
}

fn clock(of: &'static str, ahead_secs: i64) -> Clock {
    Clock { of, ahead: SignedDuration::from_secs(ahead_secs) }
}

#[tokio::test]
async fn a_good_installation() {
    let report = Seen::good().report().await;
    assert!(!report.has_faults());
    insta::assert_snapshot!("good", report.text());
    insta::assert_json_snapshot!("good_json", report.json());
}

/// Says what is seen of a broken installation, after its name.
macro_rules! broken {
    ($($(#[$doc:meta])* $name:ident = $seen:expr;)*) => {
        $($(#[$doc])* #[tokio::test]
        async fn $name() {
            insta::assert_snapshot!(stringify!($name), $seen.troubles().await);
        })*
    };
}

const ENVELOPE: &str = "bounces.shop.example";

broken! {
    spf_is_missing = Seen::good().zoned(ENVELOPE, "TXT", &[]);
    spf_is_there_twice =
        Seen::good().zoned(ENVELOPE, "TXT", &["v=spf1 mx -all", "v=spf1 include:_spf.relay.example ~all"]);
    spf_takes_too_many_lookups = Seen::good()
        .zoned(ENVELOPE, "TXT", &["v=spf1 a mx include:_spf.relay.example include:_spf.other.example ~all"])
        .zoned("_spf.other.example", "TXT", &["v=spf1 include:_a.other.example a mx exists:%{i}.x ?all"])
        .zoned("_a.other.example", "TXT", &["v=spf1 a mx a:b.other.example ~all"])
        .zoned("other.example", "A", &["203.0.113.9"]);
    spf_has_a_typing_mistake =
        Seen::good().zoned(ENVELOPE, "TXT", &["v=spf1 ipv4:203.0.113.5 include:gone.example -all"]);
    spf_lets_everybody_send = Seen::good().zoned(ENVELOPE, "TXT", &["v=spf1 mx +all"]);
    spf_does_not_end = Seen::good().zoned(ENVELOPE, "TXT", &["v=spf1 ip4:203.0.113.5"]);
    dkim_record_is_missing = Seen::good().zoned("afs1._domainkey.shop.example", "TXT", &[]);
    dkim_record_is_for_another_key = Seen::good().zoned(
        "afs1._domainkey.shop.example",
        "TXT",
        &["v=DKIM1; k=ed25519; p=c2hvcnQgYnV0IGEga2V5IG9mIHRoZSByaWdodCBsZW4="],
    );
    dkim_key_is_revoked =
        Seen::good().zoned("afs1._domainkey.shop.example", "TXT", &["v=DKIM1; k=ed25519; p="]);
    dmarc_is_missing = Seen::good().zoned("_dmarc.shop.example", "TXT", &[]);
    dmarc_is_there_twice =
        Seen::good().zoned("_dmarc.shop.example", "TXT", &["v=DMARC1; p=none", "v=DMARC1; p=reject"]);
    dmarc_asks_for_nothing_that_exists =
        Seen::good().zoned("_dmarc.shop.example", "TXT", &["v=DMARC1; p=block; pct=50"]);
    from_is_not_aligned = Seen::good()
        .configured("reviews@shop.example", "reviews@mail.shop.example")
        .configured("\"bounces.shop.example\"", "\"bounces.relay.example\"")
        .zoned("mail.shop.example", "MX", &["mx.shop.example"])
        .zoned("bounces.relay.example", "MX", &["mx.shop.example"])
        .zoned("bounces.relay.example", "TXT", &["v=spf1 include:_spf.relay.example -all"])
        .zoned("_dmarc.mail.shop.example", "TXT", &["v=DMARC1; p=reject; adkim=s; rua=mailto:d@shop.example"]);
    answers_and_bounces_do_not_arrive = Seen::good()
        .zoned("shop.example", "MX", &["."])
        .zoned(ENVELOPE, "MX", &["gone.shop.example"]);
    the_dns_does_not_answer = Seen::good()
        .zoned(ENVELOPE, "TXT", &["FAIL"])
        .zoned(ENVELOPE, "MX", &["FAIL"])
        .zoned("_dmarc.shop.example", "TXT", &["FAIL"])
        .zoned("afs1._domainkey.shop.example", "TXT", &["FAIL"]);
    no_postal_address = Seen::good()
        .configured("postal_address = \"Shop AB, Storgatan 1, 111 22 Stockholm, Sweden\"", "")
        .configured("reply_to = \"service@shop.example\"", "");
    mails_go_into_files = Seen::good()
        .configured("transport = \"smtp\"", "transport = \"file\"")
        .configured("address = \"reviews@shop.example\"", "")
        .configured("[sender.dkim]\n    domain = \"shop.example\"\n    selector = \"afs1\"\n    \
                     key_file = \"secrets/dkim.pem\"", "");
    relay_refuses_the_login = Seen {
        relay: Tried::Refused(refusal(Stage::Auth, Some(535), "5.7.8 Error: authentication failed")),
        ..Seen::good()
    };
    relay_does_not_encrypt = Seen {
        relay: Tried::Refused(refusal(Stage::Tls, None, "server does not offer STARTTLS")),
        ..Seen::good()
    };
    relay_shows_an_expired_certificate = Seen {
        relay: bad_certificate(BadCertificate::Expired, "invalid peer certificate: certificate expired"),
        ..Seen::good()
    };
    relay_shows_a_certificate_for_another_name = Seen {
        relay: bad_certificate(
            BadCertificate::OtherName(vec!["mx1.relay.example".to_owned()]),
            "invalid peer certificate: certificate not valid for name",
        ),
        ..Seen::good()
    };
    relay_shows_a_certificate_of_nobody = Seen {
        relay: bad_certificate(BadCertificate::UnknownIssuer, "invalid peer certificate: UnknownIssuer"),
        ..Seen::good()
    };
    relay_shows_a_certificate_that_ends_soon = Seen {
        relay: Tried::Reached(Relay {
            certificate: Some(Certificate {
                names: vec!["mail.relay.example".to_owned()],
                not_after: NOW + SignedDuration::from_hours(80),
            }),
            ..relay()
        }),
        ..Seen::good()
    };
    relay_is_not_there = Seen {
        relay: Tried::Refused(refusal(Stage::Connect, None, "Connection refused (os error 111)")),
        ..Seen::good()
    };
    relay_is_here_and_unknown_to_the_world = Seen {
        outlet: Some(Outlet::Here([198, 51, 100, 7].into())),
        ..Seen::good()
    }
    .zoned("7.100.51.198.in-addr.arpa", "PTR", &["shop.example"]);
    redis_evicts = Seen {
        timer: RedisFacts {
            maxmemory_policy: Some("allkeys-lru".to_owned()),
            used_memory: Some(250 << 20),
            ..redis()
        },
        ..Seen::good()
    };
    redis_is_a_replica_without_scripts = Seen {
        timer: RedisFacts {
            is_replica: Some(true),
            scripts_refused: Some("NOPERM: no permission to run 'eval'".to_owned()),
            maxmemory_policy: None,
            maxmemory: None,
            append_fsync: None,
            ..redis()
        },
        ..Seen::good()
    };
    postgres_forgets = Seen {
        record: open(RecordFacts::Postgres(PostgresFacts {
            fsync: false,
            synchronous_commit: "off".to_owned(),
            is_private: false,
            ..postgres()
        })),
        ..Seen::good()
    };
    postgres_is_a_standby_with_few_connections = Seen {
        record: open(RecordFacts::Postgres(PostgresFacts {
            is_standby: true,
            is_read_only: true,
            connections_max: 20,
            account_connections_max: Some(12),
            connections_open: 19,
            ..postgres()
        })),
        ..Seen::good()
    };
    sqlite_is_damaged = Seen {
        record: open(RecordFacts::Sqlite(SqliteFacts {
            journal_mode: "delete".to_owned(),
            synchronous: 1,
            quick_check: Some("Tree 7 page 12: btreeInitPage() returns error code 11".to_owned()),
        })),
        ..Seen::good()
    }
    .configured("postgres://afs:database-password@db.example/afs", "sqlite:var/afs.db");
    record_was_written_by_an_older_version = Seen { record: Record::Older, ..Seen::good() };
    record_does_not_open = Seen {
        record: Record::Closed("the Postgres database cannot be opened: connection refused".to_owned()),
        ..Seen::good()
    };
    work_is_left_lying = Seen {
        record: Record::Open {
            facts: Ok(RecordFacts::Postgres(postgres())),
            status: Ok(Box::new(Status {
                oldest_due_at: Some(NOW - SignedDuration::from_hours(7)),
                invitations: vec![Count { name: "failed".to_owned(), count: 3 }],
                last_errors: vec![MailError {
                    at: NOW,
                    invitation: "i".to_owned(),
                    detail: "550 5.7.1 blocked".to_owned(),
                }],
                notices: vec![Count { name: "failed".to_owned(), count: 1 }],
                failed_notices: vec![FailedNotice {
                    shop_id: "tea".to_owned(),
                    order_ref: "1001".to_owned(),
                    error: "the platform refuses our token (401)".to_owned(),
                }],
                unread: 2,
                unread_webhooks: vec![Unread {
                    shop_id: "tea".to_owned(),
                    path: "line_items[0].name".to_owned(),
                    detail: "expected a text".to_owned(),
                    count: 2,
                }],
                ..status()
            })),
        },
        ..Seen::good()
    };
    disk_is_nearly_full = Seen {
        host: Host {
            disks: vec![
                Disk { what: "the record", dir: "/var/lib/afs".into(), free: 90 << 20, total: 20 << 30 },
                Disk { what: "the outbox", dir: "/srv/outbox".into(), free: 700 << 20, total: 8 << 30 },
            ],
            ..Seen::good().host
        },
        ..Seen::good()
    };
    secrets_are_open = Seen {
        host: Host {
            files: vec![
                File { path: "/etc/afs/secrets/dkim.pem".into(), mode: 0o644 },
                File { path: "/etc/afs/secrets/tea".into(), mode: 0o640 },
            ],
            ..Seen::good().host
        },
        ..Seen::good()
    };
    clock_is_five_minutes_off = Seen {
        host: Host {
            clocks: vec![clock("Postgres", -301), clock("Redis", -300)],
            ..Seen::good().host
        },
        ..Seen::good()
    };
    public_url_is_not_encrypted = Seen::good()
        .configured("https://reviews.shop.example", "http://reviews.shop.example");
    public_url_is_this_machine = Seen::good()
        .configured("https://reviews.shop.example", "http://127.0.0.1:8080");
    public_url_leads_nowhere = Seen {
        public: Public { addresses: Some(Ok(Vec::new())), answer: Err("no such host".to_owned()) },
        ..Seen::good()
    };
    proxy_does_not_reach_afs = Seen {
        public: Public {
            answer: Ok(Answered { status: 502, date: None }),
            ..Seen::good().public
        },
        ..Seen::good()
    };
}

#[tokio::test]
async fn what_the_mail_server_has_to_sign_is_no_fault() {
    let text = "[sender.dkim]\n    domain = \"shop.example\"\n    selector = \"afs1\"\n    \
                key_file = \"secrets/dkim.pem\"";
    let report = Seen::good().configured(text, "").report().await;
    assert!(!report.has_faults());
    insta::assert_snapshot!("unsigned", report.text());
}

#[tokio::test]
async fn a_mail_server_here_that_the_world_knows_is_well() {
    let seen = Seen { outlet: Some(Outlet::Here([203, 0, 113, 5].into())), ..Seen::good() };
    let seen = seen.zoned("5.113.0.203.in-addr.arpa", "PTR", &["mail.relay.example"]);
    let text = seen.report().await.text();
    for line in [
        "bounces.shop.example lets 203.0.113.5 send, this machine",
        "203.0.113.5 is mail.relay.example, and back",
    ] {
        assert!(text.contains(line), "{text}");
    }
}
