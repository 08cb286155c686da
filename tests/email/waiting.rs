//! Registrations that wait for the proof of an address: what others try with their names, addresses and passwords tells
//! nothing and changes nothing.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::records::count;
use crate::reset::reset;
use crate::silent::{ADA, register, spawn};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};
use crate::verification::verify;

const EVE: &str = "eve@example.com";

/// More than the 72 bytes that bcrypt looks at.
const LONG: &str =
    "a password of so many words that the hash has to be told of it in another way: thirty-three";

async fn with_limits() -> TestApp {
    TestApp::spawn_with(&[
        ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
    ])
    .await
}

async fn registers(app: &TestApp, email: &str, name: &str, password: &str) {
    register(app, email, name, password)
        .await
        .expect(StatusCode::ACCEPTED);
    app.advance(Duration::from_secs(1));
}

/// The token of the mail to `email` that names this account.
async fn token_for(app: &TestApp, email: &str, name: &str) -> String {
    let mails = app.mails_of("verify_email", email).await;
    let mut named = mails.iter().filter(|mail| mail.text.contains(name));
    named.next().expect("a mail for this name").token()
}

/// A user with a verified address.
async fn account(app: &TestApp, name: &str, password: &str) {
    let email = format!("{name}@example.com");
    registers(app, &email, name, password).await;
    let token = app.mail("verify_email", &email).await.token();
    verify(app, &token).await.expect(StatusCode::NO_CONTENT);
}

/// The answer, and how many hashes it took.
async fn hashed(app: &TestApp, request: impl Future<Output = Answer>) -> (Answer, u64) {
    let before = app.services.passwords.hashes_done();
    let answer = request.await;
    (answer, app.services.passwords.hashes_done() - before)
}

/// DESIGN §6: an account's existence is not told by the number of hashes.
#[tokio::test]
async fn every_login_takes_one_hash() {
    let app = spawn().await;
    account(&app, "bob", PASSWORD).await;
    registers(&app, ADA, "ada", PASSWORD).await;
    registers(&app, ADA, "mallory", OTHER_PASSWORD).await;
    registers(&app, "bob@example.com", "probe", OTHER_PASSWORD).await;
    for name in [
        "ada",
        ADA,
        "mallory",
        "probe",
        "bob",
        "bob@example.com",
        "nobody",
        EVE,
    ] {
        for password in ["wrong", PASSWORD, OTHER_PASSWORD, LONG] {
            let (_, hashes) = hashed(&app, app.try_login(name, password)).await;
            assert_eq!(hashes, 1, "{name}, {password}");
        }
    }
}

/// Whoever registers with an address logs in with it, too: what is answered does not tell whether the address has an account,
/// nor what its password is like.
#[tokio::test]
async fn a_login_with_what_was_registered_is_answered_alike() {
    for (owners, strangers) in [
        (PASSWORD, OTHER_PASSWORD),
        (PASSWORD, LONG),
        (LONG, PASSWORD),
        (LONG, &LONG[1..]),
    ] {
        let app = spawn().await;
        account(&app, "bob", owners).await;
        for (email, name) in [("bob@example.com", "probe-one"), (EVE, "probe-two")] {
            registers(&app, email, name, strangers).await;
            for typed in [email, name] {
                let (answer, hashes) = hashed(&app, app.try_login(typed, strangers)).await;
                answer.expect_problem(403, "email_not_verified");
                assert_eq!(hashes, 1, "{typed}");
            }
        }
        for typed in ["bob", "bob@example.com"] {
            app.try_login(typed, owners).await.expect(StatusCode::OK);
        }
    }
}

/// Registrations at one moment and of passwords of every length are answered alike, whether or not the address has an account,
/// and so are logins with what they chose.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn registrations_at_one_moment_do_not_tell_of_an_account() {
    let app = spawn().await;
    account(&app, "bob", PASSWORD).await;
    let passwords = [OTHER_PASSWORD, LONG, "one more password of theirs"];
    for (number, email) in ["bob@example.com", EVE].into_iter().enumerate() {
        let names: Vec<String> = (0..3)
            .map(|name| format!("probe-{number}-{name}"))
            .collect();
        let registered = passwords
            .iter()
            .zip(&names)
            .map(|(password, name)| register(&app, email, name, password));
        for answer in join_all(registered).await {
            answer.expect(StatusCode::ACCEPTED);
        }
        for password in passwords {
            let (answer, hashes) = hashed(&app, app.try_login(email, password)).await;
            answer.expect_problem(403, "email_not_verified");
            assert_eq!(hashes, 1, "{email}");
        }
    }
}

