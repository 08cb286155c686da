//! Units of work: grouped into one commit, and each for itself when it fails.

use std::pin::Pin;
use std::sync::mpsc;

use futures_util::FutureExt;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use vestibule::store::db::{Constraint, Db, Error, Result, Value};

use crate::fixture::{Database, insert};

/// Units that may wait; as in the writer.
const QUEUE: usize = 4096;

/// A write that stands in the queue.
pub type Queued<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// Puts a write into the queue without waiting for it.
pub fn queue<T: std::fmt::Debug>(
    write: impl Future<Output = Result<T>> + Send + 'static,
) -> Queued<T> {
    let mut write: Queued<T> = Box::pin(write);
    let answer = write.as_mut().now_or_never();
    assert!(answer.is_none(), "answered already: {answer:?}");
    write
}

pub fn queue_insert(database: &Database, text: &'static str) -> Queued<u64> {
    let db = database.db.clone();
    queue(async move { insert(&db, text).await })
}

/// Holds up the writer inside a unit until told to go on. What is queued meanwhile joins its transaction.
pub struct Blocker {
    begun: oneshot::Receiver<()>,
    release: mpsc::Sender<()>,
    unit: Queued<()>,
}

impl Blocker {
    fn queue(db: &Db) -> Self {
        let (release, released) = mpsc::channel();
        let (begin, begun) = oneshot::channel();
        let mut begin = Some(begin);
        let db = db.clone();
        let unit = queue(async move {
            db.write(async move |_| {
                if let Some(begin) = begin.take() {
                    let _ = begin.send(());
                }
                released.recv().map_err(|_| Error::Overloaded)
            })
            .await
        });
        Self {
            begun,
            release,
            unit,
        }
    }

    /// Gives the blocker once the writer is in it.
    pub async fn start(db: &Db) -> Self {
        let mut blocker = Self::queue(db);
        blocker.wait().await;
        blocker
    }

    async fn wait(&mut self) {
        (&mut self.begun).await.expect("begins");
    }

    pub async fn release(self) {
        self.release.send(()).expect("waits");
        self.unit.await.expect("succeeds");
    }
}

/// The same story on both kinds of database.
macro_rules! on_both {
    ($($(#[$doc:meta])* $name:ident)*) => {
        mod in_a_file {
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(super::Database::in_a_file().await).await;
            })*
        }
        mod in_memory {
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(super::Database::in_memory().await).await;
            })*
        }
    };
}

on_both! {
    many_writes_at_once_all_succeed
    a_failing_unit_fails_alone
    a_panicking_unit_fails_alone
    a_unit_that_waits_for_something_else_is_a_defect
    constraints_are_named
    a_full_queue_is_told_at_once
    a_client_that_has_gone_undoes_nothing
    readers_cannot_write
    values_come_back_as_they_went_in
}

async fn many_writes_at_once_all_succeed(database: Database) {
    let mut writes = JoinSet::new();
    for number in 0..1000 {
        let db = database.db.clone();
        writes.spawn(async move { insert(&db, format!("{number:04}")).await });
    }
    while let Some(written) = writes.join_next().await {
        assert_eq!(written.expect("runs").expect("succeeds"), 1);
    }
    let expected: Vec<String> = (0..1000).map(|number| format!("{number:04}")).collect();
    assert_eq!(database.notes().await, expected);
}

/// Two units share a transaction: while the second one works, the first is neither acknowledged nor to be seen.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_unit_before_it_is_committed() {
    let database = Database::in_a_file().await;
    let first = Blocker::start(&database.db).await;
    let mut write = queue_insert(&database, "between");
    let mut second = Blocker::queue(&database.db);
    first.release.send(()).expect("waits");
    second.wait().await;
    assert!(
        write.as_mut().now_or_never().is_none(),
        "acknowledged before it was committed"
    );
    assert!(
        database.notes().await.is_empty(),
        "seen before it was committed"
    );
    second.release().await;
    write.await.expect("succeeds");
    first.unit.await.expect("succeeds");
    assert_eq!(database.notes().await, ["between"]);
}

async fn a_failing_unit_fails_alone(database: Database) {
    let blocker = Blocker::start(&database.db).await;
    let one = queue_insert(&database, "one");
    let db = database.db.clone();
    let failing = queue(async move {
        db.write(async |tx| {
            tx.execute("INSERT INTO notes (text) VALUES ('half done')", &[])
                .await?;
            Err::<(), _>(Error::Defect("changed my mind".to_owned()))
        })
        .await
    });
    let two = queue_insert(&database, "two");
    blocker.release().await;
    let failed = failing.await.expect_err("fails");
    assert!(failed.to_string().contains("changed my mind"), "{failed}");
    one.await.expect("succeeds");
    two.await.expect("succeeds");
    assert_eq!(database.notes().await, ["one", "two"]);
}

fn panic_in_a_unit() -> Result<()> {
    panic!("a test panics in a unit of work")
}

