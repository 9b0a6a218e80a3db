use async_trait::async_trait;
use portcullis_core::{
    audit::{ActContext, kind},
    identity::may_unlink,
    session::EndReason,
    store::{IdentityActError, UnlinkIdentity},
};
use serde_json::json;
use uuid::Uuid;

use super::{all, end::end_sessions};
use crate::{
    act::{Act, Failure, Tx},
    audit, dialect,
    sql::{execute, fetch_all, fetch_optional},
};

/// [`Store::unlink_identity`](portcullis_core::store::Store::unlink_identity)
pub(crate) struct Unlink {
    pub(crate) context: ActContext,
    pub(crate) act: UnlinkIdentity,
}

#[async_trait]
impl Act for Unlink {
    type Output = u64;
    type Error = IdentityActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64, Failure<IdentityActError>> {
        let UnlinkIdentity {
            user,
            session_epoch,
            identity,
            usable,
        } = &self.act;
        // Two at once must not each find the other's account as the one that is left.
        dialect::lock_user(tx.sql(), user.uuid()).await?;
        let row = fetch_optional!(
            tx.sql(),
            (i64, Option<String>),
            "SELECT session_epoch, password FROM portcullis_users WHERE id = $1",
            user.uuid()
        )?;
        let Some((epoch, password)) = row else {
            return Err(Failure::Refused(IdentityActError::NotFound));
        };
        if epoch != *session_epoch {
            return Err(Failure::Refused(IdentityActError::Behind));
        }
        let linked = all(tx.sql(), *user).await?;
        let Some(gone) = linked.iter().find(|one| one.id == *identity) else {
            return Err(Failure::Refused(IdentityActError::NotFound));
        };
        let others = linked.iter().filter(|one| one.id != *identity);
        if !may_unlink(password.is_some(), others.map(|one| one.issuer.as_str()), usable) {
            return Err(Failure::Refused(IdentityActError::LastWayIn));
        }
        let sessions = fetch_all!(
            tx.sql(),
            (Uuid,),
            "SELECT session_id FROM portcullis_session_origins WHERE identity_id = $1",
            identity.uuid()
        )?;
        let (ended, _) = end_sessions(tx, &self.context, &sessions, EndReason::Unlinked).await?;
        execute!(
            tx.sql(),
            "DELETE FROM portcullis_identities WHERE id = $1",
            identity.uuid()
        )?;
        let detail = json!({
            "provider": gone.provider,
            "identity": gone.id,
            "issuer": gone.issuer,
            "sessions": ended,
        });
        let event = self.context.event(kind::IDENTITY_UNLINKED, Some(*user), detail);
        audit::insert(tx.sql(), &event).await?;
        Ok(ended)
    }
}
