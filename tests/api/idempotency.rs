//! `Idempotency-Key`: what was done once is not done again, and the answer is the same.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::records::{self, events};
use crate::support::{Answer, PASSWORD, Send, Session, TestApp};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";
const OTHER_KEY: &str = "f1b0c2de-0b8f-4b63-9d6e-0c2a4ad7b1c9";
const DAY: Duration = Duration::from_secs(24 * 3600);

fn account(name: &str) -> Value {
    json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD })
}

fn registering(app: &TestApp, key: &str, body: &Value) -> RequestBuilder {
    app.post("/auth/register")
        .header("idempotency-key", key)
        .json(body)
}

async fn register(app: &TestApp, key: &str, body: &Value) -> Answer {
    registering(app, key, body).answer().await
}

async fn create(app: &TestApp, by: &Session, key: &str, body: &Value) -> Answer {
    app.post("/users")
        .bearer_auth(&by.access)
        .header("idempotency-key", key)
        .json(body)
        .answer()
        .await
}

async fn users(app: &TestApp) -> i64 {
    records::count(app, "SELECT count(*) FROM users", &[]).await
}

async fn kept(app: &TestApp) -> i64 {
    records::count(app, "SELECT count(*) FROM idempotency_keys", &[]).await
}

/// What an answer says, without what differs from request to request.
fn lasting(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [
        "x-request-id",
        "date",
        "ratelimit",
        "ratelimit-policy",
        "idempotent-replayed",
    ] {
        headers.remove(name);
    }
    headers
}

#[track_caller]
fn expect_replay(again: &Answer, first: &Answer) {
    assert_eq!(again.status, first.status, "{}", again.text);
    assert_eq!(again.text, first.text);
    assert_eq!(lasting(&again.headers), lasting(&first.headers));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(first.header("idempotent-replayed"), "");
}

#[track_caller]
fn expect_reused(answer: Answer) {
    let body = answer.expect_problem(422, "idempotency_key_reused");
    assert!(body["errors"].is_null(), "{body}");
}

#[tokio::test]
async fn a_registration_that_comes_again_is_answered_as_the_first_time() {
    let app = TestApp::spawn().await;
    let mut body = account("ada");
    body["full_name"] = "Ada Lovelace 🦀".into();
    let first = register(&app, KEY, &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    assert_eq!(first.header("location"), "/users/me");
    assert!(!first.header("etag").is_empty());
    let hashes = app.services.passwords.hashes_done();
    app.advance(DAY / 2);
    for key in [KEY, &format!("\"{KEY}\"")] {
        expect_replay(&register(&app, key, &body).await, &first);
    }
    assert_eq!(users(&app).await, 1);
    assert_eq!(kept(&app).await, 1);
    assert_eq!(app.services.passwords.hashes_done(), hashes);
    assert_eq!(events(&app, "user.registered").await.len(), 1);
    app.login("ada").await;
    // Whatever becomes of the account, the answer is that of its time.
    app.advance(Duration::from_secs(1));
    expect_replay(&register(&app, KEY, &body).await, &first);
}

#[tokio::test]
async fn a_user_who_is_created_again_is_the_same() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let body = json!({ "email": "ada@example.com", "username": "ada", "roles": ["admin"] });
    let first = create(&app, &admin, "k", &body).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    let id = records::id(&first.json());
    assert_eq!(first.header("location"), format!("/users/{id}"));
    expect_replay(&create(&app, &admin, "\"k\"", &body).await, &first);
    // A slash at the end does not make it another operation.
    let slash = app.post("/users/").bearer_auth(&admin.access);
    let slash = slash.header("idempotency-key", "k").json(&body);
    expect_replay(&slash.answer().await, &first);
    assert_eq!(users(&app).await, 2);
    assert_eq!(events(&app, "user.created").await.len(), 1);
}

#[tokio::test]
async fn without_a_key_nothing_is_kept() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let again = app.post("/auth/register").json(&account("ada"));
    again.answer().await.expect_problem(409, "email_taken");
    assert_eq!(kept(&app).await, 0);
}

