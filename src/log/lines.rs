//! From an event to bytes on standard output: one line each, and many lines at a time.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes that are written at a time.
pub const BATCH: usize = 16 * 1024;

/// How often to try where standard output was made to refuse rather than to block.
const RETRY: Duration = Duration::from_millis(10);

/// Lines that could not be written.
pub static UNWRITTEN: AtomicU64 = AtomicU64::new(0);

/// Makes one line of each event, whatever is in it: a client, a server or a file must not be able to write another one
/// (ASVS 16.4.1). JSON escapes by itself.
pub struct OneLine<F> {
    pub writer: F,
    pub has_colors: bool,
}

impl<'a, F, W> MakeWriter<'a> for OneLine<F>
where
    F: Fn() -> W,
    W: Write + 'a,
{
    type Writer = Escaping<W>;

    fn make_writer(&'a self) -> Self::Writer {
        Escaping {
            writer: (self.writer)(),
            has_colors: self.has_colors,
        }
    }
}

/// Takes one event at a time, whole.
pub struct Escaping<W> {
    writer: W,
    has_colors: bool,
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.write_all(event).map(|()| event.len())
    }

    fn write_all(&mut self, event: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if !line.contains(is_unprintable) {
            return self.writer.write_all(event);
        }
        let mut escaped = String::with_capacity(line.len() + 16);
        let mut rest = line;
        while let Some(character) = rest.chars().next() {
            let color = COLORS.iter().find(|color| rest.starts_with(**color));
            let taken = match color.filter(|_| self.has_colors) {
                Some(color) => {
                    escaped.push_str(color);
                    color.len()
                }
                None if is_unprintable(character) => {
                    escaped.extend(character.escape_default());
                    character.len_utf8()
                }
                None => {
                    escaped.push(character);
                    character.len_utf8()
                }
            };
            rest = &rest[taken..];
        }
        escaped.push('\n');
        self.writer.write_all(escaped.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// What tracing-subscriber colors a line with on a terminal. Inside a value it does no harm.
const COLORS: &[&str] = &[
    "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[3m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m",
    "\x1b[35m", "\x1b[36m",
];

/// Ends a line, moves the cursor, or changes the order in which characters are shown.
fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Collects lines and writes many at a time. What cannot be written is lost and counted.
pub struct Batches<W> {
    pub output: W,
    pub batch: Vec<u8>,
    lines: u64,
}

impl<W: Write> Batches<W> {
    pub fn new(output: W) -> Self {
        Self {
            output,
            batch: Vec::new(),
            lines: 0,
        }
    }

    fn write_batch(&mut self) -> io::Result<()> {
        let mut rest = self.batch.as_slice();
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
                // Some parent has made the pipe so. Only this thread waits.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(RETRY)
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Batches<W> {
    /// Takes one line, whole.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.batch.extend_from_slice(line);
        self.lines += 1;
        if self.batch.len() >= BATCH {
            self.flush()?;
        }
        Ok(line.len())
    }

    /// Called whenever no line waits.
    fn flush(&mut self) -> io::Result<()> {
        if self.write_batch().is_err() {
            UNWRITTEN.fetch_add(self.lines, Ordering::Relaxed);
        }
        self.batch.clear();
        self.lines = 0;
        Ok(())
    }
}

/// Standard output without a lock and a buffer: other code that prints does not wait for the log.
pub fn standard_output() -> Box<dyn Write + Send> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        if let Ok(descriptor) = io::stdout().as_fd().try_clone_to_owned() {
            return Box::new(std::fs::File::from(descriptor));
        }
    }
    Box::new(io::stdout())
}
