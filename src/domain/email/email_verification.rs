//! Proof that an address is its user's: a link in a mail to it.

use super::{one_time, outbox, purpose};
use crate::domain::audit::Event;
use crate::domain::authentication::devices::Place;
use crate::domain::idempotency::Once;
use crate::domain::{Email, Error, Origin, Result, Services, registration};
use crate::mail::Kind;
use crate::store::users::{self, Changes};

/// Sends a verification email if the address has an account and is not verified. The answer does not reveal whether it has.
pub async fn request(services: &Services, email: &Email, once: Option<Once<()>>) -> Result<()> {
    outbox::request(services, Kind::VerifyEmail, email, once).await
}

/// Takes the proof. Of a registration it makes the account.
///
/// # Errors
/// [`Error::InvalidToken`]; [`Error::UsernameTaken`] if another user took the name of a registration in the meantime;
/// [`Error::EmailTaken`] while a former account may still take the address back.
pub async fn verify(services: &Services, origin: &Origin, token: &str) -> Result<()> {
    let token = one_time::parse(token)?;
    let now = services.now();
    let account = registration::Confirmed::new(services, origin);
    let event = Event::new(services, "email.verified").from(origin);
    let place = Place::of(services, origin);
    services
        .db
        .write(async move |tx| {
            let used = one_time::consume(tx, &token, purpose::VERIFY_EMAIL, now).await?;
            if let Some(registration) = used.registration_id {
                return account.make(tx, registration, now).await;
            }
            let contact = one_time::owner_at_address(tx, &used).await?;
            let changes = Changes {
                email_verified: Some(true),
                ..Changes::default()
            };
            if !users::update(tx, contact.id, &changes, now).await? {
                return Err(Error::InvalidToken);
            }
            place.see(tx, contact.id, now).await?;
            let event = event.clone().self_service(contact.id);
            event.record(tx).await?;
            Ok(())
        })
        .await?;
    services.outbox.wake();
    Ok(())
}
