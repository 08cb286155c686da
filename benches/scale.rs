//! A million users beside ten thousand: what should take as long with both, does. Prints times and ratios.
//!
//! SQLite is in a temporary folder. For PostgreSQL, `SCALE_DATABASE_URL` is a database of a role that may create others
//! and is a superuser: `SCALE_DATABASE_URL=postgresql://… cargo bench --bench scale`.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

#[path = "../tests/scale/filled.rs"]
mod filled;
#[path = "../tests/postgres/mod.rs"]
mod postgres;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vestibule::app::App;
use vestibule::clock::ManualClock;
use vestibule::config::{DatabaseUrl, Settings, Source};
use vestibule::ids::{SystemRandom, UserId};
use vestibule::store::db::Db;
use vestibule::store::sessions;
use vestibule::store::users::{self, Filter};
use vestibule::token::Grant;

use filled::{LIFETIMES, NOW, Size, session_id, user_id};
use postgres::Session;

const FEW: i64 = 10_000;
const MANY: i64 = 1_000_000;

/// Users on a page, and one more that tells whether there is another.
const PAGE: i64 = 50;
const FETCHED: i64 = PAGE + 1;

/// What page 10,000 may take of page 1, and a look-up among many users of one among few.
const BUDGET: f64 = 1.2;

/// Half of this many take longer, half of them less.
const TIMES: usize = 501;

async fn median(mut once: impl AsyncFnMut(usize)) -> Duration {
    for n in 0..TIMES / 5 {
        once(n).await;
    }
    let mut times = Vec::new();
    for n in 0..TIMES {
        let start = Instant::now();
        once(n).await;
        times.push(start.elapsed());
        // What takes long is not asked for often.
        if n >= 20 && times.iter().sum::<Duration>() > Duration::from_secs(5) {
            break;
        }
    }
    times.sort_unstable();
    times[times.len() / 2]
}

async fn page(db: &Db, filter: &Filter, after: Option<UserId>) -> Duration {
    median(async |_| {
        let filter = filter.clone();
        let page = db.scan(async move |tx| users::page(tx, &filter, after, FETCHED).await);
        black_box(page.await.expect("reads"));
    })
    .await
}

/// The look-up behind every authenticated request, for sessions all over the table.
async fn authenticate(db: &Db, users: i64) -> Duration {
    median(async |n| {
        // Odd ones, none of whom is inactive.
        let n = n as i64 * 2 * 7919 % users + 1;
        let mut tx = db.read().await.expect("connects");
        let found = sessions::authenticate(&mut tx, session_id(n), 0, LIFETIMES).await;
        black_box(found.expect("reads").expect("is there"));
    })
    .await
}

/// `GET /users/me` over one connection, for users all over the table.
async fn users_me(url: &str, users: i64) -> Duration {
    let settings = [
        ("DATABASE_URL", url),
        ("SECRET_KEY", "bench-only-8d1f60b7c92e4a35-0c6be1f4a7d8395"),
        ("PORT", "0"),
        ("RATE_LIMIT_ENABLED", "false"),
    ];
    let settings = Settings::read(&mut Source::of(&settings)).expect("valid settings");
    let clock = Arc::new(ManualClock::at(NOW));
    let app = App::build(settings, clock, Arc::new(SystemRandom)).expect("builds");
    let requests: Vec<String> = (0..TIMES as i64)
        .map(|n| {
            // Odd ones, none of whom is inactive.
            let n = n * 2 * 7919 % users + 1;
            let services = &app.services;
            let id = services.ids.uuid();
            let grant = Grant {
                user_id: user_id(n),
                session_id: session_id(n),
                counter: 0,
                scope: String::new(),
                authenticated_at: NOW,
                ends_at: NOW.plus(Duration::from_secs(86_400)),
            };
            let token = services.access_tokens.issue(grant, id, NOW);
            let token = token.expect("signs");
            format!(
                "GET /users/me HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
            )
        })
        .collect();
    let bound = app.bind().await.expect("binds");
    let mut stream = TcpStream::connect(bound.address).await.expect("connects");
    stream.set_nodelay(true).expect("is set");
    let serving = tokio::spawn(bound.serve(std::future::pending()));
    let mut answer = [0; 8192];
    let time = median(async |n| {
        stream
            .write_all(requests[n].as_bytes())
            .await
            .expect("asks");
        // Head and body come at once.
        let read = stream.read(&mut answer).await.expect("reads");
        assert!(answer[..read].starts_with(b"HTTP/1.1 200"));
        assert_eq!(answer[read - 1], b'}');
    })
    .await;
    serving.abort();
    time
}

