/// Why a token is not valid. The texts are fit for `error_description` (RFC 6750, section 3): short, without quotes,
/// and they repeat nothing of the token.
///
/// ```
/// use portcullis_core::token::TokenError;
///
/// /// Whether a refresh may help.
/// fn is_worth_a_refresh(error: TokenError) -> bool { matches!(error, TokenError::Expired | TokenError::Revoked) }
/// assert_eq!(TokenError::Expired.to_string(), "the token expired");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// `exp` has passed.
    #[error("the token expired")]
    Expired,
    /// `nbf` or `iat` lies ahead.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iss` is another.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// `aud` does not name this audience.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `typ` is not that of an access token: an ID token, a refresh token, ..
    #[error("this is not an access token (typ at+jwt)")]
    WrongType,
    /// `typ` is not that of the tokens that are taken here ([`Profile::kind`](super::typed::Profile::kind)).
    #[error("this is a token of another type (typ)")]
    OtherType,
    /// `alg` is not the one algorithm of the key; `none` too.
    #[error("the token names another algorithm than its key has")]
    WrongAlgorithm,
    /// Not a canonical compact JWS with JSON objects inside, for the stated reason.
    #[error("malformed token: {0}")]
    Malformed(&'static str),
    /// No key has this `kid`, or none is named where there is a choice.
    #[error("the token is signed with an unknown key")]
    UnknownKey,
    /// The key is there, but is for something else, or of a kind that is not supported.
    #[error("the key of the token is not for verifying or of an unsupported kind")]
    UnusableKey,
    /// The signature does not hold.
    #[error("the signature is not valid")]
    BadSignature,
    /// A claim that must be there is not.
    #[error("the claim {0} is missing")]
    MissingClaim(&'static str),
    /// A claim has another form than it must have.
    #[error("the claim {0} has the wrong form")]
    BadClaim(&'static str),
    /// Its issuer was asked, and says so (`active` of RFC 7662, section 2.2): it expired, was revoked, or never was one.
    #[error("the token is not active")]
    NotActive,
    /// Revoked: logged out, disabled, other roles, a revoked key. Said by [`crate::revocation`], never by the
    /// [`Verifier`](super::Verifier).
    #[error("the token was revoked")]
    Revoked,
}
