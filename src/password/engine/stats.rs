//! The engine's counters and histograms, kept in atomics so that no lock is taken to count.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the histograms' buckets in milliseconds, from a cost-4 hash to more than anybody waits. One more
/// bucket holds what is longer.
pub const BUCKET_MS: [u64; 13] = [
    1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000,
];

/// A distribution of times at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    /// How many times fell into each bucket of [`BUCKET_MS`] (not cumulative), and last those above all.
    pub counts: [u64; BUCKET_MS.len() + 1],
    /// All times together.
    pub sum: Duration,
}

impl Histogram {
    /// How many times were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// The engine at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineSnapshot {
    /// Interactive jobs that wait for a lane.
    pub queued: usize,
    /// Background jobs that wait for a lane.
    pub background_queued: usize,
    /// Lanes with a hash in progress.
    pub lanes_busy: usize,
    /// Lanes of all threads together.
    pub lanes_total: usize,
    /// Hashes finished since the start.
    pub hashes_done: u64,
    /// bcrypt's cost iterations since the start, in all lanes together.
    pub steps_done: u64,
    /// Calls that wait for their turn.
    pub calls_queued: usize,
    /// Jobs and calls refused since the start, for overload or for their cost.
    pub refused: u64,
    /// Jobs and calls given up since the start because the caller had gone.
    pub cancelled: u64,
    /// Jobs lost to a panic since the start.
    pub failed: u64,
    /// From arrival to a lane, interactive jobs only.
    pub wait: Histogram,
    /// From getting a lane to the answer.
    pub hash: Histogram,
}

/// What the workers and the front door count.
#[derive(Default)]
pub(super) struct Counters {
    pub done: AtomicU64,
    pub steps: AtomicU64,
    pub refused: AtomicU64,
    pub cancelled: AtomicU64,
    pub failed: AtomicU64,
    pub wait: Times,
    pub hash: Times,
}

/// A histogram that several threads add to.
#[derive(Default)]
pub(super) struct Times {
    counts: [AtomicU64; BUCKET_MS.len() + 1],
    micros: AtomicU64,
}

impl Times {
    pub fn add(&self, time: Duration) {
        let bucket = BUCKET_MS.partition_point(|ms| Duration::from_millis(*ms) < time);
        self.counts[bucket].fetch_add(1, Relaxed);
        self.micros
            .fetch_add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX), Relaxed);
    }

    pub fn read(&self) -> Histogram {
        Histogram {
            counts: std::array::from_fn(|i| self.counts[i].load(Relaxed)),
            sum: Duration::from_micros(self.micros.load(Relaxed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_fall_into_the_bucket_that_bounds_them() {
        let times = Times::default();
        for ms in [0, 1, 2, 3, 10_000, 10_001] {
            times.add(Duration::from_millis(ms));
        }
        let read = times.read();
        assert_eq!(read.counts[..3], [2, 1, 1]);
        assert_eq!(read.counts[12..], [1, 1]);
        assert_eq!(read.count(), 6);
        assert_eq!(read.sum, Duration::from_millis(20_007));
    }
}
