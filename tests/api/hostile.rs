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

/// Checks that the service answers and nothing was lost.
pub async fn expect_alive(app: &TestApp) {
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

/// Two parsers that take different ones of two equal names have let people in (ASVS 15.3.7).
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
