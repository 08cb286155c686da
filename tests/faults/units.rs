//! What PostgreSQL does to units of work that no other engine does: conflicts, deadlocks, errors after which nothing is
//! accepted but a rollback.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join;
use tokio::sync::Barrier;
use vestibule::config::DatabaseUrl;
use vestibule::store::db::{Db, Error, Result, Tx, Value};

use crate::SERVER;
use crate::postgres::Session;

const INSERT: &str = "INSERT INTO notes (text) VALUES (?1)";

/// A database with the table `notes`, and a way to look at it that is not ours.
fn database() -> (Db, Session) {
    database_with("16")
}

fn database_with(pool_size: &str) -> (Db, Session) {
    let url = SERVER.create_database();
    let session = Session::open(&url).expect("opens");
    session.run("CREATE TABLE notes (text TEXT NOT NULL CONSTRAINT notes_text_key UNIQUE, times BIGINT NOT NULL DEFAULT 0)");
    let mut url = DatabaseUrl::parse(&url).expect("a URL");
    if let DatabaseUrl::Postgres(postgres) = &mut url {
        postgres.pool_size = pool_size.parse().expect("a number");
    }
    (Db::open(&url).expect("opens"), session)
}

async fn insert(tx: &mut Tx<'_>, text: &str) -> Result<u64> {
    tx.execute(INSERT, &[Value::Text(text)]).await
}

async fn count_up(tx: &mut Tx<'_>, text: &str) -> Result<u64> {
    let sql = "UPDATE notes SET times = times + 1 WHERE text = ?1";
    tx.execute(sql, &[Value::Text(text)]).await
}

fn notes(session: &Session) -> String {
    session.value("SELECT coalesce(string_agg(text, ' ' ORDER BY text), '') FROM notes")
}

/// Two units change two rows in opposite order. The server ends one of them, which is run again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn units_that_lock_each_other_out_both_succeed() {
    let (db, session) = database();
    session.run("INSERT INTO notes (text) VALUES ('one'), ('other')");
    let runs = Arc::new(AtomicUsize::new(0));
    let meet = Arc::new(Barrier::new(2));
    let unit = |first: &'static str, second: &'static str| {
        let (runs, meet) = (runs.clone(), meet.clone());
        let mut is_first_run = true;
        db.write(async move |tx| {
            runs.fetch_add(1, Ordering::SeqCst);
            count_up(tx, first).await?;
            if std::mem::take(&mut is_first_run) {
                meet.wait().await;
            }
            count_up(tx, second).await
        })
    };
    let (one, other) = join(unit("one", "other"), unit("other", "one")).await;
    assert_eq!((one.expect("succeeds"), other.expect("succeeds")), (1, 1));
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one of them was run twice");
    let times = session.value("SELECT string_agg(times::text, ' ') FROM notes");
    assert_eq!(times, "2 2");
}

/// Fails by a serialization failure the first `times` times that it is asked.
fn conflicts(session: &Session, times: u32) {
    session.run(&format!(
        "CREATE SEQUENCE asked; \
         CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('asked') <= {times} THEN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END IF; \
         RETURN NEW; END $$"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_unit_that_meets_conflicts_is_run_again() {
    for trigger in [
        "CREATE TRIGGER conflict BEFORE INSERT ON notes FOR EACH ROW",
        // By the commit.
        "CREATE CONSTRAINT TRIGGER conflict AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
    ] {
        let (db, session) = database();
        conflicts(&session, 5);
        session.run(&format!("{trigger} EXECUTE FUNCTION conflict()"));
        db.write(async |tx| insert(tx, "many").await)
            .await
            .expect("succeeds at last");
        assert_eq!(session.value("SELECT last_value FROM asked"), "6");
        assert_eq!(notes(&session), "many");

        // Not for ever.
        session.run(
            "ALTER SEQUENCE asked RESTART; DROP FUNCTION conflict CASCADE; DROP SEQUENCE asked",
        );
        conflicts(&session, 1000);
        session.run(&format!("{trigger} EXECUTE FUNCTION conflict()"));
        let failed = db.write(async |tx| insert(tx, "more").await).await;
        assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
        assert_eq!(session.value("SELECT last_value FROM asked"), "6");
        assert_eq!(notes(&session), "many");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_unit_of_one_statement_that_meets_conflicts_is_run_again() {
    let (db, session) = database();
    conflicts(&session, 5);
    session.run(
        "CREATE TRIGGER conflict BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION conflict()",
    );
    let written = db.write_one(async |tx| insert(tx, "one").await).await;
    assert_eq!(written.expect("succeeds"), 1);
    assert_eq!(notes(&session), "one");
}

/// The server would answer its commit by a rollback, which looks like success.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_unit_that_goes_on_after_an_error_is_a_defect_and_leaves_nothing() {
    let (db, session) = database();
    let swallowed = db.write(async |tx| {
        insert(tx, "first").await?;
        assert!(insert(tx, "first").await.is_err());
        Ok::<(), Error>(())
    });
    let failed = swallowed.await;
    assert!(matches!(failed, Err(Error::Defect(_))), "{failed:?}");
    let swallowed = db.write_one(async |tx| {
        assert!(
            tx.execute("INSERT INTO nowhere VALUES (1)", &[])
                .await
                .is_err()
        );
        Ok::<(), Error>(())
    });
    let failed = swallowed.await;
    assert!(matches!(failed, Err(Error::Defect(_))), "{failed:?}");
    assert_eq!(notes(&session), "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_second_statement_in_a_unit_of_one_is_a_defect_and_not_run() {
    let (db, session) = database();
    let two = db.write_one(async |tx| {
        insert(tx, "first").await?;
        insert(tx, "second").await
    });
    let failed = two.await;
    assert!(matches!(failed, Err(Error::Defect(_))), "{failed:?}");
    assert_eq!(notes(&session), "first");
}

fn panic_in_a_unit() -> Result<()> {
    panic!("a test panics in a unit of work")
}

/// On the one connection that units may use here, the next one begins where nothing is left of the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn units_that_panic_or_fail_leave_their_connection_fit() {
    let (db, session) = database_with("2");
    let backend = async || {
        let pid = db.write(async |tx| {
            let sql = "SELECT pg_backend_pid()::bigint";
            tx.query_opt(sql, &[], |row| row.get::<i64>(0)).await
        });
        pid.await.expect("reads")
    };
    let before = backend().await;
    for round in 0..5 {
        let panicking = db.write(async |tx| {
            insert(tx, "half done").await?;
            panic_in_a_unit()
        });
        let failed = panicking.await;
        assert!(matches!(failed, Err(Error::Defect(_))), "{failed:?}");
        let failing = db.write(async |tx| {
            insert(tx, "half done").await?;
            insert(tx, "half done").await
        });
        assert!(failing.await.expect_err("fails").is_taken("notes.text"));
        let text = format!("done-{round}");
        db.write(async move |tx| insert(tx, &text).await)
            .await
            .expect("succeeds");
    }
    assert_eq!(backend().await, before);
    assert_eq!(notes(&session), "done-0 done-1 done-2 done-3 done-4");
    let open = "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%' AND datname = current_database()";
    assert_eq!(session.value(open), "0");
}
