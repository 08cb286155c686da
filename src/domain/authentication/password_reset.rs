//! A new password for a user who forgot the old one or never had one: by a link to their address, or by one that an
//! administrator hands over.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::asker::Counted;
use super::devices::Place;
use super::new_password::hash_new_password;
use super::password_check;
use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::authorization::roles::{USERS_WRITE, require_authority};
use crate::domain::email::links::Page;
use crate::domain::email::outbox::{self, Mail, Notice};
use crate::domain::email::{one_time, purpose};
use crate::domain::idempotency::{self, Once};
use crate::domain::{Actor, Email, Error, Origin, Password, Result, Services};
use crate::ids::UserId;
use crate::mail::Kind;
use crate::password::Standing;
use crate::store::db::Tx;
use crate::store::one_time_tokens::{self, Given, OneTime};
use crate::store::sessions::{self, Which};
use crate::store::users::{self, Changes};
use crate::store::{login_codes, mails, roles};
use crate::token::OneTimeToken;

/// Mails a link to the user with this address. The answer does not reveal whether there is one.
pub async fn request(services: &Services, email: &Email, once: Option<Once<()>>) -> Result<()> {
    outbox::request(services, Kind::PasswordReset, email, once).await
}

/// Sets a new password and ends all sessions (ASVS 7.4.3). A token that was mailed proves the address, too.
///
/// # Errors
/// [`Error::InvalidToken`]; [`Error::Invalid`] for a password that is easy to guess: the token is not used up then.
pub async fn reset(services: &Services, origin: &Origin, token: &str, new: Password) -> Result<()> {
    let token = one_time::parse(token)?;
    let Owner {
        id: owner,
        email_key,
        about,
        counted,
    } = owner(services, &token).await?;
    let caller = origin.known(Standing::KnownDevice, owner);
    let hash = hash_new_password(services, caller, "new_password", &new, about, &email_key).await?;
    let now = services.now();
    let event = Event::new(services, "password.reset").from(origin);
    let is_told = services.policy.notices.password_changed;
    let notice = is_told.then(|| Notice::new(services, Kind::PasswordChanged, owner, origin));
    let counted = Arc::new(counted);
    let place = Place::of(services, origin);
    services
        .db
        .write(async move |tx| {
            // Changes of the user's permissions lock the user, too.
            users::lock(tx, owner).await?;
            let used = one_time::consume(tx, &token, purpose::RESET_PASSWORD, now).await?;
            let contact = one_time::owner_at_address(tx, &used).await?;
            let id = contact.id;
            if let Some(given) = &used.given {
                require_still_given(tx, given, id).await?;
            }
            if !users::set_password_hash(tx, id, &hash, now).await? {
                return Err(Error::InvalidToken);
            }
            if used.email.is_some() && !contact.email_verified {
                let changes = Changes {
                    email_verified: Some(true),
                    ..Changes::default()
                };
                users::update(tx, id, &changes, now).await?;
            }
            if used.given.is_none() {
                // Who reads the mail is the owner, and so are their device and network from now on.
                place.see(tx, id, now).await?;
            }
            let ended = sessions::revoke(tx, id, Which::All, now).await?;
            forget_ways_in(tx, id).await?;
            forget_notices(tx, id).await?;
            // Failures with the old password must not keep the owner out with the new one.
            password_check::forget(tx, id, &counted).await?;
            if let Some(notice) = &notice {
                notice.enqueue(tx, &contact.email, now).await?;
            }
            let event = event
                .clone()
                .self_service(id)
                .with(serde_json::json!({ "sessions_ended": ended }));
            Ok(event.record(tx).await?)
        })
        .await?;
    services.outbox.wake();
    Ok(())
}

/// The user whom a token is for.
struct Owner {
    id: UserId,
    email_key: String,
    /// What the new password must not be made of.
    about: Vec<String>,
    /// What failures are counted by.
    counted: Counted,
}

/// Finds the user whom a token is for, while it is valid.
async fn owner(services: &Services, token: &OneTimeToken) -> Result<Owner> {
    let now = services.now();
    let mut tx = services.db.read().await?;
    let found = one_time_tokens::find(&mut tx, &token.hash(), purpose::RESET_PASSWORD, now).await?;
    let id = found
        .and_then(|token| token.user_id)
        .ok_or(Error::InvalidToken)?;
    let contact = users::contact(&mut tx, id)
        .await?
        .ok_or(Error::InvalidToken)?;
    let username_key = contact.username.to_ascii_lowercase();
    let counted = Counted::of(services, id, &[&contact.email_key, &username_key]);
    Ok(Owner {
        id,
        email_key: contact.email_key,
        about: vec![contact.email, contact.username],
        counted,
    })
}

/// Revokes every token and code that opens the account, and the links that its user made for others. Deletes mails to a new
/// address that wait: they would carry a token made only then.
pub(in crate::domain) async fn forget_ways_in(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    for purpose in [purpose::RESET_PASSWORD, purpose::CHANGE_EMAIL] {
        one_time_tokens::revoke_of(tx, id, purpose).await?;
    }
    one_time_tokens::revoke_given(tx, id).await?;
    login_codes::spend_of(tx, id).await?;
    mails::delete_of(tx, id, Kind::EmailChange.as_str()).await?;
    Ok(())
}

