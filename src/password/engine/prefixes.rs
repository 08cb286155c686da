//! The ever smaller networks that a client belongs to.

use crate::password::caller::ClientKey;

/// Prefix lengths by which strangers take turns and are remembered, the widest first: of IPv6 a provider's allocation, a
/// site and its parts, down to the network that counts as one client; of IPv4 the same in the mapped form.
const IPV6_PREFIXES: [u32; 4] = [32, 48, 56, 64];
const IPV4_PREFIXES: [u32; 3] = [96 + 16, 96 + 24, 128];

/// The prefixes of a network, the widest first. The last one is the network itself, in whatever bits its key has.
pub(super) fn prefixes(network: ClientKey) -> impl DoubleEndedIterator<Item = (u32, u128)> {
    let is_ipv4 = network.0 >> 32 == 0xffff;
    let lengths: &[u32] = if is_ipv4 {
        &IPV4_PREFIXES
    } else {
        &IPV6_PREFIXES
    };
    lengths.iter().map(move |length| match length {
        64 | 128 => (*length, network.0),
        _ => (*length, network.0 & (u128::MAX << (128 - length))),
    })
}
