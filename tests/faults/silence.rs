//! A server that keeps its connections open and says nothing any more, as one whose disk hangs.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::load::{self, Load};
use crate::outage::{becomes_ready, forget_what_was_found};
use crate::postgres::Session;
use crate::{SERVER, instance};

/// A unit of work is given up after 20 seconds.
const LIMIT: Duration = Duration::from_secs(24);

/// Passes on what is said until it is told to be silent.
struct Proxy {
    port: u16,
    speaks: watch::Sender<bool>,
}

impl Proxy {
    async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let address = listener.local_addr().expect("an address");
        let (speaks, listens) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", port)).await;
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.expect("connects").into_split();
                tokio::spawn(pass_on(from_client, to_server, listens.clone()));
                tokio::spawn(pass_on(from_server, to_client, listens.clone()));
            }
        });
        Self {
            port: address.port(),
            speaks,
        }
    }

    fn falls_silent(&self) {
        self.speaks.send_replace(false);
    }
}

async fn pass_on(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut speaks: watch::Receiver<bool>,
) {
    let mut buffer = vec![0; 8192];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        if speaks.wait_for(|speaks| *speaks).await.is_err()
            || to.write_all(&buffer[..count]).await.is_err()
        {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_server_that_falls_silent_is_left_for_another() {
    let proxy = Proxy::to(SERVER.port()).await;
    let direct = SERVER.create_database();
    let url = direct.replace(
        "@127.0.0.1",
        &format!("@127.0.0.1:{},127.0.0.1", proxy.port),
    );
    let app = instance(&url).await;
    let load = Load::start(&[&app.url]).await;
    proxy.falls_silent();
    load.goes_on().await;
    becomes_ready(&app).await;
    // Nor does it keep anybody from starting.
    let another = instance(&url).await;
    becomes_ready(&another).await;
    let told = load.end().await;
    let database = Session::open(&direct).expect("opens");
    load::check(told, &another.url, &database, LIMIT).await;
}

/// A server alone: readiness tells in time for whoever asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "starts a PostgreSQL server"]
async fn a_silent_server_is_told() {
    use crate::support::Send;
    let proxy = Proxy::to(SERVER.port()).await;
    let url = SERVER.create_database();
    let port = format!(":{}/", SERVER.port());
    let app = instance(&url.replace(&port, &format!(":{}/", proxy.port))).await;
    becomes_ready(&app).await;
    proxy.falls_silent();
    for _ in 0..2 {
        forget_what_was_found(&app);
        let asked = std::time::Instant::now();
        let answer = app.get("/readyz").answer().await;
        answer.expect_problem(503, "unavailable");
        assert!(asked.elapsed() < Duration::from_secs(8));
    }
    proxy.speaks.send_replace(true);
    becomes_ready(&app).await;
}
