//! What people type to log in or to confirm an act.
//!
//! A request keeps it while it waits for a hashing thread, up to `password.queue` of them at a time, so its size is
//! part of what a flood of logins can make the process hold (decision 0053).

use portcullis_core::password::Password;
use secrecy::{ExposeSecret as _, SecretString};

use crate::input::Check;

/// New passwords have 128 characters at most; those of imported hashes may have more.
const LONGEST_PASSWORD: usize = 4096;
/// An email has 254 characters at most.
const LONGEST_IDENTIFIER: usize = 1024;

/// The password in `field`. How long it is says nothing of whose it is.
pub(crate) fn password(check: &mut Check, field: &'static str, text: &SecretString) -> Option<Password> {
    let text = text.expose_secret();
    if text.len() > LONGEST_PASSWORD {
        check.refuse(field, "length", "at most 4096 bytes");
        return None;
    }
    Some(Password::new(text))
}

/// Whom the text in `field` means.
pub(crate) fn identifier(check: &mut Check, field: &'static str, text: String) -> Option<String> {
    if text.len() > LONGEST_IDENTIFIER {
        check.refuse(field, "length", "at most 1024 bytes");
        return None;
    }
    Some(text)
}