/// Takes back the links of notices, once whoever reads the mailbox has shut everybody else out. A password changed by who knows
/// the old one is no reason: that may be the very one whom the notices tell of.
pub(in crate::domain) async fn forget_notices(tx: &mut Tx<'_>, id: UserId) -> Result<()> {
    one_time_tokens::revoke_of(tx, id, purpose::SECURE_ACCOUNT).await?;
    Ok(())
}

/// Fails unless an administrator could still make this link for the user, and the user has no permission that they did not have
/// then. A link never gives more than its maker could give when it was made, or can give when it is used.
async fn require_still_given(tx: &mut Tx<'_>, given: &Given, id: UserId) -> Result<()> {
    let maker = users::contact(tx, given.by).await?;
    let theirs = match maker.filter(|maker| maker.is_active) {
        Some(maker) => roles::permissions_of(tx, maker.id).await?,
        None => return Err(Error::InvalidToken),
    };
    let may_make = theirs.iter().any(|held| held == USERS_WRITE);
    let permissions = roles::permissions_of(tx, id).await?;
    let may_give =
        |permission| theirs.contains(permission) && given.permissions.contains(permission);
    if may_make && permissions.iter().all(may_give) {
        Ok(())
    } else {
        Err(Error::InvalidToken)
    }
}

/// A link that an administrator hands over. It proves no address.
#[derive(Debug, Clone)]
pub struct Link {
    pub url: Zeroizing<String>,
    pub expires_at: Timestamp,
}

/// How an administrator's link reaches its user.
enum Way {
    HandedOver(OneTimeToken),
    Mailed(Mail),
}

/// Fails for an administrator who may not help this user to a new password now. It is for a request that may be one of before,
/// too: what was answered then is shown only to an administrator who may ask for it today.
///
/// # Errors
/// [`Error::PermissionDenied`] and [`Error::InsufficientScope`], also when the user has a permission that the actor lacks;
/// [`Error::InsufficientUserAuthentication`] for the own account.
pub async fn require_may_help(services: &Services, actor: &Actor, id: UserId) -> Result<()> {
    actor.require(USERS_WRITE)?;
    // An administrator's unlocked screen is no way to take the account over.
    if actor.id() == id {
        actor.require_account()?;
        actor.require_fresh(services.now())?;
    }
    let mut tx = services.db.read().await?;
    require_authority(&mut tx, actor, id).await
}

/// Makes a link by which a user sets a new password. [`require_may_help`] comes first.
///
/// # Errors
/// Those of [`by_administrator`].
pub async fn make_link(
    services: &Services,
    actor: &Actor,
    id: UserId,
    once: Option<Once<Link>>,
) -> Result<Link> {
    let token = OneTimeToken::random(&services.ids);
    let link = Link {
        url: services.links.to(Page::ResetPassword, &token),
        expires_at: services.now().plus(purpose::RESET_PASSWORD_LIFETIME),
    };
    by_administrator(services, actor, id, Way::HandedOver(token), link, once).await
}

/// Mails a link by which a user sets a new password to their address. [`require_may_help`] comes first.
///
/// # Errors
/// Those of [`by_administrator`].
pub async fn mail_link(
    services: &Services,
    actor: &Actor,
    id: UserId,
    once: Option<Once<()>>,
) -> Result<()> {
    let mail = Mail::to_address(services, Kind::PasswordReset, "");
    by_administrator(services, actor, id, Way::Mailed(mail), (), once).await
}

/// Lets an administrator help a user to a new password. Returns `made`, or what an earlier request with this key made.
///
/// # Errors
/// [`Error::NotFound`], [`Error::PermissionDenied`] when the user has a permission that the actor lacks,
/// [`Error::InsufficientUserAuthentication`] for the own account, [`Error::AccountDisabled`].
async fn by_administrator<T: Clone + Send + Sync + 'static>(
    services: &Services,
    actor: &Actor,
    id: UserId,
    way: Way,
    made: T,
    once: Option<Once<T>>,
) -> Result<T> {
    actor.require(USERS_WRITE)?;
    let (actor, now) = (actor.clone(), services.now());
    // An unlocked screen of an administrator must not be enough to take over the account.
    if actor.id() == id {
        actor.require_account()?;
        actor.require_fresh(now)?;
    }
    let event = Event::by(services, &actor, "password.reset_link_made")
        .on(id)
        .with_permission();
    let reset = idempotency::write(services, once, async move |tx| {
        let actor = actor.renewed(tx, now).await?;
        actor.require(USERS_WRITE)?;
        // The user's permissions stay as they are looked at here until the link is stored.
        users::lock(tx, id).await?;
        let contact = users::contact(tx, id).await?.ok_or(Error::NotFound)?;
        require_authority(tx, &actor, id).await?;
        if !contact.is_active {
            return Err(Error::AccountDisabled);
        }
        event.record(tx).await?;
        match &way {
            Way::Mailed(mail) => {
                let mail = mail.clone().readdressed(id, &contact.email);
                mail.enqueue(tx).await?;
            }
            Way::HandedOver(token) => {
                let stored = OneTime {
                    user_id: Some(id),
                    registration_id: None,
                    email: None,
                    given: Some(Given {
                        by: actor.id(),
                        permissions: roles::permissions_of(tx, id).await?,
                    }),
                };
                let expires_at = now.plus(purpose::RESET_PASSWORD_LIFETIME);
                let (hash, purpose) = (token.hash(), purpose::RESET_PASSWORD);
                one_time_tokens::issue(tx, &hash, purpose, &stored, expires_at).await?;
            }
        }
        Ok(made.clone())
    })
    .await?;
    services.outbox.wake();
    Ok(reset)
}
