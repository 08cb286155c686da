//! The address of the client, seen through trusted proxies.

use std::net::IpAddr;

use ipnet::IpNet;

/// The client's address: the peer's, unless the peer is a trusted proxy; then the rightmost address of
/// `X-Forwarded-For` that is no trusted proxy. What stands further left anybody may have written.
pub fn client_ip<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let is_trusted = |ip: IpAddr| {
        trusted
            .iter()
            .any(|network| network.contains(&ip.to_canonical()))
    };
    let mut client = peer.to_canonical();
    // Repeated headers are one list (RFC 9110 §5.3).
    let mut hops = forwarded_for.rev().flat_map(|value| value.rsplit(','));
    while is_trusted(client) {
        match hops.next().and_then(parse_hop) {
            Some(hop) => client = hop,
            None => break,
        }
    }
    client
}

/// An address, perhaps with a port or in brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let ip = text
        .parse::<IpAddr>()
        .or_else(|_| {
            text.parse::<std::net::SocketAddr>()
                .map(|address| address.ip())
        })
        .or_else(|_| text.trim_start_matches('[').trim_end_matches(']').parse());
    ip.ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(peer: &str, forwarded_for: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<IpNet> = trusted
            .iter()
            .map(|network| network.parse().expect("a network"))
            .collect();
        client_ip(
            peer.parse().expect("an address"),
            forwarded_for.iter().copied(),
            &trusted,
        )
        .to_string()
    }

    #[test]
    fn an_untrusted_peer_is_not_believed() {
        assert_eq!(ip("203.0.113.9", &["198.51.100.1"], &[]), "203.0.113.9");
        assert_eq!(
            ip("203.0.113.9", &["198.51.100.1"], &["10.0.0.0/8"]),
            "203.0.113.9"
        );
    }

    #[test]
    fn trusted_hops_are_passed_from_right_to_left() {
        let trusted = ["10.0.0.0/8", "2001:db8::/32"];
        assert_eq!(ip("10.0.0.1", &["198.51.100.1"], &trusted), "198.51.100.1");
        assert_eq!(
            ip("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.0.0.2"], &trusted),
            "198.51.100.1"
        );
        assert_eq!(
            ip("10.0.0.1", &["1.1.1.1", "198.51.100.1,10.0.0.2"], &trusted),
            "198.51.100.1"
        );
        assert_eq!(
            ip("::ffff:10.0.0.1", &["198.51.100.1:4711"], &trusted),
            "198.51.100.1"
        );
        assert_eq!(
            ip("2001:db8::1", &["[2001:4860::1]:443"], &trusted),
            "2001:4860::1"
        );
        assert_eq!(ip("10.0.0.1", &[], &trusted), "10.0.0.1");
        assert_eq!(
            ip("10.0.0.1", &["198.51.100.1, not an address"], &trusted),
            "10.0.0.1"
        );
    }
}
