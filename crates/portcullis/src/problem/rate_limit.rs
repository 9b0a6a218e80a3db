use std::convert::Infallible;

use axum::response::{IntoResponseParts, ResponseParts};
use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::limit::Decision;

/// The `RateLimit` fields of a [`Decision`], for any answer: `(RateLimit(decision), Json(body))`.
///
/// ```
/// use axum::response::{IntoResponse, Response};
/// use portcullis::{core::limit::Decision, input::Json, problem::RateLimit};
///
/// fn found(decision: Decision) -> Response {
///     (RateLimit(decision), Json("found")).into_response()
/// }
/// assert_eq!([RateLimit::POLICY, RateLimit::STATE], ["ratelimit-policy", "ratelimit"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RateLimit(pub Decision);

impl RateLimit {
    /// `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11).
    pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
    /// `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11).
    pub const STATE: HeaderName = HeaderName::from_static("ratelimit");

    pub(crate) fn write(self, headers: &mut HeaderMap) {
        let fields = [
            (Self::POLICY, self.0.policy_field()),
            (Self::STATE, self.0.ratelimit_field()),
        ];
        for (header, text) in fields {
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(header, value);
            }
        }
    }
}

impl IntoResponseParts for RateLimit {
    type Error = Infallible;

    fn into_response_parts(self, mut res: ResponseParts) -> Result<ResponseParts, Self::Error> {
        self.write(res.headers_mut());
        Ok(res)
    }
}
