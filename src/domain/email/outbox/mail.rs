//! The outbox: a mail is a row written in the transaction of the change that it tells of, and is sent afterwards. A row says
//! what to tell and whom; who that is, and the token or code that the mail carries, is found out when it is sent. So a
//! request for a mail costs the same whether or not there is such an account, and no token waits in the database.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Allowance;
use super::facts::Facts;
use crate::clock::Timestamp;
use crate::domain::authentication::user_agents;
use crate::domain::idempotency::{self, Once};
use crate::domain::{Email, Origin, Result, Services};
use crate::ids::{MailId, RegistrationId, UserId};
use crate::mail::Kind;
use crate::store::db::Tx;
use crate::store::mails::{self, NewMail, Waiting};

/// A mail about to be written.
#[derive(Debug, Clone)]
pub(in crate::domain) struct Mail {
    id: MailId,
    kind: Kind,
    user_id: Option<UserId>,
    recipient: String,
    facts: Facts,
    at: Timestamp,
}

impl Mail {
    /// To a user, at their present address.
    pub fn to_user(services: &Services, kind: Kind, user_id: UserId, address: &str) -> Self {
        Self {
            user_id: Some(user_id),
            ..Self::to_address(services, kind, address)
        }
    }

    /// To an address that may or may not have an account.
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

    /// To this user instead, whom the transaction found.
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

    /// Writes it. The caller commits, then calls [`Outbox::wake`](super::Outbox::wake).
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
pub(in crate::domain) struct Notice {
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

    /// Writes the mail to the user's address. The caller commits, then calls [`Outbox::wake`](super::Outbox::wake).
    pub async fn enqueue(&self, tx: &mut Tx<'_>, address: &str, now: Timestamp) -> Result<()> {
        if self.allowance.take(tx, now).await? {
            let mail = self.mail.clone().readdressed(self.user_id, address);
            mail.enqueue(tx).await?;
        }
        Ok(())
    }
}

/// Requests a mail to an address, which may or may not have an account. The limit of the address is checked when the mail is
/// sent. So mail that is not delivered does not count, and the request reveals nothing.
pub(in crate::domain) async fn request(
    services: &Services,
    kind: Kind,
    email: &Email,
    once: Option<Once<()>>,
) -> Result<()> {
    let mail = Mail::to_address(services, kind, email.as_str());
    request_mail(services, mail, (), once).await
}

/// As [`request`], for a mail that says more; gives `made` once it is written.
pub(in crate::domain) async fn request_mail<T: Clone + Send + 'static>(
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
