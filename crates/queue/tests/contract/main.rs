//! What the queue promises, whichever backend it runs on.

#![cfg(test)]

mod fixture;
mod record;
mod redis;

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::FutureExt as _;
use queue::{CALL_TIMEOUT, Channel, Depth, Error, RunSettings, Wakeup};
use tokio::{
    sync::Barrier,
    time::{Instant, sleep, timeout},
};
use uuid::Uuid;

use fixture::{
    Bench, CHANNEL, Fixture, GROUP, Gate, LEASE, Log, ManualClock, answered, settings, wakeup,
    within,
};
use record::{FakeRecord, RecordFixture};
use redis::RedisFixture;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_mins(1);

/// Ids that tell themselves apart in a failure message.
const A: Uuid = Uuid::from_u128(0xa);
const B: Uuid = Uuid::from_u128(0xb);

fn ids(number: u128) -> Vec<Uuid> {
    (1..=number).map(Uuid::from_u128).collect()
}

macro_rules! for_both_backends {
    ($($promise:ident)*) => {
        mod over_the_record {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Bench::<super::RecordFixture>::start().await).await;
            })*
        }
        mod over_redis {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise(super::Bench::<super::RedisFixture>::start().await).await;
            })*
        }
    };
}

for_both_backends! {
    a_due_job_runs_once
    a_job_does_not_run_before_it_is_due
    a_cancelled_job_never_runs
    a_job_moved_later_runs_later
    a_job_moved_earlier_runs_earlier
    a_handler_may_put_its_own_job_off
    channels_are_separate
    two_workers_share_the_work
    a_job_woken_again_while_it_runs_does_not_run_twice_at_a_time
    jobs_of_a_crashed_worker_come_back_after_the_lease
    a_panicking_handler_neither_stops_the_worker_nor_loses_the_job
    no_more_handlers_run_than_allowed
    groups_take_turns
    many_groups_take_turns_at_few_slots
    a_backlog_drains_without_waiting_for_the_poll_interval
    a_waiting_worker_asks_once_per_poll_interval
    a_stop_finishes_what_runs_and_leaves_the_rest_to_others
    jobs_fetched_during_a_stop_go_to_others_at_once
    a_stall_does_not_end_the_worker
    nothing_is_left_behind
}

async fn a_due_job_runs_once(bench: Bench<impl Fixture>) {
    let _worker = bench.idle_worker(1);
    bench.wake_now(&[A]).await;
    bench.until_finished(A).await;
    bench.wake_now(&[B]).await;
    bench.until_finished(B).await;
    assert_eq!(bench.log().started, [A, B]);
}

async fn a_job_does_not_run_before_it_is_due(bench: Bench<impl Fixture>) {
    bench.wake_in(A, MINUTE).await;
    bench.wake_now(&[B]).await;
    let _worker = bench.idle_worker(1);
    bench.until_finished(B).await;
    bench.fixture.clock().advance(Duration::new(59, 999_999_999));
    bench.fixture.clock().read(2).await;
    assert_eq!(bench.log().started, [B]);
    bench.fixture.clock().advance(Duration::from_nanos(1));
    bench.until_finished(A).await;
}

async fn a_cancelled_job_never_runs(bench: Bench<impl Fixture>) {
    bench.wake_in(A, MINUTE).await;
    bench.wake_in(B, MINUTE + SECOND).await;
    bench.fixture.cancel(A).await;
    let _worker = bench.idle_worker(1);
    bench.fixture.clock().advance(MINUTE + SECOND);
    bench.until_finished(B).await;
    assert_eq!(bench.log().started, [B]);
}

async fn a_job_moved_later_runs_later(bench: Bench<impl Fixture>) {
    bench.wake_in(A, MINUTE).await;
    bench.wake_in(B, MINUTE).await;
    bench.wake_in(A, 2 * MINUTE).await;
    let _worker = bench.idle_worker(1);
    bench.fixture.clock().advance(MINUTE);
    bench.until_finished(B).await;
    assert_eq!(bench.log().started, [B]);
    bench.fixture.clock().advance(MINUTE);
    bench.until_finished(A).await;
}

