//! Requests as platforms, browsers and mail programs send them: nobody waits for long, and no
//! answer is an answer too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use ::tests::web::Answer;
use reqwest::{Client, Method, header::HeaderMap};

/// Shopify gives up after five seconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// Speaks with all receivers in turn. Clones share the turn.
#[derive(Clone, Debug)]
pub(crate) struct Http {
    client: Client,
    receivers: Arc<[String]>,
    turn: Arc<AtomicUsize>,
}

impl Http {
    /// For receivers at these addresses, as `http://127.0.0.1:8080`.
    pub(crate) fn new(receivers: Vec<String>) -> anyhow::Result<Self> {
        fetch::use_ring();
        let client = Client::builder()
            .no_proxy()
            // A connection to a process that was killed must not be met again.
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()?;
        Ok(Self { client, receivers: receivers.into(), turn: Arc::default() })
    }

    /// Sends a request to the next receiver; `None` if there was no whole answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: impl Into<reqwest::Body>,
    ) -> Option<Answer> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let base = &self.receivers[turn % self.receivers.len()];
        let request = self.client.request(method, format!("{base}{path}"));
        let response = request.headers(headers).body(body).send().await.ok()?;
        let (url, headers) = (response.url().clone(), response.headers().clone());
        let status = response.status().as_u16();
        Some(Answer { url, status, headers, body: response.text().await.ok()? })
    }
}

/// The part of a link behind the host: whichever receiver is asked, it knows the link.
pub(crate) fn path_of(link: &str) -> &str {
    let authority = link.find("://").map_or(0, |scheme| scheme + 3);
    link[authority..].find('/').map_or("/", |path| &link[authority + path..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_at_any_receiver() {
        assert_eq!(path_of("http://127.0.0.1:8080/r/token?stars=4"), "/r/token?stars=4");
        assert_eq!(path_of("/r/token"), "/r/token");
        assert_eq!(path_of("http://127.0.0.1:8080"), "/");
    }
}
