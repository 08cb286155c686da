//! Two instances on one database answer as one would.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::{join, join_all};
use reqwest::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;
use vestibule::domain::expiry::clean_up;

use crate::postgres::Session as Sql;
use crate::support::{Answer, OTHER_PASSWORD, PASSWORD, Send, Session, TestApp};
use crate::{SERVER, instance, instance_with};

const DAY: Duration = Duration::from_secs(24 * 3600);

async fn two() -> (TestApp, TestApp, Sql) {
    let url = SERVER.create_database();
    let sql = Sql::open(&url).expect("opens");
    (instance(&url).await, instance(&url).await, sql)
}

fn advance(instances: [&TestApp; 2], by: Duration) {
    for instance in instances {
        instance.advance(by);
    }
}

async fn me(app: &TestApp, session: &Session) -> Value {
    let request = app.get("/users/me").bearer_auth(&session.access);
    request.answer().await.expect(StatusCode::OK)
}

async fn set_roles(app: &TestApp, by: &Session, id: &str, roles: &[&str]) -> Answer {
    let request = app.put(&format!("/users/{id}/roles"));
    let request = request.bearer_auth(&by.access);
    request.json(&json!({ "roles": roles })).answer().await
}

/// ASVS 10.4.5.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn many_refreshes_of_one_token_on_both_have_one_successor() {
    let (one, other, sql) = two().await;
    let first = one.user("ada").await;
    let refreshes = (0..50).map(|number| {
        let app = if number % 2 == 0 { &one } else { &other };
        app.refresh(&first.refresh)
    });
    let answers = join_all(refreshes).await;
    let sessions: Vec<Session> = answers
        .into_iter()
        .map(|answer| Session::of(&answer.expect(StatusCode::OK)))
        .collect();
    let successors: HashSet<&str> = sessions
        .iter()
        .map(|session| session.refresh.as_str())
        .collect();
    assert_eq!(successors.len(), 1);
    let second = &sessions[0];
    assert!(one.is_alive(second).await && other.is_alive(second).await);
    let third = Session::of(&other.refresh(&second.refresh).await.expect(StatusCode::OK));

    // A copy that comes back later ends the session, whichever instance it comes to: the grace and what clocks may differ by.
    advance([&one, &other], Duration::from_millis(70_001));
    one.refresh(&second.refresh)
        .await
        .expect_problem(401, "refresh_token_reused");
    assert!(!one.is_alive(&third).await && !other.is_alive(&third).await);
    other
        .refresh(&third.refresh)
        .await
        .expect_problem(401, "invalid_refresh_token");
    let events = "SELECT count(*) FROM audit_events WHERE action = 'session.refresh_token_reused'";
    assert_eq!(sql.value(events), "1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn of_two_registrations_of_one_address_one_succeeds() {
    let (one, other, sql) = two().await;
    for round in 0..20 {
        let register = |app: &TestApp, username: String| {
            let email = format!("ada-{round}@example.com");
            let body = json!({ "email": email, "username": username, "password": PASSWORD });
            app.post("/auth/register").json(&body).answer()
        };
        let (first, second) = join(
            register(&one, format!("one-{round}")),
            register(&other, format!("other-{round}")),
        )
        .await;
        let (made, refused) = if first.status == StatusCode::CREATED {
            (first, second)
        } else {
            (second, first)
        };
        made.expect(StatusCode::CREATED);
        refused.expect_problem(409, "email_taken");
    }
    assert_eq!(sql.value("SELECT count(*) FROM users"), "20");
}

/// Each of two administrators steps down at one moment, by way of another instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn one_of_two_administrators_stays() {
    let (one, other, sql) = two().await;
    let (ada, bob) = (one.admin("ada").await, other.admin("bob").await);
    let ids = [me(&one, &ada).await, me(&other, &bob).await];
    let [ada_id, bob_id] = [0, 1].map(|index| ids[index]["id"].as_str().expect("an id"));
    for _ in 0..25 {
        let (first, second) = join(
            set_roles(&one, &ada, ada_id, &["user"]),
            set_roles(&other, &bob, bob_id, &["user"]),
        )
        .await;
        let (done, refused) = if first.status == StatusCode::OK {
            (first, second)
        } else {
            (second, first)
        };
        done.expect(StatusCode::OK);
        refused.expect_problem(409, "last_admin");
        sql.run("INSERT INTO user_roles (user_id, role_name) SELECT id, 'admin' FROM users ON CONFLICT DO NOTHING");
    }
}

