use async_trait::async_trait;
use portcullis_core::{
    access::RoleName,
    audit::{ActContext, kind},
    store::RoleActError,
};
use serde_json::json;

use super::{raise_epoch, store_role};
use crate::{
    act::{Act, Failure, Tx},
    audit,
    sql::execute,
    user::administrators,
};

/// [`Store::delete_role`](portcullis_core::store::Store::delete_role)
pub(crate) struct DeleteRole {
    pub(crate) context: ActContext,
    pub(crate) name: RoleName,
}

#[async_trait]
impl Act for DeleteRole {
    type Output = ();
    type Error = RoleActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Failure<RoleActError>> {
        administrators::guard(tx).await?;
        let graph = tx.roles().await?;
        let name = self.name.as_str();
        if graph.get(name).is_none() {
            return Err(Failure::Refused(RoleActError::NotFound));
        }
        let next = graph.without(name);
        let had = administrators::any(tx, &graph).await?;

        raise_epoch(tx, &self.context, &self.name).await?;
        for role in next.roles() {
            if graph.get(role.name.as_str()) != Some(role) {
                store_role(tx, role).await?;
            }
        }
        let holders = execute!(
            tx.sql(),
            "DELETE FROM portcullis_user_roles WHERE role = $1",
            name
        )?;
        execute!(tx.sql(), "DELETE FROM portcullis_roles WHERE name = $1", name)?;
        if had && !administrators::any(tx, &next).await? {
            return Err(Failure::Refused(RoleActError::LastAdministrator));
        }
        let detail = json!({ "role": name, "holders": holders });
        audit::insert(tx.sql(), &self.context.event(kind::ROLE_DELETED, None, detail)).await?;
        Ok(())
    }
}
