//! A whole service for a test: a real server on a free port, its own database, a clock that moves when told.
//! Every answer is held against the specification: a status, a body or a header that it does not tell of fails the test
//! that saw it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use vestibule::app::App;
use vestibule::clock::{ManualClock, Timestamp};
use vestibule::config::{Secret, Settings, Source};
use vestibule::domain::{Email, Password, Services, Username, users};
use vestibule::ids::SystemRandom;

use self::specification::Received;
use crate::database::TestDatabase;

pub mod mails;
pub mod specification;

/// A password that the service finds strong.
pub const PASSWORD: &str = "correct horse battery staple";
/// Another one.
pub const OTHER_PASSWORD: &str = "seven purple elephants dancing";

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A running service.
pub struct TestApp {
    pub url: String,
    /// Of the address for metrics alone, if there is one.
    pub metrics_url: Option<String>,
    pub clock: Arc<ManualClock>,
    pub services: Arc<Services>,
    pub client: reqwest::Client,
    _stop: oneshot::Sender<()>,
    /// Where mails are written to.
    pub outbox: tempfile::TempDir,
    // Dropped last.
    pub database: TestDatabase,
}

/// The tokens of a login.
#[derive(Debug, Clone)]
pub struct Session {
    pub access: String,
    pub refresh: String,
}

/// An answer, read to its end.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl TestApp {
    /// A service without rate limits.
    pub async fn spawn() -> Self {
        Self::spawn_with(&[]).await
    }

    /// A service with these settings; rate limits are off unless they are among them.
    pub async fn spawn_with(settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::migrated();
        let outbox = tempfile::tempdir().expect("a folder");
        let folder = outbox.path().to_string_lossy().into_owned();
        let mut pairs = vec![
            ("MAIL_OUTBOX_DIR", folder.as_str()),
            ("DATABASE_URL", database.url()),
            ("SECRET_KEY", "test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952"),
            ("BCRYPT_COST", "4"),
            ("PORT", "0"),
            ("RATE_LIMIT_ENABLED", "false"),
        ];
        pairs.retain(|(name, _)| settings.iter().all(|(other, _)| other != name));
        pairs.extend(settings);
        let settings = Settings::read(&mut Source::of(&pairs)).expect("valid settings");
        let clock = Arc::new(ManualClock::at(START));
        let app = App::build(settings, clock.clone(), Arc::new(SystemRandom)).expect("builds");
        let services = app.services.clone();
        let bound = app.bind().await.expect("binds");
        let url = format!("http://{}", bound.address);
        let metrics_url = bound
            .metrics_address()
            .map(|address| format!("http://{address}/metrics"));
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(bound.serve(async {
            let _ = stopped.await;
        }));
        Self {
            url,
            metrics_url,
            clock,
            services,
            client: reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .expect("a client"),
            _stop: stop,
            outbox,
            database,
        }
    }

    /// Moves the service's clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    pub fn put(&self, path: &str) -> RequestBuilder {
        self.request(Method::PUT, path)
    }

    pub fn patch(&self, path: &str) -> RequestBuilder {
        self.request(Method::PATCH, path)
    }

    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    /// Registers `name@example.com` with [`PASSWORD`]; the account.
    pub async fn register(&self, name: &str) -> Value {
        let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
        let body = self.post("/auth/register").json(&body).answer().await;
        let mut body = body.expect(StatusCode::CREATED);
        assert_eq!(body["status"], "created");
        body["user"].take()
    }

    /// The answer of the password grant.
    pub async fn try_login(&self, username: &str, password: &str) -> Answer {
        self.post("/auth/token")
            .form(&[("username", username), ("password", password)])
            .answer()
            .await
    }

    /// Logs in with [`PASSWORD`].
    pub async fn login(&self, username: &str) -> Session {
        Session::of(
            &self
                .try_login(username, PASSWORD)
                .await
                .expect(StatusCode::OK),
        )
    }

    /// Registers and logs in.
    pub async fn user(&self, name: &str) -> Session {
        self.register(name).await;
        self.login(name).await
    }

    /// Makes an administrator and logs him in.
    pub async fn admin(&self, name: &str) -> Session {
        let email = Email::parse("email", &format!("{name}@example.com")).expect("an address");
        let username = Username::parse("username", name).expect("a name");
        let password = Password::parse("password", Secret::new(PASSWORD)).expect("a password");
        users::create_admin(&self.services, email, username, password)
            .await
            .expect("creates");
        self.login(name).await
    }

    /// The answer to `POST /auth/refresh`.
    pub async fn refresh(&self, token: &str) -> Answer {
        self.post("/auth/refresh")
            .json(&json!({ "refresh_token": token }))
            .answer()
            .await
    }

    /// Whether the access token is still good.
    pub async fn is_alive(&self, session: &Session) -> bool {
        match self
            .get("/users/me")
            .bearer_auth(&session.access)
            .answer()
            .await
            .status
        {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            status => panic!("{status}"),
        }
    }
}

