//! Request bodies: their kind, their size and what is wrong with them.

use serde_json::json;

use crate::front::expect_problem;
use crate::raw;
use crate::support::{PASSWORD, Send, TestApp};

const JSON: &str = "application/json";

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

/// Whoever mends what is missing does not learn only then what else is wrong.
#[tokio::test]
async fn what_is_missing_hides_no_wrong_value() {
    let app = TestApp::spawn().await;
    let body =
        json!({ "email": "ada", "username": "a b", "full_name": "a\u{7}", "is_admin": true });
    let answer = app.post("/auth/register").json(&body).answer().await;
    answer.expect_invalid(&[
        ("password", "required"),
        ("is_admin", "unknown_field"),
        ("email", "invalid_format"),
        ("username", "invalid_format"),
        ("full_name", "invalid_format"),
    ]);
    let body = json!({ "email": null, "password": "short" });
    let answer = app.post("/auth/register").json(&body).answer().await;
    answer.expect_invalid(&[
        ("username", "required"),
        ("email", "invalid_type"),
        ("password", "too_short"),
    ]);
    let session = app.user("ada").await;
    // A password that is to be checked may be anything.
    let body = json!({ "current_password": "x", "new_password": 1, "more": 1 });
    let change = app.put("/users/me/password").bearer_auth(&session.access);
    change
        .json(&body)
        .answer()
        .await
        .expect_invalid(&[("more", "unknown_field"), ("new_password", "invalid_type")]);
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
