//! PostgreSQL stops and comes back.

use std::time::Duration;

use reqwest::StatusCode;

use crate::instance;
use crate::load::{self, Load};
use crate::postgres::{Server, Session, Stop};
use crate::support::{Send, TestApp};

/// A client waits this long at most for a connection; what is beyond is for a machine with other work.
const LIMIT: Duration = Duration::from_secs(8);

/// From the server's return on.
const RECOVERY: Duration = Duration::from_secs(5);

async fn is_ready(app: &TestApp) -> bool {
    forget_what_was_found(app);
    let answer = app.get("/readyz").answer().await;
    if answer.status == StatusCode::OK {
        return true;
    }
    answer.expect_problem(503, "unavailable");
    false
}

/// Readiness is looked at again, as after a second. The date stays, so that nothing expires.
pub fn forget_what_was_found(app: &TestApp) {
    app.advance(Duration::from_secs(1));
    app.clock.set_by(-1000);
}

pub async fn becomes_ready(app: &TestApp) {
    let ready = async {
        while !is_ready(app).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let recovered = tokio::time::timeout(RECOVERY, ready).await;
    recovered.expect("ready again by itself");
}

async fn a_stop_and_a_start(how: Stop) {
    let mut server = Server::start();
    let url = server.create_database();
    let app = instance(&url).await;
    let load = Load::start(&[&app.url]).await;
    for _ in 0..2 {
        server.stop(how);
        load.is_refused().await;
        assert!(!is_ready(&app).await);
        app.get("/healthz").answer().await.expect(StatusCode::OK);
        let metrics = app.get("/metrics").answer().await;
        assert!(
            metrics.text.contains("\nvestibule_database_up 0\n"),
            "{}",
            metrics.text
        );
        server.start_again();
        becomes_ready(&app).await;
        load.goes_on().await;
    }
    let told = load.end().await;
    let database = Session::open(&url).expect("opens");
    load::check(told, &app.url, &database, LIMIT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_server_that_is_stopped_comes_back_to_a_service_that_waited() {
    a_stop_and_a_start(Stop::Fast).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_server_that_is_stopped_at_once_comes_back_to_a_service_that_waited() {
    a_stop_and_a_start(Stop::Immediate).await;
}
