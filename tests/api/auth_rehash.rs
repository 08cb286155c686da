//! Logins with stored hashes of other forms: imported ones, old ones, ones of another cost. The background rehash.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::StatusCode;

use crate::records::{remove_stored_hash, set_stored_hash, stored_hash};
use crate::support::{OTHER_PASSWORD, PASSWORD, Send, TestApp};

/// Waits for the rehash that a login leaves behind.
async fn rehashed(app: &TestApp, username: &str, old: &str) -> String {
    for _ in 0..500 {
        let hash = stored_hash(app, username).await.expect("a hash");
        if hash != old {
            return hash;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{old} stays");
}

/// A hash of [`PASSWORD`].
fn hash_of(prefix: &str, cost: u32) -> String {
    bcrypt::hash(PASSWORD, cost)
        .expect("hashes")
        .replacen("$2b$", prefix, 1)
}

#[tokio::test]
async fn a_login_renews_a_hash_of_an_old_form_or_cost() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for (prefix, cost) in [("$2a$", 4), ("$2y$", 4), ("$2b$", 5), ("$2y$", 6)] {
        let old = hash_of(prefix, cost);
        set_stored_hash(&app, "ada", &old).await;
        app.try_login("ada", OTHER_PASSWORD)
            .await
            .expect_oauth_error("invalid_grant");
        assert_eq!(stored_hash(&app, "ada").await.as_ref(), Some(&old));
        let session = app.login("ada").await;
        let new = rehashed(&app, "ada", &old).await;
        assert!(new.starts_with("$2b$04$"), "{new}");
        assert!(app.is_alive(&session).await);
        app.login("ada").await;
        assert_eq!(stored_hash(&app, "ada").await, Some(new));
    }
}

/// A hash made at a lower cost is renewed as well, and one of today's form is left alone.
#[tokio::test]
async fn a_raised_cost_reaches_old_hashes() {
    let app = TestApp::spawn_with(&[("BCRYPT_COST", "5")]).await;
    app.register("ada").await;
    let today = stored_hash(&app, "ada").await.expect("a hash");
    assert!(today.starts_with("$2b$05$"), "{today}");
    let before = app.services.passwords.hashes_done();
    app.login("ada").await;
    assert_eq!(app.services.passwords.hashes_done() - before, 1);
    assert_eq!(stored_hash(&app, "ada").await, Some(today));

    let old = hash_of("$2b$", 4);
    set_stored_hash(&app, "ada", &old).await;
    app.login("ada").await;
    let new = rehashed(&app, "ada", &old).await;
    assert!(new.starts_with("$2b$05$"), "{new}");
}

/// A rehash changes the form of the stored password, not the password: a login beside it must not notice.
#[tokio::test]
async fn logins_beside_a_rehash_succeed() {
    // The longest patience there is: a busy machine is no reason to fail.
    let app = TestApp::spawn_with(&[("HASH_MAX_WAIT_MS", "10000")]).await;
    app.register("ada").await;
    for _ in 0..5 {
        set_stored_hash(&app, "ada", &hash_of("$2a$", 6)).await;
        let logins = (0..20).map(|_| app.try_login("ada", PASSWORD));
        for answer in join_all(logins).await {
            answer.expect(StatusCode::OK);
        }
    }
}

/// Hashes of passlib's `bcrypt_sha256`, whose passwords are not cut.
#[tokio::test]
async fn an_imported_hash_of_a_long_password_works() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let password = "correct horse battery staple ".repeat(3) + "end";
    let imported =
        "$bcrypt-sha256$v=2,t=2b,r=5$H0ZXeypdCgKEepbamZzzsu$9oUlE6Tmwm1VCYRUETGW.0hxS0Elpq6";
    set_stored_hash(&app, "ada", imported).await;
    app.try_login("ada", &password[..password.len() - 1])
        .await
        .expect_oauth_error("invalid_grant");
    app.try_login("ada", &password).await.expect(StatusCode::OK);
    let new = rehashed(&app, "ada", imported).await;
    assert!(new.starts_with("$bcrypt-sha256$v=2,t=2b,r=4$"), "{new}");
    app.try_login("ada", &password).await.expect(StatusCode::OK);
}

/// An imported hash that would hold the service up counts as no password, at the price of any other.
#[tokio::test]
async fn a_hash_that_is_too_costly_or_of_no_known_form_lets_nobody_in() {
    let app = TestApp::spawn_with(&[("BCRYPT_MAX_COST", "6")]).await;
    app.register("ada").await;
    let costly = hash_of("$2b$", 7);
    for stored in [
        costly.as_str(),
        &costly.replacen("$07$", "$31$", 1),
        &hash_of("$2x$", 4),
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        "correct horse battery staple",
        "",
    ] {
        set_stored_hash(&app, "ada", stored).await;
        let before = app.services.passwords.hashes_done();
        app.try_login("ada", PASSWORD)
            .await
            .expect_oauth_error("invalid_grant");
        assert_eq!(app.services.passwords.hashes_done() - before, 1, "{stored}");
    }
}

/// The number of bcrypt's iterations behind an answer, and with it the time, tells neither whether there is an account nor
/// in what form its password is stored.
#[tokio::test]
async fn every_refused_login_takes_the_same_number_of_steps() {
    let app = TestApp::spawn_with(&[
        ("BCRYPT_COST", "6"),
        ("BCRYPT_MAX_COST", "7"),
        ("RATE_LIMIT_ENABLED", "false"),
    ])
    .await;
    app.register("ada").await;
    let short = "short as it is";
    let long = "correct horse battery staple ".repeat(9);
    let steps = async |username: &str| {
        let mut taken = Vec::new();
        for password in [OTHER_PASSWORD, short, &long] {
            let before = app.services.passwords.snapshot().steps_done;
            app.try_login(username, password)
                .await
                .expect_oauth_error("invalid_grant");
            taken.push(app.services.passwords.snapshot().steps_done - before);
        }
        taken
    };
    assert_eq!(steps("nobody").await, [64; 3]);
    assert_eq!(steps("ada").await, [64; 3]);
    let cheap =
        "$bcrypt-sha256$v=2,t=2b,r=5$H0ZXeypdCgKEepbamZzzsu$9oUlE6Tmwm1VCYRUETGW.0hxS0Elpq6";
    for stored in [
        hash_of("$2b$", 4).as_str(),
        &hash_of("$2a$", 5),
        &hash_of("$2y$", 6),
        cheap,
        &hash_of("$2b$", 8),
        &hash_of("$2x$", 4),
        "$argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ$aGFzaGhhc2g",
        "no hash at all",
        "",
    ] {
        set_stored_hash(&app, "ada", stored).await;
        assert_eq!(steps("ada").await, [64; 3], "{stored}");
    }
    remove_stored_hash(&app, "ada").await;
    assert_eq!(steps("ada").await, [64; 3]);
}

/// A right password that is stored at a lower cost takes no fewer steps than a wrong one.
#[tokio::test]
async fn a_right_password_of_a_cheap_hash_takes_the_steps_of_the_configured_cost() {
    let app = TestApp::spawn_with(&[("BCRYPT_COST", "6")]).await;
    let session = app.user("ada").await;
    set_stored_hash(&app, "ada", &hash_of("$2b$", 4)).await;
    let before = app.services.passwords.snapshot().steps_done;
    let body = serde_json::json!({ "password": PASSWORD });
    let request = app.post("/auth/reauthenticate").json(&body);
    let answer = request.bearer_auth(&session.access).answer().await;
    answer.expect(StatusCode::OK);
    assert_eq!(app.services.passwords.snapshot().steps_done - before, 64);
}
