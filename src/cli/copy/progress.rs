//! How far a copy is: a bar on a terminal, a line now and then elsewhere. Both on standard error.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::SharedClock;
use crate::store::copy::{Progress, Step};

/// Time between two lines.
const INTERVAL: Duration = Duration::from_secs(5);

fn verb(step: Step) -> &'static str {
    match step {
        Step::Emptying => "emptying",
        Step::Copying => "copying",
        Step::Checking => "checking",
    }
}

/// A progress bar, for one table after the other.
pub struct Bar(ProgressBar);

impl Bar {
    /// `None` if standard error is not a terminal.
    pub fn on_terminal() -> Option<Self> {
        std::io::stderr()
            .is_terminal()
            .then(|| Self(ProgressBar::no_length()))
    }

    pub fn clear(&self) {
        self.0.finish_and_clear();
    }
}

impl Progress for Bar {
    fn begin(&mut self, step: Step, table: &'static str, done: u64, total: Option<u64>) {
        let template = match total {
            Some(_) => "{msg:25} {wide_bar} {human_pos}/{human_len} {eta:>4} left",
            None => "{msg:25} {human_pos}",
        };
        let style = ProgressStyle::with_template(template);
        self.0
            .set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        self.0.reset();
        self.0.set_message(format!("{} {table}", verb(step)));
        match total {
            Some(total) => self.0.set_length(total),
            None => self.0.unset_length(),
        }
        self.0.set_position(done);
        // What an earlier run did tells nothing of the speed of this one.
        self.0.reset_eta();
    }

    fn advance(&mut self, rows: u64) {
        self.0.inc(rows);
    }
}

/// Lines for a log.
pub struct Lines<W> {
    out: W,
    clock: SharedClock,
    last: Duration,
    step: Step,
    table: &'static str,
    done: u64,
    total: Option<u64>,
}

impl<W: Write> Lines<W> {
    pub fn to(out: W, clock: SharedClock) -> Self {
        Self {
            out,
            last: clock.monotonic(),
            clock,
            step: Step::Copying,
            table: "",
            done: 0,
            total: None,
        }
    }

    fn print_now_and_then(&mut self) {
        let now = self.clock.monotonic();
        if now.saturating_sub(self.last) < INTERVAL {
            return;
        }
        self.last = now;
        let total = self
            .total
            .map_or(String::new(), |total| format!(" of {total}"));
        // A copy continues even if its progress cannot be written.
        let _ = writeln!(
            self.out,
            "{} {}: {}{total} rows",
            verb(self.step),
            self.table,
            self.done
        );
    }
}

impl<W: Write> Progress for Lines<W> {
    fn begin(&mut self, step: Step, table: &'static str, done: u64, total: Option<u64>) {
        (self.step, self.table, self.done, self.total) = (step, table, done, total);
        self.print_now_and_then();
    }

    fn advance(&mut self, rows: u64) {
        self.done += rows;
        self.print_now_and_then();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};

    #[test]
    fn lines_come_now_and_then() {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
        let mut lines = Lines::to(Vec::new(), clock.clone());
        lines.begin(Step::Copying, "users", 500, Some(4000));
        lines.advance(1000);
        clock.advance(INTERVAL);
        lines.advance(1000);
        lines.advance(1000);
        lines.begin(Step::Checking, "users", 0, None);
        clock.advance(INTERVAL);
        lines.advance(7);
        let printed = String::from_utf8(lines.out).expect("text");
        assert_eq!(
            printed,
            "copying users: 2500 of 4000 rows\nchecking users: 7 rows\n"
        );
    }
}
