//! Registrations that wait until their address is proved. Nothing here tells whether an address has an account.

use std::sync::Arc;

use super::{Registered, Registration};
use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::authentication::asker::Asker;
use crate::domain::authentication::devices::Place;
use crate::domain::authentication::new_password::{judge, salt};
use crate::domain::authentication::password_check;
use crate::domain::email::outbox::{Allowance, Mail};
use crate::domain::email::{held, purpose};
use crate::domain::idempotency::{self, Once};
use crate::domain::{Error, Origin, Result, Services};
use crate::ids::{RegistrationId, UserId};
use crate::mail::Kind;
use crate::password::{Kinship, Verdict};
use crate::store::db::Tx;
use crate::store::registrations::{self, NewRegistration};
use crate::store::users::{self, NewUser};
use crate::store::{roles, throttles};

/// Does the same whether or not the address has an account: the registration is stored, and whoever sends the mail finds out
/// which one to send.
pub(super) async fn wait_for_proof(
    services: &Services,
    origin: &Origin,
    wanted: Registration,
    once: Option<Once<Registered>>,
) -> Result<Registered> {
    refuse_taken(services, &wanted).await?;
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

/// Fails when the name has an account. Names are no secret, addresses are.
async fn refuse_taken(services: &Services, wanted: &Registration) -> Result<()> {
    let mut tx = services.db.read().await?;
    match users::taken(&mut tx, "", wanted.username.key()).await? {
        (_, true) => Err(Error::UsernameTaken),
        _ => Ok(()),
    }
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
        /// What it shares with the hash of the account that the address has.
        beside: Option<Kinship>,
        /// The registration of the same name and password for another address, which this one corrects.
        instead_of: Option<RegistrationId>,
    },
}

/// What a registration meets.
struct Met {
    /// The registration that has the name.
    waiting: Option<registrations::Registration>,
    /// The hash of the account that the address has.
    account: Option<String>,
}

/// Runs the same statements whether or not the address has an account.
async fn meet(tx: &mut Tx<'_>, wanted: &Registration, now: Timestamp) -> Result<Met> {
    let (email_key, username_key) = (wanted.email.key(), wanted.username.key());
    let waiting = registrations::find_by_username(tx, username_key, now).await?;
    let account = users::credentials_by_email(tx, email_key).await?;
    Ok(Met {
        waiting,
        account: account.and_then(|account| account.password_hash),
    })
}

