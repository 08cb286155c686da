//! Registrations that wait until their address is proved. Nothing here tells whether an address has an account.

use std::sync::Arc;

use super::{Registered, Registration, hash_new_password};
use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::email_verification::Proved;
use crate::domain::idempotency::{self, Once};
use crate::domain::outbox::{Allowance, Mail};
use crate::domain::{Error, Origin, Result, Services, email_change, purpose};
use crate::ids::{RegistrationId, UserId};
use crate::mail::Kind;
use crate::password::Verdict;
use crate::store::db::Tx;
use crate::store::registrations::{self, NewRegistration};
use crate::store::roles;
use crate::store::users::{self, NewUser};

/// Does the same whether or not the address has an account: the registration is stored, and whoever sends the mail finds out
/// which one to send.
pub(super) async fn wait_for_proof(
    services: &Services,
    origin: &Origin,
    wanted: Registration,
    once: Option<Once<Registered>>,
) -> Result<Registered> {
    refuse_wanted(services, &wanted).await?;
    let wanted = Wanted {
        services,
        origin,
        registration: Arc::new(wanted),
    };
    match wanted.store(wanted.plan().await?, once.clone()).await {
        // A button was pressed twice, and the other registration came in between. Now it can be seen.
        Err(Error::Overtaken) => wanted.store(wanted.plan().await?, once).await,
        stored => stored,
    }
}

/// Fails when the name has an account, or waits for another address. Names are no secret, addresses are.
async fn refuse_wanted(services: &Services, wanted: &Registration) -> Result<()> {
    let mut tx = services.db.read().await?;
    let username = wanted.username.key();
    let (_, is_taken) = users::taken(&mut tx, "", username).await?;
    let waiting = registrations::find_by_username(&mut tx, username, services.now()).await?;
    if is_taken || waiting.is_some_and(|other| other.email_key != wanted.email.key()) {
        return Err(Error::UsernameTaken);
    }
    Ok(())
}

/// A registration under way.
struct Wanted<'a> {
    services: &'a Services,
    origin: &'a Origin,
    registration: Arc<Registration>,
}

/// What is to become of it.
enum Plan {
    /// It repeats one that waits.
    Repeat(RegistrationId),
    /// It is one of its own.
    New {
        password_hash: String,
        /// The newest of this name for this address, that has another password.
        unlike: Option<RegistrationId>,
    },
}

impl Wanted<'_> {
    /// A registration with the name and the password of one that waits for the same address repeats that: whoever presses a
    /// button twice is no other. Where such a name waits it takes a hash to find out, whether or not the address has an account.
    async fn plan(&self) -> Result<Plan> {
        let (services, wanted) = (self.services, &self.registration);
        let caller = self.origin.stranger();
        let alike = {
            let mut tx = services.db.read().await?;
            alike(&mut tx, wanted, services.now()).await?
        };
        if let Some(other) = &alike {
            let stored = Some(other.password_hash.as_str());
            let verdict = services
                .passwords
                .verify(wanted.password.secret(), stored, caller)
                .await?;
            if verdict != Verdict::Wrong {
                return Ok(Plan::Repeat(other.id));
            }
        }
        let about = [wanted.email.as_str(), wanted.username.as_str()].map(str::to_owned);
        let about = about.into();
        let password = &wanted.password;
        Ok(Plan::New {
            password_hash: hash_new_password(services, caller, "password", password, about).await?,
            unlike: alike.map(|other| other.id),
        })
    }

    /// # Errors
    /// [`Error::Overtaken`] when things are no more as they were for `plan`.
    async fn store(&self, plan: Plan, once: Option<Once<Registered>>) -> Result<Registered> {
        let (services, wanted) = (self.services, self.registration.clone());
        let (now, email) = (services.now(), &wanted.email);
        let id = match plan {
            Plan::Repeat(id) => id,
            Plan::New { .. } => RegistrationId::new(&services.ids),
        };
        let mail = Mail::to_address(services, Kind::VerifyEmail, email.as_str());
        let mail = mail.of_registration(id);
        let allowance = Allowance::of_registrations(services, email.key());
        let asked_for = Allowance::of_verifications(services, email.key());
        let event = Event::new(services, "registration.requested").from(self.origin);
        idempotency::write(services, once, async move |tx| {
            // First of all: of two for one address at one moment, the second waits here and then sees the first.
            let is_mailed = allowance.take(tx, now).await?;
            let expires_at = now.plus(purpose::VERIFY_EMAIL_LIFETIME);
            let is_as_planned = match &plan {
                Plan::Repeat(id) => registrations::prolong(tx, *id, expires_at).await? == 1,
                Plan::New { unlike, .. } => {
                    let newest = alike(tx, &wanted, now).await?;
                    newest.map(|other| other.id) == *unlike
                }
            };
            if !is_as_planned {
                return Err(Error::Overtaken);
            }
            if let Plan::New { password_hash, .. } = &plan {
                let new = NewRegistration {
                    id,
                    email: wanted.email.as_str(),
                    email_key: wanted.email.key(),
                    username: wanted.username.as_str(),
                    username_key: wanted.username.key(),
                    full_name: wanted.full_name.as_deref(),
                    password_hash,
                    locale: wanted.locale.as_deref(),
                    at: now,
                    expires_at,
                };
                registrations::insert(tx, &new).await?;
            }
            if is_mailed {
                // Whoever then asks for it once more has had it a moment ago.
                let _ = asked_for.take(tx, now).await?;
                mail.enqueue(tx).await?;
            }
            event.record(tx).await?;
            Ok(Registered::VerificationSent)
        })
        .await
    }
}

/// The newest registration of the same name for the same address.
async fn alike(
    tx: &mut Tx<'_>,
    wanted: &Registration,
    now: Timestamp,
) -> Result<Option<registrations::Registration>> {
    let (email_key, username_key) = (wanted.email.key(), wanted.username.key());
    Ok(registrations::find_alike(tx, email_key, username_key, now).await?)
}

/// The account of a registration whose address is proved.
pub(in crate::domain) struct Confirmed {
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
            choice: Mail::to_address(services, Kind::PasswordNotKept, ""),
        }
    }

    /// Makes it, and forgets every other registration for the address. Where there are others, whoever proves the address may
    /// not be the one who registered with this name and password: somebody may have got in before him, and limits may have
    /// kept the mail of his own from being sent. Then nobody's password counts, and he is mailed a link to choose one.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the registration has gone or the address has an account by now; [`Error::EmailTaken`] while
    /// whoever had it before may take it back; [`Error::UsernameTaken`].
    pub async fn make(
        &self,
        tx: &mut Tx<'_>,
        registration: RegistrationId,
        now: Timestamp,
    ) -> Result<Proved> {
        let found = registrations::find(tx, registration, now).await?;
        let wanted = found.ok_or(Error::InvalidToken)?;
        let (has_account, _) = users::taken(tx, &wanted.email_key, "").await?;
        if has_account {
            return Err(Error::InvalidToken);
        }
        if email_change::is_held(tx, &wanted.email_key, None, now).await? {
            return Err(Error::EmailTaken);
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
        Ok(if is_contested {
            Proved::PasswordToBeChosen
        } else {
            Proved::Ready
        })
    }
}
