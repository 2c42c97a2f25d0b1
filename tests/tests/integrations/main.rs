//! The integrations of `deploy/integrations`, in real installations of their platforms.
//! `cargo xtask integrations` installs those and runs these tests.
#![expect(clippy::unwrap_used, reason = "test code")]

mod medusa;
mod node;
mod vendure;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use tests::{
    installation::{Installation, Profile},
    servers::within,
    shop::PAPER,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

/// What every shop sells here.
const PRODUCT: &str = "Green tea, 250 g";

/// Medusa's queues look every 30 seconds for work that was in hand when it ended.
const TOLD_WITHIN: Duration = Duration::from_mins(5);

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
    /// The platform is ended and started again: as hard as it survives.
    async fn restart(&mut self);
}

/// What stands in for AFS while it is away: it hears, and takes nothing.
struct Away {
    heard: Arc<Mutex<Vec<u8>>>,
    listening: JoinHandle<()>,
}

impl Away {
    async fn at(address: &str) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let heard = Arc::<Mutex<Vec<u8>>>::default();
        let listening = tokio::spawn({
            let heard = heard.clone();
            async move {
                while let Ok((mut connection, _)) = listener.accept().await {
                    let heard = heard.clone();
                    tokio::spawn(async move {
                        let mut part = [0; 4096];
                        while let Ok(length @ 1..) = connection.read(&mut part).await {
                            heard.lock().unwrap().extend(&part[..length]);
                            if String::from_utf8_lossy(&heard.lock().unwrap()).ends_with('}') {
                                break;
                            }
                        }
                        let refusal =
                            b"HTTP/1.1 503 Away\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                        let _gone = connection.write_all(refusal).await;
                    });
                }
            }
        });
        Self { heard, listening }
    }

    fn heard_of(&self, orders: &[&String]) -> bool {
        let heard = self.heard.lock().unwrap();
        let heard = String::from_utf8_lossy(&heard);
        orders.iter().all(|order| heard.contains(&format!("\"{order}\"")))
    }

    async fn end(self) {
        self.listening.abort();
        let _aborted = self.listening.await;
    }
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
    let away = Away::at(&afs.address()).await;
    let orders = [&delivered, &cancelled, &refunded];
    within(TOLD_WITHIN, "each order was told in vain", async || away.heard_of(&orders)).await;
    platform.restart().await;
    away.end().await;
    afs.receiver().start_again().await;

    within(TOLD_WITHIN, "AFS is told about every order", async || afs.status().orders() == 3).await;
    let mail = afs.mail_to("anna@example.com").await;
    assert!(mail.text().contains("Hello Anna Berg"), "{}", mail.text());
    assert!(mail.text().contains(PRODUCT), "{}", mail.text());
    afs.until_sent(1).await;
    assert_eq!(afs.mails().len(), 1);
}
