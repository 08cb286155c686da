//! What the capabilities work with.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;

use super::audit::refusals;
use super::authentication::attempts::Attempts;
use super::email::{links, outbox};
use super::readiness;
use crate::clock::{SharedClock, Timestamp};
use crate::config::{Limit, Notices};
use crate::ids::{Ids, InstanceId};
use crate::mail::Mailer;
use crate::password::Passwords;
use crate::store::db::Db;
use crate::store::sessions::Lifetimes;
use crate::text::Texts;
use crate::token::{AccessTokens, Envelopes, Mailed, RefreshTokens};

/// Everything that the capabilities work with; built once by the composition root.
pub struct Services {
    pub db: Db,
    pub passwords: Passwords,
    pub access_tokens: AccessTokens,
    pub refresh_tokens: RefreshTokens,
    /// Hides identifiers where failed logins are counted.
    pub login_identifier_key: hmac::Key,
    /// For answers that are kept.
    pub idempotency: Envelopes,
    /// Tokens and codes of mails.
    pub mailed: Mailed,
    /// Hides devices where they are remembered.
    pub device_key: hmac::Key,
    pub links: links::Links,
    pub texts: Arc<Texts>,
    pub mailer: Mailer,
    pub outbox: outbox::Outbox,
    pub readiness: readiness::Readiness,
    /// Failures that are put on record beside the requests.
    pub refusals: refusals::Refusals,
    /// Password checks under way.
    pub attempts: Arc<Attempts>,
    /// This one of the instances that share the database.
    pub instance: InstanceId,
    pub clock: SharedClock,
    pub ids: Ids,
    pub policy: Policy,
}

impl Services {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The time now by a clock that is not set while the service runs: for limits that are stored.
    pub fn steady(&self) -> Timestamp {
        self.clock.steady()
    }

    /// How long sessions live, looked at from `now`.
    pub(super) fn lifetimes(&self, now: Timestamp) -> Lifetimes {
        Lifetimes {
            now,
            idle: self.policy.refresh_lifetime,
            absolute: self.policy.session_lifetime,
        }
    }
}

/// Choices of the operator.
#[derive(Debug, Clone)]
pub struct Policy {
    pub registration_enabled: bool,
    /// Users cannot log in, or get an account by registering, before their address is verified.
    pub require_email_verification: bool,
    pub email_login_enabled: bool,
    pub notices: Notices,
    /// Requested mails to one address; `None` if they are not counted.
    pub mail_address_limits: Vec<Limit>,
    /// Notices of logins from new devices to one user; `None` does not count them.
    pub notice_limit: Option<Limit>,
    /// Of mails to one address that others can cause.
    pub stranger_limits: Vec<Limit>,
    pub refresh_lifetime: Duration,
    /// How long a session lives, however often it is refreshed.
    pub session_lifetime: Duration,
    /// Live sessions of one user.
    pub sessions_per_user: i64,
    /// How long the audit log keeps address and user agent of what users do with a permission.
    pub audit_origin: Duration,
    /// Failed password checks of one account; `None` does not count them.
    pub login_account_limit: Option<Limit>,
    /// No account has more than so many failed checks in a row. Off together with all limits alone.
    pub has_failure_bound: bool,
}
