//! Objects that several operations answer with.

use poem_openapi::{Enum, Object};
use serde::Serialize;
use uuid::Uuid;

use super::answer::{Changed, Created, Tagged};
use super::fields::{DateTime, Nullable, Seconds, UnixTime};
use crate::domain;
use crate::domain::authentication::introspection::Active;
use crate::domain::authentication::tokens::TokenPair;

/// An account.
#[derive(Debug, Object, Serialize)]
#[oai(read_only_all)]
pub struct User {
    /// Never changes and is never given to another account.
    pub id: Uuid,
    /// As its owner wrote it. The domain is in ASCII.
    pub email: String,
    /// Unique without regard to case.
    pub username: String,
    /// The user's name as people write it. `null` if there is none.
    pub full_name: Nullable<String>,
    /// Whether the address is verified.
    pub email_verified: bool,
    /// A disabled account cannot log in.
    pub is_active: bool,
    /// Names of the user's roles, in alphabetical order.
    pub roles: Vec<String>,
    /// Whether a second factor is set up.
    pub mfa_enabled: bool,
    /// When the account was created.
    pub created_at: DateTime,
    /// When it last changed.
    pub updated_at: DateTime,
    /// When the user last logged in. `null` before the first login.
    pub last_login_at: Nullable<DateTime>,
}

impl From<domain::User> for User {
    fn from(user: domain::User) -> Self {
        Self {
            id: user.id.0,
            email: user.email,
            username: user.username,
            full_name: Nullable(user.full_name),
            email_verified: user.email_verified,
            is_active: user.is_active,
            roles: user.roles,
            // There is no second factor to set up yet.
            mfa_enabled: false,
            created_at: DateTime(user.created_at),
            updated_at: DateTime(user.updated_at),
            last_login_at: Nullable(user.last_login_at.map(DateTime)),
        }
    }
}

impl Tagged<Created<User>> {
    /// Says that an account was made, and where it is.
    pub fn created(location: impl Into<String>, user: domain::User) -> Self {
        Self {
            revision: user.revision(),
            answer: Created {
                location: location.into(),
                body: user.into(),
            },
        }
    }
}

impl Tagged<Changed<User>> {
    /// Shows an account after a change of it.
    pub fn changed(location: impl Into<String>, user: domain::User) -> Self {
        Self {
            revision: user.revision(),
            answer: Changed {
                location: location.into(),
                body: user.into(),
            },
        }
    }
}

/// An access token and the refresh token that replaces it (RFC 6749 §5.1).
#[derive(Object, Serialize)]
#[oai(read_only_all)]
pub struct Token {
    /// A JWT (RFC 9068) for the header `Authorization: Bearer`.
    pub access_token: String,
    pub token_type: TokenType,
    /// Seconds until the access token expires.
    pub expires_in: Seconds,
    /// Opaque. It works for one refresh.
    pub refresh_token: String,
    /// Seconds until the refresh token expires.
    pub refresh_expires_in: Seconds,
    /// What the access token may be used for, separated by spaces.
    pub scope: String,
}

/// Always `bearer` (RFC 6750).
#[derive(Debug, Clone, Copy, Default, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum TokenType {
    #[default]
    Bearer,
}

impl From<TokenPair> for Token {
    fn from(pair: TokenPair) -> Self {
        Self {
            access_token: pair.access_token,
            token_type: TokenType::Bearer,
            expires_in: Seconds(pair.expires_in.as_secs()),
            refresh_token: pair.refresh_token,
            refresh_expires_in: Seconds(pair.refresh_expires_in.as_secs()),
            scope: pair.scope,
        }
    }
}

/// Details of a token (RFC 7662 §2.2). Of an invalid one only `active`.
#[derive(Debug, Default, Object, Serialize)]
#[oai(read_only_all, skip_serializing_if_is_none)]
pub struct Introspection {
    /// Whether the token is valid. The other members are present only if it is.
    active: bool,
    /// What the token may be used for now, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    /// The user's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// How an access token is used (RFC 6749 §7.1). A refresh token has no such type.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<AccessTokenType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_use: Option<TokenKind>,
    /// When it expires: Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<UnixTime>,
    /// When an access token was issued: Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<UnixTime>,
    /// When an access token becomes valid: Unix time.
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<UnixTime>,
    /// The user's id, as in `GET /users/{id}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<Uuid>,
    /// The audience of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<String>,
    /// The issuer of an access token.
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<String>,
    /// The access token's own id.
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<Uuid>,
    /// The session's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<Uuid>,
}

/// Always `Bearer` (RFC 6750).
#[derive(Debug, Clone, Copy, Default, Enum, Serialize)]
pub enum AccessTokenType {
    #[default]
    Bearer,
}

/// The kind of the token. Only an access token is accepted by the API.
#[derive(Debug, Clone, Copy, Default, Enum, Serialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    #[default]
    AccessToken,
    RefreshToken,
}

impl From<Active> for Introspection {
    fn from(active: Active) -> Self {
        let kind = if active.access.is_some() {
            TokenKind::AccessToken
        } else {
            TokenKind::RefreshToken
        };
        let access = active.access.as_ref();
        Self {
            active: true,
            scope: Some(active.scope),
            username: Some(active.username),
            token_type: access.map(|_| AccessTokenType::Bearer),
            token_use: Some(kind),
            exp: Some(UnixTime(active.expires_at.seconds())),
            iat: access.map(|claims| UnixTime(claims.issued_at.seconds())),
            nbf: access.map(|claims| UnixTime(claims.not_before.seconds())),
            jti: access.map(|claims| claims.jti),
            sub: Some(active.user_id.0),
            sid: Some(active.session_id.0),
            iss: active.access.as_ref().map(|claims| claims.issuer.clone()),
            aud: active.access.map(|claims| claims.audience),
        }
    }
}