async fn a_job_moved_earlier_runs_earlier(bench: Bench<impl Fixture>) {
    bench.wake_in(A, 2 * MINUTE).await;
    bench.wake_in(A, MINUTE).await;
    let _worker = bench.idle_worker(1);
    bench.fixture.clock().advance(MINUTE);
    bench.until_finished(A).await;
}

async fn a_handler_may_put_its_own_job_off(bench: Bench<impl Fixture>) {
    // Within the lease: B's may end later than this test sees it finished.
    let span = LEASE / 2;
    let fixture = bench.fixture.clone();
    let first = Arc::new(AtomicBool::new(true));
    let _worker = bench.worker(1, move |id| {
        let (fixture, first) = (fixture.clone(), first.clone());
        Box::pin(async move {
            if first.swap(false, Ordering::Relaxed) {
                let due_at = fixture.clock().now() + span;
                fixture.wake(&[wakeup(id, due_at)]).await;
            }
        })
    });
    bench.wake_now(&[A]).await;
    bench.until_finished(A).await;
    bench.wake_now(&[B]).await;
    bench.until_finished(B).await;
    assert_eq!(bench.log().started, [A, B]);
    bench.fixture.clock().advance(span);
    let again = async {
        while bench.log().finished != [A, B, A] {
            // While its first run is being acknowledged, the queue puts it off by a second.
            bench.fixture.clock().advance(SECOND);
            bench.fixture.clock().read(1).await;
        }
    };
    within("it runs again", again).await;
}

async fn channels_are_separate(bench: Bench<impl Fixture>) {
    let queue = bench.fixture.queue();
    let (channel, shutdown) = (Channel::Reviews, tokio_util::sync::CancellationToken::new());
    let token = shutdown.clone();
    let other = tokio::spawn(async move {
        let nothing_here = |id| async move { panic!("{id} belongs to another channel") };
        queue.run(channel, settings(1), nothing_here, token).await;
    });
    bench.wake_now(&ids(10)).await;
    bench.fixture.clock().read(3).await;
    assert!(bench.log().started.is_empty());
    let _worker = bench.idle_worker(1);
    bench.until("all run here", |log| log.finished.len() == 10).await;
    shutdown.cancel();
    other.await.unwrap();
}

async fn two_workers_share_the_work(bench: Bench<impl Fixture>) {
    // Neither gets past its first job alone.
    let both = Arc::new(Barrier::new(2));
    let workers = [(); 2].map(|()| {
        let (both, first) = (both.clone(), Arc::new(AtomicBool::new(true)));
        bench.worker(1, move |_| {
            let (both, first) = (both.clone(), first.clone());
            Box::pin(async move {
                if first.swap(false, Ordering::Relaxed) {
                    both.wait().await;
                }
            })
        })
    });
    bench.wake_now(&ids(200)).await;
    bench.until("all have run", |log| log.finished.len() == 200).await;
    for worker in workers {
        worker.stop();
        worker.stopped().await;
    }
    let mut started = bench.log().started.clone();
    started.sort();
    assert_eq!(started, ids(200));
}

async fn a_job_woken_again_while_it_runs_does_not_run_twice_at_a_time(bench: Bench<impl Fixture>) {
    let gate = Gate::closed();
    let behind = gate.clone();
    let _worker = bench.worker(2, move |id| {
        let gate = behind.clone();
        Box::pin(async move {
            if id == A {
                gate.passed().await;
            }
        })
    });
    bench.wake_now(&[A]).await;
    bench.until("it runs", |log| log.starts_of(A) == 1).await;
    bench.wake_now(&[A]).await;
    bench.wake_now(&[B]).await;
    bench.until_finished(B).await;
    bench.fixture.clock().read(2).await;
    assert_eq!(bench.log().starts_of(A), 1);

    // What was woken in the meantime is not forgotten.
    gate.open();
    bench.until_finished(A).await;
    // By now the queue knows, too, that it is finished.
    bench.fixture.clock().read(3).await;
    bench.fixture.clock().advance(2 * SECOND);
    bench.until("it runs again", |log| log.starts_of(A) == 2).await;
    assert!(bench.log().overlapped.is_empty());
}

