//! The page of the demonstration: what the terminal tells, and the mails as buyers see them.

use std::{path::PathBuf, sync::Arc};

use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use jiff::{Timestamp, tz::TimeZone};
use mail_parser::MessageParser;
use minijinja::{
    AutoEscape, Environment, context,
    value::{Serde, Value},
};
use queue::Clock;
use serde::Serialize;
use store::{
    Store,
    overview::{OrderLine, ReviewLine},
};
use tokio::net::TcpListener;

use crate::commands::words;

struct Demo {
    store: Store,
    outbox: PathBuf,
    public_url: String,
    clock: Clock,
    environment: Environment<'static>,
}

/// An order as the page shows it.
#[derive(Serialize)]
struct OrderRow {
    shop: String,
    reference: String,
    decision: String,
    state: Option<String>,
    due_in: Option<i64>,
    mail: Option<String>,
}

/// Serves the page on a free port, for as long as the process lives; its address.
pub(super) async fn serve(
    store: Store,
    outbox: PathBuf,
    public_url: String,
    clock: Clock,
) -> anyhow::Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_template("overview", include_str!("overview.html"))?;
    let demo = Arc::new(Demo { store, outbox, public_url, clock, environment });
    let router =
        Router::new().route("/", get(overview)).route("/mail/{id}", get(mail)).with_state(demo);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

async fn overview(State(demo): State<Arc<Demo>>) -> Response {
    match render(&demo).await {
        Ok(html) => Html(html).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn render(demo: &Demo) -> anyhow::Result<String> {
    let now = (demo.clock)();
    let orders: Vec<OrderRow> =
        demo.store.last_orders(50).await?.into_iter().map(|line| order_row(line, now)).collect();
    let reviews: Vec<ReviewLine> = demo.store.last_reviews(50).await?;
    let shops: Vec<_> = super::orders::SHOPS.iter().map(|shop| (shop.id, shop.name)).collect();
    let template = demo.environment.get_template("overview")?;
    let orders = Value::from(Serde(orders));
    let reviews = Value::from(Serde(reviews));
    let shops = Value::from(Serde(shops));
    Ok(template
        .render(context! { orders, reviews, shops, public_url => demo.public_url.as_str() })?)
}

fn order_row(line: OrderLine, now: Timestamp) -> OrderRow {
    let waits = line.state.as_deref() == Some("scheduled");
    let due = line.due_at.and_then(|due| Timestamp::from_millisecond(due).ok());
    let sent = line.state.as_deref() == Some("sent");
    OrderRow {
        shop: line.shop_id,
        reference: line.order_ref,
        decision: in_words(line.decision.as_deref()),
        due_in: due.filter(|_| waits).map(|due| due.duration_since(now).as_secs().max(0)),
        mail: line.invitation_id.filter(|_| sent).map(|id| format!("inv-{id}")),
        state: line.state,
    }
}

/// A recorded decision as a sentence.
pub(super) fn in_words(decision: Option<&str>) -> String {
    match decision.and_then(|json| serde_json::from_str(json).ok()) {
        Some(domain::Decision::Schedule(timing) | domain::Decision::Move(timing)) => {
            let at = timing.due_at.to_zoned(TimeZone::UTC).strftime("%H:%M:%S");
            format!("invited, the mail is due at {at} UTC")
        }
        Some(domain::Decision::DoNotInvite { reason } | domain::Decision::Cancel { reason }) => {
            format!("not invited, {}", words::why(reason))
        }
        Some(domain::Decision::Keep { reason }) => {
            format!("nothing changes, {}", words::why(reason))
        }
        None => String::new(),
    }
}

/// A mail's HTML part, as a mail program would show it.
async fn mail(State(demo): State<Arc<Demo>>, Path(id): Path<String>) -> Response {
    match read_mail(&demo, &id) {
        Some(html) => {
            let policy = "default-src 'none'; style-src 'unsafe-inline'; img-src https:";
            ([(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response()
        }
        None => (StatusCode::NOT_FOUND, "no such mail").into_response(),
    }
}

fn read_mail(demo: &Demo, id: &str) -> Option<String> {
    let files = fs_err::read_dir(&demo.outbox).ok()?;
    // Looked up, not joined: an id from outside is no path.
    let file = files.flatten().find(|file| {
        let name = file.file_name();
        name.to_str().and_then(|name| name.split('@').next()) == Some(id)
    })?;
    let message = fs_err::read(file.path()).ok()?;
    MessageParser::default().parse(&message)?.body_html(0).map(std::borrow::Cow::into_owned)
}
