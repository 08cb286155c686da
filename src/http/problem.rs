//! Errors as HTTP: the one place where a domain error becomes a status, a code and a text. `error_body.rs` writes them.

use std::fmt;
use std::time::Duration;

use poem::error::ResponseError;
use poem::http::StatusCode;

use super::code::Code;
use crate::domain::{Error, FieldError};

/// When to come back while the database is away.
const UNAVAILABLE_RETRY: Duration = Duration::from_secs(5);

/// When to retry after another request was faster. An immediate retry would work, too.
const OVERTAKEN_RETRY: Duration = Duration::from_secs(1);

/// Why a request is answered with an error.
#[derive(Debug, Clone)]
pub enum Failure {
    /// What a capability answered.
    Domain(Error),
    /// A request to an OAuth 2.0 endpoint that cannot be answered, in the words of RFC 6749 §5.2.
    OAuthRequest {
        error: &'static str,
        description: &'static str,
    },
    /// No bearer token where one is needed.
    NotAuthenticated,
    Malformed {
        detail: String,
        errors: Vec<FieldError>,
    },
    NotFound,
    MethodNotAllowed {
        /// For the header `Allow`.
        allow: String,
    },
    RequestTimeout,
    BodyTooLarge,
    UnsupportedMediaType {
        expected: &'static str,
        /// Whether the request is a PATCH, which has a media type of its own besides.
        is_patch: bool,
    },
    /// A body that was compressed, or coded in another way.
    ContentCoding,
    RateLimited {
        retry_after: Duration,
    },
    /// The service took too long over it.
    TimedOut,
}

/// What is said of a failure.
pub struct Described {
    pub code: Code,
    pub detail: String,
    pub errors: Vec<FieldError>,
    pub(super) retry_after: Option<Duration>,
}

impl Described {
    fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    fn after(self, retry_after: Duration) -> Self {
        Self {
            retry_after: Some(retry_after),
            ..self
        }
    }
}

impl Failure {
    /// A defect of ours, for the log.
    pub fn defect(message: &str) -> Self {
        Self::Domain(Error::Internal(message.to_owned()))
    }

    /// What the log should say of it; `None` where the access line is enough.
    pub fn for_log(&self) -> Option<&str> {
        match self {
            Self::Domain(Error::Unavailable(message) | Error::Internal(message)) => Some(message),
            Self::TimedOut => Some("the request took too long"),
            _ => None,
        }
    }

    pub fn describe(&self) -> Described {
        match self {
            Self::Domain(error) => describe(error),
            Self::OAuthRequest { description, .. } => {
                Described::new(Code::MalformedRequest, *description)
            }
            Self::NotAuthenticated => Described::new(
                Code::NotAuthenticated,
                "Send an access token in the header Authorization: Bearer.",
            ),
            Self::Malformed { detail, errors } => Described {
                errors: errors.clone(),
                ..Described::new(Code::MalformedRequest, detail)
            },
            Self::NotFound => Described::new(Code::NotFound, "There is nothing here."),
            Self::MethodNotAllowed { allow } => {
                Described::new(Code::MethodNotAllowed, format!("Allowed here: {allow}."))
            }
            Self::RequestTimeout => {
                Described::new(Code::RequestTimeout, "The request took too long to arrive.")
            }
            Self::BodyTooLarge => {
                Described::new(Code::BodyTooLarge, "A body has at most 65536 bytes.")
            }
            Self::UnsupportedMediaType { expected, .. } => Described::new(
                Code::UnsupportedMediaType,
                format!("Send the body as {expected}, in UTF-8."),
            ),
            Self::ContentCoding => Described::new(
                Code::UnsupportedMediaType,
                "Send the body uncompressed, without Content-Encoding.",
            ),
            Self::RateLimited { retry_after } => {
                Described::new(Code::RateLimited, "Too many requests. Try again later.")
                    .after(*retry_after)
            }
            Self::TimedOut => {
                Described::new(Code::Overloaded, "This takes too long. Try again later.")
                    .after(UNAVAILABLE_RETRY)
            }
        }
    }
}

