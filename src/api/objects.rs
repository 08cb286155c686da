//! Objects that several operations answer with.

use poem_openapi::Object;
use serde::Serialize;
use uuid::Uuid;

use super::fields::DateTime;
use crate::domain;
use crate::domain::tokens::TokenPair;

/// An account.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
pub struct User {
    /// Never changes and is never given to another account.
    pub id: Uuid,
    /// As its owner spells it; a domain with other letters than ASCII in its ASCII form.
    pub email: String,
    /// Unique without regard to case.
    pub username: String,
    pub full_name: Option<String>,
    /// Whether the address has been shown to belong to the user.
    pub email_verified: bool,
    /// A disabled account cannot log in.
    pub is_active: bool,
    /// Names of the user's roles, in alphabetical order.
    pub roles: Vec<String>,
    /// Whether a second factor is set up.
    pub mfa_enabled: bool,
    pub created_at: DateTime,
    pub updated_at: DateTime,
    pub last_login_at: Option<DateTime>,
}

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        Self {
            id: user.id.0,
            email: user.email,
            username: user.username,
            full_name: user.full_name,
            email_verified: user.email_verified,
            is_active: user.is_active,
            roles: user.roles,
            // There is no second factor to set up yet.
            mfa_enabled: false,
            created_at: DateTime(user.created_at),
            updated_at: DateTime(user.updated_at),
            last_login_at: user.last_login_at.map(DateTime),
        }
    }
}

/// An access token and the refresh token that replaces it (RFC 6749 §5.1).
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
pub struct Token {
    /// A JWT (RFC 9068) for the header `Authorization: Bearer`.
    pub access_token: String,
    /// Always `bearer`.
    pub token_type: String,
    /// Seconds until the access token expires.
    pub expires_in: u64,
    /// Opaque; good for one refresh.
    pub refresh_token: String,
    /// Seconds until the refresh token expires.
    pub refresh_expires_in: u64,
    /// What the access token may be used for, separated by spaces.
    pub scope: String,
}

impl From<TokenPair> for Token {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token,
            token_type: "bearer".to_owned(),
            expires_in: pair.expires_in.as_secs(),
            refresh_token: pair.refresh_token,
            refresh_expires_in: pair.refresh_expires_in.as_secs(),
            scope: pair.scope,
        }
    }
}
