//! Steps that need a fresh proof (RFC 9470), and the tokens that are refused after one.

use std::time::Duration;

use futures_util::future::{join, join_all};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::records::{self, user_who_may};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

const TEN_MINUTES: Duration = Duration::from_secs(600);

async fn reauthenticate(app: &TestApp, session: &Session) -> Answer {
    let request = app
        .post("/auth/reauthenticate")
        .bearer_auth(&session.access);
    request
        .json(&json!({ "password": PASSWORD }))
        .answer()
        .await
}

async fn change_password(app: &TestApp, session: &Session) -> Answer {
    let body = json!({ "current_password": PASSWORD, "new_password": OTHER_PASSWORD });
    let request = app.put("/users/me/password").bearer_auth(&session.access);
    request.json(&body).answer().await
}

async fn is_alive(app: &TestApp, tokens: &Answer) -> bool {
    app.is_alive(&Session::of(&tokens.json())).await
}

/// ASVS 7.5.1, 7.5.3.
#[tokio::test]
async fn each_step_that_needs_a_fresh_proof_asks_for_it_and_takes_it() {
    let app = TestApp::spawn().await;
    app.admin("other").await;
    let root = app.admin("root").await;
    let me = app
        .get("/users/me")
        .bearer_auth(&root.access)
        .answer()
        .await;
    let own = format!("/users/{}", records::id(&me.expect(StatusCode::OK)));
    let link = format!("{own}/password-reset");
    let mail = format!("{link}/mail");
    let mut session = root;
    let steps: [(Method, &str, Value); 10] = [
        (Method::POST, "/auth/logout?scope=others", Value::Null),
        (Method::PATCH, "/users/me", json!({ "username": "root-1" })),
        (Method::PUT, "/users/me", json!({ "username": "root-2" })),
        (Method::PATCH, &own, json!({ "username": "root-3" })),
        (Method::PATCH, &own, json!({ "username": "root-4" })),
        (Method::POST, &link, Value::Null),
        (Method::POST, &mail, Value::Null),
        (Method::POST, "/auth/logout?scope=all", Value::Null),
        (Method::PATCH, &own, json!({ "is_active": false })),
        (Method::DELETE, "/users/me", Value::Null),
    ];
    for (number, (method, path, body)) in steps.iter().enumerate() {
        let send = |session: &Session| {
            let request = app
                .request(method.clone(), path)
                .bearer_auth(&session.access);
            match body {
                Value::Null => request.answer(),
                body => request.json(body).answer(),
            }
        };
        app.advance(TEN_MINUTES);
        let refused = send(&session).await;
        assert_eq!(
            refused.header("www-authenticate"),
            "Bearer realm=\"vestibule\", error=\"insufficient_user_authentication\", \
             error_description=\"A login or reauthentication less than 10 minutes ago is needed\", max_age=\"600\"",
            "{method} {path}"
        );
        refused.expect_problem(401, "insufficient_user_authentication");
        let answer = reauthenticate(&app, &session).await;
        session = Session::of(&answer.expect(StatusCode::OK));
        app.advance(TEN_MINUTES - Duration::from_millis(1));
        let taken = send(&session).await;
        assert!(taken.status.is_success(), "{method} {path}: {}", taken.text);
        if number == 7 {
            session = app.login("root-4").await;
        } else if number == 8 {
            let sql = "UPDATE users SET is_active = TRUE WHERE username = ?1";
            records::execute(&app, sql, &["root-4"]).await;
            session = app.login("root-4").await;
        }
    }
}

#[tokio::test]
async fn what_shuts_nobody_out_needs_no_fresh_proof() {
    let app = TestApp::spawn().await;
    let session = app.user("ada").await;
    app.advance(TEN_MINUTES);
    for body in [
        json!({ "username": "ada", "full_name": "Ada" }),
        json!({ "username": "ada" }),
    ] {
        let request = app.put("/users/me").bearer_auth(&session.access);
        request.json(&body).answer().await.expect(StatusCode::OK);
    }
    let request = app.patch("/users/me").bearer_auth(&session.access);
    let answer = request.json(&json!({ "full_name": null })).answer().await;
    answer.expect(StatusCode::OK);
    change_password(&app, &session).await.expect(StatusCode::OK);
}

