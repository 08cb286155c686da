//! What the audit log keeps, of whom and for how long; and that nobody fills it.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::json;
use uuid::Uuid;
use vestibule::domain::audit::refusals;
use vestibule::domain::expiry::clean_up;

use crate::records::{self, Event, event, events};
use crate::support::{PASSWORD, Send, Session, TestApp};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

async fn id_of(app: &TestApp, session: &Session) -> Uuid {
    let me = app.get("/users/me").bearer_auth(&session.access);
    records::id(&me.answer().await.expect(StatusCode::OK))
}

fn from_desk(request: RequestBuilder, session: &Session) -> RequestBuilder {
    request
        .bearer_auth(&session.access)
        .header("user-agent", "desk")
}

#[track_caller]
fn has_origin(event: &Event) {
    assert_eq!(event.user_agent.as_deref(), Some("desk"), "{event:?}");
    assert!(event.ip.is_some(), "{event:?}");
}

#[track_caller]
fn has_none(event: &Event) {
    assert_eq!((&event.ip, &event.user_agent), (&None, &None), "{event:?}");
}

/// ASVS 16.4.2.
#[tokio::test]
async fn an_administrator_takes_no_traces_away_by_leaving() {
    let app = TestApp::spawn().await;
    app.admin("other").await;
    let root = app.admin("root").await;
    let own = id_of(&app, &root).await;
    let ada = records::id(&app.register("ada").await);
    let bob = records::id(&app.register("bob").await);
    let body = json!({ "roles": ["admin"] });
    for id in [bob, own] {
        let request = app.put(&format!("/users/{id}/roles")).json(&body);
        let answer = from_desk(request, &root).answer().await;
        answer.expect(StatusCode::OK);
    }
    for path in [
        format!("/users/{ada}"),
        format!("/users/{bob}"),
        "/users/me".to_owned(),
    ] {
        let answer = from_desk(app.delete(&path), &root).answer().await;
        answer.expect(StatusCode::NO_CONTENT);
    }
    for event in events(&app, "user.roles_changed").await {
        has_origin(&event);
    }
    for event in events(&app, "user.deleted").await {
        if event.target_id == Some(own) {
            has_none(&event);
        } else {
            has_origin(&event);
        }
    }
    let logins = events(&app, "login.succeeded").await;
    let own_login = logins.iter().find(|event| event.actor_id == Some(own));
    has_none(own_login.expect("a login"));

    // Kept for 90 days, and no longer.
    app.advance(90 * DAY - MINUTE);
    clean_up(&app.services).await.expect("cleans up");
    assert_eq!(
        events(&app, "user.deleted")
            .await
            .iter()
            .filter(|event| event.ip.is_some())
            .count(),
        2
    );
    app.advance(MINUTE);
    clean_up(&app.services).await.expect("cleans up");
    for action in ["user.deleted", "user.roles_changed"] {
        events(&app, action).await.iter().for_each(has_none);
    }
}

/// The own account among the users is no way round it; nor is another administrator's help.
#[tokio::test]
async fn origin_of_permission_use_survives_account_deletion() {
    let app = TestApp::spawn_with(&[("AUDIT_ORIGIN_DAYS", "5")]).await;
    let other = app.admin("other").await;
    for by_other in [false, true] {
        let root = app.admin("root").await;
        let own = id_of(&app, &root).await;
        let body = json!({ "full_name": "Root" });
        let request = app.patch(&format!("/users/{own}")).json(&body);
        from_desk(request, &root)
            .answer()
            .await
            .expect(StatusCode::OK);
        let request = app.delete(&format!("/users/{own}"));
        let by = if by_other { &other } else { &root };
        from_desk(request, by)
            .answer()
            .await
            .expect(StatusCode::NO_CONTENT);
        for action in ["user.changed", "user.deleted"] {
            let events = events(&app, action).await;
            has_origin(
                events
                    .iter()
                    .find(|event| event.target_id == Some(own))
                    .expect("an event"),
            );
        }
    }
    app.advance(5 * DAY);
    clean_up(&app.services).await.expect("cleans up");
    for action in ["user.changed", "user.deleted"] {
        events(&app, action).await.iter().for_each(has_none);
    }
}

