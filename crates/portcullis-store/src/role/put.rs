use async_trait::async_trait;
use portcullis_core::{
    access::Role,
    audit::{ActContext, kind},
    store::RoleActError,
};
use serde_json::json;

use super::{raise_epoch, store_role, words};
use crate::{
    act::{Act, Failure, Tx},
    audit,
    user::administrators,
};

/// [`Store::put_role`](portcullis_core::store::Store::put_role)
pub(crate) struct PutRole {
    pub(crate) context: ActContext,
    pub(crate) role: Role,
}

#[async_trait]
impl Act for PutRole {
    type Output = bool;
    type Error = RoleActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Failure<RoleActError>> {
        administrators::guard(tx).await?;
        let graph = tx.roles().await?;
        let old = graph.get(self.role.name.as_str());
        // Putting what is there already must not void the tokens of all who have it.
        if old == Some(&self.role) {
            return Ok(false);
        }
        let next = graph
            .with(self.role.clone())
            .map_err(|error| Failure::Refused(error.into()))?;
        let had = administrators::any(tx, &graph).await?;

        raise_epoch(tx, &self.context, &self.role.name).await?;
        store_role(tx, &self.role).await?;
        if had && !administrators::any(tx, &next).await? {
            return Err(Failure::Refused(RoleActError::LastAdministrator));
        }
        audit::insert(
            tx.sql(),
            &self.context.event(
                kind::ROLE_PUT,
                None,
                json!({
                    "role": self.role.name.as_str(),
                    "scopes": words(&self.role.scopes),
                    "implies": words(&self.role.implies),
                    "new": old.is_none(),
                }),
            ),
        )
        .await?;
        Ok(old.is_none())
    }
}
