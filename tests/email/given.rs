//! Links that administrators make give no more than their makers may give.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::database;
use crate::overlap::until_they_wait;
use crate::records::{execute, make_role, user_who_may};
use crate::reset::reset;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

struct Case {
    app: TestApp,
    admin: Session,
    /// May write users and nothing else.
    helper: Session,
    ada: String,
}

async fn case() -> Case {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let helper = user_who_may(&app, "helper", &["users:write"]).await;
    let ada = id_of(&app.register("ada").await);
    Case {
        app,
        admin,
        helper,
        ada,
    }
}

fn id_of(user: &Value) -> String {
    user["id"].as_str().expect("an id").to_owned()
}

impl Case {
    async fn make(&self, maker: &Session) -> Answer {
        let path = format!("/users/{}/password-reset", self.ada);
        let request = self.app.post(&path).bearer_auth(&maker.access);
        request.answer().await
    }

    /// The token of a link that is made by `maker`.
    async fn link(&self, maker: &Session) -> String {
        let made = self.make(maker).await;
        assert!(made.status.is_success(), "{}", made.text);
        let made = made.json();
        let (_, token) = made["url"]
            .as_str()
            .and_then(|url| url.split_once("?token="))
            .expect("a token");
        token.to_owned()
    }

    async fn set_roles(&self, id: &str, roles: &[&str]) -> Answer {
        self.app
            .put(&format!("/users/{id}/roles"))
            .bearer_auth(&self.admin.access)
            .json(&json!({ "roles": roles }))
            .answer()
            .await
    }

    async fn set_active(&self, id: &str, is_active: bool) {
        self.app
            .patch(&format!("/users/{id}"))
            .bearer_auth(&self.admin.access)
            .json(&json!({ "is_active": is_active }))
            .answer()
            .await
            .expect(StatusCode::OK);
    }

    async fn helpers_id(&self) -> String {
        let me = self.app.get("/users/me").bearer_auth(&self.helper.access);
        id_of(&me.answer().await.expect(StatusCode::OK))
    }

    async fn is_dead(&self, token: &str) {
        reset(&self.app, token, OTHER_PASSWORD)
            .await
            .expect_problem(400, "invalid_token");
    }
}

#[tokio::test]
async fn a_promotion_revokes_links_made_before() {
    let case = case().await;
    let token = case.link(&case.helper).await;
    case.set_roles(&case.ada, &["user", "admin"])
        .await
        .expect(StatusCode::OK);
    case.is_dead(&token).await;
    // They stay revoked when the user is a plain one again.
    case.set_roles(&case.ada, &["user"])
        .await
        .expect(StatusCode::OK);
    case.is_dead(&token).await;
    let token = case.link(&case.helper).await;
    reset(&case.app, &token, OTHER_PASSWORD)
        .await
        .expect(StatusCode::NO_CONTENT);
}

/// Also when the maker has the permission, and however the user came to it.
#[tokio::test]
async fn a_permission_that_a_role_gains_counts_as_a_promotion() {
    let case = case().await;
    make_role(&case.app, "shop", &[]).await;
    let sql = "INSERT INTO user_roles (user_id, role_name) SELECT id, 'shop' FROM users WHERE username = ?1";
    execute(&case.app, sql, &["ada"]).await;
    let token = case.link(&case.admin).await;
    let sql = "INSERT INTO role_permissions (role_name, permission) VALUES ('shop', ?1)";
    execute(&case.app, sql, &["users:read"]).await;
    case.is_dead(&token).await;
}

#[tokio::test]
async fn a_link_does_not_outlive_that_its_user_is_disabled() {
    let case = case().await;
    let token = case.link(&case.helper).await;
    case.set_active(&case.ada, false).await;
    case.is_dead(&token).await;
    case.set_active(&case.ada, true).await;
    case.is_dead(&token).await;
}

#[tokio::test]
async fn a_link_does_not_outlive_the_rights_of_its_maker() {
    let case = case().await;
    let helper = case.helpers_id().await;
    let token = case.link(&case.helper).await;
    case.set_roles(&helper, &["user"])
        .await
        .expect(StatusCode::OK);
    case.is_dead(&token).await;
    case.set_roles(&helper, &["user", "helper"])
        .await
        .expect(StatusCode::OK);
    case.is_dead(&token).await;

    let token = case.link(&case.helper).await;
    let sql = "DELETE FROM role_permissions WHERE role_name = ?1";
    execute(&case.app, sql, &["helper"]).await;
    case.is_dead(&token).await;
}

#[tokio::test]
async fn a_link_does_not_outlive_that_its_maker_is_shut_out() {
    let case = case().await;
    let helper = case.helpers_id().await;
    let token = case.link(&case.helper).await;
    case.set_active(&helper, false).await;
    case.is_dead(&token).await;
    case.set_active(&helper, true).await;
    case.is_dead(&token).await;

    let session = case.app.login("helper").await;
    let token = case.link(&session).await;
    let changed = case
        .app
        .put("/users/me/password")
        .bearer_auth(&session.access)
        .json(&json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD }))
        .answer()
        .await;
    assert!(changed.status.is_success(), "{}", changed.text);
    case.is_dead(&token).await;

    let session = case.app.try_login("helper", OTHER_PASSWORD).await;
    let session = Session::of(&session.expect(StatusCode::OK));
    let token = case.link(&session).await;
    case.app
        .delete(&format!("/users/{helper}"))
        .bearer_auth(&case.admin.access)
        .answer()
        .await
        .expect(StatusCode::NO_CONTENT);
    case.is_dead(&token).await;
}

/// On PostgreSQL the promotion waits for the user's row, and the link comes after it.
#[tokio::test]
async fn a_link_and_a_promotion_at_one_moment_give_no_way_in() {
    let case = case().await;
    let (promoted, made) = if database::on_postgresql() {
        let session = case.app.database.session();
        session.run("BEGIN; SELECT 1 FROM users WHERE username = 'ada' FOR UPDATE");
        let making = async {
            until_they_wait(&case.app, 1).await;
            let making = case.make(&case.helper);
            let letting = async {
                until_they_wait(&case.app, 2).await;
                session.run("COMMIT");
            };
            tokio::join!(making, letting).0
        };
        tokio::join!(case.set_roles(&case.ada, &["user", "admin"]), making)
    } else {
        let promoting = case.set_roles(&case.ada, &["user", "admin"]);
        tokio::join!(promoting, case.make(&case.helper))
    };
    promoted.expect(StatusCode::OK);
    if made.status.is_success() {
        let url = made.json()["url"].as_str().expect("a URL").to_owned();
        let (_, token) = url.split_once("?token=").expect("a token");
        case.is_dead(token).await;
    } else {
        made.expect_problem(403, "permission_denied");
    }
}
