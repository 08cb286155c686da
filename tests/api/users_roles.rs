//! `PUT /users/{id}/roles`, and that nobody rises above himself or takes away the last administrator.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, event, events, make_role, user_who_may};
use crate::support::{Answer, PASSWORD, Send, Session, TestApp};
use crate::users::{create, delete, patch, path_of};

async fn set_roles(app: &TestApp, actor: &Session, path: &str, roles: Value) -> Answer {
    app.put(&format!("{path}/roles"))
        .bearer_auth(&actor.access)
        .json(&json!({ "roles": roles }))
        .answer()
        .await
}

async fn me(app: &TestApp, session: &Session) -> Value {
    app.get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect(StatusCode::OK)
}

async fn path_of_own(app: &TestApp, session: &Session) -> String {
    path_of(&me(app, session).await)
}

async fn promote(app: &TestApp, username: &str, role: &str) {
    let sql =
        "INSERT INTO user_roles (user_id, role_name) SELECT id, ?2 FROM users WHERE username = ?1";
    records::execute(app, sql, &[username, role]).await;
}

#[tokio::test]
async fn an_administrator_gives_and_takes_roles() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    make_role(&app, "auditor", &["audit:read"]).await;
    let user = app.register("ada").await;
    let session = app.login("ada").await;
    let set = async |roles: Value| {
        let user = set_roles(&app, &admin, &path_of(&user), roles).await;
        user.expect(StatusCode::OK)["roles"].clone()
    };
    assert_eq!(
        set(json!(["auditor", "admin"])).await,
        json!(["admin", "auditor"])
    );
    app.get("/users")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect(StatusCode::OK);
    assert_eq!(set(json!([])).await, json!([]));
    app.get("/users")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect_problem(403, "permission_denied");
    assert_eq!(set(json!(["user", "user"])).await, json!(["user"]));
    assert_eq!(me(&app, &session).await["roles"], json!(["user"]));
}

#[tokio::test]
async fn a_change_of_roles_is_put_on_record() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let user = app.register("ada").await;
    set_roles(&app, &admin, &path_of(&user), json!(["admin"]))
        .await
        .expect(StatusCode::OK);
    let event = event(&app, "user.roles_changed").await;
    assert_eq!(event.target_id, Some(records::id(&user)));
    assert!(event.actor_id.is_some() && event.actor_id != event.target_id);
    assert_eq!(event.outcome, "success");
    assert_eq!(event.data, json!({ "from": ["user"], "to": ["admin"] }));
}

#[tokio::test]
async fn an_unknown_role_is_named_by_its_place() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of(&app.register("ada").await);
    for role in ["", "Admin", "nobody", "\0", "' OR 1=1 --", "user admin"] {
        set_roles(&app, &admin, &path, json!([role]))
            .await
            .expect_invalid(&[("roles[0]", "unknown_role")]);
        set_roles(&app, &admin, &path, json!(["user", "admin", role]))
            .await
            .expect_invalid(&[("roles[2]", "unknown_role")]);
    }
    let sql = "SELECT count(*) FROM user_roles JOIN users ON id = user_id WHERE username = ?1";
    assert_eq!(records::count(&app, sql, &["ada"]).await, 1);
    assert!(events(&app, "user.roles_changed").await.is_empty());
}

#[tokio::test]
async fn the_body_is_a_list_of_names() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of(&app.register("ada").await);
    for (roles, field) in [
        (json!("admin"), "roles"),
        (json!({}), "roles"),
        (Value::Null, "roles"),
        (json!([1]), "roles[0]"),
        (json!(["user", null]), "roles[1]"),
        (json!([["admin"]]), "roles[0]"),
    ] {
        set_roles(&app, &admin, &path, roles)
            .await
            .expect_invalid(&[(field, "invalid_type")]);
    }
    let send = |body: Value| {
        app.put(&format!("{path}/roles"))
            .bearer_auth(&admin.access)
            .json(&body)
            .answer()
    };
    send(json!({}))
        .await
        .expect_invalid(&[("roles", "required")]);
    send(json!({ "roles": [], "user_id": "x" }))
        .await
        .expect_invalid(&[("user_id", "unknown_field")]);
    send(json!([]))
        .await
        .expect_problem(400, "malformed_request");
    app.put(&format!("{path}/roles"))
        .bearer_auth(&admin.access)
        .body("{}")
        .answer()
        .await
        .expect_problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn roles_are_given_to_somebody() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let nobody = "/users/0190163d-8694-739b-aea5-966c26f8ad91";
    set_roles(&app, &admin, nobody, json!(["user"]))
        .await
        .expect_problem(404, "not_found");
    let body = set_roles(&app, &admin, "/users/x", json!(["user"]))
        .await
        .expect_problem(400, "malformed_request");
    assert_eq!(body["errors"][0]["field"], "id");
}

#[tokio::test]
async fn roles_need_their_permission() {
    let app = TestApp::spawn().await;
    let path = path_of(&app.register("ada").await);
    let all_but = ["users:read", "users:write", "roles:read", "sessions:write"];
    let session = user_who_may(&app, "almost", &all_but).await;
    let own = path_of_own(&app, &session).await;
    for path in [path, own] {
        set_roles(&app, &session, &path, json!(["user"]))
            .await
            .expect_problem(403, "permission_denied");
    }
    let mut body = json!({ "email": "new@example.com", "username": "new", "roles": ["user"] });
    create(&app, &session, &body)
        .await
        .expect_problem(403, "permission_denied");
    body.as_object_mut().expect("an object").remove("roles");
    create(&app, &session, &body)
        .await
        .expect(StatusCode::CREATED);
}

