use async_trait::async_trait;
use portcullis_core::{
    clock::Timestamp,
    store::{AttemptKey, StoreError},
};
use uuid::Uuid;

use crate::{
    act::{Act, Failure, Tx},
    sql::{execute, fetch_one},
};

/// [`Store::count_attempt`](portcullis_core::store::Store::count_attempt)
pub(crate) struct CountAttempt {
    pub(crate) key: AttemptKey,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Act for CountAttempt {
    type Output = u32;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u32, Failure<StoreError>> {
        let (count,) = fetch_one!(
            tx.sql(),
            (i64,),
            "INSERT INTO portcullis_attempts (bucket, attempts, last_at) VALUES ($1, 1, $2)
             ON CONFLICT (bucket) DO UPDATE
             SET attempts = portcullis_attempts.attempts + 1, last_at = excluded.last_at
             RETURNING attempts",
            Uuid::from_bytes(self.key.0),
            self.now.millis()
        )?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }
}

/// [`Store::refund_attempt`](portcullis_core::store::Store::refund_attempt)
pub(crate) struct RefundAttempt {
    pub(crate) key: AttemptKey,
}

#[async_trait]
impl Act for RefundAttempt {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Failure<StoreError>> {
        execute!(
            tx.sql(),
            "UPDATE portcullis_attempts SET attempts = attempts - 1 WHERE bucket = $1 AND attempts > 0",
            Uuid::from_bytes(self.key.0)
        )?;
        Ok(())
    }
}

/// Forgets the failed attempts of a bucket; gives whether there were some.
pub(crate) async fn clear_attempts(tx: &mut Tx<'_>, bucket: [u8; 16]) -> Result<bool, sqlx::Error> {
    let cleared = execute!(
        tx.sql(),
        "DELETE FROM portcullis_attempts WHERE bucket = $1",
        Uuid::from_bytes(bucket)
    )?;
    Ok(cleared > 0)
}
