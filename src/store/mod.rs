//! The repository: raw SQL, one file an aggregate, one statement each in the SQL that the engines share.
//! Look-ups return `Option`; writes say how many rows they changed. Knows no rules of the service.

pub mod audit;
pub mod copy;
pub mod db;
pub mod email_codes;
pub mod failed_checks;
pub mod held_emails;
pub mod idempotency;
pub mod known_devices;
pub mod leases;
pub mod login_codes;
pub mod mails;
pub mod one_time_tokens;
pub mod registrations;
pub mod roles;
pub mod sessions;
pub mod tables;
pub mod throttles;
pub mod users;

/// Whether any stored text can be equal to `text`. None has a NUL: not every engine can store it, or look for it.
fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}
