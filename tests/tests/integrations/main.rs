//! The integrations of `deploy/integrations`, in real installations of their platforms.
//! `cargo xtask integrations` installs those and runs these tests.
#![expect(clippy::unwrap_used, reason = "test code")]

mod medusa;
mod node;
mod vendure;

use tests::{
    installation::{Installation, Profile},
    servers::eventually,
    shop::PAPER,
};

/// What every shop sells here.
const PRODUCT: &str = "Green tea, 250 g";

/// An installation of a platform, used as buyers and merchants use it.
trait Platform {
    /// A buyer orders; the order's id.
    async fn place_order(&self, email: &str) -> String;
    /// The order is delivered.
    async fn deliver(&self, order: &str);
    /// The order is cancelled before it was shipped.
    async fn cancel(&self, order: &str);
    /// All of the money goes back.
    async fn refund(&self, order: &str);
    /// The platform is killed and started again.
    async fn restart(&mut self);
}

/// AFS is away while it happens. The platform does not wait for it, and forgets nothing.
async fn delivered_is_invited_and_undone_is_not<P: Platform>(
    start: impl AsyncFnOnce(&str, &str) -> P,
) {
    let mut afs = Installation::start(Profile::Embedded).await;
    let address = format!("http://{}/webhooks/{}", afs.address(), PAPER.id);
    let mut platform = start(&address, PAPER.secret).await;
    let delivered = platform.place_order("anna@example.com").await;
    let cancelled = platform.place_order("bert@example.com").await;
    let refunded = platform.place_order("cleo@example.com").await;

    afs.receiver().kill();
    platform.deliver(&delivered).await;
    platform.cancel(&cancelled).await;
    platform.refund(&refunded).await;
    platform.restart().await;
    afs.receiver().start_again().await;

    let mail = afs.mail_to("anna@example.com").await;
    assert!(mail.text().contains("Hello Anna Berg"), "{}", mail.text());
    assert!(mail.text().contains(PRODUCT), "{}", mail.text());
    eventually("AFS is told about every order", async || afs.status().orders() == 3).await;
    afs.until_sent(1).await;
    assert_eq!(afs.mails().len(), 1);
}
