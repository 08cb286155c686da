//! Messages as HTTP wants them: one `Host`, a target in any of its forms, media types and headers once, within the limits
//! that docs/operations/connections.md names.

use crate::raw::{self, Reply};
use crate::support::TestApp;

async fn get(app: &TestApp, target: &str, headers: &str) -> Reply {
    let head = format!("GET {target} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    raw::exchange(app, head).await
}

#[tokio::test]
async fn request_without_exactly_one_good_host_is_malformed() {
    let app = TestApp::spawn().await;
    for headers in [
        "",
        "host:\r\n",
        "host:  \r\n",
        "host: x\r\nhost: x\r\n",
        "host: x\r\nhost: y\r\n",
        "host: a b\r\n",
        "host: a,b\r\n",
        "host: a/b\r\n",
        "host: user@a\r\n",
        "host: a:b\r\n",
        "host: a:99999\r\n",
        "host: :80\r\n",
        "host: [::1\r\n",
        "host: ::1\r\n",
        "host: http://a\r\n",
        "host: ä\r\n",
    ] {
        for target in [
            "/healthz",
            "/users/me",
            "/docs",
            "/verify-email?token=x",
            "/nothing",
            "http://x/healthz",
        ] {
            let reply = get(&app, target, headers).await;
            assert_eq!(reply.status, Some(400), "{target} {headers:?}: {reply:?}");
            assert_eq!(reply.problem(), "malformed_request", "{headers:?}");
        }
    }
    for host in [
        "x",
        "x:",
        "x:8000",
        "my_service",
        "127.0.0.1",
        "[::1]:80",
        "EXAMPLE.com.",
    ] {
        let reply = get(&app, "/healthz", &format!("host: {host}\r\n")).await;
        assert_eq!(reply.status, Some(200), "{host}: {reply:?}");
    }
    // HTTP/1.0 has none.
    let reply = raw::exchange(&app, "GET /healthz HTTP/1.0\r\n\r\n").await;
    assert_eq!(reply.status, Some(200), "{reply:?}");
    let reply = raw::exchange(&app, "GET /healthz HTTP/1.0\r\nhost: a b\r\n\r\n").await;
    assert_eq!(reply.status, Some(400), "{reply:?}");
}

#[tokio::test]
async fn targets_are_taken_in_their_forms() {
    let app = TestApp::spawn().await;
    let host = "host: x\r\n";
    for (target, status) in [
        ("http://x/healthz", 200),
        ("HTTP://other.example:80/healthz?", 200),
        ("https://x/healthz/", 200),
        ("http://x", 302),
        ("ftp://x/healthz", 400),
        ("http://user@x/healthz", 400),
        ("x:80", 400),
        ("*", 400),
    ] {
        let reply = get(&app, target, host).await;
        assert_eq!(reply.status, Some(status), "{target}: {reply:?}");
    }
    let options = format!("OPTIONS * HTTP/1.1\r\n{host}connection: close\r\n\r\n");
    let reply = raw::exchange(&app, options).await;
    assert_eq!(reply.status, Some(204), "{reply:?}");
    let allow = "\r\nallow: delete, get, head, options, patch, post, put\r\n";
    assert!(reply.head.contains(allow), "{}", reply.head);
}

/// RFC 3986 §6.2.2.2: `%75` is `u`, and `%2F` is no slash.
#[tokio::test]
async fn paths_are_the_same_however_they_are_encoded() {
    let app = TestApp::spawn().await;
    let session = app.admin("root").await;
    let headers = format!("host: x\r\nauthorization: Bearer {}\r\n", session.access);
    for target in [
        "/%75sers/me",
        "/users/%6D%65",
        "/users/%6d%65/",
        "/%75%73%65%72%73?limit=1",
        "http://x/users/%6de",
    ] {
        let reply = get(&app, target, &headers).await;
        assert_eq!(reply.status, Some(200), "{target}: {reply:?}");
        assert!(
            reply.head.contains("\r\ncache-control: no-store\r\n"),
            "{}",
            reply.head
        );
    }
    for (target, status) in [
        ("/users%2fme", 404),
        ("/users%2Fme", 404),
        ("/%2fusers", 404),
        ("/users/%252e", 400),
        ("/users/%", 400),
        ("/users/%zz", 400),
        ("/users/%00", 400),
        ("/users/me%0a", 400),
        ("/users/me%7f", 400),
        ("/users/%ff", 400),
        ("/nothing/%c3", 400),
    ] {
        let reply = get(&app, target, &headers).await;
        assert_eq!(reply.status, Some(status), "{target}: {reply:?}");
    }
}

#[tokio::test]
async fn two_media_types_are_malformed() {
    let app = TestApp::spawn().await;
    let types = ["application/json", "application/x-www-form-urlencoded"];
    for (one, other) in [
        (types[0], types[0]),
        (types[0], types[1]),
        (types[1], types[0]),
    ] {
        for path in ["/auth/refresh", "/verify-email"] {
            let head = format!(
                "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n"
            );
            let types = format!("content-type: {one}\r\ncontent-type: {other}\r\n\r\n{{}}");
            let reply = raw::exchange(&app, head + &types).await;
            assert_eq!(reply.status, Some(400), "{reply:?}");
            assert_eq!(reply.problem(), "malformed_request");
        }
    }
}

/// docs/operations/connections.md: 32 KiB, and 100 fields.
#[tokio::test]
async fn headers_up_to_the_limits_are_taken() {
    let app = TestApp::spawn().await;
    let fields = |count: usize| -> String {
        let others = count - 2;
        "host: x\r\n".to_owned()
            + &(0..others)
                .map(|field| format!("x-{field}: y\r\n"))
                .collect::<String>()
    };
    let head_of = |bytes: usize| -> String {
        let rest = "GET /healthz HTTP/1.1\r\nhost: x\r\nx: \r\nconnection: close\r\n\r\n".len();
        format!("host: x\r\nx: {}\r\n", "y".repeat(bytes - rest))
    };
    for (headers, status) in [
        (fields(100), 200),
        (fields(101), 431),
        (head_of(32 * 1024), 200),
        (head_of(32 * 1024 + 1), 431),
    ] {
        let reply = get(&app, "/healthz", &headers).await;
        assert_eq!(reply.status, Some(status), "{} bytes", headers.len());
    }
}

/// A body that only some on its way understand is a way to smuggle requests (RFC 9112 §6.1).
#[tokio::test]
async fn other_transfer_codings_are_malformed() {
    let app = TestApp::spawn().await;
    let head = "POST /auth/refresh HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n";
    for (coding, status) in [
        ("chunked", 422),
        ("Chunked", 422),
        ("gzip, chunked", 400),
        ("chunked, chunked", 400),
        ("identity, chunked", 400),
        ("gzip", 400),
    ] {
        let request = format!("{head}transfer-encoding: {coding}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
        let reply = raw::exchange(&app, request).await;
        assert_eq!(reply.status, Some(status), "{coding}: {reply:?}");
    }
}

/// Programs on the way of a request could find the end of its body in another place (RFC 9112 §6.1, §6.3).
#[tokio::test]
async fn a_body_whose_end_is_told_twice_is_malformed_and_ends_the_connection() {
    let app = TestApp::spawn().await;
    let head = "POST /auth/refresh HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    // Here the length is passed over, with the same end of the connection.
    let passed_over = [
        "transfer-encoding: chunked\r\ncontent-length: 2\r\n",
        "content-length: 12\r\ntransfer-encoding: chunked\r\n",
    ];
    let chunks = "2\r\n{}\r\n0\r\n\r\n";
    let smuggled = "GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    for (fields, body) in [
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            chunks,
        ),
        (
            "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
            chunks,
        ),
        (passed_over[0], chunks),
        (passed_over[1], chunks),
        ("content-length: 2\r\ncontent-length: 3\r\n", "{}"),
        ("content-length: 2, 2\r\n", "{}"),
        ("transfer-encoding:\r\n chunked\r\n", chunks),
        ("x: y\r\n z\r\ncontent-length: 2\r\n", "{}"),
        ("x: y\rz\r\ncontent-length: 2\r\n", "{}"),
        ("x: y\rcontent-length: 2\r\n", "{}"),
        ("content-length : 2\r\n", "{}"),
    ] {
        let reply = raw::exchange(&app, format!("{head}{fields}\r\n{body}{smuggled}")).await;
        let status = if passed_over.contains(&fields) {
            422
        } else {
            400
        };
        assert_eq!(reply.status, Some(status), "{fields:?}: {reply:?}");
        assert!(
            !reply.body.contains("HTTP/1.1"),
            "{fields:?}: two answers: {reply:?}"
        );
    }
}
