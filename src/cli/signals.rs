//! Signals to the service, which `docs/operations/deployment.md` describes.

use std::sync::Arc;

use super::outcome::Exit;
use crate::http::Tls;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Signals that other programs send by habit, as rotators of logs do. By default they would end the process at once.
#[cfg(unix)]
const IGNORED: [fn() -> SignalKind; 3] = [
    SignalKind::user_defined1,
    SignalKind::user_defined2,
    SignalKind::alarm,
];

#[cfg(unix)]
fn listen(kind: SignalKind) -> Result<Signal, Exit> {
    signal(kind).map_err(|error| Exit::failed(format!("cannot listen for signals: {error}")))
}

/// Ignores signals that ask for nothing here, for the rest of the process.
pub fn ignore_others() -> Result<(), Exit> {
    #[cfg(unix)]
    for kind in IGNORED {
        // The default action is not put back when the listener is dropped.
        drop(listen(kind())?);
    }
    Ok(())
}

/// SIGHUP: asks for files to be read again.
pub struct Hangup(#[cfg(unix)] Signal);

impl Hangup {
    /// Without this SIGHUP would end the process.
    pub fn listen() -> Result<Self, Exit> {
        #[cfg(unix)]
        return listen(SignalKind::hangup()).map(Self);
        #[cfg(not(unix))]
        Ok(Self())
    }

    /// Reads the certificate again each time. Never ends.
    pub async fn reload(self, tls: Option<Arc<Tls>>) {
        #[cfg(unix)]
        {
            let Self(mut hangups) = self;
            while hangups.recv().await.is_some() {
                match &tls {
                    Some(tls) => tls.reload().await,
                    None => tracing::info!(
                        "SIGHUP reads TLS_CERT and TLS_KEY again, which are unset; other settings are read at the start"
                    ),
                }
            }
        }
        #[cfg(not(unix))]
        let _ = tls;
    }
}

/// Done when the process is asked to stop: by SIGTERM, SIGINT (Ctrl-C) or SIGQUIT.
pub fn stop() -> Result<impl Future<Output = ()>, Exit> {
    #[cfg(unix)]
    let (mut terminate, mut interrupt, mut quit) = (
        listen(SignalKind::terminate())?,
        listen(SignalKind::interrupt())?,
        listen(SignalKind::quit())?,
    );
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
            _ = quit.recv() => (),
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        tracing::info!("stopping");
    })
}