/// ASVS 16.3.2.
#[tokio::test]
async fn refused_permissions_are_on_record_and_do_not_fill_it() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    let own = id_of(&app, &session).await;
    for _ in 0..25 {
        let request = from_desk(app.get("/users"), &session);
        request
            .answer()
            .await
            .expect_problem(403, "permission_denied");
    }
    let denied = events(&app, "permission.denied").await;
    assert_eq!(denied.len(), 10);
    for event in &denied {
        has_origin(event);
        assert_eq!(
            (event.actor_id, event.outcome.as_str()),
            (Some(own), "failure")
        );
        assert!(event.session_id.is_some());
        assert_eq!(
            event.data,
            json!({ "permission": "users:read", "operation": "GET /users" })
        );
    }
    app.advance(MINUTE);
    let denied = events(&app, "permission.denied").await;
    assert_eq!((denied.len(), &denied[10].data["count"]), (11, &json!(15)));
    // A new minute begins anew.
    let narrow = app.post("/auth/token").form(&[
        ("username", "ada"),
        ("password", PASSWORD),
        ("scope", "account"),
    ]);
    let narrow = Session::of(&narrow.answer().await.expect(StatusCode::OK));
    from_desk(app.get("/users"), &narrow).answer().await;
    assert_eq!(events(&app, "permission.denied").await.len(), 12);
}

/// ASVS 16.3.3.
#[tokio::test]
async fn exceeded_limits_are_on_record_and_do_not_fill_it() {
    let settings = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_IP", "5/10m")];
    let app = TestApp::spawn_with(&settings).await;
    for number in 0..30 {
        let status = app.get("/users/me").answer().await.status.as_u16();
        assert_eq!(status, if number < 5 { 401 } else { 429 });
    }
    let exceeded = events(&app, "limit.exceeded").await;
    assert_eq!(exceeded.len(), 10);
    assert_eq!(exceeded[0].data, json!({ "limit": "ip" }));
    assert!(exceeded[0].ip.is_some() && exceeded[0].outcome == "failure");
    app.advance(MINUTE);
    let exceeded = events(&app, "limit.exceeded").await;
    assert_eq!(
        (exceeded.len(), &exceeded[10].data),
        (11, &json!({ "limit": "ip", "count": 15 }))
    );
    // Nobody's own affair: kept for a while, too.
    app.advance(91 * DAY);
    clean_up(&app.services).await.expect("cleans up");
    events(&app, "limit.exceeded")
        .await
        .iter()
        .for_each(has_none);
}

#[tokio::test]
async fn throttled_logins_are_on_record() {
    let settings = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "2/20m"),
    ];
    let app = TestApp::spawn_with(&settings).await;
    app.register("ada").await;
    for _ in 0..2 {
        app.try_login("ada", "wrong")
            .await
            .expect_oauth_error("invalid_grant");
    }
    app.try_login("ada", "wrong")
        .await
        .expect_problem(429, "account_throttled");
    let event = event(&app, "login.throttled").await;
    assert_eq!(event.data, json!({ "operation": "POST /auth/token" }));
    assert!(event.ip.is_some());
}

/// Failures of ever new subjects take neither memory nor rows without bound.
#[tokio::test]
async fn failures_of_many_subjects_are_counted_together() {
    let app = TestApp::spawn().await;
    for subject in 0..5000_u32 {
        refusals::note(
            &app.services,
            "limit.exceeded",
            &subject.to_be_bytes(),
            |event| event,
        );
    }
    assert_eq!(events(&app, "limit.exceeded").await.len(), 256);
    app.advance(MINUTE);
    let exceeded = events(&app, "limit.exceeded").await;
    assert_eq!(
        (exceeded.len(), &exceeded[256].data),
        (257, &json!({ "count": 4744 }))
    );
}
