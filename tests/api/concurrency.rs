//! Many requests at one moment: what must be unique stays so, what must go on goes on.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{join, join_all};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, events};
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};

const AT_ONCE: usize = 50;

/// Registers the address that `spell` gives for each number; exactly one must get it.
async fn one_address_for_many(app: &TestApp, spell: impl Fn(usize) -> String) {
    let registrations = (0..AT_ONCE).map(|number| {
        let body = json!({ "email": spell(number), "username": format!("user-{number}"), "password": PASSWORD });
        app.post("/auth/register").json(&body).answer()
    });
    let (made, refused): (Vec<Answer>, Vec<Answer>) = join_all(registrations)
        .await
        .into_iter()
        .partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!((made.len(), refused.len()), (1, AT_ONCE - 1));
    for answer in refused {
        answer.expect_problem(409, "email_taken");
    }
    let users = records::count(app, "SELECT count(*) FROM users", &[]).await;
    assert_eq!(users, 1);
    assert_eq!(events(app, "user.registered").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_registrations_of_one_address_one_succeeds() {
    let app = TestApp::spawn().await;
    one_address_for_many(&app, |_| "ada@example.com".to_owned()).await;
}

/// DESIGN §6: two spellings of one e-mail never make two accounts, at one moment either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_registrations_of_spellings_of_one_address_one_succeeds() {
    let app = TestApp::spawn().await;
    let spellings = [
        "ada@example.com",
        "Ada@example.com",
        "ADA@EXAMPLE.COM",
        "ａｄａ@example.com",
        "ＡＤＡ@example.com",
        "ada@ｅｘａｍｐｌｅ.com",
    ];
    one_address_for_many(&app, |number| {
        spellings[number % spellings.len()].to_owned()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_registrations_of_one_username_one_succeeds() {
    let app = TestApp::spawn().await;
    let registrations = (0..AT_ONCE).map(|number| {
        let username = if number % 2 == 0 { "ada" } else { "ADA" };
        let body = json!({ "email": format!("{number}@example.com"), "username": username, "password": PASSWORD });
        app.post("/auth/register").json(&body).answer()
    });
    let (made, refused): (Vec<Answer>, Vec<Answer>) = join_all(registrations)
        .await
        .into_iter()
        .partition(|answer| answer.status == StatusCode::CREATED);
    assert_eq!((made.len(), refused.len()), (1, AT_ONCE - 1));
    for answer in refused {
        answer.expect_problem(409, "username_taken");
    }
}

/// ASVS 10.4.5.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_refreshes_of_one_token_have_one_successor() {
    let app = TestApp::spawn().await;
    let first = app.user("ada").await;
    let answers = join_all((0..AT_ONCE).map(|_| app.refresh(&first.refresh))).await;
    let sessions: Vec<Session> = answers
        .into_iter()
        .map(|answer| Session::of(&answer.expect(StatusCode::OK)))
        .collect();
    let successors: HashSet<&str> = sessions
        .iter()
        .map(|session| session.refresh.as_str())
        .collect();
    assert_eq!(successors.len(), 1);
    for session in &sessions {
        assert!(app.is_alive(session).await);
    }
    let second = &sessions[0];
    let third = Session::of(&app.refresh(&second.refresh).await.expect(StatusCode::OK));

    app.advance(Duration::from_millis(10_001));
    app.refresh(&second.refresh)
        .await
        .expect_problem(401, "refresh_token_reused");
    assert!(!app.is_alive(&third).await);
    app.refresh(&third.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
    assert_eq!(events(&app, "session.refresh_token_reused").await.len(), 1);
}

/// One replay ends the session; many at one moment put no more than that on record.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_replays_end_the_session_once() {
    let app = TestApp::spawn().await;
    let first = app.user("ada").await;
    app.refresh(&first.refresh).await.expect(StatusCode::OK);
    app.advance(Duration::from_secs(11));
    let answers = join_all((0..AT_ONCE).map(|_| app.refresh(&first.refresh))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer.status == StatusCode::UNAUTHORIZED)
    );
    assert_eq!(events(&app, "session.refresh_token_reused").await.len(), 1);
}

/// A session that a password change ends does not come back by a refresh at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_refresh_beside_a_password_change_does_not_survive_it() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let mut password = PASSWORD;
    for round in 0..10 {
        let next = if round % 2 == 0 {
            OTHER_PASSWORD
        } else {
            PASSWORD
        };
        let own = Session::of(&app.try_login("ada", password).await.json());
        let other = Session::of(&app.try_login("ada", password).await.json());
        let body = json!({ "current_password": password, "new_password": next });
        let change = app
            .put("/users/me/password")
            .bearer_auth(&own.access)
            .json(&body)
            .answer();
        let (refreshes, changed) = join(
            join_all((0..8).map(|_| app.refresh(&other.refresh))),
            change,
        )
        .await;
        changed.expect(StatusCode::OK);
        for refreshed in refreshes {
            if refreshed.status == StatusCode::OK {
                let session = Session::of(&refreshed.json());
                assert!(!app.is_alive(&session).await);
            }
        }
        password = next;
    }
}

/// DESIGN §6: nor does a login with the old password, however long its hash took.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_beside_a_password_change_does_not_survive_it() {
    let app = TestApp::spawn().await;
    app.register("ada").await;
    let mut password = PASSWORD;
    for round in 0..10 {
        let next = if round % 2 == 0 {
            OTHER_PASSWORD
        } else {
            PASSWORD
        };
        let own = Session::of(&app.try_login("ada", password).await.json());
        let body = json!({ "current_password": password, "new_password": next });
        let change = app
            .put("/users/me/password")
            .bearer_auth(&own.access)
            .json(&body)
            .answer();
        let logins = join_all((0..12).map(|_| app.try_login("ada", password)));
        let (answers, changed) = join(logins, change).await;
        changed.expect(StatusCode::OK);
        for answer in answers {
            if answer.status == StatusCode::OK {
                assert!(!app.is_alive(&Session::of(&answer.json())).await);
            } else {
                answer.expect_oauth_error("invalid_grant");
            }
        }
        password = next;
    }
}

