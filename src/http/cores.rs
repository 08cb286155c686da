//! The threads that serve connections, one for each core. Each has a runtime of its own, and a connection stays on the
//! thread it was given to.
//!
//! Tokio's runtime of many threads wakes a second one for every small task, so that it may take the task over. Here the
//! work of a connection is short and never blocks (passwords are hashed by threads of their own, scans run beside), and
//! the waking cost more than it evened out.

use std::convert::Infallible;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::time::interval;

/// How often an idle thread looks up. Below any time limit of a request, see [`tick`].
const TICK: Duration = Duration::from_secs(1);

/// The running threads. When dropped they end by themselves, and what is still under way on them is cut off.
pub struct Cores {
    first: Core,
    others: Vec<Core>,
}

struct Core {
    runtime: Handle,
    connections: Arc<AtomicUsize>,
    /// Ends the thread when dropped.
    _running: oneshot::Sender<Infallible>,
}

/// A place on a thread; counted for as long as it is held.
pub struct Seat(Arc<AtomicUsize>);

impl Cores {
    /// Starts as many threads and waits until they can serve.
    ///
    /// # Errors
    /// When the system gives no thread, or no descriptors for its runtime.
    pub async fn start(threads: NonZeroUsize) -> io::Result<Self> {
        let first = Core::start(0).await?;
        let mut others = Vec::with_capacity(threads.get() - 1);
        for index in 1..threads.get() {
            others.push(Core::start(index).await?);
        }
        Ok(Self { first, others })
    }

    /// Takes a seat on the thread with the fewest connections. What is spawned on its runtime is to hold the seat.
    pub fn seat(&self) -> (&Handle, Seat) {
        let core = self.others.iter().fold(&self.first, |least, core| {
            if core.load() < least.load() {
                core
            } else {
                least
            }
        });
        core.connections.fetch_add(1, Ordering::Relaxed);
        (&core.runtime, Seat(core.connections.clone()))
    }
}

impl Core {
    async fn start(index: usize) -> io::Result<Self> {
        let (started, starting) = oneshot::channel();
        let (running, stopped) = oneshot::channel();
        std::thread::Builder::new()
            .name(format!("http-{index}"))
            .spawn(move || work(started, stopped))?;
        Ok(Self {
            runtime: starting.await.map_err(io::Error::other)??,
            connections: Arc::default(),
            _running: running,
        })
    }

    fn load(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The life of a thread: tells once how to give it work, and works until `stopped`.
fn work(started: oneshot::Sender<io::Result<Handle>>, stopped: oneshot::Receiver<Infallible>) {
    // Made here and not where the thread is started: there nothing may block, and dropping a runtime may.
    let runtime = match Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = started.send(Err(error));
            return;
        }
    };
    if started.send(Ok(runtime.handle().clone())).is_err() {
        return;
    }
    runtime.block_on(async {
        tokio::select! {
            _ = stopped => (),
            never = tick() => match never {},
        }
    });
    // What runs beside (scans, judging a password) is not waited for.
    runtime.shutdown_background();
}

/// Keeps a timer set that ends before those of requests. The runtime wakes itself through the system whenever a new
/// timer is to end before all others, and so does the first one that is set; hyper sets and clears one for each request
/// (measured: one `write` to an eventfd for three of four requests).
async fn tick() -> Infallible {
    let mut ticks = interval(TICK);
    loop {
        ticks.tick().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start(threads: usize) -> Cores {
        let threads = NonZeroUsize::new(threads).expect("some");
        Cores::start(threads).await.expect("starts")
    }

    async fn name_of_thread(runtime: &Handle) -> String {
        let name = async { std::thread::current().name().map(str::to_owned) };
        let name = runtime.spawn(name).await.expect("runs");
        name.expect("a named thread")
    }

    #[tokio::test]
    async fn each_connection_goes_where_the_fewest_are() {
        let cores = start(3).await;
        let mut seats = Vec::new();
        for expected in ["http-0", "http-1", "http-2", "http-0", "http-1", "http-2"] {
            let (runtime, seat) = cores.seat();
            assert_eq!(name_of_thread(runtime).await, expected);
            seats.push(seat);
        }
        // Two have left one thread, and one another.
        for left in [4, 2, 1] {
            seats.remove(left);
        }
        for expected in ["http-1", "http-1", "http-2", "http-0"] {
            let (runtime, seat) = cores.seat();
            assert_eq!(name_of_thread(runtime).await, expected);
            seats.push(seat);
        }
    }

    #[tokio::test]
    async fn a_panic_leaves_the_thread_alive_and_gives_its_seat_back() {
        let cores = start(1).await;
        let (runtime, seat) = cores.seat();
        let panicking = runtime.spawn(async move {
            let _seat = seat;
            panic!("a test panics on a core");
        });
        assert!(panicking.await.expect_err("fails").is_panic());
        assert_eq!(cores.first.load(), 0);
        assert_eq!(name_of_thread(runtime).await, "http-0");
    }

    /// Told to stop by a runtime that may not block; and what was under way knows that it has ended.
    #[tokio::test]
    async fn dropping_the_cores_cuts_off_what_is_under_way() {
        let cores = start(2).await;
        let (runtime, seat) = cores.seat();
        let (held, end) = oneshot::channel::<()>();
        let (begin, begun) = oneshot::channel();
        let cut_off = runtime.spawn(async move {
            let _held = (held, seat);
            let _ = begin.send(());
            std::future::pending::<()>().await;
        });
        let runtime = runtime.clone();
        begun.await.expect("begins");
        drop(cores);
        assert!(end.await.is_err(), "dropped");
        assert!(cut_off.await.expect_err("fails").is_cancelled());
        let late = runtime.spawn(async {}).await;
        assert!(late.expect_err("nobody runs it").is_cancelled());
    }

    #[test]
    fn a_thread_ends_when_stopped_though_something_blocks_beside() {
        let (started, starting) = oneshot::channel();
        let (running, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || work(started, stopped));
        let runtime = starting
            .blocking_recv()
            .expect("starts")
            .expect("a runtime");
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = oneshot::channel();
        runtime.spawn_blocking(move || {
            let _ = begin.send(());
            wait.recv()
        });
        begun.blocking_recv().expect("begins");
        drop(running);
        thread.join().expect("ends");
        drop(go_on);
    }

    #[test]
    fn a_thread_that_nobody_waits_for_any_more_does_not_stay() {
        let (started, starting) = oneshot::channel();
        let (_running, stopped) = oneshot::channel();
        drop(starting);
        work(started, stopped);
    }
}
