//! Opening connections.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime, TimeoutType,
};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::from_library;
use super::tls;
use crate::config;
use crate::store::db::{Error, Result};

/// How long a request waits for a connection to be free, and for a new one to be made.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How long one host may take to answer a new connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long sent bytes may stay unacknowledged before the connection is given up: a server whose machine is gone says
/// nothing.
const SILENCE: Duration = Duration::from_secs(10);

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
    let manager = Manager::from_connect(
        library_config(url),
        opener,
        ManagerConfig {
            // A broken connection is known to be broken; asking would cost a round trip each time.
            recycling_method: RecyclingMethod::Fast,
        },
    );
    Pool::builder(manager)
        .max_size(url.pool_size)
        .wait_timeout(Some(PATIENCE))
        .create_timeout(Some(PATIENCE))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| Error::Defect(format!("pool: {error}")))
}

/// One connection outside the pool, without time limits: for migrations.
pub async fn alone(url: &config::Postgres) -> Result<Client> {
    let opener = Opener {
        tls: tls::connector(url)?,
        home: Handle::current(),
        is_session: false,
    };
    let (client, _task) = opener
        .connect(&library_config(url))
        .await
        .map_err(from_library)?;
    Ok(client)
}

fn library_config(url: &config::Postgres) -> Config {
    let mut config = url.connect.clone();
    if config.get_application_name().is_none() {
        config.application_name("vestibule");
    }
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE);
    }
    config
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
        let opening = self.home.spawn(async move {
            let (client, connection) = config.connect(tls).await?;
            let task = tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(error = %from_library(error), "a database connection ended");
                }
            });
            if is_session {
                client.batch_execute(SESSION).await?;
            }
            Ok((client, task))
        });
        Box::pin(async move {
            match opening.await {
                Ok(opened) => opened,
                // The thread is being stopped, and so is whoever asks; the pool's patience ends this otherwise.
                Err(_) => std::future::pending().await,
            }
        })
    }
}
