use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// What a role is for, in the words of the administrator: at most 200 code points, no control characters; may be empty.
///
/// ```
/// use portcullis_core::access::RoleDescription;
///
/// assert_eq!("Edits articles.".parse::<RoleDescription>()?.as_str(), "Edits articles.");
/// assert!("two\nlines".parse::<RoleDescription>().is_err());
/// # Ok::<(), portcullis_core::access::RoleDescriptionError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoleDescription(String);

/// Why a text does not describe a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at most 200 characters, no control characters")]
pub struct RoleDescriptionError;

impl RoleDescription {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoleDescription {
    type Err = RoleDescriptionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for RoleDescription {
    type Error = RoleDescriptionError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // One of them, NUL, PostgreSQL cannot even store.
        if text.chars().any(char::is_control) || text.chars().count() > 200 {
            return Err(RoleDescriptionError);
        }
        Ok(Self(text))
    }
}

impl From<RoleDescription> for String {
    fn from(description: RoleDescription) -> Self {
        description.0
    }
}

impl fmt::Display for RoleDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_store_or_a_terminal_would_choke_on_is_no_description() {
        for text in ["\0", "a\u{1b}[2J", "a\nb", &"é".repeat(201)] {
            assert_eq!(
                text.parse::<RoleDescription>(),
                Err(RoleDescriptionError),
                "{text:?}"
            );
        }
        for text in ["", "Edits articles.", &"é".repeat(200)] {
            assert_eq!(text.parse::<RoleDescription>().unwrap().as_str(), text);
        }
    }
}
