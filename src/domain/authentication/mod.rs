//! Who is behind an access token.

pub(super) mod asker;
pub(super) mod attempts;
pub(super) mod devices;
pub mod email_login;
pub mod introspection;
pub mod login;
pub(super) mod new_password;
pub(super) mod password_check;
pub mod password_reset;
pub mod reauthentication;
pub mod refresh;
pub mod tokens;
pub(super) mod user_agents;

use super::{Actor, Error, Origin, Result, Services};
use crate::store::sessions;

/// The actor behind an access token, asked of the database: an ended session or a disabled user is out at once.
///
/// # Errors
/// [`Error::InvalidAccessToken`].
pub async fn authenticate(services: &Services, origin: Origin, token: &str) -> Result<Actor> {
    let now = services.now();
    let claims = services
        .access_tokens
        .verify(token, now)
        .ok_or(Error::InvalidAccessToken)?;
    let mut tx = services.db.read().await?;
    let lifetimes = services.lifetimes(now);
    let (id, counter) = (claims.session_id(), claims.counter);
    let authenticated = sessions::authenticate(&mut tx, id, counter, lifetimes).await?;
    authenticated
        .filter(|authenticated| authenticated.user.id == claims.user_id())
        .map(|authenticated| Actor::new(authenticated, counter, lifetimes, origin))
        .ok_or(Error::InvalidAccessToken)
}