async fn jobs_of_a_crashed_worker_come_back_after_the_lease(bench: Bench<impl Fixture>) {
    let worker = bench.worker(3, |_| std::future::pending().boxed());
    bench.wake_now(&ids(3)).await;
    bench.until("all run", |log| log.started.len() == 3).await;
    worker.crash().await;

    let _next = bench.idle_worker(3);
    bench.wake_now(&[A]).await;
    bench.until_finished(A).await;
    bench.fixture.clock().advance(Duration::from_secs(59));
    bench.fixture.clock().read(2).await;
    assert_eq!(bench.log().finished, [A]);
    bench.fixture.clock().advance(SECOND);
    bench.until("they run again", |log| log.finished.len() == 4).await;
    assert_eq!(bench.log().started.len(), 7);
}

async fn a_panicking_handler_neither_stops_the_worker_nor_loses_the_job(
    bench: Bench<impl Fixture>,
) {
    let first = Arc::new(AtomicBool::new(true));
    let worker = bench.worker(1, move |_| {
        let first = first.clone();
        Box::pin(async move { assert!(!first.swap(false, Ordering::Relaxed), "on purpose") })
    });
    bench.wake_now(&[A]).await;
    bench.until("it runs", |log| log.started == [A]).await;
    bench.wake_now(&[B]).await;
    bench.until_finished(B).await;
    assert_eq!(bench.log().started, [A, B]);
    bench.fixture.clock().advance(LEASE);
    bench.until_finished(A).await;
    worker.stop();
    worker.stopped().await;
}

async fn no_more_handlers_run_than_allowed(bench: Bench<impl Fixture>) {
    let gate = Gate::closed();
    let behind = gate.clone();
    let _worker = bench.worker(3, move |_| {
        let gate = behind.clone();
        Box::pin(async move { gate.passed().await })
    });
    bench.wake_now(&ids(20)).await;
    bench.until("three run", |log| log.started.len() == 3).await;
    // Another worker finds the rest.
    let other = bench.idle_worker(1);
    bench.until("the rest runs", |log| log.finished.len() == 17).await;
    other.stop();
    other.stopped().await;
    assert_eq!(bench.log().started.len(), 20);
    gate.open();
    bench.until("all have run", |log| log.finished.len() == 20).await;
}

/// Wakes ids of a group, due at the same time, that ago.
async fn wake_group(bench: &Bench<impl Fixture>, group: &str, ids: &[Uuid], ago: Duration) {
    let due_at = bench.fixture.clock().now() - ago;
    let wakeups: Vec<_> =
        ids.iter().map(|id| Wakeup { id: *id, group: group.to_owned(), due_at }).collect();
    bench.fixture.wake(&wakeups).await;
}

/// A worker during whose handlers time passes.
fn ageing_worker(bench: &Bench<impl Fixture>, concurrency: usize) -> fixture::Worker {
    let clock = bench.fixture.clock().clone();
    bench.worker(concurrency, move |_| {
        clock.advance(Duration::from_millis(1));
        Box::pin(async {})
    })
}

