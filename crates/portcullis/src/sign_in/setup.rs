use std::sync::{Arc, Mutex};

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use portcullis_core::authority::Authority;
use portcullis_core::{
    clock::Clock,
    identity::Tickets,
    key::{MasterKey, Vault},
    rng::{Rng, SystemRng},
    url::Url,
};

use super::{
    Provider,
    connection::Connection,
    flow::{FLOW, Inner, SignIn, Uses},
};
use crate::cookie::{Cookie, CookieError, CookieScheme, SameSite};

/// Why no sign-in comes of it.
///
/// ```no_run
/// use portcullis::sign_in::{Provider, SignIn};
///
/// let google = || Provider::google("google", "client-id").secret("client-secret".into());
/// let twice = SignIn::builder("https://app.example.com").provider(google()).provider(google()).build();
/// println!("{}", twice.err().unwrap());
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInSetupError {
    /// Browsers could not come back.
    #[error("the public URL: {0}")]
    PublicUrl(CookieError),
    /// Nobody could tell where the path begins.
    #[error("the public URL `{0}` has a query, a fragment or a user: give the bare URL")]
    PublicUrlParts(String),
    /// It stands in URLs.
    #[error("`{0}` cannot be the name of a provider: give 1 to 32 of a-z, 0-9 and -")]
    Id(String),
    /// Which one was meant?
    #[error("two providers are called `{0}`")]
    Twice(String),
    /// An account would be known by either.
    #[error("the providers `{0}` and `{1}` have one issuer: their accounts would be the same")]
    SameIssuer(String, String),
    /// It cannot be asked.
    #[error("the provider `{id}`: {cause}")]
    Provider {
        /// Which.
        id: String,
        /// Why.
        cause: String,
    },
}

/// How a [`SignIn`] is set up.
///
/// ```no_run
/// use std::sync::Arc;
/// use portcullis::{
///     core::{clock::SystemClock, key::MasterKey, rng::SystemRng},
///     sign_in::{Provider, SignIn},
/// };
///
/// let sign_in = SignIn::builder("https://app.example.com")
///     .provider(Provider::google("google", "client-id").secret("client-secret".into()))
///     .master_key(MasterKey::generate(&SystemRng))
///     .clock(Arc::new(SystemClock))
///     .build()?;
/// # drop(sign_in);
/// # Ok::<(), portcullis::sign_in::SignInSetupError>(())
/// ```
#[must_use = "call `.build()`"]
pub struct SignInBuilder {
    pub(super) public_url: String,
    pub(super) providers: Vec<Provider>,
    pub(super) master_key: Option<MasterKey>,
    pub(super) clock: Arc<dyn Clock>,
}

impl SignInBuilder {
    /// With this provider, too.
    pub fn provider(mut self, provider: Provider) -> Self {
        self.providers.push(provider);
        self
    }

    /// What seals the cookies: the same on all nodes, and after a restart. Without it, a sign-in must end in the process where it
    /// began.
    pub fn master_key(mut self, key: MasterKey) -> Self {
        self.master_key = Some(key);
        self
    }

    /// Time from elsewhere, as tests want it.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets it up. No provider is asked yet. What was used is remembered in this process: several nodes want the store of a
    /// Portcullis.
    ///
    /// # Errors
    /// When something is wrong that can be told without asking.
    pub fn build(self) -> Result<SignIn, SignInSetupError> {
        let key = self
            .master_key
            .clone()
            .unwrap_or_else(|| MasterKey::generate(&SystemRng));
        let tickets = Tickets::new(Arc::new(Vault::new(&key)));
        let clock = Arc::clone(&self.clock);
        self.on(tickets, Uses::Here(Mutex::default()), clock, Arc::new(SystemRng))
    }

    /// The same on the store and the keys of an authority.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn on_authority(self, authority: &Arc<Authority>) -> Result<SignIn, SignInSetupError> {
        let tickets = authority.tickets().clone();
        let (clock, rng) = (Arc::clone(authority.clock()), Arc::clone(authority.rng()));
        self.on(tickets, Uses::Store(Arc::clone(authority)), clock, rng)
    }

    fn on(
        self,
        tickets: Tickets,
        uses: Uses,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<SignIn, SignInSetupError> {
        let public_url = self.public_url.trim_end_matches('/').to_owned();
        let scheme = CookieScheme::of(&public_url).map_err(SignInSetupError::PublicUrl)?;
        let parts = Url::parse(&public_url).filter(|url| !url.has_userinfo && !url.has_query_or_fragment);
        if parts.is_none() {
            return Err(SignInSetupError::PublicUrlParts(public_url));
        }
        // Lax: the browser comes back from another site, by a link that it follows.
        let cookie = Cookie::new("sign-in", scheme)
            .and_then(|cookie| cookie.max_age(FLOW).same_site(SameSite::Lax))
            .map_err(SignInSetupError::PublicUrl)?;
        let mut connections: Vec<Connection> = Vec::new();
        for provider in self.providers {
            let id = &provider.id;
            let good = (1..=32).contains(&id.len())
                && id
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !good {
                return Err(SignInSetupError::Id(id.clone()));
            }
            for other in &connections {
                if other.provider.id == *id {
                    return Err(SignInSetupError::Twice(id.clone()));
                }
                if other.provider.issuer == provider.issuer {
                    return Err(SignInSetupError::SameIssuer(
                        other.provider.id.clone(),
                        id.clone(),
                    ));
                }
            }
            let id = id.clone();
            let connection = Connection::new(provider, Arc::clone(&clock), Arc::clone(&rng));
            connections.push(connection.map_err(|cause| SignInSetupError::Provider {
                id,
                cause: cause.to_string(),
            })?);
        }
        Ok(SignIn(Arc::new(Inner {
            public_url,
            connections,
            cookie,
            tickets,
            uses,
            clock,
            rng,
        })))
    }
}
