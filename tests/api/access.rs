//! Who is let in: every operation that needs a bearer token, with none, a wrong one and a forged one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use vestibule::config::Secret;
use vestibule::token::{Keys, SecretKey};

use crate::support::{Answer, Send, Session, TestApp};

const ID: &str = "0190163d-8694-739b-aea5-966c26f8ad91";

/// Every operation that needs a bearer token.
fn guarded(app: &TestApp) -> Vec<RequestBuilder> {
    let user = format!("/users/{ID}");
    let body = json!({ "anything": "at all" });
    vec![
        app.post("/auth/logout"),
        app.post("/auth/introspect").form(&[("token", "x")]),
        app.post("/auth/reauthenticate").json(&body),
        app.get("/users/me"),
        app.put("/users/me").json(&body),
        app.patch("/users/me").json(&body),
        app.delete("/users/me"),
        app.put("/users/me/password").json(&body),
        app.post("/users/me/email").json(&body),
        app.get("/users"),
        app.post("/users").json(&body),
        app.get(&user),
        app.patch(&user).json(&body),
        app.delete(&user),
        app.put(&format!("{user}/roles")).json(&body),
        app.post(&format!("{user}/password-reset")),
        app.post(&format!("{user}/password-reset/mail")),
    ]
}

/// Keeps the list above whole.
#[test]
fn every_operation_with_security_is_guarded_here() {
    let document: Value = serde_json::from_str(&vestibule::api::document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").values();
    let operations = paths.flat_map(|path| path.as_object().expect("operations").values());
    let secured = operations.filter(|operation| operation["security"] != json!([]));
    assert_eq!(secured.count(), 17);
}

/// RFC 6750 §3. ASVS 8.3.1.
#[tokio::test]
async fn without_a_token_nobody_gets_in() {
    let app = TestApp::spawn().await;
    for request in guarded(&app) {
        let answer = request.answer().await;
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="vestibule""#
        );
        answer.expect_problem(401, "not_authenticated");
    }
}

#[tokio::test]
async fn with_a_token_that_is_none_nobody_gets_in() {
    let app = TestApp::spawn().await;
    for request in guarded(&app) {
        let answer = request.bearer_auth("a.b.c").answer().await;
        assert_eq!(
            answer.header("www-authenticate"),
            r#"Bearer realm="vestibule", error="invalid_token""#
        );
        answer.expect_problem(401, "invalid_access_token");
    }
}

#[tokio::test]
async fn the_token_comes_in_one_header_of_one_scheme() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let with = |value: String| app.get("/users/me").header("authorization", value).answer();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        with(format!("{scheme} {}", session.access))
            .await
            .expect(StatusCode::OK);
    }
    for value in [
        String::new(),
        "Bearer".to_owned(),
        session.access.clone(),
        format!("Basic {}", session.access),
        format!("Token {}", session.access),
        "Basic YWRhOnBhc3N3b3Jk".to_owned(),
    ] {
        with(value).await.expect_problem(401, "not_authenticated");
    }
    let twice = app
        .get("/users/me")
        .bearer_auth(&session.access)
        .bearer_auth(&session.access);
    twice
        .answer()
        .await
        .expect_problem(401, "not_authenticated");
    let in_query = format!("/users/me?access_token={}", session.access);
    app.get(&in_query)
        .answer()
        .await
        .expect_problem(401, "not_authenticated");
}

/// The key of the service under test signs what this makes.
struct Forger {
    keys: Keys,
    header: Value,
    claims: Value,
}

impl Forger {
    fn of(session: &Session) -> Self {
        let part = |index: usize| -> Value {
            let part = session.access.split('.').nth(index).expect("a part");
            let bytes = URL_SAFE_NO_PAD.decode(part).expect("base64");
            serde_json::from_slice(&bytes).expect("JSON")
        };
        let secret = Secret::new("test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952");
        Self {
            keys: Keys::derive(&SecretKey::new(secret)),
            header: part(0),
            claims: part(1),
        }
    }

    fn sign(&self, header: &Header, claims: &Value, key: &[u8]) -> String {
        encode(header, claims, &EncodingKey::from_secret(key)).expect("signs")
    }

    fn header(&self) -> Header {
        Header {
            typ: self.header["typ"].as_str().map(str::to_owned),
            kid: self.header["kid"].as_str().map(str::to_owned),
            ..Header::new(Algorithm::HS256)
        }
    }

    /// Signed with the right key, one claim put in, replaced, or (with `null`) left out.
    fn with_claim(&self, name: &str, value: impl Into<Value>) -> String {
        let mut claims = self.claims.clone();
        let value = value.into();
        if value.is_null() {
            claims.as_object_mut().expect("claims").remove(name);
        } else {
            claims[name] = value;
        }
        self.sign(&self.header(), &claims, self.keys.access_token.as_slice())
    }

