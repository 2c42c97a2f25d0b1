//! Medusa: one process, on Postgres and Redis.

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tests::servers::{Postgres, Redis, free_port};

use crate::{
    Platform, delivered_is_invited_and_undone_is_not,
    node::{Project, Running, client},
};

const CLI: &str = "node_modules/@medusajs/cli/cli.js";
const ADMIN: &str = "admin@example.com";
const PASSWORD: &str = "the-password-of-this-installation";

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs an installation: cargo xtask integrations"]
async fn medusa() {
    delivered_is_invited_and_undone_is_not(Medusa::start).await;
}

struct Medusa {
    project: Project,
    port: u16,
    client: Client,
    base: String,
    /// What `src/scripts/populate.ts` has printed.
    shop: Value,
    admin_token: String,
    server: Option<Running>,
    /// Last, so that they end after what uses them.
    _redis: Redis,
    _postgres: Postgres,
}

impl Medusa {
    async fn start(address: &str, secret: &str) -> Self {
        let (postgres, redis) = (Postgres::start(), Redis::start());
        let port = free_port();
        let project = Project::new("medusa")
            .with("PORT", port.to_string())
            .with("HOST", "127.0.0.1")
            .with("DATABASE_URL", postgres.database("medusa"))
            .with("REDIS_URL", redis.url())
            .with("AFS_URL", address)
            .with("AFS_SECRET", secret)
            .with("AFS_RETRY_SECONDS", "1")
            .with("AFS_PRODUCT_URL", "https://shop.example/products/{handle}")
            .with("MEDUSA_DISABLE_TELEMETRY", "true");
        project.run(&[CLI, "db:migrate"]);
        project.run(&[CLI, "user", "--email", ADMIN, "--password", PASSWORD]);
        let printed = project.run(&[CLI, "exec", "./src/scripts/populate.ts"]);
        let shop = printed.lines().find_map(|line| line.strip_prefix("SHOP ")).unwrap();
        let mut medusa = Self {
            project,
            port,
            client: client(),
            base: format!("http://127.0.0.1:{port}"),
            shop: serde_json::from_str(shop).unwrap(),
            admin_token: String::new(),
            server: None,
            _redis: redis,
            _postgres: postgres,
        };
        medusa.restart().await;
        let login = json!({ "email": ADMIN, "password": PASSWORD });
        let answer = medusa.admin("/auth/user/emailpass", login).await;
        answer["token"].as_str().unwrap().clone_into(&mut medusa.admin_token);
        medusa
    }

    async fn store(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.base));
        answer(request.header("x-publishable-api-key", text(&self.shop["key"])).json(&body)).await
    }

    async fn admin(&self, path: &str, body: Value) -> Value {
        let request = self.client.post(format!("{}{path}", self.base));
        answer(request.bearer_auth(&self.admin_token).json(&body)).await
    }
}

impl Platform for Medusa {
    async fn place_order(&self, email: &str) -> String {
        let address = json!({
            "first_name": "Anna", "last_name": "Berg", "address_1": "Gatan 1",
            "city": "Stockholm", "postal_code": "11122", "country_code": "se",
        });
        let cart = json!({
            "region_id": self.shop["region"], "email": email,
            "items": [{ "variant_id": self.shop["variant"], "quantity": 2 }],
            "shipping_address": address, "billing_address": address,
        });
        let answered = self.store("/store/carts", cart).await;
        let cart = text(&answered["cart"]["id"]);
        let options =
            self.client.get(format!("{}/store/shipping-options?cart_id={cart}", self.base));
        let options =
            answer(options.header("x-publishable-api-key", text(&self.shop["key"]))).await;
        let option = json!({ "option_id": options["shipping_options"][0]["id"] });
        self.store(&format!("/store/carts/{cart}/shipping-methods"), option).await;
        let payment = self.store("/store/payment-collections", json!({ "cart_id": cart })).await;
        let payment = text(&payment["payment_collection"]["id"]);
        let provider = json!({ "provider_id": "pp_system_default" });
        let sessions = format!("/store/payment-collections/{payment}/payment-sessions");
        self.store(&sessions, provider).await;
        let placed = self.store(&format!("/store/carts/{cart}/complete"), json!({})).await;
        assert_eq!(placed["type"], "order", "{placed}");
        text(&placed["order"]["id"]).to_owned()
    }

    async fn deliver(&self, order: &str) {
        let orders = format!("/admin/orders/{order}");
        let found = self.client.get(format!("{}{orders}", self.base));
        let found = answer(found.bearer_auth(&self.admin_token)).await;
        let item = &found["order"]["items"][0];
        let items = json!([{ "id": item["id"], "quantity": item["quantity"] }]);
        let fulfilled = self
            .admin(
                &format!("{orders}/fulfillments?fields=fulfillments.id"),
                json!({ "location_id": self.shop["location"], "items": items }),
            )
            .await;
        let fulfillment = text(&fulfilled["order"]["fulfillments"][0]["id"]);
        let fulfillment = format!("{orders}/fulfillments/{fulfillment}");
        self.admin(&format!("{fulfillment}/shipments"), json!({ "items": items })).await;
        self.admin(&format!("{fulfillment}/mark-as-delivered"), json!({})).await;
    }

    async fn cancel(&self, order: &str) {
        self.admin(&format!("/admin/orders/{order}/cancel"), json!({})).await;
    }

    async fn refund(&self, order: &str) {
        let fields = "payment_collections.payments.id";
        let found = self.client.get(format!("{}/admin/orders/{order}?fields={fields}", self.base));
        let found = answer(found.bearer_auth(&self.admin_token)).await;
        let payment = text(&found["order"]["payment_collections"][0]["payments"][0]["id"]);
        self.admin(&format!("/admin/payments/{payment}/capture"), json!({})).await;
        self.admin(&format!("/admin/payments/{payment}/refund"), json!({})).await;
    }

    async fn restart(&mut self) {
        // Not killed: Medusa forgets some of what its workflows have in hand then.
        if let Some(server) = self.server.take() {
            server.stop();
        }
        let mut server = self.project.start("server", &[CLI, "start"]);
        server.until_listening(self.port);
        self.server = Some(server);
    }
}

/// Asks, and fails if the answer is an error.
async fn answer(request: RequestBuilder) -> Value {
    let answer = request.send().await.unwrap();
    let (status, url) = (answer.status(), answer.url().clone());
    let body = answer.text().await.unwrap();
    assert!(status.is_success(), "{url}: {status}\n{body}");
    serde_json::from_str(&body).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text was expected: {value}"))
}
