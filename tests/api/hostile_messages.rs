//! Hostile messages: broken framing, floods of headers, tricks with paths, strange authorization.

use reqwest::StatusCode;

use crate::hostile::expect_alive;
use crate::raw;
use crate::support::{Send, TestApp};

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
