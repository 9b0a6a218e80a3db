use std::sync::Arc;

use axum::extract::State;
use http::HeaderMap;
use portcullis_core::{authority::Authority, id::UserId, store::UserFilter};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    access::Allow,
    api::{
        Admin, UserResponse,
        admin::page::{DEFAULT_LIMIT, MAX_LIMIT, next_link},
        documented::{ParameterErrors, Unavailable},
    },
    input::{Check, Json, Query, Valid, Validate},
    problem::Problem,
};

/// Which users.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListUsers {
    /// How many at most.
    #[param(minimum = 1, maximum = 200, default = 50, value_type = Option<u32>)]
    limit: Option<String>,
    /// Where the last page ended: from its `Link`.
    #[param(format = "uuid")]
    cursor: Option<String>,
    /// Prefix of email or name, in any case.
    #[param(max_length = 254)]
    q: Option<String>,
    /// Holding this role.
    role: Option<String>,
    /// `active` or `disabled`.
    status: Option<String>,
}

impl Validate for ListUsers {
    type Valid = UserFilter;

    fn validate(self, check: &mut Check) -> Option<UserFilter> {
        let limit = limit(check, self.limit.as_deref());
        let after = check.parse_optional("cursor", self.cursor.as_deref());
        let role = check.parse_optional("role", self.role.as_deref());
        let status = check.parse_optional("status", self.status.as_deref());
        let prefix = self.q.filter(|q| !q.is_empty());
        if prefix.as_ref().is_some_and(|q| q.chars().count() > 254) {
            check.refuse("q", "length", "at most 254 characters");
        }
        Some(UserFilter {
            prefix,
            role: role?,
            status: status?,
            after: after?,
            limit: limit?,
        })
    }
}

/// `limit` of a page.
pub(crate) fn limit(check: &mut Check, text: Option<&str>) -> Option<u32> {
    match text {
        None => Some(DEFAULT_LIMIT),
        Some(text) => match text.parse() {
            Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => Some(limit),
            _ => {
                check.refuse("limit", "range", "a number from 1 to 200");
                None
            }
        },
    }
}

/// List users
///
/// In the order of their creation. `Link` with `rel="next"` leads to the next page.
#[utoipa::path(
    get, path = "/admin/users", tag = "admin", operation_id = "list_users",
    params(ListUsers),
    responses(
        (status = 200, description = "Users", body = Vec<UserResponse>,
            headers(("Link" = String, description = "`rel=\"next\"`: the next page, if there is one"))),
        ParameterErrors, Unavailable,
    )
)]
pub(crate) async fn list_users(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    Valid(filter): Valid<Query<ListUsers>>,
) -> Result<(HeaderMap, Json<Vec<UserResponse>>), Problem> {
    // One more than asked for tells whether there is a next page.
    let mut users = authority
        .users(&UserFilter {
            limit: filter.limit + 1,
            ..filter.clone()
        })
        .await?;
    let asked = usize::try_from(filter.limit).unwrap_or(usize::MAX);
    let more = users.len() > asked;
    users.truncate(asked);
    let cursor: Option<UserId> = users.last().filter(|_| more).map(|user| user.id);
    let query = [
        ("q", filter.prefix),
        ("role", filter.role.map(String::from)),
        ("status", filter.status.map(|status| status.to_string())),
        ("limit", Some(filter.limit.to_string())),
    ];
    let link = next_link("/admin/users", &query, cursor.map(|id| id.to_string()));
    Ok((link, Json(users.iter().map(UserResponse::from).collect())))
}
