//! `afs demo` shows the whole way, and leaves nothing behind.

use std::{path::PathBuf, time::Duration};

use tempfile::TempDir;
use tests::{
    installation::program,
    servers::{PATIENCE, Process, eventually, wait_until},
    web::Web,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_demonstration_shows_orders_mails_and_a_verified_review() {
    let demo = Demo::start();
    let page = demo.shown().split_once("Open ").unwrap().1.split(' ').next().unwrap().to_owned();
    let web = Web::new(page);

    eventually("three invitations are mailed", async || {
        web.get("/").await.body.matches("open the mail").count() == 3
    })
    .await;
    let overview = web.get("/").await;
    for told in [
        "820982911946154508",
        "not invited, it is a test order",
        "not invited, the order was cancelled",
    ] {
        assert!(overview.text().contains(told), "{told} is not in {}", overview.text());
    }

    let mail = overview.links().into_iter().find(|link| link.contains("/mail/")).unwrap();
    let mail = web.get(&mail).await;
    let star = mail.links().into_iter().find(|link| link.ends_with("?stars=5")).unwrap();
    let (site, _) = star.split_once("/r/").unwrap();
    let shop = Web::new(site.to_owned());
    let form = shop.get(&star).await.form().with("title", "Wunderbar");
    assert_eq!(shop.submit(&form).await.status, 200);
    eventually("the page shows the verified review", async || {
        let overview = web.get("/").await;
        overview.text().contains("Wunderbar") && overview.body.contains("\"tag verified\"")
    })
    .await;

    demo.until_shown("★★★★★ is verified");

    demo.ends_by("INT");
}

#[test]
fn the_demonstration_leaves_nothing_behind_however_soon_and_by_whatever_it_is_ended() {
    // Control-C, a service manager, and a terminal that is closed.
    for signal in ["INT", "TERM", "HUP"] {
        Demo::start().ends_by(signal);
    }
}

struct Demo {
    process: Process,
    dir: TempDir,
}

impl Demo {
    /// Starts it and waits until it says how to end it.
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let terminal = fs_err::File::create(dir.path().join("terminal")).unwrap().into_file();
        fs_err::create_dir(dir.path().join("temporary")).unwrap();
        let mut command = program("afs", dir.path());
        command.arg("demo").env("TMPDIR", dir.path().join("temporary")).stdout(terminal);
        let demo = Self { process: Process::start(&mut command), dir };
        demo.until_shown("Ctrl-C ends it");
        demo
    }

    fn shown(&self) -> String {
        fs_err::read_to_string(self.dir.path().join("terminal")).unwrap()
    }

    fn until_shown(&self, text: &str) {
        wait_until(&format!("{text:?} is shown"), PATIENCE, || self.shown().contains(text));
    }

    fn ends_by(mut self, signal: &str) {
        self.process.signal(signal);
        assert_eq!(self.process.wait_at_most(Duration::from_secs(10)), Some(0), "{signal}");
        let left: Vec<PathBuf> = fs_err::read_dir(self.dir.path().join("temporary"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        assert!(left.is_empty(), "{signal} leaves {left:?}");
    }
}
