//! What operations say of themselves.

use poem_openapi::Tags;

use crate::http::code::Code;

/// For each operation what it may answer besides success and besides what the shape of its request brings.
pub type Failures = &'static [(&'static str, &'static [Code])];

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
