//! Judges and hashes new passwords. The time that this takes does not reveal whether an address has an account.

use crate::domain::{FieldCode, FieldError, Password, Result, Services};
use crate::password::{Caller, Priority};
use crate::store::registrations;

/// Hashes a new password for the account of an address, provided that it is hard to guess for who knows `about`. `field` is
/// named when it is not.
///
/// Where addresses are proved before there is an account, the hash has the salt of the registrations that wait for the address.
/// A login with the address is still checked against all of them at once, so the password of such a registration is answered
/// as before. A stranger who registered the address does not learn that its account has a new password.
pub(in crate::domain) async fn hash_new_password(
    services: &Services,
    caller: Caller,
    field: &str,
    password: &Password,
    about: Vec<String>,
    email_key: &str,
) -> Result<String> {
    judge(services, field, password, about, caller).await?;
    let passwords = &services.passwords;
    if !services.policy.require_email_verification {
        let hash = passwords.hash(password.secret(), caller, Priority::Interactive);
        return Ok(hash.await?);
    }
    // Those that waited before their address had this salt share that of its account then.
    let waiting = hashes(services, email_key).await?;
    let of_ours = |stored: &&String| passwords.has_our_cost(stored);
    let hash = match waiting.iter().find(of_ours) {
        Some(stored) => {
            let beside = Some(stored.as_str());
            passwords
                .hash_beside(password.secret(), beside, caller)
                .await?
        }
        None => {
            let salt = salt(services, email_key);
            passwords
                .hash_salted(password.secret(), salt, caller)
                .await?
        }
    };
    Ok(hash)
}

/// Fails for a password that is easy to guess for who knows `about`; names `field` then.
pub(in crate::domain) async fn judge(
    services: &Services,
    field: &str,
    password: &Password,
    about: Vec<String>,
    caller: Caller,
) -> Result<()> {
    let judged = services
        .passwords
        .weakness(password.secret(), about, caller);
    if let Some(message) = judged.await? {
        return Err(FieldError::new(field, FieldCode::TooWeak, message).into());
    }
    Ok(())
}

/// The password hashes of registrations that wait for this e-mail key, the newest first.
pub(in crate::domain) async fn hashes(services: &Services, email_key: &str) -> Result<Vec<String>> {
    if !services.policy.require_email_verification {
        return Ok(Vec::new());
    }
    let mut tx = services.db.read().await?;
    Ok(registrations::hashes_by_email(&mut tx, email_key, services.now()).await?)
}

/// The salt of registrations for an address and of new passwords of its account. Each address has one, which never changes. Only
/// the holder of our key can compute it.
pub(in crate::domain) fn salt(services: &Services, email_key: &str) -> [u8; 16] {
    // No address has this sign.
    let name = format!("salt\0{email_key}");
    let mac = services.mailed.address(&name);
    let mut salt = [0; 16];
    salt.copy_from_slice(&mac[..16]);
    salt
}