/// ASVS 8.2.1: nobody grants a permission that he lacks, to others or to himself.
#[tokio::test]
async fn nobody_grants_what_he_lacks() {
    let app = TestApp::spawn().await;
    make_role(&app, "auditor", &["audit:read"]).await;
    make_role(&app, "reader", &["users:read"]).await;
    let session = user_who_may(&app, "clerk", &["roles:write", "users:write", "users:read"]).await;
    let own = path_of_own(&app, &session).await;
    let other = path_of(&app.register("ada").await);
    for path in [&own, &other] {
        for roles in [json!(["admin"]), json!(["user", "auditor"])] {
            set_roles(&app, &session, path, roles)
                .await
                .expect_problem(403, "permission_denied");
        }
    }
    let mut body = json!({ "email": "new@example.com", "username": "new", "roles": ["admin"] });
    create(&app, &session, &body)
        .await
        .expect_problem(403, "permission_denied");
    body["roles"] = json!(["reader"]);
    create(&app, &session, &body)
        .await
        .expect(StatusCode::CREATED);
    set_roles(&app, &session, &other, json!(["reader", "clerk"]))
        .await
        .expect(StatusCode::OK);
    assert_eq!(me(&app, &session).await["roles"], json!(["clerk", "user"]));
}

/// A session of a narrow scope grants no more than it may do itself.
#[tokio::test]
async fn a_narrow_session_grants_little() {
    let app = TestApp::spawn().await;
    app.admin("root").await;
    let other = path_of(&app.register("ada").await);
    let form = [
        ("username", "root"),
        ("password", PASSWORD),
        ("scope", "roles:write"),
    ];
    let answer = app.post("/auth/token").form(&form).answer().await;
    let narrow = Session::of(&answer.expect(StatusCode::OK));
    set_roles(&app, &narrow, &other, json!(["admin"]))
        .await
        .expect_problem(403, "insufficient_scope");
    set_roles(&app, &narrow, &other, json!([]))
        .await
        .expect(StatusCode::OK);
}

/// ASVS 8.2.2: who may change users cannot change one who may do more, for he could make himself that user.
#[tokio::test]
async fn who_may_do_less_has_no_power_over_who_may_do_more() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let clerk = user_who_may(&app, "clerk", &["users:read", "users:write", "roles:write"]).await;
    let path = path_of_own(&app, &admin).await;
    for change in [
        json!({ "email": "clerk@evil.example" }),
        json!({ "username": "other" }),
        json!({ "is_active": false }),
        json!({ "email_verified": false }),
        json!({}),
    ] {
        patch(&app, &clerk, &path, change)
            .await
            .expect_problem(403, "permission_denied");
    }
    delete(&app, &clerk, &path)
        .await
        .expect_problem(403, "permission_denied");
    set_roles(&app, &clerk, &path, json!(["user"]))
        .await
        .expect_problem(403, "permission_denied");
    let user = me(&app, &admin).await;
    assert_eq!(user["email"], "root@example.com");
    assert_eq!(user["roles"], json!(["admin", "user"]));
    assert!(events(&app, "user.changed").await.is_empty());
    assert!(events(&app, "user.deleted").await.is_empty());
}

#[tokio::test]
async fn the_last_administrator_is_not_demoted_disabled_or_deleted() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let path = path_of_own(&app, &admin).await;
    // One that is disabled is no help.
    app.admin("gone").await;
    let sql = "UPDATE users SET is_active = FALSE WHERE username = ?1";
    records::execute(&app, sql, &["gone"]).await;

    for answer in [
        set_roles(&app, &admin, &path, json!(["user"])).await,
        set_roles(&app, &admin, &path, json!([])).await,
        patch(&app, &admin, &path, json!({ "is_active": false })).await,
        delete(&app, &admin, &path).await,
    ] {
        answer.expect_problem(409, "last_admin");
    }
    assert!(
        app.is_alive(&admin).await,
        "a refused change ends no session"
    );
    assert_eq!(me(&app, &admin).await["roles"], json!(["admin", "user"]));
    for action in ["user.changed", "user.deleted", "user.roles_changed"] {
        assert!(events(&app, action).await.is_empty(), "{action}");
    }
    patch(&app, &admin, &path, json!({ "full_name": "Root" }))
        .await
        .expect(StatusCode::OK);
    set_roles(&app, &admin, &path, json!(["admin"]))
        .await
        .expect(StatusCode::OK);
}

#[tokio::test]
async fn one_of_two_administrators_may_go() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let own = path_of_own(&app, &admin).await;
    let user = app.register("ada").await;
    promote(&app, "ada", "admin").await;
    let other = app.login("ada").await;
    set_roles(&app, &other, &own, json!(["user"]))
        .await
        .expect(StatusCode::OK);
    delete(&app, &admin, &path_of(&user))
        .await
        .expect_problem(403, "permission_denied");
    delete(&app, &other, &path_of(&user))
        .await
        .expect_problem(409, "last_admin");
    promote(&app, "root", "admin").await;
    delete(&app, &admin, &path_of(&user))
        .await
        .expect(StatusCode::NO_CONTENT);
    assert!(!app.is_alive(&other).await);
}
