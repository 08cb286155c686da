//! A mail about to be composed.

use super::facts::Facts;
use crate::clock::Timestamp;
use crate::domain::Services;
use crate::mail::Kind;
use crate::store::mails::Mail;

/// A mail being made into a letter.
pub(super) struct Draft<'a> {
    pub services: &'a Services,
    pub mail: &'a Mail,
    pub kind: Kind,
    pub facts: Facts,
    pub now: Timestamp,
}
