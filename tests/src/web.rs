//! The public side, as platforms, browsers and mail programs use it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use html5gum::{Token, Tokenizer};
use reqwest::{Client, Method, RequestBuilder, Url, header::HeaderMap};

use crate::{servers::PATIENCE, shop::Webhook};

/// How many webhooks [`Web::deliver_all`] posts at the same time.
const DELIVERED_IN_PARALLEL: usize = 16;

/// Platforms wait longer, and tests have less time.
const DELIVERED_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// Speaks HTTP with one installation.
#[derive(Clone, Debug)]
pub struct Web {
    client: Client,
    /// Where links say that it is.
    public_url: String,
    /// Where it is.
    base: String,
}

/// An answer, read to its end.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Where it came from, as a browser shows it.
    pub url: Url,
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

/// A form on a page, as a browser would send it.
#[derive(Clone, Debug)]
pub struct Form {
    /// The whole address that it is sent to.
    pub action: String,
    /// What its fields hold.
    pub fields: BTreeMap<String, String>,
}

impl Web {
    /// For whoever listens at `base`.
    #[must_use]
    pub fn new(base: String) -> Self {
        Self::behind_proxy(base.clone(), base)
    }

    /// For an installation that listens at `base`, behind a proxy that takes `public_url` away from
    /// the beginning of every address.
    #[must_use]
    pub fn behind_proxy(public_url: String, base: String) -> Self {
        fetch::use_ring();
        let client = Client::builder()
            .no_proxy()
            // A connection to a process that was killed must not be met again.
            .pool_max_idle_per_host(0)
            .timeout(Duration::from_secs(20))
            .build()
            .unwrap();
        Self { client, public_url, base }
    }

    /// Posts a webhook once.
    pub async fn post(&self, webhook: &Webhook) -> Answer {
        self.try_post(webhook).await.expect("an answer")
    }

    /// Posts a webhook once; `None` if nobody answered.
    pub async fn try_post(&self, webhook: &Webhook) -> Option<Answer> {
        let (url, request) = self.request(Method::POST, &webhook.path);
        answer(url, request.headers(webhook.headers.clone()).body(webhook.body.clone())).await
    }

    /// Delivers a webhook as platforms do: again until it is answered with 200.
    pub async fn deliver(&self, webhook: &Webhook) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.try_post(webhook).await;
            if answer.as_ref().is_some_and(|answer| answer.status == 200) {
                return;
            }
            assert!(Instant::now() < deadline, "not accepted for {PATIENCE:?}: {answer:?}");
            tokio::time::sleep(DELIVERED_AGAIN_AFTER).await;
        }
    }

    /// Delivers many, several at a time.
    pub async fn deliver_all(&self, webhooks: impl IntoIterator<Item = Webhook>) {
        let deliveries = webhooks.into_iter().map(|webhook| {
            let web = self.clone();
            async move { web.deliver(&webhook).await }
        });
        stream::iter(deliveries).buffer_unordered(DELIVERED_IN_PARALLEL).collect::<()>().await;
    }

    /// Opens a page.
    pub async fn get(&self, link: &str) -> Answer {
        self.ask(Method::GET, link).await
    }

    /// Opens a page; `None` if nobody answered.
    pub async fn try_get(&self, link: &str) -> Option<Answer> {
        let (url, request) = self.request(Method::GET, link);
        answer(url, request).await
    }

    /// Asks for a page by any method.
    pub async fn ask(&self, method: Method, link: &str) -> Answer {
        let (url, request) = self.request(method, link);
        answer(url, request).await.expect("an answer")
    }

    /// Asks by GET as a platform does: with headers that prove who asks.
    pub async fn get_with(&self, webhook: &Webhook) -> Answer {
        let (url, request) = self.request(Method::GET, &webhook.path);
        answer(url, request.headers(webhook.headers.clone())).await.expect("an answer")
    }

    /// Sends a form.
    pub async fn submit(&self, form: &Form) -> Answer {
        let (url, request) = self.request(Method::POST, &form.action);
        answer(url, request.form(&form.fields)).await.expect("an answer")
    }

    /// `link` is a whole address, or a path below the public address.
    fn request(&self, method: Method, link: &str) -> (Url, RequestBuilder) {
        let path = link.strip_prefix(&self.public_url).unwrap_or(link);
        assert!(path.starts_with('/'), "{link} leads away from {}", self.public_url);
        let url = format!("{}{path}", self.public_url).parse().unwrap();
        (url, self.client.request(method, format!("{}{path}", self.base)))
    }
}

async fn answer(url: Url, request: RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Some(Answer { url, status, headers, body: response.text().await.ok()? })
}

impl Answer {
    /// The first form on the page, with what is filled in already.
    #[must_use]
    pub fn form(&self) -> Form {
        let mut form = Form { action: String::new(), fields: BTreeMap::new() };
        for token in Tokenizer::new(&self.body) {
            let tag = match token {
                Ok(Token::StartTag(tag)) => tag,
                Ok(Token::EndTag(tag)) if &**tag.name == b"form" => break,
                _ => continue,
            };
            let attribute = |name: &str| {
                let value = tag.attributes.get(name.as_bytes())?;
                Some(String::from_utf8_lossy(value).into_owned())
            };
            match &**tag.name {
                b"form" => form.action = self.resolve(&attribute("action").unwrap()),
                b"input" | b"textarea" => {
                    let chosen = attribute("type").as_deref() != Some("radio")
                        || attribute("checked").is_some();
                    let value = attribute("value").unwrap_or_default();
                    form.fields
                        .extend(attribute("name").filter(|_| chosen).map(|name| (name, value)));
                }
                _ => {}
            }
        }
        assert!(!form.action.is_empty(), "there is no form on this page: {}", self.body);
        form
    }

    /// Where the links on the page lead.
    #[must_use]
    pub fn links(&self) -> Vec<String> {
        self.targets(b"a")
    }

    /// Where the page's style sheet is.
    #[must_use]
    pub fn style_sheet(&self) -> String {
        self.targets(b"link").remove(0)
    }

    fn targets(&self, element: &[u8]) -> Vec<String> {
        let mut targets = Vec::new();
        for token in Tokenizer::new(&self.body) {
            let Ok(Token::StartTag(tag)) = token else { continue };
            if &**tag.name == element {
                let target = tag.attributes.get(b"href".as_slice());
                targets.extend(target.map(|target| self.resolve(&String::from_utf8_lossy(target))));
            }
        }
        targets
    }

    /// The whole address that one on the page means.
    fn resolve(&self, address: &str) -> String {
        self.url.join(address).unwrap().to_string()
    }

    /// What a person reads on the page.
    #[must_use]
    pub fn text(&self) -> String {
        let mut words = Vec::new();
        for token in Tokenizer::new(&self.body) {
            let Ok(token) = token;
            if let Token::String(text) = token {
                let text = String::from_utf8_lossy(&text).into_owned();
                words.extend(text.split_whitespace().map(str::to_owned));
            }
        }
        words.join(" ")
    }
}

impl Form {
    /// The form with a field filled in.
    #[must_use]
    pub fn with(mut self, field: &str, value: &str) -> Self {
        self.fields.insert(field.to_owned(), value.to_owned());
        self
    }

    /// The form without a field.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.fields.remove(field).unwrap();
        self
    }
}
