//! Sessions.

mod end;
mod list;
mod open;
mod refresh;
mod row;

use portcullis_core::{
    clock::Timestamp,
    id::UserId,
    session::{EndReason, NewSession, StoredSession},
    store::KeptSession,
};

use self::row::{SessionRow, session_columns};
pub(crate) use self::{
    end::{EndAllSessions, EndSession},
    list::{by_id, list, records},
    open::Open,
    refresh::Refresh,
};
use crate::{
    act::{Failure, Tx},
    role,
    sql::{execute, fetch_optional},
};

/// Stores a new session of a user, held as of `epoch`.
pub(crate) async fn insert(
    tx: &mut Tx<'_>,
    user: UserId,
    epoch: i64,
    new: &NewSession,
) -> Result<StoredSession, sqlx::Error> {
    // The idle limit never lies beyond the absolute one: one column then tells when the session is over.
    let idle_expires_at = new.idle_expires_at.min(new.expires_at);
    execute!(
        tx.sql(),
        "INSERT INTO portcullis_sessions
         (id, user_id, session_epoch, sealed_salt, counter, narrowed, address, agent, created_at, last_used_at,
          idle_expires_at, expires_at)
         VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $8, $9, $10)",
        new.id.uuid(),
        user.uuid(),
        epoch,
        new.sealed_salt.as_slice(),
        new.narrowed.as_ref().map(role::join),
        new.address.map(|address| address.to_string()),
        new.agent.as_deref(),
        new.created_at.millis(),
        idle_expires_at.millis(),
        new.expires_at.millis(),
    )?;
    Ok(StoredSession {
        id: new.id,
        user,
        session_epoch: epoch,
        sealed_salt: new.sealed_salt.clone(),
        counter: 0,
        rotated_at: None,
        rotated_before_at: None,
        narrowed: new.narrowed.clone(),
        idle_expires_at,
        expires_at: new.expires_at,
        ended_at: None,
    })
}

/// Ends all live sessions of a user but `kept`; gives how many.
pub(crate) async fn end_all(
    tx: &mut Tx<'_>,
    user: UserId,
    kept: Option<portcullis_core::id::SessionId>,
    reason: EndReason,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    // No session has the nil UUID.
    let kept = kept.map_or(uuid::Uuid::nil(), portcullis_core::id::SessionId::uuid);
    execute!(
        tx.sql(),
        "UPDATE portcullis_sessions SET ended_at = $3, end_reason = $4
         WHERE user_id = $1 AND id <> $2 AND ended_at IS NULL AND idle_expires_at > $3",
        user.uuid(),
        kept,
        now.millis(),
        reason.as_str(),
    )
}

/// Carries the kept session over a new password: a new salt, so that nobody else's refresh token works. `None` when it
/// is not live.
pub(crate) async fn renew<E>(
    tx: &mut Tx<'_>,
    user: UserId,
    epoch: i64,
    kept: &KeptSession,
    now: Timestamp,
) -> Result<Option<StoredSession>, Failure<E>> {
    let touched = execute!(
        tx.sql(),
        "UPDATE portcullis_sessions
         SET session_epoch = $3, sealed_salt = $4, counter = counter + 1, rotated_at = NULL,
             rotated_before_at = NULL, last_used_at = $5,
             idle_expires_at = CASE WHEN expires_at < $6 THEN expires_at ELSE $6 END
         WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND idle_expires_at > $5",
        kept.session.uuid(),
        user.uuid(),
        epoch,
        kept.sealed_salt.as_slice(),
        now.millis(),
        kept.idle_expires_at.millis(),
    )?;
    if touched == 0 {
        return Ok(None);
    }
    let row = fetch_optional!(
        tx.sql(),
        SessionRow,
        concat!(
            "SELECT ",
            session_columns!(),
            " FROM portcullis_sessions s WHERE s.id = $1"
        ),
        kept.session.uuid()
    )?;
    Ok(row.map(SessionRow::session).transpose()?)
}
