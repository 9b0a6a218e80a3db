use async_trait::async_trait;
use portcullis_core::{
    audit::{ActContext, kind},
    id::{SessionId, UserId},
    revocation::ChangeKind,
    session::EndReason,
    store::StoreError,
};
use serde_json::json;
use uuid::Uuid;

use super::end_all;
use crate::{
    act::{Act, Failure, Tx},
    audit,
    sql::{fetch_optional, raised},
};

/// [`Store::end_session`](portcullis_core::store::Store::end_session)
pub(crate) struct EndSession {
    pub(crate) context: ActContext,
    pub(crate) session: SessionId,
    pub(crate) owner: Option<UserId>,
    pub(crate) reason: EndReason,
}

#[async_trait]
impl Act for EndSession {
    type Output = bool;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool, Failure<StoreError>> {
        // One that merely expired is ended too: an access token of it may still be valid.
        let ended = fetch_optional!(
            tx.sql(),
            (Uuid,),
            "UPDATE portcullis_sessions SET ended_at = $2, end_reason = $3
             WHERE id = $1 AND ended_at IS NULL AND ($4 = user_id OR $5 = 1)
             RETURNING user_id",
            self.session.uuid(),
            self.context.now.millis(),
            self.reason.as_str(),
            self.owner.map_or(Uuid::nil(), UserId::uuid),
            i64::from(self.owner.is_none()),
        )?;
        let Some((user,)) = ended else {
            return Ok(false);
        };
        tx.announce(
            &self.context,
            self.session.uuid().as_bytes(),
            ChangeKind::SessionEnded {
                session: self.session,
            },
        );
        let kind = match self.reason {
            EndReason::Logout => kind::LOGOUT,
            _ => kind::SESSION_ENDED,
        };
        let detail = json!({ "session": self.session, "reason": self.reason.as_str() });
        let event = self.context.event(kind, Some(UserId::from_uuid(user)), detail);
        audit::insert(tx.sql(), &event).await?;
        Ok(true)
    }
}

/// [`Store::end_all_sessions`](portcullis_core::store::Store::end_all_sessions)
pub(crate) struct EndAllSessions {
    pub(crate) context: ActContext,
    pub(crate) user: UserId,
    pub(crate) reason: EndReason,
}

#[async_trait]
impl Act for EndAllSessions {
    type Output = Option<u64>;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<u64>, Failure<StoreError>> {
        let id = self.user.uuid();
        let raised = fetch_optional!(
            tx.sql(),
            (i64, i64),
            concat!(
                "UPDATE portcullis_users SET session_epoch = ",
                raised!("session_epoch", "$2"),
                " WHERE id = $1 RETURNING token_epoch, session_epoch"
            ),
            id,
            self.context.now.millis()
        )?;
        let Some((token_epoch, session_epoch)) = raised else {
            return Ok(None);
        };
        let ended = end_all(tx, self.user, None, self.reason, self.context.now).await?;
        tx.announce(
            &self.context,
            id.as_bytes(),
            ChangeKind::UserEpochs {
                user: self.user,
                token_epoch,
                session_epoch,
            },
        );
        let detail = json!({ "sessions": ended, "reason": self.reason.as_str() });
        let event = self.context.event(kind::LOGOUT_ALL, Some(self.user), detail);
        audit::insert(tx.sql(), &event).await?;
        Ok(Some(ended))
    }
}
