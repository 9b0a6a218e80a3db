use async_trait::async_trait;
use portcullis_core::{
    audit::{ActContext, kind},
    id::UserId,
    revocation::ChangeKind,
    store::{DeletedUser, UserActError},
};
use serde_json::json;

use super::{administrators, clear_attempts};
use crate::{
    act::{Act, Failure, Tx},
    audit, dialect,
    sql::execute,
};

/// [`Store::delete_user`](portcullis_core::store::Store::delete_user)
pub(crate) struct DeleteUser {
    pub(crate) context: ActContext,
    pub(crate) user: UserId,
    pub(crate) session_epoch: Option<i64>,
}

#[async_trait]
impl Act for DeleteUser {
    type Output = DeletedUser;
    type Error = UserActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<DeletedUser, Failure<UserActError>> {
        administrators::guard(tx).await?;
        let graph = tx.roles().await?;
        let had = administrators::any(tx, &graph).await?;
        let id = self.user.uuid();
        dialect::lock_user(tx.sql(), id).await?;
        let Some(standing) = tx.standing(self.user).await? else {
            return Err(Failure::Refused(UserActError::NotFound));
        };
        if self
            .session_epoch
            .is_some_and(|checked| checked != standing.session_epoch)
        {
            return Err(Failure::Refused(UserActError::Behind));
        }

        // Sessions and roles go with the row.
        execute!(tx.sql(), "DELETE FROM portcullis_users WHERE id = $1", id)?;
        clear_attempts(tx, *id.as_bytes()).await?;
        if had && !administrators::any(tx, &graph).await? {
            return Err(Failure::Refused(UserActError::LastAdministrator));
        }
        // No epoch is ever valid again.
        tx.announce(
            &self.context,
            id.as_bytes(),
            ChangeKind::UserEpochs {
                user: self.user,
                token_epoch: i64::MAX,
                session_epoch: i64::MAX,
            },
        );
        let event = self.context.event(kind::USER_DELETED, Some(self.user), json!({}));
        audit::insert(tx.sql(), &event).await?;
        Ok(DeletedUser { user: standing.user })
    }
}
