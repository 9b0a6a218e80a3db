//! Reading tokens without believing them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// Header and claims of a compact JWS, unverified.
///
/// # Panics
/// When it is none.
#[must_use]
#[track_caller]
pub fn decode(token: &str) -> (Value, Value) {
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "a compact JWS has three parts");
    let part = |text: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
    };
    (part(parts[0]), part(parts[1]))
}

/// The claims alone.
#[must_use]
#[track_caller]
pub fn claims(token: &str) -> Value {
    decode(token).1
}
