//! The schema: brought up to date once, and never touched when it is newer than the program.

use std::sync::{Arc, Barrier};

use vestibule::config::DatabaseUrl;
use vestibule::store::db::{Db, Error};

use crate::database::{TestDatabase, on_postgresql};
use crate::fixture::{Database, url_of};

fn fresh() -> (TestDatabase, DatabaseUrl) {
    let database = TestDatabase::empty();
    let url = url_of(&database);
    (database, url)
}

#[test]
fn a_fresh_database_gets_every_migration_and_a_second_run_none() {
    let (_database, url) = fresh();
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
        let (_database, url) = fresh();
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
    let database = Database::new().await;
    let newer = database.db.write(async |tx| {
        let sql = "INSERT INTO vestibule_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '', '0')";
        tx.execute(sql, &[]).await
    });
    newer.await.expect("writes");
    let mut all = vec![
        Db::migrate(&database.url).map(drop),
        Db::pending(&database.url).map(drop),
        database.db.check().await,
    ];
    if !on_postgresql() {
        // To a server no connection is made before it is needed.
        all.push(Db::open(&database.url).map(drop));
    }
    for refused in all {
        let Err(Error::Schema(message)) = refused else {
            panic!("{refused:?}");
        };
        assert!(
            message.contains("999") && message.contains("newer"),
            "{message}"
        );
    }
}

fn run_on(database: &TestDatabase, sql: &str) {
    if on_postgresql() {
        database.session().run(sql);
    } else {
        let connection = rusqlite::Connection::open(database.file()).expect("opens");
        connection.execute_batch(sql).expect("runs");
    }
}

/// A table of somebody else's has a name of ours.
#[test]
fn a_migration_that_fails_tells_why() {
    let (database, url) = fresh();
    Db::migrate(&url).expect("migrates");
    run_on(
        &database,
        "DELETE FROM vestibule_schema_history WHERE version > 3",
    );
    let failed = Db::migrate(&url).expect_err("fails");
    assert!(matches!(failed, Error::Schema(_)), "{failed:?}");
    let message = failed.to_string();
    assert!(
        message.contains("leases") && message.contains("already exists"),
        "{message}"
    );
    assert!(!message.contains('\n'), "{message}");
    // All or nothing.
    assert!(Db::pending(&url).expect("looks").len() > 3);
}

/// The history of the first versions has the default name of the library.
#[test]
fn a_history_under_its_former_name_is_taken_over_once() {
    for _ in 0..5 {
        let (database, url) = fresh();
        Db::migrate(&url).expect("migrates");
        run_on(
            &database,
            "ALTER TABLE vestibule_schema_history RENAME TO refinery_schema_history",
        );
        assert!(Db::pending(&url).expect("looks").is_empty());
        let start = Arc::new(Barrier::new(4));
        let migrating = [(); 4].map(|()| {
            let (url, start) = (url.clone(), start.clone());
            std::thread::spawn(move || {
                start.wait();
                Db::migrate(&url)
            })
        });
        for thread in migrating {
            let outcome = thread.join().expect("no panic").expect("migrates");
            assert!(outcome.applied.is_empty(), "{outcome:?}");
        }
        // A program of that time still finds its own.
        run_on(
            &database,
            "INSERT INTO refinery_schema_history (version, name) VALUES (999, 'by one of that time')",
        );
        assert!(Db::pending(&url).expect("looks").is_empty());
        assert!(Db::migrate(&url).expect("migrates").applied.is_empty());
    }
}

/// Nothing is changed in it: no journal mode, no table, no lock.
#[test]
fn the_database_of_another_application_is_refused_and_left_as_it_is() {
    for sql in [
        "CREATE TABLE articles (id INTEGER PRIMARY KEY, text VARCHAR(10)); INSERT INTO articles VALUES (1, 'x')",
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "CREATE TABLE refinery_schema_history (version INTEGER PRIMARY KEY, name VARCHAR(255), \
         applied_on VARCHAR(255), checksum VARCHAR(255)); INSERT INTO refinery_schema_history VALUES (1, 'initial', '', '0')",
        "CREATE TABLE refinery_schema_history (version INTEGER PRIMARY KEY, name VARCHAR(255), \
         applied_on VARCHAR(255), checksum VARCHAR(255)); INSERT INTO refinery_schema_history VALUES (1, 'accounts', '', '0')",
        "CREATE TABLE refinery_schema_history (other INTEGER)",
    ] {
        let (database, url) = fresh();
        run_on(&database, sql);
        let before = content(&database);
        let mut refused = vec![Db::migrate(&url).map(drop), Db::pending(&url).map(drop)];
        if !on_postgresql() {
            refused.push(Db::open(&url).map(drop));
        }
        for refused in refused {
            let Err(Error::Schema(message)) = &refused else {
                panic!("{sql}: {refused:?}");
            };
            assert!(message.contains("of another application"), "{message}");
        }
        assert_eq!(content(&database), before, "{sql}");
    }
}

/// All bytes of a file, or the names of all tables.
fn content(database: &TestDatabase) -> Vec<String> {
    if on_postgresql() {
        let sql =
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1";
        return database
            .session()
            .run(sql)
            .into_iter()
            .flatten()
            .flatten()
            .collect();
    }
    let folder = database.file().with_file_name("");
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .expect("lists")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            format!(
                "{}: {:?}",
                path.display(),
                std::fs::read(&path).expect("reads")
            )
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_no_database_is_refused() {
    let (database, url) = fresh();
    let urls = if on_postgresql() {
        let missing = DatabaseUrl::parse(&format!("{}_missing", database.url()));
        let wrong = DatabaseUrl::parse(&database.url().replacen('@', "no@", 1));
        [missing.expect("a URL"), wrong.expect("a URL")]
    } else {
        let nonsense = "This is not a database. ".repeat(100);
        std::fs::write(database.file(), nonsense).expect("writes");
        let folder = database.file().with_file_name("");
        [url, DatabaseUrl::File(folder)]
    };
    for url in urls {
        let refused = Db::migrate(&url);
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    }
}

/// Acknowledged means on disk: WAL, every commit flushed, references checked.
#[tokio::test]
async fn the_pragmas_that_promises_rest_on_are_in_force() {
    crate::sqlite_only!("no other database has pragmas");
    let database = Database::new().await;
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
