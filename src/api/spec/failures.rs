//! For every code of a problem a failure that has it, out of which the examples are made.

use std::time::Duration;

use crate::domain::authorization::roles;
use crate::domain::{ACCOUNT_SCOPE, Error, FieldCode, FieldError, Invalid};
use crate::http::code::Code;
use crate::http::media_types::JSON;
use crate::http::problem::Failure;

/// A failure that has this code.
pub fn example(code: Code) -> Failure {
    let retry_after = Duration::from_secs(5);
    match code {
        Code::MalformedRequest => Failure::Malformed {
            detail: "The body is not JSON; see line 1, column 18.".to_owned(),
            errors: Vec::new(),
        },
        Code::InvalidToken => Error::InvalidToken.into(),
        Code::NotAuthenticated => Failure::NotAuthenticated,
        Code::InvalidAccessToken => Error::InvalidAccessToken.into(),
        Code::InvalidRefreshToken => Error::InvalidRefreshToken.into(),
        Code::RefreshTokenReused => Error::RefreshTokenReused.into(),
        Code::InvalidCredentials => Error::WrongPassword.into(),
        Code::PermissionDenied => Error::PermissionDenied(roles::USERS_READ.to_owned()).into(),
        Code::InsufficientScope => Error::InsufficientScope(ACCOUNT_SCOPE.to_owned()).into(),
        Code::AccountDisabled => Error::AccountDisabled.into(),
        Code::EmailNotVerified => Error::EmailNotVerified.into(),
        Code::EmailLoginDisabled => Error::EmailLoginDisabled.into(),
        Code::RegistrationDisabled => Error::RegistrationDisabled.into(),
        Code::InsufficientUserAuthentication => Error::InsufficientUserAuthentication.into(),
        Code::NotFound => Failure::NotFound,
        Code::MethodNotAllowed => Failure::MethodNotAllowed {
            allow: "GET, HEAD, OPTIONS".to_owned(),
        },
        Code::RequestTimeout => Failure::RequestTimeout,
        Code::EmailTaken => Error::EmailTaken.into(),
        Code::UsernameTaken => Error::UsernameTaken.into(),
        Code::LastAdmin => Error::LastAdmin.into(),
        Code::IdempotencyKeyReused => Error::IdempotencyKeyReused.into(),
        Code::PreconditionFailed => Error::PreconditionFailed.into(),
        Code::BodyTooLarge => Failure::BodyTooLarge,
        Code::UnsupportedMediaType => Failure::UnsupportedMediaType {
            expected: JSON,
            is_patch: false,
        },
        Code::ValidationFailed => Error::Invalid(Invalid(vec![FieldError::new(
            "password",
            FieldCode::TooShort,
            "Use at least 8 characters.",
        )]))
        .into(),
        Code::RateLimited => Failure::RateLimited { retry_after },
        Code::AccountThrottled => Error::AccountThrottled { retry_after }.into(),
        Code::Internal => Failure::defect(""),
        Code::Overloaded => Error::Overloaded { retry_after }.into(),
        Code::Unavailable => Error::Unavailable(String::new()).into(),
    }
}

/// The errors of RFC 6749 §5.2 that come with status 400: what each means, and a failure that has it. Those past the
/// first are for who asks for a token.
pub fn oauth_told() -> [(&'static str, &'static str, Failure); 4] {
    let request = |error, description| Failure::OAuthRequest { error, description };
    [
        (
            "invalid_request",
            "A parameter is missing, repeated or malformed.",
            request("invalid_request", "A required parameter is missing."),
        ),
        (
            "invalid_grant",
            "Wrong username or password, or a refresh token that is not valid.",
            Error::LoginRefused.into(),
        ),
        (
            "invalid_scope",
            "The account does not have this scope.",
            Error::InvalidScope.into(),
        ),
        (
            "unsupported_grant_type",
            "Neither `password` nor `refresh_token`.",
            request(
                "unsupported_grant_type",
                "Use the grant type password or refresh_token.",
            ),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_the_code_that_it_is_for() {
        for code in Code::ALL {
            assert_eq!(example(*code).describe().code, *code);
        }
    }
}
