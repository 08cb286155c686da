//! The manners that every answer has, whatever was asked.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::raw;
use crate::support::{Answer, PASSWORD, Send, TestApp};

const JSON: &str = "application/json";

#[track_caller]
fn expect_problem(answer: Answer, status: u16, code: &str) -> serde_json::Value {
    assert_eq!(answer.header("content-type"), "application/problem+json");
    answer.expect_problem(status, code)
}

#[tokio::test]
async fn an_unknown_path_is_a_problem() {
    let app = TestApp::spawn().await;
    for path in [
        "/nothing",
        "/auth",
        "/users/me/nothing",
        "/auth/token/x",
        "/docs/nothing.js",
        "/.env",
    ] {
        let body = expect_problem(app.get(path).answer().await, 404, "not_found");
        assert_eq!(body["type"], "about:blank");
        assert_eq!(body["title"], "Not Found");
    }
    expect_problem(
        app.post("/nothing").json(&json!({})).answer().await,
        404,
        "not_found",
    );
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_tells_the_right_ones() {
    let app = TestApp::spawn().await;
    for (method, path, allowed) in [
        (Method::GET, "/auth/token", "OPTIONS, POST"),
        (Method::PUT, "/auth/register", "OPTIONS, POST"),
        (
            Method::POST,
            "/users/me",
            "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
        ),
        (Method::DELETE, "/users", "GET, HEAD, OPTIONS, POST"),
        (Method::POST, "/healthz", "GET, HEAD, OPTIONS"),
        (Method::POST, "/docs", "GET, HEAD, OPTIONS"),
        (
            Method::TRACE,
            "/users/me",
            "DELETE, GET, HEAD, OPTIONS, PATCH, PUT",
        ),
    ] {
        let answer = app.request(method, path).answer().await;
        let found: BTreeSet<&str> = answer.header("allow").split(", ").collect();
        assert_eq!(found, allowed.split(", ").collect(), "{path}");
        expect_problem(answer, 405, "method_not_allowed");
    }
}

#[tokio::test]
async fn a_body_of_another_kind_is_a_problem() {
    let app = TestApp::spawn().await;
    for kind in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("nonsense"),
    ] {
        let mut request = app.post("/auth/register").body("{}");
        if let Some(kind) = kind {
            request = request.header("content-type", kind);
        }
        expect_problem(request.answer().await, 415, "unsupported_media_type");
    }
    let json_to_form = app
        .post("/auth/token")
        .json(&json!({ "username": "ada", "password": PASSWORD }));
    expect_problem(json_to_form.answer().await, 415, "unsupported_media_type");
}

