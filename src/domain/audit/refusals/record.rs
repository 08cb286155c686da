//! Failures that a client can cause in any number: exceeded limits, missing permissions, throttled logins, wrong codes. They
//! are put on record beside the request, which never waits for that, and never in any number: of one kind and subject the
//! first few of a minute are events, and the rest of that minute is one event with a count (ASVS 16.3.2, 16.3.3).

use super::Refusals;
use super::state::{MAX_WAITING, State};
use crate::domain::audit::Event;
use crate::domain::{Error, Origin, Result, Services};
use crate::ids::{EventId, SessionId, UserId};

/// Events written by one unit of work.
const BATCH: usize = 200;

impl Refusals {
    /// Takes what is to be written. With `is_last`, the minute is over whatever the clock says.
    fn take(&self, services: &Services, is_last: bool) -> Vec<Event> {
        let mut state = self.lock();
        state.turn(services, is_last);
        std::mem::take(&mut state.waiting)
    }
}

impl State {
    /// Begins a new minute when the last one is over: what was counted in it is told.
    fn turn(&mut self, services: &Services, is_over: bool) {
        let minute = services.clock.monotonic().as_secs() / 60;
        if minute == self.minute && !is_over {
            return;
        }
        self.minute = minute;
        for (_, seen) in self.seen.drain().filter(|(_, seen)| seen.untold > 0) {
            let id = EventId::new(&services.ids);
            self.waiting.push(seen.first.counted(id, seen.untold));
        }
        for (action, count) in self.beyond.drain() {
            let event = Event::new(services, action).failed();
            let id = EventId::new(&services.ids);
            self.waiting.push(event.counted(id, count));
        }
    }
}

/// Notes a failure. `subject` is what failures of this kind are counted by; `event` is made only where it is written.
pub fn note(
    services: &Services,
    action: &'static str,
    subject: &[u8],
    event: impl FnOnce(Event) -> Event,
) {
    let mut state = services.refusals.lock();
    state.turn(services, false);
    let event = || event(Event::new(services, action).failed());
    if state.note(action, subject, event) {
        services.refusals.noted.notify_one();
    }
}

/// Notes that a limit of a client's network was exceeded.
pub fn limit_exceeded(services: &Services, origin: &Origin, limit: &'static str) {
    let subject = [limit.as_bytes(), &origin.network().0.to_be_bytes()].concat();
    note(services, "limit.exceeded", &subject, |event| {
        event
            .from(origin)
            .with(serde_json::json!({ "limit": limit }))
    });
}

/// Notes an error if it is one that has to be on record: a user lacked a permission, or a client asked too often.
/// `operation` is what was asked for.
pub fn refused(
    services: &Services,
    origin: &Origin,
    caller: Option<(UserId, SessionId)>,
    error: &Error,
    operation: &str,
) {
    let (action, data) = match error {
        Error::PermissionDenied(permission) => (
            "permission.denied",
            serde_json::json!({ "permission": permission, "operation": operation }),
        ),
        Error::InsufficientScope(scope) => (
            "permission.denied",
            serde_json::json!({ "scope": scope, "operation": operation }),
        ),
        Error::AccountThrottled { .. } => (
            "login.throttled",
            serde_json::json!({ "operation": operation }),
        ),
        _ => return,
    };
    let subject = match caller {
        Some((user_id, _)) => user_id.0.as_bytes().to_vec(),
        None => origin.network().0.to_be_bytes().to_vec(),
    };
    note(services, action, &subject, |event| {
        let event = event.from(origin).with(data);
        match caller {
            Some((user_id, session_id)) => event.tried_by(user_id, session_id),
            None => event,
        }
    });
}

/// Writes what has been noted. With `is_last`, what is only counted so far, too: nothing comes after it.
///
/// # Errors
/// When the database cannot be written. What there is place for is tried again.
pub async fn flush(services: &Services, is_last: bool) -> Result<()> {
    let _turn = services.refusals.writing.lock().await;
    let mut events = services.refusals.take(services, is_last);
    while !events.is_empty() {
        let batch: Vec<Event> = events.drain(..events.len().min(BATCH)).collect();
        let written = batch.clone();
        let outcome = services
            .db
            .write(async move |tx| {
                for event in &written {
                    event.record(tx).await?;
                }
                Ok::<_, Error>(())
            })
            .await;
        if let Err(error) = outcome {
            let mut state = services.refusals.lock();
            for event in batch.into_iter().chain(events) {
                if state.waiting.len() < MAX_WAITING {
                    state.waiting.push(event);
                } else {
                    *state.beyond.entry(event.action()).or_default() += 1;
                }
            }
            return Err(error);
        }
    }
    Ok(())
}
