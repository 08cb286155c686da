//! A mail server for tests on a free port of this machine: keeps what it is given, and fails as it is told.

#![allow(dead_code, reason = "each test binary uses a part of it")]

mod received;
mod session;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::rustls::ServerConfig;

pub use received::Mail;

/// How long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where in a conversation something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// When somebody connects, in place of the greeting.
    Connection,
    /// `STARTTLS`. TLS begins behind whatever is answered.
    StartTls,
    Login,
    /// `MAIL FROM`
    Sender,
    /// `RCPT TO`
    Recipient,
    /// `DATA`
    Data,
    /// After the first line of the message.
    Middle,
    /// After the message. It is kept unless it is refused.
    Message,
}

/// What happens there instead of the usual answer.
#[derive(Debug, Clone)]
pub enum Do {
    /// This answer; 421 also closes the connection.
    Reply(&'static str),
    /// The connection is closed.
    Close,
    /// The usual answer, when the gate is opened.
    Wait(Gate),
}

/// Holds an answer back.
#[derive(Debug, Clone)]
pub struct Gate(Arc<(Semaphore, Semaphore)>);

impl Gate {
    pub fn new() -> Self {
        Self(Arc::new((Semaphore::new(0), Semaphore::new(0))))
    }

    /// Lets everybody pass, from now on.
    pub fn open(&self) {
        self.0.1.add_permits(1000);
    }

    /// Waits until `count` have come to it.
    pub async fn reached_by(&self, count: u32) {
        let reached = tokio::time::timeout(PATIENCE, self.0.0.acquire_many(count)).await;
        reached
            .expect("nobody came to the gate")
            .expect("open")
            .forget();
    }

    async fn pass(&self) {
        self.0.0.add_permits(1);
        self.0.1.acquire().await.expect("open").forget();
    }
}

/// How the server is encrypted.
#[derive(Clone, Default)]
pub enum Tls {
    #[default]
    None,
    /// Offered by STARTTLS.
    Start(Arc<ServerConfig>),
    /// From the first byte on.
    Implicit(Arc<ServerConfig>),
}

/// A certificate and its key, as a TLS server needs them.
pub fn tls(certificate: &Path, key: &Path) -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(certificate).expect("reads");
    let chain = chain.collect::<Result<_, _>>().expect("certificates");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key);
    Arc::new(config.expect("a certificate"))
}

/// How the server is set up.
#[derive(Clone, Default)]
pub struct Setup {
    pub tls: Tls,
    /// User and password without which nothing is taken.
    pub login: Option<(&'static str, &'static str)>,
}

/// The server. It ends with the test's runtime, or when it is stopped.
pub struct SmtpServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    running: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    setup: Setup,
    mails: Mutex<Vec<Mail>>,
    arrived: Notify,
    faults: Mutex<Vec<(At, Do)>>,
    /// Sender and recipient seen before; `None`: nobody has to come back.
    greylist: Mutex<Option<HashSet<(String, String)>>>,
    connections: AtomicUsize,
}

impl SmtpServer {
    pub async fn start() -> Self {
        Self::start_as(Setup::default()).await
    }

    pub async fn start_as(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            setup,
            ..Shared::default()
        });
        let running = Some(tokio::spawn(serve(listener, shared.clone())));
        Self {
            address,
            shared,
            running,
        }
    }

    /// For `SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Closes the port and every connection.
    pub async fn stop(&mut self) {
        let running = self.running.take().expect("runs");
        running.abort();
        let _cancelled = running.await;
    }

    /// Opens the same port again.
    pub async fn start_again(&mut self) {
        let listener = TcpListener::bind(self.address)
            .await
            .expect("the same port");
        self.running = Some(tokio::spawn(serve(listener, self.shared.clone())));
    }

    /// The next `count` times that it comes to `at`, does `what`.
    pub fn next(&self, count: usize, at: At, what: Do) {
        let mut faults = self.shared.faults.lock().expect("a lock");
        faults.extend(std::iter::repeat_n((at, what), count));
    }

    /// What it has still to do out of the ordinary.
    pub fn faults(&self) -> usize {
        self.shared.faults.lock().expect("a lock").len()
    }

    /// From now on, asks everybody to come back who sends to somebody for the first time.
    pub fn greylist(&self) {
        *self.shared.greylist.lock().expect("a lock") = Some(HashSet::new());
    }

    /// Connections made so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// What was taken so far.
    pub fn mails(&self) -> Vec<Mail> {
        self.shared.mails.lock().expect("a lock").clone()
    }

    /// Waits until `count` mails in all have been taken, and gives them.
    pub async fn wait_for(&self, count: usize) -> Vec<Mail> {
        let waiting = async {
            loop {
                let arrived = self.shared.arrived.notified();
                let mails = self.mails();
                if mails.len() >= count {
                    return mails;
                }
                arrived.await;
            }
        };
        let waited = tokio::time::timeout(PATIENCE, waiting).await;
        waited.unwrap_or_else(|_| panic!("{} mails of {count}", self.mails().len()))
    }
}

impl Drop for SmtpServer {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.abort();
        }
    }
}

impl Shared {
    fn fault(&self, at: At) -> Option<Do> {
        let mut faults = self.faults.lock().expect("a lock");
        let found = faults.iter().position(|(where_, _)| *where_ == at)?;
        Some(faults.remove(found).1)
    }

    fn keep(&self, mail: Mail) {
        self.mails.lock().expect("a lock").push(mail);
        self.arrived.notify_waiters();
    }

    /// Whether somebody has to come back, the first time that he sends to `to`.
    fn is_new(&self, from: &str, to: &str) -> bool {
        let mut greylist = self.greylist.lock().expect("a lock");
        let seen = greylist.as_mut();
        seen.is_some_and(|seen| seen.insert((from.to_owned(), to.to_owned())))
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Its connections end with it.
    let mut sessions = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = shared.clone();
        sessions.spawn(async move {
            // Whoever goes without a word is gone.
            let _ = session::run(stream, number, &shared).await;
        });
    }
}