/// A copy of a token, made before its owner changed the password, is of no use to anybody. ASVS 7.4.3.
#[tokio::test]
async fn older_tokens_are_refused_wherever_they_are_sent() {
    let app = TestApp::spawn().await;
    let asker = user_who_may(&app, "asker", &["tokens:introspect"]).await;
    for change in [false, true] {
        let name = if change { "ada" } else { "bob" };
        let first = app.user(name).await;
        let second = Session::of(&app.refresh(&first.refresh).await.expect(StatusCode::OK));
        let answer = if change {
            change_password(&app, &second).await
        } else {
            reauthenticate(&app, &second).await
        };
        let body = answer.expect(StatusCode::OK);
        assert_eq!(body["expires_in"], 1800);
        let new = Session::of(&body);
        for old in [&first, &second] {
            assert!(!app.is_alive(old).await, "{name}");
            reauthenticate(&app, old)
                .await
                .expect_problem(401, "invalid_access_token");
            app.refresh(&old.refresh)
                .await
                .expect_problem(401, "invalid_refresh_token");
            for token in [&old.access, &old.refresh] {
                let request = app.post("/auth/introspect").bearer_auth(&asker.access);
                let answer = request.form(&[("token", token)]).answer().await;
                assert_eq!(answer.expect(StatusCode::OK), json!({ "active": false }));
                let request = app.post("/auth/revoke").form(&[("token", token)]);
                request.answer().await.expect(StatusCode::OK);
            }
        }
        assert!(app.is_alive(&new).await, "{name}");
        let next = Session::of(&app.refresh(&new.refresh).await.expect(StatusCode::OK));
        assert!(
            app.is_alive(&next).await && app.is_alive(&new).await,
            "{name}"
        );
    }
}

/// What a refresh beside it gives is from before, or nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refreshes_beside_a_step_up_do_not_survive_it() {
    let app = TestApp::spawn().await;
    for round in 0..10 {
        let session = app.user(&format!("ada-{round}")).await;
        let refreshes = join_all((0..8).map(|_| app.refresh(&session.refresh)));
        let (refreshed, stepped) = if round % 2 == 0 {
            join(refreshes, reauthenticate(&app, &session)).await
        } else {
            join(refreshes, change_password(&app, &session)).await
        };
        assert_eq!(stepped.status, StatusCode::OK, "{}", stepped.text);
        assert!(is_alive(&app, &stepped).await);
        for answer in refreshed {
            assert!(answer.status != StatusCode::OK || !is_alive(&app, &answer).await);
        }
    }
}

/// The second of two finds its own token left behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_step_ups_with_one_token_one_succeeds() {
    let app = TestApp::spawn().await;
    for round in 0..6 {
        let session = app.user(&format!("ada-{round}")).await;
        let answers = if round % 2 == 0 {
            join_all((0..6).map(|_| reauthenticate(&app, &session))).await
        } else {
            join_all((0..6).map(|_| change_password(&app, &session))).await
        };
        let (done, refused): (Vec<Answer>, Vec<Answer>) = answers
            .into_iter()
            .partition(|answer| answer.status == StatusCode::OK);
        assert_eq!((done.len(), refused.len()), (1, 5));
        assert!(is_alive(&app, &done[0]).await);
        for answer in refused {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{}", answer.text);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn refreshes_beside_a_logout_of_others_do_not_survive_it() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    for _ in 0..10 {
        let (own, other) = (app.login("ada").await, app.login("ada").await);
        let logout = app
            .post("/auth/logout?scope=others")
            .bearer_auth(&own.access);
        let refreshes = join_all((0..8).map(|_| app.refresh(&other.refresh)));
        let (refreshed, ended) = join(refreshes, logout.answer()).await;
        ended.expect(StatusCode::NO_CONTENT);
        assert!(app.is_alive(&own).await);
        for answer in refreshed {
            assert!(answer.status != StatusCode::OK || !is_alive(&app, &answer).await);
        }
    }
}

/// It takes the password, and a mail that proves the address. ASVS 7.5.1.
#[tokio::test]
async fn the_own_address_is_not_changed_among_the_users() {
    let app = TestApp::spawn().await;
    let root = app.admin("root").await;
    let me = app.get("/users/me").bearer_auth(&root.access);
    let before = me.answer().await.expect(StatusCode::OK);
    let own = format!("/users/{}", records::id(&before));
    let patch = async |body: Value| {
        let request = app.patch(&own).bearer_auth(&root.access);
        request.json(&body).answer().await
    };
    let (email, other) = (
        before["email"].clone(),
        !before["email_verified"].as_bool().expect("a flag"),
    );
    let new = json!("evil@thief.example");
    let respelled = json!("Root@example.com");
    for is_fresh in [true, false] {
        for (body, fields) in [
            (json!({ "email": new }), &["email"][..]),
            (json!({ "email": respelled }), &["email"]),
            (json!({ "email_verified": other }), &["email_verified"]),
            (
                json!({ "email": new, "email_verified": other, "full_name": "Root" }),
                &["email", "email_verified"],
            ),
        ] {
            let fields: Vec<_> = fields.iter().map(|field| (*field, "read_only")).collect();
            patch(body).await.expect_invalid(&fields);
        }
        // A client may send along what it has read.
        let same = json!({ "email": email, "email_verified": !other });
        let after = patch(same).await.expect(StatusCode::OK);
        for field in ["email", "email_verified", "full_name"] {
            assert_eq!(after[field], before[field], "{field}, fresh: {is_fresh}");
        }
        app.advance(TEN_MINUTES);
    }
    assert!(
        app.mails_of("email_changed", "root@example.com")
            .await
            .is_empty()
    );
}
