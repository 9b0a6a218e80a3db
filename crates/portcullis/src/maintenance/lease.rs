use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use portcullis_core::authority::{Authority, TryLater};
use tokio::time::sleep;

/// For how long a node is at it that does not say anything more.
const LEASE: Duration = Duration::from_secs(120);
/// How often it says so.
const RENEW: Duration = Duration::from_secs(30);

const NAME: &str = "maintenance";

/// The right to do maintenance. Ends by itself.
pub(super) struct Lease {
    authority: Arc<Authority>,
}

/// Somebody else has the lease.
pub(super) struct Lost;

impl Lease {
    /// None when another node has it.
    pub(super) async fn take(authority: &Arc<Authority>) -> Result<Option<Self>, TryLater> {
        let lease = Self {
            authority: Arc::clone(authority),
        };
        Ok(lease.renew(LEASE).await?.then_some(lease))
    }

    async fn renew(&self, keep: Duration) -> Result<bool, TryLater> {
        let now = self.authority.clock().now();
        let (store, node) = (self.authority.store(), self.authority.node());
        Ok(store.take_lease(NAME, node, now, now + keep).await?)
    }

    /// Does `work`, and drops it when another node has the lease. While the store does not answer, the work cannot do much
    /// either, and ends with an error of its own.
    pub(super) async fn keep_while<T>(&self, mut work: BoxFuture<'_, T>) -> Result<T, Lost> {
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = sleep(RENEW) => match self.renew(LEASE).await {
                    Ok(false) => return Err(Lost),
                    Ok(true) => {}
                    Err(error) => tracing::warn!(%error, "maintenance.lease_not_renewed"),
                }
            }
        }
    }

    /// If this fails, it ends by itself.
    pub(super) async fn give_back(self) {
        let _ = self.renew(Duration::ZERO).await;
    }
}
