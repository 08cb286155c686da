//! The log of the process: lines on standard output, as text or JSON. Nothing waits for it: lines go through a bounded
//! queue to a thread of its own, and are lost and counted where standard output does not take them fast enough.

mod lines;

use std::fmt::Display;
use std::io;
use std::io::{IsTerminal, Write};
use std::sync::atomic::Ordering;
use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

use self::lines::{Batches, OneLine, UNWRITTEN, standard_output};
use crate::config::{LogFormat, Logging};

/// Lines that may wait to be written: a megabyte or so.
const QUEUE: usize = 4096;

/// How long the end of the process waits for lines to be written.
const FAREWELL: Duration = Duration::from_secs(2);

/// What the process logs by, once it does.
static FORMAT: OnceLock<LogFormat> = OnceLock::new();
static QUEUED: OnceLock<ErrorCounter> = OnceLock::new();

/// The running log. When dropped, what waits is written, for as long as that may take.
pub struct Log(Option<WorkerGuard>);

impl Log {
    /// Starts logging to standard output.
    pub fn start(logging: &Logging) -> Self {
        let level: LevelFilter = logging.level.parse().unwrap_or(LevelFilter::INFO);
        // Libraries are heard when something is wrong, or at a level that asks for everything.
        let libraries = if level >= LevelFilter::DEBUG {
            level
        } else {
            level.min(LevelFilter::WARN)
        };
        let filter = Targets::new()
            .with_default(libraries)
            .with_target("vestibule", level);
        let is_terminal = io::stdout().is_terminal();
        let default = if is_terminal {
            LogFormat::Text
        } else {
            LogFormat::Json
        };
        let format = logging.format.unwrap_or(default);
        let (queue, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(QUEUE)
            .lossy(true)
            .thread_name("log")
            .finish(Batches::new(standard_output()));
        let _ = FORMAT.set(format);
        let _ = QUEUED.set(queue.error_counter());
        let lines = layer(format, is_terminal, move || queue.clone());
        tracing_subscriber::registry()
            .with(lines.with_filter(filter))
            .init();
        Self(Some(guard))
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let Some(guard) = self.0.take() else {
            return;
        };
        // Beside, because with a full queue the guard prints that to standard output, and waits until that takes it.
        let (end, ended) = mpsc::channel::<()>();
        let _ = std::thread::Builder::new().spawn(move || {
            drop(guard);
            drop(end);
        });
        let _ = ended.recv_timeout(FAREWELL);
    }
}

/// Lines lost since the start, because standard output was too slow or closed.
pub fn lines_lost() -> u64 {
    let queued = QUEUED.get().map_or(0, ErrorCounter::dropped_lines);
    UNWRITTEN.load(Ordering::Relaxed) + queued as u64
}

/// Chooses the form in which [`fatal`] speaks where there is no log yet.
pub fn prefer(format: LogFormat) {
    let _ = FORMAT.set(format);
}

/// Says on standard error why the process ends: in the form of the log, if there is one. Whatever its level: without
/// this line the end has no reason.
pub fn fatal(reason: impl Display) {
    let mut text = Vec::new();
    match FORMAT.get() {
        None => text = format!("vestibule: {reason}\n").into_bytes(),
        Some(format) => {
            let (lines, line) = mpsc::channel();
            let is_terminal = io::stderr().is_terminal();
            let layer = layer(*format, is_terminal, move || Sender(lines.clone()));
            let subscriber = tracing_subscriber::registry().with(layer);
            tracing::subscriber::with_default(subscriber, || {
                tracing::error!(target: "vestibule", "{reason}");
            });
            text.extend(line.try_iter().flatten());
        }
    }
    // Separate, because standard output may not be read.
    let (end, ended) = mpsc::channel::<()>();
    let _ = std::thread::Builder::new().spawn(move || {
        let _ = io::stderr().write_all(&text);
        drop(end);
    });
    let _ = ended.recv_timeout(FAREWELL);
}

/// What makes a line of an event.
fn layer<S, W>(
    format: LogFormat,
    has_colors: bool,
    writer: impl Fn() -> W + Send + Sync + 'static,
) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: Write + 'static,
{
    match format {
        LogFormat::Text => fmt::layer()
            .with_target(false)
            .with_ansi(has_colors)
            .log_internal_errors(false)
            .with_writer(OneLine { writer, has_colors })
            .boxed(),
        LogFormat::Json => fmt::layer()
            .json()
            .flatten_event(true)
            .log_internal_errors(false)
            .with_writer(writer)
            .boxed(),
    }
}

/// Lines for [`fatal`].
struct Sender(mpsc::Sender<Vec<u8>>);

impl Write for Sender {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
