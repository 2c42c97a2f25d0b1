//! What the product means: orders, invitations, reviews and the decisions about them.
//!
//! Nothing here reads a clock, draws a random number, or talks to anything: time, keys and what is
//! already known come in as arguments, decisions go out with their reasons. That is why the same
//! functions can serve the live path, explain an old decision, and run under simulated time.

pub mod address;
pub mod bounce;
mod caps;
pub mod consent;
pub mod decision;
pub mod experiment;
pub mod holidays;
pub mod invitation;
pub mod lane;
mod mac;
mod mention;
mod money;
mod notice;
pub mod order;
pub mod policy;
pub mod retry;
pub mod review;
pub mod schedule;
pub mod shop;
pub mod text;
pub mod token;
pub mod zone;

pub use address::{AddressHash, EmailAddress, InvalidHash};
pub use caps::{Allowed, Caps, EarlierMail};
pub use consent::Consent;
pub use decision::{Decision, Known, Outcome, decide};
pub use holidays::Holidays;
pub use invitation::{InvitationId, InvitationState, MailKind};
pub use mention::Mention;
pub use money::Money;
pub use notice::NoticeId;
pub use order::{Change, Fulfilment, Item, Order, OrderEvent, OrderRecord, OrderStatus};
pub use policy::Policy;
pub use review::{ProductKey, ProductReview, Review, ReviewId, Stars};
pub use schedule::{SendWindow, Weekdays};
pub use shop::ShopId;
