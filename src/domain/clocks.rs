//! Whether this machine's clock goes with the database's: moments that several instances write are compared with each other.

use std::time::Duration;

use super::{Result, Services};
use crate::clock::Timestamp;

/// Clocks further apart than this are told of.
pub const TOLERANCE: Duration = Duration::from_secs(5);

/// How this machine's clock differs from the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    Ahead(Duration),
    Behind(Duration),
}

/// Compares the clocks; `None` when they go together, or the database is a file of this machine.
///
/// # Errors
/// When the database cannot be asked.
pub async fn compare(services: &Services) -> Result<Option<Difference>> {
    let before = services.now();
    let there = services.db.clock().await?;
    let after = services.now();
    Ok(there.and_then(|there| difference(before, there, after)))
}

/// The question was on its way between `before` and `after`: the moment `there` lies somewhere between.
fn difference(before: Timestamp, there: Timestamp, after: Timestamp) -> Option<Difference> {
    let (ahead, behind) = (before.since(there), there.since(after));
    if ahead > TOLERANCE {
        Some(Difference::Ahead(ahead))
    } else if behind > TOLERANCE {
        Some(Difference::Behind(behind))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_the_answer_takes_is_no_difference() {
        let at = |seconds: i64| Timestamp::from_seconds(1_800_000_000 + seconds);
        assert_eq!(difference(at(0), at(0), at(0)), None);
        assert_eq!(difference(at(0), at(5), at(0)), None);
        assert_eq!(difference(at(0), at(-5), at(0)), None);
        assert_eq!(difference(at(0), at(15), at(20)), None);
        let six = Duration::from_secs(6);
        assert_eq!(
            difference(at(0), at(26), at(20)),
            Some(Difference::Behind(six))
        );
        assert_eq!(
            difference(at(0), at(-6), at(20)),
            Some(Difference::Ahead(six))
        );
    }
}
