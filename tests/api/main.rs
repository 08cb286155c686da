//! The API as a client meets it: one file a room of `src/api`.

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

mod access;
mod access_log;
mod account;
mod account_password;
mod addresses;
mod audit;
mod auth;
mod auth_register;
mod auth_rehash;
mod auth_standing;
mod auth_throttle;
mod auth_token;
mod body;
mod body_of_each;
mod clocks;
mod concurrency;
mod cors;
mod docs;
mod entity_tags;
mod fairness;
mod front;
mod hostile;
mod hostile_messages;
mod idempotency;
mod known_devices;
mod limits;
mod lost_updates;
mod messages;
mod metrics;
mod oauth_errors;
mod passwords;
mod preconditions;
mod prefix;
mod problems;
mod queries;
mod raw;
mod records;
mod scopes;
mod serve;
mod service;
mod session_limits;
mod sessions;
mod step_up;
mod tls;
mod users;
mod users_list;
mod users_roles;

#[test]
#[ignore = "starts a PostgreSQL server"]
fn everything_on_postgresql() {
    database::everything_on_postgresql();
}
