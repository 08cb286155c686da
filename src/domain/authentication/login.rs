//! Login with a username or e-mail address and a password: the OAuth 2.0 password grant (RFC 6749 §4.3). And the start of a
//! session, whatever has proved who somebody is.

use std::sync::Arc;

use super::asker::Asker;
use super::devices::Place;
use super::new_password;
use super::password_check::{self, Checked};
use super::tokens::{self, TokenPair};
use crate::config::Secret;
use crate::domain::audit::Event;
use crate::domain::authorization::scope::Granted;
use crate::domain::email::outbox::Notice;
use crate::domain::{Email, Error, Origin, Result, Services, types};
use crate::ids::{InstanceId, SessionId, UserId};
use crate::mail::Kind;
use crate::password::{Caller, Priority, Verdict};
use crate::store::db::{self, Tx};
use crate::store::known_devices::Familiar;
use crate::store::sessions::{self, NewSession, Session};
use crate::store::users::{self, Credentials};
use crate::store::{registrations, roles};

/// What a client sends to log in.
#[derive(Debug)]
pub struct Login<'a> {
    /// A username or an e-mail address.
    pub identifier: &'a str,
    pub password: Secret,
    /// Scope asked for; empty for everything.
    pub scope: &'a str,
}

/// Starts a session. Unknown and known accounts take the same work: one attempt counted, one hash, one audit event.
///
/// # Errors
/// [`Error::LoginRefused`]; [`Error::AccountDisabled`] and [`Error::EmailNotVerified`], only to a client that knows the password;
/// [`Error::InvalidScope`], [`Error::AccountThrottled`].
pub async fn login(
    services: &Arc<Services>,
    origin: &Origin,
    login: Login<'_>,
) -> Result<TokenPair> {
    let identifier = Identifier::of(login.identifier);
    // Beside this login another one's rehash may replace the hash that is being checked: the new one is checked then.
    match attempt(services, origin, &identifier, &login).await? {
        Some(pair) => Ok(pair),
        None => attempt(services, origin, &identifier, &login)
            .await?
            .ok_or(Error::LoginRefused),
    }
}

/// Tries a login; `None` when the account changed while the password was being checked.
async fn attempt(
    services: &Arc<Services>,
    origin: &Origin,
    identifier: &Identifier,
    login: &Login<'_>,
) -> Result<Option<TokenPair>> {
    let place = Place::of(services, origin);
    let Found {
        user: known,
        waiting,
        familiar,
    } = identifier.find(services, &place).await?;
    let asker = Asker::at_login(
        services,
        origin,
        &place,
        familiar,
        known.as_ref().map(|credentials| credentials.id),
        identifier.key(),
    );
    let caller = asker.caller;
    let stored = known
        .as_ref()
        .and_then(|credentials| credentials.password_hash.as_deref());
    let password = &login.password;
    let checked = password_check::check_any(services, asker, password, stored, &waiting).await?;
    let user_id = known.as_ref().map(|credentials| credentials.id);
    let (verdict, credentials) = match (checked, known) {
        (Checked::OfAccount(verdict), Some(credentials)) => (verdict, credentials),
        // Whoever registers is told the same whether or not the address had an account, and so he is here.
        (Checked::OfAnother, _) => {
            refuse(services, origin, None, "email_not_verified").await?;
            return Err(Error::EmailNotVerified);
        }
        (Checked::OfAccount(_), None) | (Checked::Wrong, _) => {
            refuse(services, origin, user_id, "wrong_password").await?;
            return Err(Error::LoginRefused);
        }
    };
    let checked_hash = credentials.password_hash.clone().unwrap_or_default();
    if !credentials.is_active {
        refuse(services, origin, user_id, "account_disabled").await?;
        return Err(Error::AccountDisabled);
    }
    if services.policy.require_email_verification && !credentials.email_verified {
        refuse(services, origin, user_id, "email_not_verified").await?;
        return Err(Error::EmailNotVerified);
    }

    let proof = Proof::Password(checked_hash.clone());
    let started = Start::new(services, origin, credentials.id, login.scope, proof);
    let started = services
        .db
        .write(async move |tx| started.run(tx).await)
        .await?;
    let Some((session, permissions)) = started else {
        return Ok(None);
    };
    services.outbox.wake();
    if verdict == Verdict::RightButOutdated {
        tokio::spawn(rehash(
            services.clone(),
            caller,
            credentials.id,
            login.password.clone(),
            checked_hash,
        ));
    }
    tokens::issue(services, &session, permissions, session.rotated_at).map(Some)
}

