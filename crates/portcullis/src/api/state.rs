use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::{FromRef, Request};
use portcullis_core::authority::{Authority, Caller};

use super::Browser;
use super::caller::caller_of;
use crate::layers::TrustedProxies;

/// What the endpoints stand on. Clones share it.
///
/// ```
/// use std::sync::Arc;
///
/// use portcullis::{api::Api, core::authority::Authority, layers::TrustedProxies};
///
/// fn api(authority: Arc<Authority>) -> Api { Api::new(authority, TrustedProxies::default(), None) }
/// fn is_for_pages(api: &Api) -> bool { api.browser().is_some() }
/// ```
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    authority: Arc<Authority>,
    proxies: TrustedProxies,
    browser: Option<Browser>,
    #[cfg_attr(not(feature = "issuer"), allow(dead_code, reason = "empty then"))]
    sign_in: SignInParts,
    warned: AtomicBool,
    /// Goes on as long as somebody may still call.
    _alive: Option<Arc<dyn Any + Send + Sync>>,
}

impl Api {
    /// On `authority`. Where there is no [`Edge`](crate::layers::Edge) around the router, the word of `proxies` is
    /// believed on the addresses of clients. Pages can log in by cookie where there is a `browser`.
    #[must_use]
    pub fn new(authority: Arc<Authority>, proxies: TrustedProxies, browser: Option<Browser>) -> Self {
        Self::with(authority, proxies, browser, SignInParts::default(), None)
    }

    pub(crate) fn with(
        authority: Arc<Authority>,
        proxies: TrustedProxies,
        browser: Option<Browser>,
        sign_in: SignInParts,
        alive: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner {
            authority,
            proxies,
            browser,
            sign_in,
            warned: AtomicBool::new(false),
            _alive: alive,
        }))
    }

    /// Who decides.
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.0.authority
    }

    /// What pages need to log in by cookie, where they can.
    #[must_use]
    pub fn browser(&self) -> Option<&Browser> {
        self.0.browser.as_ref()
    }

    /// Sign-in with a provider, where it is offered.
    #[cfg(feature = "issuer")]
    pub(crate) fn sign_in(&self) -> Option<&crate::sign_in::SignIn> {
        self.0.sign_in.sign_in.as_ref()
    }

    /// Where codes of sign-ins may be sent.
    #[cfg(feature = "issuer")]
    pub(super) fn sign_in_redirects(&self) -> &[String] {
        &self.0.sign_in.redirects
    }

    /// From where a request came, and which it is.
    pub(super) fn caller(&self, request: &Request) -> Caller {
        let (caller, is_known) = caller_of(request.extensions(), request.headers(), &self.0.proxies);
        if !is_known && !self.0.warned.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "addresses of clients are not known, so all share one rate limit: serve the router by \
                 `into_make_service_with_connect_info::<SocketAddr>()`"
            );
        }
        caller
    }
}

/// What a sign-in with a provider needs.
#[derive(Default)]
pub(crate) struct SignInParts {
    #[cfg(feature = "issuer")]
    pub(crate) sign_in: Option<crate::sign_in::SignIn>,
    /// Where codes may be sent.
    #[cfg(feature = "issuer")]
    pub(crate) redirects: Vec<String>,
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").finish_non_exhaustive()
    }
}

impl FromRef<Api> for Arc<Authority> {
    fn from_ref(api: &Api) -> Self {
        Arc::clone(&api.0.authority)
    }
}
