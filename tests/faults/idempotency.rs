//! Requests that come again by way of another instance, or whose first answer was lost.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::postgres::Session as Sql;
use crate::support::{Answer, PASSWORD, Send, TestApp};
use crate::{SERVER, instance};

async fn register(app: &TestApp, name: &str) -> Answer {
    let body =
        json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
    app.post("/auth/register")
        .header("idempotency-key", name)
        .json(&body)
        .answer()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_request_sent_to_both_at_one_moment_is_carried_out_once() {
    let url = SERVER.create_database();
    let sql = Sql::open(&url).expect("opens");
    let (one, other) = (instance(&url).await, instance(&url).await);
    for (round, at_once) in [20, 2, 2, 2, 2, 2, 2, 2, 2, 2].into_iter().enumerate() {
        let name = format!("ada-{round}");
        let answers = (0..at_once).map(|number| {
            let app = if number % 2 == 0 { &one } else { &other };
            register(app, &name)
        });
        let answers = join_all(answers).await;
        let mut texts = HashSet::new();
        let mut replayed = 0;
        for answer in answers {
            replayed += usize::from(answer.header("idempotent-replayed") == "true");
            texts.insert(answer.expect(StatusCode::CREATED).to_string());
        }
        assert_eq!((texts.len(), replayed), (1, at_once - 1));
    }
    assert_eq!(sql.value("SELECT count(*) FROM users"), "10");
    assert_eq!(sql.value("SELECT count(*) FROM idempotency_keys"), "10");
    let events = "SELECT count(*) FROM audit_events WHERE action = 'user.registered'";
    assert_eq!(sql.value(events), "10");
}

/// Five times the server says that others were in the way; each try takes the key anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_unit_that_is_run_again_keeps_the_answer_of_its_last_run() {
    for place in ["users", "idempotency_keys"] {
        let url = SERVER.create_database();
        let app = instance(&url).await;
        let sql = Sql::open(&url).expect("opens");
        sql.run(&format!(
            "CREATE SEQUENCE asked; \
             CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
             IF nextval('asked') <= 5 THEN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END IF; \
             RETURN NULL; END $$; \
             CREATE CONSTRAINT TRIGGER conflict AFTER INSERT ON {place} DEFERRABLE INITIALLY DEFERRED \
             FOR EACH ROW EXECUTE FUNCTION conflict()"
        ));
        let first = register(&app, "ada").await;
        assert_eq!(sql.value("SELECT last_value FROM asked"), "6");
        let again = register(&app, "ada").await;
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.text, first.text);
        first.expect(StatusCode::CREATED);
        assert_eq!(sql.value("SELECT count(*) FROM users"), "1");
        assert_eq!(sql.value("SELECT count(*) FROM idempotency_keys"), "1");
    }
}

/// The commit itself ends its connection: nothing was done, and the client tries again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_commit_that_failed_leaves_the_key_to_the_next_try() {
    let url = SERVER.create_database();
    let app = instance(&url).await;
    let sql = Sql::open(&url).expect("opens");
    sql.run(
        "CREATE SEQUENCE asked; \
         CREATE FUNCTION leave() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF nextval('asked') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; \
         RETURN NULL; END $$; \
         CREATE CONSTRAINT TRIGGER leave AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION leave()",
    );
    register(&app, "ada")
        .await
        .expect_problem(503, "unavailable");
    let made = register(&app, "ada").await;
    assert_eq!(made.header("idempotent-replayed"), "");
    made.expect(StatusCode::CREATED);
    assert_eq!(sql.value("SELECT count(*) FROM users"), "1");
}

/// Between the service and its database: when told to, it loses the answer to a commit, and the connection with it.
struct Lossy {
    port: u16,
    loses: Arc<AtomicBool>,
}

impl Lossy {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        let loses = Arc::new(AtomicBool::new(false));
        let told = loses.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await;
                tokio::spawn(pass_on(client, server.expect("connects"), told.clone()));
            }
        });
        Self {
            port: address.port(),
            loses,
        }
    }
}

async fn pass_on(mut client: TcpStream, mut server: TcpStream, loses: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0; 8192], vec![0; 8192]);
    let mut is_lost = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(count @ 1..) = read else { return };
                let is_commit = asked[..count].windows(7).any(|part| part == b"COMMIT\0");
                is_lost = is_commit && loses.swap(false, Ordering::SeqCst);
                if server.write_all(&asked[..count]).await.is_err() {
                    return;
                }
            }
            read = server.read(&mut answered) => {
                let Ok(count @ 1..) = read else { return };
                if is_lost || client.write_all(&answered[..count]).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What was done is found out by way of the key: the client is not left in doubt.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_commit_whose_answer_was_lost_is_found_done() {
    let proxy = Lossy::to(SERVER.port()).await;
    let direct = SERVER.create_database();
    let sql = Sql::open(&direct).expect("opens");
    let port = format!(":{}/", SERVER.port());
    let app = instance(&direct.replace(&port, &format!(":{}/", proxy.port))).await;
    proxy.loses.store(true, Ordering::SeqCst);
    let without_key =
        json!({ "email": "bob@example.com", "username": "bob", "password": PASSWORD });
    let without_key = app.post("/auth/register").json(&without_key);
    without_key
        .answer()
        .await
        .expect_problem(503, "unavailable");
    assert_eq!(
        sql.value("SELECT username FROM users"),
        "bob",
        "it was done"
    );

    proxy.loses.store(true, Ordering::SeqCst);
    let found = register(&app, "ada").await;
    assert!(!proxy.loses.load(Ordering::SeqCst), "it was lost");
    assert_eq!(found.header("idempotent-replayed"), "true");
    let again = register(&app, "ada").await;
    assert_eq!(again.text, found.text);
    found.expect(StatusCode::CREATED);
    assert_eq!(sql.value("SELECT count(*) FROM users"), "2");
}
