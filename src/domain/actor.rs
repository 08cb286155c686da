//! Whoever asks: a user in a live session, and what he may do there.

use std::time::Duration;

use super::{Error, Origin, Result, scope};
use crate::clock::Timestamp;
use crate::ids::{SessionId, UserId};
use crate::store::db::Tx;
use crate::store::sessions::{self, Authenticated, Session};
use crate::store::users::{self, User};

/// How long after the password was given the steps that ask for it may be taken.
pub const FRESH: Duration = Duration::from_secs(10 * 60);

/// Somebody who is logged in.
#[derive(Debug, Clone)]
pub struct Actor {
    pub user: User,
    pub session: Session,
    pub origin: Origin,
    /// By way of roles and within the session's scope.
    permissions: Vec<String>,
    /// By way of roles alone.
    role_permissions: Vec<String>,
    /// When the password was given before the access token was made. Not the session's own time: another token of the
    /// session, stolen earlier, gains nothing when its owner gives the password again.
    authenticated_at: Timestamp,
}

impl Actor {
    pub(super) fn new(
        authenticated: Authenticated,
        authenticated_at: Timestamp,
        origin: Origin,
    ) -> Self {
        Self {
            authenticated_at,
            permissions: scope::narrow(
                authenticated.permissions.clone(),
                &authenticated.session.scope,
            ),
            role_permissions: authenticated.permissions,
            user: authenticated.user,
            session: authenticated.session,
            origin,
        }
    }

    /// The same actor as he is now, in the unit of work that acts for him: meanwhile he may have lost his session or his
    /// permissions. Whatever else takes them from him waits until this unit is over, or has been waited for here: nothing is done
    /// with the rights of a moment ago.
    ///
    /// # Errors
    /// [`Error::InvalidAccessToken`].
    pub(super) async fn renewed(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Self> {
        users::lock(tx, self.user.id).await?;
        let found = sessions::authenticate(tx, self.session.id, now).await?;
        let found = found.ok_or(Error::InvalidAccessToken)?;
        Ok(Self::new(found, self.authenticated_at, self.origin.clone()))
    }

    pub fn id(&self) -> UserId {
        self.user.id
    }

    pub fn session_id(&self) -> SessionId {
        self.session.id
    }

    /// Whether he has this permission in this session.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }

    /// Fails without this permission.
    pub fn require(&self, permission: &str) -> Result<()> {
        if self.may(permission) {
            Ok(())
        } else if self.role_permissions.iter().any(|held| held == permission) {
            Err(Error::InsufficientScope(permission.to_owned()))
        } else {
            Err(Error::PermissionDenied(permission.to_owned()))
        }
    }

    /// Fails unless he has every one of these permissions: nobody grants what he lacks, or rules over who has more.
    pub fn require_all(&self, permissions: &[String]) -> Result<()> {
        permissions
            .iter()
            .try_for_each(|permission| self.require(permission))
    }

    /// Fails when the password was given too long ago.
    pub fn require_fresh(&self, now: Timestamp) -> Result<()> {
        if now.since(self.authenticated_at) < FRESH {
            Ok(())
        } else {
            Err(Error::ReauthenticationRequired)
        }
    }
}
