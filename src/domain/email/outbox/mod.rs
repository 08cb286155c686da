//! The outbox: mails are written in the transaction of the change that they tell of, and sent afterwards.

pub(in crate::domain) mod allowance;
mod carried;
mod deliver;
mod draft;
mod facts;
mod lease;
mod letter;
pub(in crate::domain) mod mail;
mod queue;
mod record;

pub(in crate::domain) use self::allowance::Allowance;
pub use self::deliver::{Outcome, deliver};
pub use self::lease::{Claim, claim};
pub use self::mail::waiting;
pub(in crate::domain) use self::mail::{Mail, Notice, request, request_mail};
pub use self::queue::Outbox;
