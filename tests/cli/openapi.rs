//! `openapi`: writes the specification and finds it out when it has drifted.

use std::fs;

use crate::process::{run, stderr, stdout};
use crate::{expect_code, folder};

#[test]
fn openapi_writes_and_checks_the_specification() {
    let folder = folder();
    expect_code(&run(folder.path(), &["openapi", "--check"], &[]), 1);
    expect_code(&run(folder.path(), &["openapi"], &[]), 0);
    let path = folder.path().join("openapi.json");
    let written = fs::read_to_string(&path).expect("written");
    assert_eq!(written, vestibule::api::document());
    expect_code(&run(folder.path(), &["openapi", "--check"], &[]), 0);
    let printed = run(folder.path(), &["openapi", "-"], &[]);
    assert_eq!(stdout(&printed), written);

    fs::write(&path, written.replacen("Vestibule", "Vestibul", 1)).expect("writes");
    let drifted = run(folder.path(), &["openapi", "--check"], &[]);
    expect_code(&drifted, 1);
    assert!(
        stderr(&drifted).contains("openapi.json"),
        "{}",
        stderr(&drifted)
    );
    expect_code(
        &run(
            folder.path(),
            &["openapi", "--check", "elsewhere.json"],
            &[],
        ),
        1,
    );
}

#[test]
fn openapi_3_1_has_a_file_of_its_own() {
    let folder = folder();
    let with = |arguments: &[&str]| {
        run(
            folder.path(),
            &[&["openapi", "--oas", "3.1"], arguments].concat(),
            &[],
        )
    };
    expect_code(&with(&["--check"]), 1);
    expect_code(&with(&[]), 0);
    let written = fs::read_to_string(folder.path().join("openapi-3.1.json")).expect("written");
    assert_eq!(written, vestibule::api::document_3_1());
    assert!(!folder.path().join("openapi.json").exists());
    expect_code(&with(&["--check"]), 0);
    expect_code(&with(&["--check", "elsewhere.json"]), 1);
    expect_code(
        &run(
            folder.path(),
            &["openapi", "--check", "openapi-3.1.json"],
            &[],
        ),
        1,
    );
    expect_code(&run(folder.path(), &["openapi", "--oas", "2.0"], &[]), 2);
}
