//! Rate limits, written `N/period`: N at once, refilled evenly over the period.

use std::num::NonZeroU32;
use std::time::Duration;

use super::spelling::{boolean, duration};
use super::{Setting, Source};

const ALLOWED: &str =
    "N/period such as 300/1m (periods in s, m, h, d, up to 366d; N up to 1000 a second), or off";

/// Longest period: a year.
const MAX_PERIOD: Duration = Duration::from_secs(366 * 86_400);

pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "RATE_LIMIT_ENABLED",
        default: Some("true"),
        allowed: "true or false",
        help: "Whether the limits below apply.",
        secret: false,
    },
    Setting {
        name: "RATE_LIMIT_IP",
        default: Some("300/1m"),
        allowed: ALLOWED,
        help: "Requests by one client address (IPv6: by its /64).",
        secret: false,
    },
    Setting {
        name: "RATE_LIMIT_LOGIN_IP",
        default: Some("30/1m"),
        allowed: ALLOWED,
        help: "Password checks for one client address.",
        secret: false,
    },
    Setting {
        name: "RATE_LIMIT_LOGIN_ACCOUNT",
        default: Some("10/15m"),
        allowed: ALLOWED,
        help: "Failed password checks of one account, from any address. Each known device and each session has its own limit. A success clears them.",
        secret: false,
    },
    Setting {
        name: "RATE_LIMIT_REGISTER_IP",
        default: Some("20/1h"),
        allowed: ALLOWED,
        help: "Registrations by one client address.",
        secret: false,
    },
    Setting {
        name: "RATE_LIMIT_MAIL_IP",
        default: Some("10/1h"),
        allowed: ALLOWED,
        help: "Mails requested by one client address: verification, password reset, login code, change of address.",
        secret: false,
    },
    Setting {
        name: "RATE_LIMIT_MAIL_ADDRESS",
        default: Some("1/1m,3/1h"),
        allowed: "limits such as 1/1m,3/1h, separated by commas, which all hold, or off",
        help: "Requested mails of one kind to one address. A request above the limit is answered like any other, but no mail is sent.",
        secret: false,
    },
];

/// A limit: `burst` at once, refilled evenly over `period`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub burst: NonZeroU32,
    pub period: Duration,
}

impl Limit {
    /// Parses `30/1m`.
    pub fn parse(text: &str) -> Option<Self> {
        let (burst, period) = text.split_once('/')?;
        let period = match period {
            "s" | "m" | "h" | "d" => duration(&format!("1{period}"))?,
            _ => duration(period)?,
        };
        let burst: NonZeroU32 = burst.parse().ok()?;
        // Failures are counted in milliseconds: below one the interval is nothing, and no limit at all.
        let is_sane = period <= MAX_PERIOD && period / burst.get() >= Duration::from_millis(1);
        is_sane.then_some(Self { burst, period })
    }

    /// Time in which one of the `burst` comes back.
    pub fn interval(self) -> Duration {
        self.period / self.burst.get()
    }
}

/// The rate limits section. `None`: off.
#[derive(Debug, Clone)]
pub struct Limits {
    pub enabled: bool,
    pub ip: Option<Limit>,
    pub login_ip: Option<Limit>,
    pub login_account: Option<Limit>,
    pub register_ip: Option<Limit>,
    pub mail_ip: Option<Limit>,
    /// None: off.
    pub mail_address: Vec<Limit>,
    /// Notices of logins from new devices to one user.
    pub notices: Option<Limit>,
    /// Mails to one address that others can cause, of all kinds and from all accounts. All hold. None: off.
    pub strangers: Vec<Limit>,
}

/// Enough to see that something is wrong, too little to bury a mailbox.
const NOTICES: &str = "5/1h";

/// Enough for a user who registers and then changes the address a few times.
const STRANGERS: [&str; 2] = ["5/1h", "20/24h"];

impl Limits {
    pub(super) fn read(source: &mut Source) -> Self {
        let enabled = source.required(&SETTINGS[0], boolean);
        let mut limit = |index: usize| {
            source
                .required(&SETTINGS[index], |text| match text {
                    "off" => Some(None),
                    _ => Limit::parse(text).map(Some),
                })
                .filter(|_| enabled)
        };
        Self {
            enabled,
            ip: limit(1),
            login_ip: limit(2),
            login_account: limit(3),
            register_ip: limit(4),
            mail_ip: limit(5),
            mail_address: mail_address(source, enabled),
            notices: Limit::parse(NOTICES).filter(|_| enabled),
            strangers: STRANGERS
                .into_iter()
                .filter_map(Limit::parse)
                .filter(|_| enabled)
                .collect(),
        }
    }
}

/// Most limits that one thing may have.
const MOST: usize = 4;

fn mail_address(source: &mut Source, enabled: bool) -> Vec<Limit> {
    let limits = source.required(&SETTINGS[6], |text| match text {
        "off" => Some(Vec::new()),
        _ => {
            let limits = text.split(',').map(|limit| Limit::parse(limit.trim()));
            let limits: Option<Vec<Limit>> = limits.collect();
            limits.filter(|limits| limits.len() <= MOST)
        }
    });
    if enabled { limits } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_the_documentation_shows_and_no_more() {
        let limit = Limit::parse("10/15m").expect("valid");
        assert_eq!(
            (limit.burst.get(), limit.period),
            (10, Duration::from_secs(900))
        );
        assert_eq!(limit.interval(), Duration::from_secs(90));
        assert_eq!(
            Limit::parse("5/s").map(|limit| limit.period),
            Some(Duration::from_secs(1))
        );
        for bad in [
            "",
            "10",
            "0/1m",
            "10/",
            "10/0m",
            "-1/1m",
            "10/1w",
            "10/1",
            "a/1m",
            "10/m1",
            "9999999999/1s",
            "1001/1s",
            "1/367d",
            "10/1µ",
        ] {
            assert_eq!(Limit::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn mails_that_strangers_cause_are_limited_while_limits_are_on() {
        for (is_on, count) in [("true", STRANGERS.len()), ("false", 0)] {
            let mut source = Source::of(&[("RATE_LIMIT_ENABLED", is_on)]);
            assert_eq!(Limits::read(&mut source).strangers.len(), count);
        }
    }
}
