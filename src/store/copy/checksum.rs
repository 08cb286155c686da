//! Whether a table is the same on both sides.

use std::fmt;

use super::record::hex;

/// The rows of a table, and a SHA-256 over all of them in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checksum {
    pub rows: u64,
    pub sha256: [u8; 32],
}

impl Checksum {
    /// The first 64 bits of the SHA-256 in hexadecimal: enough to tell two apart by eye.
    pub fn short(&self) -> String {
        hex(&self.sha256[..8])
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.rows == 1 { "" } else { "s" };
        write!(f, "{} row{s} (SHA-256 {})", self.rows, self.short())
    }
}