    /// Signed with the right key under another header.
    fn with_header(&self, header: &Header) -> String {
        self.sign(header, &self.claims, self.keys.access_token.as_slice())
    }
}

async fn try_token(app: &TestApp, token: &str) -> Answer {
    app.get("/users/me").bearer_auth(token).answer().await
}

/// The forger can do it right, so that what fails below fails for its one difference.
#[tokio::test]
async fn a_token_made_with_the_right_key_gets_in() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let forger = Forger::of(&session);
    let token = forger.with_header(&forger.header());
    try_token(&app, &token).await.expect(StatusCode::OK);
}

/// DESIGN §6: no algorithm confusion, no `none`. ASVS 9.1.1, 9.1.2.
#[tokio::test]
async fn a_token_of_another_algorithm_or_key_is_refused() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let forger = Forger::of(&session);
    let parts: Vec<&str> = session.access.split('.').collect();
    let mut tokens = vec![
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        forger.sign(&forger.header(), &forger.claims, b"another key"),
        forger.sign(&forger.header(), &forger.claims, b""),
        forger.sign(
            &forger.header(),
            &forger.claims,
            b"test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952",
        ),
    ];
    for alg in ["none", "None", "NONE", "", "RS256", "ES256", "HS384"] {
        let mut header = forger.header.clone();
        header["alg"] = alg.into();
        let header = URL_SAFE_NO_PAD.encode(header.to_string());
        tokens.push(format!("{header}.{}.", parts[1]));
        tokens.push(format!("{header}.{}.{}", parts[1], parts[2]));
    }
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let header = Header {
            alg: algorithm,
            ..forger.header()
        };
        tokens.push(forger.with_header(&header));
    }
    for token in tokens {
        try_token(&app, &token)
            .await
            .expect_problem(401, "invalid_access_token");
    }
}

/// DESIGN §6: no token of another type or audience. ASVS 9.2.2, 9.2.3, 10.3.1.
#[tokio::test]
async fn a_token_of_another_type_issuer_or_audience_is_refused() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let other = app.user("bob").await;
    let forger = Forger::of(&session);
    let mut tokens = vec![
        session.refresh.clone(),
        forger.with_claim("aud", "https://other.example.com"),
        forger.with_claim("aud", json!(["https://other.example.com"])),
        forger.with_claim("aud", Value::Null),
        forger.with_claim("iss", "https://other.example.com"),
        forger.with_claim("iss", Value::Null),
        forger.with_claim("sub", ID),
        forger.with_claim("sub", Forger::of(&other).claims["sub"].clone()),
        forger.with_claim("sub", Value::Null),
        forger.with_claim("sid", ID),
        forger.with_claim("sid", Value::Null),
        forger.with_claim("exp", Value::Null),
    ];
    for typ in [None, Some("JWT"), Some("refresh+jwt"), Some("")] {
        tokens.push(forger.with_header(&Header {
            typ: typ.map(str::to_owned),
            ..forger.header()
        }));
    }
    for kid in [None, Some("unknown"), Some("../../dev/null"), Some("")] {
        tokens.push(forger.with_header(&Header {
            kid: kid.map(str::to_owned),
            ..forger.header()
        }));
    }
    for token in tokens {
        try_token(&app, &token)
            .await
            .expect_problem(401, "invalid_access_token");
    }
}

/// ASVS 9.2.1.
#[tokio::test]
async fn a_token_is_good_from_its_first_second_to_its_last() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let forger = Forger::of(&session);
    let now = forger.claims["iat"].as_i64().expect("seconds");
    for (claim, seconds, status) in [
        ("exp", now + 1, 200),
        ("exp", now, 401),
        ("exp", now - 1, 401),
        // A minute of leeway for clocks that differ.
        ("nbf", now, 200),
        ("nbf", now + 60, 200),
        ("nbf", now + 61, 401),
        ("iat", now + 60, 200),
        ("iat", now + 61, 401),
    ] {
        let token = forger.with_claim(claim, seconds);
        let answer = try_token(&app, &token).await;
        assert_eq!(answer.status.as_u16(), status, "{claim} {seconds}");
    }
    app.advance(Duration::from_secs(1));
    let token = forger.with_claim("nbf", now + 61);
    try_token(&app, &token).await.expect(StatusCode::OK);
}

/// What a token says of permissions is not believed: the database is asked. ASVS 8.3.2.
#[tokio::test]
async fn a_scope_in_a_token_grants_nothing() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let token = Forger::of(&session).with_claim("scope", "account users:read");
    app.request(Method::GET, "/users")
        .bearer_auth(token)
        .answer()
        .await
        .expect_problem(403, "permission_denied");
}
