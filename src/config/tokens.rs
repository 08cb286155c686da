//! Access and refresh tokens: how they are signed and how long they live.

use std::time::Duration;

use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "ALGORITHM",
        default: Some("HS256"),
        allowed: "HS256",
        help: "How access tokens are signed (RFC 7518 §3.1).",
        secret: false,
    },
    Setting {
        name: "ACCESS_TOKEN_EXPIRE_MINUTES",
        default: Some("30"),
        allowed: "a whole number of minutes from 1 to 1440",
        help: "How long an access token lives.",
        secret: false,
    },
    Setting {
        name: "REFRESH_TOKEN_EXPIRE_DAYS",
        default: Some("7"),
        allowed: "a whole number of days from 1 to 365",
        help: "How long a refresh token lives; every refresh gives a new one.",
        secret: false,
    },
];

/// How access tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518 §3.2).
    Hs256,
}

/// The tokens section.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub algorithm: Algorithm,
    pub access_lifetime: Duration,
    pub refresh_lifetime: Duration,
}

impl Tokens {
    pub(super) fn read(source: &mut Source) -> Self {
        let within = |range: std::ops::RangeInclusive<u64>| {
            move |text: &str| {
                text.parse::<u64>()
                    .ok()
                    .filter(|number| range.contains(number))
            }
        };
        Self {
            algorithm: source.required(&SETTINGS[0], |text| {
                (text == "HS256").then_some(Algorithm::Hs256)
            }),
            access_lifetime: Duration::from_secs(
                60 * source.required(&SETTINGS[1], within(1..=1440)),
            ),
            refresh_lifetime: Duration::from_secs(
                86_400 * source.required(&SETTINGS[2], within(1..=365)),
            ),
        }
    }
}