async fn own_path(app: &TestApp, session: &Session) -> String {
    let me = app
        .get("/users/me")
        .bearer_auth(&session.access)
        .answer()
        .await
        .expect(StatusCode::OK);
    format!("/users/{}", records::id(&me))
}

async fn active_admins(app: &TestApp) -> i64 {
    let sql = "SELECT count(*) FROM users JOIN user_roles ON user_id = id WHERE role_name = 'admin' AND is_active";
    records::count(app, sql, &[]).await
}

#[derive(Debug, Clone, Copy)]
enum Attack {
    Demote,
    Disable,
    Delete,
    Leave,
}

async fn attack(app: &TestApp, how: Attack, by: &Session, own: &str, other: &str) -> Answer {
    let request = match how {
        Attack::Demote => app
            .put(&format!("{other}/roles"))
            .json(&json!({ "roles": ["user"] })),
        Attack::Disable => app.patch(other).json(&json!({ "is_active": false })),
        Attack::Delete => app.delete(other),
        Attack::Leave => app.delete(own),
    };
    request.bearer_auth(&by.access).answer().await
}

/// Two administrators take each other, or themselves, away at one moment: one of them stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_two_administrators_stays_whatever_they_do_to_each_other() {
    use Attack::{Delete, Demote, Disable, Leave};
    let app = TestApp::spawn().await;
    let attacks = [
        (Demote, Demote),
        (Disable, Disable),
        (Delete, Delete),
        (Demote, Delete),
        (Leave, Leave),
    ];
    for round in 0..20 {
        let (one, other) = (
            app.admin(&format!("one-{round}")).await,
            app.admin(&format!("other-{round}")).await,
        );
        let (path, other_path) = (own_path(&app, &one).await, own_path(&app, &other).await);
        let (first, second) = attacks[round % attacks.len()];
        let (first_answer, second_answer) = join(
            attack(&app, first, &one, &path, &other_path),
            attack(&app, second, &other, &other_path, &path),
        )
        .await;
        let statuses = [first_answer.status, second_answer.status];
        let won = statuses.iter().filter(|status| status.is_success()).count();
        assert_eq!(won, 1, "{first:?} {second:?}: {statuses:?}");
        let lost = statuses.iter().find(|status| !status.is_success());
        let lost = lost.expect("a loser").as_u16();
        assert!(matches!(lost, 401 | 403 | 404 | 409), "{lost}");
        assert_eq!(active_admins(&app).await, 1);
        let sql = "DELETE FROM users WHERE username IN ('one-' || ?1, 'other-' || ?1)";
        records::execute(&app, sql, &[&round.to_string()]).await;
    }
}

/// Two changes of one username at one moment: one gets it, the other is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_users_cannot_take_one_name() {
    let app = TestApp::spawn().await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    for round in 0..10 {
        let take = |session: &Session| {
            app.patch("/users/me")
                .bearer_auth(&session.access)
                .json(&json!({ "username": format!("countess-{round}") }))
                .answer()
        };
        let (one, other) = join(take(&ada), take(&bob)).await;
        let (winner, loser) = if one.status == StatusCode::OK {
            (one, other)
        } else {
            (other, one)
        };
        let user: Value = winner.expect(StatusCode::OK);
        assert_eq!(user["username"], format!("countess-{round}"));
        loser.expect_problem(409, "username_taken");
    }
}

/// DESIGN §6: `database is locked` reaches nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writes_and_reads_at_once_all_succeed() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let writes = (0..200).map(|number| {
        let body = json!({ "email": format!("{number}@example.com"), "username": format!("user-{number}") });
        app.post("/users")
            .bearer_auth(&admin.access)
            .json(&body)
            .answer()
    });
    let reads = (0..200).map(|_| app.get("/users").bearer_auth(&admin.access).answer());
    let (made, listed) = join(join_all(writes), join_all(reads)).await;
    for answer in made {
        answer.expect(StatusCode::CREATED);
    }
    for answer in listed {
        answer.expect(StatusCode::OK);
    }
}