/// All of them come while the first one is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_one_moment_have_one_account_and_one_answer() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (round, at_once) in [20, 2, 2, 2, 2, 2, 2, 2].into_iter().enumerate() {
        let (one, other) = (format!("one-{round}"), format!("other-{round}"));
        let (registered, made) = (account(&one), account(&other));
        let registrations = join_all((0..at_once).map(|_| register(&app, &one, &registered)));
        let creations = join_all((0..at_once).map(|_| create(&app, &admin, &other, &made)));
        for answers in [registrations.await, creations.await] {
            let first = answers
                .iter()
                .filter(|answer| answer.header("idempotent-replayed").is_empty());
            let first: Vec<_> = first.collect();
            assert_eq!(first.len(), 1, "{answers:?}");
            for again in &answers {
                assert_eq!(again.status, StatusCode::CREATED, "{}", again.text);
                assert_eq!(again.text, first[0].text);
                assert_eq!(lasting(&again.headers), lasting(&first[0].headers));
            }
        }
    }
    assert_eq!(users(&app).await, 1 + 2 * 8);
    assert_eq!(kept(&app).await, 2 * 8);
    assert_eq!(events(&app, "user.registered").await.len(), 8);
    assert_eq!(events(&app, "user.created").await.len(), 8);
}

/// The draft's §2.7.
#[tokio::test]
async fn a_key_that_named_another_request_is_refused() {
    let app = TestApp::spawn().await;
    let first = register(&app, KEY, &account("ada")).await;
    let hashes = app.services.passwords.hashes_done();
    expect_reused(register(&app, KEY, &account("bob")).await);
    let mut password = account("ada");
    password["password"] = "another horse battery staple".into();
    expect_reused(register(&app, KEY, &password).await);
    // Bytes are compared, not what they mean.
    let spaced = app
        .post("/auth/register")
        .header("idempotency-key", KEY)
        .header("content-type", "application/json")
        .body(account("ada").to_string() + " ");
    expect_reused(spaced.answer().await);
    assert_eq!(app.services.passwords.hashes_done(), hashes);
    assert_eq!(users(&app).await, 1);
    expect_replay(&register(&app, KEY, &account("ada")).await, &first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_requests_with_one_key_at_one_moment_one_is_refused() {
    let app = TestApp::spawn().await;
    for round in 0..10 {
        let key = format!("key-{round}");
        let bodies = [format!("ada-{round}"), format!("bob-{round}")].map(|name| account(&name));
        let answers = join_all(bodies.iter().map(|body| register(&app, &key, body))).await;
        let (made, refused): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|answer| answer.status == StatusCode::CREATED);
        assert_eq!(made.len(), 1);
        refused.into_iter().for_each(expect_reused);
    }
    assert_eq!(users(&app).await, 10);
}

#[tokio::test]
async fn keys_of_others_and_of_other_operations_are_other_keys() {
    let app = TestApp::spawn().await;
    let (root, sudo) = (app.admin("root").await, app.admin("sudo").await);
    create(&app, &root, KEY, &account("one"))
        .await
        .expect(StatusCode::CREATED);
    create(&app, &sudo, KEY, &account("two"))
        .await
        .expect(StatusCode::CREATED);
    register(&app, KEY, &account("three"))
        .await
        .expect(StatusCode::CREATED);
    register(&app, OTHER_KEY, &account("four"))
        .await
        .expect(StatusCode::CREATED);
    // The same body is taken for what it is: somebody else's.
    create(&app, &sudo, OTHER_KEY, &account("one"))
        .await
        .expect_problem(409, "email_taken");
    assert_eq!(users(&app).await, 6);
    // A session is not a caller.
    let again = app.login("root").await;
    let answer = create(&app, &again, KEY, &account("one")).await;
    assert_eq!(answer.header("idempotent-replayed"), "true");
    answer.expect(StatusCode::CREATED);
}

/// A stranger elsewhere who registers the same with the same key does not get the answer of the first.
#[tokio::test]
async fn a_key_of_another_network_is_another_key() {
    let app = TestApp::spawn_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let from = async |ip: &str| {
        let request = registering(&app, KEY, &account("ada"));
        request.header("x-forwarded-for", ip).answer().await
    };
    let first = from("192.0.2.1").await;
    expect_replay(&from("192.0.2.1").await, &first);
    from("192.0.2.2").await.expect_problem(409, "email_taken");
    assert_eq!(users(&app).await, 1);
}

#[tokio::test]
async fn an_answer_is_kept_for_a_day() {
    let app = TestApp::spawn().await;
    let first = register(&app, KEY, &account("ada")).await;
    app.advance(DAY / 2);
    expect_replay(&register(&app, KEY, &account("ada")).await, &first);
    // From the first answer on, not from the last.
    app.advance(DAY / 2 - Duration::from_millis(1));
    expect_replay(&register(&app, KEY, &account("ada")).await, &first);
    app.advance(Duration::from_millis(1));
    register(&app, KEY, &account("ada"))
        .await
        .expect_problem(409, "email_taken");
    let second = register(&app, KEY, &account("bob")).await;
    assert_eq!(second.status, StatusCode::CREATED, "{}", second.text);
    app.advance(DAY - Duration::from_millis(1));
    expect_replay(&register(&app, KEY, &account("bob")).await, &second);
    expect_reused(register(&app, KEY, &account("ada")).await);
    assert_eq!(kept(&app).await, 1);
}

#[tokio::test]
async fn a_refusal_leaves_the_key_to_the_request_that_is_mended() {
    let app = TestApp::spawn().await;
    app.register("taken").await;
    for (field, value, status, code) in [
        ("password", "football", 422, "validation_failed"),
        ("email", "taken@example.com", 409, "email_taken"),
        ("username", "taken", 409, "username_taken"),
    ] {
        let mut body = account("ada");
        body[field] = value.into();
        register(&app, KEY, &body)
            .await
            .expect_problem(status, code);
    }
    assert_eq!(kept(&app).await, 0);
    let first = register(&app, KEY, &account("ada")).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    expect_replay(&register(&app, KEY, &account("ada")).await, &first);
}

#[tokio::test]
async fn a_header_that_is_no_key_is_refused() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let long = "k".repeat(256);
    let quoted = format!("\"{long}\"");
    let values: Vec<&[u8]> = vec![
        b"",
        b"\"\"",
        b"\"open",
        b"a key",
        b"\"a key\"",
        b"\"k\";a=1",
        b"\"one\", \"other\"",
        b"tab\tbed",
        long.as_bytes(),
        quoted.as_bytes(),
        "schlüssel".as_bytes(),
        b"\xff\xfe",
    ];
    let mut requests = Vec::new();
    for value in values {
        let value = HeaderValue::from_bytes(value).expect("can be sent");
        let register = app.post("/auth/register").json(&account("ada"));
        requests.push(register.header("idempotency-key", &value));
        let create = app.post("/users").bearer_auth(&admin.access);
        requests.push(
            create
                .json(&account("ada"))
                .header("idempotency-key", value),
        );
    }
    for second in [KEY, OTHER_KEY, ""] {
        requests.push(registering(&app, KEY, &account("ada")).header("idempotency-key", second));
    }
    for request in requests {
        let answer = request.answer().await;
        let body = answer.expect_problem(400, "malformed_request");
        let errors = body["errors"].as_array().expect("errors");
        assert_eq!(errors.len(), 1, "{body}");
        assert_eq!(errors[0]["field"], "Idempotency-Key", "{body}");
        assert_eq!(errors[0]["code"], "invalid_format", "{body}");
    }
    assert_eq!(users(&app).await, 1);
    let longest = "k".repeat(255);
    register(&app, &longest, &account("ada"))
        .await
        .expect(StatusCode::CREATED);
}

