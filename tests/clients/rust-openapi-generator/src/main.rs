//! The story of tests/clients/README.md, told with the generated client. It knows the service through openapi.json alone.

#![deny(warnings)]

use std::env;
use std::fmt::Debug;

use uuid::Uuid;
use vestibule::apis::configuration::Configuration;
use vestibule::apis::{Error, account_api, auth_api, users_api};
use vestibule::models;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const PASSWORD: &str = "correct horse battery staple";

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    assert_eq!(Configuration::new().base_path, "http://127.0.0.1:8000");
    let story = Story {
        unique: format!("rs2-{}", &Uuid::new_v4().simple().to_string()[..12]),
        nobody: service("BASE_URL")?,
    };
    story.register().await?;
    let token = story.log_in(&story.unique, PASSWORD).await?;
    let token = story.own_account(token).await?;
    story.refusals(&token).await?;
    let (username, password) = (env::var("ADMIN_USERNAME")?, env::var("ADMIN_PASSWORD")?);
    let admin = story.log_in(&username, &password).await?;
    story.administration(&story.bearer(&admin)).await?;
    rate_limit(&service("LIMITED_BASE_URL")?).await;
    tomorrow(&service("FUTURE_BASE_URL")?).await?;
    auth_api::logout(&story.bearer(&token), None).await?;
    story.is_dead(&token).await;
    Ok(())
}

fn service(name: &str) -> Outcome<Configuration> {
    Ok(Configuration {
        base_path: env::var(name)?,
        ..Configuration::new()
    })
}

async fn password_grant(
    at: &Configuration,
    username: &str,
    password: &str,
) -> Result<models::Token, Error<auth_api::IssueTokenError>> {
    let (grant, user) = (Some("password"), Some(username));
    auth_api::issue_token(at, grant, user, Some(password), None, None, None, None).await
}