async fn a_panicking_unit_fails_alone(database: Database) {
    let blocker = Blocker::start(&database.db).await;
    let one = queue_insert(&database, "one");
    let db = database.db.clone();
    let panicking = queue(async move {
        db.write(async |tx| {
            tx.execute("INSERT INTO notes (text) VALUES ('half done')", &[])
                .await?;
            panic_in_a_unit()
        })
        .await
    });
    let two = queue_insert(&database, "two");
    blocker.release().await;
    let failed = panicking.await.expect_err("fails");
    assert!(matches!(failed, Error::Defect(_)), "{failed}");
    one.await.expect("succeeds");
    two.await.expect("succeeds");
    database
        .insert("zero, later")
        .await
        .expect("the writer lives on");
    assert_eq!(database.notes().await, ["one", "two", "zero, later"]);
}

async fn a_unit_that_waits_for_something_else_is_a_defect(database: Database) {
    let waiting = database.db.write(async |tx| {
        tx.execute("INSERT INTO notes (text) VALUES ('half done')", &[])
            .await?;
        std::future::pending::<()>().await;
        Ok::<(), Error>(())
    });
    let failed = waiting.await.expect_err("fails");
    assert!(matches!(failed, Error::Defect(_)), "{failed}");
    let scan = database.db.scan(async |_| {
        std::future::pending::<()>().await;
        Ok(())
    });
    assert!(matches!(scan.await, Err(Error::Defect(_))));
    database.insert("later").await.expect("the writer lives on");
    assert_eq!(database.notes().await, ["later"]);
}

async fn constraints_are_named(database: Database) {
    database.insert("once").await.expect("succeeds");
    let twice = database.insert("once").await.expect_err("fails");
    assert!(twice.is_taken("notes.text"), "{twice}");
    assert!(!twice.is_taken("notes.other") && !twice.is_missing_reference());

    let orphan = database.db.write(async |tx| {
        let sql = "INSERT INTO user_roles (user_id, role_name) VALUES (?1, 'admin')";
        tx.execute(sql, &[Value::Bytes(&[0; 16])]).await
    });
    assert!(orphan.await.expect_err("fails").is_missing_reference());

    let missing = database.db.write(async |tx| {
        tx.execute("INSERT INTO notes (text) VALUES (NULL)", &[])
            .await
    });
    let missing = missing.await.expect_err("fails");
    assert!(
        matches!(missing, Error::Constraint(Constraint::Other(_))),
        "{missing}"
    );
    let wrong = database
        .db
        .write(async |tx| tx.execute("INSERT INTO nowhere VALUES (1)", &[]).await);
    assert!(matches!(wrong.await, Err(Error::Defect(_))));
}

async fn a_full_queue_is_told_at_once(database: Database) {
    let blocker = Blocker::start(&database.db).await;
    let mut writes = JoinSet::new();
    for number in 0..QUEUE + 10 {
        let db = database.db.clone();
        writes.spawn(async move { insert(&db, number.to_string()).await });
    }
    // The writer is held up: whatever is answered now was refused without waiting.
    let mut refused = 0;
    while refused < 10 {
        let answer = writes.join_next().await.expect("more").expect("runs");
        assert!(matches!(answer, Err(Error::Overloaded)), "{answer:?}");
        refused += 1;
    }
    blocker.release().await;
    while let Some(written) = writes.join_next().await {
        written.expect("runs").expect("those that waited succeed");
    }
    assert_eq!(database.notes().await.len(), QUEUE);
}

async fn a_client_that_has_gone_undoes_nothing(database: Database) {
    let blocker = Blocker::start(&database.db).await;
    drop(queue_insert(&database, "nobody waits"));
    blocker.release().await;
    database.insert("later").await.expect("succeeds");
    assert_eq!(database.notes().await, ["later", "nobody waits"]);
}

async fn readers_cannot_write(database: Database) {
    let mut tx = database.db.read().await.expect("a reader");
    let sql = "INSERT INTO notes (text) VALUES ('by a reader')";
    assert!(tx.execute(sql, &[]).await.is_err());
    drop(tx);
    let scan = database.db.scan(async move |tx| tx.execute(sql, &[]).await);
    assert!(scan.await.is_err());
    assert!(database.notes().await.is_empty());
}

async fn values_come_back_as_they_went_in(database: Database) {
    let create = database.db.write(async |tx| {
        tx.execute("DROP TABLE IF EXISTS samples", &[]).await?;
        tx.execute(
            "CREATE TABLE samples (i INTEGER, b INTEGER, t TEXT, n TEXT)",
            &[],
        )
        .await?;
        let values = [
            Value::Integer(i64::MIN),
            Value::Boolean(true),
            Value::Text("a\0b'ü"),
            Value::Null,
        ];
        tx.execute("INSERT INTO samples VALUES (?1, ?2, ?3, ?4)", &values)
            .await
    });
    create.await.expect("writes");
    let mut tx = database.db.read().await.expect("a reader");
    let row = tx.query_opt("SELECT i, b, t, n FROM samples", &[], |row| {
        Ok((
            row.get::<i64>(0)?,
            row.get::<bool>(1)?,
            row.get::<String>(2)?,
            row.get::<Option<String>>(3)?,
        ))
    });
    assert_eq!(
        row.await.expect("reads"),
        Some((i64::MIN, true, "a\0b'ü".to_owned(), None))
    );
    let wrong = tx
        .query_opt("SELECT t FROM samples", &[], |row| row.get::<i64>(0))
        .await;
    assert!(matches!(wrong, Err(Error::Defect(_))), "{wrong:?}");
}