/// Neither the row of the key nor anything else in the file tells who registered with what.
#[tokio::test]
async fn nothing_that_is_kept_can_be_read() {
    let app = TestApp::spawn().await;
    let mut body = account("lovelace");
    body["full_name"] = "Countess".into();
    let body = register(&app, KEY, &body).await.expect(StatusCode::CREATED);
    let id = records::id(&body["user"]);
    let hash = records::stored_hash(&app, "lovelace").await;
    let hash = hash.expect("a hash");
    let mut secrets: Vec<Vec<u8>> = [KEY, PASSWORD, "lovelace", "example.com", "Countess", &hash]
        .map(|text| text.as_bytes().to_vec())
        .into();
    secrets.extend([id.as_bytes().to_vec(), id.to_string().into_bytes()]);
    secrets.push(id.simple().to_string().into_bytes());
    let has = |bytes: &[u8], secret: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
    let mut parts = 0;
    for sql in [
        "SELECT id FROM idempotency_keys",
        "SELECT fingerprint FROM idempotency_keys",
        "SELECT answer FROM idempotency_keys",
    ] {
        for bytes in records::column::<Vec<u8>>(&app, sql, &[]).await {
            parts += 1;
            assert!(bytes.len() >= 32, "{sql}");
            for secret in &secrets {
                let text = String::from_utf8_lossy(secret);
                assert!(!has(&bytes, secret), "{sql} shows {text}");
            }
        }
    }
    assert_eq!(parts, 3);
    if crate::database::on_postgresql() {
        return;
    }
    let folder = app.database.file();
    let folder = folder.parent().expect("a folder");
    let mut bytes = Vec::new();
    for file in std::fs::read_dir(folder).expect("lists") {
        bytes.extend(std::fs::read(file.expect("a file").path()).expect("reads"));
    }
    assert!(has(&bytes, b"lovelace@example.com"), "it is the database");
    for secret in [KEY, PASSWORD] {
        assert!(!has(&bytes, secret.as_bytes()), "{secret}");
    }
}