/// The one map from domain errors to HTTP.
fn describe(error: &Error) -> Described {
    match error {
        Error::InvalidAccessToken => Described::new(
            Code::InvalidAccessToken,
            "The access token is invalid, expired or revoked.",
        ),
        Error::InvalidRefreshToken => Described::new(
            Code::InvalidRefreshToken,
            "The refresh token is invalid, expired or revoked.",
        ),
        Error::SessionOver => Described::new(
            Code::InvalidRefreshToken,
            "The session has reached its maximum age. Log in again.",
        ),
        Error::RefreshTokenReused => Described::new(
            Code::RefreshTokenReused,
            "The refresh token was used before. Its session has ended. Log in again.",
        ),
        Error::LoginRefused => {
            Described::new(Code::InvalidCredentials, "Wrong username or password.")
        }
        Error::WrongPassword => {
            Described::new(Code::InvalidCredentials, "The current password is wrong.")
        }
        Error::InvalidScope => Described::new(
            Code::MalformedRequest,
            "The account does not have this scope.",
        ),
        Error::PermissionDenied(permission) => Described::new(
            Code::PermissionDenied,
            format!("This needs the permission {permission}."),
        ),
        Error::InsufficientScope(scope) => Described::new(
            Code::InsufficientScope,
            format!("The scope of this login lacks {scope}. Log in again with a wider one."),
        ),
        Error::AccountDisabled => Described::new(Code::AccountDisabled, "The account is disabled."),
        Error::EmailNotVerified => Described::new(
            Code::EmailNotVerified,
            "The email address must be verified first. Follow the link in the verification email, or request another one.",
        ),
        Error::InvalidToken => Described::new(
            Code::InvalidToken,
            "This link or code is wrong, was used before or has expired. Check it for typing errors, or request a new one.",
        ),
        Error::EmailLoginDisabled => Described::new(
            Code::EmailLoginDisabled,
            "Login by email is disabled. Log in with the password.",
        ),
        Error::RegistrationDisabled => Described::new(
            Code::RegistrationDisabled,
            "Registration is closed. Ask an administrator for an account.",
        ),
        Error::InsufficientUserAuthentication => Described::new(
            Code::InsufficientUserAuthentication,
            "This needs a login or reauthentication less than 10 minutes ago. Send the password to /auth/reauthenticate first.",
        ),
        Error::NotFound => Described::new(Code::NotFound, "There is nothing here."),
        Error::EmailTaken => Described::new(
            Code::EmailTaken,
            "This email address belongs to an account.",
        ),
        Error::UsernameTaken => Described::new(Code::UsernameTaken, "This username is taken."),
        Error::LastAdmin => Described::new(
            Code::LastAdmin,
            "This is the last active administrator. Make another one first.",
        ),
        Error::PreconditionFailed => Described::new(
            Code::PreconditionFailed,
            "The account has another ETag than If-Match or If-None-Match requires. Get the account again before you change it.",
        ),
        Error::IdempotencyKeyReused => Described::new(
            Code::IdempotencyKeyReused,
            "This Idempotency-Key was used for another request. Use a new one for each.",
        ),
        Error::Invalid(invalid) => Described {
            errors: invalid.0.clone(),
            ..Described::new(Code::ValidationFailed, "Some fields are invalid.")
        },
        Error::AccountThrottled { retry_after } => Described::new(
            Code::AccountThrottled,
            "Too many failed attempts for this account. Try again later.",
        )
        .after(*retry_after),
        Error::Overtaken => {
            Described::new(Code::Overloaded, "The service is busy. Try again later.")
                .after(OVERTAKEN_RETRY)
        }
        Error::Overloaded { retry_after } => {
            Described::new(Code::Overloaded, "The service is busy. Try again later.")
                .after(*retry_after)
        }
        Error::Unavailable(_) => Described::new(
            Code::Unavailable,
            "The database is unavailable. Try again later.",
        )
        .after(UNAVAILABLE_RETRY),
        Error::Internal(_) => Described::new(Code::Internal, "Something went wrong on our side."),
    }
}

/// The reason phrase of RFC 9110 §15.
pub fn title(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        status => status.canonical_reason().unwrap_or("Error"),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.describe().code.as_str())
    }
}

impl std::error::Error for Failure {}

impl ResponseError for Failure {
    fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.describe().code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Domain(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::FRESH;
    use crate::http::error_body::challenge;

    /// RFC 9470 §3.
    #[test]
    fn the_step_up_challenge_says_how_young_a_proof_has_to_be() {
        let challenge = challenge(Code::InsufficientUserAuthentication);
        let max_age = format!("max_age=\"{}\"", FRESH.as_secs());
        let text = challenge.to_str().expect("text");
        assert!(text.contains(&max_age), "{text}");
        assert!(text.contains("error=\"insufficient_user_authentication\", error_description="));
    }
}