async fn groups_take_turns(bench: Bench<impl Fixture>) {
    let many = ids(2000);
    let few: Vec<_> = (5001..=5010).map(Uuid::from_u128).collect();
    for concurrency in [1, 10] {
        let before = bench.log().started.len();
        // It has waited for longer, and its name comes first.
        wake_group(&bench, "a", &many, MINUTE).await;
        wake_group(&bench, "b", &few, Duration::ZERO).await;
        let worker = ageing_worker(&bench, concurrency);
        let all_few = |log: &Log| few.iter().all(|id| log.finished[before..].contains(id));
        bench.until("the few have run", all_few).await;
        worker.stop();
        worker.stopped().await;
        let overtook = bench.log().started.len() - before;
        assert!(overtook < 60, "{overtook} started before the ten of the other group were through");
        let worker = bench.idle_worker(10);
        let all = |log: &Log| log.finished.len() >= before + many.len() + few.len();
        bench.until("all have run", all).await;
        bench.until_nothing_waits().await;
        worker.stop();
        worker.stopped().await;
        bench.fixture.clock().advance(MINUTE);
    }
}

async fn many_groups_take_turns_at_few_slots(bench: Bench<impl Fixture>) {
    const GROUPS: u128 = 20;
    for group in 0..GROUPS {
        let ids: Vec<_> = (1..=50).map(|n| Uuid::from_u128(group * 1000 + n)).collect();
        wake_group(&bench, &format!("g{group:02}"), &ids, Duration::ZERO).await;
    }
    let _worker = ageing_worker(&bench, 3);
    bench.until("half have run", |log| log.started.len() >= 500).await;
    let mut turns = [0_i32; GROUPS as usize];
    for id in &bench.log().started[..500] {
        turns[usize::try_from(id.as_u128() / 1000).unwrap()] += 1;
    }
    assert!(turns.iter().all(|turns| (turns - 25).abs() <= 3), "{turns:?}");
}

async fn a_backlog_drains_without_waiting_for_the_poll_interval(bench: Bench<impl Fixture>) {
    const JOBS: u32 = 20_000;
    bench.wake_now(&ids(u128::from(JOBS))).await;
    let begin = Instant::now();
    let settings = RunSettings { poll_interval: MINUTE, ..settings(32) };
    let worker = bench.worker_with(settings, |_| Box::pin(async {}));
    bench.until("all have run", |log| log.finished.len() == JOBS as usize).await;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{JOBS} jobs in {seconds:.2} s: {:.0} per second", f64::from(JOBS) / seconds);
    worker.stop();
    worker.stopped().await;
    assert_eq!(bench.log().started.len(), JOBS as usize);
    bench.fixture.assert_nothing_left().await;
}

async fn a_waiting_worker_asks_once_per_poll_interval(bench: Bench<impl Fixture>) {
    const POLLS: u32 = 8;
    let poll_interval = Duration::from_millis(50);
    // A handler at work wakes the worker all the time.
    let _worker = bench.worker_with(RunSettings { poll_interval, ..settings(2) }, |_| {
        Box::pin(async {
            loop {
                sleep(Duration::from_millis(1)).await;
            }
        })
    });
    bench.wake_now(&[A]).await;
    bench.until("it runs", |log| log.started == [A]).await;
    let begin = Instant::now();
    bench.fixture.clock().read(u64::from(POLLS)).await;
    // The first of them may come at once.
    assert!(begin.elapsed() >= (POLLS - 2) * poll_interval, "{:?}", begin.elapsed());
}

async fn a_stop_finishes_what_runs_and_leaves_the_rest_to_others(bench: Bench<impl Fixture>) {
    let gate = Gate::closed();
    let behind = gate.clone();
    let worker = bench.worker(2, move |_| {
        let gate = behind.clone();
        Box::pin(async move { gate.passed().await })
    });
    bench.wake_now(&ids(10)).await;
    bench.until("two run", |log| log.started.len() == 2).await;
    worker.stop();

    let _next = bench.idle_worker(2);
    bench.until("the rest runs elsewhere", |log| log.finished.len() == 8).await;
    assert!(worker.is_running());
    assert!(!gate.is_open());
    gate.open();
    worker.stopped().await;
    assert_eq!(bench.log().finished.len(), 10);
    assert_eq!(bench.log().started.len(), 10);
}

