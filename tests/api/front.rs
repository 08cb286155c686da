//! The manners that every answer has, whatever was asked.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::raw;
use crate::support::{Answer, PASSWORD, Send, TestApp};

/// What a PATCH may be sent as.
pub const PATCH_TYPES: &str = "application/json, application/merge-patch+json";

/// Checks a problem and that it says it is one.
#[track_caller]
pub fn expect_problem(answer: Answer, status: u16, code: &str) -> serde_json::Value {
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
        assert_eq!(body["type"], "/problems/not_found");
        assert_eq!(body["title"], "Not found");
    }
    expect_problem(
        app.post("/nothing").json(&json!({})).answer().await,
        404,
        "not_found",
    );
}

/// ASVS 4.1.4, 13.4.4: methods that nothing answers to are refused, TRACE among them.
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
    assert_eq!(answer.header("accept-patch"), "");
    let answer = app.request(Method::OPTIONS, "/users/me").answer().await;
    assert_eq!(answer.header("accept-patch"), PATCH_TYPES);
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
        let (process, number) = id.split_once('-').expect("two parts");
        assert!(
            process.len() == 16 && !number.is_empty(),
            "{strange:?} gave {id}"
        );
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

/// ASVS 16.5.1: what went wrong inside is for the log alone.
#[tokio::test]
async fn a_failure_of_ours_tells_nothing_of_the_inside() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let broken = app
        .services
        .db
        .write(async |tx| tx.execute("ALTER TABLE users RENAME TO lost", &[]).await);
    let broken: Result<u64, vestibule::store::db::Error> = broken.await;
    broken.expect("breaks the database");
    let answer = app
        .get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let body = expect_problem(answer, 500, "internal");
    let text = body.to_string().to_lowercase();
    for inner in ["table", "users", "sql", "select", "src/", "panic"] {
        assert!(!text.contains(inner), "{inner} is told: {text}");
    }
    app.get("/healthz").answer().await.expect(StatusCode::OK);
}
