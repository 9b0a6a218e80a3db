use async_trait::async_trait;
use portcullis_core::{clock::Timestamp, identity::Once, store::StoreError};
use uuid::Uuid;

use crate::{
    act::{Act, Failure, Tx},
    sql::execute,
};

/// Each one that is used up takes along so many that are good for nothing any more: more go than come.
const SWEPT: i64 = 20;

/// [`Store::spend`](portcullis_core::store::Store::spend)
pub(crate) struct Spend {
    pub(crate) once: Once,
    pub(crate) now: Timestamp,
}

#[async_trait]
impl Act for Spend {
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Failure<StoreError>> {
        let added = execute!(
            tx.sql(),
            "INSERT INTO portcullis_spent (id, good_until) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING",
            Uuid::from_bytes(self.once.id),
            self.once.until.millis(),
        )?;
        execute!(
            tx.sql(),
            "DELETE FROM portcullis_spent WHERE id IN
             (SELECT id FROM portcullis_spent WHERE good_until <= $2 LIMIT $1)",
            SWEPT,
            self.now.millis(),
        )?;
        Ok(added == 1)
    }
}
