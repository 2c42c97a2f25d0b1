//! For operators and their machines, on a listener of its own: health, readiness, metrics.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use metrics::gauge;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use queue::Channel;
use serde_json::json;
use tokio::{sync::Mutex, time::Instant};

use crate::services::Services;

/// Counting is not free: scrapes within this time share one count.
const COUNT_AGAIN_AFTER: Duration = Duration::from_secs(10);

/// How often measurements are added up.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// How late invitations leave, in seconds.
const LATENESS_BUCKETS: [f64; 9] = [0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 3600.0, 86400.0];

struct Operator {
    services: Services,
    metrics: PrometheusHandle,
    counted_at: Mutex<Option<Instant>>,
}

/// The operator's routes.
pub(crate) fn router(services: Services) -> anyhow::Result<Router> {
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(
            Matcher::Full("afs_invitation_lateness_seconds".into()),
            &LATENESS_BUCKETS,
        )?
        .build_recorder();
    let handle = recorder.handle();
    // What is measured piles up until somebody looks at it, and nobody may ever look.
    let upkeep = handle.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP_INTERVAL).await;
            upkeep.run_upkeep();
        }
    });
    metrics::set_global_recorder(recorder)
        .map_err(|_| anyhow::anyhow!("two daemons in one process"))?;
    let operator = Operator { services, metrics: handle, counted_at: Mutex::new(None) };
    Ok(Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(readiness))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(operator)))
}

/// The process runs.
async fn health() -> &'static str {
    "ok\n"
}

/// The process can do its work: the record answers. A timer that is away is told and does not
/// count: webhooks are taken without it, and the reconciler makes up for it.
async fn readiness(State(operator): State<Arc<Operator>>) -> Response {
    let record = operator.services.store.ping().await;
    let queue = operator.services.queue.depth(Channel::Invitations).await;
    let status = if record.is_ok() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let say = |outcome: Result<(), String>| outcome.err().unwrap_or_else(|| "ok".to_owned());
    let body = json!({
        "ready": record.is_ok(),
        "record": say(record.map_err(|error| error.to_string())),
        "queue": say(queue.map(|_| ()).map_err(|error| error.to_string())),
    });
    (status, Json(body)).into_response()
}

async fn metrics(State(operator): State<Arc<Operator>>) -> Response {
    operator.count().await;
    let text = "text/plain; version=0.0.4; charset=utf-8";
    ([("content-type", text)], operator.metrics.render()).into_response()
}

impl Operator {
    /// Brings the gauges up to date.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    async fn count(&self) {
        let mut counted_at = self.counted_at.lock().await;
        if counted_at.is_some_and(|at| at.elapsed() < COUNT_AGAIN_AFTER) {
            return;
        }
        let now = (self.services.clock)();
        match self.services.store.status(now).await {
            Ok(status) => {
                for count in status.invitations {
                    gauge!("afs_invitations", "state" => count.name).set(count.count as f64);
                }
                for count in status.reminders {
                    gauge!("afs_reminders", "state" => count.name).set(count.count as f64);
                }
                for count in status.reviews {
                    gauge!("afs_reviews", "label" => count.name).set(count.count as f64);
                }
                for count in status.notices {
                    gauge!("afs_notices", "state" => count.name).set(count.count as f64);
                }
                for shop in self.services.config.load().shops.keys() {
                    let rests = status.pauses.iter().any(|pause| pause.shop == *shop);
                    gauge!("afs_shop_paused", "shop" => shop.to_string()).set(if rests {
                        1.0
                    } else {
                        0.0
                    });
                }
                gauge!("afs_unread_webhooks").set(status.unread as f64);
                let overdue = status.oldest_due_at.map(|due| now.duration_since(due).as_secs_f64());
                gauge!("afs_oldest_due_seconds").set(overdue.unwrap_or(0.0).max(0.0));
            }
            Err(error) => tracing::warn!(%error, "the record could not be counted"),
        }
        for channel in Channel::ALL {
            if let Ok(Some(depth)) = self.services.queue.depth(channel).await {
                let name = channel.as_str();
                gauge!("afs_queue_waiting", "queue" => name).set(depth.waiting as f64);
                gauge!("afs_queue_running", "queue" => name).set(depth.running as f64);
            }
        }
        *counted_at = Some(Instant::now());
    }
}
