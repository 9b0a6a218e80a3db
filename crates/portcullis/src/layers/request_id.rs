use std::{
    convert::Infallible,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use axum::extract::FromRequestParts;
use http::{HeaderMap, HeaderName, HeaderValue, request::Parts};
use portcullis_core::{
    clock::{Clock, Timestamp},
    rng::{self, Rng},
};

/// The header in which a request id comes and goes.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What ties together the answer, the log and the audit log of one request.
///
/// ```
/// use portcullis::{Public, layers::RequestId};
///
/// async fn which(_: Public, id: RequestId) -> String {
///     id.to_string()
/// }
/// fn is_ours(id: &RequestId) -> bool { id.as_str().len() == 36 }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a trusted proxy sent, if it can be an id: nothing else goes into logs and answers.
    pub(super) fn incoming(headers: &HeaderMap) -> Option<Self> {
        let text = headers.get(X_REQUEST_ID)?.to_str().ok()?;
        let fits = (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        fits.then(|| Self(text.into()))
    }

    pub(super) fn to_header(&self) -> HeaderValue {
        HeaderValue::try_from(self.as_str()).unwrap_or_else(|_| HeaderValue::from_static("?"))
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    /// Outside of [`super::Edge`] it is `-`.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts
            .extensions
            .get()
            .cloned()
            .unwrap_or_else(|| Self("-".into())))
    }
}

/// Makes request ids: UUIDv7 (RFC 9562, section 5.7). They need to be unique, not secret, so the random part is drawn
/// once per process and counted on: no system call per request.
pub(super) struct RequestIds {
    seed: [u8; 10],
    counter: AtomicU32,
}

impl RequestIds {
    pub(super) fn new(rng: &dyn Rng) -> Self {
        Self {
            seed: rng::bytes(rng),
            counter: AtomicU32::new(u32::from_be_bytes(rng::bytes(rng))),
        }
    }

    pub(super) fn next(&self, now: Timestamp) -> RequestId {
        let mut random = self.seed;
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        random[6..].copy_from_slice(&count.to_be_bytes());
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut buffer = uuid::Uuid::encode_buffer();
        RequestId((&*uuid.as_hyphenated().encode_lower(&mut buffer)).into())
    }
}

pub(super) fn assign(ids: &RequestIds, clock: &dyn Clock, headers: &HeaderMap, trusted: bool) -> RequestId {
    trusted
        .then(|| RequestId::incoming(headers))
        .flatten()
        .unwrap_or_else(|| ids.next(clock.now()))
}
