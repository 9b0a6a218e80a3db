use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

use crate::{audit::AuditEvent, metrics::Counter, store::Store};

/// How many events wait at most. An attacker who fails logins faster than the store takes them in loses events, which
/// is counted and logged: rather that than memory without bound or a login that waits.
const CAPACITY: usize = 10_000;
const BATCH: usize = 500;

/// Collects events that no act carries with it, and stores them in batches.
pub(super) struct AuditSink {
    waiting: Mutex<Vec<AuditEvent>>,
    wake: Notify,
    dropped: AtomicU64,
    /// As `dropped`, but since the start.
    pub(super) lost: Counter,
}

impl AuditSink {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            wake: Notify::new(),
            dropped: AtomicU64::new(0),
            lost: Counter::default(),
        }
    }

    /// How many events wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn drop_events(&self, number: u64) {
        self.dropped.fetch_add(number, Ordering::Relaxed);
        self.lost.add(number);
    }

    /// Takes an event without waiting.
    pub(super) fn note(&self, event: AuditEvent) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < CAPACITY {
            waiting.push(event);
            drop(waiting);
            self.wake.notify_one();
        } else {
            drop(waiting);
            self.drop_events(1);
        }
    }

    /// Waits until there is something to store.
    pub(super) async fn noted(&self) {
        self.wake.notified().await;
    }

    /// Stores all that waits. What the store does not take waits on.
    pub(super) async fn flush(&self, store: &Arc<dyn Store>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::error!(dropped, "audit.dropped");
        }
        loop {
            let mut batch = self.take();
            if batch.events.is_empty() {
                return;
            }
            if let Err(error) = store.append_audit(batch.events.clone()).await {
                tracing::error!(%error, "audit.failed");
                return;
            }
            batch.events.clear();
        }
    }

    fn take(&self) -> Batch<'_> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let end = waiting.len().min(BATCH);
        Batch {
            events: waiting.drain(..end).collect(),
            sink: self,
        }
    }
}

/// Events on their way to the store. What is not stored when this is dropped waits on: the store may fail, and whoever
/// stores may go away in between, at the end of the server or of a request.
struct Batch<'a> {
    events: Vec<AuditEvent>,
    sink: &'a AuditSink,
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if self.events.is_empty() {
            return;
        }
        let mut waiting = self.sink.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = self.events.len().min(CAPACITY.saturating_sub(waiting.len()));
        let lost = u64::try_from(self.events.len() - kept).unwrap_or(0);
        self.sink.drop_events(lost);
        waiting.splice(0..0, self.events.drain(..kept));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        audit::{Actor, kind},
        clock::Timestamp,
        id::AuditId,
        rng::SystemRng,
    };

    fn event() -> AuditEvent {
        let at = Timestamp::from_unix_seconds(1_700_000_000);
        AuditEvent {
            id: AuditId::generate(at, &SystemRng),
            at,
            kind: kind::LOGIN_FAILED.to_owned(),
            actor: Actor::Anonymous,
            subject: None,
            address: None,
            request_id: None,
            detail: serde_json::Value::Null,
        }
    }

    #[test]
    fn what_was_taken_and_not_stored_waits_on_in_its_order() {
        let sink = AuditSink::new();
        let events: Vec<AuditEvent> = (0..BATCH + 2).map(|_| event()).collect();
        for event in &events {
            sink.note(event.clone());
        }
        drop(sink.take());
        assert_eq!(*sink.waiting.lock().unwrap(), events);

        sink.take().events.clear();
        assert_eq!(*sink.waiting.lock().unwrap(), events[BATCH..]);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let sink = AuditSink::new();
        sink.note(event());
        let batch = sink.take();
        for _ in 0..=CAPACITY {
            sink.note(event());
        }
        drop(batch);
        assert_eq!(sink.waiting.lock().unwrap().len(), CAPACITY);
        assert_eq!(sink.dropped.load(Ordering::Relaxed), 2);
    }
}
