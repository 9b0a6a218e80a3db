use std::{sync::Arc, time::Duration};

use http::request::Parts;
use portcullis_core::authority::{AuthenticateError, Authority};

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

impl AuthProvider for Local {
    type User = LocalUser;

    async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        let token = bearer(parts)?;
        self.0
            .authenticate(token.expose())
            .await
            .map_err(|error| match error {
                AuthenticateError::Token(error) => AuthError::invalid(error.to_string()),
                AuthenticateError::Revoked => AuthError::invalid("the token was revoked"),
                AuthenticateError::Stale => AuthError::Unavailable {
                    retry_after: Duration::from_secs(1),
                },
            })
    }
}
