//! How often an address may be sent mails that others can cause, and a user be told.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::config::Limit;
use crate::domain::Services;
use crate::ids::UserId;
use crate::mail::Kind;
use crate::store::db::{self, Tx};
use crate::store::throttles;

/// What mails of a kind are counted as: by a name, because that is stored. `None`: they are not limited.
const fn counted_as(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::VerifyEmail
        | Kind::PasswordReset
        | Kind::LoginCode
        | Kind::EmailChange
        | Kind::PasswordChanged
        | Kind::NewDevice
        | Kind::SessionsEnded => Some(kind.as_str()),
        // Each is the answer to a step that has a limit of its own, or to one that needs a login or a link.
        Kind::AccountExists
        | Kind::AccountSecured
        | Kind::PasswordRemoved
        | Kind::SeveralRegistrations
        | Kind::SetPassword
        | Kind::EmailChanged
        | Kind::Test => None,
    }
}

/// Registrations that are to be confirmed.
const REGISTRATION: &str = "registration";
/// Codes that are asked for from a device of the user.
const KNOWN_DEVICES_CODE: &str = "known_devices_code";
/// Mails of all kinds that strangers cause.
const STRANGERS: &str = "strangers";

/// How often an address may be sent what somebody asks for, or a user be told of himself. Counts by the address alone,
/// whoever has it.
#[derive(Debug, Clone)]
pub struct Allowance {
    subjects: Vec<(Vec<u8>, Duration, Duration)>,
}

impl Allowance {
    /// Of mails of a kind that anybody may ask for, to an address.
    pub fn of_requests(services: &Services, kind: Kind, email_key: &str) -> Self {
        let limits = &services.policy.mail_address_limits;
        Self::new(services, counted_as(kind), email_key, limits)
    }

    /// Of login codes that are asked for from this device of the user: what strangers ask for does not use them up.
    pub fn of_known_device(services: &Services, email_key: &str, device: &str) -> Self {
        let limits = &services.policy.mail_address_limits;
        let whom = format!("{device} {email_key}");
        Self::new(services, Some(KNOWN_DEVICES_CODE), &whom, limits)
    }

    /// Of registrations with an address.
    pub fn of_registrations(services: &Services, email_key: &str) -> Self {
        let limits = &services.policy.mail_address_limits;
        Self::new(services, Some(REGISTRATION), email_key, limits)
    }

    /// Of mails to prove an address that has been registered.
    pub fn of_verifications(services: &Services, email_key: &str) -> Self {
        Self::of_requests(services, Kind::VerifyEmail, email_key)
    }

    /// Of what one user asks for to have another address. Others who want the same one do not count: of their mails none is his.
    pub fn of_changes(services: &Services, user_id: UserId, email_key: &str) -> Self {
        Self::of_requests(
            services,
            Kind::EmailChange,
            &format!("{user_id} {email_key}"),
        )
    }

    /// Of mails to an address that others can cause, of all kinds and from all accounts together.
    pub fn of_strangers(services: &Services, email_key: &str) -> Self {
        let limits = &services.policy.stranger_limits;
        Self::new(services, Some(STRANGERS), email_key, limits)
    }

    /// Of notices of a kind to an address that its account has not proved: it may be anybody's. Other mails keep none of them away.
    pub fn of_unproved_notices(services: &Services, kind: Kind, email_key: &str) -> Self {
        let limits = &services.policy.stranger_limits;
        let counted_as = format!("unproved {}", kind.as_str());
        Self::new(services, Some(&counted_as), email_key, limits)
    }

    /// Of notices of a kind to a user: one kind does not keep another from being told.
    pub fn of_notices(services: &Services, kind: Kind, user_id: UserId) -> Self {
        let limits = services.policy.notice_limit.as_slice();
        Self::new(services, counted_as(kind), &user_id.to_string(), limits)
    }

    fn new(services: &Services, counted_as: Option<&str>, whom: &str, limits: &[Limit]) -> Self {
        let whom = services.mailed.address(whom);
        let name = counted_as.unwrap_or_default();
        let limits = counted_as.map_or(&[][..], |_| limits);
        let subjects = limits.iter().map(|limit| {
            // A limit is known by its periods: with its place in the setting, another order would mix up what was counted.
            let (interval, period) = (limit.interval(), limit.period);
            let which = format!("m{name} {} {}\0", interval.as_millis(), period.as_millis());
            let subject = [which.as_bytes(), &whom].concat();
            (subject, interval, period - interval)
        });
        Self {
            subjects: subjects.collect(),
        }
    }

    /// Takes one of the limit with the longest period, and of the others what they have; false when there is none left in that.
    pub async fn take_longest(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<bool> {
        let longest = self
            .subjects
            .iter()
            .max_by_key(|(_, interval, tolerance)| *interval + *tolerance);
        let Some((longest, interval, tolerance)) = longest else {
            return Ok(true);
        };
        if !throttles::try_take(tx, longest, now, *interval, *tolerance).await? {
            return Ok(false);
        }
        for (subject, interval, tolerance) in &self.subjects {
            if subject != longest {
                throttles::try_take(tx, subject, now, *interval, *tolerance).await?;
            }
        }
        Ok(true)
    }

    /// Takes one; false when there is none left. What one limit refuses does not count for those behind it.
    pub async fn take(&self, tx: &mut Tx<'_>, now: Timestamp) -> db::Result<bool> {
        for (subject, interval, tolerance) in &self.subjects {
            let taken = throttles::take(tx, subject, now, *interval, *tolerance).await?;
            if taken.is_err() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
