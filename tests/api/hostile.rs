//! Hostile input: whatever arrives, it is refused with a 4xx or taken for plain text, and the service lives on.

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::raw;
use crate::support::{Answer, PASSWORD, Send, TestApp};

const JSON: &str = "application/json";

/// Texts that have broken services.
const NASTY: &[&str] = &[
    "\0",
    "ada\0admin",
    "' OR '1'='1",
    "'; DROP TABLE users; --",
    "\") UNION SELECT password_hash FROM users --",
    "%' ESCAPE '!",
    "%_%",
    "?1",
    "$1",
    "{{7*7}}${7*7}",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "\r\nSet-Cookie: a=b",
    "\u{202e}\u{feff}\u{200b}",
    "ﬁ①Ⅷ",
    "👩‍👩‍👧‍👦",
    "\u{10ffff}",
    "-1e309",
    "null",
];

#[track_caller]
fn expect_no_failure(answer: &Answer, what: &str) {
    assert!(!answer.status.is_server_error(), "{what}: {}", answer.text);
}

/// The service answers and nothing was lost.
async fn expect_alive(app: &TestApp) {
    app.get("/readyz").answer().await.expect(StatusCode::OK);
    app.login("ada").await;
}

fn body(app: &TestApp, body: impl Into<reqwest::Body>) -> RequestBuilder {
    app.post("/auth/register")
        .header("content-type", JSON)
        .body(body)
}

/// ASVS 1.2.4: no text becomes part of a statement.
#[tokio::test]
async fn no_text_of_a_body_is_more_than_text() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let admin = app.admin("root").await;
    let bearer = |method: Method, path: &str| app.request(method, path).bearer_auth(&admin.access);
    let id = bearer(Method::GET, "/users/me").answer().await.json()["id"].clone();
    let id = id.as_str().expect("an id");
    let account = |field: &str, text: &str| {
        let mut account =
            json!({ "email": "eve@example.com", "username": "eve", "password": PASSWORD });
        account[field] = Value::from(text);
        account
    };
    for text in NASTY {
        let mut requests = Vec::new();
        for field in ["email", "username", "password", "full_name"] {
            requests.push(app.post("/auth/register").json(&account(field, text)));
            requests.push(bearer(Method::POST, "/users").json(&account(field, text)));
        }
        for field in ["email", "username", "full_name"] {
            requests
                .push(bearer(Method::PATCH, &format!("/users/{id}")).json(&json!({ field: text })));
        }
        requests.push(
            bearer(Method::PUT, &format!("/users/{id}/roles"))
                .json(&json!({ "roles": ["admin", text] })),
        );
        requests.push(
            app.post("/auth/refresh")
                .json(&json!({ "refresh_token": text })),
        );
        requests
            .push(bearer(Method::POST, "/auth/reauthenticate").json(&json!({ "password": text })));
        requests.push(app.post("/auth/register").json(&json!({ *text: text })));
        for request in requests {
            let answer = request.answer().await;
            expect_no_failure(&answer, text);
            assert_eq!(answer.header("set-cookie"), "");
        }
    }
    expect_alive(&app).await;
}

#[tokio::test]
async fn no_text_of_a_form_or_query_is_more_than_text() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let admin = app.admin("root").await;
    for text in NASTY {
        for field in [
            "grant_type",
            "username",
            "password",
            "scope",
            "refresh_token",
            "client_id",
            text,
        ] {
            let mut form = vec![
                ("grant_type", "password"),
                ("username", "ada"),
                ("password", "wrong password"),
            ];
            form.retain(|(name, _)| *name != field);
            form.push((field, text));
            let answer = app.post("/auth/token").form(&form).answer().await;
            expect_no_failure(&answer, text);
            assert_ne!(answer.status, StatusCode::OK, "{field}={text:?} logged in");
        }
        for path in ["/auth/revoke", "/auth/introspect"] {
            let request = app
                .post(path)
                .bearer_auth(&admin.access)
                .form(&[("token", text)]);
            expect_no_failure(&request.answer().await, text);
        }
        for name in ["q", "cursor", "limit", "role", "is_active", text] {
            let request = app
                .get("/users")
                .bearer_auth(&admin.access)
                .query(&[(name, text)]);
            expect_no_failure(&request.answer().await, text);
        }
    }
    expect_alive(&app).await;
}

#[tokio::test]
async fn a_prefix_search_has_no_wildcards() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for q in ["%", "_", "r%", "*", "' OR 1=1 --"] {
        let answer = app
            .get("/users")
            .bearer_auth(&admin.access)
            .query(&[("q", q)])
            .answer()
            .await;
        let page = answer.expect(StatusCode::OK);
        assert_eq!(page["items"], json!([]), "{q}");
    }
}

#[tokio::test]
async fn an_enormous_body_is_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let answer = body(&app, vec![b' '; 10 * 1024 * 1024]).answer().await;
    answer.expect_problem(413, "body_too_large");
    let head = "POST /auth/register HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    for length in [
        "99999999999",
        "18446744073709551615",
        "18446744073709551616",
        "-1",
        "1, 2",
        "ten",
    ] {
        let reply = raw::exchange(&app, format!("{head}content-length: {length}\r\n\r\n{{")).await;
        assert!(
            reply
                .status
                .is_some_and(|status| (400..500).contains(&status)),
            "{length}: {reply:?}"
        );
    }
    expect_alive(&app).await;
}

