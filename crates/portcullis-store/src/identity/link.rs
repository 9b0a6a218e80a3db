use async_trait::async_trait;
use portcullis_core::{
    audit::{ActContext, kind},
    identity::MOST_IDENTITIES,
    store::{IdentityActError, LinkIdentity},
    user::UserStatus,
};
use serde_json::json;

use super::{all, insert};
use crate::{
    act::{Act, Failure, Tx},
    audit, dialect,
};

/// [`Store::link_identity`](portcullis_core::store::Store::link_identity)
pub(crate) struct Link {
    pub(crate) context: ActContext,
    pub(crate) act: LinkIdentity,
}

#[async_trait]
impl Act for Link {
    type Output = ();
    type Error = IdentityActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Failure<IdentityActError>> {
        let LinkIdentity {
            user,
            session_epoch,
            email,
            identity,
        } = &self.act;
        dialect::lock_user(tx.sql(), user.uuid()).await?;
        let Some(standing) = tx.standing(*user).await? else {
            return Err(Failure::Refused(IdentityActError::NotFound));
        };
        let same = standing.session_epoch == *session_epoch
            && standing.user.status == UserStatus::Active
            && email
                .as_ref()
                .is_none_or(|email| *email == standing.user.email.key());
        if !same {
            return Err(Failure::Refused(IdentityActError::Behind));
        }
        if all(tx.sql(), *user).await?.len() >= MOST_IDENTITIES {
            return Err(Failure::Refused(IdentityActError::TooMany));
        }
        insert(tx, *user, identity, self.context.now)
            .await
            .map_err(|error| match error {
                error if dialect::is_duplicate(&error) => Failure::Refused(IdentityActError::Taken),
                error => Failure::Database(error),
            })?;
        let detail = json!({
            "provider": identity.provider,
            "identity": identity.id,
            "issuer": identity.issuer,
            "by_email": email.is_some(),
        });
        let event = self.context.event(kind::IDENTITY_LINKED, Some(*user), detail);
        audit::insert(tx.sql(), &event).await?;
        Ok(())
    }
}
