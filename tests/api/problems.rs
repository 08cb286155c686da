//! The pages that explain the codes of problems, where the `type` of a problem leads to.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::docs::links;
use crate::front::expect_problem;
use crate::support::specification::DOCUMENT;
use crate::support::{Send, TestApp};

/// The codes that the specification names, wherever it does.
fn codes() -> BTreeSet<String> {
    let responses = DOCUMENT["components"]["responses"].as_object();
    let contents = responses.expect("responses").values();
    let examples = contents.flat_map(|response| {
        response["content"]
            .as_object()
            .into_iter()
            .flat_map(|content| content.values())
            .flat_map(|content| content["examples"].as_object())
            .flat_map(|examples| examples.values())
    });
    let codes = examples.filter_map(|example| example["value"]["code"].as_str());
    codes.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_code_has_a_page() {
    let app = TestApp::spawn().await;
    let list = app.get("/problems").answer().await;
    assert_eq!(list.status, StatusCode::OK);
    let listed = links("/problems", &list.text);
    let codes = codes();
    assert!(codes.len() > 20, "{codes:?}");
    for code in codes {
        let path = format!("/problems/{code}");
        assert!(listed.contains(&path), "{code} is not listed");
        for path in [path.clone(), format!("{path}/")] {
            let page = app.get(&path).answer().await;
            assert_eq!(page.status, StatusCode::OK, "{path}");
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            let policy = page.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            assert!(!policy.contains("script") && !policy.contains("unsafe"));
            for text in [&code[..], "What it means", "What to do"] {
                assert!(page.text.contains(text), "{path}: {}", page.text);
            }
            assert!(!page.text.contains('{'), "{}", page.text);
            for link in links(&path, &page.text) {
                let answer = app.get(&link).answer().await;
                assert_eq!(answer.status, StatusCode::OK, "{path} leads to {link}");
            }
        }
    }
}

#[tokio::test]
async fn unknown_code_is_not_found() {
    let app = TestApp::spawn().await;
    for path in [
        "/problems/nothing",
        "/problems/not_found/x",
        "/problems/NOT_FOUND",
        "/problems//",
        "/problemsx",
    ] {
        expect_problem(app.get(path).answer().await, 404, "not_found");
    }
    let post = app.post("/problems/not_found").answer().await;
    expect_problem(post, 405, "method_not_allowed");
    let head = app.request(Method::HEAD, "/problems/not_found");
    assert_eq!(head.answer().await.status, StatusCode::OK);
}

#[tokio::test]
async fn type_leads_to_the_page_of_the_code() {
    let app = TestApp::spawn().await;
    let unknown = app.try_login("nobody", "a wrong password").await;
    assert!(
        unknown.json().get("type").is_none(),
        "RFC 6749 has no types"
    );
    for request in [
        app.get("/users/me"),
        app.get("/users/me").bearer_auth("x"),
        app.get("/nothing"),
        app.post("/healthz"),
        app.post("/auth/register"),
        app.post("/auth/token").body("x"),
    ] {
        let body: Value = request.answer().await.json();
        let kind = body["type"].as_str().expect("a type");
        let code = body["code"].as_str().expect("a code");
        assert_eq!(kind, format!("/problems/{code}"));
        let page = app.get(kind).answer().await;
        assert_eq!(page.status, StatusCode::OK, "{kind}");
        assert!(page.text.contains(body["title"].as_str().expect("a title")));
    }
}