#[tokio::test]
async fn deep_json_is_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    body(&app, "[".repeat(100_000))
        .answer()
        .await
        .expect_problem(413, "body_too_large");
    for nested in ["[".repeat(60_000), "{\"a\":".repeat(12_000)] {
        body(&app, nested)
            .answer()
            .await
            .expect_problem(400, "malformed_request");
    }
    let closed = format!(
        "{{\"email\":{}1{}}}",
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    body(&app, closed)
        .answer()
        .await
        .expect_problem(400, "malformed_request");
    let shallow = format!("{{\"email\":{}1{}}}", "[".repeat(100), "]".repeat(100));
    body(&app, shallow)
        .answer()
        .await
        .expect_problem(422, "validation_failed");
    expect_alive(&app).await;
}

#[tokio::test]
async fn what_is_no_utf_8_is_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for bytes in [
        &b"\xff"[..],
        b"\xc3\x28",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
    ] {
        let json = [b"{\"username\":\"", bytes, b"\"}"].concat();
        body(&app, json)
            .answer()
            .await
            .expect_problem(400, "malformed_request");
        let form = [b"username=ada&password=", bytes].concat();
        let request = app
            .post("/auth/token")
            .header("content-type", "application/x-www-form-urlencoded");
        request
            .body(form)
            .answer()
            .await
            .expect_oauth_error("invalid_request");
    }
    for form in [
        "username=ada&password=%ff",
        "username=%c3%28&password=x",
        "%ff=x",
    ] {
        let request = app
            .post("/auth/token")
            .header("content-type", "application/x-www-form-urlencoded");
        request
            .body(form)
            .answer()
            .await
            .expect_oauth_error("invalid_request");
    }
    body(&app, r#"{"username":"\ud800"}"#)
        .answer()
        .await
        .expect_problem(400, "malformed_request");
    let admin = app.admin("root").await;
    let query = app
        .get("/users?q=%ff%fe")
        .bearer_auth(&admin.access)
        .answer()
        .await;
    expect_no_failure(&query, "a query that is no UTF-8");
    expect_alive(&app).await;
}

#[tokio::test]
async fn odd_json_is_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for text in [
        "\u{feff}{}",
        "{\"email\":1e999999}",
        "{\"email\":-0}",
        "{\"email\":99999999999999999999999999999999999999}",
        "{\"email\":NaN}",
        "{'email':'x'}",
        "{\"email\":\"a\",}",
        "{} // comment",
        "{\"__proto__\":{\"is_admin\":true}}",
        "{\"\":\"\"}",
    ] {
        let answer = body(&app, text).answer().await;
        assert!(
            matches!(answer.status.as_u16(), 400 | 422),
            "{text}: {}",
            answer.text
        );
    }
    let many: serde_json::Map<String, Value> = (0..5000)
        .map(|number| (number.to_string(), Value::Null))
        .collect();
    body(&app, Value::from(many).to_string())
        .answer()
        .await
        .expect_problem(422, "validation_failed");
    expect_alive(&app).await;
}

/// Two parsers that take different ones of two equal names have let people in.
#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for form in [
        format!(
            "username=ada&password=x&password={}",
            PASSWORD.replace(' ', "+")
        ),
        format!(
            "username=eve&username=ada&password={}",
            PASSWORD.replace(' ', "+")
        ),
        "grant_type=password&grant_type=refresh_token&username=ada&password=x".to_owned(),
    ] {
        let request = app
            .post("/auth/token")
            .header("content-type", "application/x-www-form-urlencoded");
        request
            .body(form)
            .answer()
            .await
            .expect_oauth_error("invalid_request");
    }
    expect_alive(&app).await;
}

#[tokio::test]
async fn too_many_and_too_long_headers_are_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let start = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let flood: String = (0..300)
        .map(|number| format!("x-{number}: y\r\n"))
        .collect();
    let long = format!("x-long: {}\r\n", "y".repeat(100_000));
    let endless = format!("x-long: {}", "y".repeat(1_000_000));
    for (headers, what) in [
        (flood, "300 headers"),
        (long, "a long header"),
        (endless, "an endless header"),
    ] {
        let reply = raw::exchange(&app, format!("{start}{headers}\r\n\r\n")).await;
        assert!(
            reply.status.is_none_or(|status| status == 431),
            "{what}: {reply:?}"
        );
    }
    let long_path = format!(
        "GET /users/{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        "y".repeat(100_000)
    );
    let reply = raw::exchange(&app, long_path).await;
    assert!(
        reply
            .status
            .is_none_or(|status| matches!(status, 414 | 431)),
        "{reply:?}"
    );
    expect_alive(&app).await;
}

