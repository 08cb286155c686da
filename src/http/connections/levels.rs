//! The networks that an address is in.

use std::net::IpAddr;

/// How many networks an address is in.
pub(super) const DEPTH: usize = 3;

/// The networks of an address from large to small. IPv4 is written as IPv6 (RFC 4291 §2.5.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels(pub(super) [u128; DEPTH]);

impl Levels {
    pub fn of(ip: IpAddr) -> Self {
        let (address, lengths) = match ip.to_canonical() {
            IpAddr::V4(ip) => (u128::from(ip.to_ipv6_mapped()), [112, 120, 128]),
            IpAddr::V6(ip) => (u128::from(ip), [48, 56, 64]),
        };
        Self(lengths.map(|length: u32| address & (u128::MAX << (128 - length))))
    }
}
