//! Rate limits by client address, and who counts as one client.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use crate::support::{Answer, PASSWORD, Send, TestApp};

/// A service with limits. It believes the proxy that the tests are.
async fn app(settings: &[(&str, &str)]) -> TestApp {
    let mut all = vec![
        ("RATE_LIMIT_ENABLED", "true"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ];
    all.extend(settings);
    TestApp::spawn_with(&all).await
}

async fn nothing(app: &TestApp) -> Answer {
    app.get("/nothing").answer().await
}

async fn nothing_for(app: &TestApp, forwarded_for: &str) -> u16 {
    let request = app.get("/nothing").header("x-forwarded-for", forwarded_for);
    request.answer().await.status.as_u16()
}

#[track_caller]
fn expect_limited(answer: Answer, retry_after: &str) {
    assert_eq!(answer.header("retry-after"), retry_after);
    answer.expect_problem(429, "rate_limited");
}

#[tokio::test]
async fn an_address_has_its_share_and_gets_it_back_over_time() {
    let app = app(&[("RATE_LIMIT_IP", "3/30s")]).await;
    for remaining in [2, 1, 0] {
        let answer = nothing(&app).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.header("ratelimit-policy"), "\"ip\";q=3;w=30");
        let reset = 10 * (3 - remaining);
        assert_eq!(
            answer.header("ratelimit"),
            format!("\"ip\";r={remaining};t={reset}")
        );
    }
    let refused = nothing(&app).await;
    assert_eq!(refused.header("ratelimit-policy"), "\"ip\";q=3;w=30");
    assert!(refused.header("ratelimit").starts_with("\"ip\";r=0;t="));
    expect_limited(refused, "10");

    app.advance(Duration::from_secs(9));
    expect_limited(nothing(&app).await, "1");
    app.advance(Duration::from_secs(1));
    assert_eq!(nothing(&app).await.status, StatusCode::NOT_FOUND);
    expect_limited(nothing(&app).await, "10");
    app.advance(Duration::from_secs(30));
    for _ in 0..3 {
        assert_eq!(nothing(&app).await.status, StatusCode::NOT_FOUND);
    }
    expect_limited(nothing(&app).await, "10");
}

#[tokio::test]
async fn health_and_metrics_are_never_limited() {
    let app = app(&[("RATE_LIMIT_IP", "1/1h")]).await;
    nothing(&app).await;
    expect_limited(nothing(&app).await, "3600");
    for _ in 0..5 {
        for path in ["/healthz", "/readyz", "/healthz/", "/metrics"] {
            let answer = app.get(path).answer().await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
            assert_eq!(answer.header("ratelimit"), "", "{path}");
        }
    }
}

/// ASVS 6.3.1: guessing passwords is slowed down.
#[tokio::test]
async fn logins_have_a_share_of_their_own() {
    let app = app(&[("RATE_LIMIT_LOGIN_IP", "3/1m")]).await;
    app.register("ada").await;
    let session = app.login("ada").await;
    app.try_login("ada", "wrong password")
        .await
        .expect_oauth_error("invalid_grant");
    let last = app.try_login("ada", PASSWORD).await;
    assert_eq!(
        last.header("ratelimit-policy"),
        "\"ip\";q=300;w=60, \"login-ip\";q=3;w=60"
    );
    assert!(
        last.header("ratelimit").contains("\"login-ip\";r=0"),
        "{}",
        last.header("ratelimit")
    );
    assert_eq!(last.status, StatusCode::OK);
    expect_limited(app.try_login("ada", PASSWORD).await, "20");

    let me = app
        .get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await;
    assert_eq!(me.status, StatusCode::OK, "everything else goes on");
    app.advance(Duration::from_secs(20));
    app.login("ada").await;
}

#[tokio::test]
async fn giving_the_password_again_counts_as_a_login() {
    let app = app(&[("RATE_LIMIT_LOGIN_IP", "2/1m")]).await;
    let session = app.user("ada").await;
    let again = || {
        app.post("/auth/reauthenticate")
            .bearer_auth(&session.access)
    };
    let body = json!({ "password": "wrong password" });
    again()
        .json(&body)
        .answer()
        .await
        .expect_problem(401, "invalid_credentials");
    expect_limited(again().json(&body).answer().await, "30");
}

#[tokio::test]
async fn a_refresh_is_no_login() {
    let app = app(&[("RATE_LIMIT_LOGIN_IP", "1/1h")]).await;
    let mut session = app.user("ada").await;
    for _ in 0..5 {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", session.refresh.as_str()),
        ];
        let token = app
            .post("/auth/token")
            .form(&form)
            .answer()
            .await
            .expect(StatusCode::OK);
        session = crate::support::Session::of(&token);
        let token = app.refresh(&session.refresh).await.expect(StatusCode::OK);
        session = crate::support::Session::of(&token);
    }
    expect_limited(app.try_login("ada", PASSWORD).await, "3600");
}

