//! The database room by itself: what `read`, `scan` and `write` promise, on a file and in memory.

#[path = "../support/mod.rs"]
mod support;

mod fixture;
mod migrations;
mod outages;
mod runtimes;
mod units;
