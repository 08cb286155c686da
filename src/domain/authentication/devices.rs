//! Known devices of a user, and the networks that they were in. A device becomes known when the user logs in, registers, or
//! follows the link of an email on it.
//!
//! There are no device cookies. A device is a kind of program in a provider's network, so a new version of the program, or
//! another address of the same provider, is the same device. A network is one IPv4 address, or the /64 of an IPv6 address.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::hmac;

use crate::clock::Timestamp;
use crate::domain::{Origin, Services};
use crate::ids::UserId;
use crate::store::db::{self, Tx};
use crate::store::known_devices::{self, Familiar};

/// How long a network is known in which a login has succeeded.
const KEEP_NETWORK: Duration = Duration::from_secs(30 * 24 * 3600);

/// Where a request comes from, in the form in which it is remembered: two MACs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::domain) struct Place {
    pub device: Vec<u8>,
    pub network: Vec<u8>,
}

impl Place {
    pub fn of(services: &Services, origin: &Origin) -> Self {
        let network = origin.network().0.to_be_bytes();
        let name = [b"network\0".as_slice(), &network].concat();
        Self {
            device: fingerprint(services, origin),
            network: hmac::sign(&services.device_key, &name).as_ref().to_vec(),
        }
    }

    /// What is known of it, of this user and of all. Takes the same work where there is no user.
    pub async fn look(
        &self,
        tx: &mut Tx<'_>,
        user_id: Option<UserId>,
        now: Timestamp,
    ) -> db::Result<Familiar> {
        let since = now.minus(KEEP_NETWORK);
        known_devices::look(tx, user_id, &self.device, &self.network, since).await
    }

    /// Makes it known as a device of the user. Says whether it was before.
    pub async fn see(&self, tx: &mut Tx<'_>, user_id: UserId, now: Timestamp) -> db::Result<bool> {
        known_devices::see(tx, user_id, &self.device, &self.network, now).await
    }
}

/// What a device is remembered by. Reveals nothing without our key.
fn fingerprint(services: &Services, origin: &Origin) -> Vec<u8> {
    let program = origin.user_agent.as_deref().map(without_versions);
    let name = [
        program.unwrap_or_default().as_bytes(),
        b"\0",
        &provider(origin.ip),
    ]
    .concat();
    hmac::sign(&services.device_key, &name).as_ref().to_vec()
}

/// The words of a user agent without its numbers, which every update changes.
fn without_versions(user_agent: &str) -> String {
    user_agent
        .chars()
        .filter(|character| character.is_alphabetic() || matches!(character, ' ' | '/' | ';'))
        .collect()
}

/// The start of an address, which a provider's have in common: 16 bits, of IPv6 32.
fn provider(ip: IpAddr) -> Vec<u8> {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.octets()[..2].to_vec(),
        IpAddr::V6(ip) => ip.octets()[..4].to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_or_another_address_of_the_network_is_the_same_device() {
        let program = without_versions("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Firefox/140.0");
        assert_eq!(
            program,
            without_versions("Mozilla/5.0 (X11; Linux x86_64; rv:141.1) Firefox/141.1")
        );
        assert_ne!(
            program,
            without_versions("Mozilla/5.0 (Macintosh; rv:140.0) Firefox/140.0")
        );
        let of = |ip: &str| provider(ip.parse().expect("an address"));
        assert_eq!(of("192.0.2.1"), of("192.0.99.7"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.99.7"));
        assert_ne!(of("192.0.2.1"), of("192.1.2.1"));
        assert_eq!(of("2001:db8:1::1"), of("2001:db8:2::1"));
        assert_ne!(of("2001:db8:1::1"), of("2001:db9:1::1"));
    }
}
