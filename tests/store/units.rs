//! Units of work: grouped into one commit, and each for itself when it fails.

use std::pin::Pin;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use uuid::Uuid;
use vestibule::store::db::{Constraint, Db, Error, Result, Tx, Value};

use crate::database::on_postgresql;
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

/// Keeps units from ending until it is opened.
pub struct Gate(watch::Sender<bool>);

/// What a unit goes through the gate with.
#[derive(Clone)]
pub struct Pass {
    opened: watch::Receiver<bool>,
    runtime: Handle,
}

impl Gate {
    pub fn closed() -> (Self, Pass) {
        let (gate, opened) = watch::channel(false);
        let runtime = Handle::current();
        (Self(gate), Pass { opened, runtime })
    }

    pub fn open(&self) {
        self.0.send_replace(true);
    }
}

impl Pass {
    /// Over SQLite a unit must not wait: it holds up the thread that writes, and with it all other units.
    async fn through(&mut self) {
        let is_open = self.opened.wait_for(|open| *open);
        let passed = if on_postgresql() {
            is_open.await
        } else {
            self.runtime.block_on(is_open)
        };
        passed.expect("the gate is there");
    }
}

/// A unit that has begun and ends when it is told to. Over SQLite what is queued meanwhile joins its transaction.
pub struct Blocker {
    begun: oneshot::Receiver<()>,
    gate: Gate,
    unit: Queued<()>,
}

impl Blocker {
    fn queue(db: &Db) -> Self {
        Self::queue_with(db, async |_| Ok(()))
    }

    /// A unit that does some work before it waits.
    fn queue_with<F>(db: &Db, mut work: F) -> Self
    where
        F: AsyncFnMut(&mut Tx<'_>) -> Result<()> + Send + 'static,
    {
        let (gate, mut pass) = Gate::closed();
        let (begin, begun) = oneshot::channel();
        let mut begin = Some(begin);
        let db = db.clone();
        let unit = queue(async move {
            db.write(async move |tx| {
                work(tx).await?;
                if let Some(begin) = begin.take() {
                    let _ = begin.send(());
                }
                pass.through().await;
                Ok(())
            })
            .await
        });
        Self { begun, gate, unit }
    }

    /// Gives the blocker once the unit has begun.
    pub async fn start(db: &Db) -> Self {
        Self::start_with(db, async |_| Ok(())).await
    }

    /// The same, after the unit has done some work.
    pub async fn start_with<F>(db: &Db, work: F) -> Self
    where
        F: AsyncFnMut(&mut Tx<'_>) -> Result<()> + Send + 'static,
    {
        let mut blocker = Self::queue_with(db, work);
        blocker.wait().await;
        blocker
    }

    async fn wait(&mut self) {
        (&mut self.begun).await.expect("begins");
    }

    pub async fn release(self) {
        self.gate.open();
        self.unit.await.expect("succeeds");
    }
}

/// The same story on every kind of database.
macro_rules! on_each {
    ($($(#[$doc:meta])* $name:ident)*) => {
        mod on_disk {
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread")] async fn $name() {
                super::$name(super::Database::new().await).await;
            })*
        }
        mod in_memory {
            $($(#[$doc])* #[tokio::test(flavor = "multi_thread")] async fn $name() {
                crate::sqlite_only!("no other database is in memory");
                super::$name(super::Database::in_memory().await).await;
            })*
        }
    };
}

on_each! {
    many_writes_at_once_all_succeed
    a_failing_unit_fails_alone
    a_panicking_unit_fails_alone
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

/// In memory SQLite lets nobody read meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_unit_before_it_is_committed() {
    let database = Database::new().await;
    let mut unit = Blocker::queue_with(&database.db, async |tx| {
        let sql = "INSERT INTO notes (text) VALUES ('between')";
        tx.execute(sql, &[]).await.map(drop)
    });
    unit.wait().await;
    assert!(
        database.notes().await.is_empty(),
        "seen before it was committed"
    );
    unit.release().await;
    assert_eq!(database.notes().await, ["between"]);
}

/// While the second of two units works, the first is neither acknowledged nor to be seen.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_a_unit_before_those_of_its_transaction_are_done() {
    crate::sqlite_only!("each unit has a transaction of its own");
    let database = Database::new().await;
    let first = Blocker::start(&database.db).await;
    let mut write = queue_insert(&database, "between");
    let mut second = Blocker::queue(&database.db);
    first.gate.open();
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

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_waits_for_something_else_is_a_defect() {
    crate::sqlite_only!("a unit waits for its server, and may wait for other things");
    for database in [Database::new().await, Database::in_memory().await] {
        waiting_is_a_defect(database).await;
    }
}

async fn waiting_is_a_defect(database: Database) {
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
        tx.execute(sql, &[Value::Uuid(Uuid::nil())]).await
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
    // What has been taken out of the queue is not in it any more.
    let blocker = if on_postgresql() {
        None
    } else {
        Some(Blocker::start(&database.db).await)
    };
    let (gate, pass) = Gate::closed();
    let wait = || {
        let (db, mut pass) = (database.db.clone(), pass.clone());
        async move {
            db.write(async move |_| {
                pass.through().await;
                Ok(())
            })
            .await
        }
    };
    let waiting: Vec<Queued<()>> = (0..QUEUE).map(|_| queue(wait())).collect();
    for _ in 0..10 {
        let refused: Option<Result<()>> = wait().now_or_never();
        assert!(
            matches!(refused, Some(Err(Error::Overloaded))),
            "{refused:?}"
        );
    }
    gate.open();
    if let Some(blocker) = blocker {
        blocker.release().await;
    }
    for write in waiting {
        write.await.expect("those that waited succeed");
    }
    database.insert("later").await.expect("there is room");
}

async fn a_client_that_has_gone_undoes_nothing(database: Database) {
    let blocker = Blocker::start(&database.db).await;
    drop(queue_insert(&database, "nobody waits"));
    blocker.release().await;
    database.insert("later").await.expect("succeeds");
    // On a server the two are not done one after the other.
    let both = async {
        while database.notes().await != ["later", "nobody waits"] {
            tokio::task::yield_now().await;
        }
    };
    let done = tokio::time::timeout(Duration::from_secs(20), both).await;
    done.expect("both are there");
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
            "CREATE TABLE samples (i BIGINT, b BOOLEAN, t TEXT, n TEXT)",
            &[],
        )
        .await?;
        let values = [
            Value::Integer(i64::MIN),
            Value::Boolean(true),
            Value::Text("a\u{1}b'ü"),
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
        Some((i64::MIN, true, "a\u{1}b'ü".to_owned(), None))
    );
    let wrong = tx
        .query_opt("SELECT t FROM samples", &[], |row| row.get::<i64>(0))
        .await;
    assert!(matches!(wrong, Err(Error::Defect(_))), "{wrong:?}");
}
