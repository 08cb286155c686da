//! The schema: brought up to date once, and never touched when it is newer than the program.

use std::sync::{Arc, Barrier};

use vestibule::config::DatabaseUrl;
use vestibule::store::db::{Db, Error};

use crate::fixture::Database;

fn fresh() -> (tempfile::TempDir, DatabaseUrl) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = DatabaseUrl::File(folder.path().join("fresh.db"));
    (folder, url)
}

#[test]
fn a_fresh_database_gets_every_migration_and_a_second_run_none() {
    let (_folder, url) = fresh();
    let pending = Db::pending(&url).expect("looks");
    assert_eq!(pending[0].version, 1);
    let applied = Db::migrate(&url).expect("migrates").applied;
    assert_eq!(applied, pending);
    assert!(Db::pending(&url).expect("looks").is_empty());
    assert!(Db::migrate(&url).expect("migrates").applied.is_empty());
}

/// As when `serve` and `create-admin` are started side by side on a new machine.
#[test]
fn programs_may_migrate_at_one_moment() {
    for _ in 0..10 {
        let (_folder, url) = fresh();
        let start = Arc::new(Barrier::new(4));
        let migrating = [(); 4].map(|()| {
            let (url, start) = (url.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                Db::migrate(&url)
            })
        });
        for thread in migrating {
            let outcome = thread.join().expect("no panic");
            assert!(outcome.is_ok(), "{outcome:?}");
        }
        assert!(Db::pending(&url).expect("looks").is_empty());
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let database = Database::in_a_file().await;
    let newer = database.db.write(async |tx| {
        let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '', '0')";
        tx.execute(sql, &[]).await
    });
    newer.await.expect("writes");
    for refused in [
        Db::migrate(&database.url).map(drop),
        Db::open(&database.url).map(drop),
        Db::pending(&database.url).map(drop),
        database.db.check().await,
    ] {
        let Err(Error::Schema(message)) = refused else {
            panic!("{refused:?}");
        };
        assert!(
            message.contains("999") && message.contains("newer"),
            "{message}"
        );
    }
}

#[test]
fn what_is_no_database_is_refused() {
    let (folder, url) = fresh();
    std::fs::write(
        folder.path().join("fresh.db"),
        "This is not a database. ".repeat(100),
    )
    .expect("writes");
    assert!(matches!(Db::migrate(&url), Err(Error::Unavailable(_))));
    let folder_for_file = DatabaseUrl::File(folder.path().to_owned());
    assert!(matches!(
        Db::migrate(&folder_for_file),
        Err(Error::Unavailable(_))
    ));
}

/// Acknowledged means on disk: WAL, every commit flushed, references checked.
#[tokio::test]
async fn the_pragmas_that_promises_rest_on_are_in_force() {
    let database = Database::in_a_file().await;
    let pragmas = database.db.write(async |tx| {
        let mut found = Vec::new();
        for pragma in ["PRAGMA synchronous", "PRAGMA foreign_keys"] {
            found.push(tx.query_opt(pragma, &[], |row| row.get::<i64>(0)).await?);
        }
        let mode = tx
            .query_opt("PRAGMA journal_mode", &[], |row| row.get::<String>(0))
            .await?;
        Ok::<_, Error>((found, mode))
    });
    let (found, mode) = pragmas.await.expect("reads");
    assert_eq!(found, [Some(2), Some(1)]);
    assert_eq!(mode.as_deref(), Some("wal"));
    let mut reader = database.db.read().await.expect("a reader");
    let query_only = reader
        .query_opt("PRAGMA query_only", &[], |row| row.get::<i64>(0))
        .await;
    assert_eq!(query_only.expect("reads"), Some(1));
}
