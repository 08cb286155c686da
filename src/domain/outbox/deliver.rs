//! Sending what is in the outbox. A mail is taken for some seconds at a time, and for longer while it is being sent: whoever
//! dies over one leaves it to the next. What a server could not take is tried again with growing pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::letter::{Addressed, Draft};
use super::{Allowance, Facts};
use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::{Email, Error, Result, Services};
use crate::ids::MailId;
use crate::mail::{Kind, SendError, Sent};
use crate::store::db::Tx;
use crate::store::mails::{self, Mail};
use crate::store::registrations;
use crate::store::users;

/// How long a mail is taken for.
const LEASE: Duration = Duration::from_secs(30);

/// How often that is prolonged while the mail is being sent,
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// and how soon after it could not be.
const RENEW_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long it is prolonged for: the database may be away for a while, too.
const LONG_LEASE: Duration = Duration::from_secs(120);

/// How often a mail is tried.
pub const TRIES: i64 = 10;

/// Pause after the first try; each is twice the one before,
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How long a mail waits for a server that cannot be reached: by then nobody wants it any more.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

/// How often to try to note that a mail was sent, before it has to be left to be sent again.
const NOTE_TRIES: u32 = 120;
const NOTE_PAUSE: Duration = Duration::from_secs(1);

/// A mail that is ours to send.
pub struct Claim {
    mail: Mail,
    lease: Arc<Lease>,
}

impl Claim {
    fn lease_end(&self) -> Timestamp {
        self.lease.end()
    }
}

/// Until when a mail is ours.
pub(super) struct Lease(AtomicI64);

impl Lease {
    fn end(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn set_end(&self, end: Timestamp) {
        self.0.store(end.millis(), Ordering::Relaxed);
    }
}

/// What a try tells of the mail server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was there: it took the mail, or did not want this one.
    Reached,
    /// It could not be reached, at that time; no mail is to blame.
    Unreachable(String, Timestamp),
    /// It was not asked.
    Untried,
}

/// Takes a mail that is due; `None` when there is none.
pub async fn claim(services: &Services) -> Result<Option<Claim>> {
    while let Some(claim) = take(services).await? {
        // It fell due again while it is being sent here: the database was in the way of prolonging its lease. Whoever sends it
        // has the new one.
        match services.outbox.lease(claim.mail.id) {
            Some(lease) => lease.set_end(claim.lease_end()),
            None => {
                services.outbox.begin(claim.mail.id, &claim.lease);
                return Ok(Some(claim));
            }
        }
    }
    Ok(None)
}

async fn take(services: &Services) -> Result<Option<Claim>> {
    let now = services.now();
    {
        // Most of the time there is nothing to write.
        let mut tx = services.db.read().await?;
        if !mails::is_any_due(&mut tx, now).await? {
            return Ok(None);
        }
    }
    let lease_end = now.plus(LEASE);
    let mail = services
        .db
        .write_one(async move |tx| Ok::<_, Error>(mails::claim(tx, now, lease_end).await?))
        .await?;
    Ok(mail.map(|mail| Claim {
        mail,
        lease: Arc::new(Lease(AtomicI64::new(lease_end.millis()))),
    }))
}

/// Sends a mail and notes what became of it.
pub async fn deliver(services: &Arc<Services>, claim: Claim) -> Result<Outcome> {
    if services.outbox.is_done(claim.mail.id) {
        // It is not on record yet: the database was in the way. That is no reason to send it again.
        try_to_note_done(services, claim.mail.id).await?;
        return Ok(Outcome::Untried);
    }
    if claim.mail.attempts > TRIES {
        // Every try before ended without a word: whatever it is that this mail does to us, it is not to go on for ever.
        give_up(services, &claim, "it was begun too often without an end").await?;
        return Ok(Outcome::Untried);
    }
    let (sent, addressed) = match prepare(services, &claim).await? {
        Prepared::Addressed(addressed) => {
            let letter = &addressed.letter;
            let sent = in_time(services, &claim, services.mailer.send(letter)).await;
            let sent = sent.map_err(|error| error.without(&letter.to));
            (sent.map(Some), Some(addressed))
        }
        // How long a mail waits can be seen from outside: one to nobody, too, waits until the server takes mail.
        Prepared::Nobody => {
            let kind = Kind::parse(&claim.mail.kind);
            let asking = services.mailer.ask(claim.mail.id.0, kind);
            let asked = in_time(services, &claim, asking).await;
            (asked.map(|()| None), None)
        }
        Prepared::Gone => return Ok(Outcome::Untried),
    };
    match sent {
        Ok(sent) => {
            // What was written to a file is in the log already.
            if sent == Some(Sent::Smtp) {
                let kind = claim.mail.kind.as_str();
                tracing::info!(mail.id = %claim.mail.id, mail.kind = kind, "mail sent");
            }
            let reached = addressed.and_then(|addressed| addressed.reader);
            services.outbox.set_done(claim.mail.id, reached);
            note_done(services, claim.mail.id).await?;
            Ok(Outcome::Reached)
        }
        Err(error) => note_failure(services, &claim, addressed.as_deref(), error).await,
    }
}

