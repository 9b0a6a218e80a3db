use async_trait::async_trait;
use portcullis_core::{
    audit::{ActContext, kind},
    session::StoredSession,
    store::{OpenSession, OpenSessionError},
    user::{Standing, UserStatus},
};
use serde_json::json;

use super::insert;
use crate::{
    act::{Act, Failure, Tx},
    audit, dialect, identity,
    sql::execute,
    user::clear_attempts,
};

/// [`Store::open_session`](portcullis_core::store::Store::open_session)
pub(crate) struct Open {
    pub(crate) context: ActContext,
    pub(crate) act: OpenSession,
}

#[async_trait]
impl Act for Open {
    type Output = (Standing, StoredSession);
    type Error = OpenSessionError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Self::Output, Failure<OpenSessionError>> {
        let act = &self.act;
        let id = act.user.uuid();
        dialect::lock_user(tx.sql(), id).await?;
        let standing = match tx.standing(act.user).await? {
            Some(standing)
                if standing.user.status == UserStatus::Active
                    && standing.session_epoch == act.session_epoch =>
            {
                standing
            }
            _ => return Err(Failure::Refused(OpenSessionError::Refused)),
        };
        let provider = match &act.identity {
            None => None,
            Some(seen) => {
                let provider = identity::see(tx, act.user, seen, self.context.now).await?;
                Some(provider.ok_or(Failure::Refused(OpenSessionError::Refused))?)
            }
        };
        let session = insert(tx, act.user, act.session_epoch, &act.session).await?;
        if let Some(seen) = &act.identity {
            identity::begin(tx, session.id, seen).await?;
        }
        for key in &act.clear {
            clear_attempts(tx, key.0).await?;
        }
        if let Some((checked, upgraded)) = &act.upgrade {
            execute!(
                tx.sql(),
                "UPDATE portcullis_users SET password = $3, password_kind = $4
                 WHERE id = $1 AND password = $2",
                id,
                checked.expose(),
                upgraded.expose(),
                upgraded.kind(),
            )?;
        }
        let mut detail = json!({ "session": session.id });
        if let (Some(provider), Some(seen)) = (provider, &act.identity) {
            detail["provider"] = json!(provider);
            detail["identity"] = json!(seen.id);
        }
        let event = self.context.event(kind::LOGIN_SUCCEEDED, Some(act.user), detail);
        audit::insert(tx.sql(), &event).await?;
        Ok((standing, session))
    }
}
