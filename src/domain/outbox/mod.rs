//! The outbox: a mail is a row written in the transaction of the change that it tells of, and is sent afterwards. A row says
//! what to tell and whom; who that is, and the token or code that the mail carries, is found out when it is sent. So a
//! request for a mail costs the same whether or not there is such an account, and no token waits in the database.

mod allowance;
mod carried;
mod deliver;
mod lease;
mod letter;
mod record;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::idempotency::{self, Once};
use super::{Email, Origin, Result, Services, user_agents};
use crate::clock::Timestamp;
use crate::ids::{MailId, RegistrationId, UserId};
use crate::mail::Kind;
use crate::store::db::Tx;
use crate::store::known_devices;
use crate::store::mails::{self, NewMail};
use crate::store::users::Contact;

pub(super) use self::allowance::Allowance;
pub use self::deliver::{Outcome, deliver};
use self::lease::Lease;
pub use self::lease::{Claim, claim};
pub use crate::store::mails::Waiting;

/// Tells whoever sends that there is something to send.
#[derive(Default)]
pub struct Outbox {
    wake: Notify,
    is_closed: AtomicBool,
    /// Held while mails are claimed, until their leases are known here.
    claiming: tokio::sync::Mutex<()>,
    /// Mails being sent here, with their leases.
    under_way: Mutex<HashMap<MailId, Weak<Lease>>>,
    /// Mails that need nothing more but that this is noted, and who was reached.
    done: Mutex<HashMap<MailId, Option<Contact>>>,
}

impl Outbox {
    /// To be called once the transaction of a mail has been committed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// From now on nothing is taken any more: what is written is sent after the next start, or by another instance.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.wake();
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// The lease of a mail that is being sent here.
    fn lease(&self, id: MailId) -> Option<Arc<Lease>> {
        self.under_way().get(&id)?.upgrade()
    }

    fn begin(&self, id: MailId, lease: &Arc<Lease>) {
        let mut under_way = self.under_way();
        under_way.retain(|_, lease| lease.strong_count() > 0);
        under_way.insert(id, Arc::downgrade(lease));
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<MailId, Weak<Lease>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that a mail was sent, or has nobody to go to, until that is noted.
    fn set_done(&self, id: MailId, reached: Option<Contact>) {
        self.done().insert(id, reached);
    }

    fn is_done(&self, id: MailId) -> bool {
        self.done().contains_key(&id)
    }

    fn reached_by(&self, id: MailId) -> Option<Contact> {
        self.done().get(&id).cloned().flatten()
    }

    fn set_noted(&self, id: MailId) {
        self.done().remove(&id);
    }

    fn done(&self) -> MutexGuard<'_, HashMap<MailId, Option<Contact>>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Done when [`Outbox::wake`] has been called.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}

/// What a mail tells of, beyond its kind.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Facts {
    #[serde(skip_serializing_if = "Option::is_none")]
    registration: Option<uuid::Uuid>,
    /// A new address, or one that was put back.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// The device that it was asked for from, as a MAC in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked_from: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    can_be_undone: bool,
    /// When the token that it carries first left the service, or may have: Unix milliseconds. Its life began then.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued_at: Option<i64>,
    /// It has been counted, and there may be this one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_counted: bool,
    /// Somebody has asked for it, and whether there may be one more has not been found out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_to_be_counted: bool,
}

impl Facts {
    /// Whether it was asked for from a device of the user.
    async fn is_from_device_of(&self, tx: &mut Tx<'_>, user_id: UserId) -> Result<bool> {
        let device = self.asked_from.as_deref();
        let device = device.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        Ok(match device {
            Some(device) => known_devices::is_known(tx, user_id, &device).await?,
            None => false,
        })
    }

    fn to_text(&self) -> Result<String> {
        let text = serde_json::to_string(self);
        text.map_err(|error| super::Error::Internal(format!("facts of a mail: {error}")))
    }
}

/// A mail about to be written.
#[derive(Debug, Clone)]
pub(super) struct Mail {
    id: MailId,
    kind: Kind,
    user_id: Option<UserId>,
    recipient: String,
    facts: Facts,
    at: Timestamp,
}

impl Mail {
    /// To a user, at the address that he has now.
    pub fn to_user(services: &Services, kind: Kind, user_id: UserId, address: &str) -> Self {
        Self {
            user_id: Some(user_id),
            ..Self::to_address(services, kind, address)
        }
    }