/// The same content under other keys is kept as something else altogether.
#[tokio::test]
async fn what_is_kept_of_one_answer_differs_from_key_to_key() {
    let app = TestApp::spawn().await;
    let first = register(&app, KEY, &account("ada")).await;
    app.advance(DAY);
    records::execute(&app, "DELETE FROM users", &[]).await;
    let second = register(&app, OTHER_KEY, &account("ada")).await;
    assert_eq!(first.text.len(), second.text.len());
    let sql = "SELECT fingerprint FROM idempotency_keys";
    let fingerprints: Vec<Vec<u8>> = records::column(&app, sql, &[]).await;
    assert_ne!(fingerprints[0], fingerprints[1]);
}

#[tokio::test]
async fn answers_outlive_the_secret_key_while_the_previous_one_is_known() {
    let (old, new) = (
        "test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952",
        "test-only-e49a07d3b85f61c2-93f8a2d60c7be514",
    );
    let app = TestApp::spawn_with(&[("SECRET_KEY", old)]).await;
    let first = register(&app, KEY, &account("ada")).await;
    let url = app.database.url();
    let rotating = TestApp::spawn_with(&[
        ("DATABASE_URL", url),
        ("SECRET_KEY", new),
        ("SECRET_KEY_PREVIOUS", old),
    ])
    .await;
    expect_replay(&register(&rotating, KEY, &account("ada")).await, &first);
    expect_reused(register(&rotating, KEY, &account("bob")).await);
    let second = register(&rotating, OTHER_KEY, &account("bob")).await;
    assert_eq!(second.status, StatusCode::CREATED, "{}", second.text);

    let rotated = TestApp::spawn_with(&[("DATABASE_URL", url), ("SECRET_KEY", new)]).await;
    expect_replay(
        &register(&rotated, OTHER_KEY, &account("bob")).await,
        &second,
    );
    register(&rotated, KEY, &account("ada"))
        .await
        .expect_problem(409, "email_taken");
}

