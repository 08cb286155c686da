//! One host after the other, each with a time of its own. The client library limits only how long a host may take to
//! accept: one that accepts and then says nothing would keep us from the others for ever.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio_postgres::config::{Host, LoadBalanceHosts};
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{Client, Config, Connection, Error, Socket};

/// Of the time for accepting, what a host may take for that and for the log-in together.
const FOR_BOTH: u32 = 2;

/// Longest time that the first host may take, and each of the others.
fn time_for_one(config: &Config) -> Duration {
    config.get_connect_timeout().copied().unwrap_or_default() * FOR_BOTH
}

/// Longest time for [`connect`].
pub fn time_for_all(config: &Config) -> Duration {
    let hosts = config.get_hosts().len().max(1);
    time_for_one(config) * u32::try_from(hosts).unwrap_or(u32::MAX)
}

/// The hosts and their ports, for people.
pub fn names(config: &Config) -> String {
    const USUAL: u16 = 5432;
    let ports = config.get_ports();
    let count = config.get_hosts().len().max(config.get_hostaddrs().len());
    let names = (0..count).map(|index| {
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(USUAL);
        match (
            config.get_hosts().get(index),
            config.get_hostaddrs().get(index),
        ) {
            (Some(Host::Tcp(name)), _) if name.contains(':') => format!("[{name}]:{port}"),
            (Some(Host::Tcp(name)), _) => format!("{name}:{port}"),
            #[cfg(unix)]
            (Some(Host::Unix(path)), _) => format!("{}/.s.PGSQL.{port}", path.display()),
            (None, Some(address)) => std::net::SocketAddr::new(*address, port).to_string(),
            (None, None) => String::new(),
        }
    });
    names.collect::<Vec<_>>().join(", ")
}

/// Opens a connection to the first host that answers and is of the kind wanted. Gives up on every one in time but the
/// last.
///
/// # Errors
/// What the last one said.
pub async fn connect<T>(
    config: &Config,
    tls: T,
) -> Result<(Client, Connection<Socket, T::Stream>), Error>
where
    T: MakeTlsConnect<Socket> + Clone,
{
    let mut hosts = each(config);
    let last = hosts.pop();
    for host in &hosts {
        let connecting = host.connect(tls.clone());
        if let Ok(Ok(connected)) = tokio::time::timeout(time_for_one(config), connecting).await {
            return Ok(connected);
        }
    }
    last.as_ref().unwrap_or(config).connect(tls).await
}

/// The same for each host alone, in the order in which they are to be asked.
fn each(config: &Config) -> Vec<Config> {
    let count = config.get_hosts().len().max(config.get_hostaddrs().len());
    let mut each: Vec<Config> = (0..count).map(|index| only(config, index)).collect();
    if config.get_load_balance_hosts() == LoadBalanceHosts::Random {
        // Every one of these hashes differently.
        each.sort_by_cached_key(|_| RandomState::new().hash_one(0));
    }
    each
}

fn only(config: &Config, index: usize) -> Config {
    let mut one = Config::new();
    match config.get_hosts().get(index) {
        Some(Host::Tcp(name)) => drop(one.host(name)),
        #[cfg(unix)]
        Some(Host::Unix(path)) => drop(one.host_path(path)),
        None => (),
    }
    if let Some(address) = config.get_hostaddrs().get(index) {
        one.hostaddr(*address);
    }
    let ports = config.get_ports();
    if let Some(port) = ports.get(index).or(ports.first()) {
        one.port(*port);
    }
    if let Some(user) = config.get_user() {
        one.user(user);
    }
    if let Some(password) = config.get_password() {
        one.password(password);
    }
    if let Some(name) = config.get_dbname() {
        one.dbname(name);
    }
    if let Some(options) = config.get_options() {
        one.options(options);
    }
    if let Some(name) = config.get_application_name() {
        one.application_name(name);
    }
    if let Some(timeout) = config.get_connect_timeout() {
        one.connect_timeout(*timeout);
    }
    if let Some(timeout) = config.get_tcp_user_timeout() {
        one.tcp_user_timeout(*timeout);
    }
    if let Some(interval) = config.get_keepalives_interval() {
        one.keepalives_interval(interval);
    }
    if let Some(retries) = config.get_keepalives_retries() {
        one.keepalives_retries(retries);
    }
    one.ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .target_session_attrs(config.get_target_session_attrs())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts());
    one
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(hosts: &str, parameters: &str) -> Config {
        let url = format!("postgresql://ada:secret@{hosts}/accounts?{parameters}");
        url.parse().expect("a URL")
    }

    /// A setting that the client library has and [`only`] forgets would be lost without a word.
    #[test]
    fn each_has_all_the_settings() {
        let every_other = "options=-c%20geqo%3Doff&application_name=hall&sslmode=require&sslnegotiation=direct\
             &connect_timeout=7&tcp_user_timeout=8&keepalives=0&keepalives_idle=9&keepalives_interval=10\
             &keepalives_retries=11&target_session_attrs=read-write&channel_binding=require&load_balance_hosts=disable";
        for parameters in ["", every_other] {
            assert_eq!(
                each(&parsed("one:6001,two:6002", parameters)),
                [
                    parsed("one:6001", parameters),
                    parsed("two:6002", parameters)
                ]
            );
        }
        assert_eq!(
            each(&parsed("one,two", "hostaddr=127.0.0.1,127.0.0.2")),
            [
                parsed("one", "hostaddr=127.0.0.1"),
                parsed("two", "hostaddr=127.0.0.2")
            ]
        );
    }

    #[test]
    fn those_that_share_the_load_are_asked_in_any_order() {
        let config = parsed("one,two,three", "load_balance_hosts=random");
        let orders: Vec<Vec<Config>> = (0..200).map(|_| each(&config)).collect();
        for host in ["one", "two", "three"] {
            let is_first =
                |order: &Vec<Config>| order[0].get_hosts() == [Host::Tcp(host.to_owned())];
            assert!(orders.iter().any(is_first), "{host} is never first");
        }
    }
}
