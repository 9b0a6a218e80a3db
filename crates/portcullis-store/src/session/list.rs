use portcullis_core::{
    clock::Timestamp,
    id::{SessionId, UserId},
    session::{SessionSummary, StoredSession},
    store::StoreError,
};
use uuid::Uuid;

use super::row::{SessionRow, session_columns};
use crate::{
    act::Failure,
    sql::{Connection, fetch_all, fetch_optional},
};

#[derive(sqlx::FromRow)]
struct SummaryRow {
    id: Uuid,
    created_at: i64,
    last_used_at: i64,
    idle_expires_at: i64,
    address: Option<String>,
    agent: Option<String>,
}

/// Nobody has so many devices, but whoever logs in all day long has so many sessions.
const MOST: i64 = 200;

/// [`Store::sessions`](portcullis_core::store::Store::sessions)
pub(crate) async fn list(
    connection: &mut Connection<'_>,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<SessionSummary>, Failure<StoreError>> {
    let rows = fetch_all!(
        connection,
        SummaryRow,
        "SELECT s.id, s.created_at, s.last_used_at, s.idle_expires_at, s.address, s.agent
         FROM portcullis_sessions s JOIN portcullis_users u ON u.id = s.user_id
         WHERE s.user_id = $1 AND s.ended_at IS NULL AND s.idle_expires_at > $2
           AND s.session_epoch = u.session_epoch AND u.status = 'active'
         ORDER BY s.created_at DESC, s.id DESC LIMIT $3",
        user.uuid(),
        now.millis(),
        MOST
    )?;
    Ok(rows
        .into_iter()
        .map(|row| SessionSummary {
            id: SessionId::from_uuid(row.id),
            created_at: Timestamp::from_millis(row.created_at),
            last_used_at: Timestamp::from_millis(row.last_used_at),
            expires_at: Timestamp::from_millis(row.idle_expires_at),
            address: row.address.and_then(|address| address.parse().ok()),
            agent: row.agent,
        })
        .collect())
}

/// [`Store::session`](portcullis_core::store::Store::session)
pub(crate) async fn by_id(
    connection: &mut Connection<'_>,
    id: SessionId,
) -> Result<Option<StoredSession>, Failure<StoreError>> {
    let row = fetch_optional!(
        connection,
        SessionRow,
        concat!(
            "SELECT ",
            session_columns!(),
            " FROM portcullis_sessions s WHERE s.id = $1"
        ),
        id.uuid()
    )?;
    Ok(row.map(SessionRow::session).transpose()?)
}
