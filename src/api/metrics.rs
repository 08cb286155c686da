//! Metrics for Prometheus, in the text format of OpenMetrics 1.0. Whoever reaches the API may read them where they have no
//! address of their own, so none of them names an account. What a server does once a recipient is named can be seen in the mail
//! that waits: README says who should not see it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use poem::listener::TcpAcceptor;
use poem::{EndpointExt, Response, Route, Server, get, handler, web::Data};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use tokio::net::TcpListener;

use super::connections::Connections;
use super::problem::Failure;
use crate::domain::{Services, readiness};
use crate::log;
use crate::password::EngineSnapshot;

/// Where they are, whatever the address.
pub const PATH: &str = "/metrics";

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How long a connection to their own address is kept without a request.
const IDLE: Duration = Duration::from_secs(60);

/// The answer to a GET. That the database is away is told, not answered with an error: then above all somebody looks.
pub async fn answer(services: &Arc<Services>, open: &Connections) -> Result<Response, Failure> {
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

/// An address for metrics alone.
pub struct MetricsListener {
    pub address: SocketAddr,
    acceptor: TcpAcceptor,
}

impl MetricsListener {
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        Ok(Self {
            address: socket.local_addr()?,
            acceptor: TcpAcceptor::from_tokio(socket)?,
        })
    }

    /// Serves until dropped.
    pub async fn run(self, services: Arc<Services>, connections: Arc<Connections>) {
        let route = Route::new().at(PATH, get(metrics));
        let route = route.data(services).data(connections);
        let server = Server::new_with_acceptor(self.acceptor).idle_timeout(IDLE);
        if let Err(error) = server.run(route).await {
            tracing::error!(error = %error, "metrics are served no more");
        }
    }
}

#[handler]
async fn metrics(
    Data(services): Data<&Arc<Services>>,
    Data(connections): Data<&Arc<Connections>>,
) -> poem::Result<Response> {
    let answered = answer(services, connections).await;
    answered.map_err(poem::Error::from)
}
