//! One connection: what is known of it, and its place in the list that it is in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::levels::Levels;

/// What is known of one connection.
pub struct Connection {
    /// `None` for a trusted proxy's.
    pub(super) networks: Option<Levels>,
    /// Where it stands in the list that it is in. Read and written under the lock.
    pub(super) slot: AtomicUsize,
    /// Requests that the service is at work for.
    pub(super) working: AtomicU32,
    /// The moment when the client last sent a request, or got an answer.
    pub(super) moved: AtomicU64,
    pub(super) taken: Notify,
    pub(super) leave: Notify,
}

impl Connection {
    pub(super) fn business(&self) -> Business {
        (
            self.working.load(Ordering::Relaxed) > 0,
            self.moved.load(Ordering::Relaxed),
        )
    }

    /// Done when the place has been given to another client: nothing more can be sent.
    pub async fn taken(&self) {
        self.taken.notified().await;
    }

    /// Ends the connection once the requests under way are answered.
    pub fn leave(&self) {
        self.leave.notify_one();
    }

    /// Done when [`Connection::leave`] was called.
    pub async fn left(&self) {
        self.leave.notified().await;
    }
}

/// How busy a connection is: the least is closed first.
pub(super) type Business = (bool, u64);

pub(super) fn put(list: &mut Vec<Arc<Connection>>, connection: &Arc<Connection>) {
    connection.slot.store(list.len(), Ordering::Relaxed);
    list.push(connection.clone());
}

/// Whether it was there.
pub(super) fn take(list: &mut Vec<Arc<Connection>>, connection: &Arc<Connection>) -> bool {
    let slot = connection.slot.load(Ordering::Relaxed);
    let is_there = list
        .get(slot)
        .is_some_and(|found| Arc::ptr_eq(found, connection));
    if is_there {
        list.swap_remove(slot);
        if let Some(moved) = list.get(slot) {
            moved.slot.store(slot, Ordering::Relaxed);
        }
    }
    is_there
}
