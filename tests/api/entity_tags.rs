//! The `ETag` of an account: which answers have it, when it changes, and how it saves a client an answer that it has.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::raw;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};
use crate::users::{create, patch, path_of};

const OTHER: &str = "\"AAAAAAAAAAAAAAAAAAAAAA\"";

async fn get(app: &TestApp, by: &Session, path: &str) -> Answer {
    app.get(path).bearer_auth(&by.access).answer().await
}

/// The tag of an answer, which must be a strong one.
#[track_caller]
fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag");
    let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let opaque = opaque.unwrap_or_else(|| panic!("no strong tag: {tag:?}"));
    let is_base64url = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(
        opaque.len() == 22 && opaque.bytes().all(is_base64url),
        "{tag}"
    );
    tag.to_owned()
}

#[tokio::test]
async fn every_answer_about_an_account_has_its_tag() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let body = json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD });
    let registered = app.post("/auth/register").json(&body).answer().await;
    let path = path_of(&registered.json()["user"]);
    assert_eq!(tag(&registered), tag(&get(&app, &admin, &path).await));
    let body = json!({ "email": "bob@example.com", "username": "bob" });
    let created = create(&app, &admin, &body).await;
    let location = created.header("location");
    assert_eq!(tag(&created), tag(&get(&app, &admin, location).await));

    let ada = app.login("ada").await;
    let send = async |method: Method, path: &str, by: &Session, body: Value| {
        let request = app.request(method, path).bearer_auth(&by.access);
        request.json(&body).answer().await
    };
    let roles = format!("{path}/roles");
    let profile = json!({ "username": "ada", "full_name": "Ada" });
    for (method, target, by, place, body) in [
        (Method::PUT, "/users/me", &ada, "/users/me", profile),
        (
            Method::PATCH,
            "/users/me",
            &ada,
            "/users/me",
            json!({ "full_name": null }),
        ),
        (
            Method::PATCH,
            &path,
            &admin,
            &path,
            json!({ "email_verified": true }),
        ),
        (
            Method::PUT,
            &roles,
            &admin,
            &path,
            json!({ "roles": ["admin"] }),
        ),
    ] {
        let answer = send(method.clone(), target, by, body).await;
        assert_eq!(answer.status, StatusCode::OK, "{method} {target}");
        // It is the body that the tag is about, not what was sent (RFC 9110 §8.7).
        assert_eq!(answer.header("content-location"), place);
        for (by, path) in [(&ada, "/users/me"), (&admin, &path)] {
            let now = get(&app, by, path).await;
            assert_eq!(tag(&answer), tag(&now), "{method} {target}");
            assert_eq!(answer.json(), now.json());
        }
    }
    for other in [
        get(&app, &admin, "/users").await,
        get(&app, &admin, "/healthz").await,
    ] {
        assert_eq!(other.header("etag"), "");
    }
}

#[tokio::test]
async fn the_tag_changes_with_what_is_shown_and_with_nothing_else() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of(&app.register("ada").await);
    let ada = app.login("ada").await;
    let mut seen = vec![tag(&get(&app, &admin, &path).await)];

    for change in [
        json!({ "full_name": "Ada" }),
        json!({ "full_name": null, "username": "countess" }),
        json!({ "username": "ada", "email": "lovelace@example.com" }),
        json!({ "email_verified": true }),
        json!({ "is_active": false }),
        json!({ "is_active": true, "full_name": "Ada Lovelace" }),
    ] {
        let answer = patch(&app, &admin, &path, change).await;
        seen.push(tag(&answer));
    }
    let roles = json!({ "roles": ["admin", "user"] });
    let request = app.put(&format!("{path}/roles")).bearer_auth(&admin.access);
    seen.push(tag(&request.json(&roles).answer().await));
    app.advance(Duration::from_millis(1));
    let session = app.login("ada").await;
    seen.push(tag(&get(&app, &admin, &path).await));
    app.advance(Duration::from_millis(1));
    let password = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let request = app.put("/users/me/password").bearer_auth(&session.access);
    let answer = request.json(&password).answer().await;
    let session = Session::of(&answer.expect(StatusCode::OK));
    seen.push(tag(&get(&app, &admin, &path).await));
    let changes = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), changes);

    let before = tag(&get(&app, &admin, &path).await);
    assert!(!app.is_alive(&ada).await);
    app.advance(Duration::from_secs(60));
    app.refresh(&session.refresh).await.expect(StatusCode::OK);
    app.try_login("ada", "wrong")
        .await
        .expect_oauth_error("invalid_grant");
    app.register("bob").await;
    get(&app, &session, "/users/me")
        .await
        .expect(StatusCode::OK);
    let request = app.post("/auth/logout").bearer_auth(&session.access);
    request.answer().await.expect(StatusCode::NO_CONTENT);
    assert_eq!(tag(&get(&app, &admin, &path).await), before);
}

