//! The bodies of errors: problem details (RFC 9457), what RFC 6749 §5.2 wants at the OAuth 2.0 endpoints, and which of
//! the two a request gets.

use std::time::Duration;

use poem::http::header::HeaderMap;
use poem::http::{HeaderValue, StatusCode, header};
use poem::{Body, Response};
use serde::Serialize;

use super::code::Code;
use super::media_types::{ACCEPT_PATCH, ACCEPTED_PATCHES, JSON};
use super::problem::{Described, Failure};
use super::routes::Route;
use crate::domain::Error;

pub const PROBLEM_JSON: &str = "application/problem+json";

/// What a request's errors look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorForm {
    /// Problem details.
    Problem,
    /// At an OAuth 2.0 endpoint: problem details that say `error` and `error_description` too (RFC 6749 §8.5).
    OAuthProblem,
    /// The same, as `application/json`: many OAuth 2.0 clients look for `error` in nothing else.
    OAuthJson,
}

impl ErrorForm {
    /// The form for a request with these headers to this route.
    pub fn of(route: Option<&Route>, headers: &HeaderMap) -> Self {
        if !route.is_some_and(|route| route.handling.is_oauth) {
            return Self::Problem;
        }
        if accepts(headers, JSON) && !accepts(headers, PROBLEM_JSON) {
            Self::OAuthJson
        } else {
            Self::OAuthProblem
        }
    }
}

/// Whether `Accept` names this media type (RFC 9110 §12.5.1); a wildcard names none.
fn accepts(headers: &HeaderMap, media_type: &str) -> bool {
    let values = headers.get_all(header::ACCEPT).iter();
    let ranges = values.filter_map(|value: &HeaderValue| value.to_str().ok());
    ranges.flat_map(|value| value.split(',')).any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_named = parts
            .next()
            .is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        is_named && !parts.any(is_refusal)
    })
}

/// A weight of nothing means "not this".
fn is_refusal(parameter: &str) -> bool {
    let weight = parameter
        .strip_prefix("q=")
        .or_else(|| parameter.strip_prefix("Q="));
    weight.is_some_and(|weight| weight.parse() == Ok(0.0_f32))
}

/// A body, with the status and the media type that it is sent with.
pub struct ErrorBody<'a> {
    pub status: StatusCode,
    pub media_type: &'static str,
    pub members: Members<'a>,
}

impl<'a> ErrorBody<'a> {
    /// `public_url` is what the service is called from outside, or empty if that is not set.
    pub fn new(
        failure: &Failure,
        described: &'a Described,
        request_id: &'a str,
        public_url: &str,
        form: ErrorForm,
    ) -> Self {
        let status = StatusCode::from_u16(described.code.status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let oauth = match form {
            ErrorForm::Problem => None,
            ErrorForm::OAuthProblem | ErrorForm::OAuthJson => {
                Some(OAuthError::new(failure, described))
            }
        };
        let media_type = match form {
            ErrorForm::OAuthJson => JSON,
            ErrorForm::Problem | ErrorForm::OAuthProblem => PROBLEM_JSON,
        };
        match oauth {
            Some(error) if status == StatusCode::BAD_REQUEST || error.is_grant_error() => Self {
                status: StatusCode::BAD_REQUEST,
                media_type: JSON,
                members: Members::OAuth(error),
            },
            oauth => Self {
                status,
                media_type,
                members: Members::Problem(Problem {
                    // RFC 9457 §3.1.1: absolute where the service knows what it is called, else a whole path.
                    r#type: format!("{public_url}{}", described.code.path()),
                    ..Problem::new(status, described, request_id, oauth)
                }),
            },
        }
    }
}

/// What stands in a body.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Members<'a> {
    Problem(Problem<'a>),
    /// With status 400.
    OAuth(OAuthError<'a>),
}

#[derive(Serialize)]
pub struct Problem<'a> {
    r#type: String,
    title: &'static str,
    status: u16,
    code: &'static str,
    detail: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldProblem<'a>>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    oauth: Option<OAuthError<'a>>,
}

#[derive(Serialize)]
struct FieldProblem<'a> {
    field: &'a str,
    code: &'static str,
    message: &'a str,
}

impl<'a> Problem<'a> {
    fn new(
        status: StatusCode,
        described: &'a Described,
        request_id: &'a str,
        oauth: Option<OAuthError<'a>>,
    ) -> Self {
        let fields = described.errors.iter().map(|error| FieldProblem {
            field: &error.field,
            code: error.code.as_str(),
            message: &error.message,
        });
        Self {
            r#type: described.code.path(),
            title: described.code.title(),
            status: status.as_u16(),
            code: described.code.as_str(),
            detail: &described.detail,
            request_id,
            errors: fields.collect(),
            oauth,
        }
    }
}

/// An error of RFC 6749 §5.2.
#[derive(Serialize)]
pub struct OAuthError<'a> {
    error: &'static str,
    error_description: &'a str,
}