    /// To an address of which nobody has looked up whose it is.
    pub fn to_address(services: &Services, kind: Kind, address: &str) -> Self {
        Self {
            id: MailId::new(&services.ids),
            kind,
            user_id: None,
            recipient: address.to_owned(),
            facts: Facts::default(),
            at: services.now(),
        }
    }

    /// To that user instead: whoever it is for was found out in the transaction.
    pub fn readdressed(mut self, user_id: UserId, address: &str) -> Self {
        self.user_id = Some(user_id);
        self.recipient = address.to_owned();
        self
    }

    pub fn id(&self) -> MailId {
        self.id
    }

    /// When it was written.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Of a registration that is to be confirmed.
    pub fn of_registration(mut self, id: RegistrationId) -> Self {
        self.facts.registration = Some(id.0);
        self
    }

    /// With an address that it tells of.
    pub fn with_email(mut self, email: &str) -> Self {
        self.facts.email = Some(email.to_owned());
        self
    }

    /// With where it was done.
    pub fn from(mut self, origin: &Origin) -> Self {
        self.facts.ip = Some(origin.ip.to_canonical().to_string());
        self.facts.device = origin.user_agent.as_deref().and_then(user_agents::name);
        self
    }

    /// Asked for from this device.
    pub fn asked_from(mut self, device: &[u8]) -> Self {
        self.facts.asked_from = Some(URL_SAFE_NO_PAD.encode(device));
        self
    }

    /// With a link that undoes it.
    pub fn that_can_be_undone(mut self, can_be_undone: bool) -> Self {
        self.facts.can_be_undone = can_be_undone;
        self
    }

    /// Writes it. Whoever commits then calls [`Outbox::wake`].
    pub async fn enqueue(&self, tx: &mut Tx<'_>) -> Result<()> {
        let facts = self.facts.to_text()?;
        let new = NewMail {
            id: self.id,
            kind: self.kind.as_str(),
            user_id: self.user_id,
            recipient: &self.recipient,
            facts: &facts,
            at: self.at,
        };
        Ok(mails::insert(tx, &new).await?)
    }
}

/// Tells a user what was done to the account; not more often than notices may come.
#[derive(Debug, Clone)]
pub(super) struct Notice {
    mail: Mail,
    allowance: Allowance,
    user_id: UserId,
}

impl Notice {
    pub fn new(services: &Services, kind: Kind, user_id: UserId, origin: &Origin) -> Self {
        Self {
            mail: Mail::to_address(services, kind, "").from(origin),
            allowance: Allowance::of_notices(services, kind, user_id),
            user_id,
        }
    }

    /// Writes the mail to the user's address. Whoever commits then calls [`Outbox::wake`].
    pub async fn enqueue(&self, tx: &mut Tx<'_>, address: &str, now: Timestamp) -> Result<()> {
        if self.allowance.take(tx, now).await? {
            let mail = self.mail.clone().readdressed(self.user_id, address);
            mail.enqueue(tx).await?;
        }
        Ok(())
    }
}

/// Asks for a mail to an address, whoever has it, if anybody does. Says nothing of what becomes of it: whether there may be one
/// more is found out when it is sent. So those that nobody would have got use up nothing, and nobody can tell.
pub(super) async fn request(
    services: &Services,
    kind: Kind,
    email: &Email,
    once: Option<Once<()>>,
) -> Result<()> {
    let mail = Mail::to_address(services, kind, email.as_str());
    request_mail(services, mail, (), once).await
}

/// As [`request`], for a mail that says more; gives `made` once it is written.
pub(super) async fn request_mail<T: Clone + Send + 'static>(
    services: &Services,
    mut mail: Mail,
    made: T,
    once: Option<Once<T>>,
) -> Result<T> {
    mail.facts.is_to_be_counted = true;
    let made = idempotency::write(services, once, async move |tx| {
        mail.enqueue(tx).await?;
        Ok(made.clone())
    })
    .await?;
    services.outbox.wake();
    Ok(made)
}

/// What waits to be sent.
pub async fn waiting(services: &Services) -> Result<Waiting> {
    let mut tx = services.db.read().await?;
    Ok(mails::waiting(&mut tx).await?)
}
