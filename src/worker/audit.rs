//! Writes failures to the audit log beside the requests that met them, and tells of a clock that is wrong.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::domain::Services;
use crate::domain::audit::refusals;
use crate::domain::clocks::{self, Difference};

/// How soon a minute that is over is noticed, and how soon what could not be written is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Time from one comparison of the clocks to the next: a clock that is set refuses tokens at once.
const COMPARE_EVERY: Duration = Duration::from_secs(60);

/// A difference that lasts is told again after so many comparisons.
const TELL_EVERY: u32 = 10;

/// Writes failures for as long as the service runs.
pub async fn run(services: Arc<Services>) {
    let mut turns = tokio::time::interval(LOOK_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = services.refusals.noted() => (),
            _ = turns.tick() => (),
        }
        if let Err(error) = refusals::flush(&services, false).await {
            tracing::warn!(error = %error, "audit events could not be written; it is tried again");
            turns.tick().await;
        }
    }
}

/// Compares this machine's clock with the database's, at the start and from time to time.
pub async fn watch_clock(services: Arc<Services>) {
    let mut turns = tokio::time::interval(COMPARE_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut told = Told::default();
    loop {
        turns.tick().await;
        match clocks::compare(&services).await {
            Ok(difference) => {
                let is_due = told.is_due(difference);
                if let Some(difference) = difference.filter(|_| is_due) {
                    tell(difference);
                }
            }
            Err(error) => tracing::debug!(error = %error, "the clocks were not compared"),
        }
    }
}

/// Comparisons since a difference was told; none while the clocks go together.
#[derive(Default)]
struct Told(Option<u32>);

impl Told {
    /// Whether this difference has to be told: it is new, or has lasted.
    fn is_due(&mut self, difference: Option<Difference>) -> bool {
        let since = self.0.map_or(TELL_EVERY, |since| since + 1);
        let is_due = difference.is_some() && since >= TELL_EVERY;
        self.0 = difference.map(|_| if is_due { 0 } else { since });
        is_due
    }
}

fn tell(difference: Difference) {
    let (by, how) = match difference {
        Difference::Ahead(by) => (by, "ahead of"),
        Difference::Behind(by) => (by, "behind"),
    };
    tracing::warn!(
        seconds = by.as_secs_f64(),
        "this machine's clock is {how} the database's; synchronize it, for example by NTP"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_is_told_within_a_minute_and_not_every_minute() {
        let is_wrong = |minute: u64| (5..=20).contains(&minute) || minute == 25;
        let mut told = Told::default();
        let comparisons = (0..).map(|count| COMPARE_EVERY * count);
        let minutes = comparisons.map(|passed| passed.as_secs() / 60);
        let minutes = minutes.take_while(|minute| *minute < 30);
        let due = minutes.filter(|minute| {
            let by = Duration::from_secs(180);
            told.is_due(is_wrong(*minute).then_some(Difference::Behind(by)))
        });
        assert_eq!(due.collect::<Vec<_>>(), [5, 15, 25]);
    }
}
