//! How often a mail may be requested.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use vestibule::store::db::Value;

use crate::support::{Answer, PASSWORD, Send, TestApp};

const ADA: &str = "ada@example.com";

async fn spawn(settings: &[(&str, &str)]) -> TestApp {
    let mut all = vec![
        ("RATE_LIMIT_ENABLED", "true"),
        ("EMAIL_LOGIN_ENABLED", "true"),
    ];
    all.extend(settings);
    TestApp::spawn_with(&all).await
}

async fn ask(app: &TestApp, path: &str, email: &str) -> Answer {
    app.post(path)
        .json(&json!({ "email": email }))
        .answer()
        .await
}

/// One a minute and three an hour, and the answer does not reveal it. ASVS 2.3.2, 2.4.1.
#[tokio::test]
async fn an_address_gets_one_mail_a_minute_and_three_an_hour_of_each_kind() {
    let app = spawn(&[("RATE_LIMIT_MAIL_IP", "off")]).await;
    app.register("ada").await;
    for (path, kind, already) in [
        ("/auth/password-reset/request", "password_reset", 0),
        ("/auth/verify-email/request", "verify_email", 1),
        ("/auth/email-login/request", "login_code", 0),
    ] {
        for wait in [0, 30, 30, 60, 60, 60] {
            app.advance(Duration::from_secs(wait));
            let body = ask(&app, path, ADA).await.expect(StatusCode::ACCEPTED);
            assert_eq!(body["status"], "accepted");
            ask(&app, path, "ADA@EXAMPLE.com")
                .await
                .expect(StatusCode::ACCEPTED);
            app.mails().await;
        }
        assert_eq!(app.mails_of(kind, ADA).await.len(), 3 + already, "{kind}");
    }
}

/// What is counted is what somebody gets: nobody uses up the mails of a person who comes later. No address stands there in clear.
#[tokio::test]
async fn requests_that_nobody_gets_a_mail_for_do_not_count() {
    let app = spawn(&[]).await;
    for (path, kind) in [
        ("/auth/password-reset/request", "password_reset"),
        ("/auth/email-login/request", "login_code"),
    ] {
        for _ in 0..2 {
            ask(&app, path, ADA).await.expect(StatusCode::ACCEPTED);
        }
        app.mails().await;
        if kind == "password_reset" {
            app.register("ada").await;
        }
        ask(&app, path, ADA).await.expect(StatusCode::ACCEPTED);
        assert_eq!(app.mails_of(kind, ADA).await.len(), 1, "{kind}");
    }
    // Two limits for each kind; the device of the registration is known by then. What stands behind name and periods is a MAC.
    for kind in ["mpassword_reset ", "mknown_devices_code "] {
        let counted = app.services.db.scan(async move |tx| {
            let length = kind.len();
            let sql = format!(
                "SELECT length(subject) FROM throttles WHERE substr(subject, 1, {length}) = ?1"
            );
            let values = [Value::Bytes(kind.as_bytes())];
            tx.query_all(&sql, &values, |row| row.get::<i64>(0)).await
        });
        let lengths = counted.await.expect("reads");
        let periods = ["60000 60000", "1200000 3600000"];
        let expected = periods.map(|periods| (kind.len() + periods.len() + 1 + 32) as i64);
        assert_eq!(lengths.len(), expected.len(), "{kind}");
        assert!(
            expected.iter().all(|length| lengths.contains(length)),
            "{lengths:?}"
        );
    }
}

/// Of several who want one address each is mailed his own link: the only one that is there must not be a stranger's.
#[tokio::test]
async fn changes_to_one_address_are_counted_for_each_who_wants_it() {
    let app = spawn(&[]).await;
    for name in ["eve", "ada"] {
        let session = app.user(name).await;
        for _ in 0..2 {
            crate::change::request(&app, &session, "new@example.com", PASSWORD)
                .await
                .expect(StatusCode::ACCEPTED);
        }
    }
    let mails = app.mails_of("email_change", "new@example.com").await;
    let named = |name: &str| {
        let account = format!("the account “{name}”");
        mails
            .iter()
            .filter(|mail| mail.text.contains(&account))
            .count()
    };
    assert_eq!((named("eve"), named("ada")), (1, 1));
}

/// The limit holds across all accounts of one person.
#[tokio::test]
async fn many_accounts_cannot_fill_a_strangers_mailbox() {
    let app = spawn(&[
        ("RATE_LIMIT_MAIL_IP", "off"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
    ])
    .await;
    let victim = app.user("ada").await;
    app.mails().await;
    let mut sessions = Vec::new();
    for number in 0..15 {
        sessions.push(app.user(&format!("eve{number}")).await);
    }
    for to in [ADA, "nobody@example.com"] {
        let before = app.mails().await.len();
        for session in &sessions {
            crate::change::request(&app, session, to, PASSWORD)
                .await
                .expect(StatusCode::ACCEPTED);
        }
        let mails = app.mails().await.len() - before;
        assert!((1..=5).contains(&mails), "{to}: {mails}");
    }
    // What Ada asks for, and what is told of her own account, arrives all the same.
    ask(&app, "/auth/password-reset/request", ADA)
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("password_reset", ADA).await.len(), 1);
    let logout = app
        .post("/auth/logout?scope=all")
        .bearer_auth(&victim.access);
    let logout = logout.answer().await;
    assert!(logout.status.is_success(), "{}", logout.text);
    assert_eq!(app.mails_of("sessions_ended", ADA).await.len(), 1);
    // An hour later there may be some more.
    app.advance(Duration::from_secs(3600));
    app.user("late").await;
    let late = app.login("late").await;
    crate::change::request(&app, &late, "nobody@example.com", PASSWORD)
        .await
        .expect(StatusCode::ACCEPTED);
    let mails = app.mails_of("email_change", "nobody@example.com").await;
    assert_eq!(mails.len(), 6);
}

