//! The composition root: builds everything once, from the settings. The only file that may import all rooms.

mod error;
mod listeners;
mod routes;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use self::error::StartError;
use self::listeners::check_addresses;
pub use self::listeners::{Bindings, Listeners, bind};
use crate::clock::{SharedClock, Timestamp};
use crate::config::{Backups, Settings, Tokens};
use crate::domain::audit::refusals::{self, Refusals};
use crate::domain::email::links::Links;
use crate::domain::email::outbox::Outbox;
use crate::domain::readiness::Readiness;
use crate::domain::{Policy, Services};
use crate::http::{Front, Limiters, Listener, MetricsListener, Tls, check_tls};
use crate::ids::{Ids, InstanceId, Random};
use crate::mail::Mailer;
use crate::password::Passwords;
use crate::store::db::{self, Db, Migrated};
use crate::text::Texts;
use crate::token::{AccessTokens, Envelopes, Found, Keys, Mailed, RefreshTokens, SecretKey};
use crate::worker;

/// Issuer and audience of tokens where the service has not been told what it is called from outside.
const DEFAULT_ISSUER: &str = "vestibule";

/// The service, built and not yet listening.
pub struct App {
    pub services: Arc<Services>,
    /// Where the secret key came from.
    pub key: Found,
    /// Migrations that were run now.
    pub migrated: Vec<db::Migration>,
    settings: Settings,
    clock: SharedClock,
}

/// What is needed before anything is made: the settings can be used and the database can be reached.
pub struct Groundwork {
    settings: Settings,
    texts: Arc<Texts>,
    mailer: Mailer,
}

impl Groundwork {
    /// Makes nothing, and waits for a database that is away.
    ///
    /// # Errors
    /// When the settings cannot be used, or the database stays away.
    pub fn lay(settings: Settings) -> Result<Self, StartError> {
        let (texts, mailer) = mail(&settings)?;
        mailer.check()?;
        check_backups(&settings)?;
        let url = &settings.database.url;
        Db::reach(url, settings.database.wait)?;
        // Another application's database gets no key beside it, and no database is made that no key can be kept for.
        SecretKey::check(&settings.secrets, url)?;
        Ok(Self {
            settings,
            texts,
            mailer,
        })
    }
}

impl App {
    /// Lays the groundwork and builds everything.
    ///
    /// # Errors
    /// Those of [`Groundwork::lay`] and [`App::build_on`].
    pub fn build(
        settings: Settings,
        clock: SharedClock,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        Self::build_on(Groundwork::lay(settings)?, clock, random)
    }

    /// Migrates the database, finds the key and builds everything.
    ///
    /// # Errors
    /// When the database cannot be migrated or the key not be kept.
    pub fn build_on(
        groundwork: Groundwork,
        clock: SharedClock,
        random: Arc<dyn Random>,
    ) -> Result<Self, StartError> {
        let Groundwork {
            settings,
            texts,
            mailer,
        } = groundwork;
        let url = &settings.database.url;
        let Migrated {
            applied: migrated,
            has_unfinished_copy,
        } = Db::migrate(url)?;
        if has_unfinished_copy {
            return Err(db::Error::Unfinished.into());
        }
        let (secret, key) = SecretKey::find(&settings.secrets, url, random.as_ref())?;
        let keys = Keys::derive(&secret);
        let previous = settings
            .secrets
            .previous
            .clone()
            .map(|secret| Keys::derive(&SecretKey::new(secret)));
        let ids = Ids::new(clock.clone(), random);
        let public_url = settings.server.public_url.clone();
        let services = Services {
            db: Db::open(&settings.database.url)?,
            passwords: Passwords::start(&settings.passwords, settings.context_words(), ids.clone())
                .map_err(StartError::Passwords)?,
            access_tokens: access_tokens(&keys, previous.as_ref(), &settings),
            refresh_tokens: RefreshTokens::new(&keys, previous.as_ref()),
            idempotency: Envelopes::new(&keys, previous.as_ref()),
            mailed: Mailed::new(&keys),
            device_key: keys.device,
            links: Links::new(public_url, settings.mail.links.clone()),
            texts,
            mailer,
            outbox: Outbox::default(),
            readiness: Readiness::default(),
            login_identifier_key: keys.login_identifier,
            refusals: Refusals::default(),
            attempts: Arc::default(),
            instance: InstanceId::new(&ids),
            clock: clock.clone(),
            ids,
            policy: Policy {
                registration_enabled: settings.accounts.registration_enabled,
                require_email_verification: settings.accounts.require_email_verification,
                email_login_enabled: settings.accounts.email_login_enabled,
                notices: settings.mail.notices,
                mail_address_limits: settings.limits.mail_address.clone(),
                notice_limit: settings.limits.notices,
                stranger_limits: settings.limits.strangers.clone(),
                refresh_lifetime: settings.tokens.refresh_lifetime,
                session_lifetime: settings.sessions.max_age,
                sessions_per_user: settings.sessions.max_per_user,
                audit_origin: settings.audit.origin,
                login_account_limit: settings.limits.login_account,
                has_failure_bound: settings.limits.enabled,
            },
        };
        Ok(Self {
            services: Arc::new(services),
            key,
            migrated,
            settings,
            clock,
        })
    }

    /// Binds the addresses and listens.
    ///
    /// # Errors
    /// When an address is taken, or a limit cannot be kept.
    pub async fn bind(self) -> Result<Bound, StartError> {
        let bindings = bind(&self.settings, &self.clock).await?;
        self.serve_at(bindings.listen()?)
    }

