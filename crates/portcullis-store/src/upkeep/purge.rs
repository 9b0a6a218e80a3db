use std::time::Duration;

use async_trait::async_trait;
use portcullis_core::{
    clock::Timestamp,
    store::{Expired, StoreError},
};

use crate::{
    act::{Act, Failure, Tx},
    sql::execute,
};

/// Rows per transaction: others get their turn between two.
const BATCH: i64 = 500;

/// An attempt that is not followed by another for so long is forgotten, unless it was against an account: how often in a
/// row an account's password was missed is never forgotten by mere waiting (NIST SP 800-63B, section 3.2.2).
const STALE: Duration = Duration::from_secs(90 * 86_400);

/// [`Store::purge`](portcullis_core::store::Store::purge)
pub(crate) struct Purge {
    pub(crate) expired: Expired,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Act for Purge {
    type Output = u64;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, Failure<StoreError>> {
        let now = self.now.millis();
        Ok(match self.expired {
            // Each by its own index.
            Expired::Sessions => {
                let ended = execute!(
                    tx.sql(),
                    "DELETE FROM portcullis_sessions WHERE id IN
                     (SELECT id FROM portcullis_sessions WHERE ended_at IS NOT NULL LIMIT $1)",
                    BATCH
                )?;
                let left = BATCH.saturating_sub_unsigned(ended);
                ended
                    + execute!(
                        tx.sql(),
                        "DELETE FROM portcullis_sessions WHERE id IN
                         (SELECT id FROM portcullis_sessions WHERE idle_expires_at <= $2 LIMIT $1)",
                        left,
                        now
                    )?
            }
            Expired::Changes => execute!(
                tx.sql(),
                "DELETE FROM portcullis_changes WHERE (lane, n) IN
                 (SELECT c.lane, c.n FROM portcullis_changes c JOIN portcullis_lanes l ON l.lane = c.lane
                  WHERE c.deny_until <= $2 AND c.n < l.n LIMIT $1)",
                BATCH,
                now
            )?,
            Expired::Attempts => execute!(
                tx.sql(),
                "DELETE FROM portcullis_attempts WHERE bucket IN
                 (SELECT a.bucket FROM portcullis_attempts a
                  WHERE a.last_at <= $2
                    AND (a.attempts = 0 OR NOT EXISTS (SELECT 1 FROM portcullis_users u WHERE u.id = a.bucket))
                  LIMIT $1)",
                BATCH,
                (self.now - STALE).millis()
            )?,
            Expired::Audit { before } => execute!(
                tx.sql(),
                "DELETE FROM portcullis_audit WHERE id IN
                 (SELECT id FROM portcullis_audit WHERE happened_at < $2 LIMIT $1)",
                BATCH,
                before.millis()
            )?,
        })
    }
}
