//! What was acknowledged is on disk: the program is killed in the middle of its work, and nothing is missing afterwards.

#![allow(
    clippy::disallowed_methods,
    reason = "it waits for and measures what really happens"
)]

mod database;
mod postgres;
mod process;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use process::Service;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::sync::Barrier;

const PASSWORD: &str = "correct horse battery staple";
const SETTINGS: &[(&str, &str)] = &[("BCRYPT_COST", "4"), ("RATE_LIMIT_ENABLED", "false")];

/// Writers at work when the program dies.
const WRITERS: usize = 8;

/// Acknowledged writes of each kind before it does.
const ENOUGH: usize = 20;

/// What one writer was told had been done.
struct Acknowledged {
    registrations: Vec<Registration>,
    /// The last name that it asked for, and heard nothing of.
    unanswered: Option<String>,
    refresh_token: String,
    rotations: usize,
}

/// An account, and what was said of it.
#[derive(Debug, PartialEq, Eq)]
struct Registration {
    username: String,
    answer: String,
}

/// Registers with the name as the key of the request, and says whether that had been done before. `None` when the service
/// has gone.
async fn register(client: &Client, url: &str, username: &str) -> Option<(Registration, bool)> {
    let body = json!({ "email": format!("{username}@example.com"), "username": username, "password": PASSWORD });
    let answer = client
        .post(format!("{url}/auth/register"))
        .header("idempotency-key", username)
        .json(&body)
        .send()
        .await
        .ok()?;
    let status = answer.status();
    let is_replayed = answer.headers().contains_key("idempotent-replayed");
    let answer = answer.text().await.ok()?;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let username = username.to_owned();
    Some((Registration { username, answer }, is_replayed))
}

async fn log_in(client: &Client, url: &str, username: &str) -> (StatusCode, Value) {
    let form = [("username", username), ("password", PASSWORD)];
    let answer = client
        .post(format!("{url}/auth/token"))
        .form(&form)
        .send()
        .await
        .expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

/// The next refresh token; `None` when the service has gone.
async fn rotate(client: &Client, url: &str, token: &str) -> Option<String> {
    let body = json!({ "refresh_token": token });
    let answer = client
        .post(format!("{url}/auth/refresh"))
        .json(&body)
        .send()
        .await
        .ok()?;
    let status = answer.status();
    let body: Value = answer.json().await.ok()?;
    assert_eq!(status, StatusCode::OK, "{body}");
    Some(body["refresh_token"].as_str().expect("a token").to_owned())
}

/// Registers and refreshes until the service is gone. All writers begin at one moment.
async fn write(
    client: Client,
    url: String,
    name: String,
    all: Arc<Barrier>,
    done: Arc<AtomicUsize>,
) -> Acknowledged {
    let (first, _) = register(&client, &url, &name).await.expect("an answer");
    let mut registrations = vec![first];
    let mut unanswered = None;
    let (_, token) = log_in(&client, &url, &name).await;
    let mut refresh_token = token["refresh_token"].as_str().expect("a token").to_owned();
    let mut rotations = 0;
    all.wait().await;
    loop {
        let username = format!("{name}-{}", registrations.len());
        match register(&client, &url, &username).await {
            Some((registration, _)) => registrations.push(registration),
            None => {
                unanswered = Some(username);
                break;
            }
        }
        match rotate(&client, &url, &refresh_token).await {
            Some(next) => refresh_token = next,
            None => break,
        }
        rotations += 1;
        done.fetch_add(1, Ordering::SeqCst);
    }
    Acknowledged {
        registrations,
        unanswered,
        refresh_token,
        rotations,
    }
}

/// Fails when the file is damaged. Whoever has it open does not mind.
#[track_caller]
fn is_intact(file: &Path) {
    let file = rusqlite::Connection::open(file).expect("opens");
    for (pragma, sound) in [("integrity_check", Some("ok")), ("foreign_key_check", None)] {
        let mut found = Vec::new();
        file.pragma_query(None, pragma, |row| {
            found.push(row.get::<_, String>(0)?);
            Ok(())
        })
        .expect("checks");
        assert_eq!(found, Vec::from_iter(sound), "{pragma}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_when_the_program_is_killed() {
    kill_and_look(3).await;
}

/// A file that has been through many of them is as sound as any.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while"]
async fn nothing_is_lost_or_damaged_when_the_program_is_killed_twenty_times() {
    kill_and_look(20).await;
}

/// Kills the program in the middle of its work, and starts it again on what it left; so many times.
async fn kill_and_look(rounds: usize) {
    let folder = tempfile::tempdir().expect("a folder");
    let client = Client::new();
    for round in 1..=rounds {
        let service = Service::start(folder.path(), SETTINGS);
        let all = Arc::new(Barrier::new(WRITERS));
        let done = Arc::new(AtomicUsize::new(0));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let name = format!("writer-{round}-{writer}");
                tokio::spawn(write(
                    client.clone(),
                    service.url.clone(),
                    name,
                    all.clone(),
                    done.clone(),
                ))
            })
            .collect();
        while done.load(Ordering::SeqCst) < ENOUGH
            && !writers.iter().all(|writer| writer.is_finished())
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        service.kill();
        let mut acknowledged = Vec::new();
        for writer in writers {
            acknowledged.push(writer.await.expect("a writer"));
        }
        let rotations: usize = acknowledged.iter().map(|writer| writer.rotations).sum();
        assert!(rotations >= ENOUGH, "only {rotations} writes");

        let service = Service::start(folder.path(), SETTINGS);
        if !database::on_postgresql() {
            is_intact(&folder.path().join("app.db"));
        }
        for writer in &acknowledged {
            for registration in &writer.registrations {
                let username = &registration.username;
                let (status, body) = log_in(&client, &service.url, username).await;
                assert_eq!(status, StatusCode::OK, "{username} is lost: {body}");
                let again = register(&client, &service.url, username).await;
                let (again, is_replayed) = again.expect("an answer");
                assert_eq!(again, *registration);
                assert!(is_replayed, "{username} was registered anew");
            }
            // Whether it had been done or not: it is now, once.
            if let Some(username) = &writer.unanswered {
                let made = register(&client, &service.url, username).await;
                let (made, _) = made.expect("an answer");
                let again = register(&client, &service.url, username).await;
                assert_eq!(again, Some((made, true)));
                let (status, body) = log_in(&client, &service.url, username).await;
                assert_eq!(status, StatusCode::OK, "{username}: {body}");
            }
            let next = rotate(&client, &service.url, &writer.refresh_token).await;
            let name = &writer.registrations[0].username;
            assert!(next.is_some(), "{name} cannot go on");
        }
        service.stop();
    }
}

#[test]
#[ignore = "starts a PostgreSQL server"]
fn everything_on_postgresql() {
    database::everything_on_postgresql();
}
