use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, header};
use portcullis_core::{
    authority::{Authority, ExportError},
    id::AuditId,
};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    access::CurrentUser,
    api::{
        ByCaller,
        documented::{Limited, ParameterErrors},
        problems::REALM,
    },
    input::{Check, Query, Valid, Validate},
    problem::{Challenge, Problem},
};

/// Which part.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportMe {
    /// Where the events of the last archive ended: its `before`.
    #[param(format = "uuid")]
    before: Option<String>,
}

impl Validate for ExportMe {
    type Valid = Option<AuditId>;

    fn validate(self, check: &mut Check) -> Option<Option<AuditId>> {
        check.parse_optional("before", self.before.as_deref())
    }
}

/// Take my data with me
///
/// All that is stored about the caller: profile, sessions with their times, addresses and devices, and audit events. No
/// hashes or secrets. A JWS (RFC 7515), to be verified with the JWKS; its payload is JSON. With `complete: false` there are
/// older events: ask again with its `before`.
///
/// The login must be less than ten minutes old, otherwise 401 with `insufficient_user_authentication` (RFC 9470): log in
/// again.
#[utoipa::path(
    get, path = "/me/export", tag = "me", operation_id = "export_me",
    params(ExportMe),
    responses(
        (status = 200, description = "The signed archive", body = String, content_type = "application/jwt"),
        ParameterErrors, Limited,
    )
)]
pub(crate) async fn export_me(
    user: CurrentUser,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Valid(before): Valid<Query<ExportMe>>,
) -> Result<Response, Problem> {
    let archive = authority.export_account(&caller, &user, before).await?;
    let name = format!("attachment; filename=\"account-{}.jwt\"", archive.user);
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("application/jwt")),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::try_from(name).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, archive.jws).into_response())
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::LoginTooOld { max_age } => {
                Self::unauthorized(&Challenge::new(REALM).insufficient_user_authentication(max_age))
                    .member("error", "insufficient_user_authentication")
                    .member("max_age", max_age.as_secs())
            }
            ExportError::Gone => {
                Self::unauthorized(&Challenge::new(REALM).invalid_token("The token was revoked"))
            }
            ExportError::TryLater(later) => later.into(),
        }
    }
}
