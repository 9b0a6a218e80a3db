use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use portcullis_core::{
    access::RoleName,
    authority::{AdminNewUser, Authority},
    password::Password,
    user::UserStatus,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    access::Allow,
    api::{
        Admin, ByCaller, UserResponse,
        documented::{BodyErrors, Conflict, Unavailable},
    },
    input::{Check, Json, Valid, Validate},
    problem::Problem,
};

/// A user to add.
#[derive(Deserialize, ToSchema)]
pub(crate) struct CreateUserRequest {
    /// Email: unique in any case.
    #[schema(example = "user@example.com", max_length = 254)]
    email: String,
    /// Name shown to others.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 100)]
    name: String,
    /// Password; without one the user cannot log in with a password.
    #[schema(format = "password", min_length = 8, max_length = 128, value_type = Option<String>)]
    password: Option<SecretString>,
    /// Roles; without them the default ones.
    roles: Option<Vec<String>>,
    /// `active` (default) or `disabled`.
    status: Option<String>,
}

impl Validate for CreateUserRequest {
    type Valid = AdminNewUser;

    fn validate(self, check: &mut Check) -> Option<AdminNewUser> {
        let email = check.parse("email", &self.email);
        let name = check.parse("name", &self.name);
        let roles = roles(check, self.roles);
        let status = check.parse_optional("status", self.status.as_deref());
        Some(AdminNewUser {
            email: email?,
            name: name?,
            password: self
                .password
                .map(|password| Password::new(password.expose_secret())),
            roles: roles?,
            status: status?.unwrap_or(UserStatus::Active),
        })
    }
}

/// `roles`, if they came.
#[expect(clippy::option_option, reason = "as `Check::parse_optional`")]
pub(crate) fn roles(check: &mut Check, names: Option<Vec<String>>) -> Option<Option<Vec<RoleName>>> {
    let Some(names) = names else { return Some(None) };
    let parsed: Result<Vec<RoleName>, _> = names.iter().map(|name| name.parse()).collect();
    let mut roles = check.take("roles", parsed)?;
    roles.sort();
    roles.dedup();
    Some(Some(roles))
}

/// Add a user
#[utoipa::path(
    post, path = "/admin/users", tag = "admin", operation_id = "create_user",
    request_body = CreateUserRequest,
    responses((status = 201, description = "Added", body = UserResponse), Conflict, BodyErrors, Unavailable)
)]
pub(crate) async fn create_user(
    _: Allow<Admin>,
    State(authority): State<Arc<Authority>>,
    ByCaller(caller): ByCaller,
    Valid(new): Valid<Json<CreateUserRequest>>,
) -> Result<(StatusCode, Json<UserResponse>), Problem> {
    let user = authority.add_user(&caller, new).await?;
    Ok((StatusCode::CREATED, Json(UserResponse::from(&user))))
}
