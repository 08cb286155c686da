//! What the database holds, for facts that no answer shows: audit events, stored hashes, roles made by hand.

use serde_json::Value as Json;
use uuid::Uuid;
use vestibule::domain::audit::refusals;
use vestibule::store::db::{self, FromValue, Row, Value};

use crate::support::{Session, TestApp};

/// An audit event as it is stored.
#[derive(Debug)]
pub struct Event {
    pub actor_id: Option<Uuid>,
    pub target_id: Option<Uuid>,
    pub session_id: Option<Uuid>,
    pub ip: Option<String>,
    pub user_agent: Option<String>,
    pub outcome: String,
    pub data: Json,
}

/// The audit events of this action.
pub async fn events(app: &TestApp, action: &str) -> Vec<Event> {
    let sql = "SELECT actor_id, target_id, session_id, ip, user_agent, outcome, data FROM audit_events WHERE action = ?1";
    rows(app, sql, &[action], |row| {
        Ok(Event {
            actor_id: row.get(0)?,
            target_id: row.get(1)?,
            session_id: row.get(2)?,
            ip: row.get(3)?,
            user_agent: row.get(4)?,
            outcome: row.get(5)?,
            data: serde_json::from_str(&row.get::<String>(6)?).expect("JSON"),
        })
    })
    .await
}

/// The one audit event of this action.
pub async fn event(app: &TestApp, action: &str) -> Event {
    let mut found = events(app, action).await;
    assert_eq!(found.len(), 1, "{action}: {found:?}");
    found.remove(0)
}

/// The stored password hash of a user.
pub async fn stored_hash(app: &TestApp, username: &str) -> Option<String> {
    let sql = "SELECT password_hash FROM users WHERE username = ?1";
    column(app, sql, &[username]).await.remove(0)
}

/// Puts a password hash in the place of a user's.
pub async fn set_stored_hash(app: &TestApp, username: &str, hash: &str) {
    let sql = "UPDATE users SET password_hash = ?2 WHERE username = ?1";
    execute(app, sql, &[username, hash]).await;
}

/// Takes a user's password away.
pub async fn remove_stored_hash(app: &TestApp, username: &str) {
    let sql = "UPDATE users SET password_hash = NULL WHERE username = ?1";
    execute(app, sql, &[username]).await;
}

/// Makes a role with these permissions.
pub async fn make_role(app: &TestApp, role: &str, permissions: &[&str]) {
    let sql =
        "INSERT INTO roles (name, description, is_builtin, updated_at) VALUES (?1, '', FALSE, 0)";
    execute(app, sql, &[role]).await;
    for permission in permissions {
        let sql = "INSERT INTO role_permissions (role_name, permission) VALUES (?1, ?2)";
        execute(app, sql, &[role, permission]).await;
    }
}

/// Registers a user who has exactly these permissions, by way of a role of his name, and logs him in.
pub async fn user_who_may(app: &TestApp, name: &str, permissions: &[&str]) -> Session {
    make_role(app, name, permissions).await;
    app.register(name).await;
    let sql =
        "INSERT INTO user_roles (user_id, role_name) SELECT id, ?1 FROM users WHERE username = ?1";
    execute(app, sql, &[name]).await;
    app.login(name).await
}

/// How many rows a `SELECT count(*)` counts.
pub async fn count(app: &TestApp, sql: &'static str, texts: &[&str]) -> i64 {
    column(app, sql, texts).await.remove(0)
}

/// The first column of an answer.
pub async fn column<T: FromValue + Send + 'static>(
    app: &TestApp,
    sql: &'static str,
    texts: &[&str],
) -> Vec<T> {
    rows(app, sql, texts, |row| row.get(0)).await
}

/// Runs a statement that changes something.
pub async fn execute(app: &TestApp, sql: &'static str, texts: &[&str]) {
    let texts = owned(texts);
    let changed = app
        .services
        .db
        .write(async move |tx| {
            let values: Vec<Value<'_>> = texts.iter().map(Value::from).collect();
            tx.execute(sql, &values).await
        })
        .await;
    assert!(changed.expect("writes") > 0, "{sql}");
}

async fn rows<T: Send + 'static>(
    app: &TestApp,
    sql: &'static str,
    texts: &[&str],
    map_row: fn(&Row<'_>) -> db::Result<T>,
) -> Vec<T> {
    let texts = owned(texts);
    // What is put on record beside the requests.
    refusals::flush(&app.services, false).await.expect("writes");
    app.services
        .db
        .scan(async move |tx| {
            let values: Vec<Value<'_>> = texts.iter().map(Value::from).collect();
            tx.query_all(sql, &values, map_row).await
        })
        .await
        .expect("reads")
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The id of an object in an answer.
#[track_caller]
pub fn id(object: &Json) -> Uuid {
    let text = object["id"].as_str().expect("an id");
    text.parse().expect("a UUID")
}
