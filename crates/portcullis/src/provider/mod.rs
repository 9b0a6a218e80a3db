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

use crate::access::Caller;
#[doc(hidden)]
pub use axum::extract::State;
#[doc(hidden)]
pub use http::request::Parts;

pub(crate) use self::source::{is_websocket, offers_bearer};
pub use self::{
    bearer::{BearerToken, bearer},
    error::AuthError,
    local::Local,
    source::{Credential, SUBPROTOCOL, Source, TokenSources},
};

/// Tells who is calling.
///
/// ```
/// use std::sync::Arc;
///
/// use http::request::Parts;
/// use portcullis::provider::{AuthError, AuthProvider, bearer};
///
/// #[derive(portcullis::Caller)]
/// struct User { id: String }
///
/// /// Whoever has the key of this machine.
/// struct OneKey(String);
///
/// impl AuthProvider for OneKey {
///     type User = Arc<User>;
///
///     async fn authenticate(&self, parts: &Parts) -> Result<Arc<User>, AuthError> {
///         match bearer(parts)?.expose() == self.0 {
///             true => Ok(Arc::new(User { id: "machine".into() })),
///             false => Err(AuthError::invalid("unknown key")),
///         }
///     }
/// }
/// ```
///
/// # Errors
/// [`AuthError`] keeps four answers apart; above all, a backend that failed is [`AuthError::Unavailable`], never "not
/// logged in".
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell who is calling",
    label = "not an `AuthProvider`",
    note = "give the gate a Portcullis, a function under `#[portcullis::auth_provider]`, or implement `portcullis::provider::AuthProvider` for `{Self}`"
)]
pub trait AuthProvider: Send + Sync + 'static {
    /// The caller, as handlers get it. Cloned once per request: an `Arc` is a good choice.
    type User: Clone + Send + Sync + 'static;

    /// The caller of the request with these headers.
    fn authenticate(&self, parts: &Parts) -> impl Future<Output = Result<Self::User, AuthError>> + Send;

    /// The same without waiting, where that is possible: it spares each request an allocation. Whatever it gives must
    /// be what [`AuthProvider::authenticate`] would.
    ///
    /// ```
    /// use http::request::Parts;
    /// use portcullis::{access::LocalUser, provider::{AuthError, AuthProvider, Local, TokenSources}};
    ///
    /// /// Another provider with something around it passes all on.
    /// struct Counted(Local);
    ///
    /// impl AuthProvider for Counted {
    ///     type User = LocalUser;
    ///
    ///     async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> { self.0.authenticate(parts).await }
    ///     fn authenticate_now(&self, parts: &Parts) -> Option<Result<LocalUser, AuthError>> { self.0.authenticate_now(parts) }
    ///     fn token_sources(&self) -> TokenSources { AuthProvider::token_sources(&self.0) }
    ///     fn openid_configurations(&self) -> Vec<String> { self.0.openid_configurations() }
    /// }
    /// ```
    fn authenticate_now(&self, _parts: &Parts) -> Option<Result<Self::User, AuthError>> {
        None
    }

    /// Where it looks for tokens: for the OpenAPI document, and so that a gate is not built without protection against
    /// forged requests where one is a cookie. Say it here, then.
    ///
    /// ```
    /// use http::request::Parts;
    /// use portcullis::provider::{AuthError, AuthProvider, TokenSources};
    ///
    /// # #[derive(portcullis::Caller)]
    /// # struct User { id: u64 }
    /// struct ByCookie(TokenSources);
    ///
    /// impl AuthProvider for ByCookie {
    /// #   type User = std::sync::Arc<User>;
    ///     async fn authenticate(&self, parts: &Parts) -> Result<Self::User, AuthError> {
    ///         let credential = self.0.read(parts)?;
    /// #       let _ = credential;
    ///         // .. and who that is.
    /// #       Err(AuthError::unavailable())
    ///     }
    ///
    ///     fn token_sources(&self) -> TokenSources { self.0.clone() }
    /// }
    /// ```
    fn token_sources(&self) -> TokenSources {
        TokenSources::default()
    }

    /// Where the issuers describe themselves whose tokens it takes (OpenID Connect Discovery), for the OpenAPI document.
    ///
    /// ```
    /// use portcullis::provider::{AuthProvider, Local};
    ///
    /// fn issuers(provider: &Local) -> Vec<String> { provider.openid_configurations() }
    /// ```
    fn openid_configurations(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<P: AuthProvider> AuthProvider for Arc<P> {
    type User = P::User;

    fn authenticate(&self, parts: &Parts) -> impl Future<Output = Result<Self::User, AuthError>> + Send {
        P::authenticate(self, parts)
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Result<Self::User, AuthError>> {
        P::authenticate_now(self, parts)
    }

    fn token_sources(&self) -> TokenSources {
        P::token_sources(self)
    }

    fn openid_configurations(&self) -> Vec<String> {
        P::openid_configurations(self)
    }
}

/// Tells who is calling, with the help of the router's state `S`. Each [`AuthProvider`] does, and so does what
/// `#[portcullis::auth_provider]` makes of a function.
///
/// ```
/// use axum::{extract::State, http::{HeaderMap, request::Parts}};
/// use portcullis::{Caller, auth_provider, provider::{AuthError, Identifies}};
///
/// #[derive(Clone, Caller)]
/// struct User { id: u64 }
///
/// #[auth_provider]
/// async fn current_user(_: &HeaderMap, State(id): State<u64>) -> Result<User, AuthError> {
///     Ok(User { id })
/// }
///
/// fn with_state<S>(_: impl Identifies<S, User = User>) {}
/// with_state::<u64>(current_user);
///
/// async fn who<S>(parts: &Parts, state: &S, provider: impl Identifies<S, User = User>) -> Result<User, AuthError> {
///     if provider.token_sources().cookie_name().is_some() || !provider.openid_configurations().is_empty() {
///         return Err(AuthError::invalid("by header alone"));
///     }
///     match provider.identify_now(parts, state) {
///         Some(known) => known,
///         None => provider.identify(parts, state).await,
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot tell who is calling",
    label = "no provider",
    note = "give the gate a Portcullis, a function under `#[portcullis::auth_provider]`, or implement `portcullis::provider::AuthProvider` for `{Self}`",
    note = "if it is a function under `#[portcullis::auth_provider]`: the gate's state, `{S}`, must hold each `State<..>` that the function takes"
)]
pub trait Identifies<S>: Send + Sync + 'static {
    /// The caller, as handlers get it.
    type User: Clone + Send + Sync + 'static;

    /// The caller of the request with these headers.
    fn identify(
        &self,
        parts: &Parts,
        state: &S,
    ) -> impl Future<Output = Result<Self::User, AuthError>> + Send;

    /// See [`AuthProvider::authenticate_now`].
    fn identify_now(&self, _parts: &Parts, _state: &S) -> Option<Result<Self::User, AuthError>> {
        None
    }

    /// See [`AuthProvider::token_sources`].
    fn token_sources(&self) -> TokenSources {
        TokenSources::default()
    }

    /// See [`AuthProvider::openid_configurations`].
    fn openid_configurations(&self) -> Vec<String> {
        Vec::new()
    }
}

