use std::sync::Arc;

use http::request::Parts;
use portcullis_core::{
    authority::{AuthenticateError, Authority},
    token::VerifiedToken,
};

use super::{AuthError, AuthProvider, TokenSources};
use crate::access::LocalUser;

/// Our own users and sessions: access tokens of the [`Authority`] of this process.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis::{Gate, core::authority::Authority, provider::{Local, TokenSources}};
///
/// fn gate(authority: &Arc<Authority>) -> Gate {
///     let sources = TokenSources::default().query("access_token");
///     Gate::new(Local::new(Arc::clone(authority)).token_sources(sources))
/// }
/// ```
#[derive(Clone)]
pub struct Local {
    authority: Arc<Authority>,
    sources: TokenSources,
}

impl Local {
    /// Believes what `authority` believes.
    #[must_use]
    pub fn new(authority: Arc<Authority>) -> Self {
        Self {
            authority,
            sources: TokenSources::default(),
        }
    }

    /// Where to look for tokens; in the `Authorization` header alone unless told.
    #[must_use]
    pub fn token_sources(self, sources: TokenSources) -> Self {
        Self { sources, ..self }
    }
}

impl Local {
    fn user(&self, verified: Result<Arc<VerifiedToken>, AuthenticateError>) -> Result<LocalUser, AuthError> {
        match verified {
            Ok(token) => Ok(LocalUser::new(token, Arc::clone(&self.authority))),
            Err(AuthenticateError::Token(error)) => Err(AuthError::invalid(error.to_string())),
            Err(AuthenticateError::Revoked) => Err(AuthError::invalid("the token was revoked")),
            Err(AuthenticateError::Stale) => Err(AuthError::unavailable()),
        }
    }
}

impl AuthProvider for Local {
    type User = LocalUser;

    async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        let credential = self.sources.read(parts)?;
        self.user(self.authority.authenticate(credential.token()).await)
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Result<LocalUser, AuthError>> {
        match self.sources.read(parts) {
            Ok(credential) => Some(self.user(self.authority.authenticate_now(credential.token())?)),
            Err(error) => Some(Err(error)),
        }
    }

    fn token_sources(&self) -> TokenSources {
        self.sources.clone()
    }
}
