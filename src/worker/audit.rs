//! Writes failures to the audit log beside the requests that met them, and tells of a clock that is wrong.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::domain::clocks::{self, Difference};
use crate::domain::{Services, refusals};

/// How soon a minute that is over is noticed, and how soon what could not be written is tried again.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Time from one comparison of the clocks to the next.
const COMPARE_EVERY: Duration = Duration::from_secs(600);

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
    loop {
        turns.tick().await;
        match clocks::compare(&services).await {
            Ok(None) => (),
            Ok(Some(difference)) => {
                let (by, how) = match difference {
                    Difference::Ahead(by) => (by, "ahead of"),
                    Difference::Behind(by) => (by, "behind"),
                };
                tracing::warn!(
                    seconds = by.as_secs_f64(),
                    "this machine's clock is {how} the database's; synchronize it, for example by NTP"
                );
            }
            Err(error) => tracing::debug!(error = %error, "the clocks were not compared"),
        }
    }
}
