//! What a storm took is given back: by the processes, by Redis and by the database.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use futures::{StreamExt as _, future::join_all, stream};
use sqlx::{Connection as _, PgConnection};
use tests::{
    installation::{Daemon, Installation, Profile, Setup},
    on_both_profiles,
    servers::eventually,
    shop::{PAPER, SHOPS, completed},
    usage::Usage,
};
use tokio::{io::AsyncWriteExt as _, net};

on_both_profiles! {
    after_a_storm_processes_redis_and_record_hold_what_they_held,
}

/// Orders of one storm.
const ORDERS: u32 = 200;

/// What `database.max_connections` is: a pool may open the rest of them later.
const POOL: usize = 8;

/// What SQLite's log is cut to.
const WAL_MAX: u64 = 8 << 20;

async fn after_a_storm_processes_redis_and_record_hold_what_they_held(profile: Profile) {
    let mut afs = Setup::new(profile).set("server.request_timeout_secs", 2).start().await;
    let at_rest = usages(&mut afs);
    // The first one opens what stays open: connections, buffers of the allocators.
    storm(&afs, 0).await;
    until_calm(&mut afs, &at_rest).await;
    let (before, timer) = (usages(&mut afs), timer(&mut afs));

    for round in 1..=3 {
        storm(&afs, round).await;
    }

    until_calm(&mut afs, &before).await;
    for (before, after) in before.iter().zip(usages(&mut afs)) {
        assert!(after.rss_mib <= before.rss_mib + 60, "{before:?}, then {after:?}");
    }
    if let Some(before) = timer {
        // What is done leaves the timer in groups, a moment later.
        let emptied = async || self::timer(&mut afs).is_some_and(|now| now.keys <= before.keys);
        eventually("the timer holds no more keys", emptied).await;
        let after = self::timer(&mut afs).unwrap();
        assert!(after.clients <= before.clients, "{before:?}, then {after:?}");
        assert!(after.bytes <= before.bytes + (1 << 20), "{before:?}, then {after:?}");
    }
    the_record_is_calm(&afs).await;
}

/// Orders that come twice and are due at once, forgeries, half requests, idlers and hang-ups.
async fn storm(afs: &Installation, round: u32) {
    let orders =
        (1..=ORDERS).map(|n| SHOPS[n as usize % 3].webhook(&completed(round * ORDERS + n)));
    let orders: Vec<_> = orders.flat_map(|order| [order.clone(), order]).collect();
    let forgeries = stream::iter(0..100).for_each_concurrent(10, |n| async move {
        let mut forged = PAPER.webhook(&completed(1_000_000 + n));
        forged.body.push(b' ');
        assert_eq!(afs.web.post(&forged).await.status, 401);
    });
    let address = afs.address();
    let disturbers = join_all((0..200).map(|n| {
        let address = &address;
        async move {
            let mut connection = net::TcpStream::connect(address).await.unwrap();
            let half = ["", "POST /webhooks/tea HTTP/1.1\r\nx: ", "\0\0\r\n\r\n"][n % 3];
            let _refused = connection.write_all(half.as_bytes()).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }));
    tokio::join!(afs.web.deliver_all(orders), forgeries, disturbers);
    afs.until_sent(u64::from((round + 1) * ORDERS)).await;
}

fn usages(afs: &mut Installation) -> Vec<Usage> {
    afs.daemons().iter().map(Daemon::usage).collect()
}

/// Waits until no process holds more descriptors than before, but for its pools.
async fn until_calm(afs: &mut Installation, before: &[Usage]) {
    // The record, the mail server and Redis.
    let pools = 3 * POOL;
    eventually("descriptors are what they were", async || {
        let now = usages(afs);
        now.iter().zip(before).all(|(now, before)| now.descriptors <= before.descriptors + pools)
    })
    .await;
}

/// What Redis holds.
#[derive(Debug)]
struct Timer {
    keys: u64,
    clients: u64,
    bytes: u64,
}

fn timer(afs: &mut Installation) -> Option<Timer> {
    afs.has_servers().then(|| {
        let address = afs.redis().url().replace("redis://", "");
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(b"DBSIZE\r\nINFO clients\r\nINFO memory\r\nQUIT\r\n").unwrap();
        let mut told = String::new();
        connection.read_to_string(&mut told).unwrap();
        let number = |name: &str| {
            let value = told.lines().find_map(|line| line.strip_prefix(name));
            value.unwrap_or_else(|| panic!("no {name} in {told}")).parse().unwrap()
        };
        Timer {
            keys: number(":"),
            clients: number("connected_clients:"),
            bytes: number("used_memory:"),
        }
    })
}

async fn the_record_is_calm(afs: &Installation) {
    let url = afs.database_url();
    if let Some(file) = url.strip_prefix("sqlite:") {
        let log = fs_err::metadata(format!("{file}-wal")).unwrap().len();
        assert!(log <= WAL_MAX, "the write-ahead log has {log} bytes");
        return;
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let mut count =
        async |what| -> i64 { sqlx::query_scalar(what).fetch_one(&mut connection).await.unwrap() };
    let ours = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'afs'";
    assert!(usize::try_from(count(ours).await).unwrap() <= 2 * POOL, "each process has one pool");
    // Each of these would keep old rows or log files for ever.
    for left in [
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'",
        "SELECT count(*) FROM pg_prepared_xacts",
        "SELECT count(*) FROM pg_replication_slots",
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'",
    ] {
        assert_eq!(count(left).await, 0, "{left}");
    }
}