/// Each starts from what the other makes of it, not from what both found.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn roles_set_on_both_at_one_moment_are_those_of_one() {
    let (one, other, sql) = two().await;
    sql.run(
        "INSERT INTO roles (name, description, is_builtin, updated_at) \
         SELECT name, '', FALSE, 0 FROM unnest(ARRAY['a', 'b', 'c', 'd']) AS name",
    );
    let (root, root_too) = (one.admin("root").await, other.admin("root-too").await);
    let user = one.register("ada").await;
    let id = user["id"].as_str().expect("an id");
    for round in 0..25 {
        let wanted = [["a", "b"], ["c", "d"]];
        let (first, second) = join(
            set_roles(&one, &root, id, &wanted[0]),
            set_roles(&other, &root_too, id, &wanted[1]),
        )
        .await;
        first.expect(StatusCode::OK);
        second.expect(StatusCode::OK);
        let request = one.get(&format!("/users/{id}")).bearer_auth(&root.access);
        let user = request.answer().await.expect(StatusCode::OK);
        let is_one_of_them = wanted.iter().any(|roles| user["roles"] == json!(roles));
        assert!(is_one_of_them, "round {round}: {}", user["roles"]);
    }
}

/// Both compare with what the other makes of the account, and both call the same content by the same tag.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn of_many_changes_of_one_state_on_both_one_is_made() {
    let (one, other, sql) = two().await;
    let (root, ada) = (one.admin("root").await, one.user("ada").await);
    let path = format!(
        "/users/{}",
        me(&one, &ada).await["id"].as_str().expect("an id")
    );
    for round in 0..10 {
        let mut tags = Vec::new();
        for app in [&one, &other] {
            let request = app.get("/users/me").bearer_auth(&ada.access);
            tags.push(request.answer().await.header("etag").to_owned());
        }
        assert!(tags[0].len() > 20 && tags[0] == tags[1], "{tags:?}");
        let changes = (0..20).map(|number| {
            let app = if number % 2 == 0 { &one } else { &other };
            let request = match number % 4 {
                0 | 1 => app.patch("/users/me").bearer_auth(&ada.access),
                _ => app.patch(&path).bearer_auth(&root.access),
            };
            let request = request.header("if-match", &tags[0]);
            let name = format!("{round}-{number}");
            request.json(&json!({ "full_name": name })).answer()
        });
        let (made, refused): (Vec<Answer>, Vec<Answer>) = join_all(changes)
            .await
            .into_iter()
            .partition(|answer| answer.status == StatusCode::OK);
        assert_eq!((made.len(), refused.len()), (1, 19));
        for answer in refused {
            answer.expect_problem(412, "precondition_failed");
        }
        assert_eq!(me(&other, &ada).await, made[0].json());
    }
    let changes = "SELECT count(*) FROM audit_events WHERE action IN ('user.changed', 'user.profile_changed')";
    assert_eq!(sql.value(changes), "10");
}