async fn jobs_fetched_during_a_stop_go_to_others_at_once(bench: Bench<impl Fixture>) {
    // Time enough, between two fetches, to let the next one hang.
    let settings = RunSettings { poll_interval: Duration::from_millis(200), ..settings(3) };
    let worker = bench.worker_with(settings, |_| Box::pin(async {}));
    for id in ids(3) {
        bench.wake_in(id, MINUTE).await;
    }
    bench.fixture.clock().read(1).await;
    bench.fixture.stall(Duration::from_millis(500)).await;
    bench.fixture.clock().advance(MINUTE);
    bench.fixture.clock().read(1).await;
    worker.stop();
    worker.stopped().await;

    // No lease ends while the clock stands still.
    let _next = bench.idle_worker(3);
    bench.until("all run", |log| log.finished.len() == 3).await;
    assert_eq!(bench.log().started.len(), 3);
}

async fn a_stall_does_not_end_the_worker(bench: Bench<impl Fixture>) {
    let worker = bench.idle_worker(1);
    bench.wake_now(&[A]).await;
    bench.until_finished(A).await;
    bench.fixture.stall(Duration::from_millis(700)).await;
    bench.wake_now(&[B]).await;
    bench.until_finished(B).await;
    assert!(worker.is_running());
}

async fn nothing_is_left_behind(bench: Bench<impl Fixture>) {
    let worker = bench.idle_worker(4);
    bench.wake_now(&ids(50)).await;
    for id in ids(50) {
        bench.wake_in(Uuid::from_u128(id.as_u128() + 100), MINUTE).await;
    }
    bench.fixture.cancel(Uuid::from_u128(101)).await;
    bench.fixture.clock().advance(MINUTE);
    // A wake-up whose answer was late is repeated, and its job runs again.
    let run = |log: &Log| log.finished.iter().collect::<HashSet<_>>().len() == 99;
    bench.until("all have run", run).await;
    bench.until_nothing_waits().await;
    worker.stop();
    worker.stopped().await;
    bench.fixture.assert_nothing_left().await;
}

/// What only the record backend has to promise.
mod record_only {
    use super::*;

    /// A worker whose handler leaves the record as it is.
    fn worker(
        bench: &Bench<RecordFixture>,
        concurrency: usize,
        gate: Gate,
    ) -> (Arc<FakeRecord>, fixture::Worker) {
        let record = bench.fixture.record().unwrap();
        let (at_work, now) = (record.clone(), bench.fixture.clock().now());
        let worker = bench.worker(concurrency, move |id| {
            let (record, gate) = (at_work.clone(), gate.clone());
            Box::pin(async move {
                if id == A {
                    record.release(id, now);
                    gate.passed().await;
                }
            })
        });
        (record, worker)
    }

    #[tokio::test]
    async fn a_running_job_that_the_record_still_reports_hides_no_other() {
        let bench = Bench::<RecordFixture>::start().await;
        let (_, _worker) = worker(&bench, 2, Gate::closed());
        bench.wake_now(&[A]).await;
        bench.until("it runs", |log| log.started == [A]).await;
        bench.fixture.clock().read(2).await;
        bench.wake_now(&[B]).await;
        bench.until_finished(B).await;
        bench.fixture.clock().read(2).await;
        assert_eq!(bench.log().starts_of(A), 1);
    }

    #[tokio::test]
    async fn a_finished_job_that_the_record_still_reports_runs_again_but_does_not_spin() {
        let bench = Bench::<RecordFixture>::start().await;
        let gate = Gate::closed();
        gate.open();
        let (record, _worker) = worker(&bench, 1, gate);
        bench.wake_now(&[A]).await;
        bench.until_finished(A).await;
        bench.wake_now(&[B]).await;
        bench.until_finished(B).await;
        bench.fixture.clock().read(2).await;
        assert_eq!(bench.log().started, [A, B]);
        record.claim(A, bench.fixture.clock().now());
        bench.fixture.clock().advance(SECOND);
        bench.until("it runs again", |log| log.finished == [A, B, A]).await;
    }
}

