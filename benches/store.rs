//! The store on an SQLite file: the look-up behind every authenticated request, and durable writes side by side.

use std::hint::black_box;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use uuid::Uuid;
use vestibule::clock::Timestamp;
use vestibule::config::DatabaseUrl;
use vestibule::ids::{InstanceId, SessionId, UserId};
use vestibule::store::db::{Db, Error};
use vestibule::store::sessions::Lifetimes;
use vestibule::store::{roles, sessions, users};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const INSTANCE: InstanceId = InstanceId(Uuid::nil());
const LIFETIMES: Lifetimes = Lifetimes {
    now: NOW,
    idle: Duration::from_secs(3600),
    absolute: Duration::from_secs(30 * 86_400),
};

/// A database in a temporary folder with one user, who has as many sessions as writers will rotate.
struct Fixture {
    db: Db,
    sessions: Vec<SessionId>,
    _folder: tempfile::TempDir,
}

impl Fixture {
    async fn new(session_count: u128) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let url = DatabaseUrl::File(folder.path().join("bench.db"));
        Db::migrate(&url).expect("migrates");
        let db = Db::open(&url).expect("opens");
        let session_ids: Vec<SessionId> = (1..=session_count)
            .map(|n| SessionId(Uuid::from_u128(n)))
            .collect();
        let (user_id, ids) = (UserId(Uuid::from_u128(1)), session_ids.clone());
        db.write(async move |tx| {
            let user = users::NewUser {
                id: user_id,
                email: "ada@example.com",
                email_key: "ada@example.com",
                username: "ada",
                username_key: "ada",
                full_name: None,
                password_hash: None,
                email_verified: true,
                locale: None,
                at: NOW,
            };
            users::insert(tx, &user).await?;
            roles::grant(tx, user_id, roles::USER).await?;
            for id in &ids {
                let session = sessions::NewSession {
                    id: *id,
                    user_id,
                    scope: "",
                    at: NOW,
                    by: INSTANCE,
                    expires_at: NOW.plus(Duration::from_secs(3600)),
                    ip: "127.0.0.1",
                    user_agent: None,
                };
                sessions::insert(tx, &session).await?;
            }
            Ok::<_, Error>(())
        })
        .await
        .expect("writes");
        Self {
            db,
            sessions: session_ids,
            _folder: folder,
        }
    }

    async fn authenticate(&self) {
        let mut tx = self.db.read().await.expect("a connection");
        let found = sessions::authenticate(&mut tx, self.sessions[0], 0, LIFETIMES)
            .await
            .expect("reads");
        black_box(found.expect("there"));
    }

    /// Rotates the refresh token of each session once, all at one moment.
    async fn rotate_all(&self, counter: i64) {
        let rotations = self.sessions.iter().map(|id| {
            let id = *id;
            self.db.write(async move |tx| {
                let rotated = sessions::rotate(tx, id, counter, LIFETIMES, INSTANCE).await?;
                Ok::<_, Error>(rotated.is_some())
            })
        });
        for rotated in join_all(rotations).await {
            assert!(rotated.expect("writes"));
        }
    }
}

fn store(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let fixture = runtime.block_on(Fixture::new(1));
    criterion.bench_function("read/authenticate", |bencher| {
        bencher.iter(|| runtime.block_on(fixture.authenticate()));
    });

    let mut group = criterion.benchmark_group("write/rotate");
    for writers in [1, 16, 64, 256] {
        let fixture = runtime.block_on(Fixture::new(writers));
        let mut counter = 0;
        group.throughput(Throughput::Elements(writers as u64));
        group.bench_function(BenchmarkId::from_parameter(writers), |bencher| {
            bencher.iter(|| {
                runtime.block_on(fixture.rotate_all(counter));
                counter += 1;
            });
        });
    }
    group.finish();
}

criterion_group!(benches, store);
criterion_main!(benches);
