//! Connections: accepts them and hands each to a core, keeps slow and silent clients from holding one for ever, and lets
//! those at work finish when the service stops.

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use poem::Addr;
use poem::http::uri::Scheme;
use poem::http::{HeaderValue, Version, header};
use poem::web::{LocalAddr, RemoteAddr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::Front;
use super::connections::{Connections, Place};
use super::cores::Cores;
use super::target::MAX_HEADERS;
use super::tls::{Tls, TlsError};
use crate::clock::SharedClock;
use crate::config;

/// Longest life of a connection. A client that holds one without reading or asking makes room for others.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(600);

/// Time for what is under way on a connection that is to end: more than any request may take.
const FAREWELL: Duration = Duration::from_secs(60);

/// Time for a TLS handshake, and for the headers of a request. It also ends HTTP/1 connections that are idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of the headers of a request.
const MAX_HEADER_BYTES: usize = 32 * 1024;

/// Requests at one time on one HTTP/2 connection.
const MAX_STREAMS: u32 = 100;

/// Connections that the system holds until they are accepted; it takes less where its own limit is lower.
pub(crate) const BACKLOG: u32 = 4096;

/// How long to wait before accepting again after the system refused (no file descriptors left, say).
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why nothing can be served.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot listen: {0}")]
    Listen(io::Error),
    #[error("no threads for connections: {0}")]
    Threads(io::Error),
}

/// What serves the connections of a socket.
pub struct Listener {
    tls: Option<Arc<Tls>>,
    scheme: Scheme,
    connections: Arc<Connections>,
    shutdown_timeout: Duration,
    cores: Cores,
}

/// A bound address. Until it listens clients are refused at once: none waits for a start that waits itself.
pub struct Serving {
    pub address: SocketAddr,
    pub listener: Listener,
    socket: TcpSocket,
}

impl Serving {
    /// Binds the configured address and starts the threads that serve.
    pub async fn bind(server: &config::Server, clock: &SharedClock) -> Result<Self, BindError> {
        let tls = server.tls.as_ref();
        let tls = tls.map(|files| Tls::load(files, clock.clone()));
        let tls = tls.transpose()?.map(Arc::new);
        let address = SocketAddr::new(server.host, server.port);
        let socket = bind(address).map_err(BindError::Listen)?;
        let address = socket.local_addr().map_err(BindError::Listen)?;
        let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let cores = Cores::start(threads).await.map_err(BindError::Threads)?;
        Ok(Self {
            address,
            socket,
            listener: Listener {
                tls,
                scheme: scheme(server),
                connections: Arc::new(Connections::new(
                    server.max_connections,
                    server.trusted_proxies.clone(),
                )),
                shutdown_timeout: server.shutdown_timeout,
                cores,
            },
        })
    }

    /// From here on clients can connect.
    ///
    /// # Errors
    /// When another process that had bound the address too listens by now.
    pub fn listen(self) -> io::Result<(Listener, TcpListener)> {
        Ok((self.listener, self.socket.listen(BACKLOG)?))
    }
}

/// Fails when another process listens there.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart finds the address in use by connections that are only waiting to be forgotten.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

/// HTTP/1, with bounds for what a client may send and how slowly.
pub(crate) fn http1_builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES)
        .max_header_size(MAX_HEADER_BYTES);
    builder
}

