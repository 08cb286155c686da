//! `POST /auth/register`.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, event, events, stored_hash};
use crate::support::{Answer, PASSWORD, Send, TestApp};

/// A registration with one field put in or replaced.
fn registration(field: &str, value: impl Into<Value>) -> Value {
    let mut body = json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD });
    body[field] = value.into();
    body
}

async fn register(app: &TestApp, body: &Value) -> Answer {
    app.post("/auth/register").json(body).answer().await
}

async fn user_count(app: &TestApp) -> i64 {
    records::count(app, "SELECT count(*) FROM users", &[]).await
}

#[tokio::test]
async fn a_person_registers_and_logs_in() {
    let app = TestApp::spawn().await;
    let answer = register(&app, &registration("full_name", "Ada Lovelace")).await;
    assert_eq!(answer.header("location"), "/users/me");
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = answer.expect(StatusCode::CREATED);
    let user = &body["user"];
    assert_eq!(
        body,
        json!({ "status": "created", "user": {
            "id": user["id"],
            "email": "ada@example.com",
            "username": "ada",
            "full_name": "Ada Lovelace",
            "email_verified": false,
            "is_active": true,
            "roles": ["user"],
            "mfa_enabled": false,
            "created_at": "2027-01-15T08:00:00.000Z",
            "updated_at": "2027-01-15T08:00:00.000Z",
            "last_login_at": null,
        } })
    );
    assert_eq!(records::id(user).get_version_num(), 7);
    assert!(app.is_alive(&app.login("ada").await).await);
}

#[tokio::test]
async fn a_registration_is_put_on_record() {
    let app = TestApp::spawn().await;
    let answer = app
        .post("/auth/register")
        .header("user-agent", "test/1")
        .json(&registration("full_name", Value::Null))
        .answer()
        .await;
    let id = records::id(&answer.expect(StatusCode::CREATED)["user"]);
    let event = event(&app, "user.registered").await;
    assert_eq!((event.actor_id, event.target_id), (Some(id), Some(id)));
    assert_eq!(event.outcome, "success");
    assert_eq!(event.ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(event.user_agent.as_deref(), Some("test/1"));
    assert_eq!(event.data, json!({}));
}

#[tokio::test]
async fn the_password_is_stored_as_a_hash() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let hash = stored_hash(&app, "ada").await.expect("a hash");
    assert!(hash.starts_with("$2b$04$"), "{hash}");
    assert_eq!(bcrypt::verify(PASSWORD, &hash).ok(), Some(true));
}

/// DESIGN §6: two spellings of one e-mail never make two accounts.
#[tokio::test]
async fn one_address_has_one_account() {
    let app = TestApp::spawn().await;
    let mut body = registration("email", "Ada.L@Example.COM");
    let user = &register(&app, &body).await.expect(StatusCode::CREATED)["user"];
    assert_eq!(user["email"], "Ada.L@Example.COM", "the spelling is kept");
    body["username"] = "other".into();
    for spelling in [
        "Ada.L@Example.COM",
        "ada.l@example.com",
        "ADA.L@EXAMPLE.COM",
        "ａｄａ.l@example.com",
        "ada.l@ｅｘａｍｐｌｅ.com",
    ] {
        body["email"] = spelling.into();
        register(&app, &body)
            .await
            .expect_problem(409, "email_taken");
    }
    body["email"] = "ada.l+tag@example.com".into();
    register(&app, &body).await.expect(StatusCode::CREATED);
}

#[tokio::test]
async fn an_international_domain_has_one_form() {
    let app = TestApp::spawn().await;
    let mut body = registration("email", "ada@MÜNCHEN.de");
    let user = &register(&app, &body).await.expect(StatusCode::CREATED)["user"];
    assert_eq!(user["email"], "ada@xn--mnchen-3ya.de");
    body["username"] = "other".into();
    for spelling in [
        "ada@münchen.de",
        "ada@mu\u{308}nchen.de",
        "ada@xn--mnchen-3ya.de",
    ] {
        body["email"] = spelling.into();
        register(&app, &body)
            .await
            .expect_problem(409, "email_taken");
    }
    for name in ["ada@münchen.de", "ADA@xn--mnchen-3ya.de"] {
        app.login(name).await;
    }
}

#[tokio::test]
async fn usernames_are_unique_without_case() {
    let app = TestApp::spawn().await;
    app.register("Ada").await;
    let mut body = registration("email", "other@example.com");
    for name in ["Ada", "ada", "ADA"] {
        body["username"] = name.into();
        register(&app, &body)
            .await
            .expect_problem(409, "username_taken");
    }
    app.login("aDA").await;
}

/// What is taken is told before any work is spent on the password.
#[tokio::test]
async fn a_taken_address_costs_no_hash() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let before = app.services.passwords.hashes_done();
    register(&app, &registration("full_name", Value::Null))
        .await
        .expect_problem(409, "email_taken");
    assert_eq!(app.services.passwords.hashes_done(), before);
    assert_eq!(events(&app, "user.registered").await.len(), 1);
}

