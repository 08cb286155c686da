//! Login without a password, by a code that is mailed. Off by default, because reading the mail is enough to log in.

use std::time::Duration;

use zeroize::Zeroizing;

use super::asker::Way;
use super::devices::Place;
use super::login::{Proof, Start};
use super::tokens::{self, TokenPair};
use crate::clock::Timestamp;
use crate::config::Secret;
use crate::domain::account::account_security;
use crate::domain::audit::{Event, refusals};
use crate::domain::email::one_time;
use crate::domain::email::outbox::{self, Mail};
use crate::domain::idempotency::Once;
use crate::domain::{Email, Error, Origin, Result, Services};
use crate::ids::{MailId, UserId};
use crate::mail::Kind;
use crate::store::db::Tx;
use crate::store::failed_checks;
use crate::store::login_codes::{self, NewCode};
use crate::store::users::{self, Contact};
use crate::token::OneTimeToken;

/// How long a code is good.
pub const CODE_LIFETIME: Duration = Duration::from_secs(600);

/// How often a code may be tried.
pub const TRIES: i64 = 5;

/// How many codes that were asked for by strangers a user may have at one moment, and how many from known devices. With
/// [`TRIES`] it bounds what guesses at all of them can come to.
const MOST_LIVE: i64 = 5;

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

/// What handles are derived for: they are made of the id of the mail, as the code is.
const HANDLE: &str = "login_code";

/// Mails a code to the user with this address, and returns the handle that the code works with. The answer does not reveal
/// whether there is such a user: the handle is made before the look-up.
///
/// # Errors
/// [`Error::EmailLoginDisabled`].
pub async fn request(
    services: &Services,
    origin: &Origin,
    email: &Email,
    once: Option<Once<OneTimeToken>>,
) -> Result<OneTimeToken> {
    require_enabled(services)?;
    let place = Place::of(services, origin);
    let mail =
        Mail::to_address(services, Kind::LoginCode, email.as_str()).asked_from(&place.device);
    let handle = services.mailed.token(mail.id(), HANDLE);
    outbox::request_mail(services, mail, handle, once).await
}

/// Makes the code that `mail` brings, stores it under the handle of its request and says how long it is good. An address
/// without an account gets one as well, which nobody can type: a try at it is answered as any other.
///
/// `None` when there is nothing to mail: the code was used, taken back or has expired since an earlier try of the mail, or the
/// user has too many.
pub(in crate::domain) async fn store_code(
    services: &Services,
    tx: &mut Tx<'_>,
    mail: MailId,
    user_id: Option<UserId>,
    is_known: bool,
    now: Timestamp,
) -> Result<Option<(Zeroizing<String>, Duration)>> {
    let handle = services.mailed.token(mail, HANDLE).hash();
    let code = services.mailed.code(mail);
    if let Some(expires_at) = login_codes::expiry(tx, &handle).await? {
        let left = expires_at.map(|at| at.since(now)).unwrap_or_default();
        return Ok((!left.is_zero()).then_some((code, left)));
    }
    if let Some(id) = user_id
        && login_codes::live(tx, id, is_known, now).await? >= MOST_LIVE
    {
        return Ok(None);
    }
    let typed = if user_id.is_some() { code.as_str() } else { "" };
    let stored = services.mailed.code_mac(&handle, typed);
    let new = NewCode {
        handle: &handle,
        code: &stored,
        user_id,
        is_known,
        expires_at: now.plus(CODE_LIFETIME),
    };
    login_codes::put(tx, &new).await?;
    Ok(Some((code, CODE_LIFETIME)))
}

/// Starts a session. It proves the address.
///
/// # Errors
/// [`Error::InvalidToken`] for a code that is wrong, used, expired or tried too often, or for another request than that of
/// `handle` (ASVS 6.6.2); [`Error::EmailLoginDisabled`].
pub async fn login(
    services: &Services,
    origin: &Origin,
    handle: &str,
    code: &Secret,
) -> Result<TokenPair> {
    require_enabled(services)?;
    let handle = one_time::parse(handle)?.hash();
    let now = services.now();
    let policy = services.policy.clone();
    let tried = services
        .db
        .write(async move |tx| {
            let tried = login_codes::take_try(tx, &handle, TRIES, now).await?;
            let way = match &tried {
                Some(tried) if tried.is_known => Way::KnownDevicesCode,
                _ => Way::StrangersCode,
            };
            let user_id = tried.as_ref().and_then(|tried| tried.user_id);
            let is_within =
                failed_checks::take(tx, user_id, way.as_str(), way.most(&policy)).await?;
            Ok::<_, Error>(tried.map(|tried| (tried, is_within)))
        })
        .await?;
    let is_tried = tried.is_some();
    let right = tried.filter(|(tried, is_within)| {
        services.mailed.is_code(&handle, code.reveal(), &tried.code) & is_within
    });
    let Some(user_id) = right.and_then(|(tried, _)| tried.user_id) else {
        // Guesses at handles are not put on record: there is no end to them, and no account that they are about.
        if is_tried {
            let network = origin.network().0.to_be_bytes();
            refusals::note(services, "login.failed", &network, |event| {
                event
                    .from(origin)
                    .with(serde_json::json!({ "reason": "wrong_code" }))
            });
        }
        return Err(Error::InvalidToken);
    };
    let takeover = Takeover::new(services, origin, user_id);
    let start = Start::new(services, origin, user_id, "", Proof::Code);
    let started = services
        .db
        .write(async move |tx| {
            if !login_codes::spend(tx, &handle).await? {
                return Ok(None);
            }
            failed_checks::clear(tx, user_id).await?;
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
