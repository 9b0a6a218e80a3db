use async_trait::async_trait;
use portcullis_core::{clock::Timestamp, store::StoreError};

use crate::{
    act::{Act, Failure, Tx},
    sql::execute,
};

/// [`Store::take_lease`](portcullis_core::store::Store::take_lease)
pub(crate) struct TakeLease {
    pub(crate) name: String,
    pub(crate) holder: String,
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
}

#[async_trait]
impl Act for TakeLease {
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Failure<StoreError>> {
        let taken = execute!(
            tx.sql(),
            "INSERT INTO portcullis_leases (name, holder, held_until) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
             WHERE portcullis_leases.holder = excluded.holder OR portcullis_leases.held_until <= $4",
            self.name.as_str(),
            self.holder.as_str(),
            self.until.millis(),
            self.now.millis(),
        )?;
        Ok(taken == 1)
    }
}
