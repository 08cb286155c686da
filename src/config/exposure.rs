//! Settings that are allowed, and let others read or forge what they should not: one sentence each.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::server::http_url;
use super::spelling::is_loopback;
use super::{DatabaseUrl, Metrics, Server};

/// What an operator should know of how the service is reached, and reaches its database.
pub fn warnings(server: &Server, database: &DatabaseUrl) -> Vec<String> {
    let warnings = [
        public_url(server),
        host(server),
        metrics(server),
        proxies(&server.trusted_proxies),
        sslmode(database),
    ];
    warnings.into_iter().flatten().collect()
}

fn public_url(server: &Server) -> Option<String> {
    let uri = http_url(server.public_url.as_deref()?)?;
    let is_open = uri.scheme_str() == Some("http") && !is_loopback(uri.host()?);
    is_open.then(|| {
        "PUBLIC_URL begins with http://: passwords and tokens cross the network unencrypted; use https://".to_owned()
    })
}

fn host(server: &Server) -> Option<String> {
    let is_bare = server.tls.is_none() && server.trusted_proxies.is_empty();
    (is_bare && !server.host.to_canonical().is_loopback()).then(|| {
        format!(
            "HOST={} without TLS_CERT or TRUSTED_PROXIES: passwords and tokens cross the network unencrypted; \
             set TLS_CERT and TLS_KEY, or name the proxy in front in TRUSTED_PROXIES",
            server.host
        )
    })
}

/// Metrics tell how much the service is used and how busy it is.
fn metrics(server: &Server) -> Option<String> {
    let is_open = !server.host.to_canonical().is_loopback();
    (is_open && server.metrics == Metrics::WithApi).then(|| {
        format!(
            "HOST={} without METRICS_ADDR: everyone who can reach the API can read /metrics; \
             set METRICS_ADDR to an address that only your monitoring reaches, or to off",
            server.host
        )
    })
}

/// A proxy is one machine or one network. If half of all addresses are trusted, any client may claim any address.
fn proxies(networks: &[IpNet]) -> Option<String> {
    let covers = covered_v4(networks) >= 1 << 31 || covered_v6(networks) >= 1 << 124;
    covers.then(|| {
        "TRUSTED_PROXIES covers the internet: any client may claim any address in X-Forwarded-For, which \
         defeats rate limits and falsifies the audit log; name your proxies alone"
            .to_owned()
    })
}

/// How many IPv4 addresses are in any of these.
fn covered_v4(networks: &[IpNet]) -> u64 {
    let mapped = |net: &Ipv6Net| {
        let address = net.network().to_ipv4_mapped()?;
        Ipv4Net::new(address, net.prefix_len().checked_sub(96)?).ok()
    };
    let all = Ipv6Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), 96);
    let nets = networks.iter().filter_map(|network| match network {
        IpNet::V4(net) => Some(*net),
        IpNet::V6(net) if net.contains(&all) => Some(Ipv4Net::default()),
        IpNet::V6(net) => mapped(net),
    });
    let united = Ipv4Net::aggregate(&nets.collect());
    united
        .iter()
        .map(|net| 1_u64 << (32 - net.prefix_len()))
        .sum()
}

/// How many addresses of the IPv6 internet, 2000::/3, are in any of these.
fn covered_v6(networks: &[IpNet]) -> u128 {
    let internet = Ipv6Net::new_assert([0x2000, 0, 0, 0, 0, 0, 0, 0].into(), 3);
    let nets = networks.iter().filter_map(|network| match network {
        IpNet::V6(net) if net.contains(&internet) => Some(internet),
        IpNet::V6(net) if internet.contains(net) => Some(*net),
        _ => None,
    });
    let united = Ipv6Net::aggregate(&nets.collect());
    united
        .iter()
        .map(|net| 1_u128 << (128 - u32::from(net.prefix_len())))
        .sum()
}

fn sslmode(database: &DatabaseUrl) -> Option<String> {
    match database {
        DatabaseUrl::Postgres(postgres) => postgres
            .warning
            .map(|warning| format!("DATABASE_URL: {warning}")),
        DatabaseUrl::File(_) | DatabaseUrl::Memory => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Settings, Source};

    fn warnings(pairs: &[(&str, &str)]) -> Vec<String> {
        let settings = Settings::read(&mut Source::of(pairs)).expect("valid");
        super::warnings(&settings.server, &settings.database.url)
    }

    #[track_caller]
    fn expect_one(pairs: &[(&str, &str)], words: &str) {
        let warnings = warnings(pairs);
        assert_eq!(warnings.len(), 1, "{pairs:?}: {warnings:?}");
        assert!(warnings[0].contains(words), "{pairs:?}: {warnings:?}");
    }

    #[test]
    fn a_public_url_without_encryption_is_warned_of() {
        for url in [
            "http://accounts.example.com",
            "http://10.0.0.1:8000/x",
            "http://[2001:db8::1]",
        ] {
            expect_one(&[("PUBLIC_URL", url)], "PUBLIC_URL begins with http://");
        }
        for url in [
            "https://accounts.example.com",
            "http://localhost:3000",
            "http://LOCALHOST",
            "http://127.0.0.2",
            "http://[::1]:8000",
            "http://app.localhost",
        ] {
            assert_eq!(warnings(&[("PUBLIC_URL", url)]), [""; 0], "{url}");
        }
    }

    #[test]
    fn an_open_address_without_tls_or_proxy_is_warned_of() {
        for host in [
            "0.0.0.0",
            "::",
            "[::]",
            "10.0.0.1",
            "2001:db8::1",
            "::ffff:0.0.0.0",
        ] {
            let host = ("HOST", host);
            let own = ("METRICS_ADDR", "127.0.0.1:9000");
            expect_one(&[host, own], "HOST=");
            let proxy = ("TRUSTED_PROXIES", "10.0.0.0/24");
            let tls = [("TLS_CERT", "c"), ("TLS_KEY", "k"), host];
            for metrics in [own, ("METRICS_ADDR", "off")] {
                assert_eq!(warnings(&[host, proxy, metrics]), [""; 0], "{host:?}");
                assert_eq!(
                    warnings(&[&tls[..], &[metrics]].concat()),
                    [""; 0],
                    "{host:?}"
                );
            }
            expect_one(&[host, proxy], "can read /metrics");
            expect_one(&tls, "can read /metrics");
        }
        for host in ["127.0.0.1", "::1", "localhost", "::ffff:127.0.0.1"] {
            assert_eq!(warnings(&[("HOST", host)]), [""; 0], "{host}");
        }
    }

    #[test]
    fn trust_in_the_whole_internet_is_warned_of() {
        for networks in [
            "0.0.0.0/0",
            "::/0",
            "0.0.0.0/1,128.0.0.0/1",
            "0.0.0.0/1",
            "0.0.0.0/2, 64.0.0.0/2, 10.0.0.0/8",
            "::/1, 8000::/1",
            "2000::/3",
            "2000::/4",
            "::ffff:0:0/96",
            "::ffff:0.0.0.0/97,::ffff:128.0.0.0/97",
            "10.0.0.0/8,::/0",
        ] {
            expect_one(
                &[("TRUSTED_PROXIES", networks)],
                "TRUSTED_PROXIES covers the internet",
            );
        }
        for networks in [
            "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16",
            "127.0.0.1,::1",
            "fc00::/7",
            "2001:db8::/32",
        ] {
            assert_eq!(
                warnings(&[("TRUSTED_PROXIES", networks)]),
                [""; 0],
                "{networks}"
            );
        }
    }
}
