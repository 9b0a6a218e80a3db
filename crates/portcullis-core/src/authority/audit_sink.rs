use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use tokio::sync::Notify;

use crate::{audit::AuditEvent, store::Store};

/// How many events wait at most. An attacker who fails logins faster than the store takes them in loses events, which
/// is counted and logged: rather that than memory without bound or a login that waits.
const CAPACITY: usize = 10_000;
const BATCH: usize = 500;

/// Collects events that no act carries with it, and stores them in batches.
pub(super) struct AuditSink {
    waiting: Mutex<Vec<AuditEvent>>,
    wake: Notify,
    dropped: AtomicU64,
}

impl AuditSink {
    pub(super) fn new() -> Self {
        Self {
            waiting: Mutex::new(Vec::new()),
            wake: Notify::new(),
            dropped: AtomicU64::new(0),
        }
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
            self.dropped.fetch_add(1, Ordering::Relaxed);
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
            let batch: Vec<AuditEvent> = {
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let end = waiting.len().min(BATCH);
                waiting.drain(..end).collect()
            };
            if batch.is_empty() {
                return;
            }
            if let Err(error) = store.append_audit(batch.clone()).await {
                tracing::error!(%error, "audit.failed");
                let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                let room = CAPACITY.saturating_sub(waiting.len());
                let kept = batch.len().min(room);
                self.dropped
                    .fetch_add(u64::try_from(batch.len() - kept).unwrap_or(0), Ordering::Relaxed);
                waiting.splice(0..0, batch.into_iter().take(kept));
                return;
            }
        }
    }
}
