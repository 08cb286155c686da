//! The clean-up takes what is of no use to anybody any more, and nothing else.

use std::time::Duration;

use uuid::Uuid;
use vestibule::clock::Timestamp;
use vestibule::domain::expiry::clean_up;
use vestibule::ids::{InstanceId, SessionId, UserId};
use vestibule::store::db::Error;
use vestibule::store::sessions::{self, NewSession, Spent, Which};
use vestibule::store::users::{self, NewUser};
use vestibule::store::{idempotency, leases, throttles};

use crate::support::TestApp;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
const ADA: UserId = UserId(Uuid::from_u128(1));

fn session(n: u128) -> SessionId {
    SessionId(Uuid::from_u128(n))
}

/// A service with one user, Ada, who has these sessions.
async fn with_sessions(sessions: Vec<(SessionId, Timestamp)>) -> TestApp {
    let app = TestApp::spawn().await;
    let at = app.services.now();
    let stored = app.services.db.write(async move |tx| {
        let user = NewUser {
            id: ADA,
            email: "ada@example.com",
            email_key: "ada@example.com",
            username: "ada",
            username_key: "ada",
            full_name: None,
            password_hash: None,
            email_verified: true,
            locale: None,
            at,
        };
        users::insert(tx, &user).await?;
        for (id, expires_at) in &sessions {
            let session = NewSession {
                id: *id,
                user_id: ADA,
                scope: "",
                at,
                by: InstanceId(Uuid::nil()),
                expires_at: *expires_at,
                ip: "192.0.2.1",
                user_agent: None,
            };
            sessions::insert(tx, &session).await?;
        }
        Ok::<_, Error>(())
    });
    stored.await.expect("writes");
    app
}

async fn revoke(app: &TestApp, id: SessionId) {
    let now = app.services.now();
    let revoked = app
        .services
        .db
        .write(async move |tx| sessions::revoke(tx, ADA, Which::Just(id), now).await);
    assert_eq!(revoked.await.expect("writes"), 1);
}

async fn left(app: &TestApp) -> Vec<SessionId> {
    let mut tx = app.services.db.read().await.expect("connects");
    let all = tx.query_all("SELECT id FROM sessions ORDER BY id", &[], |row| row.get(0));
    all.await.expect("reads")
}

#[tokio::test]
async fn sessions_go_when_they_have_expired_or_were_revoked_a_day_ago() {
    let start = TestApp::spawn().await.services.now();
    let app = with_sessions(vec![
        (session(1), start.plus(HOUR)),
        (session(2), start.plus(2 * DAY)),
        (session(3), start.plus(2 * DAY)),
        (session(4), start.plus(3 * DAY)),
        (session(5), start.plus(Duration::ZERO)),
    ])
    .await;
    assert_eq!(app.services.now(), start);
    assert_eq!(clean_up(&app.services).await.expect("works"), 0);
    revoke(&app, session(2)).await;
    app.advance(HOUR);
    revoke(&app, session(3)).await;
    assert_eq!(
        clean_up(&app.services).await.expect("works"),
        1,
        "the fifth has expired"
    );
    app.advance(Duration::from_millis(1));
    assert_eq!(
        clean_up(&app.services).await.expect("works"),
        1,
        "the first has expired"
    );
    assert_eq!(left(&app).await, [2, 3, 4].map(session));

    app.advance(DAY - HOUR - Duration::from_millis(1));
    assert_eq!(
        clean_up(&app.services).await.expect("works"),
        0,
        "a day is kept"
    );
    app.advance(Duration::from_millis(1));
    assert_eq!(
        clean_up(&app.services).await.expect("works"),
        1,
        "the second was revoked"
    );
    assert_eq!(left(&app).await, [3, 4].map(session));
    app.advance(DAY);
    assert_eq!(
        clean_up(&app.services).await.expect("works"),
        1,
        "the third was revoked"
    );
    assert_eq!(left(&app).await, [session(4)], "the one that lives");
    app.advance(DAY);
    assert_eq!(clean_up(&app.services).await.expect("works"), 1);
    assert!(left(&app).await.is_empty());
}

