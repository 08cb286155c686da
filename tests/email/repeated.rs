//! Several registrations for one address that is to be proved first: by one person, or by two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use vestibule::domain::Error;
use vestibule::store::db::Tx;

use crate::database;
use crate::records::count;
use crate::silent::{ADA, register, spawn};
use crate::support::{OTHER_PASSWORD, PASSWORD, TestApp};
use crate::verification::verify;

/// Longest wait for what has to come: many times what it takes.
const PATIENCE_MS: u32 = 10_000;

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
    assert!(app.mails_of("password_not_kept", ADA).await.is_empty());
}

/// A second try with the same name and password waits as long as a first one.
#[tokio::test]
async fn whoever_repeats_a_registration_has_another_day() {
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

/// Somebody registers a stranger's address, and waits for him to do so, too. The limit of mails keeps the stranger's own link
/// from being sent, and he follows the one that he gets.
#[tokio::test]
async fn nobody_gets_into_an_account_by_registering_before_its_owner() {
    let app = TestApp::spawn_with(&[
        ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ("RATE_LIMIT_ENABLED", "true"),
    ])
    .await;
    let intruders = "an intruder's long password";
    // Also one who guesses the name.
    for name in ["mallory", "ada"] {
        let email = format!("{name}@example.org");
        register(&app, &email, name, intruders)
            .await
            .expect(StatusCode::ACCEPTED);
        register(&app, &email, "ada", PASSWORD)
            .await
            .expect(StatusCode::ACCEPTED);
        let mails = app.mails_of("verify_email", &email).await;
        assert_eq!(mails.len(), 1, "{name}");
        verify(&app, &mails[0].token())
            .await
            .expect(StatusCode::NO_CONTENT);
        for password in [intruders, PASSWORD] {
            app.try_login(&email, password)
                .await
                .expect_oauth_error("invalid_grant");
        }
        app.advance(Duration::from_secs(60));
        let token = app.mail("password_not_kept", &email).await.token();
        crate::reset::reset(&app, &token, OTHER_PASSWORD)
            .await
            .expect(StatusCode::NO_CONTENT);
        app.try_login(&email, OTHER_PASSWORD)
            .await
            .expect(StatusCode::OK);
    }
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
    assert!(app.mails_of("password_not_kept", ADA).await.is_empty());
}

#[tokio::test]
async fn two_at_one_moment_with_different_passwords_are_two() {
    let app = spawn().await;
    let (first, second) = tokio::join!(
        register(&app, ADA, "ada", PASSWORD),
        register(&app, ADA, "ada", OTHER_PASSWORD)
    );
    first.expect(StatusCode::ACCEPTED);
    second.expect(StatusCode::ACCEPTED);
    assert_eq!(registrations(&app).await, 2);
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

/// A pause within a unit of work. On SQLite that may wait for nothing but the database, on PostgreSQL it must not block.
async fn pause_in_unit() {
    let pause = Duration::from_millis(1);
    if database::on_postgresql() {
        tokio::time::sleep(pause).await;
    } else {
        std::thread::sleep(pause);
    }
}

/// What is repeated has gone when the repetition is to be written: it becomes a registration of its own.
#[tokio::test]
async fn a_repetition_of_what_has_just_gone_is_not_lost() {
    let app = spawn().await;
    register(&app, ADA, "ada", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    app.mail("verify_email", ADA).await;
    app.advance(Duration::from_secs(1));
    let flags = Arc::new((AtomicBool::new(false), AtomicBool::new(false)));
    let going = {
        let flags = flags.clone();
        app.services.db.write(async move |tx: &mut Tx<'_>| {
            tx.execute("DELETE FROM registrations", &[]).await?;
            let (is_deleted, is_compared) = &*flags;
            is_deleted.store(true, Ordering::SeqCst);
            for _ in 0..PATIENCE_MS {
                if is_compared.load(Ordering::SeqCst) {
                    break;
                }
                pause_in_unit().await;
            }
            Ok::<_, Error>(())
        })
    };
    let (is_deleted, is_compared) = &*flags;
    let hashes = || app.services.passwords.snapshot().hashes_done;
    let before = hashes();
    let repeating = async {
        until(|| is_deleted.load(Ordering::SeqCst)).await;
        register(&app, ADA, "ada", PASSWORD).await
    };
    let comparing = async {
        until(|| hashes() > before).await;
        is_compared.store(true, Ordering::SeqCst);
    };
    let (gone, repeated, ()) = tokio::join!(going, repeating, comparing);
    gone.expect("deletes");
    repeated.expect(StatusCode::ACCEPTED);
    assert_eq!(registrations(&app).await, 1);
    let token = app.mail("verify_email", ADA).await.token();
    verify(&app, &token).await.expect(StatusCode::NO_CONTENT);
    app.login("ada").await;
}

async fn until(holds: impl Fn() -> bool) {
    for _ in 0..PATIENCE_MS {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("it does not come to pass");
}
