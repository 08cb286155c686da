//! The password engine behind the API: what happens when there is more to hash than there is time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::raw::Connection;
use crate::support::{PASSWORD, TestApp};

/// The longest wait that may be set, in milliseconds, so that a busy machine refuses no login.
const PATIENCE: &str = "10000";

/// A cost at which requests overtake a hash, and a busy machine still ends some of them within that time.
const SLOW: &str = "8";

/// One lane and little patience, so that a handful of logins is too much.
async fn slow_service() -> TestApp {
    TestApp::spawn_with(&[
        ("BCRYPT_COST", "10"),
        ("HASH_THREADS", "1"),
        ("HASH_LANES", "1"),
        ("HASH_MAX_WAIT_MS", "100"),
    ])
    .await
}

#[tokio::test]
async fn what_would_wait_too_long_is_refused_without_a_hash() {
    let app = slow_service().await;
    app.register("ada").await;
    let before = app.services.passwords.snapshot();
    let logins = (0..40).map(|_| app.try_login("ada", PASSWORD));
    let (mut served, mut refused) = (0, 0);
    for answer in join_all(logins).await {
        if answer.status == StatusCode::OK {
            served += 1;
        } else {
            answer.expect_problem(503, "overloaded");
            refused += 1;
        }
    }
    let after = app.services.passwords.snapshot();
    assert!(
        served > 0 && refused > 0,
        "{served} served, {refused} refused"
    );
    assert_eq!(after.hashes_done - before.hashes_done, served);
    assert_eq!(after.refused - before.refused, refused);
    app.try_login("ada", PASSWORD).await.expect(StatusCode::OK);
}

#[tokio::test]
async fn clients_that_hang_up_leave_no_work_behind() {
    let app = TestApp::spawn_with(&[
        ("BCRYPT_COST", SLOW),
        ("HASH_THREADS", "1"),
        ("HASH_LANES", "1"),
        ("HASH_MAX_WAIT_MS", PATIENCE),
    ])
    .await;
    let body = "username=nobody&password=whatever";
    let request = format!(
        "POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connections = Vec::new();
    for _ in 0..10 {
        let mut connection = Connection::open(&app).await;
        connection.send(request.as_bytes()).await;
        connections.push(connection);
    }
    let passwords = &app.services.passwords;
    let eventually = async |what: &str, holds: &dyn Fn() -> bool| {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !holds() {
            assert!(
                Instant::now() < deadline,
                "{what}: {:?}",
                passwords.snapshot()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    eventually("they wait", &|| passwords.snapshot().queued >= 3).await;
    drop(connections);
    eventually("nothing is left", &|| {
        let now = passwords.snapshot();
        now.queued == 0 && now.lanes_busy == 0
    })
    .await;
    let end = passwords.snapshot();
    assert!(end.cancelled >= 3, "{end:?}");
    assert!(end.hashes_done < 10, "{end:?}");
}

/// A check without a result does not count as failed: a client that disconnects locks out no owner.
#[tokio::test]
async fn clients_that_hang_up_spend_no_attempts() {
    let app = TestApp::spawn_with(&[
        ("BCRYPT_COST", SLOW),
        ("HASH_THREADS", "1"),
        ("HASH_LANES", "1"),
        ("HASH_MAX_WAIT_MS", PATIENCE),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "off"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "3/15m"),
    ])
    .await;
    app.register("ada").await;
    let body = "username=ada&password=whatever";
    let request = format!(
        "POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connections = Vec::new();
    for _ in 0..3 {
        let mut connection = Connection::open(&app).await;
        connection.send(request.as_bytes()).await;
        connections.push(connection);
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while app.services.passwords.snapshot().queued < 2 {
        assert!(
            Instant::now() < deadline,
            "they never waited: {:?}",
            app.services.passwords.snapshot()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    drop(connections);
    // The service's clock stands still: no attempt comes back by itself.
    while app.try_login("ada", PASSWORD).await.status != StatusCode::OK {
        assert!(Instant::now() < deadline, "the account is locked");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
