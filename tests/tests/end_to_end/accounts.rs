//! The database account of the daemons need not be the one that owns the tables.

use std::process::Output;

use sqlx::{Connection as _, PgConnection};
use tests::{
    installation::{Profile, Setup, program},
    servers::{Postgres, eventually},
    shop::{PAPER, TEA, address, cancelled, completed},
};

const GRANTS: &str = include_str!("../../../deploy/postgres/grants.sql");

/// Two accounts in an empty database, as `deploy/README.md` says.
struct Accounts {
    _postgres: Postgres,
    superuser: String,
    dir: tempfile::TempDir,
}

impl Accounts {
    async fn make() -> Self {
        let postgres = Postgres::start();
        let superuser = postgres.database("afs");
        let accounts = Self { _postgres: postgres, superuser, dir: tempfile::tempdir().unwrap() };
        let mut connection = PgConnection::connect(&accounts.superuser).await.unwrap();
        for statements in [
            "CREATE ROLE afs_owner LOGIN",
            "CREATE ROLE afs_daemon LOGIN",
            "ALTER DATABASE afs OWNER TO afs_owner",
            GRANTS,
        ] {
            sqlx::raw_sql(statements).execute(&mut connection).await.unwrap();
        }
        accounts
    }

    fn url(&self, account: &str) -> String {
        self.superuser.replacen("afs@", &format!("{account}@"), 1)
    }

    fn migrate_as(&self, account: &str) -> Output {
        let mut afs = program("afs", self.dir.path());
        afs.arg("migrate")
            .env("AFS__DATABASE__URL", self.url(account))
            .env("AFS__SECRETS__LINK_KEYS", "[\"the-link-key-of-this-installation\"]")
            .env("AFS__SECRETS__ADDRESS_KEY", "the-address-key-of-this-installation");
        afs.output().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn daemons_work_with_an_account_that_reads_and_writes_rows_and_nothing_else() {
    let accounts = Accounts::make().await;

    let too_early = accounts.migrate_as("afs_daemon");
    assert!(!too_early.status.success());
    let told = String::from_utf8_lossy(&too_early.stderr);
    assert!(told.contains("run `afs migrate` with the account that owns them"), "{told}");
    for account in ["afs_owner", "afs_daemon"] {
        let migrated = accounts.migrate_as(account);
        let told = String::from_utf8_lossy(&migrated.stderr);
        assert!(migrated.status.success(), "{account}: {told}");
    }

    let daemon = accounts.url("afs_daemon");
    let afs = Setup::new(Profile::Distributed).set("database.url", daemon.clone()).start().await;
    let order = completed(1);
    afs.web.deliver(&PAPER.webhook(&order)).await;
    let mail = afs.mail_to(&address(1)).await;
    let form = afs.web.get(&mail.review_link()).await.form().with("stars", "5");
    assert_eq!(afs.web.submit(&form).await.status, 200);
    eventually("the review is verified", async || afs.status().reviews("verified") == 1).await;
    let button = afs.web.get(&mail.unsubscribe_link()).await.form();
    assert_eq!(afs.web.submit(&button).await.status, 200);
    assert_eq!(afs.status().suppressions(), 1);
    afs.web.deliver(&PAPER.webhook(&cancelled(&order))).await;
    afs.web.deliver(&TEA.webhook(&completed(2))).await;
    afs.until_sent(2).await;

    let erase = ["privacy", "erase", "--shop", PAPER.id, "--order", &order.order.reference];
    let erased = afs.afs(&erase);
    let told = String::from_utf8_lossy(&erased.stderr);
    assert!(erased.status.success(), "it deletes what is kept for a time only: {told}");

    let person = address(2);
    for command in [
        &["privacy", "erase", "--email", &person][..],
        &["suppression", "remove", "--yes", &person],
    ] {
        let done = afs.afs(command);
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    assert_eq!(afs.status().suppressions(), 1, "that of the first buyer");

    let mut connection = PgConnection::connect(&daemon).await.unwrap();
    for forbidden in [
        "DELETE FROM orders",
        "TRUNCATE invitations",
        "DROP TABLE reviews",
        "ALTER TABLE orders ADD COLUMN more TEXT",
        "CREATE TABLE more (id BIGINT)",
        "CREATE TEMPORARY TABLE more (id BIGINT)",
        "CREATE SCHEMA more",
        "CREATE ROLE more",
        "SET ROLE afs_owner",
        "COPY orders TO PROGRAM 'true'",
        "SELECT pg_read_file('/etc/passwd')",
    ] {
        let refused = sqlx::raw_sql(forbidden).execute(&mut connection).await.unwrap_err();
        let code = refused.as_database_error().unwrap().code();
        assert_eq!(code.as_deref(), Some("42501"), "{forbidden}: {refused}");
    }
}
