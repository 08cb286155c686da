//! Few connections for many requests: they wait for their turn, and not for ever.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use vestibule::store::db::{Db, Tx};

use crate::postgres::Server;
use crate::support::{Answer, Send, Session, TestApp};

/// As the engine: time to wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

async fn with_two_connections(server: &Server) -> TestApp {
    let url = server.create_database();
    TestApp::spawn_with(&[("DATABASE_URL", &url), ("DATABASE_POOL_SIZE", "2")]).await
}

async fn me(app: &TestApp, session: &Session) -> Answer {
    app.get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a PostgreSQL server"]
async fn many_requests_take_turns_with_two_connections() {
    let server = Server::start();
    let app = with_two_connections(&server).await;
    let admin = app.admin("root").await;
    let requests = (0..100).map(async |n| {
        match n % 3 {
            0 => me(&app, &admin).await,
            1 => app.get("/users").bearer_auth(&admin.access).answer().await,
            _ => app.try_login("root", crate::support::PASSWORD).await,
        }
        .status
    });
    for status in join_all(requests).await {
        assert_eq!(status, StatusCode::OK);
    }
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vestibule'";
    let connections = server.superuser("postgres").value(sql);
    assert_eq!(connections, "2");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a PostgreSQL server"]
async fn nobody_waits_for_a_connection_for_ever() {
    let server = Server::start();
    let app = with_two_connections(&server).await;
    let admin = app.admin("root").await;
    let db = &app.services.db;
    let taken = [db.read().await, db.read().await];
    let requests = async || {
        let list = app.get("/users").bearer_auth(&admin.access);
        let login = app.try_login("root", crate::support::PASSWORD);
        join_all([
            Box::pin(me(&app, &admin)) as std::pin::Pin<Box<dyn Future<Output = Answer>>>,
            Box::pin(list.answer()),
            Box::pin(login),
        ])
        .await
    };
    let start = Instant::now();
    for answer in requests().await {
        assert!(!answer.header("retry-after").is_empty());
        assert_eq!(
            answer.status,
            StatusCode::SERVICE_UNAVAILABLE,
            "{}",
            answer.text
        );
    }
    let waited = start.elapsed();
    assert!(waited >= PATIENCE && waited < 3 * PATIENCE, "{waited:?}");
    drop(taken);
    for answer in requests().await {
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    }
}

/// The other connections are left to look-ups meanwhile.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "starts a PostgreSQL server"]
async fn nobody_waits_for_a_long_scan_for_ever() {
    let server = Server::start();
    let app = with_two_connections(&server).await;
    let admin = app.admin("root").await;
    let db = app.services.db.clone();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let long = tokio::spawn(async move {
        db.scan(async move |_| {
            let _ = begin.send(());
            std::future::pending::<vestibule::store::db::Result<()>>().await
        })
        .await
    });
    begun.await.expect("begins");
    assert_eq!(me(&app, &admin).await.status, StatusCode::OK);
    let list = app.get("/users").bearer_auth(&admin.access).answer().await;
    assert_eq!(
        list.status,
        StatusCode::SERVICE_UNAVAILABLE,
        "{}",
        list.text
    );
    assert!(!list.header("retry-after").is_empty());
    long.abort();
}

/// More than the setting says are open at one time, and nobody waits.
async fn takes_no_notice(db: &Db) {
    let mut taken: Vec<Tx<'_>> = Vec::new();
    for _ in 0..3 {
        taken.push(db.read().await.expect("connects"));
    }
    for tx in &mut taken {
        let one = tx.query_opt("SELECT 1", &[], |row| row.get::<i64>(0)).await;
        assert_eq!(one.expect("reads"), Some(1));
    }
}

#[tokio::test]
async fn an_embedded_database_takes_no_notice_of_the_size() {
    crate::sqlite_only!("it is the size of its pool");
    let app = TestApp::spawn_with(&[("DATABASE_POOL_SIZE", "2")]).await;
    takes_no_notice(&app.services.db).await;
}
