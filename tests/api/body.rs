//! Request bodies: their kind, their size and what is wrong with them.

use serde_json::json;

use crate::front::{PATCH_TYPES, expect_problem};
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
async fn expect_continue_with_too_large_body_is_refused_at_once() {
    let app = TestApp::spawn().await;
    let request = "POST /auth/register HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: 100-continue\r\n\
        content-type: application/json\r\ncontent-length: 70000\r\n\r\n";
    let reply = raw::exchange(&app, request).await;
    assert_eq!(reply.status, Some(413), "{}", reply.head);
}

#[tokio::test]
async fn compressed_body_is_refused() {
    let app = TestApp::spawn().await;
    for (path, kind) in [
        ("/auth/register", JSON),
        ("/auth/token", "application/x-www-form-urlencoded"),
    ] {
        for coding in [
            "gzip",
            "GZIP",
            "x-gzip",
            "br",
            "zstd",
            "identity, gzip",
            "nonsense",
        ] {
            let request = app
                .post(path)
                .header("content-type", kind)
                .header("content-encoding", coding)
                .body("{}");
            let answer = request.answer().await;
            assert_eq!(answer.header("accept-encoding"), "identity", "{coding}");
            answer.expect_problem(415, "unsupported_media_type");
        }
    }
    let page = app
        .post("/verify-email")
        .header("content-encoding", "gzip")
        .body("token=x");
    expect_problem(page.answer().await, 415, "unsupported_media_type");
    let plain = app
        .post("/auth/register")
        .header("content-type", JSON)
        .header("content-encoding", "identity")
        .body("{}");
    plain
        .answer()
        .await
        .expect_problem(422, "validation_failed");
}

#[tokio::test]
async fn body_in_another_charset_is_refused() {
    let app = TestApp::spawn().await;
    for charset in [
        "utf-16",
        "iso-8859-1",
        "UTF-7",
        "\"utf-16le\"",
        "utf-8; charset=utf-16",
    ] {
        let request = app
            .post("/auth/register")
            .header("content-type", format!("{JSON}; charset={charset}"))
            .body("{}");
        let answer = request.answer().await;
        assert_eq!(answer.header("accept"), JSON);
        expect_problem(answer, 415, "unsupported_media_type");
    }
    for kind in [
        "application/json;charset=\"utf-8\"",
        "application/json; charset=US-ASCII; v=1",
    ] {
        let request = app.post("/auth/register").header("content-type", kind);
        let answer = request.body("{}").answer().await;
        answer.expect_problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn repeated_members_are_refused_at_any_depth() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let send = |path: &str, body: &'static str| {
        let request = app.post(path).bearer_auth(&admin.access);
        request.header("content-type", JSON).body(body).answer()
    };
    let twice = r#"{"email":"ada@example.com","username":"ada","password":"correct horse battery staple",
        "username":"eve"}"#;
    for path in ["/auth/register", "/users"] {
        send(path, twice)
            .await
            .expect_invalid(&[("username", "repeated_field")]);
    }
    let escaped = r#"{"refresh_token":"x","refresh\u005ftoken":"x"}"#;
    send("/auth/refresh", escaped)
        .await
        .expect_invalid(&[("refresh_token", "repeated_field")]);
    let deep = r#"{"refresh_token":{"a":[{"b":1,"b":1}]},"more":{"c":1,"c":1}}"#;
    send("/auth/refresh", deep).await.expect_invalid(&[
        ("refresh_token.a[0].b", "repeated_field"),
        ("more.c", "repeated_field"),
        ("refresh_token", "invalid_type"),
        ("more", "unknown_field"),
    ]);
}

/// RFC 7396: `null` removes, and what is absent stays.
#[tokio::test]
async fn patch_takes_a_merge_patch() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let merge = "application/merge-patch+json";
    let me = app.get("/users/me").bearer_auth(&admin.access);
    let id = me.answer().await.json()["id"].clone();
    let by_id = format!("/users/{}", id.as_str().expect("an id"));
    for path in ["/users/me", &by_id] {
        let patch = |kind: &str, body: &'static str| {
            let request = app.patch(path).bearer_auth(&admin.access);
            request.header("content-type", kind).body(body).answer()
        };
        let named = patch(merge, r#"{"full_name":"Ada"}"#).await.json();
        assert_eq!(named["full_name"], "Ada", "{path}");
        let same = patch("Application/Merge-Patch+JSON; charset=utf-8", "{}")
            .await
            .json();
        assert_eq!(same["full_name"], "Ada", "{path}");
        let removed = patch(merge, r#"{"full_name":null}"#).await.json();
        assert!(removed["full_name"].is_null(), "{path}: {removed}");
        let answer = patch("application/json-patch+json", "[]").await;
        assert_eq!(answer.header("accept-patch"), PATCH_TYPES);
        answer.expect_problem(415, "unsupported_media_type");
    }
    let cannot_be_removed = app
        .patch(&by_id)
        .bearer_auth(&admin.access)
        .header("content-type", merge)
        .body(r#"{"email":null}"#);
    cannot_be_removed
        .answer()
        .await
        .expect_invalid(&[("email", "invalid_type")]);
    // A media type of PATCH alone.
    let post = app.post("/auth/register").header("content-type", merge);
    let answer = post.body("{}").answer().await;
    assert_eq!(answer.header("accept-patch"), "");
    expect_problem(answer, 415, "unsupported_media_type");
}
