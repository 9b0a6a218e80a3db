use super::{AdminRoleError, Authority, Caller, TryLater};
use crate::access::{Role, RoleGraph, RoleName};

impl Authority {
    /// All roles.
    pub async fn roles(&self) -> Result<RoleGraph, TryLater> {
        Ok(self.store.roles().await?)
    }

    /// Adds or replaces a role; gives whether it is new. Every token that carries it is void.
    pub async fn put_role(&self, caller: &Caller, role: Role) -> Result<bool, AdminRoleError> {
        let context = self.context(caller);
        let new = self
            .act(&context, |store, context| async move {
                store.put_role(&context, role).await
            })
            .await?;
        Ok(new)
    }

    /// Deletes a role. Every token that carries it is void. Refused for a role that whoever registers gets.
    pub async fn delete_role(&self, caller: &Caller, name: &RoleName) -> Result<(), AdminRoleError> {
        if self.config.default_roles.contains(name) {
            return Err(AdminRoleError::Default);
        }
        let context = self.context(caller);
        let name = name.clone();
        self.act(&context, |store, context| async move {
            store.delete_role(&context, &name).await
        })
        .await?;
        Ok(())
    }
}
