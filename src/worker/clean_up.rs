//! Deletes what has expired.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::domain::{Services, expiry};

/// Time from one clean-up to the next.
const CLEAN_UP_EVERY: Duration = Duration::from_secs(600);

/// Cleans up for as long as the service runs.
pub async fn run(services: Arc<Services>) {
    let mut turns = tokio::time::interval(CLEAN_UP_EVERY);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once; a start is not the time to clean up.
    turns.tick().await;
    loop {
        turns.tick().await;
        match expiry::clean_up(&services).await {
            Ok(0) => (),
            Ok(deleted) => tracing::debug!(rows = deleted, "deleted what had expired"),
            Err(error) => tracing::warn!(error = %error, "clean-up failed; it is tried again"),
        }
    }
}
