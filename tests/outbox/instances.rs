//! The real program: several of it on one database, and one that is killed over its work. Its clock is that of the system.

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;
use vestibule::config::DatabaseUrl;
use vestibule::store::db::Db;

use crate::process::Service;
use crate::smtp::{At, Do, Gate, Mail, SmtpServer};
use crate::{assert_each_once, by_id, database, link, stored_in, until};

const PASSWORD: &str = "correct horse battery staple";

/// Mails that one instance sends at a time.
const SENDERS: usize = 4;

fn start(folder: &tempfile::TempDir, server: &SmtpServer) -> Service {
    let settings = [
        ("SMTP_URL", &*server.url()),
        ("PUBLIC_URL", "https://accounts.example.com"),
        ("BCRYPT_COST", "4"),
        ("RATE_LIMIT_ENABLED", "false"),
    ];
    Service::start(folder.path(), &settings)
}

/// Registers people of these numbers, several at a time.
async fn register(service: &Service, numbers: std::ops::Range<usize>) {
    const AT_A_TIME: usize = 4;
    let client = Client::new();
    let mut registering = JoinSet::new();
    for first in 0..AT_A_TIME {
        let (client, url) = (client.clone(), format!("{}/auth/register", service.url));
        let numbers = numbers.clone().skip(first).step_by(AT_A_TIME);
        registering.spawn(async move {
            for number in numbers {
                let name = format!("ada-{number}");
                let email = format!("{name}@example.com");
                let body = json!({ "email": email, "username": name, "password": PASSWORD });
                let answer = client.post(&url).json(&body).send().await;
                assert_eq!(answer.expect("an answer").status(), StatusCode::CREATED);
            }
        });
    }
    while let Some(done) = registering.join_next().await {
        done.expect("registers");
    }
}

/// Waits until nothing is stored any more, and gives what has arrived.
async fn all_sent(folder: &tempfile::TempDir, server: &SmtpServer) -> Vec<Mail> {
    let url = database::url_in(folder.path())
        .unwrap_or_else(|| format!("sqlite:///{}", folder.path().join("app.db").display()));
    let db = Db::open(&DatabaseUrl::parse(&url).expect("a URL")).expect("opens");
    let is_empty = async || {
        let stored = stored_in(&db).await;
        assert!(stored.iter().all(|mail| mail.due_at.is_some()), "given up");
        stored.is_empty()
    };
    until("mails are not sent", is_empty).await;
    server.mails()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_share_the_mails_and_send_each_once() {
    const MAILS: usize = 200;
    let (folder, server) = (
        tempfile::tempdir().expect("a folder"),
        SmtpServer::start().await,
    );
    let gate = Gate::new();
    server.next(2 * SENDERS, At::Message, Do::Wait(gate.clone()));
    let (first, second) = (start(&folder, &server), start(&folder, &server));
    register(&first, 0..MAILS / 2).await;
    register(&second, MAILS / 2..MAILS).await;
    // More than one instance sends at a time.
    gate.reached_by(2 * SENDERS as u32).await;
    gate.open();
    assert_each_once(&all_sent(&folder, &server).await, MAILS);
    for service in [first, second] {
        let log = service.stop();
        assert!(log.contains("mail sent"), "one of them did nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_when_the_program_is_killed_is_sent_by_the_next() {
    const MAILS: usize = 20;
    let (folder, mut server) = (
        tempfile::tempdir().expect("a folder"),
        SmtpServer::start().await,
    );
    server.stop().await;
    let service = start(&folder, &server);
    register(&service, 0..1).await;
    let is_told = async || service.has_logged("NO MAIL CAN BE SENT");
    until("it is not told of", is_told).await;
    register(&service, 1..MAILS).await;
    service.kill();
    server.start_again().await;
    let _service = start(&folder, &server);
    assert_each_once(&all_sent(&folder, &server).await, MAILS);
}

/// Servers like to repeat it in what they say.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_tells_what_a_server_said_without_the_address() {
    let (folder, server) = (
        tempfile::tempdir().expect("a folder"),
        SmtpServer::start().await,
    );
    let service = start(&folder, &server);
    for (number, answer, told) in [
        (
            0,
            "451 4.2.0 <ada-0@example.com>: later",
            "451 4.2.0 <…>: later",
        ),
        (
            1,
            "550 5.1.1 <ada-1@example.com>: unknown",
            "550 5.1.1 <…>: unknown",
        ),
    ] {
        server.next(1, At::Recipient, Do::Reply(answer));
        register(&service, number..number + 1).await;
        until("it is not told", async || service.has_logged(told)).await;
    }
    let log = service.stop();
    assert!(!log.contains("ada-"), "{log}");
}

/// Two mails have not been handed over when the program is killed: they arrive once. Two have, but nobody knows: they arrive
/// twice, and are the same. All four are left alone until the leases of the dead have ended.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "waits for a lease of half a minute"]
async fn what_is_being_sent_when_the_program_is_killed_is_sent_by_the_next() {
    const MAILS: usize = 12;
    let (folder, server) = (
        tempfile::tempdir().expect("a folder"),
        SmtpServer::start().await,
    );
    let (before, after) = (Gate::new(), Gate::new());
    server.next(2, At::Data, Do::Wait(before.clone()));
    let service = start(&folder, &server);
    register(&service, 0..2).await;
    before.reached_by(2).await;
    server.next(2, At::Message, Do::Wait(after.clone()));
    register(&service, 2..MAILS).await;
    after.reached_by(2).await;
    service.kill();
    before.open();
    after.open();
    let has_both = async || server.mails().len() == 2;
    until("the server forgets what it was given", has_both).await;
    let taken: BTreeSet<_> = by_id(&server.mails()).into_keys().collect();

    let _service = start(&folder, &server);
    let mails = all_sent(&folder, &server).await;
    assert_eq!(mails.len(), MAILS + 2);
    let sent = by_id(&mails);
    assert_eq!(sent.len(), MAILS);
    for (id, mails) in sent {
        let times = if taken.contains(&id) { 2 } else { 1 };
        assert_eq!(mails.len(), times, "{id}");
        assert!(mails.iter().all(|mail| link(mail) == link(mails[0])));
    }
}

/// An orderly end is no reason to send anything twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_when_the_program_is_stopped_is_sent_once_by_the_next() {
    const MAILS: usize = 40;
    let (folder, server) = (
        tempfile::tempdir().expect("a folder"),
        SmtpServer::start().await,
    );
    let gate = Gate::new();
    server.next(SENDERS, At::Message, Do::Wait(gate.clone()));
    let service = start(&folder, &server);
    register(&service, 0..MAILS).await;
    gate.reached_by(SENDERS as u32).await;
    service.ask_to_stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    gate.open();
    let (status, log) = service.wait();
    assert!(status.success(), "{status}: {log}");
    let _service = start(&folder, &server);
    assert_each_once(&all_sent(&folder, &server).await, MAILS);
}
