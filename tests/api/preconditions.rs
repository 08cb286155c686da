//! Changes that are made only if the account is what `If-Match` or `If-None-Match` says (RFC 9110 §13): header by header and
//! refusal by refusal. What that is for has `lost_updates.rs`, the tags themselves `entity_tags.rs`.

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::records::{events, make_role, user_who_may};
use crate::support::{Answer, Send, Session, TestApp};
use crate::users::path_of;

const OTHER: &str = "\"AAAAAAAAAAAAAAAAAAAAAA\"";
const NOBODY: &str = "/users/0190163d-8694-739b-aea5-966c26f8ad91";

/// The changes of an account that may be conditional.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    ReplaceOwn,
    UpdateOwn,
    DeleteOwn,
    Update,
    Delete,
    SetRoles,
}

impl Change {
    const ALL: [Self; 6] = [
        Self::ReplaceOwn,
        Self::UpdateOwn,
        Self::DeleteOwn,
        Self::Update,
        Self::Delete,
        Self::SetRoles,
    ];
    pub const ADMINISTRATIVE: [Self; 3] = [Self::Update, Self::Delete, Self::SetRoles];

    /// The change of the account at `path`, as a request without a token.
    fn of(self, app: &TestApp, path: &str) -> RequestBuilder {
        let profile = json!({ "full_name": "Countess" });
        match self {
            Self::ReplaceOwn => app
                .put("/users/me")
                .json(&json!({ "username": "countess", "full_name": "Countess" })),
            Self::UpdateOwn => app.patch("/users/me").json(&profile),
            Self::DeleteOwn => app.delete("/users/me"),
            Self::Update => app.patch(path).json(&profile),
            Self::Delete => app.delete(path),
            Self::SetRoles => app
                .put(&format!("{path}/roles"))
                .json(&json!({ "roles": [] })),
        }
    }

    fn is_deletion(self) -> bool {
        matches!(self, Self::DeleteOwn | Self::Delete)
    }
}

/// A user, and an administrator who may change him.
pub struct House {
    pub app: TestApp,
    pub admin: Session,
    pub ada: Session,
    /// Of the user.
    pub path: String,
}

impl House {
    pub async fn build() -> Self {
        let app = TestApp::spawn().await;
        let admin = app.admin("root").await;
        let path = path_of(&app.register("ada").await);
        let ada = app.login("ada").await;
        Self {
            app,
            admin,
            ada,
            path,
        }
    }

    /// The change by whoever may make it, with the lines of a header.
    pub async fn send(&self, change: Change, header: &str, lines: &[&str]) -> Answer {
        let by = if Change::ADMINISTRATIVE.contains(&change) {
            &self.admin
        } else {
            &self.ada
        };
        let request = change.of(&self.app, &self.path).bearer_auth(&by.access);
        with(request, header, lines).answer().await
    }

    pub async fn look(&self) -> Answer {
        get(&self.app, &self.admin, &self.path).await
    }

    pub async fn tag(&self) -> String {
        self.look().await.header("etag").to_owned()
    }

    /// Everything that a refused change must leave as it is.
    async fn state(&self) -> (Value, bool, usize) {
        let mut recorded = 0;
        for action in [
            "user.changed",
            "user.profile_changed",
            "user.deleted",
            "user.roles_changed",
        ] {
            recorded += events(&self.app, action).await.len();
        }
        let user = self.look().await.expect(StatusCode::OK);
        (user, self.app.is_alive(&self.ada).await, recorded)
    }
}

fn with(request: RequestBuilder, header: &str, lines: &[&str]) -> RequestBuilder {
    lines
        .iter()
        .fold(request, |request, line| request.header(header, *line))
}

async fn get(app: &TestApp, by: &Session, path: &str) -> Answer {
    app.get(path).bearer_auth(&by.access).answer().await
}

async fn get_unless(app: &TestApp, by: &Session, path: &str, tags: &str) -> Answer {
    let request = app.get(path).bearer_auth(&by.access);
    request.header("if-none-match", tags).answer().await
}