/// Whoever registers an address, deletes the account and registers it again.
#[tokio::test]
async fn registering_again_and_again_does_not_fill_a_strangers_mailbox() {
    let app = spawn(&[
        ("RATE_LIMIT_REGISTER_IP", "off"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
    ])
    .await;
    for _ in 0..8 {
        let session = app.user("ada").await;
        app.mails().await;
        let deleted = app.delete("/users/me").bearer_auth(&session.access);
        deleted.answer().await.expect(StatusCode::NO_CONTENT);
    }
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 5);
}

#[tokio::test]
async fn a_client_asks_ten_times_an_hour() {
    let app = spawn(&[]).await;
    let session = app.user("ada").await;
    for number in 0..10 {
        let path = match number % 3 {
            0 => "/auth/password-reset/request",
            1 => "/auth/verify-email/request",
            _ => "/auth/email-login/request",
        };
        let answer = ask(&app, path, &format!("nobody{number}@example.com")).await;
        assert!(
            answer
                .header("ratelimit-policy")
                .contains("\"mail-ip\";q=10;w=3600")
        );
        answer.expect(StatusCode::ACCEPTED);
    }
    for path in [
        "/auth/password-reset/request",
        "/auth/verify-email/request",
        "/auth/email-login/request",
    ] {
        ask(&app, path, ADA)
            .await
            .expect_problem(429, "rate_limited");
    }
    let body = json!({ "new_email": "new@example.com", "current_password": PASSWORD });
    let answer = app.post("/users/me/email").bearer_auth(&session.access);
    let answer = answer.json(&body).answer().await;
    answer.expect_problem(429, "rate_limited");
}

/// Registering again and again fills no mailbox, and keeps no owner of an address from registering.
#[tokio::test]
async fn an_address_gets_the_links_of_three_registrations_an_hour() {
    let app = spawn(&[
        ("REQUIRE_EMAIL_VERIFICATION", "true"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
    ])
    .await;
    app.admin("root").await;
    let register = async |email: &str, name: String| {
        let body = json!({ "email": email, "username": name, "password": PASSWORD });
        app.post("/auth/register").json(&body).answer().await
    };
    // Whether or not it has an account.
    for (address, email) in [ADA, "root@example.com"].into_iter().enumerate() {
        for number in 0..3 {
            let name = format!("name{address}{number}");
            let answer = register(email, name).await;
            answer.expect(StatusCode::ACCEPTED);
        }
        let fourth = register(email, format!("name{address}3")).await;
        fourth.expect(StatusCode::ACCEPTED);
        // A repetition is none, and is not mailed.
        let again = register(email, format!("name{address}0")).await;
        again.expect(StatusCode::ACCEPTED);
    }
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 3);
    // Sent again later, it gets its link.
    app.advance(Duration::from_secs(1200));
    let fourth = register(ADA, "name03".to_owned()).await;
    fourth.expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 4);
}

/// Where nothing waits for an address, asking for a link sends none: that must not use up the one of its owner.
#[tokio::test]
async fn nobody_keeps_the_mail_of_a_registration_from_being_sent() {
    let app = spawn(&[("REQUIRE_EMAIL_VERIFICATION", "true")]).await;
    let request = "/auth/verify-email/request";
    ask(&app, request, ADA).await.expect(StatusCode::ACCEPTED);
    app.mails().await;
    let body = json!({ "email": ADA, "username": "ada", "password": PASSWORD });
    app.post("/auth/register")
        .json(&body)
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 1);
    // The mail of a registration is one that was asked for.
    app.advance(Duration::from_secs(60));
    app.post("/auth/register")
        .json(&body)
        .answer()
        .await
        .expect(StatusCode::ACCEPTED);
    ask(&app, request, ADA).await.expect(StatusCode::ACCEPTED);
    assert_eq!(app.mails_of("verify_email", ADA).await.len(), 2);
}

#[tokio::test]
async fn a_request_that_comes_again_with_its_key_is_one() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for (email, status) in [(ADA, 202), (ADA, 202), ("eve@example.com", 422)] {
        let answer = app
            .post("/auth/password-reset/request")
            .header("idempotency-key", "8e03978e")
            .json(&json!({ "email": email }))
            .answer()
            .await;
        assert_eq!(answer.status.as_u16(), status);
    }
    assert_eq!(app.mails_of("password_reset", ADA).await.len(), 1);
}
