//! Who asks: a user in a live session, and what they may do there.

use std::time::Duration;

use super::scope::{self, Granted};
use crate::clock::{LEEWAY, Timestamp};
use crate::domain::{Error, Origin, Result};
use crate::ids::{SessionId, UserId};
use crate::store::db::Tx;
use crate::store::sessions::{self, Authenticated, Lifetimes, Session};
use crate::store::users::{self, User};

/// How long after the last authentication of the session operations with step-up are allowed.
pub const FRESH: Duration = Duration::from_secs(10 * 60);

/// A user who is logged in.
#[derive(Debug, Clone)]
pub struct Actor {
    pub user: User,
    pub session: Session,
    pub origin: Origin,
    /// By way of roles and within the session's scope.
    granted: Granted,
    /// By way of roles alone.
    role_permissions: Vec<String>,
    /// Number of the access token.
    counter: i64,
    lifetimes: Lifetimes,
}

impl Actor {
    pub(in crate::domain) fn new(
        authenticated: Authenticated,
        counter: i64,
        lifetimes: Lifetimes,
        origin: Origin,
    ) -> Self {
        Self {
            counter,
            lifetimes,
            granted: Granted::new(
                authenticated.permissions.clone(),
                &authenticated.session.scope,
            ),
            role_permissions: authenticated.permissions,
            user: authenticated.user,
            session: authenticated.session,
            origin,
        }
    }

    /// The same actor as they are now, in the unit of work that acts for them: meanwhile they may have lost their session or
    /// their permissions, or their access token may have been left behind. Whatever else takes them away waits until this unit
    /// is over, or has been waited for here: nothing is done with the rights of a moment ago.
    ///
    /// # Errors
    /// [`Error::InvalidAccessToken`].
    pub(in crate::domain) async fn renewed(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<Self> {
        users::lock(tx, self.user.id).await?;
        let lifetimes = Lifetimes {
            now,
            ..self.lifetimes
        };
        let found = sessions::authenticate(tx, self.session.id, self.counter, lifetimes).await?;
        let found = found.ok_or(Error::InvalidAccessToken)?;
        Ok(Self::new(
            found,
            self.counter,
            lifetimes,
            self.origin.clone(),
        ))
    }

    pub fn id(&self) -> UserId {
        self.user.id
    }

    pub fn session_id(&self) -> SessionId {
        self.session.id
    }

    /// Whether they have this permission in this session.
    pub fn may(&self, permission: &str) -> bool {
        self.granted.has(permission)
    }

    /// Fails without this permission, or without the scope of the own account.
    pub fn require(&self, permission: &str) -> Result<()> {
        let is_the_users = |name: &str| {
            name == scope::ACCOUNT || self.role_permissions.iter().any(|held| held == name)
        };
        if self.may(permission) {
            Ok(())
        } else if is_the_users(permission) {
            Err(Error::InsufficientScope(permission.to_owned()))
        } else {
            Err(Error::PermissionDenied(permission.to_owned()))
        }
    }

    /// Fails unless the session's scope has the own account.
    pub fn require_account(&self) -> Result<()> {
        self.require(scope::ACCOUNT)
    }

    /// Fails unless they have every one of these permissions: users cannot grant what they lack, or change users who have
    /// more.
    pub fn require_all(&self, permissions: &[String]) -> Result<()> {
        permissions
            .iter()
            .try_for_each(|permission| self.require(permission))
    }

    /// Fails if the last authentication of the session, by a login or reauthentication, is too long ago (RFC 9470). A time in
    /// the future, beyond the leeway for clocks, was written before the clock was set back. Its age is unknown, so it fails.
    pub fn require_fresh(&self, now: Timestamp) -> Result<()> {
        let authenticated_at = self.session.authenticated_at;
        if now.since(authenticated_at) < FRESH && authenticated_at <= now.plus(LEEWAY) {
            Ok(())
        } else {
            Err(Error::InsufficientUserAuthentication)
        }
    }
}
