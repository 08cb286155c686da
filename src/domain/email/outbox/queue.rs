//! What this instance knows of mails on their way: who is to be woken, what is leased, what is done.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::ids::MailId;
use crate::store::users::Contact;

/// Until when a mail is ours.
pub(super) struct Lease(pub(super) AtomicI64);

impl Lease {
    pub(super) fn end(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set_end(&self, end: Timestamp) {
        self.0.store(end.millis(), Ordering::Relaxed);
    }
}

/// Wakes the sender when there is mail to send.
#[derive(Default)]
pub struct Outbox {
    wake: Notify,
    is_closed: AtomicBool,
    /// Held while mails are claimed, until their leases are known here.
    pub(super) claiming: tokio::sync::Mutex<()>,
    /// Mails being sent here, with their leases.
    under_way: Mutex<HashMap<MailId, Weak<Lease>>>,
    /// Mails that need nothing more but that this is noted, and who was reached.
    done: Mutex<HashMap<MailId, Option<Contact>>>,
}

impl Outbox {
    /// To be called once the transaction of a mail has been committed.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// From now on nothing is taken any more: what is written is sent after the next start, or by another instance.
    pub fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.wake();
    }

    pub fn is_closed(&self) -> bool {
        self.is_closed.load(Ordering::Relaxed)
    }

    /// The lease of a mail that is being sent here.
    pub(super) fn lease(&self, id: MailId) -> Option<Arc<Lease>> {
        self.under_way().get(&id)?.upgrade()
    }

    pub(super) fn begin(&self, id: MailId, lease: &Arc<Lease>) {
        let mut under_way = self.under_way();
        under_way.retain(|_, lease| lease.strong_count() > 0);
        under_way.insert(id, Arc::downgrade(lease));
    }

    fn under_way(&self) -> MutexGuard<'_, HashMap<MailId, Weak<Lease>>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers that a mail was sent, or has no recipient, until the database says so.
    pub(super) fn set_done(&self, id: MailId, reached: Option<Contact>) {
        self.done().insert(id, reached);
    }

    pub(super) fn is_done(&self, id: MailId) -> bool {
        self.done().contains_key(&id)
    }

    pub(super) fn reached_by(&self, id: MailId) -> Option<Contact> {
        self.done().get(&id).cloned().flatten()
    }

    pub(super) fn set_noted(&self, id: MailId) {
        self.done().remove(&id);
    }

    fn done(&self) -> MutexGuard<'_, HashMap<MailId, Option<Contact>>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Done when [`Outbox::wake`] has been called.
    pub async fn woken(&self) {
        self.wake.notified().await;
    }
}
