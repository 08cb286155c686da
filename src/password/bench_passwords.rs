//! The table by which an operator chooses `BCRYPT_COST` and `HASH_LANES`: what this machine does with 1 to 8 lanes, beside
//! the `bcrypt` crate. Measures steps, not whole hashes, so that a high cost takes no longer than a low one.

#![expect(
    clippy::disallowed_methods,
    reason = "it measures how long hashes take on this machine"
)]

use std::io::{self, Write};
use std::time::{Duration, Instant};

use super::lanes::{Lanes, MAX_LANES};

/// What a person who logs in should wait for the hash at most.
const LOGIN_LIMIT: Duration = Duration::from_millis(250);

/// Every row is measured this often, in turns with the others so that a change of the machine's load hits all rows; the
/// median counts.
const ROUNDS: usize = 9;

/// How long one measurement of one row takes.
const SLICE: Duration = Duration::from_millis(25);

/// The cost at which the crate, which offers whole hashes only, is measured: 256 steps, some 13 ms.
const CRATE_COST: u32 = 8;

/// Characters of the longest bar.
const BAR: f64 = 30.0;

/// bcrypt's lowest and highest cost.
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// Seconds that one step takes.
struct Steps {
    in_crate: f64,
    /// With 1, 2, … lanes busy.
    in_lanes: [f64; MAX_LANES],
}

/// Measures for some three seconds and writes the table for hashes of `cost`.
///
/// # Errors
/// When `out` takes no more.
pub fn table(cost: u32, out: &mut impl Write) -> io::Result<()> {
    write_table(&measure(), cost, out)
}

fn measure() -> Steps {
    let mut crate_times = Vec::new();
    let mut lane_times = [const { Vec::new() }; MAX_LANES];
    for _ in 0..ROUNDS {
        crate_times.push(time_crate());
        for (busy, times) in (1..).zip(&mut lane_times) {
            times.push(time_lanes(busy));
        }
    }
    Steps {
        in_crate: median(crate_times),
        in_lanes: lane_times.map(median),
    }
}

fn time_crate() -> f64 {
    let hash = || {
        std::hint::black_box(bcrypt::bcrypt(CRATE_COST, [7; 16], b"correct horse\0"));
    };
    time(hash) / f64::from(1 << CRATE_COST)
}

fn time_lanes(busy: usize) -> f64 {
    let mut lanes = Lanes::new();
    for lane in 0..busy {
        lanes.join(b"correct horse", &[lane as u8; 16]);
    }
    time(|| lanes.step())
}

/// Seconds per call, over one [`SLICE`].
fn time(mut call: impl FnMut()) -> f64 {
    call();
    let start = Instant::now();
    let mut calls = 0;
    while start.elapsed() < SLICE {
        call();
        calls += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(calls)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn write_table(steps: &Steps, cost: u32, out: &mut impl Write) -> io::Result<()> {
    let steps_per_hash = 2f64.powi(cost as i32);
    let rates: Vec<f64> = std::iter::once(steps.in_crate)
        .chain(
            (1..)
                .zip(steps.in_lanes)
                .map(|(busy, step)| step / f64::from(busy)),
        )
        .map(|step| 1.0 / (step * steps_per_hash))
        .collect();
    let best = rates.iter().copied().fold(0.0, f64::max);
    writeln!(out, "bcrypt, cost {cost}, one core")?;
    writeln!(out)?;
    writeln!(out, "lanes  ms per hash  hashes/s  latency ms  × crate")?;
    let latencies = std::iter::once(steps.in_crate).chain(steps.in_lanes);
    for (row, (rate, step)) in rates.iter().zip(latencies).enumerate() {
        let name = match row {
            0 => "crate".to_owned(),
            lanes => lanes.to_string(),
        };
        writeln!(
            out,
            "{name:>5}  {:>11.1}  {rate:>8.1}  {:>10.1}  {:>7.2}  {}",
            1e3 / rate,
            step * steps_per_hash * 1e3,
            rate / rates[0],
            "█".repeat((BAR * rate / best).round() as usize),
        )?;
    }
    writeln!(out)?;
    let limit = LOGIN_LIMIT.as_millis();
    match highest_cost(steps.in_lanes[0]) {
        Some(highest) => writeln!(
            out,
            "One login alone stays under {limit} ms up to cost {highest}."
        )?,
        None => writeln!(
            out,
            "One login alone takes {limit} ms or more at any cost bcrypt has."
        )?,
    }
    let within = |step: &f64| step * steps_per_hash < LOGIN_LIMIT.as_secs_f64();
    if let Some(row) = steps.in_lanes.iter().rposition(within) {
        let lanes = row + 1;
        writeln!(
            out,
            "At cost {cost}, {lanes} of {MAX_LANES} lanes can be busy and each login still stays under {limit} ms."
        )?;
    }
    Ok(())
}

/// The highest cost whose hash takes less than [`LOGIN_LIMIT`] at `step` seconds a step, if any does.
fn highest_cost(step: f64) -> Option<u32> {
    COSTS
        .rev()
        .find(|cost| step * 2f64.powi(*cost as i32) < LOGIN_LIMIT.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_follows_from_the_step_times() {
        let steps = Steps {
            in_crate: 50e-6,
            in_lanes: [45e-6, 46e-6, 48e-6, 50e-6, 55e-6, 62e-6, 70e-6, 80e-6],
        };
        let mut out = Vec::new();
        write_table(&steps, 12, &mut out).unwrap();
        let table = String::from_utf8(out).unwrap();
        let rows: Vec<_> = table.lines().map(str::trim_end).collect();
        assert_eq!(rows[0], "bcrypt, cost 12, one core");
        assert_eq!(rows[2], "lanes  ms per hash  hashes/s  latency ms  × crate");
        assert_eq!(
            rows[3],
            "crate        204.8       4.9       204.8     1.00  ██████"
        );
        assert_eq!(
            rows[11],
            "    8         41.0      24.4       327.7     5.00  ██████████████████████████████"
        );
        assert_eq!(
            rows[13],
            "One login alone stays under 250 ms up to cost 12."
        );
        assert_eq!(
            rows[14],
            "At cost 12, 5 of 8 lanes can be busy and each login still stays under 250 ms."
        );
    }

    #[test]
    fn a_machine_too_slow_for_any_cost_is_told_so() {
        let steps = Steps {
            in_crate: 0.1,
            in_lanes: [0.1; MAX_LANES],
        };
        let mut out = Vec::new();
        write_table(&steps, 12, &mut out).unwrap();
        let table = String::from_utf8(out).unwrap();
        let last = table.lines().last();
        assert_eq!(
            last,
            Some("One login alone takes 250 ms or more at any cost bcrypt has.")
        );
    }
}