/// An account whose hash cannot be checked is answered as none.
#[tokio::test]
async fn an_account_with_an_unusable_hash_is_answered_as_none() {
    let app = spawn().await;
    account(&app, "bob", PASSWORD).await;
    let write = app.services.db.write(async move |tx| {
        let sql = "UPDATE users SET password_hash = '$argon2id$v=19$m=16,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2g'";
        tx.execute(sql, &[]).await
    });
    write.await.expect("writes");
    for (name, password) in [("probe-one", OTHER_PASSWORD), ("probe-two", PASSWORD)] {
        registers(&app, "bob@example.com", name, password).await;
    }
    for password in [OTHER_PASSWORD, PASSWORD] {
        let answer = app.try_login("bob@example.com", password).await;
        answer.expect_problem(403, "email_not_verified");
    }
}

/// Who registers a name that waits with wrong passwords keeps its owner neither from correcting nor from logging in.
#[tokio::test]
async fn registering_a_waiting_name_does_not_use_up_the_logins_of_its_owner() {
    let app = with_limits().await;
    registers(&app, ADA, "ada", PASSWORD).await;
    for _ in 0..12 {
        register(&app, EVE, "ada", OTHER_PASSWORD).await;
    }
    let token = app.mail("verify_email", ADA).await.token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}

/// Who has registered the address of an account does not learn that its owner chose another password.
#[tokio::test]
async fn a_new_password_of_the_account_does_not_show_in_a_login_with_what_was_registered() {
    let app = spawn().await;
    account(&app, "bob", PASSWORD).await;
    registers(&app, "bob@example.com", "probe", OTHER_PASSWORD).await;
    let is_answered_as_before = async |owners: &str| {
        for typed in ["bob@example.com", "probe"] {
            let (answer, hashes) = hashed(&app, app.try_login(typed, OTHER_PASSWORD)).await;
            answer.expect_problem(403, "email_not_verified");
            assert_eq!(hashes, 1, "{typed}");
        }
        let login = app.try_login("bob@example.com", owners).await;
        Session::of(&login.expect(StatusCode::OK))
    };
    let session = is_answered_as_before(PASSWORD).await;
    const NEW: &str = "another password of the owner";
    let change = app.put("/users/me/password").bearer_auth(&session.access);
    let change = change.json(&json!({ "current_password": PASSWORD, "new_password": NEW }));
    change.answer().await.expect(StatusCode::OK);
    is_answered_as_before(NEW).await;
    let asked = app.post("/auth/password-reset/request");
    let asked = asked.json(&json!({ "email": "bob@example.com" }));
    asked.answer().await.expect(StatusCode::ACCEPTED);
    let token = app.mail("password_reset", "bob@example.com").await.token();
    const RESET: &str = "one more password of the owner";
    let reset = app.post("/auth/password-reset");
    let reset = reset.json(&json!({ "token": token, "new_password": RESET }));
    reset.answer().await.expect(StatusCode::NO_CONTENT);
    is_answered_as_before(RESET).await;
}

/// A name that waits does not tell its address.
#[tokio::test]
async fn a_waiting_name_is_taken_at_its_own_address_as_at_any_other() {
    let app = spawn().await;
    registers(&app, ADA, "ada", PASSWORD).await;
    for email in [ADA, EVE] {
        let (answer, hashes) = hashed(&app, register(&app, email, "Ada", OTHER_PASSWORD)).await;
        answer.expect_problem(409, "username_taken");
        assert_eq!(hashes, 1, "{email}");
    }
    let (again, hashes) = hashed(&app, register(&app, ADA, "ada", PASSWORD)).await;
    again.expect(StatusCode::ACCEPTED);
    assert_eq!(hashes, 1);
    let token = app.mail("verify_email", ADA).await.token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
    assert!(app.mails_of("several_registrations", ADA).await.is_empty());
}

/// Owners get what they chose, whether others register the address before or after them.
#[tokio::test]
async fn a_strangers_registration_changes_nothing_of_the_owners() {
    for is_first in [true, false] {
        let app = with_limits().await;
        let mut all = [("mallory", OTHER_PASSWORD), ("ada", PASSWORD)];
        if !is_first {
            all.reverse();
        }
        for (name, password) in all {
            registers(&app, ADA, name, password).await;
        }
        let token = token_for(&app, ADA, "“ada”").await;
        verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
        app.login("ada").await;
        app.login(ADA).await;
        for name in ["mallory", "ada", ADA] {
            app.try_login(name, OTHER_PASSWORD)
                .await
                .expect_oauth_error("invalid_grant");
        }
        let token = token_for(&app, ADA, "“mallory”").await;
        verify(&app, &token)
            .await
            .expect_problem(400, "invalid_token");
    }
}

