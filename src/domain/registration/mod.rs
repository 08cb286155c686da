//! Making an account, by its owner or by an administrator.

pub(super) mod pending;
mod request;

pub(super) use self::pending::Confirmed;
pub use self::request::{Registered, Registration};
use super::audit::Event;
use super::authentication::devices::Place;
use super::authentication::new_password::hash_new_password;
use super::email::held;
use super::email::outbox::Mail;
use super::idempotency::{self, Once};
use super::{Email, Error, FullName, Origin, Password, Result, Services, User, Username};
use crate::clock::Timestamp;
use crate::ids::UserId;
use crate::mail::Kind;
use crate::password::Caller;
use crate::store::db::Tx;
use crate::store::roles;
use crate::store::users::{self, NewUser};

/// Makes an account with the role `user`, once where there is a key; or, where addresses have to be proved first, notes what
/// account is wanted.
///
/// # Errors
/// [`Error::RegistrationDisabled`], [`Error::EmailTaken`] (where the account is made at once), [`Error::UsernameTaken`],
/// [`Error::Invalid`] for a password that is easy to guess; where addresses have to be proved first,
/// [`Error::AccountThrottled`] for a name that waits.
pub async fn register(
    services: &Services,
    origin: &Origin,
    registration: Registration,
    once: Option<Once<Registered>>,
) -> Result<Registered> {
    require_open(services)?;
    let registered = if services.policy.require_email_verification {
        pending::wait_for_proof(services, origin, registration, once).await?
    } else {
        make_at_once(services, origin, registration, once).await?
    };
    services.outbox.wake();
    Ok(registered)
}

async fn make_at_once(
    services: &Services,
    origin: &Origin,
    registration: Registration,
    once: Option<Once<Registered>>,
) -> Result<Registered> {
    let account = NewAccount {
        email: registration.email,
        username: registration.username,
        full_name: registration.full_name,
        password: Some(registration.password),
        email_verified: false,
        locale: registration.locale,
        roles: vec![roles::USER.to_owned()],
        place: Some(Place::of(services, origin)),
    };
    let event = |id| {
        Event::new(services, "user.registered")
            .self_service(id)
            .from(origin)
    };
    account
        .make(
            services,
            origin.stranger(),
            once,
            event,
            async |_, _| Ok(()),
        )
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
    pub locale: Option<String>,
    pub roles: Vec<String>,
    /// Where its owner registers: known from then on, so that strangers cannot keep them from their first login.
    pub place: Option<Place>,
}

impl NewAccount {
    /// Makes the account, puts `event` on record and mails its owner what he needs. Whoever commits then calls
    /// [`super::email::outbox::Outbox::wake`]. `caller` waits for the password's hash; that takes a while, so what
    /// else the account depends on is for `check` to find out, in the unit of work that stores it.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::UsernameTaken`], [`Error::Invalid`] for a password that is easy to guess; those of
    /// `check`.
    pub async fn make<T, F>(
        self,
        services: &Services,
        caller: Caller,
        once: Option<Once<T>>,
        event: impl FnOnce(UserId) -> Event,
        mut check: F,
    ) -> Result<T>
    where
        T: From<User> + Clone + Send + 'static,
        F: AsyncFnMut(&mut Tx<'_>, Timestamp) -> Result<()> + Send + 'static,
    {
        refuse_taken(services, &self.email, &self.username).await?;
        let hash = self.hash(services, caller).await?;
        let (id, now) = (UserId::new(&services.ids), services.now());
        let event = event(id);
        let mail = self.mail(services, id);
        idempotency::write(services, once, async move |tx| {
            check(tx, now).await?;
            let user = self.store(tx, id, hash.as_deref(), now).await?;
            if let Some(mail) = &mail {
                mail.enqueue(tx).await?;
            }
            event.record(tx).await?;
            Ok(user.into())
        })
        .await
    }

    /// A link to set a password, which proves the address as well; or else one that just does that.
    fn mail(&self, services: &Services, id: UserId) -> Option<Mail> {
        let kind = match (&self.password, self.email_verified) {
            (None, _) => Kind::SetPassword,
            (Some(_), false) => Kind::VerifyEmail,
            (Some(_), true) => return None,
        };
        Some(Mail::to_user(services, kind, id, self.email.as_str()))
    }

    async fn hash(&self, services: &Services, caller: Caller) -> Result<Option<String>> {
        let Some(password) = &self.password else {
            return Ok(None);
        };
        let about = [self.email.as_str(), self.username.as_str()];
        let about = about.map(str::to_owned).into();
        let key = self.email.key();
        hash_new_password(services, caller, "password", password, about, key)
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
            locale: self.locale.as_deref(),
            at: now,
        };
        users::insert(tx, &user).await?;
        held::refuse_held(tx, self.email.key(), None, now).await?;
        for role in &self.roles {
            roles::grant(tx, id, role).await?;
        }
        if let Some(place) = &self.place {
            place.see(tx, id, now).await?;
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
        _ => held::refuse_held(&mut tx, email.key(), None, services.now()).await,
    }
}
