//! Clients at work while something fails: they register, refresh and look at themselves, and remember what they were
//! told. Any answer but success and 503 is kept as a complaint.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::postgres;
use crate::support::{PASSWORD, Session};

/// Clients at work at one time.
const CLIENTS: usize = 8;

/// What is waited for takes far less.
const PATIENCE: Duration = Duration::from_secs(60);

/// As long as somebody who was refused waits, here.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Progress {
    over: AtomicBool,
    /// Clients who have a session.
    logged_in: AtomicUsize,
    done: AtomicUsize,
    refused: AtomicUsize,
}

pub struct Load {
    progress: Arc<Progress>,
    clients: Vec<JoinHandle<Told>>,
}

/// What one client was told.
pub struct Told {
    registered: Vec<String>,
    refresh_token: String,
    /// Refreshes that were acknowledged.
    refreshed: i64,
    /// Those that may have been done.
    unsure: i64,
    complaints: Vec<String>,
    slowest: Duration,
}

enum Heard {
    Answer(Value),
    /// The service refuses for now, or has gone.
    Nothing,
}

impl Load {
    /// Clients who turn to the instances one after the other. Where there are several, one may end in the middle of an
    /// answer.
    pub async fn start(instances: &[&str]) -> Self {
        let progress = Arc::new(Progress::default());
        let instances: Vec<String> = instances.iter().map(|url| (*url).to_owned()).collect();
        let clients = (0..CLIENTS).map(|number| {
            let person = Person::new(number, instances.clone(), progress.clone());
            tokio::spawn(person.work())
        });
        let load = Self {
            clients: clients.collect(),
            progress,
        };
        reaches(&load.progress.logged_in, CLIENTS, "all log in").await;
        load.goes_on().await;
        load
    }

    /// Waits until every client could have done a few things more.
    pub async fn goes_on(&self) {
        let done = &self.progress.done;
        let enough = done.load(Ordering::SeqCst) + 10 * CLIENTS;
        reaches(done, enough, "the work goes on").await;
    }

    /// Waits until clients have been refused.
    pub async fn is_refused(&self) {
        let refused = &self.progress.refused;
        let enough = refused.load(Ordering::SeqCst) + 3 * CLIENTS;
        reaches(refused, enough, "clients are refused").await;
    }

    /// Ends the work and gives what everybody was told.
    pub async fn end(self) -> Vec<Told> {
        self.progress.over.store(true, Ordering::SeqCst);
        let mut all = Vec::new();
        for client in self.clients {
            all.push(client.await.expect("a client"));
        }
        all
    }
}

