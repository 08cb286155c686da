//! The database room by itself: what `read`, `scan` and `write` promise, on every kind of database.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

#[path = "../support/certificates.rs"]
mod certificates;
#[path = "../database/mod.rs"]
mod database;
#[path = "../postgres/mod.rs"]
mod postgres;
#[path = "../process/mod.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod clean_up;
mod copy;
mod fixture;
mod idempotency;
mod leases;
mod migrations;
mod outages;
mod pages;
mod pool;
mod runtimes;
mod schema;
mod tables;
mod tls;
mod units;

#[test]
#[ignore = "starts a PostgreSQL server"]
fn everything_on_postgresql() {
    database::everything_on_postgresql();
}