    /// Serves those who connect to these addresses.
    ///
    /// # Errors
    /// When the front cannot be built.
    pub fn serve_at(self, listeners: Listeners) -> Result<Bound, StartError> {
        let Listeners {
            address,
            listener,
            socket,
            metrics,
        } = listeners;
        let server = &self.settings.server;
        self.services
            .links
            .listening_at(reachable(address, server.tls.is_some()));
        let shutdown_timeout = server.shutdown_timeout;
        let limiters = Limiters::new(&self.settings.limits, &self.clock);
        let connections = listener.connections();
        let routes = routes::routes(&self.services, connections, &self.settings.server)?;
        let (services, server) = (self.services.clone(), self.settings.server.clone());
        let front = Front::new(services, limiters, server, routes);
        Ok(Bound {
            address,
            services: self.services,
            backups: self.settings.backups,
            shutdown_timeout,
            listener,
            socket,
            metrics,
            front: Arc::new(front),
        })
    }
}

/// What keeps the service from starting with these settings, as far as it can be found out without its database and without
/// changing anything.
pub fn problems(settings: &Settings, now: Timestamp) -> Vec<StartError> {
    let url = &settings.database.url;
    // A folder that is missing is told once.
    let place = Db::check_place(url).map_err(StartError::from);
    let key = place.and_then(|()| Ok(SecretKey::check(&settings.secrets, url)?));
    let tls = settings.server.tls.as_ref();
    let tls = tls.map_or(Ok(()), |files| check_tls(files, now).map(drop));
    let checked = [
        check_addresses(&settings.server),
        key,
        tls.map_err(StartError::Tls),
        check_backups(settings),
        mail(settings).and_then(|(_, mailer)| Ok(mailer.check()?)),
    ];
    checked.into_iter().filter_map(Result::err).collect()
}

/// What an operator should know of the files that these settings name.
pub fn warnings(settings: &Settings, now: Timestamp) -> Vec<String> {
    let tls = settings.server.tls.as_ref();
    let concern = tls.and_then(|files| check_tls(files, now).ok().flatten());
    concern.iter().map(ToString::to_string).collect()
}

fn check_backups(settings: &Settings) -> Result<(), StartError> {
    let Some(Backups { folder, .. }) = &settings.backups else {
        return Ok(());
    };
    worker::backup::check_folder(folder).map_err(|source| StartError::Backups {
        folder: folder.clone(),
        source,
    })
}

/// Builds what mails are made and sent with.
///
/// # Errors
/// When the settings of mail cannot be used.
pub fn mail(settings: &Settings) -> Result<(Arc<Texts>, Mailer), StartError> {
    let texts = Arc::new(Texts::load(&settings.mail)?);
    let public_url = settings.server.public_url.as_deref();
    let public_host = public_url.and_then(host);
    let mailer = Mailer::new(&settings.mail, public_host.as_deref(), texts.clone())?;
    Ok((texts, mailer))
}

/// The host of a URL, without port.
fn host(url: &str) -> Option<String> {
    let uri: http::Uri = url.parse().ok()?;
    uri.host().map(str::to_owned)
}

/// How a browser on this machine reaches the address that the service listens on.
fn reachable(address: SocketAddr, has_tls: bool) -> String {
    let scheme = if has_tls { "https" } else { "http" };
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

fn access_tokens(keys: &Keys, previous: Option<&Keys>, settings: &Settings) -> AccessTokens {
    let issuer = settings
        .server
        .public_url
        .as_deref()
        .unwrap_or(DEFAULT_ISSUER);
    let Tokens {
        access_lifetime, ..
    } = settings.tokens;
    AccessTokens::new(keys, previous, issuer, access_lifetime)
}

/// How long a stop waits for the last audit events to be written.
const LAST_EVENTS: Duration = Duration::from_secs(2);

/// The service, listening and not yet serving.
pub struct Bound {
    pub address: SocketAddr,
    services: Arc<Services>,
    backups: Option<Backups>,
    shutdown_timeout: Duration,
    listener: Listener,
    socket: TcpListener,
    metrics: Option<(SocketAddr, TcpListener)>,
    front: Arc<Front>,
}

impl Bound {
    /// Where metrics are served, if not with the API.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().map(|(address, _)| *address)
    }

    /// What it shows of itself, if it speaks TLS.
    pub fn tls(&self) -> Option<Arc<Tls>> {
        self.listener.tls()
    }

    /// Serves until `stop` is done, and then lets requests and mails under way come to their end for as long as a stop may
    /// take. False when requests had to be cut off.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> bool {
        let jobs = worker::start(&self.services, self.backups);
        let (tell, told) = oneshot::channel();
        let stop = async {
            stop.await;
            self.services.outbox.close();
            let _ = tell.send(tokio::time::sleep(self.shutdown_timeout));
        };
        let connections = self.listener.connections();
        let metrics = async {
            if let Some((_, socket)) = self.metrics {
                let never = MetricsListener::run(socket, self.services.clone(), connections).await;
                match never {}
            }
            std::future::pending().await
        };
        let finished = tokio::select! {
            finished = self.listener.run(self.socket, self.front, stop) => finished,
            never = metrics => match never {},
        };
        jobs.stop(told.await.ok()).await;
        let last = refusals::flush(&self.services, true);
        if !matches!(tokio::time::timeout(LAST_EVENTS, last).await, Ok(Ok(()))) {
            tracing::warn!("the last audit events of refused requests were not written");
        }
        finished
    }
}
