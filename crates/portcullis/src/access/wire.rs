//! What [`crate::roles!`] needs so that a role is read and written by its name.

use std::str::FromStr;

pub use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::{ObjectBuilder, schema::Type};
pub use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// Not the name of a role that the application declares.
///
/// ```
/// portcullis::roles! { pub enum Role { Admin = "admin", Editor = "editor" } }
///
/// assert_eq!("editor".parse(), Ok(Role::Editor));
/// assert_eq!("root".parse::<Role>().unwrap_err().to_string(), "not a role: the roles are admin, editor");
/// assert_eq!(serde_json::to_string(&Role::Admin)?, r#""admin""#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a role: the roles are {}", .known.join(", "))]
pub struct UnknownRole {
    known: &'static [&'static str],
}

impl UnknownRole {
    #[doc(hidden)]
    #[must_use]
    pub const fn among(known: &'static [&'static str]) -> Self {
        Self { known }
    }
}

#[doc(hidden)]
pub fn deserialize<'de, D, R>(deserializer: D) -> Result<R, D::Error>
where
    D: Deserializer<'de>,
    R: FromStr<Err = UnknownRole>,
{
    let name = String::deserialize(deserializer)?;
    name.parse().map_err(serde::de::Error::custom)
}

#[doc(hidden)]
#[must_use]
pub fn schema(known: &'static [&'static str]) -> RefOr<Schema> {
    let names = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(known.iter().copied()));
    Schema::Object(names.build()).into()
}
