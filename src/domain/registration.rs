//! Making an account, by its owner or by an administrator.

use super::audit::Event;
use super::idempotency::{self, Once};
use super::{
    Email, Error, FieldCode, FieldError, FullName, Origin, Password, Result, Services, User,
    Username,
};
use crate::clock::Timestamp;
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

/// Makes an account with the role `user`, once where there is a key.
///
/// # Errors
/// [`Error::RegistrationDisabled`], [`Error::EmailTaken`], [`Error::UsernameTaken`], [`Error::Invalid`] for a password
/// that is easy to guess.
pub async fn register(
    services: &Services,
    origin: &Origin,
    registration: Registration,
    once: Option<Once<User>>,
) -> Result<User> {
    require_open(services)?;
    let account = NewAccount {
        email: registration.email,
        username: registration.username,
        full_name: registration.full_name,
        password: Some(registration.password),
        email_verified: false,
        roles: vec![roles::USER.to_owned()],
    };
    let event = |id| {
        Event::new(services, "user.registered")
            .self_service(id)
            .from(origin)
    };
    account
        .make(services, origin.network(), once, event, async |_, _| Ok(()))
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

/// An account that is to be made.
pub(super) struct NewAccount {
    pub email: Email,
    pub username: Username,
    pub full_name: FullName,
    pub password: Option<Password>,
    pub email_verified: bool,
    pub roles: Vec<String>,
}

impl NewAccount {
    /// Makes the account and puts `event` on record. `client` waits for the password's hash; that takes a while, so what
    /// else the account depends on is for `check` to find out, in the unit of work that stores it.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::UsernameTaken`], [`Error::Invalid`] for a password that is easy to guess; those of
    /// `check`.
    pub async fn make<F>(
        self,
        services: &Services,
        client: ClientKey,
        once: Option<Once<User>>,
        event: impl FnOnce(UserId) -> Event,
        mut check: F,
    ) -> Result<User>
    where
        F: AsyncFnMut(&mut Tx<'_>, Timestamp) -> Result<()> + Send + 'static,
    {
        refuse_taken(services, &self.email, &self.username).await?;
        let hash = self.hash(services, client).await?;
        let (id, now) = (UserId::new(&services.ids), services.now());
        let event = event(id);
        idempotency::write(services, once, async move |tx| {
            check(tx, now).await?;
            let user = self.store(tx, id, hash.as_deref(), now).await?;
            event.record(tx).await?;
            Ok(user)
        })
        .await
    }

    async fn hash(&self, services: &Services, client: ClientKey) -> Result<Option<String>> {
        let Some(password) = &self.password else {
            return Ok(None);
        };
        let about = [self.email.as_str(), self.username.as_str()];
        let about = about.map(str::to_owned).into();
        hash_new_password(services, client, "password", password, about)
            .await
            .map(Some)
    }

    /// Stores user and roles.
    async fn store(
        &self,
        tx: &mut Tx<'_>,
        id: UserId,
        password_hash: Option<&str>,
        now: Timestamp,
    ) -> Result<User> {
        let user = NewUser {
            id,
            email: self.email.as_str(),
            email_key: self.email.key(),
            username: self.username.as_str(),
            username_key: self.username.key(),
            full_name: self.full_name.as_deref(),
            password_hash,
            email_verified: self.email_verified,
            at: now,
        };
        users::insert(tx, &user).await?;
        for role in &self.roles {
            roles::grant(tx, id, role).await?;
        }
        let stored = users::find(tx, id).await?;
        stored.ok_or_else(|| Error::Internal("a user just stored is not there".to_owned()))
    }
}

/// Says what is taken before any hash is spent; the constraints have the last word when two ask at one moment.
async fn refuse_taken(services: &Services, email: &Email, username: &Username) -> Result<()> {
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
