//! What the log says of requests: one line each, and a warning for each failed login. docs/operations/logging.md describes both, and
//! filters such as fail2ban's read them: the client's address and the reason are in them, names and secrets never are.

use std::time::Duration;

use poem::http::{Method, StatusCode};

use super::context::Context;
use super::problem::Failure;
use super::routes::Handling;
use crate::domain::Error;

/// The one line of a request in the access log; also of one whose client did not wait for the answer.
pub struct AccessLine<'a> {
    pub method: Method,
    /// The template of the route: a path may hold what a client made up.
    pub route: &'a str,
    pub handling: Handling,
    pub context: &'a Context,
    pub began: Duration,
    /// `None` while there is no answer.
    pub status: Option<StatusCode>,
}

/// What nginx logs for a client that has gone.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// The method, or `_OTHER` where the client made one up: it would set the length of the line.
pub fn method_name(method: &Method) -> &str {
    let is_known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
        Method::OPTIONS,
        Method::TRACE,
        Method::CONNECT,
    ]
    .contains(method);
    if is_known { method.as_str() } else { "_OTHER" }
}

impl AccessLine<'_> {
    /// Tells of the failure that a request ends with, where the access line is not enough.
    pub fn explain(&self, failure: &Failure) {
        if let Some(message) = failure.for_log() {
            tracing::error!(
                request.id = %self.context.request_id,
                error = message,
                "request failed"
            );
        }
        if let Some(reason) = failed_login(failure, self.handling.is_login) {
            // The order is a promise: filters find the address right behind the message, where no client can write.
            tracing::event!(
                target: "vestibule::access",
                tracing::Level::WARN,
                client.ip = %self.context.origin.ip,
                reason = reason,
                http.route = self.route,
                request.id = self.context.request_id.as_str(),
                "login failed"
            );
        }
    }
}

impl Drop for AccessLine<'_> {
    fn drop(&mut self) {
        let elapsed = self
            .context
            .services
            .clock
            .monotonic()
            .saturating_sub(self.began);
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    target: "vestibule::access",
                    $level,
                    client.ip = %self.context.origin.ip,
                    http.method = method_name(&self.method),
                    http.route = self.route,
                    http.status = self.status.map_or(CLIENT_CLOSED_REQUEST, |status| status.as_u16()),
                    duration.ms = elapsed.as_micros() as f64 / 1000.0,
                    request.id = self.context.request_id.as_str(),
                    user.id = self.context.user_id.get().map(tracing::field::display),
                    "request"
                )
            };
        }
        // Probes that found what they hoped for would be most of the log.
        if self.handling.is_probe && self.status.is_some_and(|status| status.is_success()) {
            line!(tracing::Level::DEBUG);
        } else {
            line!(tracing::Level::INFO);
        }
    }
}

/// Why a proof of identity was not accepted: a password or a code at a login, or a password within a session.
fn failed_login(failure: &Failure, is_login: bool) -> Option<&'static str> {
    let Failure::Domain(error) = failure else {
        return None;
    };
    match error {
        Error::LoginRefused | Error::WrongPassword => Some("wrong_password"),
        Error::AccountThrottled { .. } => Some("account_throttled"),
        Error::AccountDisabled if is_login => Some("account_disabled"),
        Error::EmailNotVerified if is_login => Some("email_not_verified"),
        Error::InvalidToken if is_login => Some("wrong_code"),
        Error::AccountDisabled
        | Error::EmailNotVerified
        // Links of mails: 256 bits, which cannot be guessed.
        | Error::InvalidToken
        // The same holds for tokens; honest clients send expired ones.
        | Error::InvalidAccessToken
        | Error::InvalidRefreshToken
        | Error::RefreshTokenReused
        | Error::SessionOver
        // The login itself was right, or was not judged.
        | Error::InvalidScope
        | Error::PermissionDenied(_)
        | Error::InsufficientScope(_)
        | Error::EmailLoginDisabled
        | Error::RegistrationDisabled
        | Error::InsufficientUserAuthentication
        | Error::NotFound
        | Error::EmailTaken
        | Error::UsernameTaken
        | Error::LastAdmin
        | Error::PreconditionFailed
        | Error::IdempotencyKeyReused
        | Error::Invalid(_)
        | Error::Overloaded { .. }
        | Error::Overtaken
        | Error::Unavailable(_)
        | Error::Internal(_) => None,
    }
}