/// ASVS 6.3.1.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn failures_at_an_account_are_counted_by_both_together() {
    let url = SERVER.create_database();
    let settings = [
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "off"),
        ("RATE_LIMIT_LOGIN_IP", "off"),
        ("RATE_LIMIT_REGISTER_IP", "off"),
        ("RATE_LIMIT_LOGIN_ACCOUNT", "4/20m"),
    ];
    let one = instance_with(&url, &settings).await;
    let other = instance_with(&url, &settings).await;
    one.register("ada").await;
    // A right password clears the failures that the other one saw.
    for app in [&one, &other, &one] {
        app.try_login("ada", OTHER_PASSWORD)
            .await
            .expect_oauth_error("invalid_grant");
    }
    other.login("ada").await;
    for app in [&one, &other, &one, &other] {
        app.try_login("ada", OTHER_PASSWORD)
            .await
            .expect_oauth_error("invalid_grant");
    }
    for app in [&one, &other] {
        app.try_login("ada", PASSWORD)
            .await
            .expect_problem(429, "account_throttled");
    }
    // Guesses at one moment are no more than there are attempts.
    advance([&one, &other], Duration::from_secs(20 * 60));
    let guesses = (0..20).map(|number| {
        let app = if number % 2 == 0 { &one } else { &other };
        app.try_login("ada", OTHER_PASSWORD)
    });
    let answers = join_all(guesses).await;
    let checked = answers.iter().filter(|answer| answer.status == 400).count();
    let throttled = answers.iter().filter(|answer| answer.status == 429).count();
    assert_eq!((checked, throttled), (4, 16));
}

fn sessions(sql: &Sql) -> usize {
    let count = sql.value("SELECT count(*) FROM sessions");
    count.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn two_that_clean_up_at_once_delete_what_has_expired_and_no_more() {
    let (one, other, sql) = two().await;
    one.user("ada").await;
    one.mails().await;
    copies(&sql, 999, "NULL");
    // In eight days these have expired, and those below have not.
    advance([&one, &other], 8 * DAY);
    one.login("ada").await;
    copies(&sql, 9, "NULL");
    copies(&sql, 300, "rotated_at - 25 * 3600 * 1000");
    copies(&sql, 10, "rotated_at - 23 * 3600 * 1000");
    assert_eq!(sessions(&sql), 1000 + 10 + 300 + 10);
    let (first, second) = join(clean_up(&one.services), clean_up(&other.services)).await;
    let deleted = first.expect("cleans up") + second.expect("cleans up");
    // The token that was mailed to her has expired as well.
    assert_eq!((deleted, sessions(&sql)), (1300 + 1, 20));
    let live = sql.value("SELECT count(*) FROM sessions WHERE revoked_at IS NULL");
    assert_eq!(live, "10");
}

/// Copies of the session that was begun last, with other ids.
fn copies(sql: &Sql, count: usize, revoked_at: &str) {
    sql.run(&format!(
        "INSERT INTO sessions SELECT gen_random_uuid(), user_id, refresh_counter, rotated_at, scope, authenticated_at, \
         created_at, last_used_at, expires_at, {revoked_at}, ip, user_agent \
         FROM (SELECT * FROM sessions WHERE revoked_at IS NULL ORDER BY created_at DESC LIMIT 1) AS one, \
         generate_series(1, {count})"
    ));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn one_that_cleans_up_is_left_alone_until_it_has_been_silent_for_long() {
    let (one, other, sql) = two().await;
    one.user("ada").await;
    one.mails().await;
    advance([&one, &other], 8 * DAY);
    // The session, and the token that was mailed.
    assert_eq!(clean_up(&one.services).await.expect("cleans up"), 2);
    let holder = Uuid::parse_str(&sql.value("SELECT holder FROM leases WHERE name = 'clean_up'"));
    assert_eq!(holder.expect("an id"), one.services.instance.0);

    // The other one finds something to do, and leaves it to the first, who does it.
    one.user("bob").await;
    sql.run("UPDATE sessions SET expires_at = 0");
    advance([&one, &other], Duration::from_secs(299));
    assert_eq!(clean_up(&other.services).await.expect("leaves it"), 0);
    assert_eq!(sessions(&sql), 1);
    assert_eq!(clean_up(&one.services).await.expect("cleans up"), 1);

    // The first dies: its lease is over after five minutes.
    other.user("eve").await;
    sql.run("UPDATE sessions SET expires_at = 0");
    advance([&one, &other], Duration::from_secs(299));
    assert_eq!(clean_up(&other.services).await.expect("leaves it"), 0);
    advance([&one, &other], Duration::from_secs(1));
    assert_eq!(clean_up(&other.services).await.expect("takes over"), 1);
    assert_eq!(sessions(&sql), 0);
}
