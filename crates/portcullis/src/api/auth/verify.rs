use std::{fmt, str::FromStr};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::access::{RoleName, Scope};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    access::{Caller as _, CurrentUser, Holder as _, LocalUser},
    api::{
        documented::{ParameterErrors, Unavailable},
        problems::REALM,
    },
    input::{Check, Query, Valid, Validate},
    problem::{Needs, Problem},
};

/// Whom the proxy lets through.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VerifyQuery {
    /// Roles, separated by commas: the caller must have one of them, by itself or implied.
    #[param(example = "editor,publisher", max_length = 1024)]
    role: Option<String>,
    /// Scopes, separated by spaces or commas: the caller must have all of them.
    #[param(example = "tasks:read tasks:write", max_length = 1024)]
    scope: Option<String>,
}

/// What is demanded of the caller: one of the roles, and all of the scopes.
pub(crate) struct Demand {
    roles: Vec<RoleName>,
    scopes: Vec<Scope>,
}

impl Validate for VerifyQuery {
    type Valid = Demand;

    fn validate(self, check: &mut Check) -> Option<Demand> {
        let roles = list(check, "role", self.role);
        let scopes = list(check, "scope", self.scope);
        Some(Demand {
            roles: roles?,
            scopes: scopes?,
        })
    }
}

/// The names in `text`. A parameter that came and names nothing is refused, or a slip in the proxy's configuration would
/// let everybody through.
fn list<T: FromStr<Err: fmt::Display>>(
    check: &mut Check,
    field: &'static str,
    text: Option<String>,
) -> Option<Vec<T>> {
    let Some(text) = text else {
        return Some(Vec::new());
    };
    if text.len() > 1024 {
        check.refuse(field, "length", "at most 1024 bytes");
        return None;
    }
    let names: Option<Vec<T>> = text
        .split([',', ' '])
        .filter(|name| !name.is_empty())
        .map(|name| check.parse(field, name))
        .collect();
    let names = names?;
    if names.is_empty() {
        check.refuse(field, "value", "must name at least one, or be left out");
        return None;
    }
    Some(names)
}

impl Demand {
    fn is_met_by(&self, user: &LocalUser) -> bool {
        let has_role = self.roles.is_empty() || self.roles.iter().any(|role| user.has_role(role.as_str()));
        has_role && self.scopes.iter().all(|scope| user.has_scope(scope.as_str()))
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |names: Vec<&str>| names.join(", ");
        let roles = names(self.roles.iter().map(RoleName::as_str).collect());
        let scopes = names(self.scopes.iter().map(Scope::as_str).collect());
        match (self.roles.is_empty(), self.scopes.is_empty()) {
            (true, _) => write!(f, "all scopes of ({scopes})"),
            (false, true) => write!(f, "any role of ({roles})"),
            (false, false) => write!(f, "any role of ({roles}) and all scopes of ({scopes})"),
        }
    }
}

/// May this request pass
///
/// For proxies that ask before they forward: `auth_request` of nginx, `forward_auth` of Caddy, `ForwardAuth` of Traefik. The
/// proxy sends the headers of the original request. 200 names the caller in headers that the proxy hands on.
///
/// Where sessions are held by cookie, a proxy also tells the method of the original request in `X-Forwarded-Method` (Caddy
/// and Traefik do) or `X-Original-Method`: what a page of another site makes a browser send by its cookies passes only if it
/// changes nothing.
#[utoipa::path(
    get, path = "/auth/verify", tag = "auth", operation_id = "verify",
    params(VerifyQuery),
    responses(
        (status = 200, description = "Let it pass", headers(
            ("Remote-User" = String, description = "Identifier of the user (`sub`)"),
            ("Remote-Groups" = String, description = "Roles of the user, and those that they imply, separated by commas"),
            ("Remote-Scopes" = String, description = "Scopes of the token, separated by spaces"),
        )),
        ParameterErrors, Unavailable,
    )
)]
pub(crate) async fn verify(
    user: CurrentUser,
    Valid(demand): Valid<Query<VerifyQuery>>,
) -> Result<Response, Problem> {
    if !demand.is_met_by(&user) {
        return Err(denied(&user, &demand));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("remote-user", user.id()),
        ("remote-groups", user.roles().join(",")),
        ("remote-scopes", user.scopes().join(" ")),
    ] {
        // Always there, so that a proxy overwrites what a client made up. Names of roles and scopes fit a header.
        let value = HeaderValue::try_from(value).map_err(|error| Problem::internal(&error))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers.into_response())
}

fn denied(user: &LocalUser, demand: &Demand) -> Problem {
    let roles = user.roles();
    tracing::warn!(
        user = %user.id(),
        has_roles = %roles.join(" "),
        has_scopes = %user.scopes().join(" "),
        needs = %demand,
        method = "GET",
        route = "/auth/verify",
        "auth.denied"
    );
    Problem::lacking(
        REALM,
        demand,
        Needs {
            roles: demand.roles.iter().map(RoleName::as_str).collect(),
            scopes: demand.scopes.iter().map(Scope::as_str).collect(),
        },
        &roles,
    )
}
