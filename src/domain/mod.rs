//! What the service does, one file a capability. Knows no HTTP and no database engine: functions take the
//! [`Services`], the [`Actor`] where somebody must be logged in, and parsed types; they answer with [`Error`].

mod actor;
mod attempts;
mod audit;
mod email;
mod error;
mod password_check;
mod precondition;
mod scope;
mod types;

pub mod account;
pub mod authentication;
pub mod expiry;
pub mod idempotency;
pub mod introspection;
pub mod login;
pub mod readiness;
pub mod reauthentication;
pub mod refresh;
pub mod registration;
pub mod roles;
pub mod sessions;
pub mod tokens;
pub mod users;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::hmac;

pub use self::actor::Actor;
pub use self::attempts::Attempts;
pub use self::email::Email;
pub use self::error::{Error, FieldCode, FieldError, Invalid, Result};
pub use self::precondition::{Precondition, Revision};
pub use self::scope::ACCOUNT as ACCOUNT_SCOPE;
pub use self::types::{FullName, Origin, Password, Username};
pub use crate::store::users::User;

use crate::clock::{SharedClock, Timestamp};
use crate::config::Limit;
use crate::ids::{Ids, InstanceId};
use crate::password::Passwords;
use crate::store::db::Db;
use crate::token::{AccessTokens, Envelopes, RefreshTokens};

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
    /// Password checks under way.
    pub attempts: Arc<Attempts>,
    /// This one of the instances that share the database.
    pub instance: InstanceId,
    pub clock: SharedClock,
    pub ids: Ids,
    pub policy: Policy,
}

/// Choices of the operator.
#[derive(Debug, Clone)]
pub struct Policy {
    pub registration_enabled: bool,
    pub refresh_lifetime: Duration,
    /// Failed password checks of one account; `None` does not count them.
    pub login_account_limit: Option<Limit>,
}

impl Services {
    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
