//! The story of tests/clients/README.md, told with the generated client: whatever openapi.json says wrongly does not compile
//! here, or fails. It knows the service through openapi.json alone.

#![deny(warnings)]

mod refusal;

use std::env;
use std::time::SystemTime;

use reqwest::StatusCode;
use reqwest::header::{AUTHORIZATION, ETAG, HeaderMap, HeaderValue, RETRY_AFTER};
use uuid::Uuid;
use vestibule_client::types::{
    BadRequestProblem, CreateUserRequest, ForbiddenProblem, NotFoundProblem,
    PreconditionFailedProblem, ProfileReplacement, ProfileUpdate, RefreshRequest,
    RefreshTokenUnauthorizedProblem, RegisterRequest, RegisterUserConflictProblem,
    RegisterUserIdempotencyKey, RegisterUserUnprocessableContentProblem, Token, TokenRequest,
    TokenRequestGrantType, TooManyRequestsProblem, UnauthorizedProblem, UpdateUserRequest,
};
use vestibule_client::{Client, Error, ResponseValue};

use self::refusal::refusal;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const PASSWORD: &str = "correct horse battery staple";

struct Story {
    base_url: String,
    unique: String,
    nobody: Client,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let base_url = env::var("BASE_URL")?;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let story = Story {
        nobody: Client::new(&base_url),
        unique: format!("rs-{:x}", now.as_micros()),
        base_url,
    };
    story.register().await?;
    let token = story.log_in(&story.unique, PASSWORD).await?;
    let token = story.own_account(token).await?;
    story.refusals(&token).await?;
    let (username, password) = (env::var("ADMIN_USERNAME")?, env::var("ADMIN_PASSWORD")?);
    let admin = story.log_in(&username, &password).await?;
    story.administration(&story.bearer(&admin)?).await?;
    rate_limit(&Client::new(&env::var("LIMITED_BASE_URL")?)).await;
    story.bearer(&token)?.logout(None).await?;
    story.is_dead(&token).await?;
    tomorrow(&Client::new(&env::var("FUTURE_BASE_URL")?)).await
}

/// Reads what a later release answers: codes, statuses and members that openapi.json does not name.
async fn tomorrow(later: &Client) -> Outcome<()> {
    let body = RegisterRequest {
        email: "ada@example.com".parse()?,
        username: "ada".parse()?,
        password: PASSWORD.parse()?,
        full_name: None,
    };
    let registered = later.register_user(None, &body).await?;
    assert_eq!(*registered.status, "on_the_waiting_list");
    let user = registered.user.as_ref().ok_or("no user")?;
    assert_eq!(user.roles, ["astronaut"]);
    let token = later.issue_token(&password_grant("ada", PASSWORD)).await?;
    assert_eq!(*token.token_type, "dpop");
    match later.issue_token(&password_grant("ada", "wrong")).await {
        Err(Error::ErrorResponse(answer)) => assert_eq!(answer.error, "invalid_orbit"),
        other => panic!("not refused: {other:?}"),
    }
    let refused = refusal::<_, UnauthorizedProblem>(later.get_current_user(None).await).await;
    assert_eq!(refused.problem.code, "eclipse");
    Ok(())
}

