//! Which layer wins, and what a sound configuration holds.

use std::path::Path;

use domain::ShopId;
use jiff::SignedDuration;
use secrecy::ExposeSecret;

use super::{PLATFORMS, write};
use crate::{Change, Config, Problems, ShopSettings, Sources, changes};

const SHOP: &str = r#"
    [shops.my-shop]
    platform = "woocommerce"
    name = "My shop"
    secrets = ["s"]
"#;

fn load(dir: &Path, env: &[(&str, &str)]) -> Result<Config, Problems> {
    Config::load(&Sources { file: Some(dir.join("afs.toml")), ..sources(env) })
}

fn sources(env: &[(&str, &str)]) -> Sources<'static> {
    let env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Sources { file: None, env, platforms: PLATFORMS }
}

fn shop(config: &Config) -> &ShopSettings {
    config.shop(&"my-shop".parse().unwrap()).unwrap()
}

fn secrets(shop: &ShopSettings) -> Vec<&str> {
    shop.secrets.iter().map(ExposeSecret::expose_secret).collect()
}

#[test]
fn without_sources_the_defaults_are_in_effect() {
    let config = Config::load(&Sources::default()).unwrap();
    assert_eq!(config.server.public_url, "http://127.0.0.1:8080");
    assert_eq!(config.database.sqlite_file(), Some(Path::new("var/afs.db")));
    assert!(config.secrets.link_keys.is_none());
    assert!(config.shops.is_empty());
}

#[test]
fn the_later_layer_wins() {
    let shop_file = "platform = 'woocommerce'\nname = 'from the shop file'\nsecrets = ['s']";
    let file = "[worker]\nconcurrency = 2\n[mail.smtp]\nport = 25\nhost = 'mx.example'\n\
                [shops.my-shop]\nname = 'from the file'\nlanguage = 'sv'";
    let dir = write(&[("afs.toml", file), ("shops.d/my-shop.toml", shop_file)]);
    let config = load(dir.path(), &[("AFS__MAIL__SMTP__PORT", "2525")]).unwrap();
    assert_eq!(config.worker.concurrency, 2, "file over default");
    assert_eq!(shop(&config).name, "from the shop file", "shop file over file");
    assert_eq!(shop(&config).language, "sv", "key by key");
    assert_eq!(config.mail.smtp.port, 2525, "environment over file");
    assert_eq!(config.mail.smtp.host, "mx.example", "key by key");
}

#[test]
fn only_toml_files_in_shops_d_are_shops() {
    let shop = "platform = 'woocommerce'\nname = 'A'\nsecrets = ['s']";
    let files = [("afs.toml", ""), ("shops.d/a.toml", shop), ("shops.d/b.toml~", "not TOML")];
    let config = load(write(&files).path(), &[]).unwrap();
    let ids: Vec<_> = config.shops.keys().map(ShopId::as_str).collect();
    assert_eq!(ids, ["a"]);
}

