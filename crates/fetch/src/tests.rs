//! Against a server that says what a test tells it to.

use std::num::NonZeroU32;

use domain::{Change, Order, OrderEvent};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;

/// Asks for an order and for its products.
struct TwoRequests;

impl Source for TwoRequests {
    fn url(&self) -> Option<&'static str> {
        None
    }

    fn requests_per_second(&self) -> NonZeroU32 {
        NonZeroU32::new(100).unwrap()
    }

    fn requests(&self, reference: &str, access: &Access<'_>) -> Vec<ApiRequest> {
        let order = ["stores", access.account, "orders", reference];
        [&order[..], &[&order[..], &["products"]].concat()]
            .map(|path| ApiRequest::get(path).header("x-auth-token", access.token))
            .into()
    }

    fn parse(&self, reference: &str, answers: &[Vec<u8>]) -> Result<Vec<Event>, ParseError> {
        assert_eq!(answers, [b"order".to_vec(), b"products".to_vec()]);
        let order = Order { reference: reference.into(), ..Order::default() };
        Ok(vec![Event::Order(OrderEvent { change: Change::Completed, at: None, order })])
    }

    fn sample(&self, _event: &OrderEvent) -> Vec<Vec<u8>> {
        vec![]
    }
}

/// Answers connections in turn, and returns what was asked.
async fn platform(answers: Vec<Vec<u8>>) -> (Api, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v2/", listener.local_addr().unwrap());
    let asked = tokio::spawn(async move {
        let mut asked = vec![];
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let len = connection.read(&mut request).await.unwrap();
            asked.push(String::from_utf8_lossy(&request[..len]).to_lowercase());
            // Who has read enough may hang up.
            let _gone = connection.write_all(&answer).await;
        }
        asked
    });
    let (account, token) = (Some("s 1".into()), Some("the-token".into()));
    (Api { url: Some(url), account, token }, asked)
}

fn answer(status: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
        .into()
}

async fn ask(api: &Api) -> Result<Vec<Event>, FetchError> {
    Fetcher::new().unwrap().ask(&"demo".parse().unwrap(), &TwoRequests, api, "7/8").await
}

#[tokio::test]
async fn everything_is_asked_in_turn_with_the_token_and_below_the_configured_address() {
    let (api, asked) =
        platform(vec![answer("200 OK", "order"), answer("200 OK", "products")]).await;
    let events = ask(&api).await.unwrap();
    assert!(matches!(&events[..], [Event::Order(event)] if event.order.reference == "7/8"));
    let asked = asked.await.unwrap();
    assert!(asked[0].starts_with("get /v2/stores/s%201/orders/7%2f8 http/1.1"), "{}", asked[0]);
    assert!(asked[1].starts_with("get /v2/stores/s%201/orders/7%2f8/products http/1.1"));
    assert!(asked.iter().all(|request| request.contains("\r\nx-auth-token: the-token\r\n")));
}

#[tokio::test]
async fn each_refusal_is_told_apart() {
    let refused = async |status: &str| {
        let (api, _asked) = platform(vec![answer(status, "")]).await;
        ask(&api).await.unwrap_err()
    };
    assert!(matches!(refused("404 Not Found").await, FetchError::NotFound));
    assert!(matches!(refused("401 Unauthorized").await, FetchError::Refused(_)));
    assert!(matches!(refused("400 Bad Request").await, FetchError::Status(_)));
    let elsewhere = refused("302 Found\r\nlocation: http://127.0.0.1:1/").await;
    assert!(matches!(elsewhere, FetchError::Status(StatusCode::FOUND)), "{elsewhere}");
    let busy = refused("429 Too Many Requests\r\nretry-after: 7").await;
    assert!(
        matches!(busy, FetchError::Busy { retry_after: Some(wait), .. } if wait.as_secs() == 7),
        "{busy}"
    );
    let broken = refused("503 Service Unavailable\r\nretry-after: tomorrow").await;
    assert!(matches!(broken, FetchError::Busy { retry_after: None, .. }), "{broken}");
}

#[tokio::test]
async fn an_answer_without_end_is_not_read_to_its_end() {
    let endless = [&b"HTTP/1.1 200 OK\r\n\r\n"[..], &vec![b'x'; ANSWER_MAX_LEN + 1]].concat();
    let (api, _asked) = platform(vec![endless]).await;
    assert!(matches!(ask(&api).await.unwrap_err(), FetchError::TooLarge));
}

#[tokio::test]
async fn nothing_is_asked_without_a_token_or_an_address() {
    let (api, _asked) = platform(vec![]).await;
    for api in [Api { token: None, ..api.clone() }, Api { url: None, ..api }] {
        assert!(matches!(ask(&api).await.unwrap_err(), FetchError::NotConfigured(_)));
    }
}

#[tokio::test]
async fn an_error_names_neither_the_address_nor_the_token() {
    let api = Api {
        url: Some("http://127.0.0.1:1/secret-path".into()),
        account: None,
        token: Some("the-token".into()),
    };
    let error = ask(&api).await.unwrap_err().to_string();
    assert!(!error.contains("secret-path") && !error.contains("the-token"), "{error}");
}
