//! The clock that everything else is handed. Nothing outside this file asks the system for the time.

#![expect(clippy::disallowed_methods, reason = "this is where the time comes in")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::well_known::iso8601::{
    Config, EncodedConfig, Iso8601, TimePrecision,
};

/// A moment: milliseconds since the Unix epoch, UTC, without leap seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const MILLISECONDS: EncodedConfig = Config::DEFAULT
    .set_year_is_six_digits(false)
    .set_time_precision(TimePrecision::Second {
        decimal_digits: std::num::NonZeroU8::new(3),
    })
    .encode();

impl Timestamp {
    /// The moment `millis` milliseconds after the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// The moment `seconds` seconds after the Unix epoch: a JWT `NumericDate` (RFC 7519 §2).
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch: a JWT `NumericDate` (RFC 7519 §2).
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The moment `duration` earlier.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// The time from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// RFC 3339 in UTC with milliseconds: `2026-01-02T03:04:05.678Z`.
    pub fn rfc3339(self) -> String {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Iso8601::<MILLISECONDS>).ok())
            .unwrap_or_else(|| "9999-12-31T23:59:59.999Z".to_owned())
    }
}

impl Timestamp {
    /// The second that it falls into as `20260102T030405Z` (ISO 8601, basic form): for names of files, which then sort by
    /// time.
    pub fn compact(self) -> String {
        let mut text = self.rfc3339();
        text.truncate("2026-01-02T03:04:05".len());
        text.retain(|character| !matches!(character, '-' | ':'));
        text.push('Z');
        text
    }

    /// Reads what [`Timestamp::compact`] writes, and nothing else.
    pub fn parse_compact(text: &str) -> Option<Self> {
        let digits = |range: std::ops::Range<usize>| text.get(range)?.parse().ok();
        let month = time::Month::try_from(digits(4..6)?).ok()?;
        let date =
            time::Date::from_calendar_date(text.get(0..4)?.parse().ok()?, month, digits(6..8)?);
        let time = time::Time::from_hms(digits(9..11)?, digits(11..13)?, digits(13..15)?);
        let moment = date.ok()?.with_time(time.ok()?).assume_utc();
        let moment = Self::from_seconds(moment.unix_timestamp());
        // Numbers may be spelled in more ways than one, such as +1.
        (moment.compact() == text).then_some(moment)
    }
}

/// A duration in whole milliseconds, as the database keeps it.
pub fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// How far the clocks of two machines may be apart: moments that one wrote may lie that far ahead of the other's time.
pub const LEEWAY: Duration = Duration::from_secs(60);

/// Where the time comes from.
pub trait Clock: Send + Sync {
    /// The wall clock, for what is stored or shown.
    fn now(&self) -> Timestamp;
    /// Time since some fixed moment; never goes back. For rate limits and measuring.
    fn monotonic(&self) -> Duration;
    /// The wall clock as it was when the process started, and the time that has passed since. A clock that is set while the
    /// process runs does not move it: for what holds somebody up for a while, and is stored.
    fn steady(&self) -> Timestamp;
}

/// A clock shared by the rooms of the house.
pub type SharedClock = Arc<dyn Clock>;

/// The computer's own clock.
pub struct SystemClock {
    started: Instant,
    started_at: Timestamp,
}

fn system_time() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(millis(since_epoch))
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            started_at: system_time(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        system_time()
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn steady(&self) -> Timestamp {
        self.started_at.plus(self.started.elapsed())
    }
}

/// A clock that moves only when told to.
pub struct ManualClock {
    start: Timestamp,
    now: AtomicI64,
    /// Milliseconds that have passed, however the clock was set meanwhile.
    passed: AtomicI64,
}

impl ManualClock {
    /// A clock standing at `start`.
    pub fn at(start: Timestamp) -> Self {
        Self {
            start,
            now: AtomicI64::new(start.0),
            passed: AtomicI64::new(0),
        }
    }

    /// Sets the clock forward or, with a negative number, back: no time passes.
    pub fn set_by(&self, millis: i64) {
        self.now.fetch_add(millis, Ordering::SeqCst);
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(millis(by), Ordering::SeqCst);
        self.passed.fetch_add(millis(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.steady().since(self.start)
    }

    fn steady(&self) -> Timestamp {
        let passed = self.passed.load(Ordering::SeqCst);
        Timestamp(self.start.0.saturating_add(passed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_rfc_3339_with_milliseconds() {
        assert_eq!(
            Timestamp::from_millis(0).rfc3339(),
            "1970-01-01T00:00:00.000Z"
        );
        assert_eq!(
            Timestamp::from_millis(1_767_323_045_678).rfc3339(),
            "2026-01-02T03:04:05.678Z"
        );
    }

    #[test]
    fn the_compact_form_comes_back_and_nothing_else_is_taken() {
        let moment = Timestamp::from_millis(1_767_323_045_678);
        assert_eq!(moment.compact(), "20260102T030405Z");
        assert_eq!(
            Timestamp::parse_compact("20260102T030405Z"),
            Some(Timestamp::from_seconds(1_767_323_045))
        );
        for bad in [
            "",
            "20260102T030405",
            "20260102T030405Zx",
            "20260102 030405Z",
            "2026010203040506",
            "20261302T030405Z",
            "20260230T030405Z",
            "20260102T250405Z",
            "202601+2T030405Z",
            "2026010é030405ZZ",
        ] {
            assert_eq!(Timestamp::parse_compact(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::at(Timestamp::from_millis(1000));
        clock.advance(Duration::from_secs(2));
        assert_eq!(clock.now(), Timestamp::from_millis(3000));
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
        clock.set_by(-3_600_000);
        assert_eq!(clock.now(), Timestamp::from_millis(3000 - 3_600_000));
        assert_eq!(clock.steady(), Timestamp::from_millis(3000));
        assert_eq!(clock.monotonic(), Duration::from_secs(2));
    }

    #[test]
    fn the_steady_time_starts_as_the_wall_clock() {
        let clock = SystemClock::new();
        assert!(clock.now().since(clock.steady()) < Duration::from_secs(60));
        assert!(clock.steady().since(clock.now()) < Duration::from_secs(60));
    }
}
