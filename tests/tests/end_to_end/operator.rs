//! What operators see and do: signals, reloads, health and metrics, commands, a full disk.

use std::{
    net::TcpStream,
    path::PathBuf,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use jiff::SignedDuration;
use mail::{
    Stage,
    testkit::{Behaviour, Script},
};
use tests::{
    installation::{Installation, Profile, Setup, program},
    on_both_profiles,
    servers::{PATIENCE, Process, eventually, free_port, wait_until},
    shop::{COFFEE, PAPER, TEA, address, completed},
};
use tokio::sync::Notify;

use crate::crowd::{
    ORDERS, deliver_in_the_background, hurried, orders_due_over, repeats_of_mails_for_every_order,
    until_mails,
};

on_both_profiles! {
    sigterm_under_load_lets_running_work_finish_and_loses_nothing,
    sigterm_does_not_wait_for_a_mail_server_beyond_the_bound,
    sighup_takes_a_changed_configuration_into_use_and_says_what_changed,
    sighup_refuses_a_broken_configuration_and_says_where_it_is_broken,
    health_and_metrics_are_for_the_operator_alone,
}

async fn sigterm_under_load_lets_running_work_finish_and_loses_nothing(profile: Profile) {
    let release = Arc::new(Notify::new());
    let script =
        (0..50).fold(Script::new(), |script, _| script.then(Stage::FinalDot, Behaviour::Normal));
    let script = script.then(Stage::FinalDot, Behaviour::Hold(release.clone()));
    let mut afs = hurried(profile)
        .set("mail.smtp.final_timeout_secs", 30)
        .set("worker.lease_secs", 40)
        .set("server.shutdown_timeout_secs", 20)
        .mail_server(script)
        .start()
        .await;
    let delivering = deliver_in_the_background(&afs, orders_due_over(SignedDuration::from_secs(4)));

    until_mails(&afs, 60).await;
    for daemon in afs.daemons() {
        daemon.signal("TERM");
    }
    afs.worker().until_logged("stopping");
    release.notify_waiters();
    for daemon in afs.daemons() {
        assert_eq!(daemon.exit_code(Duration::from_secs(10)), Some(0));
    }

    for daemon in afs.daemons() {
        daemon.start_again().await;
    }
    delivering.await.unwrap();
    afs.until_sent(u64::from(ORDERS)).await;
    assert_eq!(repeats_of_mails_for_every_order(&afs), 0);
}

async fn sigterm_does_not_wait_for_a_mail_server_beyond_the_bound(profile: Profile) {
    let script = Script::new().always(Stage::FinalDot, Behaviour::Silence);
    let mut afs = Setup::new(profile)
        .set("server.shutdown_timeout_secs", 1)
        .mail_server(script)
        .start()
        .await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    eventually("the mail server has the mail", async || {
        let ledger = afs.mail_server.ledger();
        ledger.sessions.iter().any(|session| session.commands.last().is_some_and(|c| c == "."))
    })
    .await;

    for daemon in afs.daemons() {
        daemon.signal("TERM");
    }

    for daemon in afs.daemons() {
        assert_eq!(daemon.exit_code(Duration::from_secs(8)), Some(0));
    }
}

async fn sighup_takes_a_changed_configuration_into_use_and_says_what_changed(profile: Profile) {
    let mut afs = Setup::new(profile).set("invitations.delay_secs", 3600).start().await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;

    afs.set("invitations.delay_secs", 0);
    afs.set("shops.paper.name", "Paper Palace");
    afs.set("worker.concurrency", 3);
    for daemon in afs.daemons() {
        daemon.signal("HUP");
        for (key, effect) in [
            ("invitations.delay_secs", "now"),
            ("shops.paper.name", "now"),
            ("worker.concurrency", "after a restart"),
        ] {
            daemon
                .until_logged(&format!("configuration reloaded key=\"{key}\" effect=\"{effect}\""));
        }
    }

    afs.web.deliver(&PAPER.webhook(&completed(2))).await;
    let mail = afs.mail_to(&address(2)).await;
    assert_eq!(mail.subject(), "How was your order from Paper Palace?");
    let page = afs.web.get(&mail.review_link()).await;
    assert!(page.text().contains("Your review of Paper Palace"), "{}", page.text());
    assert_eq!(afs.status().invitations("scheduled"), 1, "what was decided stays decided");
}

#[test]
fn a_signal_is_heeded_as_soon_as_the_process_can_be_seen() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    for round in 1..=10 {
        let ports = [free_port(), free_port()];
        let [public, operator] = ports.map(|port| format!("[\"127.0.0.1:{port}\"]"));
        let mut command = program("afs", dir.path());
        command
            .arg("serve")
            .env("AFS__SERVER__LISTEN", public)
            .env("AFS__SERVER__OPERATOR_LISTEN", operator)
            .stderr(fs_err::File::create(&log).unwrap().into_file());
        let mut afs = Process::start(&mut command);

        while TcpStream::connect(("127.0.0.1", ports[0])).is_err() {
            assert!(afs.is_running());
        }
        afs.signal("HUP");

        wait_until(&format!("the reload of round {round} is done"), PATIENCE, || {
            assert!(afs.is_running(), "round {round}: the signal ended the process");
            fs_err::read_to_string(&log).unwrap().contains("configuration reloaded")
        });
        afs.signal("TERM");
        assert_eq!(afs.wait_at_most(PATIENCE), Some(0));
    }
}

