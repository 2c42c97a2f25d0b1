//! What an operator reads when a configuration is wrong.

use std::path::Path;

use proptest::prelude::*;

use super::{PLATFORMS, write};
use crate::{Config, Problem, Problems, Sources};

#[track_caller]
fn problems(text: &str) -> String {
    Config::from_toml(text, PLATFORMS).unwrap_err().to_string()
}

/// The problems of the file `afs.toml` in `dir`, without the path of `dir`.
fn problems_in(dir: &Path, env: &[(&str, &str)]) -> String {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { file: Some(dir.join("afs.toml")), env, platforms: PLATFORMS };
    let problems = Config::load(&sources).unwrap_err().to_string();
    problems.replace(&format!("{}/", dir.display()), "")
}

#[test]
fn mistakes_of_every_kind_are_reported_together() {
    let text = r#"[server]
public_url = "reviews.shop.example"
listen = ["localhost:8080"]
max_conections = 5

[worker]
concurrency = "many"

[mail]
transport = "smpt"

[mail.smtp]
port = 0
password = "hunter2"

[retry]
first_delay_secs = 20000

[invitations]
time_zone = "Europe/Stokholm"

[shops.demo]
platform = "woocomerce"
secrets = []
"#;
    insta::assert_snapshot!(problems(text), @r#"
    afs.toml:2:1: `server.public_url` does not have the right form
      hint: Where buyers reach this server, as `http://` or `https://` with a host and perhaps a path; all links in mails start with it. A slash at its end does not count.
    afs.toml:3:11: `server.listen[0]` is not a valid socket address
      hint: IP addresses and ports for webhooks and buyers' pages, such as `["0.0.0.0:8080"]`.
    afs.toml:4:1: `server.max_conections` is not a known key
      hint: did you mean `max_connections`?
    afs.toml:7:1: `worker.concurrency` must be a whole number, not text
      hint: How many mails one worker has in hand at the same time (1 to 1000).
    afs.toml:10:1: `mail.transport` must be one of `file`, `smtp`
      hint: did you mean `smtp`?
    afs.toml:13:1: `mail.smtp.port` must be at least 1
      hint: Port of the mail server (1 to 65535): 587 for `starttls`, 465 for `implicit`.
    afs.toml:14:1: `mail.smtp.password` is set, but `mail.smtp.username` is missing
      hint: set both to log in, or neither
    afs.toml:17:1: `retry.first_delay_secs` is more than `retry.max_delay_secs`
      hint: the first delay doubles until it reaches the longest one
    afs.toml:20:1: `invitations.time_zone` is not a valid time zone
      hint: did you mean `Europe/Stockholm`?
    afs.toml:22:8: `shops.demo.name` is missing
      hint: The shop's name as buyers know it, in one line.
    afs.toml:23:1: `shops.demo.platform` is not a known platform
      hint: did you mean `woocommerce`?
    afs.toml:24:1: `shops.demo.secrets` must not be empty
      hint: The webhook secrets set in the shop, as `["new", "old"]`. All are accepted, so that a new one can be added before the old one is taken away.
    "#);
}

#[test]
fn syntax_errors_of_several_files_are_reported_together() {
    let dir = write(&[
        ("afs.toml", "[server\nlisten = 3\n[log]\nlevel = info\n"),
        ("shops.d/a.toml", "name = \"A\"\n"),
        ("shops.d/b.toml", "name = \"B\nplatform = \"x\"\n"),
    ]);
    insta::assert_snapshot!(problems_in(dir.path(), &[]), @r#"
    afs.toml:1:8: unclosed table, expected `]`
      hint: the text around here is not TOML; text values need quotes
    afs.toml:4:9: invalid float, expected `inf`
      hint: the text around here is not TOML; text values need quotes
    shops.d/b.toml:1:10: invalid basic string, expected `"`
      hint: the text around here is not TOML; text values need quotes
    "#);
}

#[test]
fn every_place_has_its_name() {
    let dir = write(&[
        ("afs.toml", "[database]\nurl_file = 'nowhere'\n"),
        ("shops.d/My Shop.toml", "platform = 'shopify'\nname = 'A'\nsecrets = ['s']\ncolour = 1"),
    ]);
    let env = [
        ("AFS__SERVER__LISTN", "x"),
        ("AFS__SERVER", "x"),
        ("AFS__WORKER__CONCURRENCY", "ten"),
        ("AFS__WORKER__CONCURRENCY__X", "1"),
        ("AFS__SERVER__LISTEN", "127.0.0.1:80"),
    ];
    insta::assert_snapshot!(problems_in(dir.path(), &env), @r#"
    afs.toml:2:1: `database.url_file`: failed to open file `nowhere`: No such file or directory (os error 2)
      hint: check path and permissions; a relative path starts at the file that names it
    shops.d/My Shop.toml:1:1: `My Shop` cannot be the id of a shop
      hint: a shop id has 1 to 64 characters of a-z, 0-9 and -
    shops.d/My Shop.toml:4:1: `shops.My Shop.colour` is not a known key
      hint: the keys here are `api`, `invitations`, `language`, `mapping`, `name`, `platform`, `secrets`, `secrets_file`, `sender`, `website`
    AFS__SERVER: `server` is a table
      hint: add two underscores and a key, as in AFS__MAIL__SMTP__PORT
    AFS__SERVER__LISTEN: `server.listen` must be a list, not text
      hint: IP addresses and ports for webhooks and buyers' pages, such as `["0.0.0.0:8080"]`.
    AFS__SERVER__LISTN: `server.listn` is not a known key
      hint: did you mean `listen`?
    AFS__WORKER__CONCURRENCY: `worker.concurrency` must be a whole number, not text
      hint: How many mails one worker has in hand at the same time (1 to 1000).
    AFS__WORKER__CONCURRENCY__X: `worker.concurrency` is not a table
      hint: two underscores stand for the dot in a key, and there is one too many
    "#);
}

#[test]
fn a_missing_file_is_a_problem() {
    let dir = write(&[]);
    insta::assert_snapshot!(problems_in(dir.path(), &[]), @r#"
    afs.toml: failed to open file `afs.toml`: No such file or directory (os error 2)
      hint: check path and permissions
    "#);
}

const SHOP: &str = "[shops.a]\nplatform = 'shopify'\nname = 'A'\nsecrets = ['s']\n";

/// Fails unless just one problem of `text` stands at `place` and says `message`.
#[track_caller]
fn assert_found(text: &str, place: &str, message: &str) {
    let found = Config::from_toml(text, PLATFORMS).unwrap_err();
    let found: Vec<_> = found
        .iter()
        .map(|problem| (problem.place.to_string(), problem.message.clone()))
        .filter(|(at, what)| *at == format!("afs.toml:{place}") && what.contains(message))
        .collect();
    assert_eq!(found.len(), 1, "{text}\n{}", problems(text));
}

#[test]
fn a_sender_and_what_it_signs_with_belong_together() {
    let dkim = "[sender.dkim]\nselector = 'a'\nkey_file = 'k.pem'\ndomain = 'shop.example'\n";
    for (text, place, message) in [
        (
            format!("[sender]\naddress = 'a@myshop.example'\n{dkim}"),
            "6:1",
            "`sender.dkim.domain` is not the domain of `sender.address`",
        ),
        (
            format!("{dkim}{SHOP}[shops.a.sender]\naddress = 'a@example'"),
            "10:1",
            "`shops.a.sender.address` is not a valid email",
        ),
        (
            format!("{dkim}{SHOP}[shops.a.sender]\naddress = 'a@other.example'"),
            "10:1",
            "`sender.dkim.domain` is not the domain of `shops.a.sender.address`",
        ),
        (format!("{dkim}ed25519_selector = 'b'"), "5:1", "but `ed25519_key_file` is missing"),
        (format!("{dkim}ed25519_key_file = 'b'"), "5:1", "but `ed25519_selector` is missing"),
        (
            format!("{dkim}ed25519_key_file = 'b'\ned25519_selector = 'A'"),
            "6:1",
            "`sender.dkim.selector` and `sender.dkim.ed25519_selector` are the same",
        ),
        ("[sender.dkim]\nselector = 'a'".to_owned(), "1:9", "`sender.dkim.domain` is missing"),
        ("[sender]\naddress = 'åsa@x.example'".to_owned(), "2:1", "is not a valid email"),
        ("[mail.bounces]\ndomain = 'a..b'".to_owned(), "2:1", "does not have the right form"),
        ("[mail.bounces]\ndomain = '-a.b'".to_owned(), "2:1", "is not a valid mail host"),
    ] {
        assert_found(&text, place, message);
    }
    for address in ["a@shop.example", "a@mail.shop.example"] {
        Config::from_toml(&format!("[sender]\naddress = '{address}'\n{dkim}"), PLATFORMS).unwrap();
    }
}

#[test]
fn every_contradiction_is_found_where_it_was_made() {
    let smtp = "[mail]\ntransport = 'smtp'\n[sender]\naddress = 'a@x.example'\n";
    let keys = format!("[secrets]\nlink_keys = ['{0}']\naddress_key = '{0}'\n", "k".repeat(32));
    let link_keys = format!("[secrets]\nlink_keys = ['{}']\n", "k".repeat(32));
    for (text, place, message) in [
        (format!("[worker]\nlease_secs = 930\n{smtp}"), "2:1", "a mail can take 930 seconds"),
        (format!("{smtp}[mail.smtp]\nfinal_timeout_secs = 870"), "6:1", "a mail can take 1200"),
        (
            "[invitations]\nlink_valid_days = 7".to_owned(),
            "2:1",
            "`invitations.reminder_days` is not less than `invitations.link_valid_days`",
        ),
        (
            "[invitations.products.tea]\ndelay_days = 3".to_owned(),
            "1:23",
            "`invitations.products.tea` names no products",
        ),
        ("[invitations]\nwindow_opens = '19:00'".to_owned(), "2:1", "is not before"),
        (
            "[invitations]\nconsent = 'soft_opt_in'".to_owned(),
            "2:1",
            "`invitations.consent` is `soft_opt_in`, but `consent_notice` is missing",
        ),
        (
            format!("{SHOP}[shops.a.invitations.countries.DE]\nconsent = 'soft_opt_in'"),
            "6:1",
            "`shops.a.invitations.countries.DE.consent` is `soft_opt_in`, but",
        ),
        (
            format!("{SHOP}[shops.a.invitations]\nwindow_closes = '09:00'"),
            "6:1",
            "`invitations.window_opens` is not before `shops.a.invitations.window_closes`",
        ),
        ("[retry]\nmax_delay_secs = 59".to_owned(), "2:1", "is more than"),
        ("[queue]\nbackend = 'redis'".to_owned(), "2:1", "`queue.redis_url` is missing"),
        ("[mail]\ntransport = 'smtp'".to_owned(), "2:1", "`sender.address` is missing"),
        (
            format!(
                "[mail]\ntransport = 'smtp'\n{SHOP}[shops.a.sender]\naddress = 'a@x.example'\n{}",
                SHOP.replace(".a]", ".b]")
            ),
            "2:1",
            "`sender.address` is missing",
        ),
        ("[mail.smtp]\npassword = 'p'".to_owned(), "2:1", "`mail.smtp.username` is missing"),
        ("[mail.smtp]\nusername = 'u'".to_owned(), "2:1", "`mail.smtp.password` is missing"),
        ("[mail.smtp]\ntls = 'none'\nhost = 'mx.example'".to_owned(), "3:1", "another machine"),
        ("[server]\noperator_listen = ['127.0.0.1:8080']".to_owned(), "2:20", "the same address"),
        ("[server]\nlisten = ['0.0.0.0:9090']".to_owned(), "2:11", "the same address"),
        ("[server]\nlisten = ['[::1]:1', '[::1]:1']".to_owned(), "2:22", "the same address"),
        (
            "[queue]\nhorizon_minutes = 1\nreconcile_interval_secs = 60".to_owned(),
            "3:1",
            "is not less",
        ),
        (
            "[shops.a]\nplatform = 'shopfy'\nname = 'A'\nsecrets = ['s']".to_owned(),
            "2:1",
            "known platform",
        ),
        (
            format!("[database]\nurl = 'postgres://h/d'\n{link_keys}"),
            "2:1",
            "`secrets.address_key` is missing",
        ),
        ("[secrets]\nlink_keys = ['short']".to_owned(), "2:14", "at least 32 characters"),
        ("[invitations]\ndelay_days = 1\ndelay_secs = 1".to_owned(), "3:1", "are both set"),
        ("[database]\nurl = 'sqlite:a'\nurl_file = 'b'".to_owned(), "3:1", "are both set"),
    ] {
        assert_found(&text, place, message);
    }
    for sound in [
        format!("[worker]\nlease_secs = 931\n{smtp}"),
        "[worker]\nlease_secs = 1".to_owned(),
        "[invitations]\nwindow_opens = '19:00'\nwindow_always_open = true".to_owned(),
        format!("[mail]\ntransport = 'smtp'\n{SHOP}[shops.a.sender]\naddress = 'a@x.example'"),
        "[mail.smtp]\nusername = 'u'\npassword = 'p'".to_owned(),
        "[mail.smtp]\ntls = 'none'\nhost = '127.0.0.2'".to_owned(),
        "[server]\nlisten = ['127.0.0.1:0']\noperator_listen = ['127.0.0.1:0']".to_owned(),
        "[server]\nlisten = ['0.0.0.0:1']\noperator_listen = ['[::]:1']".to_owned(),
        format!("[database]\nurl = 'postgres://h/d'\n{keys}"),
    ] {
        let loaded = Config::from_toml(&sound, PLATFORMS);
        assert!(loaded.is_ok(), "{sound}\n{}", loaded.unwrap_err());
    }
}

#[test]
fn mistakes_in_oddly_named_shops_are_found() {
    for id in ["007", "a/b", "a~b", "", "0"] {
        let text = format!("[shops.\"{id}\"]\nplatform = 'shopify'\nname = 1\nsecrets = ['s']");
        let found = problems(&text);
        assert!(
            found.contains(&format!("afs.toml:3:1: `shops.{id}.name` must be text")),
            "{found}"
        );
    }
}

#[test]
fn what_a_shop_lacks_is_missed_in_its_last_file() {
    let dir = write(&[
        ("afs.toml", "[shops.a]\nplatform = 'shopify'"),
        ("shops.d/a.toml", "secrets = ['s']"),
    ]);
    let found = problems_in(dir.path(), &[]);
    assert!(found.starts_with("shops.d/a.toml:1:1: `shops.a.name` is missing"), "{found}");
}

#[test]
fn a_mistake_that_shops_inherit_is_one_mistake() {
    let text = format!(
        "[invitations]\nwindow_opens = '20:00'\nlink_valid_day = 3\ndelay_days = 999\n{SHOP}{}",
        SHOP.replace(".a]", ".b]")
    );
    assert_eq!(Config::from_toml(&text, PLATFORMS).unwrap_err().iter().count(), 3);
}

#[test]
fn an_unsound_value_is_not_also_a_contradiction() {
    for (text, count) in [
        ("[queue]\nbackend = 'redis'\nredis_url = 'http://x'", 1),
        ("[mail]\ntransport = 'smtp'\n[sender]\naddress = 'nobody'", 1),
        ("[mail.smtp]\nusername = 'u'\npassword_file = 'does not exist'", 1),
        ("[shops.a]\nplatform = 'shopify'\nname = 'A'\nsecrets_file = 'does not exist'", 1),
        ("[server]\npublic_url = 'http://[/?'", 1),
        ("[server]\nlisten = ['x', 'x']\noperator_listen = ['x']", 3),
    ] {
        let found = Config::from_toml(text, PLATFORMS).unwrap_err();
        assert_eq!(found.iter().count(), count, "{found}");
    }
}

#[test]
fn secrets_are_never_shown() {
    const SECRET: &str = "hunter2";
    let valid = format!(
        "[database]\nurl = 'postgres://{SECRET}@h/d'\n\
         [secrets]\nlink_keys = ['{long}']\naddress_key = '{long}'\n\
         [mail.smtp]\nusername = 'u'\npassword = '{SECRET}'\n\
         [queue]\nredis_url = 'redis://{SECRET}@h'\n\
         [shops.a]\nplatform = 'shopify'\nname = 'A'\nsecrets = ['{SECRET}']\n",
        long = SECRET.repeat(8)
    );
    let config = Config::from_toml(&valid, PLATFORMS).unwrap();
    assert!(!format!("{config:?}{config:#?}").contains(SECRET));
    let change = crate::changes(&config, &Config::from_toml("", PLATFORMS).unwrap());
    assert!(!format!("{change:?}").contains(SECRET));

    for broken in [
        format!("[database]\nurl = '{SECRET}'"),
        format!("[database]\nurl = 'postgres://{SECRET}@h/d'"),
        format!("[database]\nurl = '{SECRET}"),
        format!("[database]\nurl = {SECRET}"),
        format!("[database]\nurl = \"{SECRET}\\q\""),
        format!("[database]\nurl = ['{SECRET}']"),
        format!("[secrets]\nlink_keys = ['{SECRET}']"),
        format!("[secrets]\nlink_keys = '{SECRET}'"),
        format!("[secrets]\naddress_key = '{SECRET}'"),
        format!("[mail.smtp]\npassword = '{SECRET}'"),
        format!("[mail.smtp]\npasword = '{SECRET}'"),
        format!("[shops.a]\nsecrets = '{SECRET}'"),
        format!("[shops.a]\nsecrets = {{ a = '{SECRET}' }}"),
    ] {
        let found = Config::from_toml(&broken, PLATFORMS).unwrap_err();
        assert!(!format!("{found}{found:?}").contains(SECRET), "{found}");
    }
    let dir = write(&[
        ("afs.toml", "[secrets]\nlink_keys_file = 'keys'\n[database]\nurl_file = 'keys'"),
        ("keys", SECRET),
    ]);
    let env = [("AFS__SHOPS__A__SECRETS", SECRET), ("AFS__SECRETS__ADDRESS_KEY", SECRET)];
    let found = problems_in(dir.path(), &env);
    assert!(found.matches("keys_file").count() == 1 && !found.contains(SECRET), "{found}");
}

/// A key of the schema as the name of a variable, and some value for it.
fn variable() -> impl Strategy<Value = (String, String)> {
    fn names(schema: &serde_json::Value, path: &str, into: &mut Vec<String>) {
        for (name, child) in schema["properties"].as_object().into_iter().flatten() {
            names(child, &format!("{path}__{}", name.to_uppercase()), into);
        }
        if schema["additionalProperties"].is_object() {
            names(&schema["additionalProperties"], &format!("{path}__A"), into);
        }
        if schema["type"] != "object" {
            into.push(format!("AFS{path}"));
        }
    }
    let mut all = Vec::new();
    names(&serde_json::from_str(&crate::schema()).unwrap(), "", &mut all);
    let value = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (0_i64..5_000).prop_map(|number| number.to_string()),
        prop::sample::select(vec![
            "true",
            "smtp",
            "redis",
            "none",
            "00:00",
            "23:59",
            "a@x.example",
            "https://x.example",
            "Etc/Unknown",
            "utc",
            "[]",
            "['[::1]:0']",
            "['a']",
            "{}",
            "1.0",
            "10000000000",
            "x",
            "http://[",
            "postgres://x",
            "shopify",
            "",
        ])
        .prop_map(str::to_owned),
        "\\PC*",
    ];
    (prop::sample::select(all), value)
}

/// Sound, or with problems that an operator can act on.
fn is_answered(loaded: Result<Config, Problems>) -> bool {
    loaded.err().is_none_or(|problems| {
        let helpful = |problem: &Problem| {
            !problem.hint.is_empty() && !problem.message.contains("cannot be used")
        };
        problems.iter().count() > 0 && problems.iter().all(helpful)
    })
}

proptest! {
    #[test]
    fn any_text_is_answered(text: String) {
        prop_assert!(is_answered(Config::from_toml(&text, PLATFORMS)));
    }

    #[test]
    fn anything_that_looks_like_toml_is_answered(
        lines in prop::collection::vec(
            r#"(\[{1,2}(shops|mail|invitations|"")(\.(a|smtp|invitations|"")){0,2}\]{1,2}|(name|secrets|smtp|delay_days|url_file|x)(\.a)? = ("a"|1|1\.0|\[\[1\], "a"\]|\{a = 1\}|09:00:00|true|0xfffffffffffffffff))"#,
            0..12,
        )
    ) {
        prop_assert!(is_answered(Config::from_toml(&lines.join("\n"), PLATFORMS)));
    }

    #[test]
    fn what_the_checks_let_pass_can_be_used(env in prop::collection::vec(variable(), 1..4)) {
        let sources = Sources { file: None, env, platforms: PLATFORMS };
        prop_assert!(is_answered(Config::load(&sources)));
    }
}
