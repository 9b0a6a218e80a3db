use async_trait::async_trait;
use portcullis_core::{
    audit::ActContext,
    revocation::ChangeKind,
    session::{EndReason, StoredSession},
    store::{SetPassword, UserActError},
    user::Standing,
};
use serde_json::json;

use super::clear_attempts;
use crate::{
    act::{Act, Corrupt, Failure, Tx},
    audit, dialect, session,
    sql::{fetch_one, fetch_optional, raised},
};

/// [`Store::set_password`](portcullis_core::store::Store::set_password)
pub(crate) struct ChangePassword {
    pub(crate) context: ActContext,
    pub(crate) act: SetPassword,
}

#[async_trait]
impl Act for ChangePassword {
    type Output = (Standing, Option<StoredSession>);
    type Error = UserActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Failure<UserActError>> {
        let act = &self.act;
        let id = act.user.uuid();
        dialect::lock_user(tx.sql(), id).await?;
        let epoch = fetch_optional!(
            tx.sql(),
            (i64,),
            "SELECT session_epoch FROM portcullis_users WHERE id = $1",
            id
        )?;
        let Some((epoch,)) = epoch else {
            return Err(Failure::Refused(UserActError::NotFound));
        };
        if act.session_epoch.is_some_and(|checked| checked != epoch) {
            return Err(Failure::Refused(UserActError::Behind));
        }

        let (raised,) = fetch_one!(
            tx.sql(),
            (i64,),
            concat!(
                "UPDATE portcullis_users SET password = $2, password_kind = $3, session_epoch = ",
                raised!("session_epoch", "$4"),
                ", password_epoch = ",
                raised!("password_epoch", "$4"),
                " WHERE id = $1 RETURNING session_epoch"
            ),
            id,
            act.password.expose(),
            act.password.kind(),
            self.context.now.millis(),
        )?;
        let kept = act.keep.as_ref().map(|kept| kept.session);
        session::end_all(tx, act.user, kept, EndReason::Password, self.context.now).await?;
        let session = match &act.keep {
            None => None,
            // Ended or expired meanwhile: it must not come back to life by a new password.
            Some(kept) => Some(
                session::renew(tx, act.user, raised, kept, self.context.now)
                    .await?
                    .ok_or(Failure::Refused(UserActError::Behind))?,
            ),
        };
        clear_attempts(tx, *id.as_bytes()).await?;
        let standing = tx
            .standing(act.user)
            .await?
            .ok_or_else(|| Corrupt::new("the user with the new password"))?;
        tx.announce(
            &self.context,
            id.as_bytes(),
            ChangeKind::UserEpochs {
                user: act.user,
                token_epoch: standing.token_epoch,
                session_epoch: standing.session_epoch,
            },
        );
        let event = self.context.event(act.event, Some(act.user), json!({}));
        audit::insert(tx.sql(), &event).await?;
        Ok((standing, session))
    }
}
