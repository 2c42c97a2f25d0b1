//! What tests share: the product as an operator runs it, and the real servers it needs, all on
//! free ports and ended when they go out of scope.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "test code"
)]

pub mod amazon;
pub mod dns;
pub mod imap;
pub mod installation;
pub mod mailbox;
pub mod platform;
pub mod provider;
pub mod proxy;
pub mod servers;
pub mod shop;
pub mod usage;
pub mod web;

/// Makes two tests of each named `async fn(Profile)`: one for each [`Profile`](installation::Profile).
#[macro_export]
macro_rules! on_both_profiles {
    ($($name:ident),+ $(,)?) => {
        $(mod $name {
            use $crate::installation::Profile;

            #[tokio::test(flavor = "multi_thread")]
            async fn embedded() {
                super::$name(Profile::Embedded).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn distributed() {
                super::$name(Profile::Distributed).await;
            }
        })+
    };
}
