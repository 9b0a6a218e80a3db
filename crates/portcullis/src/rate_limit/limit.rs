use std::{
    fmt,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::extract::ConnectInfo;
use http::request::Parts;
use portcullis_core::{
    clock::{Clock, SystemClock},
    limit::{Decision, Limiter, Rule, address_key},
    rng::SystemRng,
};

use super::Rate;
use crate::layers::ClientAddress;

/// Keys that a limit remembers unless told.
const CAPACITY: usize = 10_000;

/// How often a route may be called, and who counts as one caller. Clones share their counts.
///
/// ```
/// use portcullis::{CurrentUser, Routes, rate, rate_limit::Limit, routing::post};
///
/// let limit = Limit::new(rate!("5/minute")).by_user();
/// let routes: Routes = Routes::new().route("/comments", post(async |_: CurrentUser| "said").rate_limit(limit));
/// ```
#[derive(Clone)]
pub struct Limit {
    rule: Rule,
    key: Key,
    limiter: Arc<Limiter>,
    capacity: usize,
    clock: Arc<dyn Clock>,
    warned: Arc<AtomicBool>,
}

type KeyOf = dyn Fn(&Parts) -> Option<String> + Send + Sync;

#[derive(Clone)]
enum Key {
    Address,
    User,
    By(Arc<KeyOf>),
}

impl Limit {
    /// So many requests from one address.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self {
            rule: Rule::new("route", rate),
            key: Key::Address,
            limiter: Arc::new(Limiter::new(CAPACITY, Arc::new(SystemClock), &SystemRng)),
            capacity: CAPACITY,
            clock: Arc::new(SystemClock),
            warned: Arc::default(),
        }
    }

    /// So many of one user, from everywhere. Counted once the guard has let the request pass. Where nobody is logged in,
    /// the address counts.
    #[must_use]
    pub fn by_user(mut self) -> Self {
        self.key = Key::User;
        self
    }

    /// So many of what `key` says of a request: a tenant, the holder of an API key. Where it says nothing, the address
    /// counts. It is asked before the guard, so whoever calls may make its answer up: every made-up key is a new one.
    ///
    /// ```
    /// use portcullis::{rate, rate_limit::Limit};
    ///
    /// let by_tenant = Limit::new(rate!("100/minute")).by(|parts| {
    ///     let tenant = parts.headers.get("x-tenant")?;
    ///     Some(tenant.to_str().ok()?.to_owned())
    /// });
    /// # drop(by_tenant);
    /// ```
    #[must_use]
    pub fn by(mut self, key: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static) -> Self {
        self.key = Key::By(Arc::new(key));
        self
    }

    /// The name in the `RateLimit` fields; `route` unless told.
    ///
    /// ```
    /// use portcullis::{rate, rate_limit::Limit};
    ///
    /// let limit = Limit::new(rate!("5/minute")).named("comments").capacity(100_000);
    /// # drop(limit);
    /// ```
    ///
    /// # Panics
    /// When it is empty or has anything but lower-case letters, digits, `-` and `_`.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.rule = Rule::new(name, self.rule.quota());
        self
    }

    /// How many callers are remembered at most; 10 000 unless told, of about 100 bytes and 8 for each request of their
    /// rate.
    ///
    /// ```
    /// use portcullis::{rate, rate_limit::Limit};
    ///
    /// let of_a_small_machine = Limit::new(rate!("5/minute")).capacity(1_000);
    /// # drop(of_a_small_machine);
    /// ```
    #[must_use]
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self.renewed()
    }

    /// Another clock: for tests.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use portcullis::{core::clock::MovableClock, rate, rate_limit::Limit};
    ///
    /// fn of_a_test(clock: &Arc<MovableClock>) -> Limit { Limit::new(rate!("5/minute")).clock(clock.clone()) }
    /// ```
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self.renewed()
    }

    fn renewed(mut self) -> Self {
        self.limiter = Arc::new(Limiter::new(self.capacity, Arc::clone(&self.clock), &SystemRng));
        self
    }

    pub(super) fn window(&self) -> Duration {
        self.rule.quota().window()
    }

    pub(super) const fn is_by_user(&self) -> bool {
        matches!(self.key, Key::User)
    }

    /// Counts a request, of `user` where that is known.
    pub(super) fn check(&self, parts: &Parts, user: Option<&str>) -> Decision {
        let text = match &self.key {
            Key::Address => None,
            Key::User => user.map(|user| (b'u', user.to_owned())),
            Key::By(key) => key(parts).map(|key| (b'k', key)),
        };
        // The first byte keeps the kinds apart.
        match text {
            Some((kind, text)) => self
                .limiter
                .check(&self.rule, &[&[kind], text.as_bytes()].concat()),
            None => self
                .limiter
                .check(&self.rule, &[&b"a"[..], &self.address(parts)].concat()),
        }
    }

    fn address(&self, parts: &Parts) -> [u8; 9] {
        let known = parts.extensions.get::<ClientAddress>().map(|address| address.0);
        let peer = || {
            parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|info| info.0.ip())
        };
        if let Some(address) = known.or_else(peer) {
            return address_key(address);
        }
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::error!(
                limit = self.rule.name(),
                "addresses of clients are not known, so all share one limit: serve the router by \
                 `into_make_service_with_connect_info::<SocketAddr>()`"
            );
        }
        address_key(ClientAddress::UNKNOWN.0)
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Limit({} {})", self.rule.name(), self.rule.quota())
    }
}

/// What a route can be limited by: a [`Rate`], or a [`Limit`].
///
/// ```
/// use portcullis::{rate, rate_limit::{IntoLimit, Limit}};
///
/// let limits: [Limit; 2] = [rate!("5/minute").into_limit(), Limit::new(rate!("5/minute")).into_limit()];
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no limit",
    label = "neither a `Rate` nor a `Limit`",
    note = "write `rate!(\"5/minute\")`, or `Limit::new(rate!(\"5/minute\")).by_user()`"
)]
pub trait IntoLimit {
    /// The limit.
    fn into_limit(self) -> Limit;
}

impl IntoLimit for Rate {
    fn into_limit(self) -> Limit {
        Limit::new(self)
    }
}

impl IntoLimit for Limit {
    fn into_limit(self) -> Self {
        self
    }
}