#[tokio::test]
async fn a_change_is_made_while_the_account_is_what_the_tag_says() {
    for change in Change::ALL {
        for form in 0..5 {
            let house = House::build().await;
            let tag = house.tag().await;
            let list = format!("W/\"x\", ,\t{OTHER},{tag}");
            let lines = [
                vec![tag.as_str()],
                vec!["*"],
                vec![&list],
                vec![OTHER, &tag],
                vec!["\"a,b\"", "", &tag],
            ];
            let answer = house.send(change, "if-match", &lines[form]).await;
            assert!(
                answer.status.is_success(),
                "{change:?} {:?}: {}",
                lines[form],
                answer.text
            );
            let gone = house.look().await.status == StatusCode::NOT_FOUND;
            assert_eq!(gone, change.is_deletion(), "{change:?}");
            if !gone {
                assert_ne!(house.tag().await, tag, "{change:?}");
                assert_eq!(answer.header("etag"), house.tag().await, "{change:?}");
            }
        }
    }
}

/// Strong comparison (RFC 9110 §13.1.1): a weak tag never matches.
#[tokio::test]
async fn nothing_is_changed_when_the_account_is_not_what_the_tag_says() {
    for change in Change::ALL {
        let house = House::build().await;
        let before = house.state().await;
        let (tag, unquoted) = (house.tag().await, "AAAAAAAAAAAAAAAAAAAAAA==");
        let weak = format!("W/{tag}");
        let longer = format!("\"{unquoted}\"");
        for lines in [
            vec![OTHER],
            vec![weak.as_str()],
            vec!["\"\""],
            vec![&longer],
            vec!["\"x\", \"*\"", OTHER],
            vec![""],
        ] {
            house
                .send(change, "if-match", &lines)
                .await
                .expect_problem(412, "precondition_failed");
        }
        assert_eq!(house.state().await, before, "{change:?}");
    }
}

#[tokio::test]
async fn a_header_that_cannot_be_read_is_named() {
    for change in Change::ALL {
        let house = House::build().await;
        let before = house.state().await;
        let tag = house.tag().await;
        let bare = tag.trim_matches('"');
        let mixed = format!("*, {tag}");
        for (header, name) in [("if-match", "If-Match"), ("if-none-match", "If-None-Match")] {
            for lines in [
                vec![bare],
                vec!["\"x"],
                vec![mixed.as_str()],
                vec!["*", &tag],
                vec!["w/\"x\""],
            ] {
                let answer = house.send(change, header, &lines).await;
                let body = answer.expect_problem(400, "malformed_request");
                assert_eq!(body["errors"][0]["field"], name, "{lines:?}");
                assert_eq!(body["errors"][0]["code"], "invalid_format");
            }
        }
        assert_eq!(house.state().await, before, "{change:?}");
    }
}

/// RFC 9110 §13.1.2, with weak comparison.
#[tokio::test]
async fn a_change_unless_the_account_is_what_the_tag_says() {
    for change in Change::ALL {
        let house = House::build().await;
        let before = house.state().await;
        let tag = house.tag().await;
        let weak = format!("{OTHER}, W/{tag}");
        for tags in ["*", &tag, &weak] {
            house
                .send(change, "if-none-match", &[tags])
                .await
                .expect_problem(412, "precondition_failed");
        }
        assert_eq!(house.state().await, before, "{change:?}");
        let answer = house.send(change, "if-none-match", &[OTHER]).await;
        assert!(answer.status.is_success(), "{change:?}: {}", answer.text);
    }
}

/// ASVS 8.2.2: who may not change an account learns nothing of its state.
#[tokio::test]
async fn without_permission_no_tag_is_compared() {
    let house = House::build().await;
    let House {
        app, admin, path, ..
    } = &house;
    let clerk = user_who_may(app, "clerk", &["users:read", "users:write", "roles:write"]).await;
    let root = path_of(&get(app, admin, "/users/me").await.json());
    let bob = app.user("bob").await;
    let (tag, root_tag) = (house.tag().await, get(app, admin, &root).await);
    for change in Change::ADMINISTRATIVE {
        for (by, path, right) in [
            (&bob, path.as_str(), tag.as_str()),
            (&bob, NOBODY, "*"),
            (&clerk, &root, root_tag.header("etag")),
        ] {
            for tag in [right, OTHER, "*"] {
                let request = change.of(app, path).bearer_auth(&by.access);
                let answer = request.header("if-match", tag).answer().await;
                answer.expect_problem(403, "permission_denied");
            }
        }
        let nobody = change.of(app, path).header("if-match", OTHER);
        nobody
            .answer()
            .await
            .expect_problem(401, "not_authenticated");
    }
    make_role(app, "auditor", &["audit:read"]).await;
    let roles = json!({ "roles": ["auditor"] });
    let request = app.put(&format!("{path}/roles")).json(&roles);
    let request = request.bearer_auth(&clerk.access);
    let answer = request.header("if-match", OTHER).answer().await;
    answer.expect_problem(403, "permission_denied");
}