/// Does something about a mail for as long as its lease can be prolonged.
async fn in_time<T>(
    services: &Services,
    claim: &Claim,
    doing: impl Future<Output = std::result::Result<T, SendError>>,
) -> std::result::Result<T, SendError> {
    tokio::select! {
        done = doing => done,
        () = keep(services, claim) => Err(SendError::Temporary("it took too long".to_owned())),
    }
}

/// Puts the mail off, or gives it up.
async fn note_failure(
    services: &Services,
    claim: &Claim,
    addressed: Option<&Addressed>,
    error: SendError,
) -> Result<Outcome> {
    match error {
        SendError::Unreachable(message) => {
            let now = services.now();
            if now.since(claim.mail.created_at) >= STALE_AFTER {
                give_up(services, claim, &message).await?;
            } else {
                put_off(services, claim, Duration::ZERO, false).await?;
            }
            Ok(Outcome::Unreachable(message, now))
        }
        SendError::Temporary(message) if claim.mail.attempts >= TRIES => {
            give_up(services, claim, &message).await?;
            Ok(Outcome::Reached)
        }
        SendError::Temporary(message) => {
            let pause = pause_after(claim.mail.attempts);
            tracing::warn!(
                mail.id = %claim.mail.id, mail.kind = claim.mail.kind, tries = claim.mail.attempts,
                again_in.seconds = pause.as_secs(), error = message, "mail not sent yet"
            );
            put_off(services, claim, pause, true).await?;
            Ok(Outcome::Reached)
        }
        SendError::Refused {
            message,
            is_address,
        } => {
            give_up(services, claim, &message).await?;
            if let (Some(addressed), true) = (addressed, is_address) {
                mark_refused(services, addressed).await?;
            }
            Ok(Outcome::Reached)
        }
        SendError::Defect(message) => {
            give_up(services, claim, &message).await?;
            Ok(Outcome::Untried)
        }
    }
}

/// What is to be done about a mail.
enum Prepared {
    Addressed(Box<Addressed>),
    /// There is nobody to tell, or nothing any more.
    Nobody,
    /// It is no more ours to send: the claim came late, and it was noted meanwhile that it had been sent; or it is not wanted any
    /// more.
    Gone,
}

/// Makes the letter, and stores what it carries.
async fn prepare(services: &Arc<Services>, claim: &Claim) -> Result<Prepared> {
    let mail = &claim.mail;
    let (Some(kind), Ok(facts)) = (
        Kind::parse(&mail.kind),
        serde_json::from_str::<Facts>(&mail.facts),
    ) else {
        tracing::error!(mail.id = %mail.id, mail.kind = mail.kind, "a mail that cannot be read is dropped");
        return Ok(Prepared::Nobody);
    };
    let (services, mail, lease_end) = (services.clone(), mail.clone(), claim.lease_end());
    let db = services.db.clone();
    db.write(async move |tx| {
        if !mails::is_held(tx, mail.id, lease_end).await? {
            return Ok(Prepared::Gone);
        }
        if facts.is_to_be_counted && !count(tx, &services, &mail, kind, &facts).await? {
            return Ok(Prepared::Nobody);
        }
        let draft = Draft {
            services: &services,
            mail: &mail,
            kind,
            facts: facts.clone(),
            now: services.now(),
        };
        let addressed = draft.addressed(tx).await?;
        Ok(addressed.map_or(Prepared::Nobody, |it| Prepared::Addressed(Box::new(it))))
    })
    .await
}

