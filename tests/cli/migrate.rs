//! `migrate`, and what it would do.

use crate::database;
use crate::postgres::Session;
use crate::process::{reason, run, stdout};
use crate::{QUICK, expect_code, folder};

#[test]
fn migrate_says_what_it_does_and_a_dry_run_does_nothing() {
    let folder = folder();
    let dry = run(folder.path(), &["migrate", "--dry-run"], &[]);
    expect_code(&dry, 0);
    assert!(
        stdout(&dry).starts_with("would run V0001__accounts\n"),
        "{}",
        stdout(&dry)
    );
    assert!(!folder.path().join("app.db").exists());

    let real = run(folder.path(), &["migrate"], &[]);
    expect_code(&real, 0);
    assert_eq!(stdout(&real), stdout(&dry).replace("would run", "ran"));
    for arguments in [&["migrate"][..], &["migrate", "--dry-run"]] {
        let again = run(folder.path(), arguments, &[]);
        expect_code(&again, 0);
        assert_eq!(stdout(&again), "The schema is up to date.\n");
    }
}

/// A database that a newer program has migrated is not touched, neither by a start nor otherwise.
#[test]
fn a_newer_schema_is_refused() {
    let folder = folder();
    expect_code(&run(folder.path(), &["migrate"], &[]), 0);
    let sql = "INSERT INTO vestibule_schema_history (version, name, applied_on, checksum) VALUES (999, 'later', '', '0')";
    match database::url_in(folder.path()) {
        Some(url) => drop(Session::open(&url).expect("opens").run(sql)),
        None => {
            let file = rusqlite::Connection::open(folder.path().join("app.db")).expect("opens");
            file.execute(sql, []).expect("inserts");
        }
    }
    for arguments in [&["serve"][..], &["migrate"], &["migrate", "--dry-run"]] {
        let refused = run(folder.path(), arguments, &[QUICK, ("PORT", "0")]);
        expect_code(&refused, 1);
        let told = reason(&refused);
        assert!(told.starts_with("DATABASE_URL: "), "{told}");
        assert!(told.contains("999") && told.contains("newer"), "{told}");
    }
}
