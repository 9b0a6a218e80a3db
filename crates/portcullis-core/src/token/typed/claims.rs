use std::time::Duration;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use super::Profile;
use crate::{
    clock::Timestamp,
    id::TokenId,
    rng::Rng,
    token::{TokenError, claims::Claims as Stated},
};

/// Longest `jti` that is taken, in bytes: it is kept when the token is revoked.
pub const MAX_ID: usize = 255;

/// The claims that are stated beside an application's own (RFC 7519, section 4.1).
const REGISTERED: [&str; 7] = ["iss", "sub", "aud", "exp", "nbf", "iat", "jti"];

/// What a token says: the registered claims, and beside them the members of `C`.
///
/// ```
/// use std::time::Duration;
/// use portcullis_core::{clock::{Clock, SystemClock}, rng::SystemRng, token::typed::{Claims, NoCustom}};
///
/// let now = SystemClock.now();
/// let claims = Claims::new("alice", NoCustom {}, now, Duration::from_secs(900), &SystemRng);
/// assert_eq!((claims.subject.as_str(), claims.expires_at), ("alice", now + Duration::from_secs(900)));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims<C = NoCustom> {
    /// `sub`: about whom.
    pub subject: String,
    /// `jti`: the token's own name, by which it is revoked.
    pub id: String,
    /// `iat`. On the wire, in whole seconds, as all instants are.
    pub issued_at: Timestamp,
    /// `nbf`: from when on it is valid.
    pub not_before: Option<Timestamp>,
    /// `exp`: until when it is valid.
    pub expires_at: Timestamp,
    /// The application's own: what serializes as an object, without the names of registered claims.
    pub custom: C,
}

/// No claims but the registered ones.
///
/// ```
/// use portcullis_core::token::typed::{Claims, NoCustom};
///
/// fn about(claims: Claims<NoCustom>) -> String { claims.subject }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoCustom {}

/// Why claims do not become a token.
///
/// ```
/// use portcullis_core::token::typed::EncodeError;
///
/// assert!(EncodeError::Registered("exp").to_string().contains("leave it out"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// Not an object.
    #[error("own claims are a struct or map that serializes as a JSON object with strings as names")]
    NotAnObject,
    /// An own claim has the name of a registered one.
    #[error("the own claims hold `{0}`, which `Claims` and `Profile` state: leave it out of them")]
    Registered(&'static str),
    /// The `jti` would not be taken when the token comes back.
    #[error("a token's id has 1 to 255 bytes and no control characters")]
    Id,
    /// It would not be taken when it comes back.
    #[error("the token is longer than 8192 bytes: state less in it")]
    TooLong,
    /// AWS-LC fails, which it has no reason to.
    #[error("signing failed")]
    Sign,
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID).contains(&text.len()) && !text.chars().any(char::is_control)
}

impl<C> Claims<C> {
    /// Claims about `subject`, valid from `now` on for `lifetime`, with a new `jti`.
    pub fn new(
        subject: impl Into<String>,
        custom: C,
        now: Timestamp,
        lifetime: Duration,
        rng: &dyn Rng,
    ) -> Self {
        Self {
            subject: subject.into(),
            id: TokenId::generate(now, rng).to_string(),
            issued_at: now,
            not_before: None,
            expires_at: now + lifetime,
            custom,
        }
    }
}

impl<C: Serialize> Claims<C> {
    /// As the payload of a token of this profile.
    pub(super) fn json(&self, profile: &Profile) -> Result<Vec<u8>, EncodeError> {
        let Ok(Value::Object(mut members)) = serde_json::to_value(&self.custom) else {
            return Err(EncodeError::NotAnObject);
        };
        if let Some(name) = REGISTERED.into_iter().find(|name| members.contains_key(*name)) {
            return Err(EncodeError::Registered(name));
        }
        if !is_id(&self.id) {
            return Err(EncodeError::Id);
        }
        let mut state = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        };
        let instant = |at: Timestamp| Some(at.unix_seconds().into());
        state("iss", profile.issuer.as_deref().map(Value::from));
        state("aud", profile.audience.as_deref().map(Value::from));
        state("sub", Some(self.subject.as_str().into()));
        state("jti", Some(self.id.as_str().into()));
        state("iat", instant(self.issued_at));
        state("nbf", self.not_before.and_then(instant));
        state("exp", instant(self.expires_at));
        serde_json::to_vec(&members).map_err(|_| EncodeError::NotAnObject)
    }
}

impl<C: DeserializeOwned> Claims<C> {
    /// From claims whose signature holds.
    pub(super) fn read(stated: Stated) -> Result<Self, TokenError> {
        let needed = |name| stated.instant(name)?.ok_or(TokenError::MissingClaim(name));
        let (issued_at, expires_at) = (needed("iat")?, needed("exp")?);
        let not_before = stated.instant("nbf")?;
        let mut members = stated.0;
        let subject = text(&mut members, "sub")?;
        let id = text(&mut members, "jti")?;
        if !is_id(&id) {
            return Err(TokenError::BadClaim("jti"));
        }
        for name in REGISTERED {
            members.remove(name);
        }
        Ok(Self {
            subject,
            id,
            issued_at,
            not_before,
            expires_at,
            // The text of the error may hold what came.
            custom: serde_json::from_value(Value::Object(members))
                .map_err(|_| TokenError::Malformed("its own claims are not those that are asked for"))?,
        })
    }
}

fn text(members: &mut Map<String, Value>, name: &'static str) -> Result<String, TokenError> {
    match members.remove(name) {
        None => Err(TokenError::MissingClaim(name)),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(TokenError::BadClaim(name)),
    }
}