/// What was typed, normalised.
enum Identifier {
    Email(String),
    Username(String),
}

impl Identifier {
    fn of(text: &str) -> Self {
        let text = text.trim();
        if text.contains('@') {
            let email = Email::parse("username", text);
            Self::Email(email.map_or_else(|_| types::fold(text), |email| email.key().to_owned()))
        } else {
            Self::Username(text.to_ascii_lowercase())
        }
    }

    fn key(&self) -> &str {
        let (Self::Email(key) | Self::Username(key)) = self;
        key
    }

    /// Who it is, and what is known of where they ask from. Runs the same statements whether or not there is such a user.
    async fn find(&self, services: &Services, place: &Place) -> db::Result<Found> {
        let now = services.now();
        let mut tx = services.db.read().await?;
        let user = match self {
            Self::Email(key) => users::credentials_by_email(&mut tx, key).await?,
            Self::Username(key) => users::credentials_by_username(&mut tx, key).await?,
        };
        let waiting = match self {
            _ if !services.policy.require_email_verification => Vec::new(),
            Self::Email(key) => registrations::hashes_by_email(&mut tx, key, now).await?,
            Self::Username(key) => {
                let found = registrations::find_by_username(&mut tx, key, now).await?;
                found.into_iter().map(|it| it.password_hash).collect()
            }
        };
        let user_id = user.as_ref().map(|user| user.id);
        let familiar = place.look(&mut tx, user_id, now).await?;
        Ok(Found {
            user,
            waiting,
            familiar,
        })
    }
}

/// What there is of what was typed.
struct Found {
    user: Option<Credentials>,
    /// Password hashes of registrations that wait for their address to be proved.
    waiting: Vec<String>,
    familiar: Familiar,
}

async fn refuse(
    services: &Services,
    origin: &Origin,
    user_id: Option<UserId>,
    reason: &'static str,
) -> Result<()> {
    let event = Event::new(services, "login.failed").failed().from(origin);
    let event = user_id
        .map_or(event.clone(), |id| event.on(id))
        .with(serde_json::json!({ "reason": reason }));
    services
        .db
        .write_one(async move |tx| Ok(event.record(tx).await?))
        .await
}

/// How somebody has proved who he is.
pub(in crate::domain) enum Proof {
    /// By the password of this hash.
    Password(String),
    /// By a code that was mailed to his address.
    Code,
}

/// The unit of work that starts a session.
pub(in crate::domain) struct Start {
    session: Session,
    asked_scope: String,
    proof: Proof,
    origin: Origin,
    event: Event,
    place: Place,
    by: InstanceId,
    /// Live sessions that one user may have.
    max_sessions: i64,
    /// To tell of a device not seen before, and how often that may be.
    notice: Option<Notice>,
}

impl Proof {
    /// As the audit log names it.
    fn method(&self) -> &'static str {
        match self {
            Self::Password(_) => "password",
            Self::Code => "email_code",
        }
    }
}