async fn reaches(counter: &AtomicUsize, enough: usize, what: &str) {
    let until = Instant::now() + PATIENCE;
    while counter.load(Ordering::SeqCst) < enough {
        assert!(Instant::now() < until, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

struct Person {
    name: String,
    instances: Vec<String>,
    turn: usize,
    client: Client,
    progress: Arc<Progress>,
    told: Told,
}

impl Person {
    fn new(number: usize, instances: Vec<String>, progress: Arc<Progress>) -> Self {
        let random = Uuid::now_v7().as_u128() % (1 << 48);
        Self {
            name: format!("user-{random:012x}"),
            turn: number,
            instances,
            client: Client::new(),
            progress,
            told: Told {
                registered: Vec::new(),
                refresh_token: String::new(),
                refreshed: 0,
                unsure: 0,
                complaints: Vec::new(),
                slowest: Duration::ZERO,
            },
        }
    }

    async fn work(mut self) -> Told {
        self.register(self.name.clone()).await;
        let login = self.post("/auth/token");
        let login = login.form(&[("username", self.name.as_str()), ("password", PASSWORD)]);
        let Heard::Answer(token) = self.ask(login, StatusCode::OK).await else {
            panic!("no login; {:?}", self.told.complaints);
        };
        let mut session = Session::of(&token);
        self.progress.logged_in.fetch_add(1, Ordering::SeqCst);
        while !self.progress.over.load(Ordering::SeqCst) {
            let name = format!("{}-{}", self.name, self.turn);
            self.register(name).await;
            session = self.refresh(session).await;
            let url = self.next_url("/users/me");
            let look = self.client.get(url).bearer_auth(&session.access);
            self.ask(look, StatusCode::OK).await;
        }
        self.told.refresh_token = session.refresh;
        self.told
    }

    fn next_url(&mut self, path: &str) -> String {
        self.turn += 1;
        format!("{}{path}", self.instances[self.turn % self.instances.len()])
    }

    fn post(&mut self, path: &str) -> RequestBuilder {
        let url = self.next_url(path);
        self.client.post(url)
    }

    async fn register(&mut self, name: String) {
        let body = json!({ "email": format!("{name}@example.com"), "username": name, "password": PASSWORD });
        let request = self.post("/auth/register").json(&body);
        if let Heard::Answer(_) = self.ask(request, StatusCode::CREATED).await {
            self.told.registered.push(name);
        }
    }

    /// Whoever got no answer to a refresh tries again with the token he has.
    async fn refresh(&mut self, session: Session) -> Session {
        let body = json!({ "refresh_token": session.refresh });
        let request = self.post("/auth/refresh").json(&body);
        match self.ask(request, StatusCode::OK).await {
            Heard::Answer(token) => {
                self.told.refreshed += 1;
                Session::of(&token)
            }
            Heard::Nothing => {
                self.told.unsure += 1;
                session
            }
        }
    }

    async fn ask(&mut self, request: RequestBuilder, expected: StatusCode) -> Heard {
        let asked = Instant::now();
        let heard = self.hear(request, expected).await;
        self.told.slowest = self.told.slowest.max(asked.elapsed());
        match heard {
            Ok(Some(body)) => {
                self.progress.done.fetch_add(1, Ordering::SeqCst);
                return Heard::Answer(body);
            }
            Ok(None) => (),
            Err(complaint) => self.told.complaints.push(complaint),
        }
        self.progress.refused.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(PAUSE).await;
        Heard::Nothing
    }

    async fn hear(
        &self,
        request: RequestBuilder,
        expected: StatusCode,
    ) -> Result<Option<Value>, String> {
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(_) if self.instances.len() > 1 => return Ok(None),
            Err(error) => return Err(format!("{error:?}")),
        };
        let status = answer.status();
        let headers = answer.headers().clone();
        let path = answer.url().path().to_owned();
        let text = match answer.text().await {
            Ok(text) => text,
            Err(_) if self.instances.len() > 1 => return Ok(None),
            Err(error) => return Err(format!("{path}: {error:?}")),
        };
        let is_told_when = headers.contains_key("retry-after");
        let is_problem = headers
            .get("content-type")
            .is_some_and(|kind| kind == "application/problem+json");
        if status == expected {
            Ok(Some(serde_json::from_str(&text).expect("JSON")))
        } else if status == StatusCode::SERVICE_UNAVAILABLE && is_told_when && is_problem {
            Ok(None)
        } else {
            Err(format!("{path}: {status} {headers:?} {text}"))
        }
    }
}

/// Checks that everybody was told the truth, was answered in time, and can go on at this instance.
pub async fn check(all: Vec<Told>, instance: &str, database: &postgres::Session, limit: Duration) {
    nobody_complains(&all, limit);
    for told in &all {
        nothing_is_lost(told, database);
        let body = json!({ "refresh_token": told.refresh_token });
        let request = Client::new().post(format!("{instance}/auth/refresh"));
        let answer = request.json(&body).send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("a body"));
        assert_eq!(status, StatusCode::OK, "{text}");
    }
    nothing_is_done_twice(database);
}

#[track_caller]
pub fn nobody_complains(all: &[Told], limit: Duration) {
    let complaints: Vec<&String> = all.iter().flat_map(|told| &told.complaints).collect();
    let first = &complaints[..complaints.len().min(5)];
    assert!(complaints.is_empty(), "{}: {first:#?}", complaints.len());
    let slowest = all.iter().map(|told| told.slowest).max();
    assert!(slowest < Some(limit), "somebody waited {slowest:?}");
}

#[track_caller]
fn nothing_is_lost(told: &Told, database: &postgres::Session) {
    let name = &told.registered[0];
    let rows = database.run(&format!(
        "SELECT username FROM users WHERE username LIKE '{name}%'"
    ));
    let stored: Vec<String> = rows.into_iter().flatten().flatten().collect();
    let lost = told.registered.iter().filter(|name| !stored.contains(name));
    let lost: Vec<&String> = lost.collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let counter = database.value(&format!(
        "SELECT refresh_counter FROM sessions JOIN users ON users.id = user_id WHERE username = '{name}'"
    ));
    let counter: i64 = counter.parse().expect("a number");
    let possible = told.refreshed..=told.refreshed + told.unsure;
    assert!(possible.contains(&counter), "{counter}, not {possible:?}");
}

/// Each user was registered once, and each session was begun once.
#[track_caller]
fn nothing_is_done_twice(database: &postgres::Session) {
    for (table, action, of) in [
        ("users", "user.registered", "target_id"),
        ("sessions", "login.succeeded", "session_id"),
    ] {
        let rows = database.run(&format!(
            "SELECT id, count(of) FROM {table} LEFT JOIN (SELECT {of} AS of FROM audit_events WHERE action = '{action}') \
             AS events ON of = id GROUP BY id HAVING count(of) <> 1"
        ));
        assert!(rows.is_empty(), "{action}: {rows:?}");
        let events = database.value(&format!(
            "SELECT count(*) FROM audit_events WHERE action = '{action}'"
        ));
        let count = database.value(&format!("SELECT count(*) FROM {table}"));
        assert_eq!(events, count, "{action}");
    }
}