#[tokio::test]
async fn each_field_is_checked() {
    let app = TestApp::spawn().await;
    let long = |length: usize| "a".repeat(length);
    let cases: Vec<(&str, Value, &str)> = vec![
        ("email", "".into(), "invalid_format"),
        ("email", "ada".into(), "invalid_format"),
        ("email", "ada@localhost".into(), "invalid_format"),
        ("email", "a b@example.com".into(), "invalid_format"),
        ("email", "ada\0@example.com".into(), "invalid_format"),
        (
            "email",
            "ada\r\nBcc: x@example.com".into(),
            "invalid_format",
        ),
        ("email", "ada＠b@example.com".into(), "invalid_format"),
        (
            "email",
            format!("{}@example.com", long(300)).into(),
            "too_long",
        ),
        ("email", 1.into(), "invalid_type"),
        ("email", Value::Null, "invalid_type"),
        ("username", "ab".into(), "too_short"),
        ("username", long(33).into(), "too_long"),
        ("username", "ada@example.com".into(), "invalid_format"),
        ("username", "ада".into(), "invalid_format"),
        ("username", "ada\0".into(), "invalid_format"),
        ("username", "' OR 1=1 --".into(), "invalid_format"),
        ("username", "../../etc".into(), "invalid_format"),
        ("username", json!(["ada"]), "invalid_type"),
        ("password", "1234567".into(), "too_short"),
        ("password", "x".repeat(257).into(), "too_long"),
        ("password", format!("{PASSWORD}\0").into(), "invalid_format"),
        ("password", 12_345_678.into(), "invalid_type"),
        ("full_name", long(201).into(), "too_long"),
        ("full_name", "Ada\nLovelace".into(), "invalid_format"),
        ("full_name", "Ada\0".into(), "invalid_format"),
        ("full_name", json!({}), "invalid_type"),
    ];
    for (field, value, code) in cases {
        register(&app, &registration(field, value))
            .await
            .expect_invalid(&[(field, code)]);
    }
    assert_eq!(user_count(&app).await, 0);
}

#[tokio::test]
async fn everything_wrong_is_told_at_once() {
    let app = TestApp::spawn().await;
    register(&app, &json!({})).await.expect_invalid(&[
        ("email", "required"),
        ("username", "required"),
        ("password", "required"),
    ]);
    register(
        &app,
        &json!({ "email": "x", "username": "x", "password": "x", "full_name": "\u{7}" }),
    )
    .await
    .expect_invalid(&[
        ("email", "invalid_format"),
        ("username", "too_short"),
        ("password", "too_short"),
        ("full_name", "invalid_format"),
    ]);
}

/// ASVS 8.2.3: nobody makes himself an administrator, verifies himself or chooses an id.
#[tokio::test]
async fn a_registration_takes_no_other_fields() {
    let app = TestApp::spawn().await;
    for (field, value) in [
        ("id", json!("0190163d-8694-739b-aea5-966c26f8ad91")),
        ("roles", json!(["admin"])),
        ("is_active", json!(true)),
        ("email_verified", json!(true)),
        ("is_superuser", json!(true)),
        ("__proto__", json!({})),
    ] {
        register(&app, &registration(field, value))
            .await
            .expect_invalid(&[(field, "unknown_field")]);
    }
    assert_eq!(user_count(&app).await, 0);
}

/// ASVS 6.2.4, 6.2.11.
#[tokio::test]
async fn a_password_that_is_easy_to_guess_is_refused() {
    let app = TestApp::spawn().await;
    for weak in [
        "football",
        "12345678",
        "qwertyuiop",
        "Password123!",
        "aaaaaaaaaaaaaaaaaaaaaaaa",
        "ada@example.com",
    ] {
        let answer = register(&app, &registration("password", weak)).await;
        assert!(!answer.text.contains(weak), "the answer quotes it");
        answer.expect_invalid(&[("password", "too_weak")]);
    }
    let body = json!({ "email": "grace.hopper@example.com", "username": "gracehop", "password": "gracehop.1" });
    register(&app, &body)
        .await
        .expect_invalid(&[("password", "too_weak")]);
    assert_eq!(app.services.passwords.hashes_done(), 0);
}

