//! Queries of operations: what is no parameter, comes twice or has a value that cannot be used is refused, and the answer
//! says what is allowed.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::specification::DOCUMENT;
use crate::support::{PASSWORD, Send, Session, TestApp};

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";
const OAUTH: [&str; 3] = ["issueToken", "revokeToken", "introspectToken"];

/// Every operation but those of OAuth 2.0: method and path.
fn operations() -> Vec<(Method, String)> {
    let mut found = Vec::new();
    for (path, operations) in DOCUMENT["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            if !OAUTH.iter().any(|id| operation["operationId"] == *id) {
                let method = method.to_uppercase().parse().expect("a method");
                found.push((method, path.replace("{id}", ID)));
            }
        }
    }
    found
}

async fn expect_refused(app: &TestApp, caller: &Session, query: &str, errors: &[(&str, &str)]) {
    for (method, path) in operations() {
        let request = app.request(method, &format!("{path}?{query}"));
        let answer = request.bearer_auth(&caller.access).answer().await;
        answer.expect_invalid(errors);
    }
}

#[tokio::test]
async fn unknown_parameters_are_refused_at_every_operation() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let unknown = [("nothing", "unknown_field"), ("LIMIT", "unknown_field")];
    expect_refused(&app, &admin, "nothing=1&LIMIT=1", &unknown).await;
    expect_refused(&app, &admin, "=1", &[("", "unknown_field")]).await;
    assert!(app.is_alive(&admin).await, "nothing was done");
}

#[tokio::test]
async fn repeated_parameters_are_refused() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (query, field) in [
        ("limit=1&limit=1", "limit"),
        ("limit=1&limi%74=2", "limit"),
        ("q=a&q=", "q"),
        ("is_active=true&limit=1&is_active=false", "is_active"),
    ] {
        let request = app.get(&format!("/users?{query}"));
        let answer = request.bearer_auth(&admin.access).answer().await;
        answer.expect_invalid(&[(field, "repeated_field")]);
    }
    let logout = app.post("/auth/logout?scope=current&scope=all");
    let answer = logout.bearer_auth(&admin.access).answer().await;
    answer.expect_invalid(&[("scope", "repeated_field")]);
    assert!(app.is_alive(&admin).await, "nothing was done");
    app.get("/users?&&limit=1&")
        .bearer_auth(&admin.access)
        .answer()
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn refusals_say_what_is_allowed() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let message = async |method: Method, path: &str| {
        let request = app.request(method, path).bearer_auth(&admin.access);
        let body: Value = request.answer().await.json();
        body["errors"][0]["message"]
            .as_str()
            .expect("a message")
            .to_owned()
    };
    for (path, allowed) in [
        ("/users?limit=0", "whole numbers from 1 to 100"),
        ("/users?limit=ten", "whole numbers from 1 to 100"),
        ("/users?is_active=perhaps", "true, false"),
        ("/users?cursor=x", "next_cursor"),
        ("/users?page=2", "limit, cursor, q, role, is_active"),
        ("/users/me?page=2", "none is allowed"),
        ("/users/x", "UUID"),
    ] {
        let message = message(Method::GET, path).await;
        assert!(message.contains(allowed), "{path}: {message}");
    }
    let logout = message(Method::POST, "/auth/logout?scope=everyone").await;
    assert!(logout.contains("current, others, all"), "{logout}");
}

/// Who may not call learns nothing of the query.
#[tokio::test]
async fn access_is_checked_before_the_query() {
    let app = TestApp::spawn().await;
    let user = app.user("ada").await;
    app.get("/users?nothing=1")
        .answer()
        .await
        .expect_problem(401, "not_authenticated");
    app.get("/users?nothing=1")
        .bearer_auth(&user.access)
        .answer()
        .await
        .expect_problem(403, "permission_denied");
}

/// RFC 6749 §3.2: parameters that are not known are ignored.
#[tokio::test]
async fn oauth_endpoints_ignore_unknown_parameters() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let form = [("username", "ada"), ("password", PASSWORD)];
    let answer = app.post("/auth/token?tenant=1").form(&form).answer().await;
    answer.expect(StatusCode::OK);
    // Nor are credentials taken from there.
    app.post("/auth/token?username=ada&password=x")
        .form(&[("grant_type", "password")])
        .answer()
        .await
        .expect_oauth_error("invalid_request");
}

#[tokio::test]
async fn query_that_is_no_utf_8_is_refused() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for query in ["q=%ff", "%c3=1", "q=%ed%a0%80"] {
        app.get(&format!("/users?{query}"))
            .bearer_auth(&admin.access)
            .answer()
            .await
            .expect_problem(400, "malformed_request");
    }
    let page = app.get("/users?q=%C3%A9+%26").bearer_auth(&admin.access);
    assert_eq!(
        page.answer().await.expect(StatusCode::OK)["items"],
        json!([])
    );
}
