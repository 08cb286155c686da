//! What operations say of themselves.

use poem_openapi::Tags;

use crate::http::code::Code;

/// What the server, the specification and the tests know of an operation besides its types. Its summary and description are
/// the documentation of its handler.
#[derive(Debug)]
pub struct Operation {
    /// `operationId` in the specification.
    pub id: &'static str,
    /// As in the specification: `/users/{id}`.
    pub path: &'static str,
    /// The scope that the session has to have: a permission, or the own account. `None`: any, or no session at all.
    pub scope: Option<&'static str>,
    /// It belongs to OAuth 2.0: RFC 6749, RFC 7009 and RFC 7662 say what its errors look like.
    pub is_oauth: bool,
    /// Its failures are failed logins.
    pub is_login: bool,
    /// Monitors ask it all the time: no rate limit, and no line in the log when all is well.
    pub is_probe: bool,
    /// What to send, where there is a body.
    pub body: &'static str,
    /// What comes back.
    pub success: &'static str,
    /// What comes back with 202, where that is something else.
    pub accepted: Option<&'static str>,
    /// What it may answer besides success and besides what the shape of its request brings.
    pub failures: &'static [Code],
}

impl Operation {
    /// An operation of which nothing else is known.
    pub const fn at(id: &'static str, path: &'static str) -> Self {
        Self {
            id,
            path,
            scope: None,
            is_oauth: false,
            is_login: false,
            is_probe: false,
            body: "",
            success: "",
            accepted: None,
            failures: &[],
        }
    }

    /// What comes back with a status.
    pub fn success(&self, status: &str) -> &'static str {
        match self.accepted {
            Some(accepted) if status == "202" => accepted,
            _ => self.success,
        }
    }
}

/// The tags.
#[derive(Tags)]
#[oai(rename_all = "lowercase")]
pub enum Tag {
    /// Registration, login and tokens.
    Auth,
    /// Mail: verification of addresses, password resets, login codes.
    Email,
    /// The account of the logged-in user.
    Account,
    /// Administration of users.
    Users,
    /// Health and readiness.
    Service,
}