#[tokio::test]
async fn registrations_have_a_share_of_their_own() {
    let app = app(&[("RATE_LIMIT_REGISTER_IP", "2/1h")]).await;
    app.register("ada").await;
    app.register("bob").await;
    let body = json!({ "email": "eve@example.com", "username": "eve", "password": PASSWORD });
    let refused = app.post("/auth/register").json(&body).answer().await;
    assert!(
        refused
            .header("ratelimit-policy")
            .contains("\"register-ip\";q=2;w=3600")
    );
    expect_limited(refused, "1800");
    app.login("ada").await;
    app.advance(Duration::from_secs(1800));
    app.register("eve").await;
}

#[tokio::test]
async fn a_limit_can_be_off_and_so_can_all() {
    let off = app(&[("RATE_LIMIT_IP", "off")]).await;
    for _ in 0..310 {
        assert_eq!(nothing(&off).await.status, StatusCode::NOT_FOUND);
    }
    let disabled = app(&[("RATE_LIMIT_ENABLED", "false"), ("RATE_LIMIT_IP", "1/1h")]).await;
    for _ in 0..3 {
        let answer = nothing(&disabled).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(answer.header("ratelimit"), "");
    }
}

#[tokio::test]
async fn a_forwarded_address_counts_behind_a_trusted_proxy() {
    let app = app(&[("RATE_LIMIT_IP", "1/1h")]).await;
    assert_eq!(nothing_for(&app, "203.0.113.1").await, 404);
    assert_eq!(nothing_for(&app, "203.0.113.1").await, 429);
    assert_eq!(
        nothing_for(&app, "203.0.113.2").await,
        404,
        "another client"
    );
    assert_eq!(
        nothing_for(&app, "203.0.113.2:4711").await,
        429,
        "a port makes no other client"
    );
}

/// What the client writes stands left of what the proxy adds (ASVS 4.1.3).
#[tokio::test]
async fn nobody_talks_himself_into_another_address() {
    let app = app(&[
        ("RATE_LIMIT_IP", "1/1h"),
        ("TRUSTED_PROXIES", "127.0.0.1,10.0.0.0/8"),
    ])
    .await;
    assert_eq!(nothing_for(&app, "203.0.113.1").await, 404);
    for forged in [
        "198.51.100.7, 203.0.113.1",
        "nonsense, 203.0.113.1",
        "198.51.100.8, 203.0.113.1, 10.1.2.3",
    ] {
        assert_eq!(nothing_for(&app, forged).await, 429, "{forged}");
    }
    let two_lines = app
        .get("/nothing")
        .header("x-forwarded-for", "198.51.100.9")
        .header("x-forwarded-for", "203.0.113.1");
    assert_eq!(two_lines.answer().await.status.as_u16(), 429);
}

/// One byte that is no text must not turn the client into its proxy, with limits that others use up.
#[tokio::test]
async fn bytes_of_x_forwarded_for_that_are_no_text_hide_nobody() {
    use crate::raw::exchange;
    let app = app(&[("RATE_LIMIT_IP", "1/1h")]).await;
    let send = async |forwarded_for: &[u8]| {
        let head = b"GET /nothing HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-forwarded-for: ";
        exchange(&app, [head, forwarded_for, b"\r\n\r\n"].concat()).await
    };
    assert_eq!(send(b"203.0.113.1").await.status, Some(404));
    for forged in [
        &b"\xff, 203.0.113.1"[..],
        b"198.51.100.7\xe4,203.0.113.1:4711",
        b"\xff\r\nx-forwarded-for: 203.0.113.1",
    ] {
        assert_eq!(send(forged).await.status, Some(429), "{forged:?}");
    }
    for unreadable in [&b"203.0.113.9\xff"[..], b"203.0.113.9, \xff", b"unknown"] {
        let reply = send(unreadable).await;
        assert_eq!(reply.status, Some(400), "{reply:?}");
        assert_eq!(reply.problem(), "malformed_request");
    }
    // The proxy's own limit is as it was.
    assert_eq!(nothing(&app).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn an_untrusted_peer_is_not_believed() {
    let app = app(&[("RATE_LIMIT_IP", "1/1h"), ("TRUSTED_PROXIES", "10.0.0.0/8")]).await;
    assert_eq!(nothing_for(&app, "203.0.113.1").await, 404);
    assert_eq!(nothing_for(&app, "203.0.113.2").await, 429);
    let other_headers = app
        .get("/nothing")
        .header("x-real-ip", "203.0.113.3")
        .header("forwarded", "for=203.0.113.4");
    assert_eq!(other_headers.answer().await.status.as_u16(), 429);
}

#[tokio::test]
async fn an_ipv6_network_is_one_client() {
    let app = app(&[("RATE_LIMIT_IP", "1/1h")]).await;
    assert_eq!(nothing_for(&app, "2001:db8:1:2::1").await, 404);
    assert_eq!(
        nothing_for(&app, "2001:db8:1:2:ffff:ffff:ffff:ffff").await,
        429,
        "the same /64"
    );
    assert_eq!(
        nothing_for(&app, "2001:db8:1:3::1").await,
        404,
        "the next /64"
    );
    assert_eq!(nothing_for(&app, "203.0.113.1").await, 404);
    assert_eq!(
        nothing_for(&app, "::ffff:203.0.113.1").await,
        429,
        "IPv4 in the clothes of IPv6"
    );
}
