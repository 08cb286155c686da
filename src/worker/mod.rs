//! Background jobs, one file each. No request waits for them, and a failed one is retried at the next turn.

mod audit;
pub mod backup;
mod clean_up;
mod outbox;

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Sleep;

use crate::config::Backups;
use crate::domain::Services;

/// The jobs under way.
pub struct Jobs {
    sending: JoinHandle<()>,
    others: JoinHandle<()>,
}

/// Starts the jobs.
pub fn start(services: &Arc<Services>, backups: Option<Backups>) -> Jobs {
    let sending = tokio::spawn(outbox::run(services.clone()));
    let services = services.clone();
    let others = tokio::spawn(async move {
        let backing_up = async {
            if let Some(backups) = backups {
                backup::run(&services, &backups).await;
            }
        };
        tokio::join!(
            clean_up::run(services.clone()),
            audit::run(services.clone()),
            audit::watch_clock(services.clone()),
            backing_up
        );
    });
    Jobs { sending, others }
}

impl Jobs {
    /// Ends them. What is being sent once [`crate::domain::email::outbox::Outbox::close`] was called has until `deadline` is over.
    pub async fn stop(mut self, deadline: Option<Sleep>) {
        self.others.abort();
        if let Some(deadline) = deadline {
            tokio::select! {
                _ = &mut self.sending => return,
                () = deadline => (),
            }
        }
        self.sending.abort();
    }
}
