//! The former address of an account is held for its owner as long as the change can be undone.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};
use vestibule::domain::email::outbox;
use vestibule::domain::expiry::clean_up;
use vestibule::token::OneTimeToken;

use crate::change::{change, confirm, request, undo, verified};
use crate::database;
use crate::overlap::until_they_wait;
use crate::records::count;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};
use crate::verification::verify;

const A: &str = "ada@example.com";
const B: &str = "b@example.com";
const C: &str = "c@example.com";
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

async fn register(app: &TestApp, email: &str, name: &str) -> Answer {
    let body = json!({ "email": email, "username": name, "password": PASSWORD });
    app.post("/auth/register").json(&body).answer().await
}

async fn change_user(app: &TestApp, admin: &Session, id: &Value, email: &str) -> Answer {
    let id = id.as_str().expect("an id");
    app.patch(&format!("/users/{id}"))
        .bearer_auth(&admin.access)
        .json(&json!({ "email": email }))
        .answer()
        .await
}

/// The token of a change to this address.
async fn token(app: &TestApp, session: &Session, new: &str) -> String {
    request(app, session, new, PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    app.mail("email_change", new).await.token()
}

/// Delivers by hand what a closed outbox keeps.
async fn deliver_all(app: &TestApp) {
    while let Some(claim) = outbox::claim(&app.services).await.expect("reads") {
        let delivered = outbox::deliver(&app.services, claim).await;
        delivered.expect("delivers");
    }
}

async fn holds(app: &TestApp) -> i64 {
    count(app, "SELECT count(*) FROM held_emails", &[]).await
}

/// The notice with the link may take long. Until it leaves, no one else gets the address either.
#[tokio::test]
async fn the_old_address_is_held_from_the_moment_of_the_change() {
    let app = TestApp::spawn().await;
    let ada = verified(&app, "ada").await;
    let eve = app.user("eve").await;
    let admin = app.admin("root").await;
    let ben = app.register("ben").await;
    let token = token(&app, &ada, B).await;
    app.services.outbox.close();
    confirm(&app, &token).await.expect(StatusCode::NO_CONTENT);

    register(&app, A, "mallory")
        .await
        .expect_problem(409, "email_taken");
    let body = json!({ "email": "ADA@example.com", "username": "mallory" });
    let made = app.post("/users").bearer_auth(&admin.access).json(&body);
    made.answer().await.expect_problem(409, "email_taken");
    change_user(&app, &admin, &ben["id"], A)
        .await
        .expect_problem(409, "email_taken");
    request(&app, &eve, A, PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    deliver_all(&app).await;
    assert!(app.mails_of("email_change", A).await.is_empty());
    let token = app.mail("email_changed", A).await.token();
    undo(&app, &token).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(holds(&app).await, 0);
    register(&app, A, "mallory")
        .await
        .expect_problem(409, "email_taken");
}

#[tokio::test]
async fn a_registration_that_waits_for_proof_does_not_get_a_held_address() {
    let app = TestApp::spawn_with(&[("REQUIRE_EMAIL_VERIFICATION", "true")]).await;
    let ada = app.admin("ada").await;
    change(&app, &ada, B).await;
    register(&app, A, "mallory")
        .await
        .expect(StatusCode::ACCEPTED);
    let proof = app.mail("verify_email", A).await.token();
    verify(&app, &proof)
        .await
        .expect_problem(409, "email_taken");
    let token = app.mail("email_changed", A).await.token();
    undo(&app, &token).await.expect(StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn every_address_of_a_chain_is_held_until_the_first_comes_back() {
    let app = TestApp::spawn().await;
    let ada = verified(&app, "ada").await;
    change(&app, &ada, B).await;
    app.advance(Duration::from_secs(60));
    change(&app, &ada, C).await;
    for (number, address) in [A, B].iter().enumerate() {
        register(&app, address, &format!("mallory{number}"))
            .await
            .expect_problem(409, "email_taken");
    }
    let second = app.mail("email_changed", B).await.token();
    undo(&app, &second).await.expect(StatusCode::NO_CONTENT);
    register(&app, A, "mallory")
        .await
        .expect_problem(409, "email_taken");
    let first = app.mail("email_changed", A).await.token();
    undo(&app, &first).await.expect(StatusCode::NO_CONTENT);
    assert_eq!(holds(&app).await, 0);
    for (number, address) in [B, C].iter().enumerate() {
        register(&app, address, &format!("someone{number}"))
            .await
            .expect(StatusCode::CREATED);
    }
}

/// The notice of a later change that has not left yet brings the thief no link.
#[tokio::test]
async fn undoing_a_change_takes_the_links_of_later_notices() {
    let app = TestApp::spawn().await;
    let ada = verified(&app, "ada").await;
    change(&app, &ada, B).await;
    let first = app.mail("email_changed", A).await.token();
    app.advance(Duration::from_secs(60));
    let token = token(&app, &ada, C).await;
    app.services.outbox.close();
    confirm(&app, &token).await.expect(StatusCode::NO_CONTENT);
    undo(&app, &first).await.expect(StatusCode::NO_CONTENT);
    deliver_all(&app).await;
    let notice = app.mail("email_changed", B).await;
    assert!(notice.links().is_empty(), "{}", notice.text);
}

#[tokio::test]
async fn an_address_is_free_again_after_a_week() {
    let app = TestApp::spawn().await;
    let ada = verified(&app, "ada").await;
    change(&app, &ada, B).await;
    let token = app.mail("email_changed", A).await.token();
    app.advance(WEEK - Duration::from_millis(1));
    register(&app, A, "mallory")
        .await
        .expect_problem(409, "email_taken");
    app.advance(Duration::from_millis(1));
    register(&app, A, "mallory")
        .await
        .expect(StatusCode::CREATED);
    undo(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
    clean_up(&app.services).await.expect("cleans up");
    assert_eq!(holds(&app).await, 0);
}

#[tokio::test]
async fn an_account_that_is_deleted_holds_nothing() {
    let app = TestApp::spawn().await;
    let ada = verified(&app, "ada").await;
    change(&app, &ada, B).await;
    let token = app.mail("email_changed", A).await.token();
    let deleted = app.delete("/users/me").bearer_auth(&ada.access);
    deleted.answer().await.expect(StatusCode::NO_CONTENT);
    assert_eq!(holds(&app).await, 0);
    undo(&app, &token)
        .await
        .expect_problem(400, "invalid_token");
    register(&app, A, "ada").await.expect(StatusCode::CREATED);
}

/// A thief who changes the address and deletes the account has no more of the address than of any other: its owner registers it,
/// and where accounts need no proof, takes it over.
#[tokio::test]
async fn a_thief_who_deletes_an_account_does_not_keep_its_address() {
    for is_proof_needed in ["true", "false"] {
        let app = TestApp::spawn_with(&[("REQUIRE_EMAIL_VERIFICATION", is_proof_needed)]).await;
        let thief = app.admin("ada").await;
        app.admin("root").await;
        change(&app, &thief, B).await;
        let deleted = app.delete("/users/me").bearer_auth(&thief.access);
        deleted.answer().await.expect(StatusCode::NO_CONTENT);
        let taken = register(&app, A, "mallory").await;
        assert!(taken.status.is_success(), "{}", taken.text);
        if is_proof_needed == "true" {
            app.try_login("mallory", PASSWORD)
                .await
                .expect_problem(403, "email_not_verified");
            let body = json!({ "email": A, "username": "ada", "password": OTHER_PASSWORD });
            let owners = app.post("/auth/register").json(&body).answer().await;
            owners.expect(StatusCode::ACCEPTED);
            let mails = app.mails_of("verify_email", A).await;
            let owners = mails.iter().find(|mail| mail.text.contains("“ada”"));
            let token = owners.expect("a mail of the owner's").token();
            verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
        } else {
            let asked = app.post("/auth/password-reset/request");
            let asked = asked.json(&json!({ "email": A })).answer().await;
            asked.expect(StatusCode::ACCEPTED);
            let token = app.mail("password_reset", A).await.token();
            crate::reset::reset(&app, &token, OTHER_PASSWORD)
                .await
                .expect(StatusCode::NO_CONTENT);
        }
        app.try_login(A, OTHER_PASSWORD)
            .await
            .expect(StatusCode::OK);
        let thiefs = app.try_login("mallory", PASSWORD).await;
        thiefs.expect_oauth_error("invalid_grant");
    }
}

/// It may be another person's, who registers it. The change can be undone as long as it is free.
#[tokio::test]
async fn an_address_that_was_never_proved_is_not_held() {
    for is_registered in [true, false] {
        let app = TestApp::spawn().await;
        let eve = app.user("ada").await;
        change(&app, &eve, B).await;
        let token = app.mail("email_changed", A).await.token();
        if is_registered {
            register(&app, A, "owner").await.expect(StatusCode::CREATED);
            undo(&app, &token)
                .await
                .expect_problem(400, "invalid_token");
        } else {
            undo(&app, &token).await.expect(StatusCode::NO_CONTENT);
        }
    }
}

/// Without a notice there is nothing to undo.
#[tokio::test]
async fn an_address_whose_owner_is_not_told_is_not_held() {
    let app = TestApp::spawn_with(&[("NOTIFY_EMAIL_CHANGED", "false")]).await;
    let ada = verified(&app, "ada").await;
    change(&app, &ada, B).await;
    register(&app, A, "mallory")
        .await
        .expect(StatusCode::CREATED);
}

/// A thief with a link to the old address uses it at the moment of the change. On PostgreSQL the change is stored and not yet
/// committed when the thief comes.
#[tokio::test]
async fn a_change_and_a_taking_at_one_moment_leave_the_address_to_its_owner() {
    let app = TestApp::spawn().await;
    let eve = app.user("eve").await;
    let thiefs = token(&app, &eve, A).await;
    let ada = verified(&app, "ada").await;
    let owners = token(&app, &ada, B).await;
    let (changed, taken) = if database::on_postgresql() {
        let session = app.database.session();
        session.run("BEGIN; LOCK TABLE audit_events IN EXCLUSIVE MODE");
        let taking = async {
            until_they_wait(&app, 1).await;
            let taking = confirm(&app, &thiefs);
            let letting = async {
                until_they_wait(&app, 2).await;
                session.run("COMMIT");
            };
            tokio::join!(taking, letting).0
        };
        tokio::join!(confirm(&app, &owners), taking)
    } else {
        tokio::join!(confirm(&app, &owners), confirm(&app, &thiefs))
    };
    changed.expect(StatusCode::NO_CONTENT);
    taken.expect_problem(409, "email_taken");
    let token = app.mail("email_changed", A).await.token();
    undo(&app, &token).await.expect(StatusCode::NO_CONTENT);
}

/// The notice of a later change is being made while the first change is undone. On PostgreSQL its link is about to be stored
/// when the owner comes.
#[tokio::test]
async fn undoing_a_change_revokes_the_link_of_a_notice_on_its_way() {
    let app = TestApp::spawn().await;
    let ada = verified(&app, "ada").await;
    change(&app, &ada, B).await;
    let first = app.mail("email_changed", A).await.token();
    app.advance(Duration::from_secs(60));
    let token = token(&app, &ada, C).await;
    app.services.outbox.close();
    confirm(&app, &token).await.expect(StatusCode::NO_CONTENT);
    let claim = outbox::claim(&app.services).await.expect("reads");
    let delivering = outbox::deliver(&app.services, claim.expect("is due"));
    if database::on_postgresql() {
        let session = app.database.session();
        session.run("BEGIN; LOCK TABLE one_time_tokens IN SHARE MODE");
        let undoing = async {
            until_they_wait(&app, 1).await;
            let letting = async {
                until_they_wait(&app, 2).await;
                session.run("COMMIT");
            };
            tokio::join!(undo(&app, &first), letting).0
        };
        let (delivered, undone) = tokio::join!(delivering, undoing);
        delivered.expect("delivers");
        undone.expect(StatusCode::NO_CONTENT);
    } else {
        delivering.await.expect("delivers");
        let undone = undo(&app, &first).await;
        undone.expect(StatusCode::NO_CONTENT);
    }
    deliver_all(&app).await;
    let thiefs = app.mail("email_changed", B).await.token();
    undo(&app, &thiefs)
        .await
        .expect_problem(400, "invalid_token");
}

/// A login code is being made for the thief's address while the change to it is undone. On PostgreSQL the code is about to be
/// stored when the owner comes.
#[tokio::test]
async fn undoing_a_change_revokes_a_login_code_on_its_way() {
    let app = TestApp::spawn_with(&[("EMAIL_LOGIN_ENABLED", "true")]).await;
    let ada = verified(&app, "ada").await;
    change(&app, &ada, B).await;
    let first = app.mail("email_changed", A).await.token();
    app.services.outbox.close();
    let asked = app
        .post("/auth/email-login/request")
        .json(&json!({ "email": B }));
    let handle = asked.answer().await.expect(StatusCode::ACCEPTED)["handle"].clone();
    let handle = handle.as_str().expect("a handle");
    let claim = outbox::claim(&app.services).await.expect("reads");
    let delivering = outbox::deliver(&app.services, claim.expect("is due"));
    if database::on_postgresql() {
        let hash = OneTimeToken::parse(handle).expect("a token").hash();
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        let session = app.database.session();
        // Whoever stores the code waits to see whether this one is there to stay.
        session.run(&format!(
            "BEGIN; INSERT INTO login_codes (handle, code, is_known, is_spent, tries, expires_at) \
             VALUES ('\\x{hash}', '\\x{hash}', false, false, 0, 0)"
        ));
        let undoing = async {
            until_they_wait(&app, 1).await;
            let undoing = undo(&app, &first);
            let letting = async {
                until_they_wait(&app, 2).await;
                session.run("ROLLBACK");
            };
            tokio::join!(undoing, letting).0
        };
        let (delivered, undone) = tokio::join!(delivering, undoing);
        delivered.expect("delivers");
        undone.expect(StatusCode::NO_CONTENT);
    } else {
        delivering.await.expect("delivers");
        let undone = undo(&app, &first).await;
        undone.expect(StatusCode::NO_CONTENT);
    }
    deliver_all(&app).await;
    let code = app.mail("login_code", B).await.code();
    let login = app
        .post("/auth/email-login")
        .json(&json!({ "handle": handle, "code": code }));
    login.answer().await.expect_problem(400, "invalid_token");
}
