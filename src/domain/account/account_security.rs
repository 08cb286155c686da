//! "This was not me": what the recipient of a notice can do at once.

use crate::clock::Timestamp;
use crate::domain::audit::Event;
use crate::domain::authentication::password_reset::{forget_notices, forget_ways_in};
use crate::domain::email::outbox::Mail;
use crate::domain::email::{one_time, purpose};
use crate::domain::{Origin, Result, Services};
use crate::ids::UserId;
use crate::mail::Kind;
use crate::store::db::Tx;
use crate::store::sessions::{self, Which};
use crate::store::users;

/// Ends all sessions, takes the password away and mails a link to set a new one.
///
/// # Errors
/// [`crate::domain::Error::InvalidToken`].
pub async fn secure(services: &Services, origin: &Origin, token: &str) -> Result<()> {
    let token = one_time::parse(token)?;
    let now = services.now();
    let event = Event::new(services, "account.secured").from(origin);
    let reset = Mail::to_address(services, Kind::AccountSecured, "");
    services
        .db
        .write(async move |tx| {
            let used = one_time::consume(tx, &token, purpose::SECURE_ACCOUNT, now).await?;
            let contact = one_time::owner_at_address(tx, &used).await?;
            let ended = shut(tx, contact.id, now).await?;
            reset
                .clone()
                .readdressed(contact.id, &contact.email)
                .enqueue(tx)
                .await?;
            let event = event
                .clone()
                .self_service(contact.id)
                .with(serde_json::json!({ "sessions_ended": ended }));
            Ok::<_, crate::domain::Error>(event.record(tx).await?)
        })
        .await?;
    services.outbox.wake();
    Ok(())
}

/// Leaves no way in but a new password: ends all sessions and says how many, takes away the password, for whoever came in
/// may know it, and all tokens and codes.
pub(in crate::domain) async fn shut(tx: &mut Tx<'_>, id: UserId, now: Timestamp) -> Result<u64> {
    let ended = sessions::revoke(tx, id, Which::All, now).await?;
    users::clear_password(tx, id, now).await?;
    forget_ways_in(tx, id).await?;
    forget_notices(tx, id).await?;
    Ok(ended)
}