impl<'a> OAuthError<'a> {
    /// The failure in the words of §5.2; its own code where there is no such word (§8.5).
    fn new(failure: &Failure, described: &'a Described) -> Self {
        let (error, error_description) = match failure {
            Failure::OAuthRequest { error, .. } => (*error, described.detail.as_str()),
            Failure::Malformed { .. } => ("invalid_request", described.detail.as_str()),
            Failure::Domain(Error::LoginRefused) => (INVALID_GRANT, "Wrong username or password."),
            Failure::Domain(Error::InvalidRefreshToken) => {
                (INVALID_GRANT, "The refresh token is not valid.")
            }
            Failure::Domain(Error::SessionOver) => (
                INVALID_GRANT,
                "The session has reached its maximum age. Log in again.",
            ),
            Failure::Domain(Error::RefreshTokenReused) => (
                INVALID_GRANT,
                "The refresh token was used before. Its session has ended. Log in again.",
            ),
            Failure::Domain(Error::InvalidScope) => {
                (INVALID_SCOPE, "The account does not have this scope.")
            }
            _ => (described.code.as_str(), described.detail.as_str()),
        };
        Self {
            error,
            error_description,
        }
    }

    /// Refusals of the grant itself have status 400 whatever they would have elsewhere.
    fn is_grant_error(&self) -> bool {
        matches!(self.error, INVALID_GRANT | INVALID_SCOPE)
    }
}

const INVALID_GRANT: &str = "invalid_grant";
const INVALID_SCOPE: &str = "invalid_scope";

/// RFC 6750 §3: an error code only where a token was sent. RFC 9470 §3: how young the proof has to be.
pub(super) fn challenge(code: Code) -> HeaderValue {
    // As long as `domain::FRESH`; a test compares them.
    HeaderValue::from_static(match code {
        Code::InvalidAccessToken => r#"Bearer realm="vestibule", error="invalid_token""#,
        Code::InsufficientUserAuthentication => {
            r#"Bearer realm="vestibule", error="insufficient_user_authentication", error_description="A login or reauthentication less than 10 minutes ago is needed", max_age="600""#
        }
        _ => r#"Bearer realm="vestibule""#,
    })
}

/// Rounded up, at least one, so that a retry at that time is not too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration
        .as_millis()
        .div_ceil(1000)
        .max(1)
        .try_into()
        .unwrap_or(u64::MAX)
}

impl Failure {
    /// The answer to send. `public_url` is what the service is called from outside, or empty if that is not set.
    pub fn answer(&self, request_id: &str, public_url: &str, form: ErrorForm) -> Response {
        let described = self.describe();
        let body = ErrorBody::new(self, &described, request_id, public_url, form);
        let mut response = Response::builder()
            .status(body.status)
            .content_type(body.media_type)
            .body(serde_json::to_vec(&body.members).map_or_else(|_| Body::empty(), Body::from));
        let is_unauthorized = response.status() == StatusCode::UNAUTHORIZED;
        let headers = response.headers_mut();
        if let Some(retry_after) = described.retry_after {
            let seconds = HeaderValue::from(whole_seconds(retry_after));
            headers.insert(header::RETRY_AFTER, seconds);
        }
        if is_unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, challenge(described.code));
        }
        // RFC 6750 §3.1.
        if let Self::Domain(Error::InsufficientScope(permission)) = self
            && let Ok(challenge) = format!(
                r#"Bearer realm="vestibule", error="insufficient_scope", scope="{permission}""#
            )
            .parse()
        {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        self.add_what_is_accepted(headers);
        response
    }

    /// Says in headers what would be taken instead.
    fn add_what_is_accepted(&self, headers: &mut HeaderMap) {
        match self {
            Self::MethodNotAllowed { allow } => {
                if let Ok(allow) = allow.parse() {
                    headers.insert(header::ALLOW, allow);
                }
            }
            // RFC 9110 §15.5.16; RFC 5789 §2.2.
            Self::UnsupportedMediaType { expected, is_patch } => {
                headers.insert(header::ACCEPT, HeaderValue::from_static(expected));
                if *is_patch {
                    headers.insert(ACCEPT_PATCH, ACCEPTED_PATCHES);
                }
            }
            Self::ContentCoding => {
                let identity = HeaderValue::from_static("identity");
                headers.insert(header::ACCEPT_ENCODING, identity);
            }
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(accept: &[&'static str]) -> HeaderMap {
        let values = accept.iter().map(|value| HeaderValue::from_static(value));
        values.map(|value| (header::ACCEPT, value)).collect()
    }

    #[test]
    fn json_has_to_be_named_and_problem_details_not() {
        let form = |accept: &[&'static str]| {
            let headers = headers(accept);
            accepts(&headers, JSON) && !accepts(&headers, PROBLEM_JSON)
        };
        for json in [
            &["application/json"][..],
            &["text/html, Application/JSON;q=0.9, */*"],
            &["application/json; charset=utf-8"],
            &["text/html", "application/json"],
            &["application/json, application/problem+json;q=0"],
        ] {
            assert!(form(json), "{json:?}");
        }
        for problem in [
            &[][..],
            &["*/*"],
            &["application/*"],
            &["application/problem+json, application/json"],
            &["application/json", "application/problem+json"],
            &["application/json;q=0"],
            &["application/json; q=0.000, */*"],
            &["application/jsonp"],
        ] {
            assert!(!form(problem), "{problem:?}");
        }
    }
}
