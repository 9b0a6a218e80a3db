//! Errors as clients see them: `application/problem+json` (RFC 9457) with members that a client can act on.
//!
//! ```
//! use http::StatusCode;
//! use portcullis::problem::Problem;
//!
//! let taken = Problem::new(StatusCode::CONFLICT).detail("This email is taken.").member("field", "email");
//! assert_eq!(taken.status(), StatusCode::CONFLICT);
//! ```
//!
//! Nothing internal reaches a client: what went wrong inside goes to the log through [`Problem::internal`], and there
//! is no `From` that would turn any error into an answer by accident.

mod access;
mod challenge;
mod rate_limit;
mod schema;
mod validation;

use std::{borrow::Cow, error::Error, fmt, time::Duration};

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use portcullis_core::limit::Decision;
use serde::Serialize;
use serde_json::{Map, Value};

pub(crate) use self::access::Needs;
pub use self::{
    access::Lacking,
    challenge::{Challenge, DEFAULT_REALM},
    rate_limit::RateLimit,
    schema::{AccessProblem, ProblemBody, ValidationProblem},
    validation::{FieldError, Segment},
};

/// `application/problem+json` (RFC 9457, section 3).
///
/// ```
/// use axum::response::IntoResponse;
/// use portcullis::{Problem, problem::MEDIA_TYPE};
///
/// let response = Problem::not_found().into_response();
/// assert_eq!(response.headers()["content-type"], MEDIA_TYPE);
/// ```
pub const MEDIA_TYPE: &str = "application/problem+json";

/// One answer that is an error.
///
/// ```
/// use portcullis::{Problem, problem::FieldError};
///
/// fn rename(name: &str) -> Result<(), Problem> {
///     if name.is_empty() {
///         return Err(Problem::invalid([FieldError::body("name", "value", "must not be empty")]));
///     }
///     Ok(())
/// }
///
/// assert_eq!(rename("").unwrap_err().body()["errors"][0]["loc"], serde_json::json!(["body", "name"]));
/// ```
#[derive(Clone)]
pub struct Problem(Box<Inner>);

#[derive(Clone)]
struct Inner {
    status: StatusCode,
    kind: Cow<'static, str>,
    title: Cow<'static, str>,
    detail: Option<Cow<'static, str>>,
    members: Map<String, Value>,
    headers: HeaderMap,
}

