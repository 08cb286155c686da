//! What conditional changes are for: nobody undoes unseen what another has changed.

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::preconditions::{Change, House};
use crate::support::{Answer, Send, Session, TestApp};

/// Changes the full name, provided that the account is as `tag` says.
async fn rename(app: &TestApp, by: &Session, path: &str, name: &str, tag: &str) -> Answer {
    let request = app.patch(path).bearer_auth(&by.access);
    let request = request.header("if-match", tag);
    request.json(&json!({ "full_name": name })).answer().await
}

#[tokio::test]
async fn of_two_administrators_the_second_is_told_of_the_first() {
    let house = House::build().await;
    let House {
        app, admin, path, ..
    } = &house;
    let other = app.admin("other").await;
    let seen = house.tag().await;
    rename(app, admin, path, "Ada Lovelace", &seen)
        .await
        .expect(StatusCode::OK);
    rename(app, &other, path, "Countess", &seen)
        .await
        .expect_problem(412, "precondition_failed");
    let answer = house.look().await;
    let now = answer.header("etag").to_owned();
    assert_eq!(answer.json()["full_name"], "Ada Lovelace");
    let answer = rename(app, &other, path, "Countess", &now).await;
    assert_eq!(answer.expect(StatusCode::OK)["full_name"], "Countess");
}

#[tokio::test]
async fn a_user_and_an_administrator_do_not_undo_each_others_changes() {
    let house = House::build().await;
    let House {
        app,
        admin,
        ada,
        path,
    } = &house;
    let seen = house.tag().await;
    let own = rename(app, ada, "/users/me", "Ada Lovelace", &seen).await;
    let own_tag = own.header("etag").to_owned();
    own.expect(StatusCode::OK);
    for change in Change::ADMINISTRATIVE {
        house
            .send(change, "if-match", &[&seen])
            .await
            .expect_problem(412, "precondition_failed");
    }
    rename(app, admin, path, "Countess", &own_tag)
        .await
        .expect(StatusCode::OK);
    rename(app, ada, "/users/me", "Ada", &own_tag)
        .await
        .expect_problem(412, "precondition_failed");
    let user = house.look().await.json();
    assert_eq!(
        (&user["full_name"], &user["roles"]),
        (&json!("Countess"), &json!(["user"]))
    );
}

/// The comparison is part of the change: between the two nobody comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_changes_of_one_state_one_is_made() {
    const AT_ONCE: usize = 20;
    for change in [Change::UpdateOwn, Change::Update] {
        let house = House::build().await;
        for round in 0..5 {
            let tag = house.tag().await;
            let (path, by) = match change {
                Change::UpdateOwn => ("/users/me", &house.ada),
                _ => (house.path.as_str(), &house.admin),
            };
            let names: Vec<String> = (0..AT_ONCE).map(|n| format!("{round}-{n}")).collect();
            let changes = names
                .iter()
                .map(|name| rename(&house.app, by, path, name, &tag));
            let (made, refused): (Vec<Answer>, Vec<Answer>) = join_all(changes)
                .await
                .into_iter()
                .partition(|answer| answer.status == StatusCode::OK);
            assert_eq!((made.len(), refused.len()), (1, AT_ONCE - 1));
            for answer in refused {
                answer.expect_problem(412, "precondition_failed");
            }
            assert_eq!(house.look().await.json(), made[0].json());
        }
    }
}
