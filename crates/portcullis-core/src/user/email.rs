use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// An email address as a person typed it, trimmed and NFC-normalized.
///
/// Checked only as far as keeps mail deliverable: the one real proof is a message that arrives. At most 254
/// characters (RFC 5321, section 4.5.3.1), one `@` with text on both sides, no white space, control or invisible
/// characters.
///
/// ```
/// use portcullis_core::user::Email;
///
/// let email: Email = " Ada@Example.com ".parse()?;
/// assert_eq!(email.as_str(), "Ada@Example.com");
/// assert_eq!(email.key(), "ADA@example.COM".parse::<Email>()?.key());
/// assert!("no-at-sign".parse::<Email>().is_err());
/// # Ok::<(), portcullis_core::user::EmailError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

/// What makes an email unique: the address in lower case (full Unicode case folding by way of upper case).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailKey(String);

/// Why a text is not taken as an email address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// No `@`, several, or nothing beside it.
    #[error("an email address looks like name@example.com")]
    Form,
    /// More than 254 characters.
    #[error("an email address has at most 254 characters")]
    TooLong,
    /// White space, control or invisible characters inside.
    #[error("an email address has no spaces, control or invisible characters")]
    Space,
}

impl Email {
    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What must be unique.
    #[must_use]
    pub fn key(&self) -> EmailKey {
        EmailKey::of(&self.0)
    }

    /// The part before the `@`.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.0
            .rsplit_once('@')
            .map_or(self.0.as_str(), |(local, _)| local)
    }
}

impl EmailKey {
    /// The key of any text that a person may type where an address is asked for, valid or not: so that a login
    /// with a malformed address takes the same way as one with an unknown address.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(fold(text))
    }

    /// The key of what was stored before.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Case-insensitive form of a text: NFC, upper case, lower case (`ß` and `SS` meet, final sigma too), NFC.
#[must_use]
pub(crate) fn fold(text: &str) -> String {
    let upper: String = text.trim().nfc().collect::<String>().to_uppercase();
    upper.to_lowercase().nfc().collect()
}

impl FromStr for Email {
    type Err = EmailError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text: String = text.trim().nfc().collect();
        if text.chars().count() > 254 {
            return Err(EmailError::TooLong);
        }
        if text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || is_invisible(c))
        {
            return Err(EmailError::Space);
        }
        match text.split_once('@') {
            Some((local, domain)) if !local.is_empty() && !domain.is_empty() && !domain.contains('@') => {
                Ok(Self(text))
            }
            _ => Err(EmailError::Form),
        }
    }
}

/// What nobody sees: two addresses that differ by it alone look like one to whoever gives rights to one of them. Soft
/// hyphen, zero width, direction, byte order mark, tags.
const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'
            | '\u{1160}'
            | '\u{17b4}'
            | '\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

impl TryFrom<String> for Email {
    type Error = EmailError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_address_looks_like_another_by_what_nobody_sees() {
        for c in [
            '\u{200b}',
            '\u{202e}',
            '\u{feff}',
            '\u{ad}',
            '\u{e0061}',
            '\u{fe0f}',
        ] {
            let text = format!("ad{c}min@example.com");
            assert_eq!(
                text.parse::<Email>(),
                Err(EmailError::Space),
                "{}",
                c.escape_unicode()
            );
        }
        assert!("m\u{fc}ller@b\u{fc}cher.example".parse::<Email>().is_ok());
    }
}
