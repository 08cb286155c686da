//! The command line, as an operator types it.

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

mod backup;
mod check_config;
mod copy;
mod create_admin;
mod healthcheck;
mod log;
mod migrate;
mod openapi;
mod restore;
mod send_test_mail;
mod serve;
mod starts;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use process::{stderr, stdout};
use reqwest::{Client, StatusCode};
use serde_json::Value;

#[test]
#[ignore = "starts a PostgreSQL server"]
fn everything_on_postgresql() {
    database::everything_on_postgresql();
}

const PASSWORD: &str = "correct horse battery staple";
const SECRET: &str = "5f1c0e7a9b3d48e2a6c4f0b8d7e19a23";
const QUICK: (&str, &str) = ("BCRYPT_COST", "4");

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o777
}

#[track_caller]
fn expect_code(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        stdout(output),
        stderr(output)
    );
}

async fn log_in(url: &str, password: &str) -> (StatusCode, Value) {
    let form = [("username", "root"), ("password", password)];
    let answer = Client::new()
        .post(format!("{url}/auth/token"))
        .form(&form)
        .send()
        .await
        .expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}
