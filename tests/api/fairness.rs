//! Connections are shared by client networks: one that takes all of them takes none from others.

use crate::raw::Connection;
use crate::support::{Send, TestApp};

const GET: &str = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";

/// Sends a request and waits for its answer.
async fn ask(connection: &mut Connection) {
    connection.forget();
    connection.send(GET).await;
    connection.wait_for("200 OK").await;
}

/// A client at another address, which is answered.
async fn other_client(app: &TestApp, source: &str) -> Connection {
    let mut client = Connection::from(source, &app.url).await;
    ask(&mut client).await;
    client
}

async fn metric(app: &TestApp, name: &str) -> u64 {
    let text = app.get("/metrics").answer().await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|value| value.trim().parse().ok())
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[tokio::test]
async fn a_client_that_holds_all_connections_keeps_nobody_else_out() {
    let app = TestApp::spawn_with(&[("MAX_CONNECTIONS", "20")]).await;
    let mut hog = Vec::new();
    for kind in 0..20 {
        let mut connection = Connection::from("127.0.0.2", &app.url).await;
        match kind % 4 {
            // Idle after an answer.
            0 => ask(&mut connection).await,
            // Silent.
            1 => (),
            // Slow with its headers.
            2 => {
                connection
                    .send("GET /healthz HTTP/1.1\r\nhost: x\r\nx-")
                    .await
            }
            // Slow with its body.
            _ => {
                let head = "POST /auth/register HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n";
                connection.send(head).await;
                connection.wait_for("100 Continue").await;
            }
        }
        hog.push(connection);
    }
    let mut clients = Vec::new();
    for source in ["127.0.0.3", "127.0.1.1", "127.1.0.1", "127.0.0.4"] {
        clients.push(other_client(&app, source).await);
    }
    // They keep their places while the other one goes on.
    for _ in 0..40 {
        hog.push(Connection::from("127.0.0.2", &app.url).await);
    }
    for client in &mut clients {
        ask(client).await;
    }
    assert!(metric(&app, "vestibule_connections ").await >= 5);
    assert!(metric(&app, "vestibule_connections_closed_for_others_total ").await >= 40);
}

#[tokio::test]
async fn many_addresses_of_one_network_gain_no_more_than_one() {
    let app = TestApp::spawn_with(&[("MAX_CONNECTIONS", "20")]).await;
    let mut client = other_client(&app, "127.9.0.1").await;
    let mut hog = Vec::new();
    for part in 1..60 {
        hog.push(Connection::from(&format!("127.0.{part}.1"), &app.url).await);
        hog.push(Connection::from(&format!("127.0.0.{part}"), &app.url).await);
    }
    ask(&mut client).await;
    other_client(&app, "127.8.0.1").await;
    // Also a neighbor gets in, and the idle ones go.
    other_client(&app, "127.0.200.1").await;
    ask(&mut client).await;
}

#[tokio::test]
async fn the_idlest_connection_is_closed_at_the_cap() {
    let app = TestApp::spawn_with(&[("MAX_CONNECTIONS", "2")]).await;
    let mut first = Connection::open(&app).await;
    ask(&mut first).await;
    let mut second = Connection::open(&app).await;
    ask(&mut second).await;
    ask(&mut first).await;
    let mut third = Connection::open(&app).await;
    ask(&mut third).await;
    second.forget();
    assert_eq!(second.read_to_end().await.status, None);
    ask(&mut first).await;
}

/// ASVS 2.4.1: a client that goes on in spite of its limit has to connect anew each time.
#[tokio::test]
async fn a_connection_refused_for_its_rate_is_closed() {
    let limits = [("RATE_LIMIT_ENABLED", "true"), ("RATE_LIMIT_IP", "1/1h")];
    let app = TestApp::spawn_with(&limits).await;
    let request = "GET /docs HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut connection = Connection::open(&app).await;
    connection.send(request).await;
    connection.wait_for("200 OK").await;
    let mut refused = Connection::open(&app).await;
    refused.send(request.repeat(3)).await;
    let reply = refused.read_to_end().await;
    assert_eq!(reply.status, Some(429), "{reply:?}");
    assert!(
        reply.head.contains("\r\nconnection: close\r\n"),
        "{reply:?}"
    );
    assert_eq!(reply.body.matches("HTTP/1.1").count(), 0, "{reply:?}");

    // A body that follows does not cost the client its answer.
    let mut refused = Connection::open(&app).await;
    refused
        .send("POST /auth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 5000\r\n\r\n")
        .await;
    refused.wait_for("429").await;
    refused.send(vec![b'x'; 5000]).await;
    assert_eq!(refused.read_to_end().await.problem(), "rate_limited");
}

#[tokio::test]
async fn a_connection_of_a_trusted_proxy_is_kept_when_one_of_its_clients_is_refused() {
    let app = TestApp::spawn_with(&[
        ("RATE_LIMIT_ENABLED", "true"),
        ("RATE_LIMIT_IP", "1/1h"),
        ("TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    let mut proxy = Connection::open(&app).await;
    for (client, status) in [
        ("203.0.113.1", 404),
        ("203.0.113.1", 429),
        ("203.0.113.2", 404),
    ] {
        proxy.forget();
        let request =
            format!("GET /nothing HTTP/1.1\r\nhost: x\r\nx-forwarded-for: {client}\r\n\r\n");
        proxy.send(request).await;
        proxy.wait_for(&format!("HTTP/1.1 {status}")).await;
        proxy.wait_for("}").await;
    }
}

#[tokio::test]
async fn connections_of_a_trusted_proxy_make_no_room_for_a_hog() {
    let app =
        TestApp::spawn_with(&[("MAX_CONNECTIONS", "8"), ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let mut proxy = Vec::new();
    for _ in 0..6 {
        proxy.push(other_client(&app, "127.0.0.1").await);
    }
    let mut hog = Vec::new();
    for _ in 0..30 {
        hog.push(Connection::from("127.0.0.2", &app.url).await);
    }
    other_client(&app, "127.0.1.1").await;
    for connection in &mut proxy {
        ask(connection).await;
    }
}
