use secrecy::{ExposeSecret, SecretString};
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};
use zeroize::Zeroizing;

/// A password as a person typed it, in Unicode's composed form (NFC), never truncated, wiped when dropped.
///
/// The same password reaches us composed or decomposed, as keyboards and systems differ; NIST SP 800-63B-4, section
/// 3.1.1.2, asks to normalize before hashing and to count code points. Spaces count like any character.
///
/// ```
/// use portcullis_core::password::Password;
///
/// assert_eq!(Password::new("pa\u{301}ss").length(), 4);
/// ```
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// From what was typed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        if is_nfc_quick(text.chars()) == IsNormalized::Yes {
            return Self(SecretString::from(text));
        }
        // NFC lengthens UTF-8 threefold at most. Room for that from the start: a buffer that grows leaves copies
        // behind which nobody wipes.
        let mut composed = Zeroizing::new(String::with_capacity(text.len() * 3));
        composed.extend(text.nfc());
        Self(SecretString::from(composed.as_str()))
    }

    /// Number of code points.
    #[must_use]
    pub fn length(&self) -> usize {
        self.expose().chars().count()
    }

    /// The text, to be hashed or compared.
    pub(super) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Characters of `text` without white space around them and without the difference of upper and lower case. What
/// is folded is never put together, so that nothing needs wiping.
pub(super) fn folded(text: &str) -> impl Iterator<Item = char> + '_ {
    text.trim()
        .chars()
        .nfc()
        .flat_map(char::to_uppercase)
        .flat_map(char::to_lowercase)
        .nfc()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn composed_and_decomposed_are_one() {
        let (composed, decomposed) = (Password::new("Zoë\u{e9}"), Password::new("Zoe\u{308}e\u{301}"));
        assert_eq!(composed.expose(), decomposed.expose());
        assert_eq!(composed.length(), 4);
    }

    #[test]
    fn case_is_folded_beyond_ascii() {
        assert!(folded("  STRASSE ").eq(folded("straße")));
        assert!(folded("ΟΔΟΣ").eq(folded("οδος")));
    }

    proptest! {
        #[test]
        fn nothing_is_cut_or_added(text in "\\PC{0,300}") {
            let password = Password::new(&text);
            let expected: String = text.nfc().collect();
            prop_assert_eq!(password.expose(), expected.as_str());
        }
    }
}
