//! Addresses in other scripts than ASCII, and blanks around what identifies a user.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, Send, Session, TestApp};

async fn register(app: &TestApp, email: &str, username: &str) -> Answer {
    let body = json!({ "email": email, "username": username, "password": PASSWORD });
    app.post("/auth/register").json(&body).answer().await
}

#[tokio::test]
async fn an_address_in_any_script_is_registered_mailed_and_logged_in_with() {
    let app = TestApp::spawn().await;
    for (number, (local, other)) in [
        (
            "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
            "\u{939}\u{93f}\u{928}\u{94d}\u{926}\u{940}",
        ),
        ("\u{e19}\u{e49}\u{e33}", "\u{e19}\u{e49}\u{e33}"),
        (
            "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}",
            "\u{ba4}\u{bae}\u{bbf}\u{bb4}\u{bcd}",
        ),
        (
            "\u{c24}\u{c46}\u{c32}\u{c41}",
            "\u{c24}\u{c46}\u{c32}\u{c41}",
        ),
        (
            "\u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a}",
            "\u{1781}\u{17d2}\u{1798}\u{17c2}\u{179a}",
        ),
        (
            "\u{1019}\u{103c}\u{1014}\u{103a}",
            "\u{1019}\u{103c}\u{1014}\u{103a}",
        ),
        ("\u{1ecd}\u{300}la\u{301}", "o\u{323}\u{300}l\u{e1}"),
        ("\u{130}pek", "I\u{307}PEK"),
    ]
    .into_iter()
    .enumerate()
    {
        let (email, other) = (
            format!("{local}@example.com"),
            format!("{other}@Example.COM"),
        );
        let name = format!("user{number}");
        let made = register(&app, &email, &name).await;
        let made = made.expect(StatusCode::CREATED);
        register(&app, &other, "another")
            .await
            .expect_problem(409, "email_taken");
        app.login(&other).await;
        let mails = app.mails().await;
        let address = made["user"]["email"].as_str().expect("an address");
        assert!(mails.iter().any(|mail| mail.to == address), "{address}");
    }
    // A dot makes another letter of it.
    for (email, name) in [
        ("ipek@example.com", "one"),
        ("\u{131}pek@example.com", "two"),
    ] {
        register(&app, email, name)
            .await
            .expect(StatusCode::CREATED);
    }
}

#[tokio::test]
async fn blanks_around_what_identifies_a_user_are_taken_off() {
    let app = TestApp::spawn().await;
    let made = register(&app, " ada@example.com ", "ada").await;
    let made = made.expect(StatusCode::CREATED);
    assert_eq!(made["user"]["email"], "ada@example.com");
    for typed in [
        " ada",
        "ada ",
        "\tAda\n",
        "\u{a0}ada\u{3000}",
        " ada@example.com",
        "ADA@example.com \r\n",
    ] {
        app.login(typed).await;
    }
    let body = json!({ "email": " ada@example.com " });
    let asked = app.post("/auth/password-reset/request").json(&body);
    asked.answer().await.expect(StatusCode::ACCEPTED);
    assert_eq!(
        app.mails_of("password_reset", "ada@example.com")
            .await
            .len(),
        1
    );
    // Not off a password.
    app.try_login("ada", &format!(" {PASSWORD}"))
        .await
        .expect_oauth_error("invalid_grant");
}

async fn found(app: &TestApp, admin: &Session, typed: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("q", typed), ("limit", "2")];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let list = app.get("/users").query(&query).bearer_auth(&admin.access);
        let list = list.answer().await.expect(StatusCode::OK);
        let name = |user: &Value| user["username"].as_str().expect("a name").to_owned();
        names.extend(list["items"].as_array().expect("items").iter().map(name));
        match list["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => break,
        }
    }
    names.sort();
    names
}

#[tokio::test]
async fn a_user_is_found_by_a_domain_as_people_write_it() {
    let app = TestApp::spawn().await;
    let admin = app.admin("root").await;
    for (email, name) in [
        ("ada@m\u{fc}nchen.de", "munich"),
        ("ada@m\u{fc}nster.de", "muenster"),
        ("ada@b\u{fc}cher.example", "books"),
        ("ada@b\u{fc}ro.example", "office"),
        ("ada@munich.de", "ascii"),
        ("ada@mail.m\u{fc}nchen.de", "mail"),
        ("adam@m\u{fc}nchen.de", "adam"),
    ] {
        register(&app, email, name)
            .await
            .expect(StatusCode::CREATED);
    }
    for (typed, expected) in [
        ("ada@m\u{fc}nchen.de", &["munich"][..]),
        (" ADA@M\u{dc}NCHEN.DE ", &["munich"]),
        ("ada@mu\u{308}nchen.d", &["munich"]),
        ("ada@m\u{fc}n", &["muenster", "munich"]),
        ("ada@m\u{fc}", &["muenster", "munich"]),
        ("ada@b\u{fc}", &["books", "office"]),
        ("ada@mail.m\u{fc}n", &["mail"]),
        ("ada@xn--mnchen-3ya.de", &["munich"]),
        ("ada@mun", &["ascii"]),
        ("ada@k\u{f6}ln", &[]),
    ] {
        assert_eq!(found(&app, &admin, typed).await, expected, "{typed}");
    }
    assert_eq!(found(&app, &admin, "ada").await.len(), 7);
}