impl Session {
    pub fn of(token: &Value) -> Self {
        let text = |name: &str| token[name].as_str().expect("a text").to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
        }
    }
}

/// Sends a request and checks its answer against the specification.
pub trait Send {
    fn answer(self) -> impl Future<Output = Answer>;
}

impl Send for RequestBuilder {
    async fn answer(self) -> Answer {
        let (client, request) = self.build_split();
        let request = request.expect("a request");
        let (method, path) = (request.method().clone(), request.url().path().to_owned());
        let response = client.execute(request).await.expect("an answer");
        let status = response.status();
        let headers = response.headers().clone();
        let text = response.text().await.expect("a body");
        let received = Received {
            method: method.as_str(),
            path: &path,
            status: status.as_u16(),
            headers: &headers,
            body: &text,
        };
        received.check();
        let answer = Answer {
            status,
            headers,
            text,
        };
        answer.check_manners();
        answer
    }
}

impl Answer {
    /// The JSON body of an answer that must have this status.
    #[track_caller]
    pub fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() {
            Value::Null
        } else {
            self.json()
        }
    }

    /// Checks problem details: status and code. Gives the body.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        body
    }

    /// Checks an error of RFC 6749 §5.2: 400 and its code.
    #[track_caller]
    pub fn expect_oauth_error(self, error: &str) {
        assert_eq!(self.status.as_u16(), 400, "{}", self.text);
        assert_eq!(self.header("content-type"), "application/json");
        let body = self.json();
        assert_eq!(body["error"], error, "{body}");
        assert!(body["error_description"].is_string(), "{body}");
    }

    /// Checks a `validation_failed` problem: exactly these fields and codes, in any order.
    #[track_caller]
    pub fn expect_invalid(self, expected: &[(&str, &str)]) {
        let body = self.expect_problem(422, "validation_failed");
        let errors = body["errors"].as_array().expect("errors");
        let mut found: Vec<(&str, &str)> = errors
            .iter()
            .map(|error| {
                (
                    error["field"].as_str().expect("a field"),
                    error["code"].as_str().expect("a code"),
                )
            })
            .collect();
        let mut expected = expected.to_vec();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{body}");
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// A header as text; empty when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().expect("text"))
    }

    /// What holds for every answer.
    #[track_caller]
    fn check_manners(&self) {
        assert!(!self.header("x-request-id").is_empty());
        assert_eq!(self.header("x-content-type-options"), "nosniff");
        assert_eq!(self.header("referrer-policy"), "no-referrer");
        if self
            .header("content-type")
            .starts_with("application/problem+json")
            && !self.text.is_empty()
        {
            let body = self.json();
            assert_eq!(body["status"], self.status.as_u16(), "{body}");
            assert_eq!(body["request_id"], self.header("x-request-id"), "{body}");
            for member in ["type", "title", "code", "detail"] {
                assert!(body[member].is_string(), "{body}");
            }
        }
        if matches!(self.status.as_u16(), 429 | 503) {
            let seconds: u64 = self.header("retry-after").parse().expect("Retry-After");
            assert!(seconds >= 1);
        }
        if self.status == StatusCode::UNAUTHORIZED {
            assert!(self.header("www-authenticate").starts_with("Bearer"));
        }
    }
}
