use std::{convert::Infallible, time::Duration};

use axum::response::{IntoResponseParts, ResponseParts};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::ceil_seconds;

/// How much of a limit is left, for the `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers-11). Part of any
/// answer: `(limit, Json(body))`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Name of the limit: letters, digits, `-` and `_`.
    pub name: &'static str,
    /// Requests in one window.
    pub quota: u64,
    /// Length of the window.
    pub window: Duration,
    /// Requests left now.
    pub remaining: u64,
    /// When there will be more.
    pub reset: Duration,
}

impl RateLimit {
    /// `RateLimit-Policy`.
    pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
    /// `RateLimit`.
    pub const STATE: HeaderName = HeaderName::from_static("ratelimit");

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Self {
            name,
            quota,
            window,
            remaining,
            reset,
        } = self;
        let window = ceil_seconds(*window);
        let reset = ceil_seconds(*reset);
        let fields = [
            (Self::POLICY, format!("\"{name}\";q={quota};w={window}")),
            (Self::STATE, format!("\"{name}\";r={remaining};t={reset}")),
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
