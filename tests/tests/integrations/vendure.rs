//! Vendure: its server and its worker, on Postgres.

use std::sync::Mutex;

use reqwest::Client;
use serde_json::{Value, json};
use tests::servers::{Postgres, free_port};

use crate::{
    Platform, delivered_is_invited_and_undone_is_not,
    node::{Project, Running, client},
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an installation: cargo xtask integrations"]
async fn vendure() {
    delivered_is_invited_and_undone_is_not(Vendure::start).await;
}

struct Vendure {
    project: Project,
    port: u16,
    base: String,
    admin: Session,
    /// The server and the worker.
    programs: Vec<Running>,
    /// Last, so that it ends after those that use it.
    _postgres: Postgres,
}

impl Vendure {
    async fn start(address: &str, secret: &str) -> Self {
        let postgres = Postgres::start();
        let port = free_port();
        let project = Project::new("vendure")
            .with("PORT", port.to_string())
            .with("DATABASE_URL", postgres.database("vendure"))
            .with("AFS_URL", address)
            .with("AFS_SECRET", secret)
            .with("VENDURE_DISABLE_TELEMETRY", "true");
        project.clone().with("SYNCHRONIZE", "true").run(&["dist/populate.js"]);
        let programs = Self::programs(&project, port);
        let base = format!("http://127.0.0.1:{port}");
        let admin = Session::new(format!("{base}/admin-api"));
        admin
            .ask(
                r#"mutation { login(username: "superadmin", password: "superadmin") {
                     __typename } }"#,
                json!({}),
            )
            .await;
        Self { project, port, base, admin, programs, _postgres: postgres }
    }

    fn programs(project: &Project, port: u16) -> Vec<Running> {
        let mut server = project.start("server", &["dist/server.js"]);
        let worker = project.start("worker", &["dist/worker.js"]);
        server.until_listening(port);
        vec![server, worker]
    }
}

