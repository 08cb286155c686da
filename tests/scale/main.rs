//! A million users: every statement goes along an index, and nobody waits for the clean-up. These tests take a minute or
//! two, which is why none of them is run unless asked for.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

#[path = "../postgres/mod.rs"]
mod postgres;

mod clean_up;
mod filled;
mod lists;
mod plans_of_postgres;
mod plans_of_sqlite;

/// Tests take turns: one measures, and all of them fill the disk.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
