//! Making an account, by its owner or by an administrator.

use super::audit::Event;
use super::idempotency::{self, Once};
use super::outbox::{Allowance, Mail, Request};
use super::{
    Email, Error, FieldCode, FieldError, FullName, Origin, Password, Result, Services, User,
    Username, email_change, purpose,
};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::ids::{RegistrationId, UserId};
use crate::mail::Kind;
use crate::password::{self, ClientKey, Priority, Verdict};
use crate::store::db::Tx;
use crate::store::registrations::{self, NewRegistration};
use crate::store::roles;
use crate::store::users::{self, NewUser};

/// What a person fills in.
#[derive(Debug)]
pub struct Registration {
    pub email: Email,
    pub username: Username,
    pub full_name: FullName,
    pub password: Password,
    /// Language of his mails, when it is known.
    pub locale: Option<String>,
}

/// What a registration has come to.
#[derive(Debug, Clone)]
pub enum Registered {
    /// The account is there.
    Account(Box<User>),
    /// Whoever has the address is told by mail how to go on. Whether it had an account is not told.
    VerificationSent,
}

/// Makes an account with the role `user`, once where there is a key; or, where addresses have to be proved first, notes what
/// account is wanted.
///
/// # Errors
/// [`Error::RegistrationDisabled`], [`Error::EmailTaken`] (where the account is made at once), [`Error::UsernameTaken`],
/// [`Error::Invalid`] for a password that is easy to guess.
pub async fn register(
    services: &Services,
    origin: &Origin,
    registration: Registration,
    once: Option<Once<Registered>>,
) -> Result<Registered> {
    require_open(services)?;
    let registered = if services.policy.require_email_verification {
        wait_for_proof(services, origin, registration, once).await?
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

/// Does the same whether or not the address has an account: the registration is stored, and whoever sends the mail finds out
/// which one to send.
async fn wait_for_proof(
    services: &Services,
    origin: &Origin,
    wanted: Registration,
    once: Option<Once<Registered>>,
) -> Result<Registered> {
    let now = services.now();
    {
        let mut tx = services.db.read().await?;
        let username = wanted.username.key();
        let (_, is_taken) = users::taken(&mut tx, "", username).await?;
        let waiting = registrations::find_by_username(&mut tx, username, now).await?;
        let is_wanted = waiting.is_some_and(|other| other.email_key != wanted.email.key());
        if is_taken || is_wanted {
            return Err(Error::UsernameTaken);
        }
    }
    let about = [wanted.email.as_str(), wanted.username.as_str()].map(str::to_owned);
    let network = origin.network();
    let repeated = repeated(services, network, &wanted).await?;
    let (id, hash) = match repeated {
        Some(id) => (id, None),
        None => {
            let hash = hash_new_password(
                services,
                network,
                "password",
                &wanted.password,
                about.into(),
            );
            (RegistrationId::new(&services.ids), Some(hash.await?))
        }
    };
    let mail =
        Mail::to_address(services, Kind::VerifyEmail, wanted.email.as_str()).of_registration(id);
    let allowance = Allowance::of(services, Request::Verification, wanted.email.key());
    let event = Event::new(services, "registration.requested").from(origin);
    idempotency::write(services, once, async move |tx| {
        let expires_at = now.plus(purpose::VERIFY_EMAIL_LIFETIME);
        if let Some(hash) = &hash {
            let new = NewRegistration {
                id,
                email: wanted.email.as_str(),
                email_key: wanted.email.key(),
                username: wanted.username.as_str(),
                username_key: wanted.username.key(),
                full_name: wanted.full_name.as_deref(),
                password_hash: hash,
                locale: wanted.locale.as_deref(),
                at: now,
                expires_at,
            };
            registrations::insert(tx, &new).await?;
        } else {
            registrations::prolong(tx, id, expires_at).await?;
        }
        if allowance.take(tx, now).await? {
            mail.enqueue(tx).await?;
        }
        event.record(tx).await?;
        Ok(Registered::VerificationSent)
    })
    .await
}

/// The registration that this one repeats, with the same name and password: whoever presses a button twice is no other. Where
/// that name waits for that address it takes a hash to find out, whether or not the address has an account.
async fn repeated(
    services: &Services,
    network: ClientKey,
    wanted: &Registration,
) -> Result<Option<RegistrationId>> {
    let waiting = {
        let mut tx = services.db.read().await?;
        registrations::find_by_email(&mut tx, wanted.email.key(), services.now()).await?
    };
    let Some(waiting) = waiting.filter(|other| other.username_key == wanted.username.key()) else {
        return Ok(None);
    };
    let stored = Some(waiting.password_hash.as_str());
    let verdict = services
        .passwords
        .verify(wanted.password.secret(), stored, network)
        .await?;
    Ok((verdict != Verdict::Wrong).then_some(waiting.id))
}

/// The account of a registration whose address is proved.
pub(super) struct Confirmed {
    id: UserId,
    events: [Event; 2],
    choice: Mail,
}

impl Confirmed {
    pub fn new(services: &Services, origin: &Origin) -> Self {
        let id = UserId::new(&services.ids);
        let event = |action| Event::new(services, action).self_service(id).from(origin);
        Self {
            id,
            events: [event("user.registered"), event("email.verified")],
            choice: Mail::to_address(services, Kind::SetPassword, ""),
        }
    }

    /// Makes it, and forgets every other registration for the address. Where there are others, whoever proves the address may
    /// not be the one who registered with this name and password: somebody may have got in before him, and limits may have
    /// kept the mail of his own from being sent. Then nobody's password counts, and he is mailed a link to choose one.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the registration has gone or the address has an account by now;
    /// [`Error::UsernameTaken`].
    pub async fn make(
        &self,
        tx: &mut Tx<'_>,
        registration: RegistrationId,
        now: Timestamp,
    ) -> Result<()> {
        let found = registrations::find(tx, registration, now).await?;
        let wanted = found.ok_or(Error::InvalidToken)?;
        let (has_account, _) = users::taken(tx, &wanted.email_key, "").await?;
        if has_account || email_change::is_held(tx, &wanted.email_key, None, now).await? {
            return Err(Error::InvalidToken);
        }
        let is_contested =
            registrations::has_rival(tx, registration, &wanted.email_key, now).await?;
        let user = NewUser {
            id: self.id,
            email: &wanted.email,
            email_key: &wanted.email_key,
            username: &wanted.username,
            username_key: &wanted.username_key,
            full_name: wanted.full_name.as_deref(),
            password_hash: (!is_contested).then_some(wanted.password_hash.as_str()),
            email_verified: true,
            locale: wanted.locale.as_deref(),
            at: now,
        };
        users::insert(tx, &user).await?;
        roles::grant(tx, self.id, roles::USER).await?;
        registrations::delete_by_email(tx, &wanted.email_key).await?;
        if is_contested {
            let choice = self.choice.clone().readdressed(self.id, &wanted.email);
            choice.enqueue(tx).await?;
        }
        for event in &self.events {
            event.record(tx).await?;
        }
        Ok(())
    }
}

impl From<User> for Registered {
    fn from(user: User) -> Self {
        Self::Account(Box::new(user))
    }
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
}

impl NewAccount {
    /// Makes the account, puts `event` on record and mails its owner what he needs. Whoever commits then calls
    /// [`super::outbox::Outbox::wake`]. `client` waits for the password's hash; that takes a while, so what
    /// else the account depends on is for `check` to find out, in the unit of work that stores it.
    ///
    /// # Errors
    /// [`Error::EmailTaken`], [`Error::UsernameTaken`], [`Error::Invalid`] for a password that is easy to guess; those of
    /// `check`.
    pub async fn make<T, F>(
        self,
        services: &Services,
        client: ClientKey,
        once: Option<Once<T>>,
        event: impl FnOnce(UserId) -> Event,
        mut check: F,
    ) -> Result<T>
    where
        T: From<User> + Clone + Send + 'static,
        F: AsyncFnMut(&mut Tx<'_>, Timestamp) -> Result<()> + Send + 'static,
    {
        refuse_taken(services, &self.email, &self.username).await?;
        let hash = self.hash(services, client).await?;
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
            locale: self.locale.as_deref(),
            at: now,
        };
        if email_change::is_held(tx, self.email.key(), None, now).await? {
            return Err(Error::EmailTaken);
        }
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
