//! The primary dies, and a synchronous standby takes its place.

use std::time::Duration;

use crate::load::{self, Load};
use crate::outage::becomes_ready;
use crate::postgres::{Server, Session};
use crate::{eventually, instance};

/// Beside waiting for a connection, an answer of the primary may be waited for that never comes.
const LIMIT: Duration = Duration::from_secs(12);

fn users(session: &Session) -> usize {
    let count = session.value("SELECT count(*) FROM users");
    count.parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts PostgreSQL servers"]
async fn a_standby_takes_over_with_all_that_was_acknowledged() {
    let mut primary = Server::start_with(&[("fsync", "on"), ("full_page_writes", "on")]);
    let first_url = primary.create_database();
    let name = first_url.rsplit('/').next().expect("a name");
    let standby = primary.standby("second");
    primary.set("synchronous_standby_names", "second");
    eventually("the standby is synchronous", || {
        let sql = "SELECT sync_state FROM pg_stat_replication";
        primary.superuser("postgres").run(sql) == [[Some("sync".to_owned())]]
    });
    let app = instance(&Server::url_of_any(&[&primary, &standby], name)).await;
    let load = Load::start(&[&app.url]).await;
    primary.kill();
    load.is_refused().await;
    standby.promote();
    becomes_ready(&app).await;
    load.goes_on().await;

    // Whoever reconnects passes by the old primary, which is the first that is asked.
    primary.start_again_as_standby();
    let old = Session::open(&first_url).expect("opens");
    let before = users(&old);
    let superuser = standby.superuser(name);
    for _ in 0..5 {
        superuser.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'vestibule'",
        );
        load.goes_on().await;
    }
    let told = load.end().await;
    assert_eq!(users(&old), before);
    let new = Session::open(&standby.url_of(name)).expect("opens");
    assert!(users(&new) > before);
    load::check(told, &app.url, &new, LIMIT).await;
}
