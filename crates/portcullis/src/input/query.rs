use axum::extract::FromRequestParts;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::{Place, deserialize, urlencoded};
use crate::problem::Problem;

/// The query.
///
/// ```
/// use portcullis::{Public, input::Query};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Page { limit: Option<u32> }
///
/// async fn list(_: Public, Query(page): Query<Page>) -> String {
///     format!("{} at most", page.limit.unwrap_or(50))
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let node = urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())?;
        deserialize(node, Place::Query).map(Self)
    }
}
