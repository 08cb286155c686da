//! Web pages of other origins: those in `CORS_ORIGINS` may call, and no others.

use reqwest::{Method, RequestBuilder, StatusCode};

use crate::support::{Answer, Send, TestApp};

const APP: &str = "https://app.example.com";

async fn app(origins: &str) -> TestApp {
    TestApp::spawn_with(&[("CORS_ORIGINS", origins)]).await
}

async fn from(origin: &str, request: RequestBuilder) -> Answer {
    request.header("origin", origin).answer().await
}

fn preflight(app: &TestApp, path: &str) -> RequestBuilder {
    let request = app.request(Method::OPTIONS, path);
    request
        .header("access-control-request-method", "PATCH")
        .header(
            "access-control-request-headers",
            "authorization, content-type",
        )
}

#[tokio::test]
async fn a_known_origin_may_read_every_answer() {
    let app = app(&format!("{APP},http://localhost:3000")).await;
    for path in ["/healthz", "/users/me", "/nothing"] {
        let answer = from(APP, app.get(path)).await;
        assert_eq!(answer.header("access-control-allow-origin"), APP, "{path}");
        assert_eq!(
            answer.header("access-control-allow-credentials"),
            "",
            "{path}"
        );
        assert!(answer.header("vary").contains("Origin"), "{path}");
        let exposed = answer
            .header("access-control-expose-headers")
            .to_lowercase();
        for name in [
            "content-location",
            "etag",
            "location",
            "retry-after",
            "ratelimit",
            "ratelimit-policy",
            "www-authenticate",
            "x-request-id",
        ] {
            assert!(
                exposed.split(", ").any(|exposed| exposed == name),
                "{name} is not exposed"
            );
        }
    }
    let other = from("http://localhost:3000", app.get("/healthz")).await;
    assert_eq!(
        other.header("access-control-allow-origin"),
        "http://localhost:3000"
    );
}

#[tokio::test]
async fn an_unknown_origin_gets_no_permission() {
    let app = app(APP).await;
    for origin in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "null",
    ] {
        for request in [app.get("/healthz"), preflight(&app, "/users/me")] {
            let answer = from(origin, request).await;
            assert!(
                !answer.headers.contains_key("access-control-allow-origin"),
                "{origin}"
            );
            assert!(answer.header("vary").contains("Origin"), "{origin}");
        }
    }
    let nobody = app.get("/healthz").answer().await;
    assert!(!nobody.headers.contains_key("access-control-allow-origin"));
    assert!(
        nobody.header("vary").contains("Origin"),
        "a cache must not keep it for others"
    );
}

#[tokio::test]
async fn a_preflight_is_told_what_may_be_sent() {
    let app = app(APP).await;
    let answer = from(APP, preflight(&app, "/users/me")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("access-control-allow-origin"), APP);
    let methods = answer.header("access-control-allow-methods");
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(methods.contains(method), "{methods}");
    }
    let headers = answer.header("access-control-allow-headers").to_lowercase();
    for name in [
        "authorization",
        "content-type",
        "if-match",
        "if-none-match",
        "x-request-id",
    ] {
        assert!(headers.split(", ").any(|header| header == name), "{name}");
    }
    let seconds: u32 = answer
        .header("access-control-max-age")
        .parse()
        .expect("seconds");
    assert!(seconds > 0);
}

#[tokio::test]
async fn a_star_lets_every_page_read_and_nobody_send_cookies() {
    let app = app("*").await;
    for request in [app.get("/healthz"), preflight(&app, "/users/me")] {
        let answer = from("https://anybody.example", request).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
}

#[tokio::test]
async fn without_the_setting_no_page_may_read() {
    let app = TestApp::spawn().await;
    for request in [app.get("/healthz"), preflight(&app, "/users/me")] {
        let answer = from(APP, request).await;
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
    }
}

#[tokio::test]
async fn origins_of_apps_and_subdomains_may_call() {
    let app = app("capacitor://localhost, tauri://localhost, HTTPS://*.Example.org:443/").await;
    for origin in [
        "capacitor://localhost",
        "tauri://localhost",
        "https://a.b.example.org",
    ] {
        for request in [app.get("/healthz"), preflight(&app, "/users/me")] {
            let answer = from(origin, request).await;
            assert_eq!(answer.header("access-control-allow-origin"), origin);
        }
    }
    for origin in [
        "https://example.org",
        "http://a.example.org",
        "ionic://localhost",
    ] {
        let answer = from(origin, app.get("/healthz")).await;
        assert!(
            !answer.headers.contains_key("access-control-allow-origin"),
            "{origin}"
        );
    }
}

#[tokio::test]
async fn preflight_allows_what_tracing_libraries_send() {
    let app = app(APP).await;
    let names = "authorization,baggage,sentry-trace,traceparent,tracestate,x-datadog-trace-id,b3";
    let request = app
        .request(Method::OPTIONS, "/users/me")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", names)
        .header("access-control-request-private-network", "true");
    let answer = from(APP, request).await;
    let allowed = answer.header("access-control-allow-headers").to_lowercase();
    for name in names.split(',') {
        assert!(
            allowed.split(", ").any(|allowed| allowed == name),
            "{name}: {allowed}"
        );
    }
    assert_eq!(
        answer.header("access-control-allow-private-network"),
        "true"
    );
    assert_eq!(
        preflight(&app, "/x")
            .answer()
            .await
            .header("access-control-allow-private-network"),
        ""
    );
}

/// A page has to be able to read that it is held back, and for how long.
#[tokio::test]
async fn preflights_do_not_count_and_a_page_can_read_a_refusal() {
    let settings = [
        ("CORS_ORIGINS", APP),
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "5/1h"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    for _ in 0..20 {
        let answer = from(APP, preflight(&app, "/users/me")).await;
        assert_eq!(answer.status, StatusCode::NO_CONTENT);
    }
    for _ in 0..5 {
        let answer = from(APP, app.get("/users/me")).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let refused = from(APP, app.get("/users/me")).await;
    assert_eq!(refused.header("access-control-allow-origin"), APP);
    let exposed = refused
        .header("access-control-expose-headers")
        .to_lowercase();
    for name in ["retry-after", "ratelimit", "x-request-id"] {
        assert!(!refused.header(name).is_empty(), "{name}");
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}");
    }
    refused.expect_problem(429, "rate_limited");
    let answer = from(APP, preflight(&app, "/users/me")).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT, "still answered");
    // A plain OPTIONS is a request like any other.
    let options = app.request(Method::OPTIONS, "/users/me");
    assert_eq!(options.answer().await.status, StatusCode::TOO_MANY_REQUESTS);
}
