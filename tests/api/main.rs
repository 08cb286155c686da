//! The API as a client meets it: one file a room of `src/api`.

#[path = "../process/mod.rs"]
mod process;
#[path = "../support/mod.rs"]
mod support;

mod account;
mod auth;
mod body;
mod concurrency;
mod cors;
mod docs;
mod front;
mod hostile;
mod hostile_messages;
mod limits;
mod raw;
mod serve;
mod service;
mod sessions;
mod users;
