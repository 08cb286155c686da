//! What a session of a narrow scope may do: exactly what the specification says.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::records::user_who_may;
use crate::support::{Answer, PASSWORD, Send, Session, TestApp};

async fn login(app: &TestApp, username: &str, scope: &str) -> Session {
    let form = [
        ("username", username),
        ("password", PASSWORD),
        ("scope", scope),
    ];
    let answer = app.post("/auth/token").form(&form).answer().await;
    Session::of(&answer.expect(StatusCode::OK))
}

/// An operation that needs a bearer token, with the scope that the specification says it needs.
struct Guarded {
    method: Method,
    path: String,
    is_form: bool,
    scope: Option<String>,
}

fn guarded() -> Vec<Guarded> {
    let document: Value = serde_json::from_str(&vestibule::api::document()).expect("JSON");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let security = operation["security"].as_array().expect("security");
            let password = security
                .iter()
                .find_map(|one| one["PasswordAuth"].as_array());
            let Some(scopes) = password else { continue };
            assert!(scopes.len() < 2, "{path}");
            let form = "application/x-www-form-urlencoded";
            found.push(Guarded {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.replace("{id}", "0190163d-8694-739b-aea5-966c26f8ad91"),
                is_form: !operation["requestBody"]["content"][form].is_null(),
                scope: scopes
                    .first()
                    .map(|scope| scope.as_str().expect("text").to_owned()),
            });
        }
    }
    assert!(found.len() > 14);
    found
}

impl Guarded {
    /// With a body in which everything is missing: the scope is looked at before it.
    async fn send(&self, app: &TestApp, session: &Session) -> Answer {
        let request = app.request(self.method.clone(), &self.path);
        let request = request.bearer_auth(&session.access);
        match (&self.method, self.is_form) {
            (&Method::GET, _) => request.answer().await,
            (_, true) => request.form(&[("x", "y")]).answer().await,
            (_, false) => request.json(&json!({})).answer().await,
        }
    }
}

/// RFC 6750 §3.1. ASVS 8.2.1, 10.3.2.
#[tokio::test]
async fn each_operation_asks_for_the_scope_that_is_published_and_no_other() {
    let app = TestApp::spawn().await;
    app.admin("root").await;
    for operation in guarded() {
        let name = format!("{} {}", operation.method, operation.path);
        let other = login(&app, "root", "audit:read").await;
        let answer = operation.send(&app, &other).await;
        match &operation.scope {
            Some(scope) => {
                let challenge = answer.header("www-authenticate");
                assert!(
                    challenge.contains(r#"error="insufficient_scope""#),
                    "{name}: {challenge}"
                );
                assert!(
                    challenge.contains(&format!("scope=\"{scope}\"")),
                    "{name}: {challenge}"
                );
                answer.expect_problem(403, "insufficient_scope");
                let exact = login(&app, "root", scope).await;
                let answer = operation.send(&app, &exact).await;
                assert_ne!(
                    answer.status,
                    StatusCode::FORBIDDEN,
                    "{name}: {}",
                    answer.text
                );
            }
            None => assert_ne!(
                answer.status,
                StatusCode::FORBIDDEN,
                "{name}: {}",
                answer.text
            ),
        }
    }
}

#[tokio::test]
async fn a_session_without_the_account_ends_itself_and_no_other() {
    let app = TestApp::spawn().await;
    let whole = user_who_may(&app, "ada", &["users:read"]).await;
    let narrow = login(&app, "ada", "users:read").await;
    let logout = |session: &Session, query: &str| {
        app.post(&format!("/auth/logout{query}"))
            .bearer_auth(&session.access)
            .answer()
    };
    for query in ["?scope=others", "?scope=all"] {
        let answer = logout(&narrow, query).await;
        assert!(
            answer
                .header("www-authenticate")
                .contains(r#"scope="account""#)
        );
        answer.expect_problem(403, "insufficient_scope");
    }
    assert!(app.is_alive(&whole).await && app.is_alive(&narrow).await);
    logout(&narrow, "").await.expect(StatusCode::NO_CONTENT);
    assert!(!app.is_alive(&narrow).await && app.is_alive(&whole).await);
}

/// A session that may change users is no way round the scope of the own account.
#[tokio::test]
async fn the_own_account_among_the_users_needs_its_scope_too() {
    let app = TestApp::spawn().await;
    user_who_may(&app, "ada", &["users:write"]).await;
    let narrow = login(&app, "ada", "users:write").await;
    let me = app
        .get("/users/me")
        .bearer_auth(&narrow.access)
        .answer()
        .await;
    let id = me.expect(StatusCode::OK)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let path = format!("/users/{id}");
    let change = app.patch(&path).json(&json!({ "full_name": "Ada" }));
    let link = app.post(&format!("{path}/password-reset"));
    for request in [change, link, app.delete(&path)] {
        let answer = request.bearer_auth(&narrow.access).answer().await;
        assert!(
            answer
                .header("www-authenticate")
                .contains(r#"scope="account""#)
        );
        answer.expect_problem(403, "insufficient_scope");
    }
}

/// RFC 6749 §6.
#[tokio::test]
async fn a_refresh_does_not_bring_the_account_back() {
    let app = TestApp::spawn().await;
    user_who_may(&app, "ada", &["users:read"]).await;
    let narrow = login(&app, "ada", "users:read").await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", narrow.refresh.as_str()),
        ("scope", "account users:read"),
    ];
    let wider = app.post("/auth/token").form(&form).answer().await;
    wider.expect_oauth_error("invalid_scope");
    let refreshed = app.refresh(&narrow.refresh).await.expect(StatusCode::OK);
    assert_eq!(refreshed["scope"], "users:read");
}
