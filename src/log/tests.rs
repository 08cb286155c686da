use super::lines::BATCH;
use super::*;

fn lines(format: LogFormat, has_colors: bool, log: impl FnOnce()) -> String {
    let (lines, written) = mpsc::channel();
    let layer = layer(format, has_colors, move || Sender(lines.clone()));
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, log);
    let bytes: Vec<u8> = written.try_iter().flatten().collect();
    String::from_utf8(bytes).expect("text")
}

/// ASVS 16.4.1.
#[test]
fn no_value_can_begin_a_line_or_move_the_cursor() {
    let forged = "x\n2026-01-01T00:00:00Z ERROR forged\r\u{1b}[2K\u{9b}2J\u{8}\0\u{2028}\u{202e}\t";
    for (format, has_colors) in [
        (LogFormat::Text, false),
        (LogFormat::Text, true),
        (LogFormat::Json, false),
    ] {
        let text = lines(format, has_colors, || {
            tracing::warn!(error = %forged, reason = forged, debug = ?forged, "{forged}");
        });
        let line = text.strip_suffix('\n').expect("ends its line");
        let is_bare = |character: char| match character {
            '\u{1b}' => !has_colors,
            '\u{2028}' | '\u{202e}' | '\u{9b}' => format == LogFormat::Text,
            character => character.is_ascii_control(),
        };
        assert!(!line.contains(is_bare), "{format:?}: {line:?}");
        assert!(!line.contains("\u{1b}[2K"), "{format:?}: {line:?}");
        assert_eq!(line.matches("ERROR forged").count(), 4, "{line:?}");
    }
}

#[test]
fn a_plain_line_is_written_as_it_is() {
    let text = lines(LogFormat::Text, false, || {
        tracing::info!(user = "Zoë", "größer");
    });
    assert!(text.ends_with(" INFO größer user=\"Zoë\"\n"), "{text:?}");
}

/// Takes as much as it is told, and then fails as it is told.
struct Output {
    script: Vec<io::Result<usize>>,
    taken: Vec<u8>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = match self.script.pop() {
            Some(step) => step?.min(bytes.len()),
            None => bytes.len(),
        };
        self.taken.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_that_cannot_be_written_are_lost_and_counted_and_later_ones_are_not() {
    let mut batches = Batches::new(Output {
        script: vec![
            Err(io::ErrorKind::BrokenPipe.into()),
            Err(io::ErrorKind::Interrupted.into()),
            Err(io::ErrorKind::WouldBlock.into()),
            Ok(3),
        ],
        taken: Vec::new(),
    });
    let before = UNWRITTEN.load(Ordering::Relaxed);
    batches.write_all(b"one\n").expect("takes");
    batches.write_all(b"two\n").expect("takes");
    batches.flush().expect("goes on");
    assert_eq!(UNWRITTEN.load(Ordering::Relaxed) - before, 2);
    batches.write_all(b"three\n").expect("takes");
    batches.flush().expect("goes on");
    assert_eq!(batches.output.taken, b"onethree\n");
}

#[test]
fn a_batch_is_written_once_it_is_large() {
    let mut batches = Batches::new(Vec::new());
    let line = [b"x".repeat(1023), b"\n".to_vec()].concat();
    for _ in 0..15 {
        batches.write_all(&line).expect("takes");
    }
    assert!(batches.output.is_empty());
    batches.write_all(&line).expect("takes");
    assert_eq!(batches.output.len(), BATCH);
    assert!(batches.batch.is_empty());
}
