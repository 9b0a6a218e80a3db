//! What the OpenAPI document says of problems. Never built: [`super::Problem`] writes the bodies.
#![allow(dead_code, reason = "schemas only")]

use utoipa::ToSchema;

use super::FieldError;

/// Problem details (RFC 9457). More members may come with some problems.
///
/// ```
/// use portcullis::{Public, problem::ProblemBody};
///
/// /// Try
/// #[utoipa::path(get, path = "/try", responses(
///     (status = 409, description = "Not now", body = ProblemBody, content_type = "application/problem+json")
/// ))]
/// async fn attempt(_: Public) {}
/// ```
#[derive(ToSchema)]
#[schema(as = Problem)]
#[schema(description = "Problem details (RFC 9457). More members may come with some problems.")]
pub struct ProblemBody {
    /// A URI that names the kind of problem.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The kind of problem, for people.
    #[schema(example = "Unauthorized")]
    title: String,
    /// The HTTP status.
    #[schema(example = 401)]
    status: u16,
    /// What happened this time, for people.
    #[schema(required = false)]
    detail: Option<String>,
}

/// Problem details of a request whose values cannot be taken.
///
/// ```
/// use portcullis::{Public, problem::ValidationProblem};
///
/// /// Try
/// #[utoipa::path(get, path = "/try", responses(
///     (status = 409, description = "Not now", body = ValidationProblem, content_type = "application/problem+json")
/// ))]
/// async fn attempt(_: Public) {}
/// ```
#[derive(ToSchema)]
#[schema(description = "Problem details of a request whose values cannot be taken.")]
pub struct ValidationProblem {
    /// A URI that names the kind of problem.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The kind of problem, for people.
    #[schema(example = "Unprocessable Entity")]
    title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    status: u16,
    /// What happened this time, for people.
    #[schema(required = false)]
    detail: Option<String>,
    /// All values that cannot be taken.
    errors: Vec<FieldError>,
}

/// Problem details of a caller who may not.
///
/// ```
/// use portcullis::{Public, problem::AccessProblem};
///
/// /// Try
/// #[utoipa::path(get, path = "/try", responses(
///     (status = 409, description = "Not now", body = AccessProblem, content_type = "application/problem+json")
/// ))]
/// async fn attempt(_: Public) {}
/// ```
#[derive(ToSchema)]
#[schema(description = "Problem details of a caller who may not.")]
pub struct AccessProblem {
    /// A URI that names the kind of problem.
    #[schema(example = "about:blank")]
    r#type: String,
    /// The kind of problem, for people.
    #[schema(example = "Forbidden")]
    title: String,
    /// The HTTP status.
    #[schema(example = 403)]
    status: u16,
    /// What happened this time, for people.
    #[schema(required = false)]
    detail: Option<String>,
    /// As in `WWW-Authenticate` (RFC 6750, section 3.1).
    #[schema(example = "insufficient_scope", required = false)]
    error: Option<String>,
    /// The roles of which the route speaks.
    #[schema(required = false)]
    required_roles: Option<Vec<String>>,
    /// The scopes of which the route speaks.
    #[schema(required = false)]
    required_scopes: Option<Vec<String>>,
    /// The roles that the caller has.
    #[schema(required = false)]
    current_roles: Option<Vec<String>>,
    /// The caller's role, when there is just one.
    #[schema(required = false)]
    current_role: Option<String>,
}
