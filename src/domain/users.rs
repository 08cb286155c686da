//! Users in the hands of administrators.

use super::audit::Event;
use super::authentication::password_reset::forget_ways_in;
use super::authorization::roles::{
    ROLES_WRITE, USER, USERS_READ, USERS_WRITE, check_count, keep_an_admin, require_authority,
    require_grantable,
};
use super::email::outbox::Mail;
use super::email::{Start, held};
use super::idempotency::Once;
use super::registration::NewAccount;
use super::{
    Actor, Email, Error, FieldCode, FieldError, FullName, Invalid, Password, Precondition, Result,
    Services, User, Username,
};
use crate::ids::UserId;
use crate::mail::Kind;
use crate::password::{Caller, Standing};
use crate::store::db::{self, Tx};
use crate::store::sessions::{self, Which};
use crate::store::users::{self, Changes, Filter};
use crate::store::{audit, roles};

/// Which users to list.
#[derive(Debug, Default)]
pub struct Query {
    /// Start of an e-mail address or username, in any case.
    pub prefix: Option<String>,
    pub role: Option<String>,
    pub is_active: Option<bool>,
    /// The last user of the page before.
    pub after: Option<UserId>,
    pub limit: usize,
}

/// One page of users, newest first.
#[derive(Debug)]
pub struct Page {
    pub items: Vec<User>,
    /// Where the next page starts, when there is one.
    pub next: Option<UserId>,
}

/// Lists users.
pub async fn list(services: &Services, actor: &Actor, query: Query) -> Result<Page> {
    actor.require(USERS_READ)?;
    let start = query.prefix.as_deref().and_then(Start::of);
    let filter = Filter {
        prefix: start.as_ref().map(|start| start.key.clone()),
        role: query.role,
        is_active: query.is_active,
    };
    let limit = query.limit;
    // One more than asked for tells whether there is a next page.
    let fetch = i64::try_from(limit + 1).unwrap_or(i64::MAX);
    let mut items = services
        .db
        .scan(async move |tx| {
            let (mut items, mut after) = (Vec::new(), query.after);
            loop {
                let page = users::page(tx, &filter, after, fetch).await?;
                let is_last = page.len() < limit + 1;
                after = page.last().map(|user| user.id);
                let is_found = |user: &User| start.as_ref().is_none_or(|it| it.is_of(&user.email));
                items.extend(page.into_iter().filter(is_found));
                if is_last || items.len() > limit {
                    return Ok::<_, db::Error>(items);
                }
            }
        })
        .await?;
    let has_more = items.len() > limit;
    items.truncate(limit);
    let next = items.last().filter(|_| has_more).map(|user| user.id);
    Ok(Page { items, next })
}