impl Platform for Vendure {
    async fn place_order(&self, email: &str) -> String {
        let shop = Session::new(format!("{}/shop-api", self.base));
        let found = shop.ask("{ products { items { variants { id } } } }", json!({})).await;
        let variant = &found["products"]["items"][0]["variants"][0]["id"];
        shop.ask(
            "mutation($variant: ID!) { addItemToOrder(productVariantId: $variant, quantity: 2) {
               ... on ErrorResult { errorCode message } } }",
            json!({ "variant": variant }),
        )
        .await;
        shop.ask(
            "mutation($customer: CreateCustomerInput!) { setCustomerForOrder(input: $customer) {
               ... on ErrorResult { errorCode message } } }",
            json!({ "customer": { "firstName": "Anna", "lastName": "Berg", "emailAddress": email } }),
        )
        .await;
        shop.ask(
            r#"mutation { setOrderShippingAddress(input: { fullName: "Anna Berg",
                 streetLine1: "Gatan 1", city: "Stockholm", postalCode: "11122", countryCode: "SE" }) {
               ... on ErrorResult { errorCode message } } }"#,
            json!({}),
        )
        .await;
        let methods = shop.ask("{ eligibleShippingMethods { id } }", json!({})).await;
        shop.ask(
            "mutation($method: [ID!]!) { setOrderShippingMethod(shippingMethodId: $method) {
               ... on ErrorResult { errorCode message } } }",
            json!({ "method": [methods["eligibleShippingMethods"][0]["id"]] }),
        )
        .await;
        shop.ask(
            r#"mutation { transitionOrderToState(state: "ArrangingPayment") {
               ... on ErrorResult { errorCode message } } }"#,
            json!({}),
        )
        .await;
        let placed = shop
            .ask(
                r#"mutation { addPaymentToOrder(input: { method: "dummy", metadata: {} }) {
                   ... on Order { id state } ... on ErrorResult { errorCode message } } }"#,
                json!({}),
            )
            .await;
        assert_eq!(placed["addPaymentToOrder"]["state"], "PaymentSettled", "{placed}");
        placed["addPaymentToOrder"]["id"].as_str().unwrap().to_owned()
    }

    async fn deliver(&self, order: &str) {
        let found = self
            .admin
            .ask(
                "query($order: ID!) { order(id: $order) { lines { id quantity } } }",
                json!({ "order": order }),
            )
            .await;
        let line = &found["order"]["lines"][0];
        let fulfilled = self
            .admin
            .ask(
                "mutation($lines: [OrderLineInput!]!) { addFulfillmentToOrder(input: { lines: $lines,
                   handler: { code: \"manual-fulfillment\", arguments: [
                     { name: \"method\", value: \"post\" }, { name: \"trackingCode\", value: \"1\" }
                   ] } }) { ... on Fulfillment { id } ... on ErrorResult { errorCode message } } }",
                json!({ "lines": [{ "orderLineId": line["id"], "quantity": line["quantity"] }] }),
            )
            .await;
        for state in ["Shipped", "Delivered"] {
            self.admin
                .ask(
                    "mutation($id: ID!, $state: String!) {
                       transitionFulfillmentToState(id: $id, state: $state) {
                         ... on ErrorResult { errorCode message } } }",
                    json!({ "id": fulfilled["addFulfillmentToOrder"]["id"], "state": state }),
                )
                .await;
        }
    }

    async fn cancel(&self, order: &str) {
        self.admin
            .ask(
                "mutation($order: ID!) { cancelOrder(input: { orderId: $order, cancelShipping: true }) {
                   ... on ErrorResult { errorCode message } } }",
                json!({ "order": order }),
            )
            .await;
    }

    async fn refund(&self, order: &str) {
        let found = self
            .admin
            .ask(
                "query($order: ID!) { order(id: $order) { payments { id amount } } }",
                json!({ "order": order }),
            )
            .await;
        let payment = &found["order"]["payments"][0];
        let refunded = self
            .admin
            .ask(
                "mutation($payment: ID!, $amount: Money!) { refundOrder(input: { lines: [], shipping: 0,
                   adjustment: 0, paymentId: $payment, amount: $amount }) {
                     ... on Refund { id state } ... on ErrorResult { errorCode message } } }",
                json!({ "payment": payment["id"], "amount": payment["amount"] }),
            )
            .await;
        if refunded["refundOrder"]["state"] != "Settled" {
            self.admin
                .ask(
                    r#"mutation($refund: ID!) { settleRefund(input: { id: $refund, transactionId: "1" }) {
                       ... on ErrorResult { errorCode message } } }"#,
                    json!({ "refund": refunded["refundOrder"]["id"] }),
                )
                .await;
        }
    }

    async fn restart(&mut self) {
        self.programs.clear();
        self.programs = Self::programs(&self.project, self.port);
    }
}

/// Somebody who uses one of Vendure's APIs.
struct Session {
    client: Client,
    url: String,
    token: Mutex<Option<String>>,
}

impl Session {
    fn new(url: String) -> Self {
        Self { client: client(), url, token: Mutex::default() }
    }

    /// Asks, and fails if the answer is an error.
    async fn ask(&self, query: &str, variables: Value) -> Value {
        let body = json!({ "query": query, "variables": variables });
        let mut request = self.client.post(&self.url).json(&body);
        if let Some(token) = self.token.lock().unwrap().clone() {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        if let Some(token) = answer.headers().get("vendure-auth-token") {
            *self.token.lock().unwrap() = Some(token.to_str().unwrap().to_owned());
        }
        let mut answer: Value = answer.json().await.unwrap();
        let refused = answer["data"]
            .as_object()
            .is_none_or(|data| data.values().any(|result| result.get("errorCode").is_some()));
        assert!(!refused && answer.get("errors").is_none(), "{query}\n{answer}");
        answer["data"].take()
    }
}