#[tokio::test]
async fn parameters_of_a_media_type_do_not_matter() {
    let app = TestApp::spawn().await;
    for kind in ["application/json; charset=utf-8", "Application/JSON"] {
        let request = app
            .post("/auth/register")
            .header("content-type", kind)
            .body("{}");
        request
            .answer()
            .await
            .expect_problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn what_is_no_json_object_is_a_problem_and_not_quoted() {
    let app = TestApp::spawn().await;
    for body in [
        "",
        "{",
        "{\"password\": hunter2hunter2}",
        "[1]",
        "\"hunter2hunter2\"",
        "null",
        "12",
        "{} {}",
    ] {
        let request = app
            .post("/auth/register")
            .header("content-type", JSON)
            .body(body);
        let answer = request.answer().await;
        assert!(!answer.text.contains("hunter2"), "{}", answer.text);
        expect_problem(answer, 400, "malformed_request");
    }
}

#[tokio::test]
async fn unknown_missing_and_mistyped_fields_are_told_at_once() {
    let app = TestApp::spawn().await;
    let body = json!({ "email": 1, "username": "ada", "is_admin": true });
    let answer = app.post("/auth/register").json(&body).answer().await;
    answer.expect_invalid(&[
        ("password", "required"),
        ("email", "invalid_type"),
        ("is_admin", "unknown_field"),
    ]);
}

#[tokio::test]
async fn a_body_has_64_kib_at_most() {
    let app = TestApp::spawn().await;
    let padded = |length: usize| format!("{{{}}}", " ".repeat(length - 2));
    let fits = app
        .post("/auth/register")
        .header("content-type", JSON)
        .body(padded(65_536));
    fits.answer().await.expect_problem(422, "validation_failed");
    let too_large = app
        .post("/auth/register")
        .header("content-type", JSON)
        .body(padded(65_537));
    expect_problem(too_large.answer().await, 413, "body_too_large");
}

#[tokio::test]
async fn a_body_that_does_not_say_how_long_it_is_is_held_to_the_same_cap() {
    let app = TestApp::spawn().await;
    let mut request = "POST /auth/register HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
        content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_owned();
    for _ in 0..17 {
        request.push_str(&format!("1000\r\n{}\r\n", " ".repeat(0x1000)));
    }
    request.push_str("0\r\n\r\n");
    let reply = raw::exchange(&app, request).await;
    assert_eq!(reply.status, Some(413), "{}", reply.head);
    assert_eq!(reply.problem(), "body_too_large");
}

#[tokio::test]
async fn whoever_asks_before_sending_too_much_is_told_at_once() {
    let app = TestApp::spawn().await;
    let request = "POST /auth/register HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\n\
        content-type: application/json\r\ncontent-length: 70000\r\n\r\n";
    let reply = raw::exchange(&app, request).await;
    assert_eq!(reply.status, Some(413), "{}", reply.head);
}

#[tokio::test]
async fn bad_values_in_path_and_query_name_their_field() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let user = app
        .get("/users/me")
        .bearer_auth(&admin.access)
        .answer()
        .await
        .json();
    let id = user["id"].as_str().expect("an id");
    for (path, field) in [
        ("/users/not-a-uuid".to_owned(), "id"),
        (format!("/users/{id}0"), "id"),
        ("/users?limit=0".to_owned(), "limit"),
        ("/users?limit=101".to_owned(), "limit"),
        ("/users?limit=ten".to_owned(), "limit"),
        ("/users?limit=-1".to_owned(), "limit"),
        ("/users?cursor=nonsense".to_owned(), "cursor"),
        ("/users?is_active=perhaps".to_owned(), "is_active"),
    ] {
        let answer = app.get(&path).bearer_auth(&admin.access).answer().await;
        let body = expect_problem(answer, 400, "malformed_request");
        assert_eq!(body["errors"][0]["field"], field, "{path}: {body}");
        assert!(body["errors"][0]["code"].is_string(), "{path}: {body}");
    }
    let logout = app
        .post("/auth/logout?scope=everyone")
        .bearer_auth(&admin.access)
        .answer()
        .await;
    let body = expect_problem(logout, 400, "malformed_request");
    assert_eq!(body["errors"][0]["field"], "scope", "{body}");
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    for path in ["/healthz", "/docs", "/openapi.json", "/users/me"] {
        let request = |method: Method| app.request(method, path).bearer_auth(&session.access);
        let get = request(Method::GET).answer().await;
        let head = request(Method::HEAD).answer().await;
        assert_eq!(head.status, StatusCode::OK, "{path}");
        assert_eq!(head.text, "", "{path}");
        for name in ["content-type", "content-length", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path} {name}");
        }
    }
    let nothing = app.request(Method::HEAD, "/nothing").answer().await;
    assert_eq!((nothing.status.as_u16(), nothing.text.as_str()), (404, ""));
    let post_only = app.request(Method::HEAD, "/auth/token").answer().await;
    assert_eq!(
        (post_only.status.as_u16(), post_only.text.as_str()),
        (405, "")
    );
}