#[tokio::test]
async fn tricks_with_paths_lead_nowhere() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let admin = app.admin("root").await;
    for target in [
        "/users/../users/me",
        "/users/me/..",
        "/users/%2e%2e/me",
        "/users/%2e%2e",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/docs/../../../etc/passwd",
        "/docs/..%2f..%2fCargo.toml",
        "//users",
        "//evil.example/users",
        "/users//me",
        "/./users",
        "/USERS",
        "/users%2fme",
        "/users/%00",
        "/users/me%00",
        "/users/%",
        "/users/%zz",
        "/users/%ff%fe",
        "/users\\me",
        "/users;x=y",
        "/users/99999999999999999999999999999999999999",
        "/users/me/password/../../me",
        "/users/{id}",
        "*",
    ] {
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n",
            admin.access
        );
        let reply = raw::exchange(&app, request).await;
        let status = reply.status.expect("an answer");
        assert!((400..500).contains(&status), "{target}: {reply:?}");
    }
    for target in [
        "http://evil.example/healthz",
        "/healthz?a=%00&b=%ff&&&=",
        "/healthz#fragment",
    ] {
        let reply = raw::exchange(
            &app,
            format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        )
        .await;
        assert!(
            reply.status.is_some_and(|status| status < 500),
            "{target}: {reply:?}"
        );
    }
    expect_alive(&app).await;
}

#[tokio::test]
async fn what_is_hardly_http_is_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let close = "connection: close\r\n\r\n";
    for request in [
        "\r\n\r\n\r\n\r\n".to_owned() + close,
        "nonsense\r\n\r\n".to_owned(),
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0".to_owned() + close,
        format!("CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\n{close}"),
        format!("OPTIONS * HTTP/1.1\r\nhost: x\r\n{close}"),
        format!("VESTIBULE /healthz HTTP/1.1\r\nhost: x\r\n{close}"),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nhost: y\r\n{close}"),
        format!("GET /healthz HTTP/1.1\r\nhost: \0\r\n{close}"),
        format!("GET /healthz HTTP/1.1\r\nhost : x\r\n{close}"),
        format!("GET /healthz HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\n{close}"),
        format!(
            "POST /auth/register HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n{close}zz\r\n"
        ),
        format!("POST /auth/register HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip\r\n{close}"),
    ] {
        let mut connection = raw::Connection::open(&app).await;
        connection.send(&request).await;
        connection.finish().await;
        let reply = connection.read_to_end().await;
        assert!(
            reply.status.is_none_or(|status| status < 500),
            "{request:?}: {reply:?}"
        );
    }
    expect_alive(&app).await;
}

/// A request smuggled behind another one is a request of its own at best (ASVS 4.2.1).
#[tokio::test]
async fn two_lengths_of_a_body_are_refused() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let smuggled = "GET /users HTTP/1.1\r\nhost: x\r\n\r\n";
    for lengths in [
        "content-length: 4\r\ncontent-length: 40\r\n",
        "content-length: 4\r\ntransfer-encoding: chunked, identity\r\n",
        "content-length: +4\r\n",
    ] {
        let head = "POST /auth/register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n";
        let reply = raw::exchange(&app, format!("{head}{lengths}\r\n0\r\n\r\n{smuggled}")).await;
        assert_eq!(reply.status, Some(400), "{lengths}: {reply:?}");
        assert!(
            !reply.body.contains("HTTP/1.1"),
            "{lengths}: two answers: {reply:?}"
        );
    }
    expect_alive(&app).await;
}

/// Nothing but one good bearer token lets anybody in.
#[tokio::test]
async fn strange_authorization_is_no_authorization() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let token = &session.access;
    let unsigned = format!("Bearer {}.", token.rsplit_once('.').expect("three parts").0);
    let none = "Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiJ4In0.";
    let long = format!("Bearer {}", "a.".repeat(4000));
    for value in [
        "",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Basic dXNlcjpwYXNz",
        "Basic",
        "Digest username=\"ada\"",
        "Bearer .",
        "Bearer ..",
        "Bearer a.b.c",
        "Bearer null",
        "Bearer undefined",
        "Bearer 👩",
        none,
        &unsigned,
        &long,
        token,
        &format!("Token {token}"),
        &format!("Bearer {token}, Bearer {token}"),
        &format!("Bearer \"{token}\""),
        &format!("Bearer {token}a"),
        &format!("BearerX {token}"),
        &format!("Bearer {}", session.refresh),
    ] {
        let answer = app
            .get("/users/me")
            .header("authorization", value)
            .answer()
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value:?}");
        assert!(
            answer.header("www-authenticate").starts_with("Bearer"),
            "{value:?}"
        );
    }
    let both = app
        .get("/users/me")
        .bearer_auth(token)
        .header("authorization", format!("Bearer {token}"));
    assert_eq!(
        both.answer().await.status,
        StatusCode::UNAUTHORIZED,
        "two headers"
    );
    let request = b"GET /users/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer \xff\xfe\r\n\r\n";
    assert_eq!(raw::exchange(&app, request).await.status, Some(401));
    assert!(app.is_alive(&session).await);
    expect_alive(&app).await;
}
