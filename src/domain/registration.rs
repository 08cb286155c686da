//! Making an account, by its owner or by an administrator.

use super::audit::Event;
use super::{
    Email, Error, FieldCode, FieldError, FullName, Origin, Password, Result, Services, User,
    Username,
};
use crate::config::Secret;
use crate::ids::UserId;
use crate::password::{self, ClientKey, Priority};
use crate::store::db::Tx;
use crate::store::roles;
use crate::store::users::{self, NewUser};

/// What a person fills in.
#[derive(Debug)]
pub struct Registration {
    pub email: Email,
    pub username: Username,
    pub full_name: FullName,
    pub password: Password,
}

/// Makes an account with the role `user`.
///
/// # Errors
/// [`Error::RegistrationDisabled`], [`Error::EmailTaken`], [`Error::UsernameTaken`], [`Error::Invalid`] for a password
/// that is easy to guess.
pub async fn register(
    services: &Services,
    origin: &Origin,
    registration: Registration,
) -> Result<User> {
    require_open(services)?;
    let Registration {
        email,
        username,
        full_name,
        password,
    } = registration;
    refuse_taken(services, &email, &username).await?;
    let about = vec![email.as_str().to_owned(), username.as_str().to_owned()];
    let hash = hash_new_password(services, origin.network(), "password", &password, about).await?;
    let id = UserId::new(&services.ids);
    let account = NewAccount {
        id,
        email,
        username,
        full_name,
        password_hash: Some(hash),
        email_verified: false,
        roles: vec![roles::USER.to_owned()],
        event: Event::new(services, "user.registered")
            .self_service(id)
            .from(origin),
    };
    let now = services.now();
    services
        .db
        .write(async move |tx| account.store(tx, now).await)
        .await
}

/// Fails unless anybody may register.
///
/// # Errors
/// [`Error::RegistrationDisabled`].
pub fn require_open(services: &Services) -> Result<()> {
    if services.policy.registration_enabled {
        Ok(())
    } else {
        Err(Error::RegistrationDisabled)
    }
}

/// An account that is about to be stored.
pub(super) struct NewAccount {
    pub id: UserId,
    pub email: Email,
    pub username: Username,
    pub full_name: FullName,
    pub password_hash: Option<String>,
    pub email_verified: bool,
    pub roles: Vec<String>,
    pub event: Event,
}

impl NewAccount {
    /// Stores user, roles and audit event.
    pub async fn store(&self, tx: &mut Tx<'_>, now: crate::clock::Timestamp) -> Result<User> {
        let user = NewUser {
            id: self.id,
            email: self.email.as_str(),
            email_key: self.email.key(),
            username: self.username.as_str(),
            username_key: self.username.key(),
            full_name: self.full_name.as_deref(),
            password_hash: self.password_hash.as_deref(),
            email_verified: self.email_verified,
            at: now,
        };
        users::insert(tx, &user).await?;
        for role in &self.roles {
            roles::grant(tx, self.id, role).await?;
        }
        self.event.record(tx).await?;
        let stored = users::find(tx, self.id).await?;
        stored.ok_or_else(|| Error::Internal("a user just stored is not there".to_owned()))
    }
}

/// Says what is taken before any hash is spent; the constraints have the last word when two ask at one moment.
pub(super) async fn refuse_taken(
    services: &Services,
    email: &Email,
    username: &Username,
) -> Result<()> {
    let mut tx = services.db.read().await?;
    match users::taken(&mut tx, email.key(), username.key()).await? {
        (true, _) => Err(Error::EmailTaken),
        (_, true) => Err(Error::UsernameTaken),
        _ => Ok(()),
    }
}

/// Hashes a new password, provided that it is hard to guess for who knows `about`. `field` is named when it is not.
pub(super) async fn hash_new_password(
    services: &Services,
    client: ClientKey,
    field: &str,
    password: &Password,
    about: Vec<String>,
) -> Result<String> {
    let secret: Secret = password.secret().clone();
    let judged = tokio::task::spawn_blocking(move || {
        let about: Vec<&str> = about.iter().map(String::as_str).collect();
        password::weakness(secret.reveal(), &about)
    });
    let weakness = judged
        .await
        .map_err(|error| Error::Internal(format!("judging a password: {error}")))?;
    if let Some(message) = weakness {
        return Err(FieldError::new(field, FieldCode::TooWeak, message).into());
    }
    Ok(services
        .passwords
        .hash(password.secret(), client, Priority::Interactive)
        .await?)
}
