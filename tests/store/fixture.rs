//! Databases to try things on.

use std::sync::LazyLock;

use tokio::sync::{Mutex, MutexGuard};
use vestibule::config::DatabaseUrl;
use vestibule::store::db::{Db, Error, Result, Value};

use crate::database::TestDatabase;

/// The database in memory is one for the whole process: tests take turns.
static MEMORY: LazyLock<Mutex<()>> = LazyLock::new(Mutex::default);

/// An open database with a table `notes (text UNIQUE)` that is empty.
pub struct Database {
    pub db: Db,
    pub url: DatabaseUrl,
    _place: Option<TestDatabase>,
    _turn: Option<MutexGuard<'static, ()>>,
}

impl Database {
    /// A file, or a database on a server.
    pub async fn new() -> Self {
        let place = TestDatabase::migrated();
        let url = url_of(&place);
        Self::open(url, Some(place), None).await
    }

    pub async fn in_memory() -> Self {
        let turn = MEMORY.lock().await;
        Self::open(DatabaseUrl::Memory, None, Some(turn)).await
    }

    async fn open(
        url: DatabaseUrl,
        place: Option<TestDatabase>,
        turn: Option<MutexGuard<'static, ()>>,
    ) -> Self {
        Db::migrate(&url).expect("migrates");
        let db = Db::open(&url).expect("opens");
        let table = db.write(async |tx| {
            tx.execute("DROP TABLE IF EXISTS notes", &[]).await?;
            tx.execute(
                "CREATE TABLE notes (text TEXT NOT NULL, CONSTRAINT notes_text_key UNIQUE (text))",
                &[],
            )
            .await
        });
        table.await.expect("creates");
        Self {
            db,
            url,
            _place: place,
            _turn: turn,
        }
    }

    pub async fn insert(&self, text: impl Into<String>) -> Result<u64> {
        insert(&self.db, text).await
    }

    pub async fn notes(&self) -> Vec<String> {
        let mut tx = self.db.read().await.expect("a reader");
        tx.query_all("SELECT text FROM notes ORDER BY text", &[], |row| {
            row.get(0)
        })
        .await
        .expect("reads")
    }

    /// Runs a pragma on the connection that writes.
    pub async fn pragma(&self, pragma: &'static str) -> Result<()> {
        pragma_of(&self.db, pragma).await
    }
}

pub fn url_of(database: &TestDatabase) -> DatabaseUrl {
    DatabaseUrl::parse(database.url()).expect("a URL")
}

/// Adds a note as a unit of its own.
pub async fn insert(db: &Db, text: impl Into<String>) -> Result<u64> {
    let text = text.into();
    db.write(async move |tx| {
        tx.execute(
            "INSERT INTO notes (text) VALUES (?1)",
            &[Value::Text(&text)],
        )
        .await
    })
    .await
}

/// Runs a pragma on the connection that writes.
pub async fn pragma_of(db: &Db, pragma: &'static str) -> Result<()> {
    let set = db.write(async move |tx| tx.query_opt(pragma, &[], |_| Ok(())).await);
    set.await.map(|_: Option<()>| ())
}

#[track_caller]
pub fn expect_unavailable<T: std::fmt::Debug>(outcome: Result<T>) {
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
}