#[tokio::test]
async fn an_answer_given_again_is_not_another_registration() {
    let settings = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "100/1h"),
        ("RATE_LIMIT_REGISTER_IP", "2/1h"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    let first = register(&app, KEY, &account("ada")).await;
    assert!(first.header("ratelimit").contains("\"register-ip\";r=1;"));
    for remaining in [98, 97, 96] {
        let again = register(&app, KEY, &account("ada")).await;
        expect_replay(&again, &first);
        let limits = again.header("ratelimit");
        assert!(
            limits.starts_with(&format!("\"ip\";r={remaining};")),
            "{limits}"
        );
        assert!(!limits.contains("register"), "{limits}");
    }
    // Nor is one that a key is reused for.
    expect_reused(register(&app, KEY, &account("bob")).await);
    app.register("bob").await;
    register(&app, OTHER_KEY, &account("eve"))
        .await
        .expect_problem(429, "rate_limited");
    expect_replay(&register(&app, KEY, &account("ada")).await, &first);
}

#[tokio::test]
async fn an_answer_is_given_again_only_to_who_may_ask() {
    let app = TestApp::spawn().await;
    let creator = records::user_who_may(&app, "creator", &["users:write"]).await;
    let first = create(&app, &creator, KEY, &account("ada")).await;
    expect_replay(&create(&app, &creator, KEY, &account("ada")).await, &first);
    let narrow = [
        ("username", "creator"),
        ("password", PASSWORD),
        ("scope", "account"),
    ];
    let narrow = app.post("/auth/token").form(&narrow).answer().await;
    let narrow = Session::of(&narrow.expect(StatusCode::OK));
    create(&app, &narrow, KEY, &account("ada"))
        .await
        .expect_problem(403, "insufficient_scope");
    records::execute(
        &app,
        "DELETE FROM user_roles WHERE role_name = ?1",
        &["creator"],
    )
    .await;
    create(&app, &creator, KEY, &account("ada"))
        .await
        .expect_problem(403, "permission_denied");
    app.post("/users")
        .header("idempotency-key", KEY)
        .json(&account("ada"))
        .answer()
        .await
        .expect_problem(401, "not_authenticated");
}

/// Tokens are never kept: the key means nothing where they are given.
#[tokio::test]
async fn a_login_takes_no_key() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let login = [("username", "ada"), ("password", PASSWORD)];
        let login = app
            .post("/auth/token")
            .header("idempotency-key", KEY)
            .form(&login);
        let answer = login.answer().await;
        assert_eq!(answer.header("idempotent-replayed"), "");
        let session = Session::of(&answer.expect(StatusCode::OK));
        let refresh = json!({ "refresh_token": session.refresh });
        let refresh = app
            .post("/auth/refresh")
            .header("idempotency-key", "")
            .json(&refresh);
        seen.push(refresh.answer().await.expect(StatusCode::OK)["refresh_token"].clone());
    }
    assert_ne!(seen[0], seen[1]);
    assert_eq!(kept(&app).await, 0);
}

#[tokio::test]
async fn hostile_bodies_are_no_more_than_bytes() {
    let app = TestApp::spawn().await;
    let send = |body: Vec<u8>| {
        let request = app.post("/auth/register").header("idempotency-key", KEY);
        request
            .header("content-type", "application/json")
            .body(body)
            .answer()
    };
    let mut nul = account("ada");
    nul["username"] = "ada\0".into();
    send(nul.to_string().into_bytes())
        .await
        .expect_invalid(&[("username", "invalid_format")]);
    for broken in [
        &b""[..],
        b"\0",
        b"{\"email\": \"\xff\"}",
        b"\n\n",
        &[b' '; 64 * 1024],
    ] {
        send(broken.to_vec())
            .await
            .expect_problem(400, "malformed_request");
    }
    let body = |size: usize| {
        let mut body = account("ada").to_string().into_bytes();
        body.resize(size, b' ');
        body
    };
    send(body(64 * 1024 + 1))
        .await
        .expect_problem(413, "body_too_large");
    let first = send(body(64 * 1024)).await;
    assert_eq!(first.status, StatusCode::CREATED, "{}", first.text);
    expect_replay(&send(body(64 * 1024)).await, &first);
    expect_reused(send(body(64 * 1024 - 1)).await);
    app.post("/auth/register")
        .header("idempotency-key", KEY)
        .body(account("ada").to_string())
        .answer()
        .await
        .expect_problem(415, "unsupported_media_type");
}

