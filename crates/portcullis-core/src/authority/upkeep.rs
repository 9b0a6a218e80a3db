use std::{future::Future, sync::Arc, time::Duration};

use super::{Authority, Caller, TryLater};
use crate::{clock::Timestamp, store::Purged};

/// How often a node looks whether the daily work is due.
const LOOK: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(86_400);
/// Failed logins are stored in batches, at most so late.
const AUDIT_DELAY: Duration = Duration::from_millis(250);

impl Authority {
    /// Does all that goes on beside requests, until `shutdown`: follows the feed, reloads keys, stores audit events,
    /// purges once a day. Then stores what still waits.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = shutdown => {}
            () = self.follower.run(std::future::pending()) => {}
            () = self.reload_keys() => {}
            () = self.store_audit() => {}
            () = self.keep_up() => {}
        }
        self.flush().await;
    }

    /// Stores the audit events that wait.
    pub async fn flush(&self) {
        self.audit.flush(&self.store).await;
    }

    async fn reload_keys(&self) {
        loop {
            self.key_reload.wanted().await;
            if let Err(error) = self.keys.reload().await {
                tracing::error!(%error, "keys.reload_failed");
                self.key_reload.again();
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    async fn store_audit(&self) {
        loop {
            self.audit.noted().await;
            tokio::time::sleep(AUDIT_DELAY).await;
            self.flush().await;
        }
    }

    async fn keep_up(&self) {
        let started = self.clock.monotonic();
        loop {
            if let Err(error) = self.upkeep(self.clock.monotonic().saturating_sub(started)).await {
                tracing::error!(%error, "upkeep.failed");
            }
            self.limiter.sweep();
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn upkeep(&self, up_for: Duration) -> Result<(), TryLater> {
        self.learn_population().await?;
        self.settle_longest_ttl(up_for).await?;
        let now = self.clock.now();
        let last: Option<i64> = self.store.meta("purged_at").await?.and_then(|at| at.parse().ok());
        let due = last.is_none_or(|last| now.since(Timestamp::from_millis(last)) >= DAY);
        if due
            && self
                .store
                .take_lease("purge", &self.node, now, now + LOOK)
                .await?
        {
            self.purge().await?;
        }
        Ok(())
    }

    /// Tells the pool which kinds of hashes are stored, so that the dummies of unknown users look alike.
    pub async fn learn_population(&self) -> Result<(), TryLater> {
        self.pool.set_population(&self.store.hash_kinds().await?);
        Ok(())
    }

    /// Deletes what nothing can need any more. [`Authority::run`] does it once it was not done for a day, so whoever calls
    /// this at a set time has chosen the time.
    pub async fn purge(&self) -> Result<Purged, TryLater> {
        let now = self.clock.now();
        let purged = self
            .store
            .purge(now, self.config.audit_retention.map(|keep| now - keep))
            .await?;
        self.store
            .set_meta("purged_at", &now.millis().to_string())
            .await?;
        let context = self.context(&Caller::system());
        let keys = Arc::clone(&self.keys);
        let pruned = self
            .act(&context, |_, context| async move { keys.prune(&context).await })
            .await;
        if let Err(error) = pruned {
            // Shared secrets have nothing to prune; a contended key set is pruned tomorrow.
            tracing::debug!(%error, "keys.not_pruned");
        }
        tracing::info!(
            sessions = purged.sessions,
            changes = purged.changes,
            attempts = purged.attempts,
            audit = purged.audit,
            "purged"
        );
        Ok(purged)
    }
}
