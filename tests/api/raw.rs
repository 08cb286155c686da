//! Requests byte by byte, for what a proper HTTP client refuses to send.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::support::TestApp;

/// Far longer than any answer takes; a test that gets here has found a service that hangs.
const PATIENCE: Duration = Duration::from_secs(40);

/// An open connection.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    /// `None` when the connection was closed without an answer.
    pub status: Option<u16>,
    pub head: String,
    pub body: String,
}

impl Connection {
    pub async fn open(app: &TestApp) -> Self {
        Self::to(&app.url).await
    }

    pub async fn to(url: &str) -> Self {
        let address = url.strip_prefix("http://").expect("a plain URL");
        let stream = TcpStream::connect(address).await.expect("connects");
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// From another address of this machine; all of 127.0.0.0/8 are.
    pub async fn from(source: &str, url: &str) -> Self {
        let address = url.strip_prefix("http://").expect("a plain URL");
        let socket = TcpSocket::new_v4().expect("a socket");
        let source = format!("{source}:0").parse().expect("an address");
        socket.bind(source).expect("binds");
        let address = address.parse().expect("an address");
        Self {
            stream: socket.connect(address).await.expect("connects"),
            received: Vec::new(),
        }
    }

    /// Sends bytes. A service that has closed already is no failure: its answer tells why.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) {
        let _ = self.stream.shutdown().await;
    }

    /// Reads until what was received contains `text`.
    pub async fn wait_for(&mut self, text: &str) {
        while !String::from_utf8_lossy(&self.received).contains(text) {
            let more = timeout(PATIENCE, self.stream.read_buf(&mut self.received)).await;
            let read = more.expect("in time").expect("reads");
            assert!(
                read > 0,
                "closed before {text:?}: {:?}",
                String::from_utf8_lossy(&self.received)
            );
        }
    }

    /// Forgets what was received.
    pub fn forget(&mut self) {
        self.received.clear();
    }

    /// Whether nothing arrives for `time`.
    pub async fn is_silent_for(&mut self, time: Duration) -> bool {
        timeout(time, self.stream.read_buf(&mut self.received))
            .await
            .is_err()
    }

    /// Waits until the service closes the connection.
    pub async fn wait_for_end(self) {
        self.read_to_end().await;
    }

    /// Reads until the service closes the connection.
    pub async fn read_to_end(mut self) -> Reply {
        // A reset after the answer is an end like any other.
        let read = timeout(PATIENCE, self.stream.read_to_end(&mut self.received)).await;
        assert!(
            read.is_ok(),
            "no end: {:?}",
            String::from_utf8_lossy(&self.received)
        );
        Reply::parse(&self.received)
    }
}

impl Reply {
    fn parse(bytes: &[u8]) -> Self {
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        while text.starts_with("HTTP/1.1 1") {
            text = text
                .split_once("\r\n\r\n")
                .map(|(_, rest)| rest.to_owned())
                .unwrap_or_default();
        }
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    /// The code of the problem that it must be.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert!(
            self.head
                .contains("\r\ncontent-type: application/problem+json\r\n"),
            "{}",
            self.head
        );
        let start = self.body.find('{').expect("a JSON object");
        let end = self.body.rfind('}').expect("a JSON object");
        let body: Value = serde_json::from_str(&self.body[start..=end]).expect("JSON");
        body["code"].as_str().expect("a code").to_owned()
    }
}

/// One request on a connection of its own. The request should ask for `Connection: close`.
pub async fn exchange(app: &TestApp, request: impl AsRef<[u8]>) -> Reply {
    let mut connection = Connection::open(app).await;
    connection.send(request).await;
    connection.read_to_end().await
}
