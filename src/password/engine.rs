//! Hashes passwords on a bounded pool of threads, away from those that serve requests.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use tokio::sync::oneshot;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How the engine is set up.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    pub threads: usize,
    pub lanes: usize,
    pub max_wait: Duration,
    pub max_cost: u32,
    pub reference_cost: u32,
}

/// Who asks: an IPv4 address or an IPv6 /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(pub u128);

/// Whether a person is waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    Interactive,
    Background,
}

/// One bcrypt to compute.
pub struct Job {
    pub password: Zeroizing<Vec<u8>>,
    pub salt: [u8; 16],
    pub cost: u32,
    pub client: ClientKey,
    pub priority: Priority,
}

/// What bcrypt gives: 23 bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Digest([u8; 23]);

impl Digest {
    pub fn as_bytes(&self) -> &[u8; 23] {
        &self.0
    }

    /// Compares in constant time.
    pub fn matches(&self, other: &[u8; 23]) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(&self.0, other).is_ok()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Why there is no digest.
#[derive(Debug, Clone, thiserror::Error)]
pub enum EngineError {
    #[error("too many passwords are waiting")]
    Overloaded { retry_after: Duration },
    #[error("the engine has stopped")]
    Stopped,
}

struct Waiting {
    job: Job,
    answer: oneshot::Sender<Digest>,
}

/// Jobs that may wait per thread.
const QUEUE_PER_THREAD: usize = 16;

/// The pool.
pub struct Engine {
    queue: mpsc::SyncSender<Waiting>,
    done: Arc<AtomicU64>,
}

impl Engine {
    /// Starts the threads.
    pub fn start(settings: EngineSettings) -> std::io::Result<Self> {
        let (queue, waiting) = mpsc::sync_channel::<Waiting>(settings.threads * QUEUE_PER_THREAD);
        let waiting = Arc::new(Mutex::new(waiting));
        let done = Arc::new(AtomicU64::new(0));
        for number in 0..settings.threads {
            let (waiting, done) = (waiting.clone(), done.clone());
            std::thread::Builder::new()
                .name(format!("password-{number}"))
                .spawn(move || work(&waiting, &done))?;
        }
        Ok(Self { queue, done })
    }

    /// Hashes computed so far.
    pub fn hashes_done(&self) -> u64 {
        self.done.load(Ordering::SeqCst)
    }

    /// Computes one bcrypt.
    pub async fn digest(&self, job: Job) -> Result<Digest, EngineError> {
        let (answer, answered) = oneshot::channel();
        self.queue
            .try_send(Waiting { job, answer })
            .map_err(|_| EngineError::Overloaded {
                retry_after: Duration::from_secs(1),
            })?;
        answered.await.map_err(|_| EngineError::Stopped)
    }
}

fn work(waiting: &Mutex<mpsc::Receiver<Waiting>>, done: &AtomicU64) {
    loop {
        let next = waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .recv();
        let Ok(Waiting { job, answer }) = next else {
            return;
        };
        if answer.is_closed() {
            continue;
        }
        let mut input = Zeroizing::new(job.password.to_vec());
        input.push(0);
        input.truncate(super::hash::BCRYPT_BYTES);
        let mut digest = bcrypt::bcrypt(job.cost, job.salt, &input);
        let mut bytes = [0; 23];
        bytes.copy_from_slice(&digest[..23]);
        digest.zeroize();
        done.fetch_add(1, Ordering::SeqCst);
        let _ = answer.send(Digest(bytes));
    }
}