#[test]
fn variables_are_read_as_the_key_wants_them() {
    let config = Config::load(&sources(&[
        ("AFS__SERVER__LISTEN", r#"["127.0.0.1:1", "[::1]:2"]"#),
        ("AFS__INVITATIONS__WINDOW_ALWAYS_OPEN", "true"),
        ("AFS__INVITATIONS__DELAY_DAYS", "3"),
        ("AFS__QUEUE__NAMESPACE", "7"),
        ("AFS__SHOPS__MY_SHOP__PLATFORM", "woocommerce"),
        ("AFS__SHOPS__MY_SHOP__NAME", "Åsas [skor]"),
        ("AFS__SHOPS__MY_SHOP__SECRETS", r#"["a", "b"]"#),
        ("AFS_CONFIG", "not ours"),
        ("PATH", "not ours"),
    ]))
    .unwrap();
    assert_eq!(config.server.listen, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(config.queue.namespace, "7");
    let shop = shop(&config);
    assert_eq!(shop.name, "Åsas [skor]");
    assert_eq!(secrets(shop), ["a", "b"]);
    assert!(shop.policy.window.is_none());
    assert_eq!(shop.policy.delays.shop, SignedDuration::from_hours(3 * 24));
}

#[test]
fn secrets_come_from_files_beside_the_file_that_names_them() {
    let key = "k".repeat(32);
    let dir = write(&[
        ("afs.toml", "[secrets]\naddress_key_file = 'key'\n[mail.smtp]\nca_file = 'ca.pem'"),
        ("key", &format!("\n{key}\n")),
        (
            "shops.d/my-shop.toml",
            "platform = 'woocommerce'\nname = 'My shop'\nsecrets_file = 'secrets/my-shop'",
        ),
        ("shops.d/secrets/my-shop", "new\n\n  old  \r\n"),
    ]);
    let config = load(dir.path(), &[]).unwrap();
    assert_eq!(config.secrets.address_key.unwrap().expose_secret(), key);
    assert_eq!(config.mail.smtp.ca_file, Some(dir.path().join("ca.pem")));
    assert_eq!(secrets(&config.shops[&"my-shop".parse().unwrap()]), ["new", "old"]);
}

#[test]
fn the_files_that_hold_secrets_are_known_whether_named_or_written_into() {
    let shop = "platform = 'woocommerce'\nname = 'My shop'\nsecrets = ['s']";
    let dir = write(&[
        ("afs.toml", "[secrets]\naddress_key_file = 'key'\n[mail.smtp]\nca_file = 'ca.pem'"),
        ("key", "a key of at least thirty-two bytes"),
        ("shops.d/my-shop.toml", shop),
    ]);
    let url = ("AFS__DATABASE__URL", "sqlite:secret.db");
    let config = load(dir.path(), &[url]).unwrap();
    let files = ["key", "shops.d/my-shop.toml"].map(|file| dir.path().join(file));
    assert_eq!(config.secret_files, files.into());
}

#[test]
fn a_key_and_its_file_replace_each_other_across_layers() {
    let file = "[database]\nurl_file = 'does not exist'";
    let dir = write(&[("afs.toml", file), ("url", "sqlite:from-file.db")]);
    let direct = load(dir.path(), &[("AFS__DATABASE__URL", "sqlite:direct.db")]).unwrap();
    assert_eq!(direct.database.sqlite_file(), Some(Path::new("direct.db")));
    let url = dir.path().join("url");
    let from_file =
        load(dir.path(), &[("AFS__DATABASE__URL_FILE", url.to_str().unwrap())]).unwrap();
    assert_eq!(from_file.database.sqlite_file(), Some(Path::new("from-file.db")));
}

#[test]
fn a_shop_inherits_what_it_does_not_set() {
    let config = Config::from_toml(
        r#"
            [invitations]
            delay_days = 5
            window_closes = "12:00"
            time_zone = "Europe/Stockholm"
            [sender]
            address = "all@x.example"
            reply_to = "answers@x.example"
            [shops.my-shop]
            platform = "woocommerce"
            name = "My shop"
            secrets = ["s"]
            [shops.my-shop.invitations]
            window_opens = "11:00"
            link_valid_days = 20
            [shops.my-shop.sender]
            address = "mine@x.example"
        "#,
        PLATFORMS,
    )
    .unwrap();
    let shop = shop(&config);
    assert_eq!(shop.language, "en");
    assert_eq!(shop.policy.delays.shop, SignedDuration::from_hours(5 * 24));
    assert_eq!(shop.link_valid, SignedDuration::from_hours(20 * 24));
    let window = shop.policy.window.as_ref().unwrap();
    let open = |at: &str| window.is_open(at.parse().unwrap());
    assert!(open("2026-07-01T09:30:00Z") && !open("2026-07-01T08:30:00Z"));
    assert!(!open("2026-07-01T10:30:00Z"), "closes with all shops");
    assert_eq!(shop.sender.address.as_str(), "mine@x.example");
    assert_eq!(shop.sender.reply_to.as_ref().unwrap().as_str(), "answers@x.example");
    assert_eq!(shop.sender.name, "My shop");
}

#[test]
fn seconds_and_days_of_delay_replace_each_other_across_tables() {
    let delay = |for_all: &str, for_shop: &str| {
        let text =
            format!("[invitations]\n{for_all}\n{SHOP}\n[shops.my-shop.invitations]\n{for_shop}");
        shop(&Config::from_toml(&text, PLATFORMS).unwrap()).policy.delays.shop
    };
    assert_eq!(delay("delay_secs = 3", ""), SignedDuration::from_secs(3));
    assert_eq!(delay("delay_days = 2", "delay_secs = 3"), SignedDuration::from_secs(3));
    assert_eq!(delay("delay_secs = 3", "delay_days = 2"), SignedDuration::from_hours(48));
}

#[test]
fn mail_into_files_needs_no_sender() {
    let config = Config::from_toml(SHOP, PLATFORMS).unwrap();
    assert_eq!(shop(&config).sender.address.host(), "sender.invalid");
}

#[test]
fn the_public_url_loses_its_slash() {
    let text = "[server]\npublic_url = 'https://x.example/reviews/'";
    let config = Config::from_toml(text, PLATFORMS).unwrap();
    assert_eq!(config.server.public_url, "https://x.example/reviews");
}

#[test]
fn the_file_of_the_record_is_found_in_its_url() {
    let keys = format!("[secrets]\nlink_keys = ['{0}']\naddress_key = '{0}'", "k".repeat(32));
    let file = |url: &str| {
        let text = format!("[database]\nurl = '{url}'\n{keys}");
        let config = Config::from_toml(&text, PLATFORMS).unwrap();
        config.database.sqlite_file().map(Path::to_owned)
    };
    assert_eq!(file("sqlite:var/a.db").as_deref(), Some(Path::new("var/a.db")));
    assert_eq!(file("sqlite:///var/a.db?mode=rwc").as_deref(), Some(Path::new("/var/a.db")));
    assert_eq!(file("postgres://u:p@h/afs"), None);
}

#[test]
fn retries_keep_their_units() {
    let retry = Config::from_toml("", PLATFORMS).unwrap().retry;
    let policy = domain::retry::RetryPolicy::from(retry);
    assert_eq!(policy.first_delay, SignedDuration::from_mins(1));
    assert_eq!(policy.max_delay, SignedDuration::from_hours(4));
    assert_eq!(policy.give_up_after, SignedDuration::from_hours(72));
    assert_eq!(policy.after_unknown, SignedDuration::from_mins(15));
}

#[test]
fn changes_tell_keys_and_whether_a_restart_is_needed() {
    let old = Config::from_toml(SHOP, PLATFORMS).unwrap();
    let new = Config::from_toml(
        r#"
            [server]
            listen = ["127.0.0.1:8081"]
            [log]
            level = "debug"
            format = "json"
            [retry]
            first_delay_secs = 61
            [invitations]
            delay_secs = 1
            [sender]
            name = "x"
            [mail.smtp]
            username = "u"
            password = "p"
            [shops.my-shop]
            platform = "woocommerce"
            name = "My shop"
            secrets = ["other"]
        "#,
        PLATFORMS,
    )
    .unwrap();
    let found = changes(&old, &new);
    let found: Vec<_> =
        found.iter().map(|change| (change.path.as_str(), change.needs_restart)).collect();
    assert_eq!(
        found,
        [
            ("invitations.delay_secs", false),
            ("log.format", true),
            ("log.level", false),
            ("mail.smtp.password", true),
            ("mail.smtp.username", true),
            ("retry.first_delay_secs", false),
            ("sender.name", false),
            ("server.listen", true),
            ("shops.my-shop.secrets", false),
        ]
    );
    assert_eq!(changes(&old, &old), []);
    let back: Vec<Change> = changes(&new, &old);
    assert_eq!(back.len(), found.len(), "what is gone has changed too");
}

#[test]
fn what_a_country_does_not_say_about_consent_is_as_the_shop_says() {
    use domain::{Order, consent::Ground, decision::Reason};
    let text = format!(
        "[invitations]\nconsent = 'opt_in'\nconsent_notice = 'We will ask you for a review.'\n\
         [invitations.countries.DE]\nconsent = 'soft_opt_in'\n\
         [invitations.countries.US]\nconsent = 'none'\n\
         [invitations.countries.SE]\nconsent = 'legal_default'\n\
         consent_notice = 'Vi ber dig om ett omdöme.'\n\
         {SHOP}\n\
         [shops.my-shop.invitations.countries.US]\nconsent = 'soft_opt_in'\n"
    );
    let config = Config::from_toml(&text, PLATFORMS).unwrap();
    let policy = &shop(&config).policy;
    let ground = |country: &str| {
        let order = Order { country: Some(country.into()), ..Order::default() };
        policy.consent.ground(&order).map(|ground| match ground {
            Ground::SoftOptIn { .. } => policy.consent.notice(&order).unwrap().text.clone(),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(ground("DE").unwrap(), "We will ask you for a review.");
    assert_eq!(ground("SE").unwrap(), "Vi ber dig om ett omdöme.");
    assert!(ground("US").is_ok(), "the shop's word counts more");
    assert_eq!(ground("CA"), Err(Reason::NoConsent));
}
