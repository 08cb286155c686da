//! How the engine is set up.

use std::time::Duration;

/// How the engine is set up.
#[derive(Debug, Clone, Copy)]
pub struct EngineSettings {
    /// Worker threads; one per core is best.
    pub threads: usize,
    /// Hashes that one thread works on at once, 1 to [`MAX_LANES`](crate::password::lanes::MAX_LANES). More lanes serve more log-ins per second, each of
    /// which takes longer.
    pub lanes: usize,
    /// The longest expected wait with which a job is let in.
    pub max_wait: Duration,
    /// The highest bcrypt cost that is worked on.
    pub max_cost: u32,
    /// The cost that [`Engine::reference`](super::Engine::reference) tells the speed for.
    pub reference_cost: u32,
}
