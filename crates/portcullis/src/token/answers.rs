//! What errors of tokens look like on the wire.

use portcullis_core::token::{TokenError, typed::EncodeError};

use crate::{
    problem::{Challenge, DEFAULT_REALM, Problem},
    provider::AuthError,
};

/// 401 `invalid_token` (RFC 6750, section 3.1).
impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        Self::invalid(error.to_string())
    }
}

/// 401 `invalid_token` (RFC 6750, section 3.1), for tokens that come otherwise than by a provider.
impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        AuthError::from(error).to_problem(Challenge::new(DEFAULT_REALM))
    }
}

/// 500: what the application wanted to state is its own affair.
impl From<EncodeError> for Problem {
    fn from(error: EncodeError) -> Self {
        Self::internal(&error)
    }
}
