//! Opening connections.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{from_library, is_of_tls, is_passing, with_sources};
use super::runner::block_on;
use super::{hosts, tls};
use crate::config;
use crate::store::db::{Error, Result, WAITING};

/// How long a request waits for a connection to be free.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long one host may take to accept a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// What may pass between the end of a time limit and our noticing.
const SLACK: Duration = Duration::from_millis(500);

/// How long sent bytes may stay unacknowledged before the connection is given up: a server whose machine is gone says
/// nothing.
const SILENCE: Duration = Duration::from_secs(10);

/// Between two tries to reach a server that is away.
const PAUSE: Duration = Duration::from_secs(1);

/// Tries for which one line of the log is enough.
const TRIES_PER_LINE: u32 = 10;

/// What every connection is told first. A statement of ours takes milliseconds; the limits keep one that meets trouble
/// from holding locks and connections for ever.
const SESSION: &str = "SET statement_timeout = '10s'; SET lock_timeout = '5s'; \
     SET idle_in_transaction_session_timeout = '30s'";

/// A pool whose connections live on `home`.
pub fn pool(url: &config::Postgres, home: Handle) -> Result<Pool> {
    let opener = Opener {
        tls: tls::connector(url)?,
        home,
        is_session: true,
    };
    let config = library_config(url)?;
    // The limit of our own comes first, and lets nothing live on that nobody waits for.
    let create_timeout = hosts::time_for_all(&config) + SLACK;
    let manager = Manager::from_connect(
        config,
        opener,
        ManagerConfig {
            // A broken connection is known to be broken; asking would cost a round trip each time.
            recycling_method: RecyclingMethod::Fast,
        },
    );
    Pool::builder(manager)
        .max_size(url.pool_size)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(create_timeout))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| Error::Defect(format!("pool: {error}")))
}

/// One connection outside the pool, without time limits: for migrations.
pub async fn alone(url: &config::Postgres) -> Result<Client> {
    connect(url).await.map_err(|failure| failure.error)
}

/// Waits until the server can be reached.
pub fn reach(url: &config::Postgres, patience: Duration) -> Result<()> {
    let url = url.clone();
    block_on(move || async move {
        let mut told = silent(&hosts::names(&library_config(&url)?));
        let mut tries = 0_u32;
        let trying = async {
            loop {
                match connect(&url).await {
                    Ok(_) if tries == 0 => return Ok(()),
                    Ok(_) => {
                        tracing::info!(target: WAITING, "the database is there");
                        return Ok(());
                    }
                    Err(failure) if failure.is_passing && !patience.is_zero() => {
                        if tries.is_multiple_of(TRIES_PER_LINE) {
                            tracing::warn!(target: WAITING, "waiting for the database: {}", failure.error);
                        }
                        told = failure.error;
                    }
                    Err(failure) => return Err(failure.error),
                }
                tries += 1;
                tokio::time::sleep(PAUSE).await;
            }
        };
        if patience.is_zero() {
            return trying.await;
        }
        let outcome = tokio::time::timeout(patience, trying).await;
        outcome.unwrap_or(Err(told))
    })
}

/// Why there is no connection.
struct Failure {
    error: Error,
    /// Whether another try may well succeed.
    is_passing: bool,
}

async fn connect(url: &config::Postgres) -> std::result::Result<Client, Failure> {
    let lasting = |error| Failure {
        error,
        is_passing: false,
    };
    let opener = Opener {
        tls: tls::connector(url).map_err(lasting)?,
        home: Handle::current(),
        is_session: false,
    };
    let config = library_config(url).map_err(lasting)?;
    let time = hosts::time_for_all(&config) + SLACK;
    let hosts = hosts::names(&config);
    match tokio::time::timeout(time, opener.connect(&config)).await {
        Ok(Ok((client, _task))) => Ok(client),
        Ok(Err(error)) => {
            let is_of_tls = is_of_tls(&error);
            let is_passing = is_passing(&error) && !is_of_tls;
            let hint = if is_of_tls && url.is_mode_ours {
                "; a server on another machine is verified: name its authority with sslrootcert, or say another sslmode"
            } else {
                ""
            };
            let error = match from_library(error) {
                Error::Unavailable(problem) => {
                    Error::Unavailable(format!("{hosts}: {problem}{hint}"))
                }
                other => other,
            };
            Err(Failure { error, is_passing })
        }
        Err(_elapsed) => Err(Failure {
            error: silent(&hosts),
            is_passing: true,
        }),
    }
}

