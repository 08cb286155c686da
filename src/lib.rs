//! Vestibule: user accounts and authentication in one binary.
//!
//! The rooms of the house, and the arrows between them. Nothing points back, and no two files import each other, directly or
//! by a longer circle: `tests/architecture` checks both.
//!
//! ```text
//! cli → app → {api, web, worker} → http → domain → {store, password, token, mail} → {text, log} → {config, clock, ids} → files
//! ```
//!
//! A room may use all those behind it. `api` and `web` reach `store` through `domain` alone, and `web` shows what `api`
//! specifies.

/// The operations of `openapi.json`, one file or folder for each tag; what they are written in; the specification.
pub mod api;
/// The composition root.
pub mod app;
/// The command line.
pub mod cli;
/// The injected clock.
pub mod clock;
/// Settings.
pub mod config;
/// What the service does, one folder for each capability.
pub mod domain;
/// Files that others must not find half-made or out of reach.
pub mod files;
/// The server, which knows no operation and no page.
pub mod http;
/// The injected source of ids and random bytes.
pub mod ids;
/// The log of the process.
pub mod log;
/// Composing mails and handing them over.
pub mod mail;
/// Hashing, checking and judging passwords.
pub mod password;
/// The repository and the database engines under it.
pub mod store;
/// Languages, texts and templates of what people read.
pub mod text;
/// Access tokens, refresh tokens and the keys they are made with.
pub mod token;
/// HTML for people: pages behind links of mails, and the documentation.
pub mod web;
/// Background jobs.
pub mod worker;
