//! What goes by mail, as a client and a reader of mail meet it.

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
#[path = "../api/records.rs"]
#[allow(dead_code, reason = "each test binary uses a part of it")]
mod records;
#[path = "../support/mod.rs"]
mod support;

mod change;
mod given;
mod held;
mod limits;
mod links;
mod login;
mod notices;
mod overlap;
mod pages;
mod repeated;
mod reset;
mod silent;
mod verification;
mod waiting;

#[test]
#[ignore = "starts a PostgreSQL server"]
fn everything_on_postgresql() {
    database::everything_on_postgresql();
}
