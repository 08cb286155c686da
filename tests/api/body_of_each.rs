//! Bodies that are refused before anybody looks at what they say, at every operation that takes one.

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::support::{Answer, Send, Session, TestApp};

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// An operation that takes a body.
struct Operation {
    method: Method,
    path: String,
    content_type: String,
}

/// All of them, as the specification has them.
fn operations() -> Vec<Operation> {
    let document: Value = serde_json::from_str(&vestibule::api::document()).expect("JSON");
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            let Some(content) = operation["requestBody"]["content"].as_object() else {
                continue;
            };
            let content_types: Vec<&String> = content.keys().collect();
            assert_eq!(content_types.len(), 1, "{path}");
            found.push(Operation {
                method: method.to_uppercase().parse().expect("a method"),
                path: path.replace("{id}", "0190163d-8694-739b-aea5-966c26f8ad91"),
                content_type: content_types[0].clone(),
            });
        }
    }
    assert_eq!(found.len(), 22);
    found
}

impl Operation {
    fn request(&self, app: &TestApp, caller: &Session) -> RequestBuilder {
        app.request(self.method.clone(), &self.path)
            .bearer_auth(&caller.access)
    }

    async fn send(
        &self,
        app: &TestApp,
        caller: &Session,
        content_type: &str,
        body: Vec<u8>,
    ) -> Answer {
        self.request(app, caller)
            .header("content-type", content_type)
            .body(body)
            .answer()
            .await
    }
}

/// ASVS 2.2.1.
#[tokio::test]
async fn a_body_of_another_media_type_is_refused() {
    let app = TestApp::spawn().await;
    let caller = app.admin("root").await;
    for operation in operations() {
        let other = if operation.content_type == JSON {
            FORM
        } else {
            JSON
        };
        for content_type in [other, "text/plain", "application/xml", "nonsense", ""] {
            operation
                .send(&app, &caller, content_type, b"{}".to_vec())
                .await
                .expect_problem(415, "unsupported_media_type");
        }
        // With no body at all there is no type to be wrong.
        let answer = operation.request(&app, &caller).answer().await;
        if operation.content_type == JSON {
            answer.expect_problem(400, "malformed_request");
        } else {
            answer.expect_oauth_error("invalid_request");
        }
    }
}

#[tokio::test]
async fn a_body_of_more_than_64_kib_is_refused() {
    let app = TestApp::spawn().await;
    let caller = app.admin("root").await;
    for operation in operations() {
        let body = vec![b' '; 64 * 1024 + 1];
        operation
            .send(&app, &caller, &operation.content_type, body)
            .await
            .expect_problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_it_says_is_refused() {
    let app = TestApp::spawn().await;
    let caller = app.admin("root").await;
    let deep = "[".repeat(30_000);
    for operation in operations() {
        let bodies: &[&[u8]] = if operation.content_type == JSON {
            &[
                b"",
                b"{",
                b"{}}",
                b"null",
                b"\"\xff\"",
                b"{\"\xff\": 1}",
                deep.as_bytes(),
            ]
        } else {
            &[b"", b"token=%ff&username=%ff", b"%ff=x", b"&&&", b"="]
        };
        for body in bodies {
            let content_type = &operation.content_type;
            let answer = operation
                .send(&app, &caller, content_type, body.to_vec())
                .await;
            if content_type == JSON {
                answer.expect_problem(400, "malformed_request");
            } else {
                answer.expect_oauth_error("invalid_request");
            }
        }
    }
}

#[tokio::test]
async fn parameters_of_a_media_type_do_no_harm() {
    let app = TestApp::spawn().await;
    for content_type in [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=\"UTF-8\"",
    ] {
        app.post("/auth/refresh")
            .header("content-type", content_type)
            .body(r#"{"refresh_token": "x"}"#)
            .answer()
            .await
            .expect_problem(401, "invalid_refresh_token");
    }
}
