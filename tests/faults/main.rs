//! PostgreSQL and instances of the service failing under load: clients are told, nothing that was acknowledged is lost,
//! nothing is done twice, and everything goes on by itself.
//!
//! Each test needs a server, and most ruin it: all are `#[ignore]`d.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

#[path = "../database/mod.rs"]
mod database;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod clocks;
mod connections;
mod failover;
mod idempotency;
mod instances;
mod load;
mod outage;
mod privileges;
mod shared;
mod silence;
mod start;
mod units;

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use postgres::Server;
use support::TestApp;

/// The server of those tests that leave it as it was.
static SERVER: LazyLock<Server> = LazyLock::new(Server::start);

/// An instance of the service on this database. Its clock is its own, and stands still.
async fn instance(url: &str) -> TestApp {
    instance_with(url, &[]).await
}

async fn instance_with(url: &str, settings: &[(&str, &str)]) -> TestApp {
    let mut all = vec![("DATABASE_URL", url)];
    all.extend(settings);
    TestApp::spawn_with(&all).await
}

/// Waits until it holds, a few seconds at most.
#[track_caller]
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