impl Story {
    fn bearer(&self, token: &Token) -> Outcome<Client> {
        let mut headers = HeaderMap::new();
        let value = format!("Bearer {}", token.access_token);
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&value)?);
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .build()?;
        Ok(Client::new_with_client(&self.base_url, http))
    }

    async fn log_in(&self, username: &str, password: &str) -> Outcome<Token> {
        let body = password_grant(username, password);
        Ok(self.nobody.issue_token(&body).await?.into_inner())
    }

    async fn register(&self) -> Outcome<()> {
        let email = format!("{}@example.com", self.unique);
        let body = |email: &str, username: &str, password: &str| -> Outcome<RegisterRequest> {
            Ok(RegisterRequest {
                email: email.parse()?,
                username: username.parse()?,
                password: password.parse()?,
                full_name: None,
            })
        };
        let registered = body(&email, &self.unique, PASSWORD)?;
        let key: RegisterUserIdempotencyKey = self.unique.parse()?;
        let key = Some(&key);
        let answer = self.nobody.register_user(key, &registered).await?;
        assert_eq!(answer.status(), StatusCode::CREATED);
        assert_eq!(*answer.status, "created");
        let user = answer.user.as_ref().ok_or("no user")?;
        assert_eq!(*user.username, self.unique);
        assert_eq!(user.roles, ["user"]);

        let again = self.nobody.register_user(key, &registered).await?;
        assert_eq!(again.user.as_ref().map(|user| user.id), Some(user.id));
        let other = body(&email, &format!("{}-2", self.unique), PASSWORD)?;
        let refused = refusal::<_, RegisterUserUnprocessableContentProblem>(
            self.nobody.register_user(key, &other).await,
        )
        .await;
        assert_eq!(refused.problem.code, "idempotency_key_reused");

        let same_email = body(&email, &format!("{}-2", self.unique), PASSWORD)?;
        let refused = refusal::<_, RegisterUserConflictProblem>(
            self.nobody.register_user(None, &same_email).await,
        )
        .await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(refused.problem.code, "email_taken");
        let same_name = body(&format!("2{email}"), &self.unique, PASSWORD)?;
        let refused = refusal::<_, RegisterUserConflictProblem>(
            self.nobody.register_user(None, &same_name).await,
        )
        .await;
        assert_eq!(refused.problem.code, "username_taken");
        // What the types can tell, the client refuses by itself.
        assert!(body(&email, "!", PASSWORD).is_err());
        let weak = body("somebody@example.com", "somebody", "password")?;
        let refused = refusal::<_, RegisterUserUnprocessableContentProblem>(
            self.nobody.register_user(None, &weak).await,
        )
        .await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.problem.code, "validation_failed");
        assert_eq!(refused.problem.errors.len(), 1);
        assert_eq!(refused.problem.errors[0].field, "password");
        Ok(())
    }

    async fn own_account(&self, token: Token) -> Outcome<Token> {
        let me = self.bearer(&token)?;
        let user = me.get_current_user(None).await?;
        assert_eq!(*user.email, format!("{}@example.com", self.unique));
        let update = ProfileUpdate {
            full_name: Some("Ada".parse()?),
            username: None,
        };
        let user = me
            .update_current_user(Some(entity_tag(&user)?), &update)
            .await?;
        assert_eq!(
            user.full_name.as_ref().map(|name| name.as_str()),
            Some("Ada")
        );
        let replacement = ProfileReplacement {
            full_name: None,
            username: self.unique.parse()?,
        };
        let user = me.replace_current_user(None, &replacement).await?;
        assert_eq!(user.full_name, None);

        let body = RefreshRequest {
            refresh_token: token.refresh_token.clone(),
        };
        let renewed = self.nobody.refresh_token(&body).await?.into_inner();
        assert_ne!(renewed.refresh_token, token.refresh_token);
        Ok(renewed)
    }

    async fn refusals(&self, token: &Token) -> Outcome<()> {
        let anonymous =
            refusal::<_, UnauthorizedProblem>(self.nobody.get_current_user(None).await).await;
        assert_eq!(anonymous.status, StatusCode::UNAUTHORIZED);
        assert_eq!(anonymous.problem.code, "not_authenticated");
        let forged = Token {
            access_token: "no.real.token".to_owned(),
            ..token.clone()
        };
        self.is_dead(&forged).await?;
        let listing = self
            .bearer(token)?
            .list_users(None, None, None, None, None)
            .await;
        let denied = refusal::<_, ForbiddenProblem>(listing).await;
        assert_eq!(denied.status, StatusCode::FORBIDDEN);
        assert_eq!(denied.problem.code, "permission_denied");
        let body = RefreshRequest {
            refresh_token: "none".to_owned(),
        };
        let unknown =
            refusal::<_, RefreshTokenUnauthorizedProblem>(self.nobody.refresh_token(&body).await)
                .await;
        assert_eq!(unknown.problem.code, "invalid_refresh_token");
        let body = password_grant(&self.unique, "wrong");
        match self.nobody.issue_token(&body).await {
            Err(Error::ErrorResponse(answer)) => {
                assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
                assert_eq!(answer.error, "invalid_grant");
            }
            other => panic!("not refused: {other:?}"),
        }
        Ok(())
    }

    async fn administration(&self, admin: &Client) -> Outcome<()> {
        let prefix = format!("{}-page-", self.unique);
        let mut created = Vec::new();
        for number in 0..5 {
            let username = format!("{prefix}{number}");
            let body = CreateUserRequest {
                email: format!("{username}@example.com").parse()?,
                username: username.parse()?,
                password: Some(PASSWORD.parse()?),
                full_name: None,
                roles: Vec::new(),
                email_verified: None,
            };
            created.push(admin.create_user(None, &body).await?.id);
        }
        let (mut listed, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let limit = Some(2.try_into()?);
            let page = admin
                .list_users(cursor.as_deref(), None, limit, Some(&prefix), None)
                .await?
                .into_inner();
            listed.extend(page.items.iter().map(|user| user.id));
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        created.reverse();
        assert_eq!(listed, created);

        let malformed = admin.list_users(Some("?"), None, None, None, None).await;
        let malformed = refusal::<_, BadRequestProblem>(malformed).await;
        assert_eq!(malformed.status, StatusCode::BAD_REQUEST);
        assert_eq!(malformed.problem.code, "malformed_request");
        let missing =
            refusal::<_, NotFoundProblem>(admin.get_user(&Uuid::new_v4(), None).await).await;
        assert_eq!(missing.status, StatusCode::NOT_FOUND);
        assert_eq!(missing.problem.code, "not_found");

        let found = admin.get_user(&created[0], None).await?;
        let tag = entity_tag(&found)?;
        let session = self.log_in(&found.username, PASSWORD).await?;
        let update = UpdateUserRequest {
            is_active: Some(false),
            email: None,
            email_verified: None,
            full_name: None,
            username: None,
        };
        let disabled = admin.update_user(&found.id, None, &update).await?;
        assert!(!disabled.is_active);
        let stale = admin.update_user(&found.id, Some(tag), &update).await;
        let stale = refusal::<_, PreconditionFailedProblem>(stale).await;
        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        assert_eq!(stale.problem.code, "precondition_failed");
        self.is_dead(&session).await
    }

    async fn is_dead(&self, token: &Token) -> Outcome<()> {
        let refused =
            refusal::<_, UnauthorizedProblem>(self.bearer(token)?.get_current_user(None).await)
                .await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED);
        assert_eq!(refused.problem.code, "invalid_access_token");
        Ok(())
    }
}

/// What `If-Match` wants to see again.
fn entity_tag<T>(answer: &ResponseValue<T>) -> Outcome<&str> {
    Ok(answer.headers().get(ETAG).ok_or("no ETag")?.to_str()?)
}

fn password_grant(username: &str, password: &str) -> TokenRequest {
    TokenRequest {
        grant_type: Some(TokenRequestGrantType::Password),
        username: Some(username.to_owned()),
        password: Some(password.to_owned()),
        scope: None,
        refresh_token: None,
        client_id: None,
        client_secret: None,
    }
}

async fn rate_limit(limited: &Client) {
    for _ in 0..20 {
        let result = limited.get_current_user(None).await;
        let status = result.as_ref().err().and_then(Error::status);
        if status != Some(StatusCode::TOO_MANY_REQUESTS) {
            continue;
        }
        let refused = refusal::<_, TooManyRequestsProblem>(result).await;
        assert_eq!(refused.problem.code, "rate_limited");
        let seconds = refused.headers[RETRY_AFTER].to_str().map(str::parse::<u32>);
        assert!(matches!(seconds, Ok(Ok(1..))));
        return;
    }
    panic!("no call was refused for its rate");
}
