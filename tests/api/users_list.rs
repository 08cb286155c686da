//! `GET /users`: pages, search, filters.

use std::collections::HashSet;
use std::time::Duration;

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::records::{self, user_who_may};
use crate::support::{Answer, Send, Session, TestApp};

async fn list(app: &TestApp, asker: &Session, query: &[(&str, &str)]) -> Answer {
    app.get("/users")
        .query(query)
        .bearer_auth(&asker.access)
        .answer()
        .await
}

/// The usernames of one page, and the cursor of the next.
async fn page(
    app: &TestApp,
    asker: &Session,
    query: &[(&str, &str)],
) -> (Vec<String>, Option<String>) {
    let body = list(app, asker, query).await.expect(StatusCode::OK);
    let names = body["items"].as_array().expect("items").iter();
    let names = names.map(|user| user["username"].as_str().expect("a name").to_owned());
    let next = body["next_cursor"].as_str().map(str::to_owned);
    (names.collect(), next)
}

/// The usernames of all pages, in order.
async fn all_pages(app: &TestApp, asker: &Session, query: &[(&str, &str)]) -> Vec<String> {
    let (mut names, mut next) = page(app, asker, query).await;
    while let Some(cursor) = next {
        let mut query = query.to_vec();
        query.push(("cursor", &cursor));
        let (more, after) = page(app, asker, &query).await;
        assert!(!more.is_empty(), "a cursor leads to somebody");
        names.extend(more);
        assert!(names.len() < 1000, "the pages come to an end");
        next = after;
    }
    names
}

/// A user without password: it costs no hash.
async fn create(app: &TestApp, admin: &Session, username: &str, email: &str) -> Value {
    app.advance(Duration::from_millis(1));
    app.post("/users")
        .bearer_auth(&admin.access)
        .json(&json!({ "email": email, "username": username }))
        .answer()
        .await
        .expect(StatusCode::CREATED)
}

async fn create_many(app: &TestApp, admin: &Session, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..count {
        let name = format!("user-{number:03}");
        create(app, admin, &name, &format!("{name}@example.com")).await;
        names.push(name);
    }
    names.reverse();
    names
}

#[tokio::test]
async fn pages_lead_through_all_users_newest_first() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let mut expected = create_many(&app, &admin, 120).await;
    expected.push("root".to_owned());
    for (limit, pages) in [("1", 121), ("7", 18), ("50", 3), ("100", 2)] {
        let query = [("limit", limit)];
        assert_eq!(all_pages(&app, &admin, &query).await, expected);
        let (first, _) = page(&app, &admin, &query).await;
        assert_eq!(expected.len().div_ceil(first.len()), pages);
    }
    let (first, next) = page(&app, &admin, &[]).await;
    assert_eq!(first.len(), 50, "by default");
    assert!(next.is_some());
    let (rest, next) = page(&app, &admin, &[("limit", "100"), ("q", "user-0")]).await;
    assert_eq!(
        (rest.len(), next),
        (100, None),
        "a full last page is the last"
    );
}

/// DESIGN §6: nobody is left out and nobody comes twice, whatever happens between two pages.
#[tokio::test]
async fn users_who_come_and_go_between_pages_do_no_harm() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let names = create_many(&app, &admin, 10).await;
    let (first, next) = page(&app, &admin, &[("limit", "4")]).await;
    assert_eq!(first, names[..4]);
    create(&app, &admin, "newcomer", "newcomer@example.com").await;
    let sql = "DELETE FROM users WHERE username = ?1";
    records::execute(&app, sql, &[&first[3]]).await;
    let cursor = next.expect("a cursor");
    let (second, _) = page(&app, &admin, &[("limit", "4"), ("cursor", &cursor)]).await;
    assert_eq!(second, names[4..8]);
}

#[tokio::test]
async fn users_of_one_millisecond_are_all_listed() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for number in 0..20 {
        let body = json!({ "email": format!("{number}@example.com"), "username": format!("user-{number}") });
        app.post("/users")
            .bearer_auth(&admin.access)
            .json(&body)
            .answer()
            .await
            .expect(StatusCode::CREATED);
    }
    let names = all_pages(&app, &admin, &[("limit", "3")]).await;
    assert_eq!(names.len(), 21);
    assert_eq!(names.iter().collect::<HashSet<_>>().len(), 21);
}

#[tokio::test]
async fn a_bad_value_names_its_parameter() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (name, value) in [
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "-1"),
        ("limit", "1.5"),
        ("limit", "ten"),
        ("limit", ""),
        ("limit", "99999999999999999999"),
        ("cursor", "x"),
        ("cursor", "' OR 1=1 --"),
        ("cursor", "AAAA"),
        ("cursor", "\0"),
        ("is_active", "perhaps"),
        ("is_active", "2"),
        ("is_active", "TRUE"),
        ("is_active", ""),
    ] {
        let answer = list(&app, &admin, &[(name, value)]).await;
        let body = answer.expect_problem(400, "malformed_request");
        assert_eq!(body["errors"][0]["field"], name, "{value}: {body}");
    }
}

