//! A path in `PUBLIC_URL`, behind a proxy that takes it off.

use std::collections::BTreeSet;

use reqwest::{Client, Response, StatusCode, Url};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::{PASSWORD, TestApp};

const PREFIX: &str = "/auth-service";

/// A service behind a proxy, and the URL by which clients know it.
struct Behind {
    app: TestApp,
    url: String,
    client: Client,
}

impl Behind {
    async fn spawn() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let proxy = listener.local_addr().expect("an address");
        let url = format!("http://{proxy}{PREFIX}");
        let app =
            TestApp::spawn_with(&[("PUBLIC_URL", &url), ("MAIL_FROM", "accounts@example.com")])
                .await;
        let service = app.url.strip_prefix("http://").expect("http").to_owned();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(forward(stream, service.clone()));
            }
        });
        let client = app.client.clone();
        Self { app, url, client }
    }

    fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    async fn get(&self, url: impl reqwest::IntoUrl) -> Response {
        self.client.get(url).send().await.expect("an answer")
    }

    async fn login(&self, username: &str) -> String {
        let form = [("username", username), ("password", PASSWORD)];
        let request = self.client.post(self.at("/auth/token")).form(&form);
        let answer: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        answer["access_token"].as_str().expect("a token").to_owned()
    }
}

/// One request, without the prefix; what has none is not for the service.
async fn forward(mut client: TcpStream, service: String) -> Option<()> {
    let mut received = Vec::new();
    while !received.windows(4).any(|end| end == b"\r\n\r\n") {
        if client.read_buf(&mut received).await.ok()? == 0 {
            return None;
        }
    }
    let received = String::from_utf8(received).ok()?;
    let (line, rest) = received.split_once("\r\n")?;
    let (method, target) = line.split_once(' ')?;
    let Some(path) = target.strip_prefix(PREFIX) else {
        let refusal = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        return client.write_all(refusal.as_bytes()).await.ok();
    };
    let slash = if path.starts_with('/') { "" } else { "/" };
    let head = format!("{method} {slash}{path}\r\nconnection: close\r\n{rest}");
    let mut service = TcpStream::connect(service).await.ok()?;
    service.write_all(head.as_bytes()).await.ok()?;
    copy_bidirectional(&mut client, &mut service).await.ok()?;
    Some(())
}

/// The addresses that a page names.
fn links(page: &Url, text: &str) -> Vec<Url> {
    let values = [" src=\"", " href=\""].map(|start| text.split(start).skip(1));
    let values = values.into_iter().flatten();
    let links = values.filter_map(|rest| rest.split('"').next());
    let links = links.filter(|link| !link.starts_with("data:"));
    links.map(|link| page.join(link).expect("a link")).collect()
}

/// From its root, without one and from pages asked for with a slash at the end.
#[tokio::test]
async fn every_link_stays_below_the_prefix_and_leads_somewhere() {
    let behind = Behind::spawn().await;
    let starts = ["", "/", "/docs/", "/reference/", "/problems/"];
    let mut waiting: Vec<Url> = starts
        .iter()
        .map(|path| behind.at(path).parse().expect("a URL"))
        .collect();
    let mut seen = BTreeSet::new();
    while let Some(url) = waiting.pop() {
        if !seen.insert(url.clone()) {
            continue;
        }
        assert!(url.as_str().starts_with(&behind.url), "{url} is elsewhere");
        let answer = behind.get(url.clone()).await;
        if answer.status().is_redirection() {
            let location = answer.headers()["location"].to_str().expect("text");
            waiting.push(url.join(location).expect("a URL"));
            continue;
        }
        assert_eq!(answer.status(), StatusCode::OK, "{url}");
        let kind = answer.headers()["content-type"].to_str().expect("text");
        if kind.starts_with("text/html") {
            let text = answer.text().await.expect("a page");
            waiting.extend(links(&url, &text));
        }
    }
    for path in [
        "/docs",
        "/reference",
        "/problems/not_found",
        "/openapi.json",
    ] {
        let url = behind.at(path).parse().expect("a URL");
        assert!(seen.contains(&url), "nothing leads to {path}");
    }
}

#[tokio::test]
async fn specification_names_the_public_url() {
    let behind = Behind::spawn().await;
    for path in ["/openapi.json", "/openapi-3.1.json"] {
        let document: Value = behind
            .get(behind.at(path))
            .await
            .json()
            .await
            .expect("JSON");
        let servers = document["servers"].as_array().expect("servers");
        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0]["url"], behind.url);
        let flow = &document["components"]["securitySchemes"]["PasswordAuth"]["flows"]["password"];
        for name in ["tokenUrl", "refreshUrl"] {
            assert_eq!(flow[name], behind.at("/auth/token"));
        }
    }
}

#[tokio::test]
async fn places_of_resources_have_the_prefix() {
    let behind = Behind::spawn().await;
    behind.app.admin("root").await;
    let token = behind.login("root").await;
    let account = json!({ "email": "ada@example.com", "username": "ada", "password": PASSWORD });
    let create = || {
        let request = behind.client.post(behind.at("/users")).bearer_auth(&token);
        request.header("idempotency-key", "one").json(&account)
    };
    let mut places = Vec::new();
    for _ in 0..2 {
        let created = create().send().await.expect("an answer");
        assert_eq!(created.status(), StatusCode::CREATED);
        places.push(created.headers()["location"].clone());
    }
    assert_eq!(places[0], places[1], "a replayed answer is the same");
    let place = places[0].to_str().expect("text");
    let url: Url = behind.at("/users").parse().expect("a URL");
    let url = url.join(place).expect("a URL");
    let patch = behind.client.patch(url.clone()).bearer_auth(&token);
    let patched = patch.json(&json!({ "full_name": "Ada" })).send().await;
    let patched = patched.expect("an answer");
    assert_eq!(patched.status(), StatusCode::OK, "{url}");
    assert_eq!(patched.headers()["content-location"], place);
}

#[tokio::test]
async fn type_of_a_problem_is_absolute() {
    let behind = Behind::spawn().await;
    for path in ["/nothing", "/users/me"] {
        let body: Value = behind
            .get(behind.at(path))
            .await
            .json()
            .await
            .expect("JSON");
        let kind = body["type"].as_str().expect("a type");
        assert!(kind.starts_with(&behind.at("/problems/")), "{kind}");
        let page = behind.get(kind).await.text().await.expect("a page");
        assert!(page.contains(body["code"].as_str().expect("a code")));
    }
}

#[tokio::test]
async fn links_of_mails_and_their_forms_work() {
    let behind = Behind::spawn().await;
    behind.app.register("ada").await;
    let mail = behind.app.mail("verify_email", "ada@example.com").await;
    let start = behind.at("/verify-email?token=");
    let link = mail.text.lines().find(|line| line.starts_with(&start));
    let mut link: Url = link.expect("a link").trim().parse().expect("a URL");
    let page = behind.get(link.clone()).await.text().await.expect("a page");
    assert!(
        page.contains(r#"<form method="post" action="?">"#),
        "{page}"
    );
    // The form is sent to the address of its page without the query.
    link.set_query(None);
    let pressed = behind
        .client
        .post(link)
        .form(&[("token", mail.token())])
        .send()
        .await
        .expect("an answer");
    assert_eq!(pressed.status(), StatusCode::OK);
}
