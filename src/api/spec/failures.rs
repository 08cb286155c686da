//! Every code of a problem: what it means, and a failure that has it, out of which the examples are made.

use std::time::Duration;

use crate::api::answer::JSON;
use crate::api::code::Code;
use crate::api::problem::Failure;
use crate::domain::{Error, FieldCode, FieldError, Invalid, roles};

/// What a code means, in a line, and a failure that has it.
pub fn told(code: Code) -> (&'static str, Failure) {
    let retry_after = Duration::from_secs(5);
    match code {
        Code::MalformedRequest => (
            "The request cannot be read: no JSON, a value in path or query that cannot be used, no header `Host`.",
            Failure::Malformed {
                detail: "The body is not JSON; see line 1, column 18.".to_owned(),
                errors: Vec::new(),
            },
        ),
        Code::InvalidToken => (
            "The one-time token or code is wrong, was used before or has expired.",
            Error::InvalidToken.into(),
        ),
        Code::NotAuthenticated => (
            "No access token was sent, or not as `Authorization: Bearer`.",
            Failure::NotAuthenticated,
        ),
        Code::InvalidAccessToken => (
            "The access token is invalid, expired or revoked.",
            Error::InvalidAccessToken.into(),
        ),
        Code::InvalidRefreshToken => (
            "The refresh token is invalid, expired or revoked.",
            Error::InvalidRefreshToken.into(),
        ),
        Code::RefreshTokenReused => (
            "The refresh token had been replaced; its session has been ended.",
            Error::RefreshTokenReused.into(),
        ),
        Code::InvalidCredentials => (
            "The current password is wrong.",
            Error::WrongPassword.into(),
        ),
        Code::PermissionDenied => (
            "A permission is missing, or the scope of this login lacks it.",
            Error::PermissionDenied(roles::USERS_READ.to_owned()).into(),
        ),
        Code::AccountDisabled => (
            "The account is disabled. At a login that is told only to who knows the password.",
            Error::AccountDisabled.into(),
        ),
        Code::EmailNotVerified => (
            "The e-mail address has to be verified first. Told only to who knows the password.",
            Error::EmailNotVerified.into(),
        ),
        Code::EmailLoginDisabled => (
            "Nobody logs in by e-mail here.",
            Error::EmailLoginDisabled.into(),
        ),
        Code::RegistrationDisabled => (
            "Nobody can register here.",
            Error::RegistrationDisabled.into(),
        ),
        Code::ReauthenticationRequired => (
            "The password was given more than 10 minutes ago.",
            Error::ReauthenticationRequired.into(),
        ),
        Code::NotFound => ("There is nothing under this id.", Failure::NotFound),
        Code::MethodNotAllowed => (
            "The path has no such method.",
            Failure::MethodNotAllowed {
                allow: "GET, HEAD, OPTIONS".to_owned(),
            },
        ),
        Code::RequestTimeout => ("The body did not arrive in time.", Failure::RequestTimeout),
        Code::EmailTaken => (
            "The e-mail address belongs to another account, or did until a few days ago and may still be taken back.",
            Error::EmailTaken.into(),
        ),
        Code::UsernameTaken => (
            "The username belongs to another account.",
            Error::UsernameTaken.into(),
        ),
        Code::LastAdmin => (
            "Nobody would be left who can administer the service.",
            Error::LastAdmin.into(),
        ),
        Code::IdempotencyKeyReused => (
            "The `Idempotency-Key` came with another request within 24 hours.",
            Error::IdempotencyKeyReused.into(),
        ),
        Code::PreconditionFailed => (
            "The account is no longer what `If-Match` names, or it is what `If-None-Match` excludes.",
            Error::PreconditionFailed.into(),
        ),
        Code::BodyTooLarge => ("The body has more than 65536 bytes.", Failure::BodyTooLarge),
        Code::UnsupportedMediaType => (
            "The body has another media type than the one asked for.",
            Failure::UnsupportedMediaType { expected: JSON },
        ),
        Code::ValidationFailed => (
            "Fields are missing, unknown or not as they have to be; `errors` tells which.",
            Error::Invalid(Invalid(vec![FieldError::new(
                "password",
                FieldCode::TooShort,
                "Use at least 8 characters.",
            )]))
            .into(),
        ),
        Code::RateLimited => (
            "Too many requests from this network.",
            Failure::RateLimited { retry_after },
        ),
        Code::AccountThrottled => (
            "Too many failed attempts for this account.",
            Error::AccountThrottled { retry_after }.into(),
        ),
        Code::Internal => (
            "A defect of the service; the log has it under `request_id`.",
            Failure::defect(""),
        ),
        Code::Overloaded => (
            "There is more to do than can be done in time.",
            Error::Overloaded { retry_after }.into(),
        ),
        Code::Unavailable => (
            "The database cannot be used at present.",
            Error::Unavailable(String::new()).into(),
        ),
    }
}

/// The errors of RFC 6749 §5.2 that come with status 400: what each means, and a failure that has it. Those past the
/// first are for who asks for a token.
pub fn oauth_told() -> [(&'static str, &'static str, Failure); 4] {
    let request = |error, description| Failure::OAuthRequest { error, description };
    [
        (
            "invalid_request",
            "A parameter is missing, comes twice or cannot be read.",
            request("invalid_request", "A required parameter is missing."),
        ),
        (
            "invalid_grant",
            "Wrong username or password, or a refresh token that is of no use.",
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
            let (_, failure) = told(*code);
            assert_eq!(failure.describe().code, *code);
        }
    }
}
