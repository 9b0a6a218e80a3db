use std::{future::Future, time::Duration};

use super::{Authority, TryLater};

/// How often a node sees to what it alone knows.
const LOOK: Duration = Duration::from_secs(600);
/// Failed logins are stored in batches, at most so late.
const AUDIT_DELAY: Duration = Duration::from_millis(250);

impl Authority {
    /// Does all that goes on beside requests, until `shutdown`: follows the feed, reloads keys, stores audit events. Then
    /// stores what still waits. What one node of all has to do, [`Authority::maintain`] does.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        tokio::select! {
            () = shutdown => {}
            () = self.follower.run(std::future::pending()) => {}
            () = self.reload_keys() => {}
            () = self.store_audit() => {}
            () = self.keep_up() => {}
            () = self.watch_clock() => {}
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
        Ok(())
    }

    /// Tells the pool which kinds of hashes are stored, so that the dummies of unknown users look alike.
    pub async fn learn_population(&self) -> Result<(), TryLater> {
        self.pool.set_population(&self.store.hash_kinds().await?);
        Ok(())
    }
}
