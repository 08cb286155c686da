//! `create-admin`: the first administrator, whose password nobody can read in the list of processes.

use reqwest::{Client, StatusCode};

use crate::process::{Service, run, run_with_input, stderr, stdout};
use crate::{PASSWORD, QUICK, expect_code, folder, log_in};

const ADMIN: &[&str] = &[
    "create-admin",
    "--email",
    "root@example.com",
    "--username",
    "root",
];

#[tokio::test]
async fn an_administrator_is_made_with_a_password_from_standard_input() {
    let folder = folder();
    let output = run_with_input(folder.path(), ADMIN, &[QUICK], &format!("{PASSWORD}\n"));
    expect_code(&output, 0);
    assert!(stdout(&output).contains("root"), "{}", stdout(&output));
    assert!(!stdout(&output).contains(PASSWORD) && !stderr(&output).contains(PASSWORD));

    let service = Service::start(folder.path(), &[QUICK]);
    let (status, token) = log_in(&service.url, PASSWORD).await;
    assert_eq!(status, StatusCode::OK, "{token}");
    let request = Client::new().get(format!("{}/users", service.url));
    let answer = request
        .bearer_auth(token["access_token"].as_str().expect("a token"))
        .send()
        .await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::OK);
    let log = service.stop();
    assert!(
        !log.contains("create-admin"),
        "there is an administrator: {log}"
    );
}

#[tokio::test]
async fn an_administrator_is_made_with_a_password_from_the_environment_while_the_service_runs() {
    let folder = folder();
    let service = Service::start(folder.path(), &[QUICK]);
    let (status, _) = log_in(&service.url, PASSWORD).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let output = run(folder.path(), ADMIN, &[QUICK, ("ADMIN_PASSWORD", PASSWORD)]);
    expect_code(&output, 0);
    let (status, _) = log_in(&service.url, PASSWORD).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        service.stop().contains("vestibule create-admin"),
        "the first start says how"
    );
}

#[test]
fn a_weak_password_and_a_taken_address_are_refused() {
    let folder = folder();
    for weak in ["", "short", "password1234", "root@example.com"] {
        let output = run(folder.path(), ADMIN, &[QUICK, ("ADMIN_PASSWORD", weak)]);
        expect_code(&output, 2);
        assert!(stderr(&output).contains("password"), "{}", stderr(&output));
    }
    for nothing in ["", "\n", "\r\n"] {
        let output = run_with_input(folder.path(), ADMIN, &[QUICK], nothing);
        expect_code(&output, 2);
        let told = stderr(&output);
        assert!(
            told.contains("password: found nothing; allowed: a password"),
            "{told}"
        );
    }
    expect_code(
        &run(folder.path(), ADMIN, &[QUICK, ("ADMIN_PASSWORD", PASSWORD)]),
        0,
    );
    let again = [
        "create-admin",
        "--email",
        "ROOT@example.com",
        "--username",
        "other",
    ];
    let output = run(
        folder.path(),
        &again,
        &[QUICK, ("ADMIN_PASSWORD", PASSWORD)],
    );
    expect_code(&output, 1);
    assert!(
        stderr(&output).to_lowercase().contains("mail"),
        "{}",
        stderr(&output)
    );
    let again = [
        "create-admin",
        "--email",
        "other@example.com",
        "--username",
        "Root",
    ];
    expect_code(
        &run(
            folder.path(),
            &again,
            &[QUICK, ("ADMIN_PASSWORD", PASSWORD)],
        ),
        1,
    );
    let bad = ["create-admin", "--email", "nonsense", "--username", "a b"];
    let output = run(folder.path(), &bad, &[QUICK, ("ADMIN_PASSWORD", PASSWORD)]);
    expect_code(&output, 2);
    assert!(
        stderr(&output).contains("--email") && stderr(&output).contains("--username"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn a_password_is_never_taken_from_the_command_line() {
    let folder = folder();
    for flag in ["--password", "--admin-password", "-p"] {
        let arguments = [ADMIN, &[flag, PASSWORD]].concat();
        let output = run_with_input(folder.path(), &arguments, &[QUICK], "\n");
        expect_code(&output, 2);
        assert!(!folder.path().join("app.db").exists());
    }
    let positional = [ADMIN, &[PASSWORD]].concat();
    expect_code(
        &run_with_input(folder.path(), &positional, &[QUICK], "\n"),
        2,
    );
}