fn tell(what: &str, time: Duration) {
    println!("  {what:<44}{:>10.1} µs", time.as_secs_f64() * 1e6);
}

fn tell_ratio(what: &str, one: Duration, other: Duration) {
    let ratio = one.as_secs_f64() / other.as_secs_f64();
    let verdict = if ratio <= BUDGET { "kept" } else { "MISSED" };
    println!("  {what:<44}{ratio:>10.2}    budget {BUDGET}: {verdict}");
}

async fn measure(engine: &str, (few, few_url): &(Db, String), (many, many_url): &(Db, String)) {
    println!("{engine}, {MANY} users");
    let all = Filter::default();
    let first = page(many, &all, None).await;
    tell("list, page 1", first);
    let late = page(many, &all, Some(user_id(MANY - 9999 * PAGE))).await;
    tell("list, page 10,000", late);
    for (what, role, is_active) in [
        ("list of administrators", Some("admin"), None),
        ("list of a role that all have", Some("user"), None),
        ("list of active users", None, Some(true)),
        ("list of inactive users", None, Some(false)),
        (
            "list of inactive users of that role",
            Some("user"),
            Some(false),
        ),
    ] {
        let filter = Filter {
            prefix: None,
            role: role.map(str::to_owned),
            is_active,
        };
        tell(what, page(many, &filter, None).await);
    }
    for prefix in ["a", "ab", "abc", "abcd", "zzz"] {
        let filter = Filter {
            prefix: Some(prefix.to_owned()),
            ..Filter::default()
        };
        let expected = MANY / 16_i64.pow(u32::try_from(prefix.len()).expect("short"));
        let what = match prefix {
            "zzz" => "search, zzz: nobody".to_owned(),
            _ => format!("search, {prefix}: about {} of either key", expected),
        };
        tell(&what, page(many, &filter, None).await);
        let late = page(many, &filter, Some(user_id(MANY / 2))).await;
        tell(&format!("search, {prefix}, in the middle"), late);
    }
    let (of_few, of_many) = (authenticate(few, FEW).await, authenticate(many, MANY).await);
    tell("authenticate, 10,000 users", of_few);
    tell("authenticate, 1,000,000 users", of_many);
    let (me_few, me_many) = (users_me(few_url, FEW).await, users_me(many_url, MANY).await);
    tell("GET /users/me, 10,000 users", me_few);
    tell("GET /users/me, 1,000,000 users", me_many);
    tell_ratio("page 10,000 ÷ page 1", late, first);
    tell_ratio("GET /users/me, 1,000,000 ÷ 10,000 users", me_many, me_few);
}

async fn of_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    let [few, many] = [FEW, MANY].map(|users| {
        let file = folder.path().join(format!("{users}.db"));
        let db = filled::sqlite(&file, Size::users(users));
        (db, format!("sqlite:///{}", file.display()))
    });
    measure("SQLite", &few, &many).await;
}

async fn of_postgres(server: &str) {
    let (base, _) = server.rsplit_once('/').expect("a path");
    let names = [FEW, MANY].map(|users| (users, format!("scale_{}_{users}", std::process::id())));
    let session = Session::open(server).expect("connects");
    let databases = names.each_ref().map(|(users, name)| {
        session.run(&format!("CREATE DATABASE {name}"));
        let url = format!("{base}/{name}");
        let superuser = Session::open(&url).expect("connects");
        let parsed = DatabaseUrl::parse(&url).expect("a URL");
        let db = filled::postgres(&parsed, &superuser, Size::users(*users));
        (db, url)
    });
    let [few, many] = &databases;
    measure("PostgreSQL", few, many).await;
    for (_, name) in names {
        session.run(&format!("DROP DATABASE {name} WITH (FORCE)"));
    }
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        of_sqlite().await;
        match std::env::var("SCALE_DATABASE_URL") {
            Ok(server) => of_postgres(&server).await,
            Err(_) => println!("PostgreSQL: SCALE_DATABASE_URL is not set"),
        }
    });
}
