//! `afs serve` with small limits, and what it costs the machine.

use std::{path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;
use tests::{
    installation::program,
    servers::{Process, eventually, free_port},
    shop::SHOPS,
    usage::Usage,
    web::Web,
};

/// Descriptors that all tests with thousands of connections need together; a server inherits the
/// limit.
const DESCRIPTORS: u64 = 18_000;

/// A server whose invitations are never due while a test runs.
pub(crate) struct Server {
    process: Process,
    /// Its public side.
    pub(crate) web: Web,
    /// Where the public side listens.
    pub(crate) address: String,
    operator: Web,
    dir: TempDir,
}

impl Server {
    /// Starts one with these settings, and waits until it is ready.
    pub(crate) async fn start(settings: &[(&str, Value)]) -> Self {
        let descriptors = rlimit::increase_nofile_limit(DESCRIPTORS).unwrap();
        assert!(descriptors >= DESCRIPTORS, "only {descriptors} descriptors are allowed here");
        Self::start_by(settings, |dir| program("afs", dir)).await
    }

    /// The same, by a command that runs `afs`; `serve` is added to it.
    pub(crate) async fn start_by(
        settings: &[(&str, Value)],
        command: impl Fn(&Path) -> Command,
    ) -> Self {
        let dir = tempfile::Builder::new().prefix("afs-limits-").tempdir().unwrap();
        let [address, operator] =
            [free_port(), free_port()].map(|port| format!("127.0.0.1:{port}"));
        let mut lines = vec![
            format!("server.listen = [\"{address}\"]"),
            format!("server.operator_listen = [\"{operator}\"]"),
            format!("server.public_url = \"http://{address}\""),
            // Orders that say nothing are enough here.
            "invitations.consent = \"none\"".to_owned(),
        ];
        for shop in SHOPS {
            let (id, platform, name, secret) = (shop.id, shop.platform, shop.name, shop.secret);
            lines.push(format!("shops.{id}.platform = \"{platform}\""));
            lines.push(format!("shops.{id}.name = \"{name}\""));
            lines.push(format!("shops.{id}.secrets = [\"{secret}\"]"));
        }
        lines.extend(settings.iter().map(|(key, value)| format!("{key} = {value}")));
        fs_err::write(dir.path().join("afs.toml"), lines.join("\n")).unwrap();
        let log = fs_err::File::create(dir.path().join("log")).unwrap();
        let process = Process::start(command(dir.path()).arg("serve").stderr(log.into_file()));
        let server = Self {
            process,
            web: Web::new(format!("http://{address}")),
            address,
            operator: Web::new(format!("http://{operator}")),
            dir,
        };
        eventually("afs serve is ready", async || {
            let answer = server.operator.try_get("/readyz").await;
            answer.is_some_and(|answer| answer.status == 200)
        })
        .await;
        server
    }

    /// Where it keeps its files.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What the process holds now.
    pub(crate) fn usage(&self) -> Usage {
        Usage::of(self.process.id())
    }

    /// A number of `afs status --json`, by its path below `record`.
    pub(crate) fn recorded(&self, what: &str) -> u64 {
        let output = program("afs", self.dir()).args(["status", "--json"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let status: Value = serde_json::from_slice(&output.stdout).unwrap();
        match &status["record"][what] {
            Value::Array(counts) => {
                counts.iter().map(|count| count["count"].as_u64().unwrap()).sum()
            }
            count => count.as_u64().unwrap(),
        }
    }

    /// Its metrics.
    pub(crate) async fn metrics(&self) -> String {
        self.operator.get("/metrics").await.body
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        fs_err::read_to_string(self.dir().join("log")).unwrap()
    }
}
