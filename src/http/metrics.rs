//! Metrics for Prometheus, in the text format of OpenMetrics 1.0. Everyone who reaches the API may read them where they have no
//! address of their own, so none of them names an account. The mail that waits shows what a mail server does once a recipient is
//! named: `docs/how-to/instances.md` says who should not see it.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use http_body_util::combinators::BoxBody;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poem::http::Method;
use poem::http::uri::Scheme;
use poem::web::{Data, LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, EndpointExt, Request, Response, get, handler};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use super::connections::{Connections, LEAVING, Place};
use super::problem::Failure;
use super::routes::{Handling, Route};
use super::serve::{ACCEPT_PAUSE, BACKLOG, MAX_AGE, bind, http1_builder};
use super::{query, target};
use crate::domain::{Services, readiness};
use crate::log;
use crate::password::EngineSnapshot;

/// Where they are, whatever the address.
const PATH: &str = "/metrics";

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Connections held at one time by their own address, where a few collectors are expected.
const MAX_CONNECTIONS: usize = 64;

/// The metrics among what the API answers.
pub fn route(services: Arc<Services>, open: Arc<Connections>) -> Route {
    let handling = Handling {
        is_probe: true,
        ..Handling::default()
    };
    Route::new(PATH, [Method::GET], handling, Metrics { services, open })
}

struct Metrics {
    services: Arc<Services>,
    open: Arc<Connections>,
}

impl Endpoint for Metrics {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        query::expect_none(request.uri())?;
        Ok(answer(&self.services, &self.open).await?)
    }
}

/// The answer to a GET. That the database is away is told, not answered with an error: then above all somebody looks.
async fn answer(services: &Arc<Services>, open: &Connections) -> Result<Response, Failure> {
    let mut registry = Registry::with_prefix("vestibule");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    registry.register("build", "This program", Info::new(version.to_vec()));
    let found = readiness::check(services).await;
    gauge(
        &mut registry,
        "database_up",
        "Whether the database answers and has the schema that is needed",
        i64::from(found.is_ok()),
    );
    if let Ok(waiting) = found {
        let age = waiting.oldest_age;
        let oldest = Gauge::<f64, AtomicU64>::default();
        oldest.set(age.unwrap_or_default().as_secs_f64());
        registry.register_with_unit(
            "mail_oldest_waiting_age",
            "Age of the oldest mail that waits to be sent; 0 when none has waited for 5 seconds or more",
            Unit::Seconds,
            oldest,
        );
        gauge(
            &mut registry,
            "mail_given_up",
            "Mails of the last 7 days that could not be delivered, counted up to 1000",
            waiting.given_up,
        );
    }
    passwords(&mut registry, &services.passwords.snapshot());
    connections(&mut registry, open);
    let lost = Counter::<u64>::default();
    lost.inc_by(log::lines_lost());
    registry.register(
        "log_lines_lost",
        "Lines of the log lost since the start because standard output was too slow or closed",
        lost,
    );
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|_| Failure::defect("metrics cannot be written"))?;
    Ok(Response::builder().content_type(CONTENT_TYPE).body(text))
}

fn connections(registry: &mut Registry, connections: &Connections) {
    gauge(
        registry,
        "connections",
        "Connections that are open",
        i64::try_from(connections.open()).unwrap_or(i64::MAX),
    );
    let closed = Counter::<u64>::default();
    closed.inc_by(connections.closed());
    registry.register(
        "connections_closed_for_others",
        "Connections closed since the start, at MAX_CONNECTIONS, to make room for another client",
        closed,
    );
}

/// What the password engine does and has done.
fn passwords(registry: &mut Registry, engine: &EngineSnapshot) {
    for (name, help, value) in [
        (
            "password_lanes",
            "Hashes that can be in progress at a time",
            engine.lanes_total,
        ),
        (
            "password_lanes_busy",
            "Hashes in progress",
            engine.lanes_busy,
        ),
        (
            "password_queued",
            "Hashes that somebody waits for and that have not begun",
            engine.queued,
        ),
    ] {
        gauge(
            registry,
            name,
            help,
            i64::try_from(value).unwrap_or(i64::MAX),
        );
    }
    for (name, help, value) in [
        (
            "password_hashes",
            "Hashes finished since the start",
            engine.hashes_done,
        ),
        (
            "password_refused",
            "Hashes refused since the start, nearly all for overload",
            engine.refused,
        ),
        (
            "password_cancelled",
            "Hashes given up since the start because whoever asked had gone",
            engine.cancelled,
        ),
    ] {
        let counter = Counter::<u64>::default();
        counter.inc_by(value);
        registry.register(name, help, counter);
    }
}

fn gauge(registry: &mut Registry, name: &str, help: &str, value: i64) {
    let gauge = Gauge::<i64>::default();
    gauge.set(value);
    registry.register(name, help, gauge);
}

/// An address for metrics alone, bound; see [`super::Serving`].
pub struct MetricsListener {
    pub address: SocketAddr,
    socket: TcpSocket,
}

impl MetricsListener {
    /// Descriptors that its connections may take.
    pub const DESCRIPTORS: usize = MAX_CONNECTIONS + LEAVING;

    /// # Errors
    /// When another process listens there, or there is no such address.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = bind(address)?;
        Ok(Self {
            address: socket.local_addr()?,
            socket,
        })
    }

    /// From here on clients can connect.
    ///
    /// # Errors
    /// When another process that had bound the address too listens by now.
    pub fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(BACKLOG)
    }

    /// Serves until dropped.
    pub async fn run(
        socket: TcpListener,
        services: Arc<Services>,
        connections: Arc<Connections>,
    ) -> Infallible {
        let route = poem::Route::new().at(PATH, get(metrics));
        let route = Arc::new(route.data(services).data(connections));
        let own = Arc::new(Connections::new(MAX_CONNECTIONS, Vec::new()));
        // What is under way ends with it.
        let mut tasks = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                Some(_) = tasks.join_next() => continue,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let place = own.place(peer.ip()).await;
                    tasks.spawn(serve(stream, peer, place, route.clone()));
                }
                Err(error) => {
                    tracing::warn!(error = %error, "cannot accept connections for metrics");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Serves a connection until it ends, its place is taken, or it is too old.
async fn serve(stream: TcpStream, peer: SocketAddr, place: Place, route: Arc<impl Endpoint>) {
    let local = LocalAddr(Addr::from(stream.local_addr().unwrap_or(peer)));
    let remote = RemoteAddr(Addr::from(peer));
    let respond = async |request: hyper::Request<Incoming>| {
        let _work = place.work();
        let request = (request, local.clone(), remote.clone(), Scheme::HTTP).into();
        let response: hyper::Response<BoxBody<bytes::Bytes, io::Error>> =
            route.get_response(request).await.into();
        Ok::<_, Infallible>(response)
    };
    let served = http1_builder().serve_connection(TokioIo::new(stream), service_fn(respond));
    tokio::select! {
        // A connection that breaks off is the client's affair.
        _ = served => (),
        () = place.connection.taken() => (),
        () = tokio::time::sleep(MAX_AGE) => (),
    }
}

#[handler]
async fn metrics(
    request: &Request,
    Data(services): Data<&Arc<Services>>,
    Data(connections): Data<&Arc<Connections>>,
) -> poem::Result<Response> {
    let checked = target::check_headers(request).and_then(|()| query::expect_none(request.uri()));
    let answered = match checked {
        Ok(()) => answer(services, connections).await,
        Err(failure) => Err(failure),
    };
    answered.map_err(poem::Error::from)
}
