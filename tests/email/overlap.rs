//! Requests of the stranger who created the account of another's address, at the moment when its owner logs in: what had not been done
//! before is not done any more.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;
use vestibule::domain::email::outbox;

use crate::database;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

const ADA: &str = "ada@example.com";
const EVES: &str = "eve@example.org";
const OWNERS: &str = "an owner's long password";

/// Longest wait for what has to come: many times what it takes.
const PATIENCE_MS: u32 = 10_000;

/// How the owner comes.
#[derive(Debug, Clone, Copy)]
enum Owner {
    LogsInByCode,
    ResetsThePassword,
    SecuresTheAccount,
}

/// What the other does meanwhile.
#[derive(Debug, Clone, Copy)]
enum Stranger {
    ChangesThePassword,
    WantsAnotherAddress,
    DeletesTheAccount,
    EndsAllSessions,
}

struct Account {
    app: TestApp,
    stranger: Session,
    /// The code, or a token.
    key: String,
    /// Of the request for the code.
    handle: String,
}

async fn account(owner: Owner) -> Account {
    let app = TestApp::spawn_with(&[("EMAIL_LOGIN_ENABLED", "true")]).await;
    let stranger = app.user("ada").await;
    let request = async |path: &str| {
        let request = app.post(path).json(&json!({ "email": ADA }));
        let body = request.answer().await.expect(StatusCode::ACCEPTED);
        body["handle"].as_str().unwrap_or_default().to_owned()
    };
    let mut handle = String::new();
    let key = match owner {
        Owner::LogsInByCode => {
            handle = request("/auth/email-login/request").await;
            app.mail("login_code", ADA).await.code()
        }
        Owner::ResetsThePassword => {
            request("/auth/password-reset/request").await;
            app.mail("password_reset", ADA).await.token()
        }
        Owner::SecuresTheAccount => {
            crate::notices::login_from(&app, "Firefox").await;
            app.mail("new_device", ADA).await.token()
        }
    };
    Account {
        app,
        stranger,
        key,
        handle,
    }
}

impl Account {
    async fn owner_comes(&self, owner: Owner) -> Answer {
        let (path, body) = match owner {
            Owner::LogsInByCode => (
                "/auth/email-login",
                json!({ "handle": self.handle, "code": self.key }),
            ),
            Owner::ResetsThePassword => (
                "/auth/password-reset",
                json!({ "token": self.key, "new_password": OWNERS }),
            ),
            Owner::SecuresTheAccount => ("/auth/secure-account", json!({ "token": self.key })),
        };
        self.app.post(path).json(&body).answer().await
    }

    async fn stranger_acts(&self, stranger: Stranger) -> Answer {
        let request = match stranger {
            Stranger::ChangesThePassword => self
                .app
                .put("/users/me/password")
                .json(&json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD })),
            Stranger::WantsAnotherAddress => self
                .app
                .post("/users/me/email")
                .json(&json!({ "new_email": EVES, "current_password": PASSWORD })),
            Stranger::DeletesTheAccount => self.app.delete("/users/me"),
            Stranger::EndsAllSessions => self.app.post("/auth/logout?scope=all"),
        };
        request.bearer_auth(&self.stranger.access).answer().await
    }

    /// Fails unless the account is its owner's alone.
    async fn is_the_owners(&self, came: Answer, what: &str) {
        assert!(came.status.is_success(), "{what}: {}", came.text);
        if came.text.contains("access_token") {
            let session = Session::of(&came.json());
            assert!(self.app.is_alive(&session).await, "{what}");
        }
        assert!(!self.app.is_alive(&self.stranger).await, "{what}");
        for password in [PASSWORD, OTHER_PASSWORD] {
            let login = self.app.try_login("ada", password).await;
            assert_eq!(login.status, StatusCode::BAD_REQUEST, "{what}");
        }
        let wanted = self.app.mails_of("email_change", EVES).await;
        for mail in wanted {
            let confirmed = crate::change::confirm(&self.app, &mail.token()).await;
            assert_eq!(confirmed.status, StatusCode::BAD_REQUEST, "{what}");
        }
    }
}

/// How many wait for a lock.
async fn waiting(app: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    crate::records::count(app, sql, &[]).await
}

pub async fn until_they_wait(app: &TestApp, number: i64) {
    for _ in 0..PATIENCE_MS {
        if waiting(app).await >= number {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{number} do not wait");
}

/// On PostgreSQL both have begun, and the owner is the first to be let go on; on SQLite one comes after the other by itself, and
/// the owner is first as well.
#[tokio::test]
async fn requests_of_ended_sessions_change_nothing() {
    for owner in [
        Owner::LogsInByCode,
        Owner::ResetsThePassword,
        Owner::SecuresTheAccount,
    ] {
        for stranger in [
            Stranger::ChangesThePassword,
            Stranger::WantsAnotherAddress,
            Stranger::DeletesTheAccount,
            Stranger::EndsAllSessions,
        ] {
            let what = format!("{owner:?}, {stranger:?}");
            let account = account(owner).await;
            let app = &account.app;
            let (came, acted) = if database::on_postgresql() {
                let session = app.database.session();
                session.run("BEGIN; SELECT 1 FROM users WHERE username = 'ada' FOR NO KEY UPDATE");
                let coming = account.owner_comes(owner);
                let acting = async {
                    until_they_wait(app, 1).await;
                    let acting = account.stranger_acts(stranger);
                    let letting = async {
                        until_they_wait(app, 2).await;
                        session.run("COMMIT");
                    };
                    tokio::join!(acting, letting).0
                };
                tokio::join!(coming, acting)
            } else {
                let came = account.owner_comes(owner).await;
                (came, account.stranger_acts(stranger).await)
            };
            assert_eq!(acted.status, StatusCode::UNAUTHORIZED, "{what}");
            account.is_the_owners(came, &what).await;
        }
    }
}

/// A mail that is being made when the owner comes carries a token that is worth nothing.
#[tokio::test]
async fn a_mail_for_another_address_that_is_late_is_worth_nothing() {
    let account = account(Owner::LogsInByCode).await;
    let services = &account.app.services;
    services.outbox.close();
    account
        .stranger_acts(Stranger::WantsAnotherAddress)
        .await
        .expect(StatusCode::ACCEPTED);
    let claim = outbox::claim(services).await.expect("reads");
    let delivering = outbox::deliver(services, claim.expect("is due"));
    let came = if database::on_postgresql() {
        let session = account.app.database.session();
        session.run("BEGIN; SELECT 1 FROM users WHERE username = 'ada' FOR NO KEY UPDATE");
        let delivering = async {
            until_they_wait(&account.app, 1).await;
            delivering.await
        };
        let letting = async {
            until_they_wait(&account.app, 2).await;
            session.run("COMMIT");
        };
        let coming = account.owner_comes(Owner::LogsInByCode);
        let (came, delivered, ()) = tokio::join!(coming, delivering, letting);
        delivered.expect("delivers");
        came
    } else {
        let came = account.owner_comes(Owner::LogsInByCode).await;
        delivering.await.expect("delivers");
        came
    };
    while let Some(claim) = outbox::claim(services).await.expect("reads") {
        outbox::deliver(services, claim).await.expect("delivers");
    }
    account.is_the_owners(came, "late").await;
}