/// Clients in PHP write booleans as numbers.
#[tokio::test]
async fn booleans_in_a_query_may_be_numbers() {
    let document: Value = serde_json::from_str(&vestibule::api::document()).expect("JSON");
    let paths = document["paths"].as_object().expect("paths").iter();
    let flags = paths.flat_map(|(path, item)| {
        let operations = item.as_object().expect("operations").iter();
        operations.flat_map(move |(method, operation)| {
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let flags = parameters.filter(|it| it["schema"]["type"] == "boolean");
            flags.map(move |it| (method.as_str(), path.as_str(), it["name"].as_str()))
        })
    });
    let flags: Vec<_> = flags.collect();
    // Each one that is added has to be tried here.
    assert_eq!(flags, [("get", "/users", Some("is_active"))]);

    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (value, expected) in [("1", 1), ("true", 1), ("0", 0), ("false", 0)] {
        let answer = list(&app, &admin, &[("is_active", value)]).await;
        let body = answer.expect(StatusCode::OK);
        assert_eq!(
            body["items"].as_array().map(Vec::len),
            Some(expected),
            "{value}"
        );
    }
}

#[tokio::test]
async fn the_search_finds_the_start_of_address_or_username_in_any_case() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (name, email) in [
        ("Ada", "Lovelace@example.com"),
        ("Grace", "ada.fan@Example.COM"),
        ("adamant", "adamant@example.com"),
        ("Nada", "nada@example.com"),
        ("a_b", "under@example.com"),
        ("axb", "percent%age@example.com"),
        ("jose", "josé@example.com"),
    ] {
        create(&app, &admin, name, email).await;
    }
    for (q, expected) in [
        ("ada", vec!["Ada", "Grace", "adamant"]),
        ("ADA", vec!["Ada", "Grace", "adamant"]),
        ("ａｄａ", vec!["Ada", "Grace", "adamant"]),
        ("love", vec!["Ada"]),
        ("ada.fan@example.com", vec!["Grace"]),
        ("ada.fan@example.comx", vec![]),
        ("example.com", vec![]),
        ("a_", vec!["a_b"]),
        ("%", vec![]),
        ("percent%", vec!["axb"]),
        ("_", vec![]),
        ("*", vec![]),
        ("JOSE\u{301}", vec!["jose"]),
    ] {
        let (mut found, _) = page(&app, &admin, &[("q", q)]).await;
        found.sort_unstable();
        assert_eq!(found, expected, "{q}");
    }
    let (everybody, _) = page(&app, &admin, &[("q", "")]).await;
    assert_eq!(everybody.len(), 8);
}

#[tokio::test]
async fn a_hostile_search_finds_nobody() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    create_many(&app, &admin, 3).await;
    let long = "a".repeat(5000);
    for text in [
        "' OR 1=1 --",
        "'; DROP TABLE users; --",
        "%",
        "_",
        "%%",
        "\\",
        "\0",
        "\u{10ffff}",
        "\u{202e}",
        "🦀",
        "?1",
        ":q",
        long.as_str(),
    ] {
        for name in ["q", "role"] {
            let (found, next) = page(&app, &admin, &[(name, text)]).await;
            assert_eq!((found, next), (vec![], None), "{name}={text}");
        }
    }
    let (everybody, _) = page(&app, &admin, &[]).await;
    assert_eq!(everybody.len(), 4);
}

#[tokio::test]
async fn the_filters_narrow_the_list() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    create_many(&app, &admin, 4).await;
    let sql = "UPDATE users SET is_active = FALSE WHERE username IN ('user-001', ?1)";
    records::execute(&app, sql, &["user-003"]).await;
    for (query, expected) in [
        (vec![("role", "admin")], vec!["root"]),
        (
            vec![("role", "user")],
            vec!["user-003", "user-002", "user-001", "user-000", "root"],
        ),
        (vec![("role", "nobody")], vec![]),
        (vec![("is_active", "false")], vec!["user-003", "user-001"]),
        (
            vec![("is_active", "true")],
            vec!["user-002", "user-000", "root"],
        ),
        (vec![("is_active", "true"), ("role", "admin")], vec!["root"]),
        (vec![("is_active", "false"), ("role", "admin")], vec![]),
        (
            vec![("is_active", "false"), ("role", "user"), ("q", "USER-00")],
            vec!["user-003", "user-001"],
        ),
    ] {
        assert_eq!(all_pages(&app, &admin, &query).await, expected);
        let mut small = query.clone();
        small.push(("limit", "1"));
        assert_eq!(all_pages(&app, &admin, &small).await, expected);
    }
}

#[tokio::test]
async fn the_list_needs_its_permission() {
    let app = TestApp::spawn().await;
    let reader = user_who_may(&app, "reader", &["users:read"]).await;
    let body = list(&app, &reader, &[]).await.expect(StatusCode::OK);
    assert_eq!(body["items"][0]["username"], "reader");
    let others = ["users:write", "roles:read", "roles:write", "audit:read"];
    let other = user_who_may(&app, "other", &others).await;
    list(&app, &other, &[])
        .await
        .expect_problem(403, "permission_denied");
}

#[tokio::test]
async fn no_password_is_in_the_list() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    let answer = list(&app, &admin, &[]).await;
    assert!(!answer.text.contains("$2b$") && !answer.text.contains("password"));
}
