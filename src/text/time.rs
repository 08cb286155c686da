//! Lengths and moments of time in words.

use std::time::Duration;

use minijinja::context;

use super::{TextError, Texts};
use crate::clock::Timestamp;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Texts {
    /// A length of time in the largest unit that leaves no rest, a single day in hours: `30 minutes`, `24 hours`, `7 days`.
    /// Anything above a minute is rounded up to whole minutes.
    pub fn duration(&self, language: &str, duration: Duration) -> String {
        let (key, count) = unit(duration);
        let words = self.text(language, key, context! { count });
        // Rendered at the start with other numbers: a text that fails for this one still has to say something.
        words.unwrap_or_else(|_| format!("{} s", duration.as_secs()))
    }

    /// A moment in words, in UTC: `26 November 2026, 17:43 UTC`.
    pub fn moment(&self, language: &str, moment: Timestamp) -> Result<String, TextError> {
        // 2026-01-02T03:04:05.678Z
        let text = moment.rfc3339();
        let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
        let number = |range| part(range).parse::<usize>().unwrap_or_default();
        let months = self.list(language, "dates.months", context! {})?;
        let month = number(5..7).checked_sub(1).and_then(|at| months.get(at));
        let values = context! {
            day => number(8..10),
            month => month.map_or(part(5..7), String::as_str),
            year => part(0..4),
            time => part(11..16),
        };
        self.text(language, "dates.moment", values)
    }
}

/// The key of the unit, and how many of it.
fn unit(duration: Duration) -> (&'static str, u64) {
    let seconds = duration.as_secs();
    match seconds {
        0..MINUTE => ("durations.seconds", seconds),
        _ if seconds.is_multiple_of(DAY) && seconds > DAY => ("durations.days", seconds / DAY),
        _ if seconds.is_multiple_of(HOUR) => ("durations.hours", seconds / HOUR),
        _ => ("durations.minutes", seconds.div_ceil(MINUTE)),
    }
}