/// ASVS 6.1.2, 6.2.11.
#[tokio::test]
async fn words_of_the_context_make_a_password_weak() {
    let elsewhere = TestApp::spawn().await;
    let here = TestApp::spawn_with(&[
        ("PASSWORD_CONTEXT_WORDS", "Zorblaxian, Quuxwerk"),
        ("PRODUCT_NAME", "Plinthotron"),
        ("PUBLIC_URL", "https://accounts.frobnitzer.example"),
    ])
    .await;
    for (number, word) in ["zorblaxian1", "Quuxwerk1", "plinthotron!", "Frobnitzer.2"]
        .into_iter()
        .enumerate()
    {
        let name = format!("ada{number}");
        let body = json!({
            "email": format!("{name}@example.com"), "username": name, "password": word
        });
        register(&here, &body)
            .await
            .expect_invalid(&[("password", "too_weak")]);
        register(&elsewhere, &body)
            .await
            .expect(StatusCode::CREATED);
    }
}

/// ASVS 6.2.5, 6.2.8, 6.2.9.
#[tokio::test]
async fn any_password_is_taken_as_it_is() {
    let app = TestApp::spawn().await;
    let passwords = [
        "北京烤鸭好吃得不得了呀我喜欢".to_owned(),
        "  leading and trailing kolibri spaces  ".to_owned(),
        "zwölf Boxkämpfer jagen Eva quer".to_owned(),
        "tab\tand\nline break kolibri opal".to_owned(),
        "🦀🦑🐙🦐🦞🐡🐠🐟🦈🐳🐬🦭".to_owned(),
        "kolibri opal traverse ".repeat(12)[..256].to_owned(),
    ];
    for (number, password) in passwords.iter().enumerate() {
        let name = format!("user-{number}");
        let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": password });
        register(&app, &body).await.expect(StatusCode::CREATED);
        app.try_login(&name, password).await.expect(StatusCode::OK);
        for other in [
            password.trim().to_owned(),
            password.to_uppercase(),
            password.chars().skip(1).collect(),
            password
                .chars()
                .take(password.chars().count() - 1)
                .collect(),
        ] {
            if other != *password {
                app.try_login(&name, &other)
                    .await
                    .expect_oauth_error("invalid_grant");
            }
        }
    }
}

/// ASVS 6.2.8: `é` in one character is not `é` in two.
#[tokio::test]
async fn a_password_is_not_normalised() {
    let app = TestApp::spawn().await;
    let (composed, decomposed) = ("caf\u{e9} kolibri opal", "cafe\u{301} kolibri opal");
    register(&app, &registration("password", composed))
        .await
        .expect(StatusCode::CREATED);
    app.try_login("ada", decomposed)
        .await
        .expect_oauth_error("invalid_grant");
    app.try_login("ada", composed).await.expect(StatusCode::OK);
}

/// DESIGN §6: bcrypt's 72 bytes never cut a password. ASVS 6.2.8.
#[tokio::test]
async fn every_byte_of_a_long_password_counts() {
    let app = TestApp::spawn().await;
    let long = "kolibri opal traverse seven elephants ".repeat(3);
    for (name, length) in [("at-72", 72), ("at-73", 73), ("at-100", 100)] {
        let password = &long[..length];
        let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": password });
        register(&app, &body).await.expect(StatusCode::CREATED);
        app.try_login(name, password).await.expect(StatusCode::OK);
        let (longer, shorter) = (format!("{password}x"), &long[..length - 1]);
        let changed = format!("{shorter}\u{7f}");
        for other in [longer.as_str(), shorter, changed.as_str()] {
            app.try_login(name, other)
                .await
                .expect_oauth_error("invalid_grant");
        }
    }
}

#[tokio::test]
async fn registration_can_be_switched_off() {
    let app = TestApp::spawn_with(&[("REGISTRATION_ENABLED", "false")]).await;
    let admin = app.admin("root").await;
    register(&app, &registration("full_name", Value::Null))
        .await
        .expect_problem(403, "registration_disabled");
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&registration("full_name", Value::Null))
        .answer()
        .await
        .expect(StatusCode::CREATED);
}

#[tokio::test]
async fn a_registration_is_json() {
    let app = TestApp::spawn().await;
    let send = |content_type: &'static str, body: &'static str| {
        app.post("/auth/register")
            .header("content-type", content_type)
            .body(body)
            .answer()
    };
    for broken in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"email\": }",
        "\u{feff}{}",
    ] {
        send("application/json", broken)
            .await
            .expect_problem(400, "malformed_request");
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "x"] {
        send(content_type, "{}")
            .await
            .expect_problem(415, "unsupported_media_type");
    }
    let large = format!("{{\"email\": \"{}\"}}", "a".repeat(64 * 1024));
    app.post("/auth/register")
        .header("content-type", "application/json")
        .body(large)
        .answer()
        .await
        .expect_problem(413, "body_too_large");
}

/// ASVS 2.3.2, 2.4.1.
#[tokio::test]
async fn registrations_of_one_client_are_limited() {
    let settings = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_REGISTER_IP", "2/1h"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    app.register("one").await;
    app.register("two").await;
    register(&app, &registration("full_name", Value::Null))
        .await
        .expect_problem(429, "rate_limited");
    app.advance(std::time::Duration::from_secs(1800));
    app.register("three").await;
}
