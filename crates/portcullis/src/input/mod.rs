//! What a request carries: [`Json`], [`Form`], [`Body`] (either of both), [`Query`], [`Path`]; and [`Valid`], which
//! turns what came into what the application works with, all errors at once. [`PasswordForm`] is a login.
//!
//! | what is wrong | answer |
//! |---|---|
//! | no UTF-8, malformed, nested too deep, the same member twice | 400 |
//! | too large | 413 |
//! | another content type | 415 |
//! | missing members, wrong types, refused values | 422 with `errors: [{loc, msg, type}]` |
//!
//! Unknown members are ignored. No error text holds a value that came. U+0000 is refused everywhere, since not every
//! database can store it.
//!
//! ```
//! use portcullis::{core::user::{DisplayName, Email}, input::{Check, Json, Valid, Validate}};
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! struct Rename { name: String, email: Option<String> }
//!
//! struct Renamed { name: DisplayName, email: Option<Email> }
//!
//! impl Validate for Rename {
//!     type Valid = Renamed;
//!     fn validate(self, check: &mut Check) -> Option<Renamed> {
//!         let name = check.parse("name", &self.name);
//!         let email = check.parse_optional("email", self.email.as_deref());
//!         Some(Renamed { name: name?, email: email? })
//!     }
//! }
//!
//! async fn rename(Valid(renamed): Valid<Json<Rename>>) {
//!     let _: (DisplayName, Option<Email>) = (renamed.name, renamed.email);
//! }
//! ```

mod body;
mod check;
mod json;
mod node;
pub(crate) mod password_form;
mod path;
mod query;
pub(crate) mod urlencoded;
mod valid;

pub(crate) use self::body::{is_form, too_large};
pub use self::{
    body::{Body, Form, Json},
    check::{Check, Validate},
    password_form::PasswordForm,
    path::Path,
    query::Query,
    valid::{Carrier, Valid},
};

use serde::de::DeserializeOwned;

use self::node::Node;
use crate::problem::{FieldError, Problem, Segment};

/// Where a value came from: the first segment of `loc`.
///
/// ```
/// use portcullis::input::Place;
///
/// assert_eq!(Place::Body.as_str(), "body");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The body.
    Body,
    /// The query.
    Query,
    /// The path.
    Path,
}

impl Place {
    /// The word in `loc`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Query => "query",
            Self::Path => "path",
        }
    }
}

fn deserialize<T: DeserializeOwned>(node: Node, place: Place) -> Result<T, Problem> {
    T::deserialize(node).map_err(|error| {
        let (path, kind, msg) = error.into_parts();
        let loc = std::iter::once(Segment::from(place.as_str())).chain(path);
        Problem::invalid([FieldError::new(loc, kind, msg)])
    })
}

#[cfg(test)]
mod tests;