async fn sighup_refuses_a_broken_configuration_and_says_where_it_is_broken(profile: Profile) {
    let mut afs = Installation::start(profile).await;

    afs.set("shops.paper.name", "Paper Palace");
    afs.set("shops.paper.colour", "red");
    let line = afs.line_of("shops.paper.colour");
    let place = format!("afs.toml:{line}:13: `shops.paper.colour` is not a known key");
    for daemon in afs.daemons() {
        daemon.signal("HUP");
        daemon.until_logged("the new configuration is refused, the old one stays");
        assert!(daemon.log().contains(&place), "{place}");
    }

    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    let mail = afs.mail_to(&address(1)).await;
    assert_eq!(mail.subject(), "How was your order from Paper Place?", "nothing of it is in use");
}

async fn health_and_metrics_are_for_the_operator_alone(profile: Profile) {
    let afs = Installation::start(profile).await;
    let order = COFFEE.webhook(&completed(1));
    afs.web.deliver(&order).await;
    afs.web.deliver(&order).await;
    let mut forged = order.clone();
    forged.body.push(b' ');
    assert_eq!(afs.web.post(&forged).await.status, 401);
    let form = afs.web.get(&afs.mail_to(&address(1)).await.review_link()).await.form();
    afs.web.submit(&form.with("stars", "5")).await;
    eventually("the review is verified", async || afs.status().reviews("verified") == 1).await;

    let metrics = afs.metrics().await;
    for line in [
        "afs_webhooks_accepted_total{shop=\"coffee\",change=\"completed\",decision=\"schedule\"} 1",
        "afs_webhooks_duplicate_total{shop=\"coffee\"} 1",
        "afs_webhooks_rejected_total{reason=\"bad_signature\"} 1",
        "afs_invitations_sent_total{shop=\"coffee\"} 1",
        "afs_invitation_lateness_seconds_bucket{le=\"+Inf\"} 1",
        "afs_reviews_total{shop=\"coffee\",origin=\"invited\"} 1",
        "afs_reviews_verified_total{shop=\"coffee\"} 1",
        "afs_invitations{state=\"sent\"} 1",
        "afs_reviews{label=\"verified\"} 1",
        "afs_oldest_due_seconds 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not among\n{metrics}");
    }
    for health in afs.ask_daemons("/healthz").await {
        assert_eq!(health.body, "ok\n");
    }
    for readiness in afs.ask_daemons("/readyz").await {
        assert_eq!(readiness.body, r#"{"queue":"ok","ready":true,"record":"ok"}"#);
    }
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(afs.web.get(path).await.status, 404, "{path} is not public");
    }
}

#[test]
fn help_names_the_first_steps() {
    let dir = tempfile::tempdir().unwrap();
    let help = program("afs", dir.path()).arg("--help").output().unwrap();

    assert!(help.status.success());
    let text = out(&help);
    for step in ["afs demo", "afs config default", "afs config check", "afs serve"] {
        assert!(text.contains(step), "{text}");
    }
    for name in ["afs-receiver", "afs-worker"] {
        let help = program(name, dir.path()).arg("--help").output().unwrap();
        assert!(out(&help).contains("--config <FILE>"), "{name}");
    }
}

#[test]
fn config_check_says_everything_that_is_wrong_and_where_and_how_to_mend_it() {
    let dir = tempfile::tempdir().unwrap();
    let wrong = "[server]\nlisten = [\"8080\"]\n\n[shops.my-shop]\nplatform = \"woocomerce\"\n\
                 name = \"My shop\"\nsecrets = [\"x\"]\nlanguge = \"sv\"\n";
    fs_err::write(dir.path().join("afs.toml"), wrong).unwrap();

    let check = program("afs", dir.path()).args(["config", "check"]).output().unwrap();

    assert_eq!(check.status.code(), Some(1));
    let told = err(&check);
    for (place, hint) in [
        ("afs.toml:2:11: ", "\n  hint: "),
        ("afs.toml:5:1: ", "did you mean `woocommerce`?"),
        ("afs.toml:8:1: ", "did you mean `language`?"),
    ] {
        assert!(told.contains(place) && told.contains(hint), "{place}{hint} is not in\n{told}");
    }
}