#[tokio::test]
async fn an_account_that_is_not_there_is_not_found_whatever_the_tag() {
    let house = House::build().await;
    for tag in [OTHER, "*"] {
        for change in Change::ADMINISTRATIVE {
            let request = change.of(&house.app, NOBODY);
            let request = request.bearer_auth(&house.admin.access);
            let answer = request.header("if-match", tag).answer().await;
            answer.expect_problem(404, "not_found");
        }
        get_unless(&house.app, &house.admin, NOBODY, tag)
            .await
            .expect_problem(404, "not_found");
    }
}

/// RFC 9110 §13.2.1: what would be refused anyway is refused for its own reason.
#[tokio::test]
async fn what_is_wrong_with_the_request_itself_comes_first() {
    let house = House::build().await;
    let send = async |method: Method, path: &str, by: &Session, body: Value| {
        let request = house.app.request(method, path).bearer_auth(&by.access);
        request.header("if-match", OTHER).json(&body).answer().await
    };
    let (ada, admin, path) = (&house.ada, &house.admin, house.path.as_str());
    let (roles, taken) = (format!("{path}/roles"), json!({ "username": "x" }));
    for (method, path, by) in [
        (Method::PUT, "/users/me", ada),
        (Method::PATCH, "/users/me", ada),
        (Method::PATCH, path, admin),
    ] {
        send(method, path, by, taken.clone())
            .await
            .expect_invalid(&[("username", "too_short")]);
    }
    send(Method::PUT, &roles, admin, json!({ "roles": ["nobody"] }))
        .await
        .expect_invalid(&[("roles[0]", "unknown_role")]);
    send(Method::PATCH, "/users/x", admin, json!({}))
        .await
        .expect_problem(400, "malformed_request");
    house.app.advance(Duration::from_secs(15 * 60));
    house
        .send(Change::DeleteOwn, "if-match", &[OTHER])
        .await
        .expect_problem(401, "insufficient_user_authentication");
}

/// Whoever decided on an old state is told so, not what the new one brings.
#[tokio::test]
async fn the_tag_comes_before_what_else_the_state_forbids() {
    let house = House::build().await;
    let House {
        app, admin, path, ..
    } = &house;
    app.register("bob").await;
    let taken = json!({ "username": "bob" });
    let root = path_of(&get(app, admin, "/users/me").await.json());
    let demotion = app
        .put(&format!("{root}/roles"))
        .json(&json!({ "roles": [] }));
    let (ada, ada_path) = (&house.ada, path.as_str());
    let disabling = json!({ "is_active": false });
    let refused = [
        (
            app.put("/users/me").json(&taken),
            ada,
            ada_path,
            "username_taken",
        ),
        (
            app.patch("/users/me").json(&taken),
            ada,
            ada_path,
            "username_taken",
        ),
        (
            app.patch(path).json(&taken),
            admin,
            ada_path,
            "username_taken",
        ),
        (app.delete("/users/me"), admin, &root, "last_admin"),
        (app.delete(&root), admin, &root, "last_admin"),
        (
            app.patch(&root).json(&disabling),
            admin,
            &root,
            "last_admin",
        ),
        (demotion, admin, &root, "last_admin"),
    ];
    for (request, by, target, code) in refused {
        let request = request.bearer_auth(&by.access);
        let again = request.try_clone().expect("a clone");
        let stale = request.header("if-match", OTHER).answer().await;
        stale.expect_problem(412, "precondition_failed");
        let current = get(app, admin, target).await;
        let again = again.header("if-match", current.header("etag"));
        let right = again.answer().await;
        right.expect_problem(409, code);
    }
}

/// A request that changes nothing is compared all the same.
#[tokio::test]
async fn an_empty_change_is_conditional_too() {
    let house = House::build().await;
    for (path, by) in [("/users/me", &house.ada), (&house.path, &house.admin)] {
        let send = async |tag: &str| {
            let request = house.app.patch(path).bearer_auth(&by.access);
            let request = request.header("if-match", tag);
            request.json(&json!({})).answer().await
        };
        send(OTHER).await.expect_problem(412, "precondition_failed");
        let tag = house.tag().await;
        let answer = send(&tag).await;
        assert_eq!(
            (answer.status, answer.header("etag")),
            (StatusCode::OK, tag.as_str())
        );
    }
}
