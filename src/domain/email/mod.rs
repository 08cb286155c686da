//! Addresses, the links and codes that are sent to them, and the outbox.

mod address;
pub mod email_change;
pub mod email_verification;
pub(super) mod held;
pub mod links;
pub mod one_time;
pub mod outbox;
pub(super) mod purpose;
pub(super) mod start;

pub use self::address::Email;
pub(in crate::domain) use self::start::Start;
