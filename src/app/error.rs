//! Why the service cannot start.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::http::TlsError;
use crate::mail::MailError;
use crate::store::db;
use crate::text::TextError;
use crate::token::SecretKeyError;

/// Why the service cannot start; each is one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    SecretKey(#[from] SecretKeyError),
    #[error("DATABASE_URL: {0}")]
    Database(#[from] db::Error),
    #[error(transparent)]
    Texts(#[from] TextError),
    #[error(transparent)]
    Mail(#[from] MailError),
    #[error("no threads for password hashing: {0}")]
    Passwords(io::Error),
    #[error("BACKUP_DIR: found {}: {source}; allowed: a folder that exists and can be written", folder.display())]
    Backups { folder: PathBuf, source: io::Error },
    #[error("no threads for connections: {0}")]
    Threads(io::Error),
    #[error(transparent)]
    Tls(TlsError),
    #[error("HOST, PORT: cannot listen on {address}: {source}; {}", advice(source.kind(), address))]
    Listen {
        address: SocketAddr,
        source: io::Error,
    },
    #[error("METRICS_ADDR: found {metrics}, which HOST and PORT take; allowed: another port than {}", metrics.port())]
    SameAddress { metrics: SocketAddr },
    #[error("METRICS_ADDR: cannot listen on {address}: {source}")]
    ListenForMetrics {
        address: SocketAddr,
        source: io::Error,
    },
}

/// What mends an address that cannot be listened on.
fn advice(kind: io::ErrorKind, address: &SocketAddr) -> String {
    match kind {
        io::ErrorKind::AddrInUse => format!(
            "another program listens there: choose another port, such as PORT={}",
            if address.port() < u16::MAX {
                address.port() + 1
            } else {
                8000
            }
        ),
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are for the administrator: choose PORT=8000".to_owned()
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: choose HOST=127.0.0.1 or HOST=0.0.0.0".to_owned()
        }
        _ => "choose another HOST or PORT".to_owned(),
    }
}