/// The status and the code of a call that has to be refused.
fn refused<T: Debug, E: Debug>(result: Result<T, Error<E>>) -> (u16, String) {
    match result {
        Err(Error::ResponseError(answer)) => {
            assert!(answer.entity.is_some(), "{}", answer.content);
            let content = answer.content.replace("\": \"", "\":\"");
            let code = ["\"code\":\"", "\"error\":\""]
                .into_iter()
                .find_map(|name| content.split_once(name))
                .and_then(|(_, rest)| rest.split_once('"'))
                .map(|(code, _)| code.to_owned());
            (answer.status.as_u16(), code.expect("a code"))
        }
        other => panic!("not refused: {other:?}"),
    }
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

struct Story {
    unique: String,
    nobody: Configuration,
}

impl Story {
    fn bearer(&self, token: &models::Token) -> Configuration {
        Configuration {
            bearer_access_token: Some(token.access_token.clone()),
            ..self.nobody.clone()
        }
    }

    async fn log_in(&self, username: &str, password: &str) -> Outcome<models::Token> {
        Ok(password_grant(&self.nobody, username, password).await?)
    }

    async fn register(&self) -> Outcome<()> {
        let email = format!("{}@example.com", self.unique);
        let other = format!("{}-2", self.unique);
        let attempt = async |email: &str, username: &str, key: Option<&str>| {
            let body = models::RegisterRequest::new(email.into(), username.into(), PASSWORD.into());
            auth_api::register_user(&self.nobody, body, key).await
        };
        let key = Some(self.unique.as_str());
        let registered = attempt(&email, &self.unique, key).await?;
        assert_eq!(registered.status, "created");
        let user = registered.user.as_ref().ok_or("no user")?;
        assert_eq!(
            (&user.username, &user.roles[..]),
            (&self.unique, &["user".to_owned()][..])
        );
        assert_eq!(attempt(&email, &self.unique, key).await?, registered);
        let reused = refused(attempt(&email, &other, key).await);
        assert_eq!(reused, is(422, "idempotency_key_reused"));
        let same_email = refused(attempt(&email, &other, None).await);
        assert_eq!(same_email, is(409, "email_taken"));
        let same_name = refused(attempt(&format!("2{email}"), &self.unique, None).await);
        assert_eq!(same_name, is(409, "username_taken"));
        let invalid = refused(attempt("no address", "!", None).await);
        assert_eq!(invalid, is(422, "validation_failed"));
        Ok(())
    }

    async fn own_account(&self, token: models::Token) -> Outcome<models::Token> {
        let me = self.bearer(&token);
        let user = account_api::get_current_user(&me, None).await?;
        assert_eq!(user.email, format!("{}@example.com", self.unique));
        let mut update = models::ProfileUpdate::new();
        update.full_name = Some(Some("Ada".to_owned()));
        let changed = account_api::update_current_user(&me, update.clone(), Some("*")).await?;
        assert_eq!(changed.full_name.as_deref(), Some("Ada"));
        let stale = account_api::update_current_user(&me, update, Some("\"other\"")).await;
        assert_eq!(refused(stale), is(412, "precondition_failed"));
        let mut replacement = models::ProfileReplacement::new(self.unique.clone());
        replacement.full_name = Some(Some("Ada Lovelace".to_owned()));
        let replaced = account_api::replace_current_user(&me, replacement, None).await?;
        assert_eq!(replaced.full_name.as_deref(), Some("Ada Lovelace"));
        let body = models::RefreshRequest::new(token.refresh_token.clone());
        let renewed = auth_api::refresh_token(&self.nobody, body).await?;
        assert_ne!(renewed.refresh_token, token.refresh_token);
        Ok(renewed)
    }

    async fn refusals(&self, token: &models::Token) -> Outcome<()> {
        let anonymous = account_api::get_current_user(&self.nobody, None).await;
        assert_eq!(refused(anonymous), is(401, "not_authenticated"));
        let user = self.bearer(token);
        let denied = users_api::list_users(&user, None, None, None, None, None).await;
        assert_eq!(refused(denied), is(403, "permission_denied"));
        let body = models::RefreshRequest::new("none".to_owned());
        let unknown = auth_api::refresh_token(&self.nobody, body).await;
        assert_eq!(refused(unknown), is(401, "invalid_refresh_token"));
        let wrong = password_grant(&self.nobody, &self.unique, "wrong").await;
        assert_eq!(refused(wrong), is(400, "invalid_grant"));
        Ok(())
    }

    async fn administration(&self, admin: &Configuration) -> Outcome<()> {
        let prefix = format!("{}-page-", self.unique);
        let mut created = Vec::new();
        for number in 0..5 {
            let name = format!("{prefix}{number}");
            let mut body = models::CreateUserRequest::new(format!("{name}@example.com"), name);
            body.password = Some(PASSWORD.to_owned());
            created.push(users_api::create_user(admin, body, None).await?.id);
        }
        let (mut listed, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let (limit, q) = (Some(2), Some(prefix.as_str()));
            let page = users_api::list_users(admin, limit, cursor.as_deref(), q, None, Some(true));
            let page = page.await?;
            listed.extend(page.items.into_iter().map(|user| user.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        created.reverse();
        assert_eq!(listed, created);
        let malformed = users_api::list_users(admin, None, Some("?"), None, None, None).await;
        assert_eq!(refused(malformed), is(400, "malformed_request"));
        let missing = users_api::get_user(admin, &Uuid::new_v4().to_string(), None).await;
        assert_eq!(refused(missing), is(404, "not_found"));
        let session = self.log_in(&format!("{prefix}4"), PASSWORD).await?;
        let mut update = models::UpdateUserRequest::new();
        update.is_active = Some(false);
        let disabled = users_api::update_user(admin, &created[0].to_string(), update, None).await?;
        assert!(!disabled.is_active);
        self.is_dead(&session).await;
        Ok(())
    }

    async fn is_dead(&self, token: &models::Token) {
        let result = account_api::get_current_user(&self.bearer(token), None).await;
        assert_eq!(refused(result), is(401, "invalid_access_token"));
    }
}

async fn rate_limit(limited: &Configuration) {
    for _ in 0..20 {
        let (status, code) = refused(account_api::get_current_user(limited, None).await);
        if status == 429 {
            assert_eq!(code, "rate_limited");
            return;
        }
    }
    panic!("no call was refused for its rate");
}

/// Reads what a later release answers: codes, statuses and members that openapi.json does not name.
async fn tomorrow(later: &Configuration) -> Outcome<()> {
    let email = "ada@example.com".to_owned();
    let body = models::RegisterRequest::new(email, "ada".to_owned(), PASSWORD.to_owned());
    let registered = auth_api::register_user(later, body, None).await?;
    assert_eq!(registered.status, "on_the_waiting_list");
    let user = registered.user.ok_or("no user")?;
    assert_eq!(user.roles, ["astronaut"]);
    let token = password_grant(later, "ada", PASSWORD).await?;
    assert_eq!(token.token_type, "dpop");
    let wrong = password_grant(later, "ada", "wrong").await;
    assert_eq!(refused(wrong), is(400, "invalid_orbit"));
    let eclipse = account_api::get_current_user(later, None).await;
    assert_eq!(refused(eclipse), is(401, "eclipse"));
    Ok(())
}