/// What only Redis can do to us.
mod redis_only {
    use super::*;

    #[tokio::test]
    async fn a_flush_starts_a_new_epoch() {
        let bench = Bench::<RedisFixture>::start().await;
        let (queue, other) = (bench.fixture.queue(), bench.fixture.queue());
        let epoch = answered(|| queue.epoch(CHANNEL)).await;
        assert!(epoch.is_some());
        bench.wake_now(&[A]).await;
        assert_eq!(answered(|| queue.epoch(CHANNEL)).await, epoch);
        assert_eq!(answered(|| other.epoch(CHANNEL)).await, epoch);

        bench.fixture.server().command::<()>(&["FLUSHALL"]).await;
        bench.wake_now(&[B]).await;
        let next = answered(|| queue.epoch(CHANNEL)).await;
        assert_ne!(next, epoch);
        assert_eq!(answered(|| other.epoch(CHANNEL)).await, next);
    }

    #[tokio::test]
    async fn the_depth_counts_jobs_only() {
        let bench = Bench::<RedisFixture>::start().await;
        let queue = bench.fixture.queue();
        answered(|| queue.epoch(CHANNEL)).await;
        bench.wake_now(&[A]).await;
        bench.wake_in(B, MINUTE).await;
        let depth = |waiting, running| Some(Depth { waiting, running });
        assert_eq!(answered(|| queue.depth(CHANNEL)).await, depth(2, 0));
        let _worker = bench.worker(2, |_| std::future::pending().boxed());
        bench.until("one runs", |log| log.started == [A]).await;
        assert_eq!(answered(|| queue.depth(CHANNEL)).await, depth(1, 1));
        assert_eq!(answered(|| queue.depth(Channel::Reviews)).await, depth(0, 0));
    }

    #[tokio::test]
    async fn a_worker_outlives_the_server() {
        let bench = Bench::<RedisFixture>::start().await;
        let queue = bench.fixture.queue();
        let epoch = answered(|| queue.epoch(CHANNEL)).await;
        let gate = Gate::closed();
        let behind = gate.clone();
        let worker = bench.worker(2, move |id| {
            let gate = behind.clone();
            Box::pin(async move {
                if id == A {
                    gate.passed().await;
                }
            })
        });
        bench.wake_now(&[A]).await;
        bench.until("it runs", |log| log.started == [A]).await;
        bench.fixture.server().kill();
        // Nobody hears that it is done.
        gate.open();
        bench.until_finished(A).await;
        bench.fixture.server().revive().await;
        bench.wake_now(&[B]).await;
        bench.until_finished(B).await;
        assert!(worker.is_running());
        assert_ne!(answered(|| queue.epoch(CHANNEL)).await, epoch);
        worker.stop();
        worker.stopped().await;
        bench.fixture.assert_nothing_left().await;
    }

    #[tokio::test]
    async fn a_worker_may_start_before_the_server() {
        let bench = Bench::<RedisFixture>::start().await;
        bench.fixture.server().kill();
        let _worker = bench.idle_worker(1);
        // It has tried.
        bench.fixture.clock().read(1).await;
        bench.fixture.server().revive().await;
        bench.wake_now(&[A]).await;
        bench.until_finished(A).await;
    }

    #[tokio::test]
    async fn a_refused_login_is_tried_again() {
        let bench = Bench::<RedisFixture>::start().await;
        let server = bench.fixture.server();
        let queue = server.queue_with_password("secret", bench.fixture.clock());
        assert!(queue.depth(CHANNEL).await.is_err());
        server.command::<()>(&["CONFIG", "SET", "requirepass", "secret"]).await;
        answered(|| queue.depth(CHANNEL)).await;
    }

