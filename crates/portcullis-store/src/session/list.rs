use portcullis_core::{
    clock::Timestamp,
    id::{SessionId, UserId},
    session::{SessionRecord, SessionSummary, StoredSession},
    store::StoreError,
};
use uuid::Uuid;

use super::row::{SessionRow, session_columns};
use crate::{
    act::{Corrupt, Failure},
    role::parse_all,
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

impl SummaryRow {
    fn summary(self) -> SessionSummary {
        SessionSummary {
            id: SessionId::from_uuid(self.id),
            created_at: Timestamp::from_millis(self.created_at),
            last_used_at: Timestamp::from_millis(self.last_used_at),
            expires_at: Timestamp::from_millis(self.idle_expires_at),
            address: self.address.and_then(|address| address.parse().ok()),
            agent: self.agent,
        }
    }
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
    Ok(rows.into_iter().map(SummaryRow::summary).collect())
}

#[derive(sqlx::FromRow)]
struct RecordRow {
    #[sqlx(flatten)]
    summary: SummaryRow,
    narrowed: Option<String>,
    ended_at: Option<i64>,
    end_reason: Option<String>,
}

/// [`Store::session_records`](portcullis_core::store::Store::session_records)
pub(crate) async fn records(
    connection: &mut Connection<'_>,
    user: UserId,
    limit: u32,
) -> Result<Vec<SessionRecord>, Failure<StoreError>> {
    let rows = fetch_all!(
        connection,
        RecordRow,
        "SELECT id, created_at, last_used_at, idle_expires_at, address, agent, narrowed, ended_at, end_reason
         FROM portcullis_sessions WHERE user_id = $1 ORDER BY id DESC LIMIT $2",
        user.uuid(),
        i64::from(limit)
    )?;
    let record = |row: RecordRow| {
        let narrowed = row
            .narrowed
            .map(|scopes| parse_all(&scopes).ok_or_else(|| Corrupt::new("the scopes of a session")))
            .transpose()?;
        Ok(SessionRecord {
            summary: row.summary.summary(),
            narrowed,
            ended_at: row.ended_at.map(Timestamp::from_millis),
            end_reason: row.end_reason,
        })
    };
    rows.into_iter().map(record).collect()
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
