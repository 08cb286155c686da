//! Tokens: the keys they are made with, access tokens, refresh tokens, tokens and codes that are good once, what is kept
//! under idempotency keys. Knows no database.

mod access;
mod idempotency;
mod keys;
mod one_time;
mod refresh;
mod secret_key;

pub use access::{AccessTokens, Claims, Grant};
pub use idempotency::{Envelope, Envelopes};
pub use keys::Keys;
pub use one_time::{Mailed, OneTimeToken};
pub use refresh::{RefreshToken, RefreshTokens};
pub use secret_key::{Error as SecretKeyError, Found, SecretKey};
