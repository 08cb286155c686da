//! How far a copy is: a bar on a terminal, a line now and then elsewhere. Both on standard error.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::clock::SharedClock;
use crate::store::copy::{Progress, Step};

/// Time between two lines of one table.
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
    /// `None` where nobody would see it move.
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
            Some(_) => "{msg:25} {wide_bar} {human_pos}/{human_len} ({per_sec}, {eta} left)",
            None => "{msg:25} {human_pos} ({per_sec})",
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
pub struct Lines {
    clock: SharedClock,
    last: Duration,
    step: Step,
    table: &'static str,
    done: u64,
    total: Option<u64>,
}

impl Lines {
    pub fn new(clock: SharedClock) -> Self {
        Self {
            last: clock.monotonic(),
            clock,
            step: Step::Copying,
            table: "",
            done: 0,
            total: None,
        }
    }

    fn print(&mut self) {
        self.last = self.clock.monotonic();
        let total = self
            .total
            .map_or(String::new(), |total| format!(" of {total}"));
        eprintln!(
            "{} {}: {}{total} rows",
            verb(self.step),
            self.table,
            self.done
        );
    }
}

impl Progress for Lines {
    fn begin(&mut self, step: Step, table: &'static str, done: u64, total: Option<u64>) {
        (self.step, self.table, self.done, self.total) = (step, table, done, total);
        if total != Some(done) {
            self.print();
        }
    }

    fn advance(&mut self, rows: u64) {
        self.done += rows;
        if self.clock.monotonic().saturating_sub(self.last) >= INTERVAL {
            self.print();
        }
    }
}
