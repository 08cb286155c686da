//! How fast this machine hashes: measured once at the start, then followed while the engine works, so that the expected
//! wait stays true when other programs take part of the cores.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::password::lanes::{Lanes, MAX_LANES};

/// Each new step time moves the average by this part: at ~75 µs a step, a change shows after some 20 ms.
const WEIGHT: f64 = 1.0 / 256.0;

/// Nanoseconds per step that are assumed until the first measurement, a few milliseconds after the start.
const ASSUMED_STEP_NS: f64 = 100_000.0;

/// The start measurement: the best of `RUNS` runs of `STEPS` steps, after one run that warms the cache up.
const RUNS: usize = 4;
const STEPS: usize = 3;

/// What the engine can do, from the measurement at the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Speed {
    /// Milliseconds for one hash of the reference cost that has a core to itself.
    pub ms_per_hash: f64,
    /// Hashes of the reference cost per second, all lanes of all threads busy.
    pub hashes_per_second: f64,
}

/// Step times of one engine.
pub(super) struct Pace {
    threads: usize,
    lanes: usize,
    /// Average nanoseconds of a step with all lanes of a thread busy, as the bits of an `f64`.
    full_step_ns: AtomicU64,
}

impl Pace {
    pub fn new(threads: usize, lanes: usize) -> Self {
        Self {
            threads,
            lanes,
            full_step_ns: AtomicU64::new(ASSUMED_STEP_NS.to_bits()),
        }
    }

    /// Takes the time of one step into the average, if all lanes took part in it.
    pub fn record(&self, busy: usize, step: Duration) {
        if busy < self.lanes {
            return;
        }
        // Two threads that write at once may lose one of many samples, which is cheaper than a lock.
        let average = f64::from_bits(self.full_step_ns.load(Relaxed));
        let average = average + (step.as_nanos() as f64 - average) * WEIGHT;
        self.full_step_ns.store(average.to_bits(), Relaxed);
    }

    /// How long the whole engine needs for `work` steps of single lanes.
    pub fn time_for(&self, work: u64) -> Duration {
        let step_ns = f64::from_bits(self.full_step_ns.load(Relaxed));
        let lanes = (self.threads * self.lanes) as f64;
        Duration::from_nanos((work as f64 * step_ns / lanes) as u64)
    }

    /// Measures one lane and all lanes on the calling thread, in about 2 ms.
    pub fn measure(&self, reference_cost: u32) -> Speed {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let steps = 2f64.powi(reference_cost as i32);
        let alone_ns = step_ns(1);
        let full_ns = step_ns(self.lanes);
        // Threads beyond the cores share them.
        let share = self.threads.max(cores) as f64 / cores as f64;
        self.full_step_ns
            .store((full_ns * share).to_bits(), Relaxed);
        let lanes = (self.threads * self.lanes) as f64;
        Speed {
            ms_per_hash: alone_ns * steps / 1e6,
            hashes_per_second: 1e9 * lanes / (full_ns * share * steps),
        }
    }
}

/// Nanoseconds per step with `busy` lanes.
fn step_ns(busy: usize) -> f64 {
    let mut lanes = Lanes::new();
    for lane in 0..busy.min(MAX_LANES) {
        lanes.join(b"a password to measure with", &[lane as u8; 16]);
    }
    let mut run = || {
        // The thread that starts the service may wait for this core.
        std::thread::yield_now();
        let start = Instant::now();
        for _ in 0..STEPS {
            lanes.step();
        }
        start.elapsed()
    };
    run();
    let best = (0..RUNS).map(|_| run()).min().unwrap_or_default();
    best.as_nanos() as f64 / STEPS as f64
}

/// The time that calls take on average.
pub(super) struct CallPace(AtomicU64);

/// Nanoseconds per call that are assumed until the first ones.
const ASSUMED_CALL_NS: u64 = 1_000_000;

impl CallPace {
    pub fn new() -> Self {
        Self(AtomicU64::new(ASSUMED_CALL_NS))
    }

    /// Takes one call into the average, with a weight of an eighth. One thread writes.
    pub fn record(&self, call: Duration) {
        let call = u64::try_from(call.as_nanos()).unwrap_or(u64::MAX);
        let average = self.0.load(Relaxed);
        self.0.store(average - average / 8 + call / 8, Relaxed);
    }

    pub fn time_for(&self, calls: u64) -> Duration {
        Duration::from_nanos(self.0.load(Relaxed).saturating_mul(calls))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_follows_full_steps_only() {
        let pace = Pace::new(2, 4);
        let before = pace.time_for(1_000_000);
        for _ in 0..10_000 {
            pace.record(3, Duration::from_millis(1));
        }
        assert_eq!(pace.time_for(1_000_000), before);
        for _ in 0..10_000 {
            pace.record(4, Duration::from_micros(80));
        }
        let expected = Duration::from_secs(10);
        let error = pace.time_for(1_000_000).abs_diff(expected);
        assert!(error < Duration::from_millis(1), "{error:?} off");
    }

    #[test]
    fn the_measurement_is_consistent() {
        let pace = Pace::new(1, 4);
        let speed = pace.measure(10);
        assert!(speed.ms_per_hash > 0.0 && speed.hashes_per_second > 0.0);
        let second = pace.time_for((speed.hashes_per_second * 1024.0) as u64);
        assert!(second.abs_diff(Duration::from_secs(1)) < Duration::from_millis(100));
    }
}
