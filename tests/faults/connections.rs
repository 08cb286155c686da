//! Connections that break in the middle of something, commits that are never answered, rows that somebody else holds.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::StatusCode;
use serde_json::json;

use crate::load::{self, Load};
use crate::outage::becomes_ready;
use crate::postgres::{Server, Session};
use crate::support::{Answer, PASSWORD, Send, TestApp};
use crate::{SERVER, instance};

/// A connection is waited for no longer than five seconds, and a lock neither.
const LIMIT: Duration = Duration::from_secs(8);

/// The answer to a commit is waited for no longer than 20 seconds.
const COMMIT_LIMIT: Duration = Duration::from_secs(24);

async fn register(app: &TestApp, name: &str) -> Answer {
    let body =
        json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
    app.post("/auth/register").json(&body).answer().await
}

/// Makes each unit of work, and then its commit, take long enough to be met.
fn slow_down(database: &Session) {
    database.run(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM pg_sleep(0.005); RETURN NEW; END'; \
         CREATE TRIGGER slow BEFORE INSERT ON user_roles FOR EACH ROW EXECUTE FUNCTION slow(); \
         CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON users DEFERRABLE INITIALLY DEFERRED \
         FOR EACH ROW EXECUTE FUNCTION slow()",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn connections_that_end_in_the_middle_of_a_unit_lose_nothing_and_do_nothing_twice() {
    let url = SERVER.create_database();
    let name = url.rsplit('/').next().expect("a name");
    let app = instance(&url).await;
    let database = Session::open(&url).expect("opens");
    slow_down(&database);
    let load = Load::start(&[&app.url]).await;
    let superuser = SERVER.superuser("postgres");
    let mut ended = 0;
    while ended < 300 {
        let rows = superuser.run(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = '{name}' AND application_name = 'vestibule' AND state <> 'idle' LIMIT 2"
        ));
        ended += rows.len();
    }
    load.goes_on().await;
    let told = load.end().await;
    load::check(told, &app.url, &database, LIMIT).await;
}

/// As when the only standby that a commit must reach is away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_commit_that_is_never_answered_is_given_up_while_readers_go_on() {
    let server = Server::start();
    let url = server.create_database();
    let app = instance(&url).await;
    let ada = app.user("ada").await;
    server.set("synchronous_standby_names", "ghost");
    // More than there are connections.
    let names: Vec<String> = (0..20).map(|number| format!("user-{number}")).collect();
    let asked = Instant::now();
    let registrations = join_all(names.iter().map(|name| register(&app, name)));
    let looks = async {
        let mut slowest = Duration::ZERO;
        while asked.elapsed() < Duration::from_secs(18) {
            let began = Instant::now();
            assert!(app.is_alive(&ada).await);
            slowest = slowest.max(began.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        slowest
    };
    let (refused, slowest) = futures_util::future::join(registrations, looks).await;
    assert!(asked.elapsed() < COMMIT_LIMIT, "{:?}", asked.elapsed());
    assert!(slowest < Duration::from_secs(2), "{slowest:?}");
    for answer in refused {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }

    // Those connections are not replaced by new ones, and new ones again: the server has only so many.
    let later: Vec<String> = (20..40).map(|number| format!("user-{number}")).collect();
    let asked = Instant::now();
    for answer in join_all(later.iter().map(|name| register(&app, name))).await {
        // "overloaded" without a connection; "unavailable" with one that was given back meanwhile.
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{answer:?}");
    }
    assert!(asked.elapsed() < LIMIT, "{:?}", asked.elapsed());
    let count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vestibule'";
    let count = server.superuser("postgres").value(count);
    assert!(count.parse::<usize>().expect("a number") <= 16, "{count}");

    server.set("synchronous_standby_names", "");
    becomes_ready(&app).await;
    let load = Load::start(&[&app.url]).await;
    let told = load.end().await;
    let database = Session::open(&url).expect("opens");
    load::check(told, &app.url, &database, LIMIT).await;
    // Those who were told nothing certain can find out.
    for name in names {
        let answer = register(&app, &name).await;
        assert!(matches!(answer.status.as_u16(), 201 | 409), "{answer:?}");
        app.login(&name).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_row_that_somebody_holds_is_unavailable_until_he_lets_go() {
    let url = SERVER.create_database();
    let app = instance(&url).await;
    let (ada, bob) = (app.user("ada").await, app.user("bob").await);
    let holder = Session::open(&url).expect("opens");
    holder.run("BEGIN; SELECT id FROM users WHERE username = 'ada' FOR UPDATE");
    let rename = |session| {
        let body = json!({ "full_name": "Somebody" });
        let request = app.patch("/users/me").bearer_auth(session).json(&body);
        request.answer()
    };
    // So many that their waiting could take all connections.
    let asked = Instant::now();
    let waiting = join_all((0..20).map(|_| rename(&ada.access)));
    let others = async {
        while asked.elapsed() < Duration::from_secs(4) {
            let began = Instant::now();
            assert!(app.is_alive(&bob).await);
            assert!(began.elapsed() < Duration::from_secs(2), "bob waits");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let (refused, ()) = futures_util::future::join(waiting, others).await;
    assert!(asked.elapsed() < 2 * LIMIT, "{:?}", asked.elapsed());
    for answer in refused {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    rename(&bob.access).await.expect(StatusCode::OK);
    drop(holder);
    rename(&ada.access).await.expect(StatusCode::OK);
    app.login("ada").await;
}
