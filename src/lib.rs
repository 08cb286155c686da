//! Vestibule: user accounts and authentication in one binary.
//!
//! The rooms of the house, and the arrows between them. Nothing points back.
//!
//! ```text
//! cli → app → {api, worker} → domain → {store, password, token, mail} → {text, log} → {config, clock, ids} → files
//! ```
//!
//! `api` and `domain` use `text` too, `cli` and `api` use `log`.

/// HTTP: requests in, responses out, and the manners that all of them share.
pub mod api;
/// The composition root.
pub mod app;
/// The command line.
pub mod cli;
/// The injected clock.
pub mod clock;
/// Settings.
pub mod config;
/// What the service does.
pub mod domain;
/// Files that others must not find half-made or out of reach.
pub mod files;
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
/// Background jobs.
pub mod worker;
