//! Several registrations for one address that is to be proved first: by one person, or by two.

use std::time::Duration;

use reqwest::StatusCode;
use vestibule::store::db::Tx;

use crate::database;
use crate::records::count;
use crate::silent::{ADA, register, spawn};
use crate::support::{OTHER_PASSWORD, PASSWORD, TestApp};
use crate::verification::verify;

async fn registrations(app: &TestApp) -> i64 {
    count(app, "SELECT count(*) FROM registrations", &[]).await
}

#[tokio::test]
async fn who_registers_twice_alike_has_two_links_to_one_account() {
    let app = spawn().await;
    for _ in 0..2 {
        register(&app, ADA, "ada", PASSWORD)
            .await
            .expect(StatusCode::ACCEPTED);
        app.advance(Duration::from_secs(1));
    }
    let mails = app.mails_of("verify_email", ADA).await;
    assert_eq!(mails.len(), 2);
    verify(&app, &mails[0].token())
        .await
        .expect(StatusCode::NO_CONTENT);
    verify(&app, &mails[1].token())
        .await
        .expect_problem(400, "invalid_token");
    app.login("ada").await;
    assert!(app.mails_of("several_registrations", ADA).await.is_empty());
}

/// A second try with the same name and password waits as long as a first one.
#[tokio::test]
async fn repeated_registration_extends_its_deadline() {
    let app = spawn().await;
    register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    app.mail("verify_email", ADA).await;
    app.advance(Duration::from_secs(23 * 3600));
    register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let mails = app.mails_of("verify_email", ADA).await;
    app.advance(Duration::from_secs(23 * 3600));
    verify(&app, &mails[1].token())
        .await
        .expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}

/// A button pressed twice, faster than a password is hashed.
#[tokio::test]
async fn the_same_at_one_moment_is_one() {
    let app = TestApp::spawn_with(&[
        ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ("RATE_LIMIT_ENABLED", "true"),
    ])
    .await;
    let request = || register(&app, ADA, "ada", PASSWORD);
    let (first, second) = tokio::join!(request(), request());
    first.expect(StatusCode::ACCEPTED);
    second.expect(StatusCode::ACCEPTED);
    assert_eq!(registrations(&app).await, 1);
    let mails = app.mails_of("verify_email", ADA).await;
    assert_eq!(mails.len(), 1);
    verify(&app, &mails[0].token())
        .await
        .expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
    assert!(app.mails_of("several_registrations", ADA).await.is_empty());
}

/// One has the name, whichever it is, and the other is told.
#[tokio::test]
async fn two_at_one_moment_with_different_passwords_are_one_and_a_refusal() {
    let app = spawn().await;
    let (first, second) = tokio::join!(
        register(&app, ADA, "ada", PASSWORD),
        register(&app, "eve@example.com", "ada", OTHER_PASSWORD)
    );
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 409]);
    assert_eq!(registrations(&app).await, 1);
}

/// The other's password was tried before: that does not make this one a repetition of what came before it.
#[tokio::test]
async fn another_persons_registration_in_between_hides_no_repetition() {
    let app = spawn().await;
    for (name, password) in [
        ("ada", PASSWORD),
        ("mallory", OTHER_PASSWORD),
        ("ada", PASSWORD),
    ] {
        register(&app, ADA, name, password)
            .await
            .expect(StatusCode::ACCEPTED);
        app.advance(Duration::from_secs(1));
    }
    assert_eq!(registrations(&app).await, 2);
}

/// What is repeated has gone when the repetition is to be written: it becomes a registration of its own. On SQLite one comes
/// after the other by itself.
#[tokio::test]
async fn a_repetition_of_what_has_just_gone_is_not_lost() {
    let app = spawn().await;
    register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    app.mail("verify_email", ADA).await;
    app.advance(Duration::from_secs(1));
    let repeated = if database::on_postgresql() {
        let session = app.database.session();
        session.run("BEGIN; SELECT 1 FROM registrations FOR UPDATE");
        let going = async {
            crate::overlap::until_they_wait(&app, 1).await;
            session.run("DELETE FROM registrations; COMMIT");
        };
        tokio::join!(register(&app, ADA, "ada", PASSWORD), going).0
    } else {
        let gone = app
            .services
            .db
            .write(async |tx: &mut Tx<'_>| tx.execute("DELETE FROM registrations", &[]).await);
        gone.await.expect("deletes");
        register(&app, ADA, "ada", PASSWORD).await
    };
    repeated.expect(StatusCode::ACCEPTED);
    assert_eq!(registrations(&app).await, 1);
    let token = app.mail("verify_email", ADA).await.token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}
