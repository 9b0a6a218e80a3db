use portcullis_core::{
    audit::{Actor, AuditEvent},
    clock::Timestamp,
    id::{AuditId, UserId},
    store::{AuditFilter, StoreError},
};
use sqlx::{Encode, QueryBuilder, Type};
use uuid::Uuid;

use crate::{
    act::{Corrupt, Failure},
    dialect::{after_prefix, storable},
    sql::{Connection, fetch_built},
};

#[derive(sqlx::FromRow)]
struct EventRow {
    id: Uuid,
    happened_at: i64,
    kind: String,
    actor: String,
    subject: Option<Uuid>,
    address: Option<String>,
    request_id: Option<String>,
    detail: String,
}

/// [`Store::audit`](portcullis_core::store::Store::audit)
pub(crate) async fn list(
    connection: &mut Connection<'_>,
    filter: &AuditFilter,
) -> Result<Vec<AuditEvent>, Failure<StoreError>> {
    if filter.kind.as_deref().is_some_and(|kind| !storable(kind)) {
        return Ok(Vec::new());
    }
    let rows = fetch_built!(connection, EventRow, |query| write(query, filter))?;
    rows.into_iter().map(event).collect()
}

fn event(row: EventRow) -> Result<AuditEvent, Failure<StoreError>> {
    Ok(AuditEvent {
        id: AuditId::from_uuid(row.id),
        at: Timestamp::from_millis(row.happened_at),
        kind: row.kind,
        actor: Actor::from_stored(&row.actor),
        subject: row.subject.map(UserId::from_uuid),
        address: row.address.and_then(|address| address.parse().ok()),
        request_id: row.request_id,
        detail: serde_json::from_str(&row.detail)
            .map_err(|_| Corrupt::new("the detail of an audit event"))?,
    })
}

fn write<'a, DB>(query: &mut QueryBuilder<DB>, filter: &AuditFilter)
where
    DB: sqlx::Database,
    String: Encode<'a, DB> + Type<DB>,
    i64: Encode<'a, DB> + Type<DB>,
    Uuid: Encode<'a, DB> + Type<DB>,
{
    query.push(
        "SELECT id, happened_at, kind, actor, subject, address, request_id, detail
         FROM portcullis_audit WHERE 1 = 1",
    );
    if let Some(kind) = &filter.kind {
        if kind.ends_with('.') {
            query.push(" AND kind >= ").push_bind(kind.clone());
            if let Some(end) = after_prefix(kind) {
                query.push(" AND kind < ").push_bind(end);
            }
        } else {
            query.push(" AND kind = ").push_bind(kind.clone());
        }
    }
    if let Some(actor) = filter.actor {
        query.push(" AND actor = ").push_bind(Actor::User(actor).stored());
    }
    if let Some(subject) = filter.subject {
        query.push(" AND subject = ").push_bind(subject.uuid());
    }
    if let Some(since) = filter.since {
        query.push(" AND happened_at >= ").push_bind(since.millis());
    }
    if let Some(until) = filter.until {
        query.push(" AND happened_at < ").push_bind(until.millis());
    }
    if let Some(before) = filter.before {
        query.push(" AND id < ").push_bind(before.uuid());
    }
    query
        .push(" ORDER BY id DESC LIMIT ")
        .push_bind(i64::from(filter.limit));
}