fn silent(hosts: &str) -> Error {
    Error::Unavailable(format!(
        "{hosts}: the server does not answer as PostgreSQL does"
    ))
}

/// What the client library is told.
///
/// # Errors
/// [`Error::Url`], which says what is wrong and shows nothing of the URL.
fn library_config(url: &config::Postgres) -> Result<Config> {
    let parsed = url.url.reveal().parse::<Config>();
    let mut config = parsed.map_err(|error| Error::Url(with_sources(&error)))?;
    if config.get_application_name().is_none() {
        config.application_name("vestibule");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    Ok(config)
}

/// A place among those who may hold a connection for long. It is waited for as a connection is.
pub async fn turn(turns: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    match tokio::time::timeout(PATIENCE, turns.clone().acquire_owned()).await {
        Ok(Ok(turn)) => Ok(turn),
        Ok(Err(_)) | Err(_) => Err(Error::Overloaded),
    }
}

/// A connection from the pool.
pub async fn checkout(pool: &Pool) -> Result<Object> {
    pool.get().await.map_err(|error| match error {
        PoolError::Timeout(TimeoutType::Wait) => Error::Overloaded,
        PoolError::Backend(error) => from_library(error),
        error => Error::Unavailable(format!("no connection: {error}")),
    })
}

/// Opens connections on the thread that drives them, whoever asks for one.
struct Opener {
    tls: MakeRustlsConnect,
    home: Handle,
    is_session: bool,
}

type Opened = std::result::Result<(Client, JoinHandle<()>), tokio_postgres::Error>;

impl Connect for Opener {
    fn connect(&self, config: &Config) -> Pin<Box<dyn Future<Output = Opened> + Send + '_>> {
        let (config, tls, is_session) = (config.clone(), self.tls.clone(), self.is_session);
        let time = hosts::time_for_all(&config);
        let opening = self.home.spawn(tokio::time::timeout(time, async move {
            let (client, connection) = hosts::connect(&config, tls).await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error = %from_library(error), "a database connection ended");
                }
            });
            if is_session {
                client.batch_execute(SESSION).await?;
            }
            Ok((client, task))
        }));
        Box::pin(async move {
            match opening.await {
                Ok(Ok(opened)) => opened,
                // Time is up, or the thread is being stopped, and so is whoever asks: his patience ends this.
                Ok(Err(_)) | Err(_) => std::future::pending().await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

    use super::*;
    use crate::config::{Certificate, DatabaseUrl, Secret};

    /// What the library makes of a URL that the settings let through.
    fn through_settings(url: &str) -> Option<Result<Config>> {
        match DatabaseUrl::parse(url)? {
            DatabaseUrl::Postgres(url) => Some(library_config(&url)),
            _ => None,
        }
    }

    #[track_caller]
    fn parsed(url: &str) -> Config {
        let parsed = through_settings(url).expect("the settings let it through");
        parsed.expect("the library takes it")
    }

    #[test]
    fn the_library_finds_everything_in_its_place() {
        let one =
            parsed("postgresql+asyncpg://ada:s%40crt@db.example.com:6432/accounts?ssl=verify-full");
        assert_eq!(one.get_user(), Some("ada"));
        assert_eq!(one.get_password(), Some(&b"s@crt"[..]));
        assert_eq!(one.get_hosts(), [Host::Tcp("db.example.com".to_owned())]);
        assert_eq!(one.get_ports(), [6432]);
        assert_eq!(one.get_dbname(), Some("accounts"));
        assert_eq!(one.get_ssl_mode(), SslMode::Require);
        assert_eq!(one.get_application_name(), Some("vestibule"));
        assert_eq!(one.get_connect_timeout(), Some(&CONNECT_TIMEOUT));
        let other = parsed("postgres://ada@[::1]/?application_name=hall&connect_timeout=7");
        assert_eq!(other.get_hosts(), [Host::Tcp("::1".to_owned())]);
        assert_eq!(other.get_ports(), [5432]);
        assert_eq!(other.get_ssl_mode(), SslMode::Prefer);
        assert_eq!(other.get_application_name(), Some("hall"));
        assert_eq!(other.get_connect_timeout(), Some(&Duration::from_secs(7)));
    }

    #[test]
    fn of_several_hosts_the_one_that_takes_writes_is_meant() {
        let attributes = |url| parsed(url).get_target_session_attrs();
        assert_eq!(
            attributes("postgres://ada@one:5432,two:5433/accounts"),
            TargetSessionAttrs::ReadWrite
        );
        assert_eq!(
            attributes("postgres://ada@one,two/accounts?target_session_attrs=any"),
            TargetSessionAttrs::Any
        );
        assert_eq!(
            attributes("postgres://ada@one/accounts"),
            TargetSessionAttrs::Any
        );
    }

    /// Parameters of the library, and some that it does not have.
    const NAMES: &[&str] = &[
        "application_name",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "hostaddr",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_retries",
        "load_balance_hosts",
        "options",
        "port",
        "sslnegotiation",
        "target_session_attrs",
        "tcp_user_timeout",
        "connect%5Ftimeout",
        "Port",
        "ports",
        "sslcert",
        "",
    ];
    const VALUES: &[&str] = &[
        "",
        "0",
        "7",
        "-7",
        "%37",
        "+7",
        "7.5",
        "65536",
        "5432,,6432",
        "%ff",
        "x y",
        "any",
        "disable",
        "direct",
        "postgres",
        "prefer",
        "primary",
        "random",
        "read-only",
        "read-write",
        "require",
        "127.0.0.1",
        "127.0.0.1,::1",
        "127.0.0.1,",
        "localhost",
    ];

    /// Otherwise a bad value would be found when the service starts only, or a good one refused.
    #[test]
    fn settings_and_library_know_the_same_parameters_and_values() {
        let mut taken = 0;
        for name in NAMES {
            for value in VALUES {
                let url = format!("postgresql://ada@db/accounts?{name}={value}");
                let by_library = url.parse::<Config>().is_ok();
                let by_settings = through_settings(&url);
                assert_eq!(by_settings.is_some(), by_library, "{url}");
                assert!(by_settings.is_none_or(|parsed| parsed.is_ok()), "{url}");
                taken += usize::from(by_library);
            }
        }
        assert!(taken > 100, "{taken}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        /// No spelling gets past the settings that the library reads in another way.
        #[test]
        fn what_the_settings_let_through_the_library_takes(
            credentials in "[a%:/?@4]{0,4}@?",
            address in r"[ab\[\]:,/%2F@?1]{1,8}",
            query in "(\\?[a&=@%]{0,3}(&?(host|user|port)=[a1,/@]{0,3}){0,2})?",
        ) {
            let url = format!("postgresql://{credentials}{address}{query}");
            if let Some(parsed) = through_settings(&url) {
                let parsed = parsed.expect("taken");
                prop_assert!(parsed.get_user().is_some_and(|user| !user.is_empty()));
                prop_assert!(!parsed.get_hosts().is_empty());
                prop_assert!(!parsed.get_hosts().contains(&Host::Tcp(String::new())));
                prop_assert_ne!(parsed.get_ssl_mode(), SslMode::Disable);
            }
        }
    }

    #[test]
    fn what_the_library_refuses_is_told_without_the_url() {
        let url = config::Postgres {
            url: Secret::new("postgresql://ada:s3cr3t@db/accounts?connect_timeout=s3cr3t"),
            certificate: Certificate::Any,
            roots: None,
            pool_size: 2,
            is_mode_ours: false,
            warning: None,
        };
        let refused = library_config(&url).expect_err("no number").to_string();
        assert!(refused.contains("`connect_timeout`"), "{refused}");
        assert!(
            !refused.contains("s3cr3t") && !refused.contains('\n'),
            "{refused}"
        );
    }
}
