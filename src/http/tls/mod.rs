//! The certificate that the service shows and its key: read from files at the start, and again when these change. The
//! pair in use stays until a better one can be read.

mod pair;
mod validity;

use std::fs;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use self::pair::Pair;
pub use self::pair::TlsError;
pub use self::validity::Concern;
use self::validity::Validity;
use crate::clock::{SharedClock, Timestamp};
use crate::config;

/// How often the files are looked at. A change counts once two looks find the same: it may be half written.
const LOOK: Duration = Duration::from_secs(2);

/// How often the same is said of a certificate again.
const REPEAT: Duration = Duration::from_secs(86_400);

/// Fails when nothing can be served with this certificate and key. Tells what should be known of its time.
pub fn check_tls(files: &config::Tls, now: Timestamp) -> Result<Option<Concern>, TlsError> {
    let pair = Pair::read(files)?;
    Ok(pair.validity.and_then(|validity| validity.concern(now)))
}

/// What tells that files were replaced or written, also behind symbolic links: device, inode, length and times.
/// `None` for a file that is not there.
type Traces = [Option<Trace>; 2];
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Trace {
    place: (u64, u64),
    length: u64,
    written: Option<std::time::SystemTime>,
    changed: (i64, i64),
}

fn traces(files: &config::Tls) -> Traces {
    [&files.certificate, &files.key].map(|path| {
        let metadata = fs::metadata(path).ok()?;
        #[cfg(unix)]
        let (place, changed) = {
            use std::os::unix::fs::MetadataExt;
            (
                (metadata.dev(), metadata.ino()),
                (metadata.ctime(), metadata.ctime_nsec()),
            )
        };
        #[cfg(not(unix))]
        let (place, changed) = Default::default();
        Some(Trace {
            place,
            length: metadata.len(),
            written: metadata.modified().ok(),
            changed,
        })
    })
}

/// The pair in use, and what is known of its files.
pub struct Tls {
    files: config::Tls,
    clock: SharedClock,
    config: RwLock<Arc<ServerConfig>>,
    watched: Mutex<Watched>,
}

struct Watched {
    /// Of the pair that was read last.
    read: Traces,
    /// Found by the last look.
    seen: Traces,
    validity: Option<Validity>,
    /// The last concern that was told, and when.
    told: Option<(Concern, Timestamp)>,
    /// Why the files cannot be used now.
    problem: Option<String>,
}

impl Tls {
    /// Reads the pair.
    pub fn load(files: &config::Tls, clock: SharedClock) -> Result<Self, TlsError> {
        let read = traces(files);
        let pair = Pair::read(files)?;
        let tls = Self {
            files: files.clone(),
            config: RwLock::new(pair.config),
            watched: Mutex::new(Watched {
                read,
                seen: read,
                validity: pair.validity,
                told: None,
                problem: None,
            }),
            clock,
        };
        tls.watched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .tell(tls.clock.now());
        Ok(tls)
    }

    /// What makes TLS of a connection, with the pair in use now.
    pub fn acceptor(&self) -> TlsAcceptor {
        let config = self.config.read().unwrap_or_else(PoisonError::into_inner);
        TlsAcceptor::from(config.clone())
    }

    /// Reads the files again on request.
    pub async fn reload(self: &Arc<Self>) {
        self.beside(|tls, watched| {
            watched.problem = None;
            tls.read(watched);
        })
        .await;
    }

    /// Reads the files again whenever they change, and warns of the end of the certificate. Never ends.
    pub async fn watch(self: Arc<Self>) {
        let mut looks = tokio::time::interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.beside(|tls, watched| tls.look(watched)).await;
        }
    }

    /// Files may be on a disk that is away for a while; connections do not wait for that.
    async fn beside(self: &Arc<Self>, work: impl FnOnce(&Self, &mut Watched) + Send + 'static) {
        let tls = self.clone();
        let working = tokio::task::spawn_blocking(move || {
            let mut watched = tls.watched.lock().unwrap_or_else(PoisonError::into_inner);
            work(&tls, &mut watched);
        });
        // It does not panic; and if it did, the log has it.
        let _ = working.await;
    }

    fn look(&self, watched: &mut Watched) {
        let found = traces(&self.files);
        let is_settled = found == watched.seen;
        watched.seen = found;
        if is_settled && found != watched.read {
            self.read(watched);
        }
        watched.tell(self.clock.now());
    }

    fn read(&self, watched: &mut Watched) {
        let before = traces(&self.files);
        match Pair::read(&self.files) {
            // Written while it was read: the next look finds the rest.
            _ if traces(&self.files) != before => (),
            Ok(pair) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = pair.config;
                watched.read = before;
                watched.problem = None;
                watched.validity = pair.validity;
                watched.told = None;
                let until = pair.validity.map(|validity| validity.until.rfc3339());
                tracing::info!(expires = until, "read TLS_CERT and TLS_KEY again");
                watched.tell(self.clock.now());
            }
            Err(error) => {
                // Tried again at each look, and told once.
                let problem = error.to_string();
                if watched.problem.as_ref() != Some(&problem) {
                    tracing::error!(
                        "{problem}; connections go on with the certificate that was read before"
                    );
                    watched.problem = Some(problem);
                }
            }
        }
    }
}

impl Watched {
    /// Warns of what is wrong with the time of the certificate: at once and then daily.
    fn tell(&mut self, now: Timestamp) {
        let Some(concern) = self.due(now) else {
            return;
        };
        self.told = Some((concern, now));
        if concern.is_error() {
            tracing::error!("{concern}");
        } else {
            tracing::warn!("{concern}");
        }
    }

    /// What is to be told now.
    fn due(&self, now: Timestamp) -> Option<Concern> {
        let concern = self.validity?.concern(now)?;
        let is_known = self.told.is_some_and(|(told, at)| {
            told.is_error() == concern.is_error() && now.since(at) < REPEAT && now >= at
        });
        (!is_known).then_some(concern)
    }
}

#[cfg(test)]
mod tests;
