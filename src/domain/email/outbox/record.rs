//! What became of a mail, put on record: sent, put off or given up. All but the first only as long as the mail is ours.

use std::time::Duration;

use super::carried::Issued;
use super::facts::Facts;
use super::lease::Claim;
use super::letter::Addressed;
use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::{Error, Result, Services};
use crate::ids::MailId;
use crate::store::{mails, one_time_tokens, users};

/// How often to try to note that a mail was sent, before it has to be left to be sent again.
const NOTE_TRIES: u32 = 120;
const NOTE_PAUSE: Duration = Duration::from_secs(1);

/// Notes that a mail was sent, whatever it takes: after the next start it would be sent again. Or that there was nobody to
/// send it to.
pub(super) async fn note_done(services: &Services, id: MailId) -> Result<()> {
    for _ in 1..NOTE_TRIES {
        let Err(error) = try_to_note_done(services, id).await else {
            return Ok(());
        };
        tracing::warn!(mail.id = %id, error = %error, "cannot note what became of a mail; it is tried again");
        tokio::time::sleep(NOTE_PAUSE).await;
    }
    try_to_note_done(services, id).await
}

pub(super) async fn try_to_note_done(services: &Services, id: MailId) -> Result<()> {
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

/// Puts a mail off until `due_at`. A try that is not counted was no fault of the mail.
pub(super) async fn put_off(
    services: &Services,
    claim: &Claim,
    due_at: Timestamp,
    is_counted: bool,
) -> Result<()> {
    let id = claim.mail.id;
    let attempts = claim.mail.attempts - i64::from(!is_counted);
    let put_off = claim.while_held(services, |lease_end| {
        services.db.write_one(async move |tx| {
            let is_held = mails::put_off(tx, id, lease_end, due_at, attempts).await?;
            Ok::<_, Error>(is_held.then_some(()))
        })
    });
    put_off.await.map(|_| ())
}

/// Puts a mail off that was not handed over because the server is away. The token that this try made for it, `unsent`, has
/// not left the service: its life begins anew with the next try.
pub(super) async fn put_off_unsent(
    services: &Services,
    claim: &Claim,
    due_at: Timestamp,
    unsent: Option<Issued>,
) -> Result<()> {
    let Some(unsent) = unsent else {
        return put_off(services, claim, due_at, false).await;
    };
    let Ok(facts) = serde_json::from_str::<Facts>(&claim.mail.facts) else {
        return put_off(services, claim, due_at, false).await;
    };
    let facts = Facts {
        issued_at: None,
        is_to_be_counted: false,
        is_counted: true,
        ..facts
    };
    let facts = facts.to_text()?;
    let (id, attempts) = (claim.mail.id, claim.mail.attempts - 1);
    let put_off = claim.while_held(services, |lease_end| {
        let (unsent, facts) = (unsent.clone(), facts.clone());
        services.db.write(async move |tx| {
            if !mails::put_off(tx, id, lease_end, due_at, attempts).await? {
                return Ok(None);
            }
            one_time_tokens::forget(tx, &unsent.hash, unsent.purpose).await?;
            mails::set_facts(tx, id, &facts).await?;
            Ok::<_, Error>(Some(()))
        })
    });
    put_off.await.map(|_| ())
}

pub(super) async fn give_up(services: &Services, claim: &Claim, message: &str) -> Result<()> {
    tracing::error!(
        mail.id = %claim.mail.id, mail.kind = claim.mail.kind, tries = claim.mail.attempts, error = message,
        "MAIL GIVEN UP"
    );
    let id = claim.mail.id;
    let given_up = claim.while_held(services, |lease_end| {
        services.db.write_one(async move |tx| {
            let is_held = mails::give_up(tx, id, lease_end).await?;
            Ok::<_, Error>(is_held.then_some(()))
        })
    });
    given_up.await.map(|_| ())
}

/// Marks an address that a server has refused for good, if it is still its reader's.
pub(super) async fn mark_refused(services: &Services, addressed: &Addressed) -> Result<()> {
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
