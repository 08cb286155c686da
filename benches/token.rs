//! Tokens: making and checking access tokens and refresh tokens.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use uuid::Uuid;
use vestibule::clock::Timestamp;
use vestibule::config::Secret;
use vestibule::ids::{SessionId, UserId};
use vestibule::token::{AccessTokens, Grant, Keys, RefreshToken, RefreshTokens, SecretKey};

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn grant(id: Uuid) -> Grant {
    Grant {
        user_id: UserId(id),
        session_id: SessionId(id),
        counter: 0,
        scope: "account".to_owned(),
        authenticated_at: NOW,
        ends_at: NOW.plus(Duration::from_secs(86_400)),
    }
}

fn tokens(criterion: &mut Criterion) {
    let secret = Secret::new("0123456789abcdef-bench-only-0123456789abcdef");
    let keys = Keys::derive(&SecretKey::new(secret));
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    let access = AccessTokens::new(
        &keys,
        None,
        "https://accounts.example.com",
        Duration::from_secs(1800),
    );
    let issue = || access.issue(grant(id), id, NOW).expect("signs");
    let token = issue();
    criterion.bench_function("access/issue", |bencher| bencher.iter(issue));
    criterion.bench_function("access/verify", |bencher| {
        bencher.iter(|| access.verify(black_box(&token), NOW).expect("good"));
    });

    let refresh = RefreshTokens::new(&keys, None);
    let state = RefreshToken {
        session_id: SessionId(id),
        counter: 41,
    };
    let text = refresh.encode(state);
    criterion.bench_function("refresh/encode", |bencher| {
        bencher.iter(|| refresh.encode(black_box(state)))
    });
    criterion.bench_function("refresh/decode", |bencher| {
        bencher.iter(|| refresh.decode(black_box(&text)).expect("good"));
    });
}

criterion_group!(benches, tokens);
criterion_main!(benches);
