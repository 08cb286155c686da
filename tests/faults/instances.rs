//! Three instances on one database, of which one dies.

use std::time::Duration;

use crate::SERVER;
use crate::load::{self, Load};
use crate::postgres::Session;
use crate::process::Service;

const LIMIT: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn when_an_instance_is_killed_the_others_go_on_with_all_that_it_acknowledged() {
    let url = SERVER.create_database();
    let folder = tempfile::tempdir().expect("a folder");
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("SECRET_KEY", "test-only-8d1f60b7c92e4a35-0c6be1f4a7d83952"),
        ("BCRYPT_COST", "4"),
        ("RATE_LIMIT_ENABLED", "false"),
    ];
    let [one, another, third] = [(); 3].map(|()| Service::start(folder.path(), &settings));
    let load = Load::start(&[&one.url, &another.url, &third.url]).await;
    another.kill();
    load.is_refused().await;
    load.goes_on().await;
    let told = load.end().await;
    let database = Session::open(&url).expect("opens");
    load::check(told, &third.url, &database, LIMIT).await;
    one.stop();
    third.stop();
}