impl Start {
    pub fn new(
        services: &Services,
        origin: &Origin,
        user_id: UserId,
        scope: &str,
        proof: Proof,
    ) -> Self {
        let now = services.now();
        let id = SessionId::new(&services.ids);
        let is_told = services.policy.notices.new_device;
        let notice = is_told.then(|| Notice::new(services, Kind::NewDevice, user_id, origin));
        Self {
            session: Session {
                id,
                user_id,
                refresh_counter: 0,
                token_floor: 0,
                rotated_at: now,
                rotated_by: Some(services.instance),
                scope: String::new(),
                authenticated_at: now,
                created_at: now,
                expires_at: services.lifetimes(now).first_end(),
                revoked_at: None,
            },
            asked_scope: scope.to_owned(),
            origin: origin.clone(),
            event: Event::new(services, "login.succeeded")
                .self_service(user_id)
                .in_session(id)
                .from(origin)
                .with(serde_json::json!({ "method": proof.method() })),
            proof,
            place: Place::of(services, origin),
            by: services.instance,
            max_sessions: services.policy.sessions_per_user,
            notice,
        }
    }

    /// `None` when the account was disabled meanwhile, or the password was changed or hashed anew while it was being checked.
    /// The caller commits, then calls [`crate::domain::email::outbox::Outbox::wake`].
    pub async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<(Session, Vec<String>)>> {
        let user_id = self.session.user_id;
        let permissions = roles::permissions_of(tx, user_id).await?;
        let session = Session {
            scope: Granted::new(permissions.clone(), "").parse(&self.asked_scope)?,
            ..self.session.clone()
        };
        let at = session.rotated_at;
        // The first login of all is no news, wherever the user registered.
        let notice = match &self.notice {
            Some(notice) if users::has_logged_in(tx, user_id).await? => Some(notice),
            _ => None,
        };
        let is_recorded = match &self.proof {
            Proof::Password(hash) => users::record_login(tx, user_id, hash, at).await?,
            Proof::Code => users::record_login_by_mail(tx, user_id, at).await?,
        };
        if !is_recorded {
            return Ok(None);
        }
        let new = NewSession {
            id: session.id,
            user_id,
            scope: &session.scope,
            at,
            by: self.by,
            expires_at: session.expires_at,
            ip: &self.origin.ip.to_string(),
            user_agent: self.origin.user_agent.as_deref(),
        };
        sessions::insert(tx, &new).await?;
        let keep = self.max_sessions - 1;
        let ended = sessions::end_oldest(tx, user_id, session.id, keep, at).await?;
        let is_known = self.place.see(tx, user_id, at).await?;
        if let Some(notice) = notice
            && !is_known
            && let Some(contact) = users::contact(tx, user_id).await?
        {
            notice.enqueue(tx, &contact.email, at).await?;
        }
        let event = self.event.clone();
        let event = match ended {
            0 => event,
            ended => event.with(serde_json::json!({
                "method": self.proof.method(),
                "sessions_ended": ended,
            })),
        };
        event.record(tx).await?;
        Ok(Some((session, permissions)))
    }
}

/// Stores the password in today's form and cost. Not worth more than one try: the next login comes here again. So it does
/// while registrations wait for the address: their hashes share the salt of this one.
async fn rehash(
    services: Arc<Services>,
    caller: Caller,
    user_id: UserId,
    password: Secret,
    old_hash: String,
) {
    if !matches!(are_any_waiting(&services, user_id).await, Ok(false)) {
        return;
    }
    let hashed = services
        .passwords
        .hash(&password, caller, Priority::Background)
        .await;
    let stored = match hashed {
        Ok(new_hash) => {
            let write = services.db.write_one(async move |tx| {
                Ok::<_, Error>(
                    users::replace_password_hash(tx, user_id, &old_hash, &new_hash).await?,
                )
            });
            write.await.map(|_| ())
        }
        Err(error) => Err(error.into()),
    };
    if let Err(error) = stored {
        tracing::debug!(user.id = %user_id, error = %error, "password not hashed anew; the next login tries again");
    }
}

/// Whether registrations wait for the address of a user.
async fn are_any_waiting(services: &Services, user_id: UserId) -> Result<bool> {
    let contact = {
        let mut tx = services.db.read().await?;
        users::contact(&mut tx, user_id).await?
    };
    Ok(match contact {
        Some(contact) => !new_password::hashes(services, &contact.email_key)
            .await?
            .is_empty(),
        None => false,
    })
}