/// A row that somebody has changed is a defect, and no second account.
#[tokio::test]
async fn a_row_that_was_tampered_with_gives_nothing_away() {
    let app = TestApp::spawn().await;
    register(&app, KEY, &account("ada"))
        .await
        .expect(StatusCode::CREATED);
    records::execute(
        &app,
        "UPDATE idempotency_keys SET answer = fingerprint",
        &[],
    )
    .await;
    register(&app, KEY, &account("ada"))
        .await
        .expect_problem(500, "internal");
    assert_eq!(users(&app).await, 1);
}

#[tokio::test]
async fn a_page_of_another_origin_may_send_a_key_and_see_what_came_of_it() {
    let origin = "https://app.example.com";
    let app = TestApp::spawn_with(&[("CORS_ORIGINS", origin)]).await;
    let preflight = app
        .request(reqwest::Method::OPTIONS, "/auth/register")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "idempotency-key");
    let allowed = preflight.answer().await;
    let allowed = allowed
        .header("access-control-allow-headers")
        .to_lowercase();
    assert!(allowed.split(", ").any(|name| name == "idempotency-key"));
    register(&app, KEY, &account("ada")).await;
    let again = registering(&app, KEY, &account("ada")).header("origin", origin);
    let again = again.answer().await;
    assert_eq!(again.header("idempotent-replayed"), "true");
    let exposed = again.header("access-control-expose-headers").to_lowercase();
    assert!(
        exposed
            .split(", ")
            .any(|name| name == "idempotent-replayed")
    );
}

/// A key that was used is no way round the proof, the scope and the permissions that a new one needs.
#[tokio::test]
async fn a_reset_link_is_given_again_only_to_who_could_make_it_now() {
    let app = TestApp::spawn().await;
    let root = app.admin("root").await;
    app.admin("peer").await;
    let id_of = async |name: &str| {
        let me = app
            .get("/users/me")
            .bearer_auth(&app.login(name).await.access);
        records::id(&me.answer().await.expect(StatusCode::OK))
    };
    let (own, peer) = (id_of("root").await, id_of("peer").await);
    let narrow = [
        ("username", "root"),
        ("password", PASSWORD),
        ("scope", "users:write"),
    ];
    let narrow = app.post("/auth/token").form(&narrow).answer().await;
    let narrow = Session::of(&narrow.expect(StatusCode::OK));
    let ask = async |by: &Session, path: &str| {
        let request = app.post(path).bearer_auth(&by.access);
        request.header("idempotency-key", KEY).answer().await
    };
    let paths =
        [own, peer].map(|id| ["", "/mail"].map(|end| format!("/users/{id}/password-reset{end}")));
    for path in paths.as_flattened() {
        let first = ask(&root, path).await;
        assert!(first.status.is_success(), "{}", first.text);
        expect_replay(&ask(&root, path).await, &first);
        let refused = ask(&narrow, path).await;
        assert_eq!(refused.header("idempotent-replayed"), "");
        refused.expect_problem(403, "insufficient_scope");
    }
    app.advance(Duration::from_secs(600));
    for path in &paths[0] {
        ask(&root, path)
            .await
            .expect_problem(401, "insufficient_user_authentication");
    }
    let others = ask(&root, &paths[1][0]).await;
    assert_eq!(others.header("idempotent-replayed"), "true");
    let renewed = app.login("root").await;
    assert_eq!(ask(&renewed, &paths[0][0]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_user_made_with_roles_is_shown_again_only_to_who_may_give_roles() {
    let app = TestApp::spawn().await;
    let root = app.admin("root").await;
    let mut body = account("ada");
    body["roles"] = json!(["user"]);
    let first = create(&app, &root, KEY, &body).await;
    expect_replay(&create(&app, &root, KEY, &body).await, &first);
    let narrow = [
        ("username", "root"),
        ("password", PASSWORD),
        ("scope", "users:write"),
    ];
    let narrow = app.post("/auth/token").form(&narrow).answer().await;
    let narrow = Session::of(&narrow.expect(StatusCode::OK));
    for key in [KEY, OTHER_KEY] {
        create(&app, &narrow, key, &body)
            .await
            .expect_problem(403, "insufficient_scope");
    }
}
