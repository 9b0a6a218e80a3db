use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// The name that a user shows to others: 1 to 100 code points after trimming and NFC, no control characters.
///
/// ```
/// use portcullis_core::user::DisplayName;
///
/// assert_eq!(" Ada Lovelace ".parse::<DisplayName>()?.as_str(), "Ada Lovelace");
/// assert!("   ".parse::<DisplayName>().is_err());
/// # Ok::<(), portcullis_core::user::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DisplayName(String);

/// Why a text is not taken as a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or more than 100 characters.
    #[error("a name has 1 to 100 characters")]
    Length,
    /// Control characters inside.
    #[error("a name has no control characters")]
    Control,
}

impl DisplayName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Form for case-insensitive search.
    #[must_use]
    pub fn search_key(&self) -> String {
        super::email::fold(&self.0)
    }
}

impl FromStr for DisplayName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text: String = text.trim().nfc().collect();
        if text.chars().any(char::is_control) {
            return Err(NameError::Control);
        }
        if text.is_empty() || text.chars().count() > 100 {
            return Err(NameError::Length);
        }
        Ok(Self(text))
    }
}

impl TryFrom<String> for DisplayName {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<DisplayName> for String {
    fn from(name: DisplayName) -> Self {
        name.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