/// RFC 9110 §13.1.2: 304 for who has it, by weak comparison.
#[tokio::test]
async fn who_has_the_account_as_it_is_gets_no_body() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for path in [
        "/users/me",
        &path_of(&get(&app, &admin, "/users/me").await.json()),
    ] {
        let current = tag(&get(&app, &admin, path).await);
        let (weak, list) = (format!("W/{current}"), format!("\"x\" ,{OTHER}, {current}"));
        for method in [Method::GET, Method::HEAD] {
            for tags in ["*", &current, &weak, &list] {
                let request = app.request(method.clone(), path);
                let request = request.bearer_auth(&admin.access);
                let answer = request.header("if-none-match", tags).answer().await;
                assert_eq!(answer.status, StatusCode::NOT_MODIFIED, "{method} {tags}");
                assert_eq!(answer.text, "");
                assert_eq!(answer.header("etag"), current);
                assert_eq!(answer.header("cache-control"), "no-store");
                assert!(!answer.headers.contains_key("content-type"));
            }
            for tags in [OTHER, "", "W/\"x\""] {
                let request = app.request(method.clone(), path);
                let request = request.bearer_auth(&admin.access);
                let answer = request.header("if-none-match", tags).answer().await;
                assert_eq!(answer.status, StatusCode::OK, "{method} {tags}");
                assert_eq!(answer.header("etag"), current);
                assert_eq!(answer.text.is_empty(), method == Method::HEAD);
            }
        }
    }
}

#[tokio::test]
async fn a_look_may_ask_for_a_certain_state_as_well() {
    let app = TestApp::spawn().await;
    let ada = app.user("ada").await;
    let current = tag(&get(&app, &ada, "/users/me").await);
    let look = async |if_match: &str, if_none_match: &str| {
        let request = app.get("/users/me").bearer_auth(&ada.access);
        let request = request.header("if-match", if_match);
        request
            .header("if-none-match", if_none_match)
            .answer()
            .await
    };
    for (if_match, if_none_match, status) in [
        (current.as_str(), OTHER, 200),
        ("*", OTHER, 200),
        (&current, &current, 304),
        (OTHER, &current, 412),
        (&format!("W/{current}"), OTHER, 412),
    ] {
        let answer = look(if_match, if_none_match).await;
        assert_eq!(answer.status.as_u16(), status, "{if_match} {if_none_match}");
    }
    for (if_match, if_none_match, name) in [("x", "*", "If-Match"), ("*", "x", "If-None-Match")] {
        let body = look(if_match, if_none_match)
            .await
            .expect_problem(400, "malformed_request");
        assert_eq!(body["errors"][0]["field"], name);
    }
}

/// No answer has a date to compare (RFC 9110 §13.1.3, §13.1.4).
#[tokio::test]
async fn conditions_on_dates_are_ignored() {
    let app = TestApp::spawn().await;
    let ada = app.user("ada").await;
    let late = "Thu, 01 Jan 2099 00:00:00 GMT";
    let request = app.get("/users/me").bearer_auth(&ada.access);
    let answer = request.header("if-modified-since", late).answer().await;
    assert_eq!(answer.header("last-modified"), "");
    answer.expect(StatusCode::OK);
    let early = "Thu, 01 Jan 1998 00:00:00 GMT";
    let request = app.patch("/users/me").bearer_auth(&ada.access);
    let request = request.header("if-unmodified-since", early);
    let answer = request.json(&json!({ "full_name": "Ada" })).answer().await;
    answer.expect(StatusCode::OK);
}

/// RFC 9110 §15.4.5 and §8.6: nothing follows the head, and no length says otherwise.
#[tokio::test]
async fn a_304_ends_with_its_head() {
    let app = TestApp::spawn().await;
    let ada = app.user("ada").await;
    let request = format!(
        "GET /users/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n",
        ada.access
    );
    let reply = raw::exchange(&app, request).await;
    assert_eq!((reply.status, reply.body.as_str()), (Some(304), ""));
    for header in ["content-length", "content-type", "transfer-encoding"] {
        assert!(
            !reply.head.contains(&format!("\r\n{header}:")),
            "{}",
            reply.head
        );
    }
}