impl Listener {
    /// What it shows of itself, if it speaks TLS.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.clone()
    }

    /// For metrics.
    pub fn connections(&self) -> Arc<Connections> {
        self.connections.clone()
    }

    /// Serves until `stop` is done; then takes no more, and waits for what is under way. False when some of that had to
    /// be cut off.
    pub async fn run(
        self,
        socket: TcpListener,
        front: Arc<Front>,
        stop: impl Future<Output = ()>,
    ) -> bool {
        let (stopping, stopped) = watch::channel(false);
        let accepting = self.accept(&socket, &front, &stopped);
        let watching = async {
            if let Some(tls) = self.tls() {
                tls.watch().await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = accepting => (),
            () = watching => (),
            () = stop => (),
        }
        // Clients that connect now are refused at once. They do not wait.
        drop(socket);
        let _ = stopping.send(true);
        let ended = self.connections.all_ended();
        let finished = tokio::time::timeout(self.shutdown_timeout, ended)
            .await
            .is_ok();
        // What they still do is cut off.
        drop(self.cores);
        finished
    }

    async fn accept(
        &self,
        socket: &TcpListener,
        front: &Arc<Front>,
        stopped: &watch::Receiver<bool>,
    ) {
        loop {
            let served = match socket.accept().await {
                Ok((stream, peer)) => {
                    let place = self.connections.place(peer.ip()).await;
                    self.serve(stream, peer, front, stopped, place)
                }
                Err(error) => Err(error),
            };
            if let Err(error) = served {
                tracing::warn!(error = %error, "cannot accept connections");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Hands a connection to a core.
    fn serve(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        front: &Arc<Front>,
        stopped: &watch::Receiver<bool>,
        place: Place,
    ) -> io::Result<()> {
        // Answers are written whole: waiting to fill a packet only delays them. Without it they still arrive.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            front: front.clone(),
            local: LocalAddr(Addr::from(stream.local_addr().unwrap_or(peer))),
            remote: RemoteAddr(Addr::from(peer)),
            scheme: self.scheme.clone(),
            stopped: stopped.clone(),
            place,
        };
        let tls = self.tls.as_deref().map(Tls::acceptor);
        // Taken from the runtime that accepted it: that one would go on to be told of its bytes.
        let stream = stream.into_std()?;
        let (core, seat) = self.cores.seat();
        core.spawn(async move {
            let _held = seat;
            match TcpStream::from_std(stream) {
                Ok(stream) => connection.serve(stream, tls).await,
                Err(error) => tracing::warn!(error = %error, "cannot serve a connection"),
            }
        });
        Ok(())
    }
}

struct Connection {
    front: Arc<Front>,
    local: LocalAddr,
    remote: RemoteAddr,
    scheme: Scheme,
    stopped: watch::Receiver<bool>,
    place: Place,
}

/// Drives a connection to its end; when it is to end, to the end of the request under way.
macro_rules! drive {
    ($connection:expr, $stopped:expr, $held:expr) => {{
        let mut connection = pin!($connection);
        let mut stopped = $stopped;
        tokio::select! {
            // A connection that breaks off is the client's affair.
            _ = connection.as_mut() => return,
            () = $held.left() => (),
            _ = stopped.wait_for(|stopped| *stopped) => (),
            () = tokio::time::sleep(MAX_AGE) => (),
        }
        connection.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(FAREWELL, connection).await;
    }};
}

impl Connection {
    /// Serves until the connection ends or its place is taken.
    async fn serve(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let held = self.place.connection.clone();
        tokio::select! {
            () = self.serve_undisturbed(stream, tls) => (),
            () = held.taken() => (),
        }
    }

    async fn serve_undisturbed(self, stream: TcpStream, tls: Option<TlsAcceptor>) {
        let Some(tls) = tls else {
            return self.http1(stream).await;
        };
        let Ok(Ok(stream)) = tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await else {
            return;
        };
        match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => self.http2(stream).await,
            _ => self.http1(stream).await,
        }
    }

    async fn http1(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (stopped, held) = (self.stopped.clone(), self.place.connection.clone());
        let connection = http1_builder().serve_connection(
            TokioIo::new(stream),
            service_fn(|request| self.respond(request)),
        );
        drive!(connection, stopped, held);
    }

    async fn http2(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
        let (stopped, held) = (self.stopped.clone(), self.place.connection.clone());
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES as u32)
            .keep_alive_interval(HEADER_TIMEOUT)
            .keep_alive_timeout(HEADER_TIMEOUT)
            .serve_connection(TokioIo::new(stream), {
                let connection = Arc::new(self);
                service_fn(move |request| {
                    let connection = connection.clone();
                    async move { connection.respond(request).await }
                })
            });
        drive!(connection, stopped, held);
    }

    async fn respond(
        &self,
        mut request: hyper::Request<Incoming>,
    ) -> Result<hyper::Response<BoxBody<bytes::Bytes, io::Error>>, std::convert::Infallible> {
        let _work = self.place.work();
        let is_http2 = request.version() == Version::HTTP_2;
        request.extensions_mut().insert(self.place.activity());
        let request = (
            request,
            self.local.clone(),
            self.remote.clone(),
            self.scheme.clone(),
        )
            .into();
        let mut response: hyper::Response<_> = self.front.respond(request).await.into();
        // HTTP/2 has no such header (RFC 9113 §8.2.2); there the connection says itself that it ends.
        if is_http2
            && let Some(value) = response.headers_mut().remove(header::CONNECTION)
            && value == HeaderValue::from_static("close")
        {
            self.place.connection.leave();
        }
        Ok(response)
    }
}

/// The scheme that requests come in by.
pub fn scheme(server: &config::Server) -> Scheme {
    if server.tls.is_some() {
        Scheme::HTTPS
    } else {
        Scheme::HTTP
    }
}
