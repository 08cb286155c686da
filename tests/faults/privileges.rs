//! The service as a role that owns nothing, made as the documentation says.

use reqwest::StatusCode;

use crate::postgres::{PASSWORD_IN_A_URL, Server};
use crate::support::{PASSWORD, Send, Session, TestApp};
use crate::{SERVER, instance};

const DOCUMENTATION: &str = include_str!("../../docs/how-to/postgresql.md");

const ROLE: &str = "vestibule_service";

/// Makes the role by the statements of the documentation. The owner has another name here.
fn create_role(server: &Server, database: &str) {
    let (_, sql) = DOCUMENTATION.split_once("```sql\n").expect("statements");
    let (sql, _) = sql.split_once("```").expect("an end");
    let sql = sql.replace("vestibule_owner", "vestibule");
    let sql = sql.replace("a long random password", crate::postgres::PASSWORD);
    server.superuser(database).run(&sql);
}

/// ASVS 13.2.2, 16.4.2.
#[tokio::test]
#[ignore = "starts a PostgreSQL server"]
async fn a_role_that_owns_nothing_is_enough_and_cannot_rewrite_events() {
    let owners = SERVER.create_database();
    let database = owners.rsplit('/').next().expect("a name").to_owned();
    let owner = instance(&owners).await;
    owner.admin("root").await;
    create_role(&SERVER, &database);

    let url = owners.replace(
        &format!("vestibule:{PASSWORD_IN_A_URL}"),
        &format!("{ROLE}:{PASSWORD_IN_A_URL}"),
    );
    assert!(url.contains(ROLE), "{url}");
    let app = instance(&url).await;
    live(&app).await;
    app.get("/readyz").answer().await.expect(StatusCode::OK);

    let as_role = crate::postgres::Session::open(&url).expect("opens");
    for refused in [
        "DELETE FROM audit_events",
        "UPDATE audit_events SET outcome = 'success'",
        "UPDATE role_permissions SET role_name = 'user'",
        "DELETE FROM vestibule_schema_history",
        "ALTER TABLE users ADD COLUMN x TEXT",
        "CREATE TABLE x (id INTEGER)",
        "DROP TABLE audit_events",
    ] {
        let error = as_role.try_run(refused).expect_err(refused);
        let code = error.code().map(|code| code.code().to_owned());
        assert_eq!(code.as_deref(), Some("42501"), "{refused}: {error:?}");
    }
}

/// An account from its registration to its end, with what an administrator does to another.
async fn live(app: &TestApp) {
    app.register("ada").await;
    let session = app.login("ada").await;
    let refreshed = app.refresh(&session.refresh).await;
    let session = Session::of(&refreshed.expect(StatusCode::OK));
    app.try_login("ada", "wrong horse battery staple").await;
    let root = app.login("root").await;
    let found = app.get("/users?q=ada").bearer_auth(&root.access);
    let found = found.answer().await.expect(StatusCode::OK);
    let id = found["items"][0]["id"].as_str().expect("an id").to_owned();
    let roles = app.put(&format!("/users/{id}/roles"));
    let roles = roles.bearer_auth(&root.access);
    let roles = roles.json(&serde_json::json!({ "roles": ["user"] }));
    roles.answer().await.expect(StatusCode::OK);
    let gone = app.delete("/users/me").bearer_auth(&session.access);
    gone.answer().await.expect(StatusCode::NO_CONTENT);
    let answer = app.try_login("ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}