/// Looks at one user.
pub async fn find(services: &Services, actor: &Actor, id: UserId) -> Result<User> {
    actor.require(USERS_READ)?;
    let mut tx = services.db.read().await?;
    users::find(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// An account that an administrator makes.
#[derive(Debug)]
pub struct NewUser {
    pub email: Email,
    pub username: Username,
    pub full_name: FullName,
    /// Without one the user cannot log in until a password is set.
    pub password: Option<Password>,
    /// Instead of the role `user`.
    pub roles: Option<Vec<String>>,
    pub email_verified: bool,
}

/// Fails for an administrator who may not make such an account now, whether or not an earlier request has made it.
///
/// # Errors
/// [`Error::PermissionDenied`], [`Error::InsufficientScope`].
pub fn require_may_create(actor: &Actor, new: &NewUser) -> Result<()> {
    actor.require(USERS_WRITE)?;
    if new.roles.is_some() {
        actor.require(ROLES_WRITE)?;
    }
    Ok(())
}

/// Creates an account for a user; only once if there is a key.
///
/// # Errors
/// [`Error::EmailTaken`], [`Error::UsernameTaken`], [`Error::PermissionDenied`] for roles that the actor may not grant.
pub async fn create(
    services: &Services,
    actor: &Actor,
    new: NewUser,
    once: Option<Once<User>>,
) -> Result<User> {
    require_may_create(actor, &new)?;
    if let Some(roles) = &new.roles {
        check_count(roles)?;
    }
    let roles = new.roles.unwrap_or_else(|| vec![USER.to_owned()]);
    let account = NewAccount {
        email: new.email,
        username: new.username,
        full_name: new.full_name,
        password: new.password,
        email_verified: new.email_verified,
        locale: None,
        roles: roles.clone(),
        place: None,
    };
    let event = |id| {
        Event::by(services, actor, "user.created")
            .on(id)
            .with_permission()
    };
    let caller = actor.origin.known(Standing::LiveSession, actor.id());
    let acting = actor.clone();
    let check = async move |tx: &mut Tx<'_>, now| {
        let actor = acting.renewed(tx, now).await?;
        actor.require(USERS_WRITE)?;
        require_grantable(tx, &actor, &roles).await
    };
    let made = account.make(services, caller, once, event, check).await?;
    services.outbox.wake();
    Ok(made)
}

/// What an administrator changes; `None` leaves it.
#[derive(Debug, Default)]
pub struct Update {
    pub email: Option<Email>,
    pub username: Option<Username>,
    pub full_name: Option<FullName>,
    pub is_active: Option<bool>,
    pub email_verified: Option<bool>,
}

/// Changes a user. Disabling one ends their sessions; a new address counts as unverified unless said otherwise.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PermissionDenied`] when the user has a permission that the actor lacks,
/// [`Error::PreconditionFailed`], [`Error::LastAdmin`], [`Error::EmailTaken`], [`Error::UsernameTaken`],
/// [`Error::Invalid`] for the own address, which is changed elsewhere; [`Error::InsufficientScope`], and
/// [`Error::InsufficientUserAuthentication`] for the own username or end: what the own account asks for is asked for here too.
pub async fn update(
    services: &Services,
    actor: &Actor,
    id: UserId,
    update: Update,
    precondition: Precondition,
) -> Result<User> {
    actor.require(USERS_WRITE)?;
    let (actor, now) = (actor.clone(), services.now());
    if actor.id() == id {
        actor.require_account()?;
    }
    let event = Event::by(services, &actor, "user.changed")
        .on(id)
        .with_permission()
        .with(serde_json::json!({
            "fields": update.changed_fields(),
            "is_active": update.is_active,
        }));
    let told = update.email.as_ref().map(|email| {
        let notice = Mail::to_address(services, Kind::EmailChanged, "").with_email(email.as_str());
        let verification = Mail::to_user(services, Kind::VerifyEmail, id, email.as_str());
        (notice, verification)
    });
    let is_noticed = services.policy.notices.email_changed;
    let updated = services
        .db
        .write(async move |tx| {
            let actor = actor.renewed(tx, now).await?;
            actor.require(USERS_WRITE)?;
            users::lock(tx, id).await?;
            let user = users::find(tx, id).await?.ok_or(Error::NotFound)?;
            require_authority(tx, &actor, id).await?;
            precondition.check(&user)?;
            // An administrator's unlocked screen is no way to take the account over.
            if actor.id() == id {
                update.refuse_own_address(&user)?;
                if update.takes_over(&user) {
                    actor.require_fresh(now)?;
                }
            }
            if update.changed_fields().is_empty() {
                return Ok(user);
            }
            let is_new_address = update.email.as_ref().is_some_and(|email| {
                Email::parse("email", &user.email).map_or(true, |old| old.key() != email.key())
            });
            let changes = Changes {
                email: update
                    .email
                    .as_ref()
                    .map(|email| (email.as_str(), email.key())),
                username: update
                    .username
                    .as_ref()
                    .map(|name| (name.as_str(), name.key())),
                full_name: update.full_name.as_ref().map(FullName::as_deref),
                is_active: update.is_active,
                email_verified: update.email_verified.or(is_new_address.then_some(false)),
            };
            keep_an_admin(tx, id, now, async |tx| {
                Ok(users::update(tx, id, &changes, now).await?)
            })
            .await?;
            if let Some(email) = update.email.as_ref().filter(|_| is_new_address) {
                held::refuse_held(tx, email.key(), Some(id), now).await?;
            }
            if update.is_active == Some(false) {
                sessions::revoke(tx, id, Which::All, now).await?;
                // Enabled again, the account is not open to links and codes of before.
                forget_ways_in(tx, id).await?;
            }
            if let Some((notice, verification)) = told.as_ref().filter(|_| is_new_address) {
                forget_ways_in(tx, id).await?;
                if is_noticed {
                    let notice = notice.clone().readdressed(id, &user.email);
                    notice.enqueue(tx).await?;
                }
                if changes.email_verified == Some(false) {
                    verification.enqueue(tx).await?;
                }
            }
            event.record(tx).await?;
            users::find(tx, id).await?.ok_or(Error::NotFound)
        })
        .await?;
    services.outbox.wake();
    Ok(updated)
}

impl Update {
    /// The own address is changed with the password, and with a mail that proves it, or not at all. What it is already may be
    /// sent along.
    fn refuse_own_address(&self, user: &User) -> Result<()> {
        let mut invalid = Invalid::default();
        let mut refuse = |field, message| {
            let error = FieldError::new(field, FieldCode::ReadOnly, message);
            invalid.0.push(error);
        };
        let is_new = |email: &Email| email.as_str() != user.email;
        if self.email.as_ref().is_some_and(is_new) {
            refuse(
                "email",
                "Change your own address with POST /users/me/email.",
            );
        }
        if self
            .email_verified
            .is_some_and(|it| it != user.email_verified)
        {
            refuse(
                "email_verified",
                "Prove your own address with the link of a mail.",
            );
        }
        invalid.check()
    }

    /// Whether the user's owner could be shut out by it.
    fn takes_over(&self, user: &User) -> bool {
        let is_new_name = |name: &Username| name.as_str() != user.username;
        self.username.as_ref().is_some_and(is_new_name) || self.is_active == Some(false)
    }

    fn changed_fields(&self) -> Vec<&'static str> {
        [
            (self.email.is_some(), "email"),
            (self.username.is_some(), "username"),
            (self.full_name.is_some(), "full_name"),
            (self.is_active.is_some(), "is_active"),
            (self.email_verified.is_some(), "email_verified"),
        ]
        .into_iter()
        .filter_map(|(is_changed, name)| is_changed.then_some(name))
        .collect()
    }
}

