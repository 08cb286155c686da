//! `migrate`, and what it would do.

use crate::process::{run, stdout};
use crate::{expect_code, folder};

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
