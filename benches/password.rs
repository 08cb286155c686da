//! bcrypt: the `bcrypt` crate, 1 to 8 lanes, and the engine under concurrent jobs. Throughput is in hashes.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::sync::Arc;
use std::time::Duration;
use vestibule::password::engine::{Engine, EngineSettings, Job, Priority};
use vestibule::password::lanes::{Lanes, MAX_LANES};
use vestibule::password::{Caller, ClientKey, weakness};
use zeroize::Zeroizing;

/// Cheap enough for many samples, dear enough that the set-up of a hash (one step of 256) does not show.
const COST: u32 = 8;

fn in_crate(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("crate");
    group.throughput(Throughput::Elements(1));
    group.bench_function("1", |bencher| {
        bencher.iter(|| bcrypt::bcrypt(COST, [7; 16], b"correct horse\0"));
    });
    group.finish();
}

fn in_lanes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lanes");
    for busy in 1..=MAX_LANES {
        group.throughput(Throughput::Elements(busy as u64));
        group.bench_function(BenchmarkId::from_parameter(busy), |bencher| {
            let mut lanes = Lanes::new();
            bencher.iter(|| {
                for lane in 0..busy {
                    lanes.join(b"correct horse", &[lane as u8; 16]);
                }
                for _ in 0..1 << COST {
                    lanes.step();
                }
                for _ in 0..busy {
                    std::hint::black_box(lanes.finish(0));
                }
            });
        });
    }
    group.finish();
}

fn in_engine(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    let settings = EngineSettings {
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        lanes: MAX_LANES,
        max_wait: Duration::from_secs(600),
        max_cost: 14,
        reference_cost: COST,
    };
    let engine = Arc::new(Engine::start(settings).expect("an engine"));
    let mut group = criterion.benchmark_group("engine");
    for jobs in [1, 4, 16, 64] {
        group.throughput(Throughput::Elements(jobs));
        group.bench_function(BenchmarkId::from_parameter(jobs), |bencher| {
            bencher.iter(|| runtime.block_on(hash_all(&engine, jobs)));
        });
    }
    group.finish();
}

async fn hash_all(engine: &Arc<Engine>, jobs: u64) {
    let tasks: Vec<_> = (0..jobs)
        .map(|n| {
            let engine = Arc::clone(engine);
            let job = Job {
                password: Zeroizing::new(b"correct horse".to_vec()),
                salt: [n as u8; 16],
                cost: COST,
                padded_to: COST,
                caller: Caller::stranger(ClientKey(u128::from(n))),
                priority: Priority::Interactive,
            };
            tokio::spawn(async move { engine.digest(job).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("a digest");
    }
}

/// The dearest passwords to judge that are known, and a plain one.
fn judged(criterion: &mut Criterion) {
    let signs = "4@8({[<369!1|70$5+%2";
    let mut group = criterion.benchmark_group("judge");
    for (name, password) in [
        ("words", "correct horse battery staple".to_owned()),
        ("signs-16", signs.chars().take(16).collect()),
        ("signs-32", signs.chars().cycle().take(32).collect()),
        ("signs-256", signs.chars().cycle().take(256).collect()),
        ("weak-then-signs", "a".repeat(32) + &signs.repeat(4)),
        ("digits", "0918273645".repeat(8)),
        ("keys", "qwertyuiop[]asdfghjkl;zxcvbnm,./".repeat(8)),
        ("repeats", "aabaab".repeat(42)),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| weakness(&password, &["ada@example.com", "ada"], &|| true));
        });
    }
    group.finish();
}

criterion_group!(benches, in_crate, in_lanes, in_engine, judged);
criterion_main!(benches);
