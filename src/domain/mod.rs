//! What the service does, one file a capability. Knows no HTTP and no database engine: functions take the
//! [`Services`], the [`Actor`] where a login is needed, and parsed types; they answer with [`Error`].

pub mod audit;
pub mod authorization;
pub mod email;
mod error;
mod precondition;
pub mod readiness;
mod services;
mod types;

pub mod account;
pub mod authentication;
pub mod clocks;
pub mod expiry;
pub mod idempotency;
pub mod registration;
pub mod sessions;
pub mod users;

pub use self::authentication::attempts::Attempts;
pub use self::authorization::actor::{Actor, FRESH};
pub use self::authorization::scope::ACCOUNT as ACCOUNT_SCOPE;
pub use self::email::Email;
pub use self::error::{Error, FieldCode, FieldError, Invalid, Result};
pub use self::precondition::{Precondition, Revision};
pub use self::services::{Policy, Services};
pub use self::types::{FullName, Origin, Password, Username};
pub use crate::store::users::User;