#[diagnostic::do_not_recommend]
impl<S: Sync, P: AuthProvider> Identifies<S> for P {
    type User = P::User;

    fn identify(&self, parts: &Parts, _: &S) -> impl Future<Output = Result<Self::User, AuthError>> + Send {
        self.authenticate(parts)
    }

    fn identify_now(&self, parts: &Parts, _: &S) -> Option<Result<Self::User, AuthError>> {
        self.authenticate_now(parts)
    }

    fn token_sources(&self) -> TokenSources {
        AuthProvider::token_sources(self)
    }

    fn openid_configurations(&self) -> Vec<String> {
        AuthProvider::openid_configurations(self)
    }
}

/// That a user type has its provider, which `#[portcullis::auth_provider]` writes down: a second one does not compile. It
/// does not name the provider, which may be less public than the user.
#[doc(hidden)]
pub trait HasOneAuthProvider: Caller {}

/// A provider without its type, as the gate keeps it.
pub(crate) trait AnyProvider<S, U>: Send + Sync {
    fn identify_now(&self, parts: &Parts, state: &S) -> Option<Result<U, AuthError>>;
    fn identify<'a>(&'a self, parts: &'a Parts, state: &'a S) -> BoxFuture<'a, Result<U, AuthError>>;
    fn token_sources(&self) -> TokenSources;
    fn openid_configurations(&self) -> Vec<String>;
}

impl<S: Sync, P: Identifies<S>> AnyProvider<S, P::User> for P {
    fn identify_now(&self, parts: &Parts, state: &S) -> Option<Result<P::User, AuthError>> {
        Identifies::identify_now(self, parts, state)
    }

    fn identify<'a>(&'a self, parts: &'a Parts, state: &'a S) -> BoxFuture<'a, Result<P::User, AuthError>> {
        Box::pin(Identifies::identify(self, parts, state))
    }

    fn token_sources(&self) -> TokenSources {
        Identifies::token_sources(self)
    }

    fn openid_configurations(&self) -> Vec<String> {
        Identifies::openid_configurations(self)
    }
}

/// A provider that was given its state.
pub(crate) struct WithState<S, U> {
    pub(crate) provider: Arc<dyn AnyProvider<S, U>>,
    pub(crate) state: S,
}

impl<S, S2, U> Identifies<S2> for WithState<S, U>
where
    S: Send + Sync + 'static,
    S2: Sync,
    U: Clone + Send + Sync + 'static,
{
    type User = U;

    async fn identify(&self, parts: &Parts, _: &S2) -> Result<U, AuthError> {
        self.provider.identify(parts, &self.state).await
    }

    fn identify_now(&self, parts: &Parts, _: &S2) -> Option<Result<U, AuthError>> {
        self.provider.identify_now(parts, &self.state)
    }

    fn token_sources(&self) -> TokenSources {
        self.provider.token_sources()
    }

    fn openid_configurations(&self) -> Vec<String> {
        self.provider.openid_configurations()
    }
}

#[cfg(test)]
mod tests;
