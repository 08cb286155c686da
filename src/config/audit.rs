//! The audit log: how long it keeps personal data.

use std::time::Duration;

use super::{Setting, Source};

pub(super) const SETTINGS: &[Setting] = &[Setting {
    name: "AUDIT_ORIGIN_DAYS",
    default: Some("90"),
    allowed: "a whole number of days from 1 to 3650",
    help: "How long address and user agent are kept in events of what users do with a permission, and of failures without a known user. In events of a user's own account they are kept until the account is deleted.",
    secret: false,
}];

/// The audit section.
#[derive(Debug, Clone)]
pub struct Audit {
    pub origin: Duration,
}

impl Audit {
    pub(super) fn read(source: &mut Source) -> Self {
        let days = source.required(&SETTINGS[0], |text| {
            text.parse::<u32>()
                .ok()
                .filter(|days| (1..=3650).contains(days))
        });
        Self {
            origin: Duration::from_secs(86_400 * u64::from(days)),
        }
    }
}
