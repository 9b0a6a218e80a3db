//! For the tests of an application: callers without tokens, and a check that every guarded route is. Feature
//! `test-util`, which does not compile into a release.
//!
//! ```
//! use portcullis::{Allow, Gate, Public, access::LocalUser, core::id::UserId, routing::get, testing::{TestPrincipal, check_access}};
//! # use portcullis::{core, provider::{AuthError, AuthProvider, Parts}};
//! # struct Provider;
//! # impl AuthProvider for Provider {
//! #     type User = LocalUser;
//! #     async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
//! #         portcullis::provider::bearer(parts)?;
//! #         Err(AuthError::invalid("unknown"))
//! #     }
//! # }
//! # fn provider() -> Provider { Provider }
//! portcullis::roles! { pub enum Role { Admin = "admin" } }
//!
//! async fn stats(_: Allow<Admin>) -> &'static str { "42" }
//!
//! fn app() -> Gate { Gate::new(provider()).route("/stats", get(stats)) }
//!
//! # async fn test() {
//! // As an administrator, without a token:
//! let router = app().as_user(TestPrincipal::new().role::<Admin>().build()).into_router();
//! // 401 without credentials and 403 with a foreign role, on every guarded route:
//! check_access(app, TestPrincipal::new().build()).await.unwrap();
//! # drop(router);
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(test());
//! ```

mod check;
mod principal;

use http::request::Parts;

pub use self::{
    check::{AccessCheck, AccessFault, FaultKind, check_access},
    principal::TestPrincipal,
};
use crate::provider::{AuthError, AuthProvider};

/// Stands in for a gate's provider: everybody is this user, or nobody is anybody.
pub(crate) struct Everybody<U>(pub(crate) Option<U>);

impl<U: Clone + Send + Sync + 'static> AuthProvider for Everybody<U> {
    type User = U;

    async fn authenticate(&self, _: &Parts) -> Result<U, AuthError> {
        self.0.clone().ok_or(AuthError::Missing)
    }
}