/// The problems that there are words for, and what can be said of any:
///
/// ```
/// use std::time::Duration;
/// use http::{HeaderValue, StatusCode, header};
/// use portcullis::{Problem, problem::{Challenge, DEFAULT_REALM}};
///
/// assert_eq!(Problem::bad_request("The header has no date.").status(), 400);
/// assert_eq!(Problem::unauthorized(&Challenge::new(DEFAULT_REALM)).status(), 401);
/// assert_eq!(Problem::login_failed("Wrong name or password.").status(), 401);
/// assert_eq!(Problem::not_found().status(), 404);
/// assert_eq!(Problem::conflict("This title is taken.").status(), 409);
/// assert_eq!(Problem::internal(&std::io::Error::other("no room")).status(), 500);
/// assert_eq!(Problem::unavailable(Duration::from_secs(2)).status(), 503);
///
/// let paid = Problem::new(StatusCode::PAYMENT_REQUIRED)
///     .kind("https://articles.example/problems/unpaid", "Unpaid")
///     .detail("Two issues are not paid for.")
///     .member("issues", 2)
///     .header(header::LINK, HeaderValue::from_static("</pay>; rel=\"payment\""))
///     .retry_after(Duration::from_secs(60));
/// assert_eq!(paid.body(), serde_json::json!({
///     "type": "https://articles.example/problems/unpaid",
///     "title": "Unpaid",
///     "status": 402,
///     "detail": "Two issues are not paid for.",
///     "issues": 2,
/// }));
/// ```
impl Problem {
    /// A problem that says no more than its status, until it is given a [`Problem::detail`].
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Inner {
            status,
            kind: Cow::Borrowed("about:blank"),
            title: Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
            detail: None,
            members: Map::new(),
            headers: HeaderMap::new(),
        }))
    }

    /// 400: the request cannot be read.
    #[must_use]
    pub fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST).detail(detail)
    }

    /// 401 with the challenge that RFC 9110, section 15.5.2 demands.
    #[must_use]
    pub fn unauthorized(challenge: &Challenge) -> Self {
        Self::new(StatusCode::UNAUTHORIZED)
            .detail(challenge.explanation())
            .header(header::WWW_AUTHENTICATE, challenge.to_header())
    }

    /// 401 to a login whose name or password is wrong: `detail` must not tell which of them.
    #[must_use]
    pub fn login_failed(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::unauthorized(&Challenge::new(DEFAULT_REALM)).detail(detail)
    }

    /// 404.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND).detail("There is no such thing.")
    }

    /// 409: the request does not fit to what is stored.
    #[must_use]
    pub fn conflict(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT).detail(detail)
    }

    /// 422: the request can be read, its values cannot be taken. All that is wrong at once.
    #[must_use]
    pub fn invalid(errors: impl IntoIterator<Item = FieldError>) -> Self {
        let errors: Vec<FieldError> = errors.into_iter().collect();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY)
            .detail("Some values cannot be taken: `errors` says which and why.")
            .member("errors", errors)
    }

    /// 429 with `Retry-After` and the `RateLimit` fields.
    ///
    /// ```
    /// use portcullis::{Problem, core::limit::Decision};
    ///
    /// fn refused(decision: Decision) -> Result<(), Problem> {
    ///     if decision.allowed { Ok(()) } else { Err(Problem::too_many_requests(decision)) }
    /// }
    /// ```
    #[must_use]
    pub fn too_many_requests(limit: Decision) -> Self {
        let mut problem = Self::new(StatusCode::TOO_MANY_REQUESTS)
            .detail("Too many requests: wait for the seconds in `Retry-After`.")
            .retry_after(limit.retry_after.unwrap_or(limit.reset_after));
        RateLimit(limit).write(&mut problem.0.headers);
        problem
    }

    /// 503 with `Retry-After`: the server cannot tell, or has too much to do.
    #[must_use]
    pub fn unavailable(retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .detail("The service cannot answer now: try again later.")
            .retry_after(retry_after)
    }

    /// 500. The cause goes to the log with all that led to it, and nothing of it to the client.
    #[must_use]
    pub fn internal(cause: &dyn Error) -> Self {
        tracing::error!(error = %Chain(cause), "request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR)
            .detail("Something failed on our side. The request id tells the operator what.")
    }

    /// What happened this time, for the person who reads it. Never a value that the client sent.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// A URI that names the kind of problem; `about:blank` unless told (RFC 9457, section 4.2.1).
    #[must_use]
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = uri.into();
        self.0.title = title.into();
        self
    }

    /// An extension member (RFC 9457, section 3.2). The members of the RFC itself cannot be replaced.
    #[must_use]
    pub fn member(mut self, name: &str, value: impl Serialize) -> Self {
        if !matches!(name, "type" | "title" | "status" | "detail" | "instance") {
            let value = serde_json::to_value(value).unwrap_or(Value::Null);
            self.0.members.insert(name.to_owned(), value);
        }
        self
    }

    /// A header of the answer.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.insert(name, value);
        self
    }

    /// `Retry-After` in whole seconds, rounded up, at least 1 (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn retry_after(self, after: Duration) -> Self {
        self.header(header::RETRY_AFTER, HeaderValue::from(ceil_seconds(after).max(1)))
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The body as it is sent.
    pub fn body(&self) -> Value {
        let inner = &self.0;
        let mut body = inner.members.clone();
        body.insert("type".into(), inner.kind.as_ref().into());
        body.insert("title".into(), inner.title.as_ref().into());
        body.insert("status".into(), inner.status.as_u16().into());
        let detail = inner.detail.as_ref().unwrap_or(&inner.title);
        body.insert("detail".into(), detail.as_ref().into());
        Value::Object(body)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.body().to_string();
        let Inner {
            status, mut headers, ..
        } = *self.0;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if status == StatusCode::UNAUTHORIZED && !headers.contains_key(header::WWW_AUTHENTICATE) {
            headers.insert(
                header::WWW_AUTHENTICATE,
                Challenge::new(DEFAULT_REALM).to_header(),
            );
        }
        (status, headers, body).into_response()
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({} {})", self.0.status.as_u16(), self.body())
    }
}

/// Seconds, rounded up: who waits that long is not refused again.
pub(crate) fn ceil_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// An error and all that led to it, for the log.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
