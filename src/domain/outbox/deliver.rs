//! Sending what is in the outbox. A mail is taken for some seconds at a time, and for longer while it is being sent: whoever
//! dies over one leaves it to the next. What a server could not take is tried again with growing pauses.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::Facts;
use super::letter::Draft;
use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::{Error, Result, Services};
use crate::ids::MailId;
use crate::mail::{Kind, Letter, SendError, Sent};
use crate::store::mails::{self, Mail};
use crate::store::users::{self, Contact};

/// How long a mail is taken for.
const LEASE: Duration = Duration::from_secs(30);

/// How often that is prolonged while the mail is being sent.
const RENEW_EVERY: Duration = Duration::from_secs(10);

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
    lease_end: AtomicI64,
}

impl Claim {
    fn lease_end(&self) -> Timestamp {
        Timestamp::from_millis(self.lease_end.load(Ordering::Relaxed))
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was sent, or there was nobody to send it to.
    Settled,
    /// The server did not take it: again later, or never.
    Failed,
    /// No server could be reached, at that time; no mail is to blame.
    Unreachable(String, Timestamp),
}

/// Takes a mail that is due; `None` when there is none.
pub async fn claim(services: &Services) -> Result<Option<Claim>> {
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
        lease_end: AtomicI64::new(lease_end.millis()),
    }))
}

/// Sends a mail and notes what became of it.
pub async fn deliver(services: &Arc<Services>, claim: Claim) -> Result<Outcome> {
    let claim = Arc::new(claim);
    if services.outbox.is_done(claim.mail.id) {
        // It is not on record yet: the database was in the way. That is no reason to send it again.
        try_to_note_done(services, claim.mail.id).await?;
        return Ok(Outcome::Settled);
    }
    if claim.mail.attempts > TRIES {
        // Every try before ended without a word: whatever it is that this mail does to us, it is not to go on for ever.
        give_up(services, &claim, "it was begun too often without an end").await?;
        return Ok(Outcome::Failed);
    }
    let Some(prepared) = prepare(services, &claim).await? else {
        return Ok(Outcome::Settled);
    };
    let (letter, contact) = prepared.unzip();
    let contact = contact.flatten();
    let kind = claim.mail.kind.as_str();
    let sending = async {
        match &letter {
            Some(letter) => {
                let sent = services.mailer.send(letter).await;
                sent.map(Some).map_err(|error| error.without(&letter.to))
            }
            // How long a mail waits can be seen from outside: one to nobody, too, waits until the server takes mail.
            None => services.mailer.ask(claim.mail.id.0).await.map(|()| None),
        }
    };
    let sent = tokio::select! {
        sent = sending => sent,
        () = keep(services, &claim) => Err(SendError::Temporary("it took too long".to_owned())),
    };
    match sent {
        Ok(sent) => {
            // What was written to a file is in the log already.
            if sent == Some(Sent::Smtp) {
                tracing::info!(mail.id = %claim.mail.id, mail.kind = kind, "mail sent");
            }
            services.outbox.set_done(claim.mail.id, contact);
            note_done(services, claim.mail.id).await?;
            Ok(Outcome::Settled)
        }
        Err(SendError::Unreachable(message)) => {
            let now = services.now();
            let is_stale = now.since(claim.mail.created_at) >= STALE_AFTER;
            if is_stale {
                give_up(services, &claim, &message).await?;
            } else {
                put_off(services, &claim, Duration::ZERO, false).await?;
            }
            Ok(Outcome::Unreachable(message, now))
        }
        Err(SendError::Temporary(message)) => {
            if claim.mail.attempts >= TRIES {
                give_up(services, &claim, &message).await?;
            } else {
                let pause = pause_after(claim.mail.attempts);
                tracing::warn!(
                    mail.id = %claim.mail.id, mail.kind = kind, tries = claim.mail.attempts,
                    again_in.seconds = pause.as_secs(), error = message, "mail not sent yet"
                );
                put_off(services, &claim, pause, true).await?;
            }
            Ok(Outcome::Failed)
        }
        Err(SendError::Refused {
            message,
            is_address,
        }) => {
            give_up(services, &claim, &message).await?;
            if let (Some(letter), Some(contact), true) = (letter, contact, is_address) {
                mark_refused(services, &letter, contact).await?;
            }
            Ok(Outcome::Failed)
        }
        Err(SendError::Defect(message)) => {
            give_up(services, &claim, &message).await?;
            Ok(Outcome::Failed)
        }
    }
}

/// A letter and whoever is written to; `None` when that is nobody.
type Prepared = Option<(Letter, Option<Contact>)>;

/// Makes the letter, and stores what it carries. `None` when the mail is no more ours to send: the claim came late, and it was
/// noted meanwhile that it had been sent.
async fn prepare(services: &Arc<Services>, claim: &Claim) -> Result<Option<Prepared>> {
    let mail = &claim.mail;
    let (Some(kind), Ok(facts)) = (
        Kind::parse(&mail.kind),
        serde_json::from_str::<Facts>(&mail.facts),
    ) else {
        tracing::error!(mail.id = %mail.id, mail.kind = mail.kind, "a mail that cannot be read is dropped");
        return Ok(Some(None));
    };
    let (services, mail, lease_end) = (services.clone(), mail.clone(), claim.lease_end());
    let db = services.db.clone();
    db.write(async move |tx| {
        let draft = Draft {
            services: &services,
            mail: &mail,
            kind,
            facts: facts.clone(),
            now: services.now(),
        };
        if !mails::is_held(tx, mail.id, lease_end).await? {
            return Ok(None);
        }
        draft.letter(tx).await.map(Some)
    })
    .await
}

/// Prolongs the lease until it is lost.
async fn keep(services: &Services, claim: &Claim) {
    loop {
        tokio::time::sleep(RENEW_EVERY).await;
        let (id, old, new) = (claim.mail.id, claim.lease_end(), services.now().plus(LEASE));
        let renewed = services
            .db
            .write_one(async move |tx| Ok::<_, Error>(mails::renew(tx, id, old, new).await?))
            .await;
        match renewed {
            Ok(true) => claim.lease_end.store(new.millis(), Ordering::Relaxed),
            // Somebody else has it by now.
            Ok(false) => return,
            Err(error) => {
                tracing::warn!(error = %error, "a mail's lease was not prolonged; it is tried again");
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

/// Marks an address that a server has refused for good.
async fn mark_refused(services: &Services, letter: &Letter, contact: Contact) -> Result<()> {
    if letter.to != contact.email {
        return Ok(());
    }
    let event = Event::new(services, "email.refused")
        .on(contact.id)
        .failed();
    let now = services.now();
    services
        .db
        .write(async move |tx| {
            if users::mark_refused(tx, contact.id, &contact.email_key, now).await? {
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
