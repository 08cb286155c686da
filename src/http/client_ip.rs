//! The address of the client, seen through trusted proxies.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

/// Entries of `X-Forwarded-For` that are looked at. Chains of proxies are shorter; the rest is forged.
const MAX_HOPS: usize = 64;

/// Who sent a request, as far as the service can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    pub ip: IpAddr,
    /// Whether the connection is the client's own, and not one of a trusted proxy that serves others as well.
    pub is_direct: bool,
}

/// A trusted proxy's `X-Forwarded-For` does not tell who the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

/// The client's address: the peer's, unless the peer is a trusted proxy; then the rightmost address of
/// `X-Forwarded-For` that is no trusted proxy. Entries further left may be forged, so they are not read.
///
/// Values are bytes: one that is no text hides nothing that stands right of it. Repeated headers are one list
/// (RFC 9110 §5.3), and empty entries are skipped (§5.6.1). Where only trusted proxies are named, the first of them is
/// the client.
///
/// # Errors
/// [`Unreadable`] when the search comes to an entry that is no address. The address of the proxy itself would be the
/// wrong client: it would have the limits of all its clients, and stand for them in the audit log.
pub fn client<'a>(
    peer: IpAddr,
    forwarded_for: impl DoubleEndedIterator<Item = &'a [u8]>,
    trusted: &[IpNet],
) -> Result<Client, Unreadable> {
    let mut client = Client {
        ip: peer.to_canonical(),
        is_direct: !is_trusted(peer, trusted),
    };
    if client.is_direct {
        return Ok(client);
    }
    let hops = forwarded_for
        .rev()
        .flat_map(|value| value.rsplit(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii);
    for (index, hop) in hops.enumerate() {
        if index >= MAX_HOPS {
            return Err(Unreadable);
        }
        if hop.is_empty() {
            continue;
        }
        client.ip = parse_hop(hop).ok_or(Unreadable)?;
        if !is_trusted(client.ip, trusted) {
            break;
        }
    }
    Ok(client)
}

/// Whether this is the address of a trusted proxy.
pub fn is_trusted(ip: IpAddr, trusted: &[IpNet]) -> bool {
    let ip = ip.to_canonical();
    trusted.iter().any(|network| network.contains(&ip))
}

/// An address, perhaps with a port, in brackets or with a zone: `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:443`, `fe80::1%eth0`.
fn parse_hop(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let ip = match text.strip_prefix('[') {
        Some(rest) => {
            let (ip, end) = rest.split_once(']')?;
            let has_sane_end = end.is_empty() || end.strip_prefix(':').is_some_and(is_port);
            has_sane_end.then(|| parse_v6(ip)).flatten()
        }
        None => text
            .parse()
            .ok()
            .or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))
            .or_else(|| parse_v6(text)),
    };
    ip.map(|ip| ip.to_canonical())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

