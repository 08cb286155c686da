//! The addresses of the service: bound first of all, and listened on right before anything is made.

use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpListener;

use super::StartError;
use crate::clock::SharedClock;
use crate::config::{Server, Settings};
use crate::http::{BindError, Listener, MetricsListener, Serving};

/// The addresses, bound before anything is made: where one is taken, nothing is left behind.
pub struct Bindings {
    serving: Serving,
    metrics: Option<MetricsListener>,
}

/// The addresses, where clients can connect.
pub struct Listeners {
    pub(super) address: SocketAddr,
    pub(super) listener: Listener,
    pub(super) socket: TcpListener,
    pub(super) metrics: Option<(SocketAddr, TcpListener)>,
}

impl Bindings {
    /// From here on clients can connect, and wait until the service is built.
    ///
    /// # Errors
    /// When another process that had bound an address too listens there by now.
    pub fn listen(self) -> Result<Listeners, StartError> {
        let Self { serving, metrics } = self;
        let metrics = metrics.map(|metrics| {
            let address = metrics.address;
            let socket = metrics.listen();
            let socket =
                socket.map_err(|source| StartError::ListenForMetrics { address, source })?;
            Ok::<_, StartError>((address, socket))
        });
        let metrics = metrics.transpose()?;
        let address = serving.address;
        let listening = serving.listen();
        let (listener, socket) =
            listening.map_err(|source| StartError::Listen { address, source })?;
        Ok(Listeners {
            address,
            listener,
            socket,
            metrics,
        })
    }
}

/// Whether metrics are to be served where the service itself is.
pub(super) fn check_addresses(server: &Server) -> Result<(), StartError> {
    let Some(metrics) = server.metrics.address() else {
        return Ok(());
    };
    let hosts = [server.host, metrics.ip()];
    let is_everywhere = hosts.iter().any(IpAddr::is_unspecified);
    let is_same = is_everywhere || hosts[0].to_canonical() == hosts[1].to_canonical();
    if server.port != 0 && metrics.port() == server.port && is_same {
        return Err(StartError::SameAddress { metrics });
    }
    Ok(())
}

/// Binds the addresses.
///
/// # Errors
/// When one is taken, or the TLS files cannot be used.
pub async fn bind(settings: &Settings, clock: &SharedClock) -> Result<Bindings, StartError> {
    let server = &settings.server;
    check_addresses(server)?;
    let address = SocketAddr::new(server.host, server.port);
    let serving = Serving::bind(server, clock).await;
    let serving = serving.map_err(|error| match error {
        BindError::Tls(error) => StartError::Tls(error),
        BindError::Listen(source) => StartError::Listen { address, source },
        BindError::Threads(error) => StartError::Threads(error),
    })?;
    let metrics = match server.metrics.address() {
        Some(address) => {
            let listener = MetricsListener::bind(address);
            Some(listener.map_err(|source| StartError::ListenForMetrics { address, source })?)
        }
        None => None,
    };
    Ok(Bindings { serving, metrics })
}
