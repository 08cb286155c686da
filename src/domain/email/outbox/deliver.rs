//! Sending what is in the outbox. What a server could not take is tried again with growing pauses.

use std::sync::Arc;
use std::time::Duration;

use super::Allowance;
use super::draft::Draft;
use super::facts::Facts;
use super::lease::{Claim, in_time};
use super::letter::Addressed;
use super::record::{give_up, mark_refused, note_done, put_off, put_off_unsent, try_to_note_done};
use crate::clock::Timestamp;
use crate::domain::{Email, Error, Result, Services};
use crate::mail::{Kind, SendError, Sent};
use crate::store::db::Tx;
use crate::store::mails::{self, Mail};
use crate::store::{registrations, users};

/// How often a mail is tried.
pub const TRIES: i64 = 10;

/// Pause after the first try; each is twice the one before,
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// How long a mail waits for a server that cannot be reached: by then nobody wants it any more.
const STALE_AFTER: Duration = Duration::from_secs(24 * 3600);

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
                let unsent = addressed.and_then(|addressed| addressed.issued.clone());
                put_off_unsent(services, claim, now, unsent).await?;
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
            put_off(services, claim, services.now().plus(pause), true).await?;
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
    let prepared = claim
        .while_held(services, |lease_end| {
            let (shared, mail, facts) = (services.clone(), mail.clone(), facts.clone());
            services.db.write(async move |tx| {
                // The user is locked first, as everywhere. A token made for a person who is being shut out is then either
                // stored before that, and revoked, or not made at all.
                if let Some(user_id) = mail.user_id {
                    users::lock(tx, user_id).await?;
                }
                if !mails::is_held(tx, mail.id, lease_end).await? {
                    return Ok(None);
                }
                let prepared = address(tx, &shared, &mail, kind, facts.clone()).await?;
                Ok::<_, Error>(Some(prepared))
            })
        })
        .await?;
    Ok(prepared.unwrap_or(Prepared::Gone))
}

/// The letter of a mail that is ours to send.
async fn address(
    tx: &mut Tx<'_>,
    services: &Services,
    mail: &Mail,
    kind: Kind,
    mut facts: Facts,
) -> Result<Prepared> {
    if facts.is_to_be_counted {
        if !count(tx, services, mail, kind, &facts).await? {
            return Ok(Prepared::Nobody);
        }
        facts.is_to_be_counted = false;
        facts.is_counted = true;
    }
    let now = services.now();
    let draft = Draft {
        services,
        mail,
        kind,
        facts: facts.clone(),
        now,
    };
    let Some(mut addressed) = draft.addressed(tx).await? else {
        return Ok(Prepared::Nobody);
    };
    if facts.issued_at.is_some() {
        // It may have left before, and keeps its time whatever becomes of this try.
        addressed.issued = None;
    }
    if addressed.issued.is_some() || !facts.is_counted {
        facts.is_counted = true;
        if addressed.issued.is_some() {
            facts.issued_at = Some(now.millis());
        }
        mails::set_facts(tx, mail.id, &facts.to_text()?).await?;
    }
    Ok(Prepared::Addressed(Box::new(addressed)))
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
    let contact = users::contact_by_email(tx, email.key()).await?;
    if waits.is_none() && contact.is_none() {
        return Ok(true);
    }
    let allowance = match (kind, &facts.asked_from, contact) {
        (Kind::LoginCode, Some(device), Some(contact))
            if facts.is_from_device_of(tx, contact.id).await? =>
        {
            Allowance::of_known_device(services, email.key(), device)
        }
        _ => Allowance::of_requests(services, kind, email.key()),
    };
    if !allowance.take(tx, now).await? {
        return Ok(false);
    }
    let counted = Facts {
        is_to_be_counted: false,
        is_counted: true,
        ..facts.clone()
    };
    mails::set_facts(tx, mail.id, &counted.to_text()?).await?;
    Ok(true)
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
