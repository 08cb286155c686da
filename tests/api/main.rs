//! The API as a client meets it: one file a room of `src/api`.

#[path = "../support/mod.rs"]
mod support;

mod account;
mod auth;
mod concurrency;
mod cors;
mod docs;
mod front;
mod hostile;
mod limits;
mod raw;
mod serve;
mod service;
mod sessions;
mod users;