    #[tokio::test]
    async fn a_worker_stops_without_the_server() {
        let bench = Bench::<RedisFixture>::start().await;
        let worker = bench.idle_worker(1);
        bench.wake_now(&[A]).await;
        bench.until_finished(A).await;
        bench.fixture.server().kill();
        bench.fixture.clock().read(1).await;
        worker.stop();
        worker.stopped().await;
    }

    #[tokio::test]
    async fn a_call_without_a_server_fails_in_time() {
        let bench = Bench::<RedisFixture>::start().await;
        let connected = bench.fixture.queue();
        answered(|| connected.depth(CHANNEL)).await;
        bench.fixture.server().kill();
        let started_late = bench.fixture.queue();

        let wakeup = wakeup(A, bench.fixture.clock().now());
        for queue in [connected, started_late] {
            for _ in 0..5 {
                let (wakeups, ids) = ([wakeup.clone()], [A]);
                let calls = async {
                    tokio::join!(
                        queue.wake(CHANNEL, &wakeups),
                        queue.cancel(CHANNEL, GROUP, &ids),
                        queue.depth(CHANNEL),
                        queue.epoch(CHANNEL),
                    )
                };
                let slack = 5 * SECOND;
                let answers = timeout(CALL_TIMEOUT + slack, calls).await;
                assert!(matches!(answers, Ok((Err(_), Err(_), Err(_), Err(_)))), "{answers:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_call_to_a_stalled_server_fails_in_time() {
        let bench = Bench::<RedisFixture>::start().await;
        let queue = bench.fixture.queue();
        answered(|| queue.depth(CHANNEL)).await;
        bench.fixture.stall(10 * SECOND).await;
        let wakeup = wakeup(A, bench.fixture.clock().now());
        let answer = within("an answer", queue.wake(CHANNEL, &[wakeup])).await;
        assert!(matches!(answer, Err(Error::Timeout(CALL_TIMEOUT))), "{answer:?}");
    }

    #[tokio::test]
    async fn a_worker_that_was_too_slow_does_not_end_the_lease_of_the_next() {
        let bench = Bench::<RedisFixture>::start().await;
        let (slow, next) = (Gate::closed(), Gate::closed());
        let behind = slow.clone();
        let first = bench.worker(1, move |_| {
            let gate = behind.clone();
            Box::pin(async move { gate.passed().await })
        });
        bench.wake_now(&[A]).await;
        bench.until("it runs", |log| log.started == [A]).await;
        bench.fixture.clock().advance(LEASE);
        let behind = next.clone();
        let second = bench.worker(1, move |_| {
            let gate = behind.clone();
            Box::pin(async move { gate.passed().await })
        });
        bench.until("it is given to another", |log| log.started == [A, A]).await;

        slow.open();
        first.stop();
        first.stopped().await;
        let queue = bench.fixture.queue();
        let depth = |waiting, running| Some(Depth { waiting, running });
        assert_eq!(answered(|| queue.depth(CHANNEL)).await, depth(0, 1));
        next.open();
        second.stop();
        second.stopped().await;
        assert_eq!(answered(|| queue.depth(CHANNEL)).await, depth(0, 0));
    }

    #[tokio::test]
    async fn a_foreign_member_stops_nothing() {
        let bench = Bench::<RedisFixture>::start().await;
        let server = bench.fixture.server();
        server.command::<()>(&["ZADD", "{test:invitations}:due:shop", "0", "not an id"]).await;
        let _worker = bench.idle_worker(1);
        bench.wake_now(&[A]).await;
        bench.until_finished(A).await;
    }

    #[tokio::test]
    async fn nothing_to_wake_or_cancel_is_no_error() {
        let bench = Bench::<RedisFixture>::start().await;
        let queue = bench.fixture.queue();
        queue.wake(CHANNEL, &[]).await.unwrap();
        queue.cancel(CHANNEL, GROUP, &[]).await.unwrap();
    }

    #[tokio::test]
    async fn times_are_rounded_up_to_the_millisecond() {
        let bench = Bench::<RedisFixture>::start().await;
        bench.wake_in(A, Duration::from_nanos(1)).await;
        let score: i64 = bench
            .fixture
            .server()
            .command(&["ZSCORE", "{test:invitations}:due:shop", &A.to_string()])
            .await;
        assert_eq!(score, bench.fixture.clock().now().as_millisecond() + 1);
    }

    #[tokio::test]
    async fn a_note_is_changed_by_who_knows_it() {
        let bench = Bench::<RedisFixture>::start().await;
        let (one, other) = (bench.fixture.queue(), bench.fixture.queue());
        let swap = async |queue: &queue::Queue, old: &str, new: &str| {
            answered(|| queue.swap_note("lane", old, new)).await.unwrap()
        };
        assert_eq!(swap(&one, "", "a").await, "");
        assert_eq!(swap(&other, "", "b").await, "a", "it is another by now");
        assert_eq!(swap(&other, "a", "b").await, "a");
        let notes = answered(|| one.notes()).await.unwrap();
        assert_eq!(notes.into_iter().collect::<Vec<_>>(), [("lane".into(), "b".into())]);
        let server = bench.fixture.server();
        assert!(server.command::<i64>(&["TTL", "{test:notes}"]).await > 0);
        assert_eq!(swap(&one, "b", "").await, "b");
        assert!(answered(|| other.notes()).await.unwrap().is_empty());

        let script = "for i = 1, 10000 do redis.call('HSET', KEYS[1], i, 'x') end";
        server.command::<()>(&["EVAL", script, "1", "{test:notes}"]).await;
        assert_eq!(swap(&one, "", "too many").await, "");
        assert_eq!(answered(|| one.notes()).await.unwrap().get("lane"), None);
    }

    #[tokio::test]
    async fn ids_of_the_layout_before_make_room_for_the_new_one() {
        let bench = Bench::<RedisFixture>::start().await;
        let server = bench.fixture.server();
        let old = "{test:invitations}:due";
        server.command::<()>(&["ZADD", old, "0", &A.to_string(), "+inf", "epoch:of-old"]).await;
        let queue = bench.fixture.queue();
        let epoch = answered(|| queue.epoch(CHANNEL)).await;
        assert_eq!(server.command::<u64>(&["EXISTS", old]).await, 0);
        assert_eq!(answered(|| queue.epoch(CHANNEL)).await, epoch);
        // What the reconciler pushes in a new epoch.
        let _worker = bench.idle_worker(1);
        bench.wake_now(&[A]).await;
        bench.until_finished(A).await;
    }

    #[tokio::test]
    async fn a_turn_that_finds_nothing_is_put_right() {
        let bench = Bench::<RedisFixture>::start().await;
        let server = bench.fixture.server();
        server.command::<()>(&["ZADD", "{test:invitations}:turns", "0", "gone", "0", GROUP]).await;
        bench.wake_in(A, MINUTE).await;
        let worker = bench.idle_worker(1);
        bench.fixture.clock().read(2).await;
        let turns: Vec<String> =
            server.command(&["ZRANGE", "{test:invitations}:turns", "0", "-1", "WITHSCORES"]).await;
        let due = (bench.fixture.clock().now() + MINUTE).as_millisecond().to_string();
        assert_eq!(turns, [GROUP, &due]);
        bench.fixture.clock().advance(MINUTE);
        bench.until_finished(A).await;
        worker.stop();
        worker.stopped().await;
    }

    #[tokio::test]
    async fn a_malformed_address_is_refused() {
        let settings = queue::RedisSettings { url: "nonsense".into(), namespace: "test".into() };
        let queue = queue::Queue::redis(&settings, ManualClock::new().as_clock());
        assert!(matches!(queue, Err(Error::Address(_))));
    }
}
