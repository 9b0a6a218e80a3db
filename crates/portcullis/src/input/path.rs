use axum::extract::{
    FromRequestParts, RawPathParams,
    path::ErrorKind,
    rejection::{PathRejection, RawPathParamsRejection},
};
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::Place;
use crate::problem::{FieldError, Problem, Segment};

/// The parameters of the path: one value, a tuple, or a struct with a field for each. What does not parse is 422.
///
/// ```
/// use portcullis::{Public, Routes, input::Path, routing::get};
///
/// async fn read(_: Public, Path(id): Path<u32>) -> String {
///     format!("article {id}")
/// }
///
/// let routes: Routes = Routes::new().route("/articles/{id}", get(read));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let raw =
            RawPathParams::from_request_parts(parts, state)
                .await
                .map_err(|rejection| match rejection {
                    RawPathParamsRejection::InvalidUtf8InPathParam(_) => not_utf8(),
                    other => Problem::internal(&other),
                })?;
        if let Some((name, _)) = raw.iter().find(|(_, value)| value.contains('\0')) {
            return Err(refused(Some(name.to_owned().into()), "must not hold U+0000"));
        }
        let only = raw.iter().next().map(|(name, _)| Segment::from(name.to_owned()));
        match axum::extract::Path::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(PathRejection::FailedToDeserializePathParams(failed)) => Err(match failed.into_kind() {
                ErrorKind::ParseErrorAtKey {
                    key, expected_type, ..
                } => refused(Some(key.into()), format!("expected {expected_type}")),
                ErrorKind::ParseErrorAtIndex {
                    index, expected_type, ..
                } => refused(Some(index.into()), format!("expected {expected_type}")),
                ErrorKind::ParseError { expected_type, .. } => {
                    refused(only, format!("expected {expected_type}"))
                }
                ErrorKind::DeserializeError { key, .. } => {
                    refused(Some(key.into()), "not of the form expected here")
                }
                ErrorKind::InvalidUtf8InPathParam { .. } => not_utf8(),
                ErrorKind::Message(_) => refused(only, "not of the form expected here"),
                other => return Err(Problem::internal(&std::io::Error::other(other.to_string()))),
            }),
            Err(other) => Err(Problem::internal(&other)),
        }
    }
}

fn refused(segment: Option<Segment>, msg: impl Into<std::borrow::Cow<'static, str>>) -> Problem {
    let loc = std::iter::once(Place::Path.as_str().into()).chain(segment);
    Problem::invalid([FieldError::new(loc, "value", msg)])
}

fn not_utf8() -> Problem {
    Problem::bad_request("The path is not UTF-8.")
}
