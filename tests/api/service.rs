//! Health and readiness.

use std::time::Duration;

use reqwest::StatusCode;
use vestibule::store::db::Error;

use crate::support::{Send, TestApp};

#[tokio::test]
async fn a_running_service_is_healthy_and_ready() {
    let app = TestApp::spawn().await;
    let body = app.get("/healthz").answer().await.expect(StatusCode::OK);
    assert_eq!(body["status"], "ok");
    let body = app.get("/readyz").answer().await.expect(StatusCode::OK);
    assert_eq!(body["checks"]["database"], "ok");
}

async fn run(app: &TestApp, sql: &'static str) {
    let ran = app.services.db.write(async |tx| tx.execute(sql, &[]).await);
    let ran: Result<u64, Error> = ran.await;
    ran.expect("runs");
}

/// Both endpoints, as they answer now: whether the database is well.
async fn found(app: &TestApp) -> (bool, bool) {
    let ready = app.get("/readyz").answer().await;
    let metrics = app.get("/metrics").answer().await;
    assert_eq!(metrics.status, StatusCode::OK);
    let is_ready = ready.status == StatusCode::OK;
    if !is_ready {
        ready.expect_problem(503, "unavailable");
    }
    (
        is_ready,
        metrics.text.contains("\nvestibule_database_up 1\n"),
    )
}

#[tokio::test]
async fn readiness_is_found_out_once_a_second_at_most() {
    let app = TestApp::spawn().await;
    assert_eq!(found(&app).await, (true, true));
    run(&app, "ALTER TABLE leases RENAME TO lost").await;
    let many = (0..50).map(|_| found(&app));
    for found in futures_util::future::join_all(many).await {
        assert_eq!(found, (true, true), "known for a second");
    }
    app.advance(Duration::from_millis(999));
    assert_eq!(found(&app).await, (true, true));
    app.advance(Duration::from_millis(1));
    assert_eq!(found(&app).await, (false, false));
    run(&app, "ALTER TABLE lost RENAME TO leases").await;
    assert_eq!(found(&app).await, (false, false), "known for a second");
    app.advance(Duration::from_secs(1));
    assert_eq!(found(&app).await, (true, true));
}

/// One look for all who ask at one moment: it writes a row once.
#[tokio::test]
async fn callers_at_one_moment_share_one_look() {
    if !crate::database::on_postgresql() {
        return println!("skipped on SQLite: its connections run no triggers");
    }
    let app = TestApp::spawn().await;
    run(&app, "CREATE TABLE beats (number BIGINT NOT NULL)").await;
    run(
        &app,
        "CREATE FUNCTION beat() RETURNS trigger LANGUAGE plpgsql AS \
               'BEGIN INSERT INTO beats (number) VALUES (1); RETURN NEW; END'",
    )
    .await;
    run(
        &app,
        "CREATE TRIGGER beat BEFORE INSERT ON leases FOR EACH ROW \
               WHEN (NEW.name = 'heartbeat') EXECUTE FUNCTION beat()",
    )
    .await;
    let many = (0..100).map(|_| found(&app));
    for found in futures_util::future::join_all(many).await {
        assert_eq!(found, (true, true));
    }
    let mut tx = app.services.db.read().await.expect("reads");
    let beats = tx.query_opt("SELECT COUNT(*) FROM beats", &[], |row| row.get::<i64>(0));
    assert_eq!(beats.await.expect("counts"), Some(1));
}
