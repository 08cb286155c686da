//! A full disk, a database that cannot be written, one that another program holds: told clearly, and over when it is over.

use futures_util::FutureExt;
use reqwest::StatusCode;
use serde_json::json;
use vestibule::store::db::{Error, Value};

use crate::database::on_postgresql;
use crate::fixture::{Database, expect_unavailable, insert, pragma_of};
use crate::postgres::Session;
use crate::support::{Answer, PASSWORD, Send, TestApp};
use crate::units::{Blocker, Queued};

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

async fn register(app: &TestApp, name: &str) -> Answer {
    let body =
        json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
    app.post("/auth/register").json(&body).answer().await
}

#[track_caller]
fn expect_unavailable_problem(answer: Answer) {
    assert!(!answer.header("retry-after").is_empty());
    let body = answer.expect_problem(503, "unavailable");
    let text = body.to_string().to_lowercase();
    for inner in [
        "sqlite",
        "postgres",
        "locked",
        "lock timeout",
        "readonly",
        "full",
        "disk",
    ] {
        assert!(
            !text.contains(inner),
            "{inner} is told to the client: {text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_loses_nothing_that_was_acknowledged() {
    crate::sqlite_only!("a pragma makes the disk look full");
    let database = Database::new().await;
    let mut acknowledged = vec!["before".to_owned()];
    database.insert("before").await.expect("succeeds");
    // SQLite makes this the size that the database has now.
    database
        .pragma("PRAGMA max_page_count = 1")
        .await
        .expect("sets");
    let mut writes = tokio::task::JoinSet::new();
    for number in 0..200 {
        let db = database.db.clone();
        writes.spawn(async move {
            let text = format!("{number:03}{}", "x".repeat(4000));
            insert(&db, text.clone()).await.map(|_| text)
        });
    }
    let mut refused = 0;
    while let Some(written) = writes.join_next().await {
        match written.expect("runs") {
            Ok(text) => acknowledged.push(text),
            outcome => {
                expect_unavailable(outcome);
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "the disk was not full");
    // Space becomes free.
    database
        .pragma("PRAGMA max_page_count = 1000000")
        .await
        .expect("sets");
    database.insert("zz after").await.expect("recovers");
    acknowledged.push("zz after".to_owned());
    acknowledged.sort();
    let mut found = database.notes().await;
    found.sort();
    assert_eq!(
        found, acknowledged,
        "what was acknowledged is there, and nothing else"
    );
}

#[tokio::test]
async fn a_database_that_cannot_be_written_can_be_read_and_is_opened_again() {
    crate::sqlite_only!("a pragma makes the database read only");
    let database = Database::new().await;
    database.insert("before").await.expect("succeeds");
    database
        .pragma("PRAGMA query_only = ON")
        .await
        .expect("sets");
    expect_unavailable(database.insert("lost").await);
    assert_eq!(database.notes().await, ["before"]);
    database
        .insert("after")
        .await
        .expect("recovers by opening the database again");
    assert_eq!(database.notes().await, ["after", "before"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_held_by_another_program_is_unavailable_until_it_lets_go() {
    let app = TestApp::spawn().await;
    let session = app.user("eve").await;
    let other = Holder::start(&app);
    let (refused, ready, metrics, is_alive) = tokio::join!(
        register(&app, "ada"),
        app.get("/readyz").answer(),
        app.get("/metrics").answer(),
        app.is_alive(&session)
    );
    expect_unavailable_problem(refused);
    if on_postgresql() {
        // Writes to other tables go on.
        ready.expect(StatusCode::OK);
    } else {
        expect_unavailable_problem(ready);
    }
    let up = format!("\nvestibule_database_up {}\n", i32::from(on_postgresql()));
    assert!(metrics.text.contains(&up), "{}", metrics.text);
    assert!(is_alive, "what needs no write goes on");
    drop(other);
    register(&app, "ada").await.expect(StatusCode::CREATED);
}

/// Another program that keeps users from being written until it is dropped.
#[expect(dead_code, reason = "what holds them is the connection")]
enum Holder {
    File(rusqlite::Connection),
    Server(Session),
}

impl Holder {
    fn start(app: &TestApp) -> Self {
        Self::of(app, "users")
    }

    /// Holds these tables; of a file everything.
    fn of(app: &TestApp, tables: &str) -> Self {
        if on_postgresql() {
            let session = app.database.session();
            session.run(&format!("BEGIN; LOCK TABLE {tables} IN EXCLUSIVE MODE"));
            return Self::Server(session);
        }
        let other = rusqlite::Connection::open(app.database.file()).expect("opens");
        other.execute_batch("BEGIN IMMEDIATE").expect("holds it");
        Self::File(other)
    }
}

/// ASVS 16.5.2: the service goes on when what it leans on fails.
#[tokio::test]
async fn clients_are_told_to_come_back_and_can() {
    crate::sqlite_only!("a pragma makes the database read only");
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    // Sending them is a write, too.
    app.mails().await;
    pragma_of(&app.services.db, "PRAGMA query_only = ON")
        .await
        .expect("sets");
    expect_unavailable_problem(register(&app, "bob").await);
    assert!(app.is_alive(&session).await, "what needs no write goes on");
    register(&app, "bob").await.expect(StatusCode::CREATED);
    app.login("bob").await;
}

#[tokio::test]
async fn a_full_disk_is_told_to_clients_and_over_when_there_is_room() {
    crate::sqlite_only!("a pragma makes the disk look full");
    let app = TestApp::spawn().await;
    let db = &app.services.db;
    pragma_of(db, "PRAGMA max_page_count = 1")
        .await
        .expect("sets");
    let mut refused = None;
    let mut created = Vec::new();
    for number in 0..500 {
        let name = format!("user{number}");
        let answer = register(&app, &name).await;
        if answer.status != StatusCode::CREATED {
            refused = Some(answer);
            break;
        }
        created.push(name);
    }
    expect_unavailable_problem(refused.expect("the disk is full at last"));
    pragma_of(db, "PRAGMA max_page_count = 1000000")
        .await
        .expect("sets");
    register(&app, "later").await.expect(StatusCode::CREATED);
    for name in created.iter().rev().take(3) {
        app.login(name).await;
    }
}

#[tokio::test]
async fn full_disk_is_not_ready_until_there_is_room() {
    crate::sqlite_only!("a pragma makes the disk look full");
    let app = TestApp::spawn().await;
    let db = &app.services.db;
    app.get("/readyz").answer().await.expect(StatusCode::OK);
    app.mails().await;
    pragma_of(db, "PRAGMA max_page_count = 1")
        .await
        .expect("sets");
    let mut number = 0;
    while register(&app, &format!("user{number}")).await.status == StatusCode::CREATED {
        number += 1;
        assert!(number < 500, "the disk is never full");
    }
    app.advance(SECOND);
    expect_unavailable_problem(app.get("/readyz").answer().await);
    pragma_of(db, "PRAGMA max_page_count = 1000000")
        .await
        .expect("sets");
    app.advance(SECOND);
    app.get("/readyz").answer().await.expect(StatusCode::OK);
}

#[tokio::test]
async fn database_that_cannot_be_written_is_not_ready() {
    crate::sqlite_only!("a pragma makes the database read only");
    let app = TestApp::spawn().await;
    pragma_of(&app.services.db, "PRAGMA query_only = ON")
        .await
        .expect("sets");
    expect_unavailable_problem(app.get("/readyz").answer().await);
    app.advance(SECOND);
    // The first failure opened the database again.
    app.get("/readyz").answer().await.expect(StatusCode::OK);
}

/// A write waits for 5 seconds or more for one who holds the database; a balancer does not.
#[tokio::test(flavor = "multi_thread")]
async fn readiness_does_not_wait_for_a_database_that_is_held() {
    let app = TestApp::spawn().await;
    app.get("/readyz").answer().await.expect(StatusCode::OK);
    app.advance(SECOND);
    let other = Holder::of(&app, "users, leases");
    let mut write = std::pin::pin!(register(&app, "ada"));
    tokio::select! {
        biased;
        refused = &mut write => panic!("the write was answered first: {refused:?}"),
        ready = app.get("/readyz").answer() => expect_unavailable_problem(ready),
    }
    // The look that is under way is not begun again; the clock says that it has taken too long already.
    app.advance(SECOND);
    expect_unavailable_problem(app.get("/readyz").answer().await);
    drop(other);
    write.await;
    app.advance(SECOND);
    let ready = async {
        while app.get("/readyz").answer().await.status != StatusCode::OK {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            app.advance(SECOND);
        }
    };
    let limit = std::time::Duration::from_secs(60);
    tokio::time::timeout(limit, ready)
        .await
        .expect("ready again");
}

/// A rolling update must not send people to a program that is too old for the database.
#[tokio::test]
async fn a_schema_that_became_newer_is_not_ready() {
    let app = TestApp::spawn().await;
    let newer = app.services.db.write(async |tx| {
        let sql = "INSERT INTO vestibule_schema_history (version, name, applied_on, checksum) VALUES (?1, 'later', '', '0')";
        tx.execute(sql, &[Value::Integer(999)]).await
    });
    newer
        .await
        .map_err(|error: Error| error.to_string())
        .expect("writes");
    expect_unavailable_problem(app.get("/readyz").answer().await);
}

/// ASVS 15.2.2: more work than can be done is refused at once, and what was taken is done.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_whose_write_finds_no_place_is_told_to_come_back() {
    crate::sqlite_only!("units in the queue hold all connections, and look-ups need one too");
    let app = TestApp::spawn().await;
    let blocker = Blocker::start(&app.services.db).await;
    let mut waiting: Vec<Queued<()>> = Vec::new();
    loop {
        let db = app.services.db.clone();
        let mut write: Queued<()> = Box::pin(async move { db.write(async |_| Ok(())).await });
        match write.as_mut().now_or_never() {
            None => waiting.push(write),
            Some(full) => {
                assert!(matches!(full, Err(Error::Overloaded)), "{full:?}");
                break;
            }
        }
    }
    register(&app, "ada")
        .await
        .expect_problem(503, "overloaded");
    blocker.release().await;
    for write in waiting {
        write.await.expect("what waited is done");
    }
    register(&app, "ada").await.expect(StatusCode::CREATED);
}
