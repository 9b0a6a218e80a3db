use std::{fmt, future, future::Future, ops::Deref, sync::Arc};

use futures_util::future::Either;
use portcullis_core::{
    authority::{Authority, Ended},
    token::VerifiedToken,
};

use super::{Caller, HasRoles, HasScopes, Holder, Principal};

/// The user of Portcullis' own providers: what the verified access token says. Derefs to [`Principal`]; a clone costs
/// no allocation.
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{Allow, access::LocalUser, api::Admin, core::{authority::Authority, token::VerifiedToken}};
///
/// /// `Allow` and `CurrentUser` give one; of it the fields of its [`Principal`] can be read.
/// async fn whoami(user: Allow<Admin>) -> String {
///     let user: &LocalUser = &user;
///     format!("{} until {}", user.user, user.expires_at)
/// }
/// /// A provider of one's own makes them of verified tokens.
/// fn known(token: Arc<VerifiedToken>, by: Option<Arc<Authority>>) -> LocalUser {
///     match by {
///         Some(authority) => LocalUser::new(token, authority),
///         None => LocalUser::detached(token),
///     }
/// }
/// ```
#[derive(Clone)]
pub struct LocalUser {
    token: Arc<VerifiedToken>,
    authority: Option<Arc<Authority>>,
}

impl LocalUser {
    /// Who presented `token`, as `authority` verified it.
    #[must_use]
    pub fn new(token: Arc<VerifiedToken>, authority: Arc<Authority>) -> Self {
        Self {
            token,
            authority: Some(authority),
        }
    }

    /// Someone of whom no authority knows, so that it never ends: for tests and for tokens of other issuers.
    #[must_use]
    pub fn detached(token: Arc<VerifiedToken>) -> Self {
        Self {
            token,
            authority: None,
        }
    }

    /// Resolves when the token expires or is revoked, or when this node can no longer tell: for what outlives one
    /// request. Close web sockets and event streams then.
    ///
    /// ```
    /// # async fn serve() {}
    /// async fn chat(user: portcullis::access::CurrentUser) {
    ///     let ended = user.ended();
    ///     tokio::spawn(async move {
    ///         tokio::select! {
    ///             reason = ended => drop(reason), // Tell the client why, and hang up.
    ///             () = serve() => {}
    ///         }
    ///     });
    /// }
    /// ```
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        match &self.authority {
            Some(authority) => Either::Left(authority.ended(Arc::clone(&self.token))),
            None => Either::Right(future::pending()),
        }
    }
}

impl fmt::Debug for LocalUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalUser").field(&self.token.principal).finish()
    }
}

impl Deref for LocalUser {
    type Target = Principal;

    fn deref(&self) -> &Principal {
        &self.token.principal
    }
}

impl Holder for LocalUser {
    fn has_role(&self, name: &str) -> bool {
        self.token.principal.has_role(name)
    }

    fn has_scope(&self, name: &str) -> bool {
        self.token.principal.has_scope(name)
    }
}

impl Caller for LocalUser {
    fn id(&self) -> String {
        Caller::id(&*self.token.principal)
    }

    fn roles(&self) -> Vec<String> {
        Caller::roles(&*self.token.principal)
    }

    fn scopes(&self) -> Vec<String> {
        Caller::scopes(&*self.token.principal)
    }

    fn single_role(&self) -> Option<String> {
        Caller::single_role(&*self.token.principal)
    }
}

impl HasRoles for LocalUser {}
impl HasScopes for LocalUser {}
