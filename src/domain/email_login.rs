//! Login without a password, by a code that is mailed. Off unless the operator wants it: whoever reads the mail is in.

use std::time::Duration;

use zeroize::Zeroizing;

use super::audit::Event;
use super::idempotency::Once;
use super::login::{Proof, Start};
use super::outbox::{self, Mail};
use super::tokens::{self, TokenPair};
use super::{Email, Error, Origin, Result, Services, account_security};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::ids::{MailId, UserId};
use crate::mail::Kind;
use crate::store::db::Tx;
use crate::store::email_codes;
use crate::store::users::{self, Contact};

/// How long a code is good.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);

/// How often a code may be tried.
pub const TRIES: i64 = 5;

/// Fails unless the operator wants this login.
///
/// # Errors
/// [`Error::EmailLoginDisabled`].
pub fn require_enabled(services: &Services) -> Result<()> {
    if services.policy.email_login_enabled {
        Ok(())
    } else {
        Err(Error::EmailLoginDisabled)
    }
}

/// Mails a code to whoever has this address. Nobody learns whether there is such a person.
///
/// # Errors
/// [`Error::EmailLoginDisabled`].
pub async fn request(services: &Services, email: &Email, once: Option<Once<()>>) -> Result<()> {
    require_enabled(services)?;
    outbox::request(services, Kind::LoginCode, email, once).await
}

/// Makes the code that `mail` brings and stores it in the place of the one before. An address without an account gets one
/// as well, which nobody can type: a try at it is answered as any other.
pub(super) async fn store_code(
    services: &Services,
    tx: &mut Tx<'_>,
    mail: MailId,
    email_key: &str,
    user_id: Option<UserId>,
    now: Timestamp,
) -> Result<Zeroizing<String>> {
    let code = services.mailed.code(mail);
    let typed = if user_id.is_some() { code.as_str() } else { "" };
    let stored = services.mailed.code_mac(email_key, typed);
    let address = services.mailed.address(email_key);
    email_codes::put(tx, &address, &stored, user_id, now.plus(CODE_LIFETIME)).await?;
    Ok(code)
}

/// Starts a session. It proves the address.
///
/// # Errors
/// [`Error::InvalidToken`] for a code that is wrong, used, expired or tried too often; [`Error::EmailLoginDisabled`].
pub async fn login(
    services: &Services,
    origin: &Origin,
    email: &Email,
    code: &Secret,
) -> Result<TokenPair> {
    require_enabled(services)?;
    let address = services.mailed.address(email.key());
    let now = services.now();
    let tried = services
        .db
        .write_one(async move |tx| {
            Ok::<_, Error>(email_codes::take_try(tx, &address, TRIES, now).await?)
        })
        .await?;
    let right = tried.filter(|tried| {
        services
            .mailed
            .is_code(email.key(), code.reveal(), &tried.code)
    });
    let Some((user_id, stored)) = right.and_then(|tried| Some((tried.user_id?, tried.code))) else {
        let event = Event::new(services, "login.failed")
            .failed()
            .from(origin)
            .with(serde_json::json!({ "reason": "wrong_code" }));
        services
            .db
            .write_one(async move |tx| Ok::<_, Error>(event.record(tx).await?))
            .await?;
        return Err(Error::InvalidToken);
    };
    let takeover = Takeover::new(services, origin, user_id);
    let start = Start::new(services, origin, user_id, "", Proof::Code);
    let started = services
        .db
        .write(async move |tx| {
            if !email_codes::consume(tx, &address, &stored).await? {
                return Ok(None);
            }
            takeover.run(tx, now).await?;
            start.run(tx).await
        })
        .await?;
    let (session, permissions) = started.ok_or(Error::InvalidToken)?;
    services.outbox.wake();
    tokens::issue(services, &session, permissions, session.rotated_at)
}

/// What comes before a login that proves an address: whoever made the account may be another than the one who proves now
/// that he has the address. Whatever the former knows or waits for is of no more use, and the latter is mailed a link to
/// choose a password.
struct Takeover {
    user_id: UserId,
    event: Event,
    choice: Mail,
}

impl Takeover {
    fn new(services: &Services, origin: &Origin, user_id: UserId) -> Self {
        let event = Event::new(services, "account.claimed");
        Self {
            user_id,
            event: event.self_service(user_id).from(origin),
            choice: Mail::to_address(services, Kind::PasswordRemoved, ""),
        }
    }

    /// Does nothing where the address was proved before, or where nobody has a password: then the account was made for its owner.
    async fn run(&self, tx: &mut Tx<'_>, now: Timestamp) -> Result<()> {
        users::lock(tx, self.user_id).await?;
        let contact = users::contact(tx, self.user_id).await?;
        let is_anothers = |it: &Contact| it.is_active && it.has_password && !it.email_verified;
        let Some(contact) = contact.filter(is_anothers) else {
            return Ok(());
        };
        let ended = account_security::shut(tx, contact.id, now).await?;
        let choice = self.choice.clone().readdressed(contact.id, &contact.email);
        choice.enqueue(tx).await?;
        let event = self.event.clone();
        let event = event.with(serde_json::json!({ "sessions_ended": ended }));
        Ok(event.record(tx).await?)
    }
}