/// Deletes a user for good; the audit log keeps ids.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PermissionDenied`] when the user has a permission that the actor lacks,
/// [`Error::PreconditionFailed`], [`Error::LastAdmin`].
pub async fn delete(
    services: &Services,
    actor: &Actor,
    id: UserId,
    precondition: Precondition,
) -> Result<()> {
    actor.require(USERS_WRITE)?;
    let (actor, now) = (actor.clone(), services.now());
    if actor.id() == id {
        actor.require_account()?;
        actor.require_fresh(now)?;
    }
    let origin_lifetime = services.policy.audit_origin;
    let event = Event::by(services, &actor, "user.deleted")
        .on(id)
        .with_permission();
    services
        .db
        .write(async move |tx| {
            let actor = actor.renewed(tx, now).await?;
            actor.require(USERS_WRITE)?;
            users::lock(tx, id).await?;
            let user = users::find(tx, id).await?.ok_or(Error::NotFound)?;
            require_authority(tx, &actor, id).await?;
            precondition.check(&user)?;
            audit::forget(tx, id, now.plus(origin_lifetime)).await?;
            keep_an_admin(tx, id, now, async |tx| Ok(users::delete(tx, id).await?)).await?;
            Ok(event.record(tx).await?)
        })
        .await
}

/// Creates an administrator without being one: for the operator, who has the database.
///
/// # Errors
/// [`Error::EmailTaken`], [`Error::UsernameTaken`], [`Error::Invalid`] for a password that is easy to guess.
pub async fn create_admin(
    services: &Services,
    email: Email,
    username: Username,
    password: Password,
) -> Result<User> {
    let account = NewAccount {
        email,
        username,
        full_name: FullName::default(),
        password: Some(password),
        email_verified: true,
        locale: None,
        roles: vec![roles::ADMIN.to_owned(), roles::USER.to_owned()],
        place: None,
    };
    let event = |id| Event::new(services, "user.admin_created").on(id);
    account
        .make(services, Caller::operator(), None, event, async |_, _| {
            Ok(())
        })
        .await
}
