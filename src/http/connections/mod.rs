//! Who holds the connections. Every client network may hold any number while there is room. Once there is none, the
//! network that holds most gives one back to each newcomer, the idlest that it has: no client waits behind another.
//!
//! Networks are judged from large to small (IPv6 /48, /56, /64; IPv4 /16, /24, /32), so that a client gains little by
//! changing addresses inside a network of its own. Connections of trusted proxies stand for many clients: they count
//! among all connections, and are judged by nothing else.

mod connection;
mod levels;
mod tree;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::Notify;

pub use self::connection::Connection;
use self::connection::{put, take};
use self::levels::Levels;
use self::tree::Tree;
use super::client_ip::is_trusted;

/// Connections that may be on their way out beside those that are held: each is one step of a task from its end.
pub const LEAVING: usize = 64;

/// All connections of the service.
pub struct Connections {
    max: usize,
    trusted: Vec<IpNet>,
    held: Mutex<Held>,
    /// Sockets that are open: those held, and those on their way out.
    open: AtomicUsize,
    closed: AtomicU64,
    /// Orders what happens on all connections.
    moments: AtomicU64,
    ended: Notify,
}

#[derive(Default)]
struct Held {
    clients: Tree,
    proxies: Vec<Arc<Connection>>,
}

/// A place among the connections, until it is dropped.
pub struct Place {
    connections: Arc<Connections>,
    pub connection: Arc<Connection>,
}

/// A request that the service works for, until it is dropped.
pub struct Work<'a>(&'a Place);

/// For the extensions of a request: tells when the client makes the service wait.
#[derive(Clone)]
pub struct Activity(Arc<Connection>);

/// A client that is waited for, until it is dropped. Meanwhile its connection counts as idle.
pub struct Wait(Arc<Connection>);

impl Connections {
    pub fn new(max: usize, trusted: Vec<IpNet>) -> Self {
        Self {
            max,
            trusted,
            held: Mutex::default(),
            open: AtomicUsize::new(0),
            closed: AtomicU64::new(0),
            moments: AtomicU64::new(0),
            ended: Notify::new(),
        }
    }

    /// A place for a connection from this address. With none left another connection loses its own; when all belong to
    /// trusted proxies and are at work, this waits for one to end.
    pub async fn place(self: &Arc<Self>, peer: IpAddr) -> Place {
        loop {
            let ended = self.ended.notified();
            if let Some(place) = self.try_place(peer) {
                return place;
            }
            ended.await;
        }
    }

    fn try_place(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let mut held = self.lock();
        let is_full = held.len() >= self.max;
        if is_full && self.open.load(Ordering::Relaxed) >= self.max + LEAVING {
            return None;
        }
        let connection = Arc::new(Connection {
            networks: (!is_trusted(peer, &self.trusted)).then(|| Levels::of(peer)),
            slot: AtomicUsize::new(0),
            working: AtomicU32::new(0),
            moved: AtomicU64::new(self.moment()),
            taken: Notify::new(),
            leave: Notify::new(),
        });
        // Counted before it is found out who holds most, for the newcomer's network may.
        held.add(&connection);
        if is_full {
            let Some(idlest) = held.idlest_besides(&connection) else {
                held.remove(&connection);
                return None;
            };
            held.remove(&idlest);
            idlest.taken.notify_one();
            self.closed.fetch_add(1, Ordering::Relaxed);
        }
        self.open.fetch_add(1, Ordering::Relaxed);
        drop(held);
        Some(Place {
            connections: self.clone(),
            connection,
        })
    }

    /// Connections that are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections that lost their place to another client.
    pub fn closed(&self) -> u64 {
        self.closed.load(Ordering::Relaxed)
    }

    /// Done once none is open.
    pub async fn all_ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.open() == 0 {
                return;
            }
            ended.await;
        }
    }

    fn moment(&self) -> u64 {
        self.moments.fetch_add(1, Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn len(&self) -> usize {
        self.clients.len() + self.proxies.len()
    }

    fn add(&mut self, connection: &Arc<Connection>) {
        if connection.networks.is_some() {
            self.clients.add(connection);
        } else {
            put(&mut self.proxies, connection);
        }
    }

    /// Does nothing to a connection that has lost its place.
    fn remove(&mut self, connection: &Arc<Connection>) {
        if connection.networks.is_some() {
            self.clients.remove(connection);
        } else {
            take(&mut self.proxies, connection);
        }
    }

    /// Who makes room: a client, and only where there is none a trusted proxy's connection without work.
    fn idlest_besides(&mut self, newcomer: &Arc<Connection>) -> Option<Arc<Connection>> {
        self.clients.idlest_besides(newcomer).or_else(|| {
            let idle = self.proxies.iter().filter(|connection| {
                !connection.business().0 && !Arc::ptr_eq(connection, newcomer)
            });
            idle.min_by_key(|connection| connection.business()).cloned()
        })
    }
}

impl Place {
    /// Notes a request, complete but for its body.
    pub fn work(&self) -> Work<'_> {
        let moment = self.connections.moment();
        self.connection.moved.store(moment, Ordering::Relaxed);
        self.connection.working.fetch_add(1, Ordering::Relaxed);
        Work(self)
    }

    pub fn activity(&self) -> Activity {
        Activity(self.connection.clone())
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        let Place {
            connections,
            connection,
        } = self.0;
        connection.working.fetch_sub(1, Ordering::Relaxed);
        connection
            .moved
            .store(connections.moment(), Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.lock().remove(&self.connection);
        self.connections.open.fetch_sub(1, Ordering::Relaxed);
        self.connections.ended.notify_waiters();
    }
}

impl Activity {
    /// Notes that there is nothing to do before the client sends more.
    pub fn wait(&self) -> Wait {
        self.0.working.fetch_sub(1, Ordering::Relaxed);
        Wait(self.0.clone())
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.working.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
