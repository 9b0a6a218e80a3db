use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    authority::{AuthenticateError, Authority},
    token::VerifiedToken,
};

use super::{AuthError, AuthProvider, bearer};
use crate::access::LocalUser;

/// Our own users and sessions: access tokens of the [`Authority`] of this process.
#[derive(Clone)]
pub struct Local(Arc<Authority>);

impl Local {
    /// Believes what `authority` believes.
    #[must_use]
    pub fn new(authority: Arc<Authority>) -> Self {
        Self(authority)
    }
}

impl Local {
    fn user(&self, verified: Result<Arc<VerifiedToken>, AuthenticateError>) -> Result<LocalUser, AuthError> {
        match verified {
            Ok(token) => Ok(LocalUser::new(token, Arc::clone(&self.0))),
            Err(AuthenticateError::Token(error)) => Err(AuthError::invalid(error.to_string())),
            Err(AuthenticateError::Revoked) => Err(AuthError::invalid("the token was revoked")),
            Err(AuthenticateError::Stale) => Err(AuthError::unavailable()),
        }
    }
}

impl AuthProvider for Local {
    type User = LocalUser;

    async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        let token = bearer(parts)?;
        self.user(self.0.authenticate(token.expose()).await)
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Result<LocalUser, AuthError>> {
        match bearer(parts) {
            Ok(token) => Some(self.user(self.0.authenticate_now(token.expose())?)),
            Err(error) => Some(Err(error)),
        }
    }
}
