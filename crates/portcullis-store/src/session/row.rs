use portcullis_core::{
    clock::Timestamp,
    id::{SessionId, UserId},
    session::StoredSession,
};
use uuid::Uuid;

use crate::{act::Corrupt, role::parse_all};

/// Columns of a session (table `s`), under names that do not meet those of a user.
macro_rules! session_columns {
    () => {
        "s.id AS session_id, s.user_id, s.session_epoch AS held_epoch, s.sealed_salt, s.counter, s.rotated_at,
         s.rotated_before_at, s.narrowed, s.idle_expires_at, s.expires_at, s.ended_at"
    };
}
pub(crate) use session_columns;

/// One row of [`session_columns`].
#[derive(sqlx::FromRow)]
pub(crate) struct SessionRow {
    session_id: Uuid,
    user_id: Uuid,
    held_epoch: i64,
    sealed_salt: Vec<u8>,
    counter: i64,
    rotated_at: Option<i64>,
    rotated_before_at: Option<i64>,
    narrowed: Option<String>,
    idle_expires_at: i64,
    expires_at: i64,
    ended_at: Option<i64>,
}

impl SessionRow {
    pub(crate) fn session(self) -> Result<StoredSession, Corrupt> {
        Ok(StoredSession {
            id: SessionId::from_uuid(self.session_id),
            user: UserId::from_uuid(self.user_id),
            session_epoch: self.held_epoch,
            sealed_salt: self.sealed_salt,
            counter: self.counter,
            rotated_at: self.rotated_at.map(Timestamp::from_millis),
            rotated_before_at: self.rotated_before_at.map(Timestamp::from_millis),
            narrowed: self
                .narrowed
                .map(|scopes| parse_all(&scopes).ok_or_else(|| Corrupt::new("the scopes of a session")))
                .transpose()?,
            idle_expires_at: Timestamp::from_millis(self.idle_expires_at),
            expires_at: Timestamp::from_millis(self.expires_at),
            ended_at: self.ended_at.map(Timestamp::from_millis),
        })
    }
}