#[test]
fn the_printed_defaults_are_a_sound_start() {
    let dir = tempfile::tempdir().unwrap();
    let afs = |arguments: &[&str]| program("afs", dir.path()).args(arguments).output().unwrap();
    let default = afs(&["config", "default"]);
    fs_err::write(dir.path().join("afs.toml"), default.stdout).unwrap();

    let check = afs(&["config", "check"]);

    assert!(check.status.success(), "{}", err(&check));
    assert!(out(&check).contains("No shop yet"), "{}", out(&check));
}

#[test]
fn status_before_there_is_a_record_names_the_next_step() {
    let dir = tempfile::tempdir().unwrap();

    let status = program("afs", dir.path()).arg("status").output().unwrap();

    assert_eq!(status.status.code(), Some(1));
    assert!(err(&status).contains("start `afs serve` first"), "{}", err(&status));
    assert_eq!(fs_err::read_dir(dir.path()).unwrap().count(), 0, "looking makes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_is_told_in_words_too() {
    let afs = Installation::start(Profile::Embedded).await;
    afs.web.deliver(&TEA.webhook(&completed(1))).await;
    afs.until_sent(1).await;

    let status = afs.afs(&["status"]);

    assert!(status.status.success());
    for line in ["orders        1\n", "invitations   1 sent\n", "next due      nothing waits\n"] {
        assert!(out(&status).contains(line), "{}", out(&status));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_orders_names_the_remedy_and_recovers() {
    let Some(disk) = SmallDisk::mount() else { return };
    let afs = Setup::new(Profile::Embedded)
        .set("database.url", format!("sqlite:{}/afs.db", disk.0.display()))
        .start()
        .await;
    afs.web.deliver(&PAPER.webhook(&completed(1))).await;
    afs.until_sent(1).await;

    let ballast = disk.fill();
    let mut accepted = 1;
    let refusal = loop {
        let answer = afs.web.post(&PAPER.webhook(&completed(accepted + 1))).await;
        if answer.status != 200 {
            break answer;
        }
        accepted += 1;
        assert!(accepted < 5000, "the disk does not get full");
    };
    assert_eq!(refusal.status, 503, "{}", refusal.body);
    assert!(refusal.headers.contains_key("retry-after"));
    for _ in 0..10 {
        let answer = afs.web.post(&PAPER.webhook(&completed(accepted + 1))).await;
        assert_eq!(answer.status, 503, "as long as it is full");
    }
    let log = afs.logs();
    let refusals: Vec<_> =
        log.lines().filter(|line| line.contains("an event was not stored")).collect();
    assert_eq!(refusals.len(), 11);
    for line in refusals {
        assert!(line.contains("the disk that holds the record is full: free some space"), "{line}");
    }

    fs_err::remove_file(ballast).unwrap();
    afs.web.deliver(&PAPER.webhook(&completed(accepted + 1))).await;
    afs.until_sent(u64::from(accepted + 1)).await;
    for order in 1..=accepted + 1 {
        assert!(!afs.mails_to(&address(order)).is_empty(), "order {order} was accepted");
    }
}

/// A file system that is full soon. Ends when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, with a line that says so, where we may not mount.
    #[expect(clippy::print_stderr, reason = "for whoever wonders why nothing was tested")]
    fn mount() -> Option<Self> {
        let dir = tempfile::Builder::new().prefix("afs-disk-").tempdir().unwrap().keep();
        let disk = Self(dir);
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(&disk.0)
            .output();
        if mount.is_ok_and(|mount| mount.status.success()) {
            return Some(disk);
        }
        eprintln!("skipped: a full disk, since only root may mount a small one");
        None
    }

    /// Leaves no room; returns the file that takes it.
    fn fill(&self) -> PathBuf {
        let file = self.0.join("ballast");
        let mut size = 1 << 20;
        while size >= 4096 {
            let more = vec![0; size];
            let room = fs_err::OpenOptions::new().create(true).append(true).open(&file);
            if std::io::Write::write_all(&mut room.unwrap(), &more).is_err() {
                size /= 2;
            }
        }
        file
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _unmounted = Command::new("umount").arg("--lazy").arg(&self.0).output();
        let _removed = fs_err::remove_dir(&self.0);
    }
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