/// Who mistypes the address registers again with the right one.
#[tokio::test]
async fn a_registration_is_corrected_by_who_knows_its_password() {
    let app = spawn().await;
    registers(&app, "aad@example.com", "ada", PASSWORD).await;
    let wrong = app.mail("verify_email", "aad@example.com").await.token();
    registers(&app, ADA, "ada", PASSWORD).await;
    let sql = "SELECT count(*) FROM registrations";
    assert_eq!(count(&app, sql, &[]).await, 1);
    verify(&app, &wrong)
        .await
        .expect_problem(400, "invalid_token");
    let token = app.mail("verify_email", ADA).await.token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}

/// Registering is no way to guess at the password of a name that waits.
#[tokio::test]
async fn guesses_at_the_password_of_a_waiting_name_are_limited() {
    let app = with_limits().await;
    registers(&app, ADA, "ada", PASSWORD).await;
    for number in 0..10 {
        let guess = format!("{OTHER_PASSWORD} {number}");
        register(&app, EVE, "ada", &guess)
            .await
            .expect_problem(409, "username_taken");
    }
    let (answer, hashes) = hashed(&app, register(&app, EVE, "ada", PASSWORD)).await;
    answer.expect_problem(429, "account_throttled");
    assert_eq!(hashes, 0);
}

/// Otherwise a stranger who registers an address would have as many guesses at its account as they like.
#[tokio::test]
async fn the_password_of_a_waiting_registration_clears_no_failures() {
    let app = with_limits().await;
    account(&app, "bob", PASSWORD).await;
    registers(&app, "bob@example.com", "probe", OTHER_PASSWORD).await;
    for _ in 0..5 {
        app.try_login("bob@example.com", "wrong")
            .await
            .expect_oauth_error("invalid_grant");
        app.try_login("bob@example.com", OTHER_PASSWORD)
            .await
            .expect_problem(403, "email_not_verified");
    }
    app.try_login("bob@example.com", PASSWORD)
        .await
        .expect_problem(429, "account_throttled");
}

/// Strangers who use up the mails of an address do not keep its owner from registering. One more registration is answered as the
/// others were, and the owner who follows a stranger's link is told that it may not be theirs, and replaces the password.
#[tokio::test]
async fn strangers_do_not_keep_the_owner_of_an_address_from_registering() {
    let app = with_limits().await;
    for number in 0..3 {
        registers(&app, ADA, &format!("mallory{number}"), OTHER_PASSWORD).await;
    }
    registers(&app, ADA, "ada", PASSWORD).await;
    for typed in [ADA, "ada"] {
        let login = app.try_login(typed, PASSWORD).await;
        login.expect_problem(403, "email_not_verified");
    }
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 3);
    // The same registration again, once there may be one more mail, brings its own link.
    app.advance(Duration::from_secs(1200));
    registers(&app, ADA, "ada", PASSWORD).await;
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 4);
    token_for(&app, ADA, "“ada”").await;

    let token = token_for(&app, ADA, "“mallory0”").await;
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    told_of_several(&app, "mallory0").await;
}

/// A registration that had no mail is remembered as one of several, even where only one of them had one.
#[tokio::test]
async fn a_registration_without_a_mail_counts_as_one_of_several() {
    let app = TestApp::spawn_with(&[
        ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
        ("RATE_LIMIT_MAIL_ADDRESS", "1/1h"),
    ])
    .await;
    registers(&app, ADA, "mallory", OTHER_PASSWORD).await;
    registers(&app, ADA, "ada", PASSWORD).await;
    let mails = app.mails_of("verify_email", ADA).await;
    assert_eq!(mails.len(), 1);
    verify(&app, &mails[0].token())
        .await
        .expect(StatusCode::NO_CONTENT);
    told_of_several(&app, "mallory").await;
}

/// The owner of the account has a mail that names it, and a link by which their own password takes the place of the stranger's.
async fn told_of_several(app: &TestApp, name: &str) {
    let told = app.mail("several_registrations", ADA).await;
    assert!(told.text.contains(name), "{}", told.text);
    reset(app, &told.token(), PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
    app.login(ADA).await;
    app.try_login(ADA, OTHER_PASSWORD)
        .await
        .expect_oauth_error("invalid_grant");
}
