//! Who is calling: the one trait through which the gate asks, and the one place that reads credentials.
//!
//! ```
//! use std::{collections::HashMap, sync::Arc};
//!
//! use http::request::Parts;
//! use portcullis::{access::LocalUser, provider::{AuthError, AuthProvider, bearer}};
//!
//! /// Tokens in a map, for tests.
//! struct InMemory(HashMap<&'static str, LocalUser>);
//!
//! impl AuthProvider for InMemory {
//!     type User = LocalUser;
//!
//!     async fn authenticate(&self, parts: &Parts) -> Result<Self::User, AuthError> {
//!         let token = bearer(parts)?;
//!         self.0.get(token.expose()).cloned().ok_or_else(|| AuthError::invalid("unknown token"))
//!     }
//! }
//! ```

mod bearer;
mod error;
mod local;
mod source;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use http::request::Parts;

pub use self::{
    bearer::{BearerToken, bearer},
    error::AuthError,
    local::Local,
    source::{Credential, SUBPROTOCOL, Source, TokenSources},
};

/// Tells who is calling.
///
/// # Errors
/// [`AuthError`] keeps four answers apart; above all, a backend that failed is [`AuthError::Unavailable`], never "not
/// logged in".
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell who is calling",
    label = "not an `AuthProvider`",
    note = "implement `portcullis::provider::AuthProvider` for `{Self}`"
)]
pub trait AuthProvider: Send + Sync + 'static {
    /// The caller, as handlers get it. Cloned once per request: an `Arc` is a good choice.
    type User: Clone + Send + Sync + 'static;

    /// The caller of the request with these headers.
    fn authenticate(&self, parts: &Parts) -> impl Future<Output = Result<Self::User, AuthError>> + Send;
}

impl<P: AuthProvider> AuthProvider for Arc<P> {
    type User = P::User;

    fn authenticate(&self, parts: &Parts) -> impl Future<Output = Result<Self::User, AuthError>> + Send {
        P::authenticate(self, parts)
    }
}

/// A provider without its type, as the gate keeps it.
pub(crate) trait AnyProvider<U>: Send + Sync {
    fn authenticate<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<U, AuthError>>;
}

impl<P: AuthProvider> AnyProvider<P::User> for P {
    fn authenticate<'a>(&'a self, parts: &'a Parts) -> BoxFuture<'a, Result<P::User, AuthError>> {
        Box::pin(AuthProvider::authenticate(self, parts))
    }
}

#[cfg(test)]
mod tests;
