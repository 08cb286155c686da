//! Roles and permissions: what there is, and who may hand it out.

use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::{Actor, Error, FieldCode, FieldError, Precondition, Result, Services, User};
use crate::ids::UserId;
use crate::store::db::Tx;
pub use crate::store::roles::{ADMIN, USER};
use crate::store::users::{self, Changes};
use crate::store::{one_time_tokens, roles};

pub const USERS_READ: &str = "users:read";
pub const USERS_WRITE: &str = "users:write";
pub const SESSIONS_WRITE: &str = "sessions:write";
pub const ROLES_READ: &str = "roles:read";
pub const ROLES_WRITE: &str = "roles:write";
pub const AUDIT_READ: &str = "audit:read";
pub const TOKENS_INTROSPECT: &str = "tokens:introspect";

/// The permissions of the service's own, with what they allow.
pub const PERMISSIONS: &[(&str, &str)] = &[
    (USERS_READ, "List users and look at one."),
    (USERS_WRITE, "Create, change, disable and delete users."),
    (SESSIONS_WRITE, "See and end the sessions of users."),
    (ROLES_READ, "List roles and look at one."),
    (
        ROLES_WRITE,
        "Create and change roles and grant them to users.",
    ),
    (AUDIT_READ, "Read the audit log."),
    (TOKENS_INTROSPECT, "Ask whether a token is good."),
];

/// Gives a user exactly these roles.
///
/// # Errors
/// [`Error::PermissionDenied`] when a role or the user holds a permission that the actor lacks, [`Error::NotFound`],
/// [`Error::Invalid`] for a role that does not exist, [`Error::PreconditionFailed`], [`Error::LastAdmin`].
pub async fn set(
    services: &Services,
    actor: &Actor,
    user_id: UserId,
    wanted: Vec<String>,
    precondition: Precondition,
) -> Result<User> {
    actor.require(ROLES_WRITE)?;
    check_count(&wanted)?;
    let (actor, now) = (actor.clone(), services.now());
    let event = Event::by(services, &actor, "user.roles_changed")
        .on(user_id)
        .with_permission();
    services
        .db
        .write(async move |tx| {
            let actor = actor.renewed(tx, now).await?;
            actor.require(ROLES_WRITE)?;
            users::lock(tx, user_id).await?;
            let user = users::find(tx, user_id).await?.ok_or(Error::NotFound)?;
            require_authority(tx, &actor, user_id).await?;
            require_grantable(tx, &actor, &wanted).await?;
            precondition.check(&user)?;
            keep_an_admin(tx, user_id, now, async |tx| {
                for role in user.roles.iter().filter(|role| !wanted.contains(role)) {
                    roles::withdraw(tx, user_id, role).await?;
                }
                for role in &wanted {
                    roles::grant(tx, user_id, role).await?;
                }
                Ok(users::update(tx, user_id, &Changes::default(), now).await?)
            })
            .await?;
            one_time_tokens::revoke_given(tx, user_id).await?;
            let data = serde_json::json!({ "from": user.roles, "to": wanted });
            event.clone().with(data).record(tx).await?;
            users::find(tx, user_id).await?.ok_or(Error::NotFound)
        })
        .await
}

/// Whether there is an active administrator.
pub async fn has_admin(services: &Services) -> Result<bool> {
    let mut tx = services.db.read().await?;
    Ok(roles::has_active_holder(&mut tx, ADMIN).await?)
}

/// Roles that one user may be given.
pub const MAX_ROLES: usize = 64;

/// Fails if there are more than a user can need.
pub(in crate::domain) fn check_count(names: &[String]) -> Result<()> {
    if names.len() <= MAX_ROLES {
        Ok(())
    } else {
        Err(FieldError::new("roles", FieldCode::TooLong, "Give at most 64 roles.").into())
    }
}

/// Fails unless every role exists and the actor has every permission that it gives.
pub(in crate::domain) async fn require_grantable(
    tx: &mut Tx<'_>,
    actor: &Actor,
    names: &[String],
) -> Result<()> {
    for (index, name) in names.iter().enumerate() {
        let Some(permissions) = roles::permissions(tx, name).await? else {
            let field = format!("roles[{index}]");
            return Err(
                FieldError::new(&field, FieldCode::UnknownRole, "There is no such role.").into(),
            );
        };
        actor.require_all(&permissions)?;
    }
    Ok(())
}

/// Runs a change of a user and undoes it when no active administrator is left. Two such changes at one moment run one
/// after the other, so that they cannot each rely on the administrator whom the other takes away.
///
/// # Errors
/// [`Error::LastAdmin`]; [`Error::NotFound`] if `change` found no user to change.
pub(in crate::domain) async fn keep_an_admin(
    tx: &mut Tx<'_>,
    user_id: UserId,
    now: Timestamp,
    change: impl AsyncFnOnce(&mut Tx<'_>) -> Result<bool>,
) -> Result<()> {
    let user = users::find(tx, user_id).await?.ok_or(Error::NotFound)?;
    let is_admin = user.is_active && user.roles.iter().any(|role| role == ADMIN);
    if is_admin {
        roles::lock(tx, ADMIN, now).await?;
    }
    if !change(tx).await? {
        return Err(Error::NotFound);
    }
    if is_admin && !roles::has_active_holder(tx, ADMIN).await? {
        return Err(Error::LastAdmin);
    }
    Ok(())
}

/// Fails unless the actor has every permission that this user has by their roles: with less the actor could take over an account
/// that may do more.
pub(in crate::domain) async fn require_authority(
    tx: &mut Tx<'_>,
    actor: &Actor,
    user_id: UserId,
) -> Result<()> {
    actor.require_all(&roles::permissions_of(tx, user_id).await?)
}