impl Wanted<'_> {
    /// A name that waits is taken, unless the password is the one that it waits with: then it is the same person, who presses a
    /// button twice or corrects the address. That is a check of a password, counted as every other one by what was typed.
    ///
    /// The hash shares its salt with that of the account that the address has, or else has the salt of the address. So a login
    /// with the address is checked against all of them at once: neither its work nor its answer tells which there are.
    async fn plan(&self) -> Result<Plan> {
        let (services, wanted) = (self.services, &self.registration);
        let place = Place::of(services, self.origin);
        let (met, familiar) = {
            let now = services.now();
            let mut tx = services.db.read().await?;
            let met = meet(&mut tx, wanted, now).await?;
            (met, place.look(&mut tx, None, now).await?)
        };
        let (origin, key) = (self.origin, wanted.username.key());
        let asker = Asker::at_registration(services, origin, &place, familiar, key);
        let (password, caller) = (wanted.password.secret(), asker.caller);
        if let Some(other) = &met.waiting {
            let stored = Some(other.password_hash.as_str());
            match password_check::check(services, asker, password, stored).await? {
                Verdict::Wrong => return Err(Error::UsernameTaken),
                Verdict::Right | Verdict::RightButOutdated => (),
            }
            if other.email_key == wanted.email.key() {
                return Ok(Plan::Repeat(other.id));
            }
        }
        let about = [wanted.email.as_str(), wanted.username.as_str()].map(str::to_owned);
        judge(services, "password", &wanted.password, about.into(), caller).await?;
        let passwords = &services.passwords;
        let account = met.account.as_deref();
        let beside = account.and_then(|stored| Kinship::of(stored, passwords.max_cost()));
        let password_hash = match account.filter(|_| beside.is_some()) {
            Some(stored) => {
                passwords
                    .hash_beside(password, Some(stored), caller)
                    .await?
            }
            None => {
                let salt = salt(services, wanted.email.key());
                passwords.hash_salted(password, salt, caller).await?
            }
        };
        Ok(Plan::New {
            password_hash,
            beside,
            instead_of: met.waiting.map(|other| other.id),
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
        let locks = [email.key(), wanted.username.key()];
        let locks = locks.map(|key| [b"r", services.mailed.address(key).as_slice()].concat());
        let event = Event::new(services, "registration.requested").from(self.origin);
        let max_cost = services.passwords.max_cost();
        idempotency::write(services, once, async move |tx| {
            // First of all: of two for one address or one name at one moment, the second waits here and then sees the first.
            for lock in &locks {
                throttles::lock(tx, lock, now).await?;
            }
            let expires_at = now.plus(purpose::VERIFY_EMAIL_LIFETIME);
            let is_mailed = match &plan {
                Plan::Repeat(id) => {
                    if registrations::prolong(tx, *id, expires_at).await? == 0 {
                        return Err(Error::Overtaken);
                    }
                    allowance.take(tx, now).await?
                }
                Plan::New {
                    password_hash,
                    beside,
                    instead_of,
                } => {
                    let met = meet(tx, &wanted, now).await?;
                    let waiting = met.waiting.map(|other| other.id);
                    let account = met.account.as_deref();
                    let now_beside = account.and_then(|stored| Kinship::of(stored, max_cost));
                    if waiting != *instead_of || now_beside != *beside {
                        return Err(Error::Overtaken);
                    }
                    // Each has a link of its own, while the address may be sent one. Beyond that it waits without one: the
                    // owner of the address, who may follow a stranger's then, is told that there is another.
                    let is_mailed = allowance.take_longest(tx, now).await?;
                    if let Some(other) = instead_of {
                        registrations::delete(tx, *other).await?;
                    }
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
                    is_mailed
                }
            };
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

/// The account of a registration whose address is proved.
pub(in crate::domain) struct Confirmed {
    id: UserId,
    events: [Event; 2],
    notice: Mail,
    place: Place,
}

impl Confirmed {
    pub fn new(services: &Services, origin: &Origin) -> Self {
        let id = UserId::new(&services.ids);
        let event = |action| Event::new(services, action).self_service(id).from(origin);
        Self {
            id,
            events: [event("user.registered"), event("email.verified")],
            notice: Mail::to_address(services, Kind::SeveralRegistrations, ""),
            place: Place::of(services, origin),
        }
    }

    /// Makes it as that registration chose, and forgets every other one for the address. Where there are others, the owner of the
    /// address may have followed the link of another's by mistake: he is mailed the username, and a link to replace the
    /// password, which ends all sessions.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when the registration has gone or the address has an account by now; [`Error::EmailTaken`] while
    /// whoever had it before may take it back; [`Error::UsernameTaken`].
    pub async fn make(
        &self,
        tx: &mut Tx<'_>,
        registration: RegistrationId,
        now: Timestamp,
    ) -> Result<()> {
        let found = registrations::find(tx, registration, now).await?;
        let wanted = found.ok_or(Error::InvalidToken)?;
        let (has_account, _) = users::taken(tx, &wanted.email_key, "").await?;
        if has_account {
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
            password_hash: Some(wanted.password_hash.as_str()),
            email_verified: true,
            locale: wanted.locale.as_deref(),
            at: now,
        };
        users::insert(tx, &user).await?;
        held::refuse_held(tx, &wanted.email_key, None, now).await?;
        roles::grant(tx, self.id, roles::USER).await?;
        // Who follows the link reads the mail of the address. Who registered may be a stranger.
        self.place.see(tx, self.id, now).await?;
        registrations::delete_by_email(tx, &wanted.email_key).await?;
        if is_contested {
            let notice = self.notice.clone().readdressed(self.id, &wanted.email);
            notice.enqueue(tx).await?;
        }
        for event in &self.events {
            event.record(tx).await?;
        }
        Ok(())
    }
}
