//! Ten instances start at one moment on an empty database.

use std::sync::{Arc, Barrier};

use vestibule::config::DatabaseUrl;
use vestibule::store::db::Db;

use crate::SERVER;
use crate::postgres::Session;
use crate::process::Service;

const INSTANCES: usize = 10;

/// Runs `start` for each of them at one moment.
fn at_once<T: Send>(start: impl Fn() -> T + Sync) -> Vec<T> {
    let all = Arc::new(Barrier::new(INSTANCES));
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..INSTANCES)
            .map(|_| {
                scope.spawn(|| {
                    all.wait();
                    start()
                })
            })
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| thread.join().expect("no panic");
        threads.into_iter().map(join).collect()
    })
}

/// As when a whole machine starts: the server is there some seconds later.
#[test]
#[ignore = "starts a PostgreSQL server"]
fn a_server_that_is_away_at_the_start_is_waited_for() {
    use std::io::{BufRead, BufReader};
    let mut server = crate::postgres::Server::start();
    let url = server.create_database();
    server.stop(crate::postgres::Stop::Fast);
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", "test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952"),
        ("BCRYPT_COST", "4"),
        ("PORT", "0"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = crate::process::vestibule(folder.path(), &["serve"], &settings)
        .spawn()
        .expect("starts");
    let log = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut is_away = true;
    let listens = log.lines().map_while(Result::ok).any(|line| {
        if is_away && line.contains("waiting for the database") {
            is_away = false;
            server.start_again();
        }
        line.contains("listening on")
    });
    assert!(listens && !is_away);
    child.kill().expect("kills");
    child.wait().expect("ends");
}

#[track_caller]
fn is_migrated_once(url: &str) {
    let sql = "SELECT version FROM vestibule_schema_history ORDER BY version";
    let rows = Session::open(url).expect("opens").run(sql);
    let recorded: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let pending = Db::pending(&DatabaseUrl::parse(&SERVER.create_database()).expect("a URL"));
    let each: Vec<String> = pending
        .expect("looks")
        .iter()
        .map(|migration| migration.version.to_string())
        .collect();
    assert_eq!(recorded, each);
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn each_migration_is_run_by_one_of_many() {
    for _ in 0..5 {
        let url = SERVER.create_database();
        let parsed = DatabaseUrl::parse(&url).expect("a URL");
        let outcomes = at_once(|| Db::migrate(&parsed));
        let applied: Vec<usize> = outcomes
            .into_iter()
            .map(|outcome| outcome.expect("migrates").applied.len())
            .filter(|applied| *applied > 0)
            .collect();
        assert_eq!(applied.len(), 1, "{applied:?}");
        is_migrated_once(&url);
    }
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn many_programs_start_on_an_empty_database() {
    let url = SERVER.create_database();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", "test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952"),
        ("BCRYPT_COST", "4"),
        ("DATABASE_POOL_SIZE", "2"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    let services = at_once(|| Service::start(folder.path(), &settings));
    is_migrated_once(&url);
    let migrated = services
        .into_iter()
        .filter(|service| service.has_logged("migrated the database"))
        .count();
    assert_eq!(migrated, 1);
}
