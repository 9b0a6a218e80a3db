use std::fmt;

use http::Method;
use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::access::{Access, Credentials, Requirement};

/// Who may call one route.
///
/// ```
/// use portcullis::{Public, Routes, routing::get};
///
/// let routes: Routes = Routes::new().route("/", get(async |_: Public| "hello"));
/// let open = routes.access_table().rows().iter().filter(|row| !row.is_guarded()).count();
/// assert_eq!(open, 1);
/// assert!(routes.access_table().rows()[0].requirement().is_public());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRow {
    /// Method.
    pub method: Method,
    /// Path, with its parameters in braces.
    pub path: String,
    /// Who may call.
    pub access: Access,
}

impl AccessRow {
    /// What is demanded of the caller.
    #[must_use]
    pub const fn requirement(&self) -> &Requirement {
        &self.access.requirement
    }

    /// Whether credentials are demanded.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.access.credentials == Credentials::Required
    }
}

impl Serialize for AccessRow {
    /// `{"method": .., "path": .., "access": "any of (role editor, ..)", "credentials": "required"}`
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let credentials = match self.access.credentials {
            Credentials::Ignored => "ignored",
            Credentials::Optional => "optional",
            Credentials::Required => "required",
        };
        let mut row = serializer.serialize_struct("AccessRow", 4)?;
        row.serialize_field("method", self.method.as_str())?;
        row.serialize_field("path", &self.path)?;
        row.serialize_field("access", &self.access.requirement.to_string())?;
        row.serialize_field("credentials", credentials)?;
        row.end()
    }
}

/// Who may call what: sorted by path and method. This is what the gate enforces and documents.
///
/// ```
/// use portcullis::{CurrentUser, Routes, routing::get};
///
/// let routes: Routes = Routes::new().route("/me", get(async |user: CurrentUser| user.user.to_string()));
/// assert_eq!(routes.access_table().to_string(), "GET  /me  authenticated\n");
/// assert_eq!(routes.access_table().rows()[0].path, "/me");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct AccessTable(Vec<AccessRow>);

impl AccessTable {
    pub(super) fn new(mut rows: Vec<AccessRow>) -> Self {
        let rank = |method: &Method| {
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
                .iter()
                .position(|known| *known == method.as_str())
                .unwrap_or(usize::MAX)
        };
        rows.sort_by(|a, b| (&a.path, rank(&a.method)).cmp(&(&b.path, rank(&b.method))));
        Self(rows)
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[AccessRow] {
        &self.0
    }
}

impl fmt::Display for AccessTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = |text: fn(&AccessRow) -> usize| self.0.iter().map(text).max().unwrap_or(0);
        let method = width(|row| row.method.as_str().len());
        let path = width(|row| row.path.len());
        for row in &self.0 {
            writeln!(
                f,
                "{:method$}  {:path$}  {}",
                row.method.as_str(),
                row.path,
                row.access
            )?;
        }
        Ok(())
    }
}
