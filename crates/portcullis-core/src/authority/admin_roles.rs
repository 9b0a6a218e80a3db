use super::{AdminRoleError, Authority, Caller, TryLater};
use crate::{
    access::{Role, RoleGraph, RoleName},
    audit::AuditEvent,
    store::AuditFilter,
};

impl Authority {
    /// All roles.
    pub async fn roles(&self) -> Result<RoleGraph, TryLater> {
        Ok(self.store.roles().await?)
    }

    /// Adds or replaces a role; gives whether it is new. Every token that carries it is void.
    pub async fn put_role(&self, caller: &Caller, role: Role) -> Result<bool, AdminRoleError> {
        let context = self.context(caller);
        let result = self.store.put_role(&context, role).await;
        Ok(self.settle(&context, result)?)
    }

    /// Deletes a role. Every token that carries it is void. Refused for a role that whoever registers gets.
    pub async fn delete_role(&self, caller: &Caller, name: &RoleName) -> Result<(), AdminRoleError> {
        if self.config.default_roles.contains(name) {
            return Err(AdminRoleError::Default);
        }
        let context = self.context(caller);
        let result = self.store.delete_role(&context, name).await;
        Ok(self.settle(&context, result)?)
    }

    /// Audit events, newest first; those that still wait are stored first, so that nothing is missing.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<AuditEvent>, TryLater> {
        self.audit.flush(&self.store).await;
        Ok(self.store.audit(filter).await?)
    }
}
