//! Background jobs, one file each. They hold nobody up, and what fails is tried again at the next turn.

pub mod backup;
mod clean_up;
mod outbox;

use std::sync::Arc;

use crate::config::Backups;
use crate::domain::Services;

/// Runs the jobs for as long as the service does.
pub async fn run(services: Arc<Services>, backups: Option<Backups>) {
    let backing_up = async {
        if let Some(backups) = backups {
            backup::run(&services, &backups).await;
        }
    };
    tokio::join!(
        clean_up::run(services.clone()),
        outbox::run(services.clone()),
        backing_up
    );
}