#[tokio::test]
async fn options_tells_the_methods() {
    let app = TestApp::spawn().await;
    let answer = app.request(Method::OPTIONS, "/users").answer().await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS, POST");
    app.request(Method::OPTIONS, "/nothing")
        .answer()
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let app = TestApp::spawn().await;
    let session = app.admin("root").await;
    for path in [
        "/users",
        "/users/",
        "/users/?limit=1",
        "/users/me",
        "/users/me/",
        "/healthz/",
        "/docs/",
    ] {
        let answer = app.get(path).bearer_auth(&session.access).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    let form = [("username", "root"), ("password", PASSWORD)];
    app.post("/auth/token/")
        .form(&form)
        .answer()
        .await
        .expect(StatusCode::OK);
    for path in ["/users//", "//users", "/users/me//"] {
        let answer = app.get(path).bearer_auth(&session.access).answer().await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_sane_request_id_is_kept_and_any_other_replaced() {
    let app = TestApp::spawn().await;
    let longest = "a".repeat(128);
    for sane in ["abc", "0190-AF_7.x", &longest] {
        let answer = app
            .get("/healthz")
            .header("x-request-id", sane)
            .answer()
            .await;
        assert_eq!(answer.header("x-request-id"), sane);
    }
    let too_long = "a".repeat(200);
    let mut made = BTreeSet::new();
    for strange in [
        "",
        "two words",
        "<script>",
        "a\tb",
        "id\"",
        "id;id",
        "ü",
        &too_long,
    ] {
        let answer = app
            .get("/nothing")
            .header("x-request-id", strange)
            .answer()
            .await;
        let id = answer.header("x-request-id").to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok(), "{strange:?} gave {id}");
        made.insert(id);
    }
    assert_eq!(made.len(), 8, "every request has an id of its own");
}

#[tokio::test]
async fn a_request_id_on_two_lines_gets_nowhere() {
    let app = TestApp::spawn().await;
    for id in ["a\r\n b", "a\nset-cookie: x=y", "a\rb", "a\0b"] {
        let request = format!(
            "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-request-id: {id}\r\n\r\n"
        );
        let reply = raw::exchange(&app, request).await;
        assert!(
            reply.status.is_some_and(|status| status < 500),
            "{id:?}: {reply:?}"
        );
        assert!(!reply.head.contains("set-cookie"), "{reply:?}");
    }
}

/// ASVS 14.3.2: answers with personal data are not kept by caches.
#[tokio::test]
async fn answers_about_accounts_are_not_stored() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    for request in [
        app.get("/users/me").bearer_auth(&session.access),
        app.get("/users/me"),
        app.get("/users/nothing/here"),
        app.post("/auth/register").json(&json!({})),
        app.get("/auth/token"),
        app.post("/auth/refresh")
            .json(&json!({ "refresh_token": "x" })),
        app.request(Method::OPTIONS, "/users/me"),
    ] {
        assert_eq!(request.answer().await.header("cache-control"), "no-store");
    }
    for (username, password) in [("ada", PASSWORD), ("ada", "wrong password")] {
        let answer = app.try_login(username, password).await;
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("pragma"), "no-cache");
    }
}

#[tokio::test]
async fn no_answer_may_be_run_as_a_page() {
    let app = TestApp::spawn().await;
    for path in ["/healthz", "/nothing", "/users/me", "/auth/token"] {
        let answer = app.get(path).answer().await;
        assert_eq!(
            answer.header("content-security-policy"),
            "default-src 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(
            answer.header("strict-transport-security"),
            "",
            "no TLS, no HSTS"
        );
        assert_eq!(answer.header("server"), "", "{path}");
    }
}

#[tokio::test]
async fn oauth_endpoints_answer_as_their_rfcs_say() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (path, form) in [
        ("/auth/token", vec![]),
        ("/auth/token", vec![("username", "root")]),
        ("/auth/token", vec![("grant_type", "refresh_token")]),
        ("/auth/revoke", vec![]),
        (
            "/auth/introspect",
            vec![("token_type_hint", "access_token")],
        ),
    ] {
        let answer = app
            .post(path)
            .bearer_auth(&admin.access)
            .form(&form)
            .answer()
            .await;
        answer.expect_oauth_error("invalid_request");
    }
    let unknown = app
        .post("/auth/token")
        .form(&[("grant_type", "implicit")])
        .answer()
        .await;
    unknown.expect_oauth_error("unsupported_grant_type");
    app.try_login("root", "wrong password")
        .await
        .expect_oauth_error("invalid_grant");
    let form = [
        ("username", "root"),
        ("password", PASSWORD),
        ("scope", "moon:landing"),
    ];
    app.post("/auth/token")
        .form(&form)
        .answer()
        .await
        .expect_oauth_error("invalid_scope");
}

#[tokio::test]
async fn oauth_endpoints_tell_the_rest_as_problems() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let form = [("token", "x")];
    let nobody = app.post("/auth/introspect").form(&form).answer().await;
    expect_problem(nobody, 401, "not_authenticated");
    let user = app
        .post("/auth/introspect")
        .bearer_auth(&session.access)
        .form(&form)
        .answer()
        .await;
    expect_problem(user, 403, "permission_denied");
    let large = app
        .post("/auth/token")
        .form(&[("username", "x".repeat(70_000))])
        .answer()
        .await;
    expect_problem(large, 413, "body_too_large");
}
