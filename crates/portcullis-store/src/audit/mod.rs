//! The audit log.

mod list;

use async_trait::async_trait;
pub(crate) use list::list;
use portcullis_core::{audit::AuditEvent, store::StoreError};
use uuid::Uuid;

use crate::{
    act::{Act, Failure, Tx},
    sql::{Connection, execute, fetch_optional},
};

/// Adds one event, in the transaction of its act.
pub(crate) async fn insert(connection: &mut Connection<'_>, event: &AuditEvent) -> Result<(), sqlx::Error> {
    execute!(
        connection,
        "INSERT INTO portcullis_audit (id, happened_at, kind, actor, subject, address, request_id, detail)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        event.id.uuid(),
        event.at.millis(),
        event.kind.as_str(),
        event.actor.stored(),
        event.subject.map(portcullis_core::id::UserId::uuid),
        event.address.map(|address| address.to_string()),
        event.request_id.as_deref(),
        event.detail.to_string(),
    )?;
    Ok(())
}

/// [`Store::append_audit`](portcullis_core::store::Store::append_audit)
pub(crate) struct AppendAudit {
    pub(crate) events: Vec<AuditEvent>,
}

#[async_trait]
impl Act for AppendAudit {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Failure<StoreError>> {
        for event in &self.events {
            // What waits is sent again when nobody knows whether it was stored, and must not be in its own way then.
            let known = fetch_optional!(
                tx.sql(),
                (Uuid,),
                "SELECT id FROM portcullis_audit WHERE id = $1",
                event.id.uuid()
            )?;
            if known.is_none() {
                insert(tx.sql(), event).await?;
            }
        }
        Ok(())
    }
}