/// An IPv6 address without its zone (RFC 4007 §11): that names an interface of the proxy.
fn parse_v6(text: &str) -> Option<IpAddr> {
    let (ip, zone) = match text.split_once('%') {
        Some((ip, zone)) => (ip, Some(zone)),
        None => (text, None),
    };
    let is_sane = |zone: &str| {
        !zone.is_empty()
            && zone
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
    };
    zone.is_none_or(is_sane)
        .then(|| ip.parse().ok().map(IpAddr::V6))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(peer: &str, forwarded_for: &[&[u8]], trusted: &[&str]) -> Result<Client, Unreadable> {
        let trusted: Vec<IpNet> = trusted
            .iter()
            .map(|network| network.parse().expect("a network"))
            .collect();
        let peer = peer.parse().expect("an address");
        client(peer, forwarded_for.iter().copied(), &trusted)
    }

    #[track_caller]
    fn expect(peer: &str, forwarded_for: &[&[u8]], trusted: &[&str], ip: &str) {
        let found = find(peer, forwarded_for, trusted).map(|client| client.ip.to_string());
        assert_eq!(found.as_deref(), Ok(ip));
    }

    const TRUSTED: &[&str] = &["10.0.0.0/8", "2001:db8::/32"];

    /// ASVS 4.1.3.
    #[test]
    fn an_untrusted_peer_is_not_believed() {
        expect("203.0.113.9", &[b"198.51.100.1"], &[], "203.0.113.9");
        expect("203.0.113.9", &[b"198.51.100.1"], TRUSTED, "203.0.113.9");
        expect("203.0.113.9", &[b"\xff, nonsense"], TRUSTED, "203.0.113.9");
        let found = find("203.0.113.9", &[], TRUSTED).expect("a client");
        assert!(found.is_direct);
    }

    #[test]
    fn trusted_hops_are_passed_from_right_to_left() {
        for (forwarded_for, ip) in [
            (&[&b"198.51.100.1"[..]][..], "198.51.100.1"),
            (&[b"1.1.1.1, 198.51.100.1, 10.0.0.2"], "198.51.100.1"),
            (&[b"1.1.1.1", b"198.51.100.1,10.0.0.2"], "198.51.100.1"),
            (&[b"198.51.100.1", b"10.0.0.2", b"10.0.0.3"], "198.51.100.1"),
            // Only proxies: the first of them asks for itself.
            (&[b"10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            (&[], "10.0.0.1"),
            (&[b""], "10.0.0.1"),
            (&[b" , ,", b""], "10.0.0.1"),
            (&[b"198.51.100.1,, ,\t10.0.0.2 ,"], "198.51.100.1"),
        ] {
            expect("10.0.0.1", forwarded_for, TRUSTED, ip);
            expect("::ffff:10.0.0.1", forwarded_for, TRUSTED, ip);
        }
        let found = find("10.0.0.1", &[b"198.51.100.1"], TRUSTED).expect("a client");
        assert!(!found.is_direct);
    }

    #[test]
    fn an_address_is_read_in_each_of_its_spellings() {
        for (hop, ip) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("2001:4860::1", "2001:4860::1"),
            ("2001:4860:0:0::0001", "2001:4860::1"),
            ("[2001:4860::1]", "2001:4860::1"),
            ("[2001:4860::1]:443", "2001:4860::1"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
            ("[::ffff:198.51.100.1]:80", "198.51.100.1"),
            ("fe80::1%eth0", "fe80::1"),
            ("[fe80::1%25]:443", "fe80::1"),
        ] {
            expect("10.0.0.1", &[hop.as_bytes()], TRUSTED, ip);
        }
    }

    #[test]
    fn what_stands_left_of_the_client_is_not_read() {
        for left in [
            &b"\xff"[..],
            b"\xe2\x80\x8b",
            b"unknown",
            b"\"",
            b"a b",
            b"10.0.0.300",
        ] {
            let one_line = [left, b", 198.51.100.1, 10.0.0.2"].concat();
            expect("10.0.0.1", &[&one_line], TRUSTED, "198.51.100.1");
            expect(
                "10.0.0.1",
                &[left, b"198.51.100.1"],
                TRUSTED,
                "198.51.100.1",
            );
        }
    }

    #[test]
    fn an_entry_that_is_no_address_is_refused_and_not_taken_for_the_proxy() {
        for bad in [
            &b"\xff"[..],
            b"198.51.100.1\xff",
            b"198.51.100.1 \xc3\xa4",
            b"unknown",
            b"_hidden",
            b"localhost",
            b"198.51.100",
            b"198.51.100.256",
            b"198.51.100.1:",
            b"198.51.100.1:65536",
            b"198.51.100.1:+80",
            b"198.51.100.1;10.0.0.2",
            b"198.51.100.1 10.0.0.2",
            b"\"198.51.100.1\"",
            b"for=198.51.100.1",
            b"0xc6336401",
            b"2001:4860::1::2",
            b"[2001:4860::1",
            b"2001:4860::1]",
            b"[2001:4860::1]x",
            b"[2001:4860::1]:",
            b"[2001:4860::1]]",
            b"[198.51.100.1]",
            b"198.51.100.1%eth0",
            b"fe80::1%",
            b"fe80::1%\x01",
        ] {
            for value in [bad.to_vec(), [b"1.1.1.1, ", bad, b", 10.0.0.2"].concat()] {
                let found = find("10.0.0.1", &[&value], TRUSTED);
                assert_eq!(found, Err(Unreadable), "{:?}", String::from_utf8_lossy(bad));
            }
        }
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let proxies = b"10.0.0.2,".repeat(MAX_HOPS - 1);
        expect("10.0.0.1", &[&proxies], TRUSTED, "10.0.0.2");
        for endless in [b"10.0.0.2,".repeat(MAX_HOPS), b",".repeat(30_000)] {
            assert_eq!(find("10.0.0.1", &[&endless], TRUSTED), Err(Unreadable));
        }
    }
}
