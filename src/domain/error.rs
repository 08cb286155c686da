//! What can go wrong, in the terms of the service. `http/problem.rs` makes HTTP of it.

use std::time::Duration;

use crate::password;
use crate::store::{db, users};

/// The answer of a capability.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a request could not be carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("the access token is not valid")]
    InvalidAccessToken,
    #[error("the refresh token is not valid")]
    InvalidRefreshToken,
    /// A refresh token of a session that has lived for as long as a session may.
    #[error("the session has reached its end")]
    SessionOver,
    /// A refresh token that had been replaced was used: its session is ended.
    #[error("the refresh token had been used before")]
    RefreshTokenReused,
    /// Login: no such account, or not its password. The answer does not say which.
    #[error("wrong username or password")]
    LoginRefused,
    /// Of a logged-in user.
    #[error("wrong current password")]
    WrongPassword,
    #[error("unknown scope, or one that the account does not have")]
    InvalidScope,
    #[error("the permission {0} is missing")]
    PermissionDenied(String),
    /// The user has it, the session was limited to a smaller scope.
    #[error("the session's scope lacks {0}")]
    InsufficientScope(String),
    #[error("the account is disabled")]
    AccountDisabled,
    /// The password is right.
    #[error("the email address must be verified first")]
    EmailNotVerified,
    /// A token or code from a mail: wrong, used or expired. The answer does not say which.
    #[error("the one-time token is not valid")]
    InvalidToken,
    #[error("login by e-mail is disabled")]
    EmailLoginDisabled,
    #[error("registration is disabled")]
    RegistrationDisabled,
    /// The step asks for a younger proof of who is there (RFC 9470).
    #[error("the last authentication of the session is too long ago")]
    InsufficientUserAuthentication,
    #[error("not found")]
    NotFound,
    #[error("the e-mail address has an account")]
    EmailTaken,
    #[error("the username is taken")]
    UsernameTaken,
    #[error("no active administrator would be left")]
    LastAdmin,
    /// It has changed since the client saw it.
    #[error("the account is not in the revision that is asked for")]
    PreconditionFailed,
    /// What comes with it is not what came with it before.
    #[error("the idempotency key was used for another request")]
    IdempotencyKeyReused,
    #[error("invalid fields")]
    Invalid(Invalid),
    /// Too many failed password checks of one account.
    #[error("too many failed attempts")]
    AccountThrottled { retry_after: Duration },
    #[error("too much to do")]
    Overloaded { retry_after: Duration },
    /// Things are no more as they were when it was decided what to do. It would be decided in another way now.
    #[error("another request was faster")]
    Overtaken,
    /// The database cannot be used now.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// A defect; the message is for the log alone.
    #[error("internal: {0}")]
    Internal(String),
}

/// Every way in which a field can be wrong, each with its stable code.
macro_rules! field_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal),* $(,)?) => {
        /// What is wrong with a field: stable, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FieldCode { $($(#[$doc])* $name),* }

        impl FieldCode {
            /// Every code there is.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

field_codes! {
    Required = "required",
    UnknownField = "unknown_field",
    /// A member or parameter that comes twice.
    RepeatedField = "repeated_field",
    InvalidType = "invalid_type",
    InvalidFormat = "invalid_format",
    TooShort = "too_short",
    TooLong = "too_long",
    /// A password that is easy to guess.
    TooWeak = "too_weak",
    /// A new password that is the old one.
    SameAsCurrent = "same_as_current",
    UnknownRole = "unknown_role",
    /// It is not changed here, or not by this user.
    ReadOnly = "read_only",
}

/// One thing wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: String,
    pub code: FieldCode,
    /// For people: what to do. Never quotes the value.
    pub message: String,
}

impl FieldError {
    pub fn new(field: &str, code: FieldCode, message: impl Into<String>) -> Self {
        Self {
            field: field.to_owned(),
            code,
            message: message.into(),
        }
    }
}

/// Everything wrong with a request's fields, gathered so that it is told at once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Invalid(pub Vec<FieldError>);

impl Invalid {
    /// The value, or `None` with its error kept.
    pub fn keep<T>(&mut self, parsed: std::result::Result<T, FieldError>) -> Option<T> {
        parsed.map_err(|error| self.0.push(error)).ok()
    }

    /// Fails when anything was wrong.
    pub fn check(&mut self) -> Result<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(std::mem::take(self).into())
        }
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

impl From<FieldError> for Error {
    fn from(error: FieldError) -> Self {
        Self::Invalid(Invalid(vec![error]))
    }
}

/// When to come back after the write queue was full: it empties in well under a second.
const WRITE_QUEUE_RETRY: Duration = Duration::from_secs(1);

impl From<db::Error> for Error {
    fn from(error: db::Error) -> Self {
        match error {
            error if error.is_taken(users::EMAIL_KEY) => Self::EmailTaken,
            error if error.is_taken(users::USERNAME_KEY) => Self::UsernameTaken,
            db::Error::Overloaded => Self::Overloaded {
                retry_after: WRITE_QUEUE_RETRY,
            },
            db::Error::Unavailable(message) | db::Error::Schema(message) => {
                Self::Unavailable(message)
            }
            error @ db::Error::Unfinished => Self::Unavailable(error.to_string()),
            defect => Self::Internal(defect.to_string()),
        }
    }
}

impl From<password::Error> for Error {
    fn from(error: password::Error) -> Self {
        match error {
            password::Error::Overloaded { retry_after } => Self::Overloaded { retry_after },
            password::Error::Failed(message) => Self::Internal(message),
        }
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(format!("signing an access token: {error}"))
    }
}