/// Counts a mail that somebody has asked for, once for all its tries; false when there may be none now. One that reaches nobody
/// does not count.
async fn count(
    tx: &mut Tx<'_>,
    services: &Services,
    mail: &Mail,
    kind: Kind,
    facts: &Facts,
) -> Result<bool> {
    let Ok(email) = Email::parse("email", &mail.recipient) else {
        return Ok(false);
    };
    let now = services.now();
    let waits = match kind {
        Kind::VerifyEmail => registrations::find_by_email(tx, email.key(), now).await?,
        _ => None,
    };
    let is_somebodys = waits.is_some() || users::contact_by_email(tx, email.key()).await?.is_some();
    if !is_somebodys {
        return Ok(true);
    }
    if !Allowance::of_requests(services, kind, email.key())
        .take(tx, now)
        .await?
    {
        return Ok(false);
    }
    let counted = Facts {
        is_to_be_counted: false,
        ..facts.clone()
    };
    mails::set_facts(tx, mail.id, &counted.to_text()?).await?;
    Ok(true)
}

/// Prolongs the lease until it is lost.
async fn keep(services: &Services, claim: &Claim) {
    let mut pause = RENEW_EVERY;
    loop {
        tokio::time::sleep(pause).await;
        let new = services.now().plus(LONG_LEASE);
        let (id, old) = (claim.mail.id, claim.lease_end());
        let renewed = services
            .db
            .write_one(async move |tx| Ok::<_, Error>(mails::renew(tx, id, old, new).await?))
            .await;
        match renewed {
            Ok(true) => {
                claim.lease.set_end(new);
                pause = RENEW_EVERY;
            }
            // It was taken again, for us.
            Ok(false) if claim.lease_end() != old => pause = RENEW_AGAIN_AFTER,
            // Somebody else has it by now.
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(error = %error, "a mail's lease was not prolonged; it is tried again");
                pause = RENEW_AGAIN_AFTER;
            }
        }
    }
}

/// Notes that a mail was sent, whatever it takes: after the next start it would be sent again. Or that there was nobody to
/// send it to.
async fn note_done(services: &Services, id: MailId) -> Result<()> {
    for _ in 1..NOTE_TRIES {
        let Err(error) = try_to_note_done(services, id).await else {
            return Ok(());
        };
        tracing::warn!(mail.id = %id, error = %error, "cannot note what became of a mail; it is tried again");
        tokio::time::sleep(NOTE_PAUSE).await;
    }
    try_to_note_done(services, id).await
}

async fn try_to_note_done(services: &Services, id: MailId) -> Result<()> {
    let reached = services.outbox.reached_by(id);
    let reached = reached.filter(|contact| contact.is_refused);
    let noted: Result<()> = services
        .db
        .write(async move |tx| {
            mails::delete(tx, id).await?;
            if let Some(contact) = &reached {
                users::mark_reached(tx, contact.id, &contact.email_key).await?;
            }
            Ok(())
        })
        .await;
    if noted.is_ok() {
        services.outbox.set_noted(id);
    }
    noted
}

async fn put_off(
    services: &Services,
    claim: &Claim,
    pause: Duration,
    is_counted: bool,
) -> Result<()> {
    let (id, lease_end) = (claim.mail.id, claim.lease_end());
    let due_at = services.now().plus(pause);
    services
        .db
        .write_one(async move |tx| Ok(mails::put_off(tx, id, lease_end, due_at, is_counted).await?))
        .await
}

async fn give_up(services: &Services, claim: &Claim, message: &str) -> Result<()> {
    tracing::error!(
        mail.id = %claim.mail.id, mail.kind = claim.mail.kind, tries = claim.mail.attempts, error = message,
        "MAIL GIVEN UP"
    );
    let (id, lease_end) = (claim.mail.id, claim.lease_end());
    services
        .db
        .write_one(async move |tx| Ok(mails::give_up(tx, id, lease_end).await?))
        .await
}

/// Marks an address that a server has refused for good, if it is still its reader's.
async fn mark_refused(services: &Services, addressed: &Addressed) -> Result<()> {
    let Some(reader) = addressed.reader.clone() else {
        return Ok(());
    };
    if addressed.letter.to != reader.email {
        return Ok(());
    }
    let event = Event::new(services, "email.refused").on(reader.id).failed();
    let now = services.now();
    services
        .db
        .write(async move |tx| {
            if users::mark_refused(tx, reader.id, &reader.email_key, now).await? {
                event.record(tx).await?;
            }
            Ok(())
        })
        .await
}

/// The pause after so many tries.
fn pause_after(tries: i64) -> Duration {
    let doublings = u32::try_from(tries - 1).unwrap_or(0).min(16);
    (FIRST_PAUSE * 2_u32.pow(doublings)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_five_seconds_to_an_hour() {
        let pauses: Vec<u64> = (1..=12).map(|tries| pause_after(tries).as_secs()).collect();
        assert_eq!(
            pauses,
            [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
        );
    }
}
