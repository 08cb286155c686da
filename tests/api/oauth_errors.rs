//! Errors of the OAuth 2.0 endpoints with another status than 400: a client that accepts `application/json` alone gets them as that,
//! with the members that RFC 6749 §5.2 names; a client that accepts problem details gets those.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::records;
use crate::support::{PASSWORD, Send, TestApp};

const JSON: &str = "application/json";
const PROBLEM: &str = "application/problem+json";

/// What is asked for, and what comes back.
const ACCEPTS: &[(Option<&str>, &str)] = &[
    (None, PROBLEM),
    (Some("*/*"), PROBLEM),
    (Some("application/problem+json"), PROBLEM),
    (Some("application/json, application/problem+json"), PROBLEM),
    (Some("application/json"), JSON),
    (Some("text/html, application/json;q=0.9, */*;q=0.1"), JSON),
    (Some("application/json;q=0"), PROBLEM),
    (Some("application/json, application/problem+json;q=0"), JSON),
];

/// Sends the request with each `Accept`; all answers say the same, each in its own form.
async fn expect_both_forms(request: RequestBuilder, status: u16, code: &str) {
    for (accept, media_type) in ACCEPTS {
        let mut request = request.try_clone().expect("a body in memory");
        if let Some(accept) = accept {
            request = request.header("accept", *accept);
        }
        let answer = request.answer().await;
        assert_eq!(answer.header("content-type"), *media_type, "{accept:?}");
        let body = answer.expect_problem(status, code);
        assert_eq!(body["error"], code, "{body}");
        assert_eq!(body["error_description"], body["detail"], "{body}");
        assert_eq!(body["status"], status, "{body}");
    }
}

#[tokio::test]
async fn introspection_without_a_token_or_the_permission() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let request = || app.post("/auth/introspect").form(&[("token", "x")]);
    expect_both_forms(request(), 401, "not_authenticated").await;
    let forged = request().bearer_auth("forged");
    expect_both_forms(forged, 401, "invalid_access_token").await;
    let user = request().bearer_auth(&session.access);
    expect_both_forms(user, 403, "permission_denied").await;
}

#[tokio::test]
async fn a_login_to_a_disabled_account() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let sql = "UPDATE users SET is_active = FALSE WHERE username = ?1";
    records::execute(&app, sql, &["ada"]).await;
    let login = [("username", "ada"), ("password", PASSWORD)];
    expect_both_forms(
        app.post("/auth/token").form(&login),
        403,
        "account_disabled",
    )
    .await;
}

#[tokio::test]
async fn bodies_that_are_not_read() {
    let app = TestApp::spawn().await;
    for path in ["/auth/token", "/auth/token/", "/auth/revoke"] {
        let json = app.post(path).json(&Value::Null);
        expect_both_forms(json, 415, "unsupported_media_type").await;
        let large = app.post(path).form(&[("token", "x".repeat(70_000))]);
        expect_both_forms(large, 413, "body_too_large").await;
    }
}

/// The limit by address is found out before the route is looked at, the others by the handlers.
#[tokio::test]
async fn too_many_requests() {
    for (limit, is_first_let_in) in [("RATE_LIMIT_IP", false), ("RATE_LIMIT_LOGIN_IP", true)] {
        let app = TestApp::spawn_with(&[("RATE_LIMIT_ENABLED", "true"), (limit, "1/1h")]).await;
        let login = || {
            let form = [("username", "nobody"), ("password", PASSWORD)];
            app.post("/auth/token").form(&form)
        };
        if is_first_let_in {
            login().answer().await.expect_oauth_error("invalid_grant");
        } else {
            app.get("/nothing")
                .answer()
                .await
                .expect_problem(404, "not_found");
        }
        expect_both_forms(login(), 429, "rate_limited").await;
    }
}

/// What is no request to an OAuth 2.0 endpoint is answered as everywhere.
#[tokio::test]
async fn other_requests_get_problem_details() {
    let app = TestApp::spawn().await;
    for (request, status, code) in [
        (app.get("/auth/token"), 405, "method_not_allowed"),
        (app.get("/users/me"), 401, "not_authenticated"),
        (app.get("/auth/tokens"), 404, "not_found"),
    ] {
        let answer = request.header("accept", JSON).answer().await;
        assert_eq!(answer.header("content-type"), PROBLEM);
        let body = answer.expect_problem(status, code);
        assert_eq!(body.get("error"), None, "{body}");
    }
}

/// RFC 6749 §5.2, whatever is asked for.
#[tokio::test]
async fn what_has_status_400_is_json_and_nothing_else() {
    let app = TestApp::spawn().await;
    for (accept, _) in ACCEPTS {
        let accept = accept.unwrap_or("text/plain");
        let answer = app
            .post("/auth/token")
            .header("accept", accept)
            .answer()
            .await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.header("content-type"), JSON);
        let body = answer.json();
        let members: Vec<&String> = body.as_object().expect("an object").keys().collect();
        assert_eq!(members, ["error", "error_description"]);
    }
}
