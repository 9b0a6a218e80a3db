use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use portcullis_core::{
    audit::AuditEvent, authority::Authority, clock::Timestamp, id::AuditId, store::AuditFilter,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{page::next_link, users::list::limit};
use crate::{
    access::Allow,
    api::{
        Admin,
        documented::{ParameterErrors, Unavailable},
    },
    input::{Check, Json, Query, Valid, Validate},
    problem::Problem,
};

/// Which events.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListAudit {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50, value_type = Option<u32>)]
    limit: Option<String>,
    /// Where the last page ended: from its `Link`.
    #[param(format = "uuid")]
    cursor: Option<String>,
    /// Of this kind; `login.` matches all that begin so.
    kind: Option<String>,
    /// By this user.
    #[param(format = "uuid")]
    actor: Option<String>,
    /// On this user.
    #[param(format = "uuid")]
    subject: Option<String>,
    /// At or after this time (RFC 3339).
    #[param(format = "date-time")]
    since: Option<String>,
    /// Before this time (RFC 3339).
    #[param(format = "date-time")]
    until: Option<String>,
}

impl Validate for ListAudit {
    type Valid = AuditFilter;

    fn validate(self, check: &mut Check) -> Option<AuditFilter> {
        let limit = limit(check, self.limit.as_deref());
        let before = check.parse_optional::<AuditId>("cursor", self.cursor.as_deref());
        let actor = check.parse_optional("actor", self.actor.as_deref());
        let subject = check.parse_optional("subject", self.subject.as_deref());
        let since = check.parse_optional::<Timestamp>("since", self.since.as_deref());
        let until = check.parse_optional::<Timestamp>("until", self.until.as_deref());
        if self.kind.as_ref().is_some_and(|kind| kind.len() > 64) {
            check.refuse("kind", "length", "at most 64 characters");
        }
        Some(AuditFilter {
            kind: self.kind,
            actor: actor?,
            subject: subject?,
            since: since?,
            until: until?,
            before: before?,
            limit: limit?,
        })
    }
}

/// One event of the audit log.
///
/// ```
/// use portcullis::{api::AuditResponse, core::audit::AuditEvent, input::Json};
///
/// fn answer(event: AuditEvent) -> Json<AuditResponse> { Json(event.into()) }
/// ```
#[derive(Serialize, ToSchema)]
#[schema(description = "One event of the audit log.")]
pub struct AuditResponse {
    /// Identifier: a UUIDv7.
    #[schema(format = "uuid")]
    id: String,
    /// When (RFC 3339).
    #[schema(format = "date-time")]
    at: String,
    /// What.
    #[schema(example = "login.succeeded")]
    kind: String,
    /// Who did it: a user's identifier, `anonymous`, `operator` or `system`.
    actor: String,
    /// To whom it was done.
    subject: Option<String>,
    /// From where.
    address: Option<String>,
    /// In which request.
    request_id: Option<String>,
    /// More.
    #[schema(value_type = Object)]
    detail: Value,
}

impl From<AuditEvent> for AuditResponse {
    fn from(event: AuditEvent) -> Self {
        Self {
            id: event.id.to_string(),
            at: event.at.to_string(),
            kind: event.kind,
            actor: event.actor.stored(),
            subject: event.subject.map(|subject| subject.to_string()),
            address: event.address.map(|address| address.to_string()),
            request_id: event.request_id,
            detail: event.detail,
        }
    }
}

/// With milliseconds: a bound that moved from page to page would leave events out.
fn exact(at: Timestamp) -> String {
    let text = at.to_string();
    match text.strip_suffix('Z') {
        Some(seconds) => format!("{seconds}.{:03}Z", at.millis().rem_euclid(1000)),
        None => text,
    }
}

/// Read the audit log
///
/// Newest first. `Link` with `rel="next"` leads to older events.
#[utoipa::path(
    get, path = "/admin/audit", tag = "admin", operation_id = "list_audit",
    params(ListAudit),
    responses(
        (status = 200, description = "Events", body = Vec<AuditResponse>,
            headers(("Link" = String, description = "`rel=\"next\"`: older events, if there are some"))),
        ParameterErrors, Unavailable,
    )
)]
pub(crate) async fn list_audit(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    Valid(filter): Valid<Query<ListAudit>>,
) -> Result<(HeaderMap, Json<Vec<AuditResponse>>), Problem> {
    let asked = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let mut events = authority
        .audit(&AuditFilter {
            limit: filter.limit + 1,
            ..filter.clone()
        })
        .await?;
    let more = events.len() > asked;
    events.truncate(asked);
    let cursor = events.last().filter(|_| more).map(|event| event.id.to_string());
    let query = [
        ("kind", filter.kind),
        ("actor", filter.actor.map(|actor| actor.to_string())),
        ("subject", filter.subject.map(|subject| subject.to_string())),
        ("since", filter.since.map(exact)),
        ("until", filter.until.map(exact)),
        ("limit", Some(filter.limit.to_string())),
    ];
    let link = next_link("/admin/audit", &query, cursor);
    Ok((link, Json(events.into_iter().map(AuditResponse::from).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_the_same_on_every_page() {
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:05.9Z",
            "1969-12-31T23:59:59.001Z",
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(exact(at).parse(), Ok(at), "{text}");
        }
    }
}