/// Many more than are looked at or deleted at once.
#[tokio::test]
async fn all_that_have_expired_go_in_one_turn() {
    const COUNT: u128 = 5000;
    let now = TestApp::spawn().await.services.now();
    let expires_at = |n: u128| match n {
        // All of a stretch, then every other one.
        ..2500 => now,
        _ if n.is_multiple_of(2) => now,
        _ => now.plus(HOUR),
    };
    let app = with_sessions((1..=COUNT).map(|n| (session(n), expires_at(n))).collect()).await;
    app.advance(Duration::from_millis(1));
    let live: Vec<SessionId> = (1..=COUNT)
        .filter(|n| expires_at(*n) > now)
        .map(session)
        .collect();
    let deleted = clean_up(&app.services).await.expect("works");
    assert_eq!(deleted as usize + live.len(), COUNT as usize);
    assert!(left(&app).await == live, "those that live are left");
    assert_eq!(clean_up(&app.services).await.expect("works"), 0);
}

/// It was refreshed after the clean-up had seen it, say.
#[tokio::test]
async fn a_session_that_lives_is_not_deleted() {
    let now = TestApp::spawn().await.services.now();
    let app = with_sessions(vec![(session(1), now.plus(HOUR))]).await;
    let spent = Spent {
        expired: now,
        revoked: now,
    };
    let deleted = app
        .services
        .db
        .write(async move |tx| sessions::delete_spent(tx, session(1), spent).await);
    assert_eq!(deleted.await.expect("writes"), 0);
    assert_eq!(left(&app).await, [session(1)]);
}

#[tokio::test]
async fn throttles_go_when_they_hold_nobody_back() {
    const COUNT: u32 = 500;
    let app = TestApp::spawn().await;
    let now = app.services.now();
    let taken = app.services.db.write(async move |tx| {
        for n in 0..COUNT {
            let subject = n.to_be_bytes();
            let _ = throttles::take(tx, &subject, now, HOUR, HOUR).await?;
            if n % 5 == 0 {
                // Two failures are forgotten after two hours.
                let _ = throttles::take(tx, &subject, now, HOUR, 2 * HOUR).await?;
            }
        }
        Ok::<_, Error>(())
    });
    taken.await.expect("writes");
    app.advance(HOUR - Duration::from_millis(1));
    assert_eq!(clean_up(&app.services).await.expect("works"), 0);
    app.advance(Duration::from_millis(1));
    assert_eq!(clean_up(&app.services).await.expect("works"), 400);
    app.advance(HOUR);
    assert_eq!(clean_up(&app.services).await.expect("works"), 100);
}

#[tokio::test]
async fn kept_answers_go_when_they_have_expired() {
    const COUNT: u64 = 500;
    let app = TestApp::spawn().await;
    let now = app.services.now();
    let kept = app.services.db.write(async move |tx| {
        for n in 0..COUNT {
            let mut id = [0; 32];
            id[..8].copy_from_slice(&n.to_be_bytes());
            let expires_at = now.plus(if n % 5 == 0 { 2 * HOUR } else { HOUR });
            assert!(idempotency::claim(tx, &id, &[0; 32], now, expires_at).await?);
        }
        Ok::<_, Error>(())
    });
    kept.await.expect("writes");
    app.advance(HOUR - Duration::from_millis(1));
    assert_eq!(clean_up(&app.services).await.expect("works"), 0);
    app.advance(Duration::from_millis(1));
    assert_eq!(clean_up(&app.services).await.expect("works"), 400);
    app.advance(HOUR);
    assert_eq!(clean_up(&app.services).await.expect("works"), 100);
}

#[tokio::test]
async fn of_many_instances_one_cleans_up_until_it_falls_silent() {
    let now = TestApp::spawn().await.services.now();
    let app = with_sessions(vec![(session(1), now)]).await;
    app.advance(Duration::from_millis(1));
    let now = app.services.now();
    let other = InstanceId(Uuid::from_u128(7));
    let until = now.plus(Duration::from_secs(300));
    let taken = app
        .services
        .db
        .write(async move |tx| leases::take(tx, "clean_up", other, now, until).await);
    assert!(taken.await.expect("writes"));
    assert_eq!(clean_up(&app.services).await.expect("works"), 0);
    assert_eq!(left(&app).await, [session(1)], "another one is at it");
    app.advance(Duration::from_secs(300));
    assert_eq!(clean_up(&app.services).await.expect("works"), 1);
}
