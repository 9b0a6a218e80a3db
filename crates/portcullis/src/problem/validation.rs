use std::borrow::Cow;

use serde::Serialize;
use utoipa::ToSchema;

/// One step on the way to a value: a member's name or a place in a list.
///
/// ```
/// use portcullis::problem::{FieldError, Segment};
///
/// let second = FieldError::new(["body".into(), "tags".into(), Segment::Index(1)], "value", "is no tag");
/// assert_eq!(serde_json::json!(second.loc), serde_json::json!(["body", "tags", 1]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(description = "One step on the way to a value: a member's name or a place in a list.")]
pub enum Segment {
    /// A member.
    Name(Cow<'static, str>),
    /// A place, from 0.
    Index(usize),
}

impl From<&'static str> for Segment {
    fn from(name: &'static str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

impl From<String> for Segment {
    fn from(name: String) -> Self {
        Self::Name(Cow::Owned(name))
    }
}

impl From<usize> for Segment {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// One value that cannot be taken. Never holds the value itself.
///
/// ```
/// use portcullis::problem::FieldError;
///
/// let error = FieldError::body("email", "value", "is no email");
/// assert_eq!(
///     serde_json::json!(error),
///     serde_json::json!({"loc": ["body", "email"], "msg": "is no email", "type": "value"})
/// );
/// let in_the_query = FieldError::new(["query".into(), "limit".into()], "value", "is no number");
/// assert_eq!(serde_json::json!(in_the_query)["loc"], serde_json::json!(["query", "limit"]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(description = "One value that cannot be taken. Never holds the value itself.")]
pub struct FieldError {
    /// Where: `["body", "email"]`, `["query", "limit"]`, `["path", "id"]`.
    pub loc: Vec<Segment>,
    /// Why, for people.
    pub msg: Cow<'static, str>,
    /// Why, for programs: `missing`, `type`, `value`, or a word of the endpoint's own.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: Cow<'static, str>,
}

impl FieldError {
    /// An error at `loc`.
    pub fn new(
        loc: impl IntoIterator<Item = Segment>,
        kind: impl Into<Cow<'static, str>>,
        msg: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            loc: loc.into_iter().collect(),
            msg: msg.into(),
            kind: kind.into(),
        }
    }

    /// An error in a member of the body.
    pub fn body(
        field: &'static str,
        kind: impl Into<Cow<'static, str>>,
        msg: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(["body".into(), field.into()], kind, msg)
    }
}
