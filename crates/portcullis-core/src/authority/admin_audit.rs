use super::{Authority, TryLater};
use crate::{audit::AuditEvent, store::AuditFilter};

impl Authority {
    /// Audit events, newest first; those that still wait are stored first, so that nothing is missing.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, TryLater> {
        self.audit.flush(&self.store).await;
        Ok(self.store.audit(filter).await?)
    }
}
