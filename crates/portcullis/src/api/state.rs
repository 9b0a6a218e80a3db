use std::{
    any::Any,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::extract::{FromRef, Request};
use http::header;
use portcullis_core::authority::{Authority, Caller};

use super::Browser;
use crate::layers::{ClientAddress, RequestId, TrustedProxies};

/// What the endpoints stand on. Clones share it.
#[derive(Clone)]
pub struct Api(Arc<Inner>);

struct Inner {
    authority: Arc<Authority>,
    proxies: TrustedProxies,
    browser: Option<Browser>,
    warned: AtomicBool,
    /// Goes on as long as somebody may still call.
    _alive: Option<Arc<dyn Any + Send + Sync>>,
}

impl Api {
    /// On `authority`. Where there is no [`Edge`](crate::layers::Edge) around the router, the word of `proxies` is
    /// believed on the addresses of clients. Pages can log in by cookie where there is a `browser`.
    #[must_use]
    pub fn new(authority: Arc<Authority>, proxies: TrustedProxies, browser: Option<Browser>) -> Self {
        Self::with(authority, proxies, browser, None)
    }

    pub(crate) fn with(
        authority: Arc<Authority>,
        proxies: TrustedProxies,
        browser: Option<Browser>,
        alive: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Self {
        Self(Arc::new(Inner {
            authority,
            proxies,
            browser,
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

    /// From where a request came, and which it is.
    pub(super) fn caller(&self, request: &Request) -> Caller {
        let (extensions, headers) = (request.extensions(), request.headers());
        let address = ClientAddress::of(extensions, headers, &self.0.proxies);
        if !address.is_known() && !self.0.warned.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "addresses of clients are not known, so all share one rate limit: serve the router by \
                 `into_make_service_with_connect_info::<SocketAddr>()`"
            );
        }
        let agent = headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok());
        let request_id = extensions.get::<RequestId>().map(ToString::to_string);
        Caller::new(Some(address.0), agent, request_id)
    }
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
