//! Sessions: how long they live and how many one user has.

use std::time::Duration;

use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "SESSION_MAX_AGE_DAYS",
        default: Some("30"),
        allowed: "a whole number of days from 1 to 3650",
        help: "How long a session lives at most, however often it is refreshed. Then the user logs in again.",
        secret: false,
    },
    Setting {
        name: "SESSION_MAX_PER_USER",
        default: Some("100"),
        allowed: "a whole number from 1 to 10000",
        help: "How many sessions one user may have. A login beyond that ends the session that has been unused the longest.",
        secret: false,
    },
];

/// The sessions section.
#[derive(Debug, Clone)]
pub struct Sessions {
    pub max_age: Duration,
    pub max_per_user: i64,
}

impl Sessions {
    pub(super) fn read(source: &mut Source) -> Self {
        let within = |range: std::ops::RangeInclusive<u32>| {
            move |text: &str| {
                text.parse::<u32>()
                    .ok()
                    .filter(|number| range.contains(number))
            }
        };
        let days = source.required(&SETTINGS[0], within(1..=3650));
        Self {
            max_age: Duration::from_secs(86_400 * u64::from(days)),
            max_per_user: source.required(&SETTINGS[1], within(1..=10_000)).into(),
        }
    }
}
