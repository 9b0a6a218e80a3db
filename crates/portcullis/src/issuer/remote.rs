use std::{collections::HashSet, sync::Arc};

use http::request::Parts;
use portcullis_core::{
    clock::{Clock, SystemClock},
    issuer::{DEFAULT_REMEMBERED, IssuerKeys, IssuerVerifier, Refused, TrustedIssuer, UnknownKey},
    token::TokenError,
};

#[cfg(feature = "issuer")]
use super::fetch::{FetchError, Introspector, Keeper, KeySource};
#[cfg(feature = "issuer")]
use portcullis_core::issuer::is_opaque;

use super::{Issuer, RemoteUser, trusted::Source};
use crate::provider::{AuthError, AuthProvider, TokenSources};

/// Tells who calls by tokens of other issuers. Clones share it; when the last one goes, nothing is fetched any more.
///
/// ```
/// use portcullis::{issuer::{Issuer, JwkSet, Remote, RemoteUser}, provider::AuthError};
///
/// # let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let issuer = Issuer::keys("https://idp.example", JwkSet::published(jwks)?).audience("tasks");
/// let auth = Remote::builder().issuer(issuer).start()?;
///
/// /// Of a token that came by a queue, with the task that it is for.
/// async fn who(auth: &Remote, token: &str) -> Result<RemoteUser, AuthError> { auth.verify(token).await }
/// # drop(auth);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Remote(Arc<Inner>);

struct Inner {
    verifier: IssuerVerifier,
    clock: Arc<dyn Clock>,
    sources: TokenSources,
    /// Where each discovered issuer says what it is, for the OpenAPI document.
    #[cfg(feature = "issuer")]
    configurations: Vec<String>,
    /// Asks about tokens that are no JWTs.
    #[cfg(feature = "issuer")]
    opaque: Option<Introspector>,
    /// As the issuers of the verifier; none for those with fixed keys.
    #[cfg(feature = "issuer")]
    keepers: Vec<Option<Keeper>>,
}

/// Why no provider comes of it.
///
/// ```
/// use portcullis::issuer::{IssuerError, Remote};
///
/// assert!(matches!(Remote::builder().start(), Err(IssuerError::NoIssuer)));
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// There is none.
    #[error("no issuer: add one by `.issuer(Issuer::discover(..).audience(..))`")]
    NoIssuer,
    /// One is there twice: which one's keys were to count?
    #[error("the issuer {0} is named twice")]
    Twice(String),
    /// Not in a form that a token could state.
    #[error(
        "`{0}` is no name of an issuer: it has neither white space nor control characters, and is not empty"
    )]
    Name(String),
    /// Tokens for everybody are for nobody.
    #[error("the audience of {0} is empty: say by which name the issuer knows this service")]
    NoAudience(String),
    /// Its keys cannot be fetched this way.
    #[cfg(feature = "issuer")]
    #[error("the keys of {issuer} cannot be fetched: {cause}")]
    Fetch {
        /// Whose.
        issuer: String,
        /// Why.
        cause: String,
    },
    /// Opaque tokens do not say whose they are.
    #[cfg(feature = "issuer")]
    #[error("two issuers take opaque tokens: a token of one would be shown to the other")]
    TwoForOpaque,
    /// Of an issuer whose tokens are opaque it was not said how to ask it.
    #[cfg(feature = "issuer")]
    #[error("the tokens of {0} are opaque: say how to ask it by `.opaque_tokens(..)`")]
    NoIntrospection(String),
    /// Keys are fetched in the background.
    #[cfg(feature = "issuer")]
    #[error("keys are fetched in the background: call this within a Tokio runtime")]
    NoRuntime,
}

/// Which issuers are believed.
///
/// ```
/// use std::sync::Arc;
/// use portcullis::{core::clock::SystemClock, issuer::{Issuer, IssuerError, Remote}, provider::TokenSources};
///
/// async fn start(ours: Issuer, theirs: Issuer, can_wait: bool) -> Result<Remote, IssuerError> {
///     let builder = Remote::builder()
///         .issuer(ours)
///         .issuer(theirs)
///         .token_sources(TokenSources::default().query("token"))
///         .remember(64 * 1024 * 1024)
///         .clock(Arc::new(SystemClock));
///     if can_wait { builder.connect().await } else { builder.start() }
/// }
/// ```
#[must_use = "call `.connect().await` or `.start()`"]
pub struct RemoteBuilder {
    issuers: Vec<Issuer>,
    sources: TokenSources,
    clock: Arc<dyn Clock>,
    remembered: u64,
}

impl Remote {
    /// None is believed so far.
    pub fn builder() -> RemoteBuilder {
        RemoteBuilder {
            issuers: Vec::new(),
            sources: TokenSources::default(),
            clock: Arc::new(SystemClock),
            remembered: DEFAULT_REMEMBERED,
        }
    }

    /// Who calls with this token: for handlers and jobs that read one from elsewhere than a request.
    ///
    /// # Errors
    /// When the token is not good, or nobody can tell.
    pub async fn verify(&self, token: &str) -> Result<RemoteUser, AuthError> {
        let wait = match self.look(token) {
            Look::Done(done) => return done,
            Look::Wait(wait) => wait,
        };
        self.after_fetch(wait, token).await
    }

    #[cfg(feature = "issuer")]
    async fn after_fetch(&self, wait: Wait, token: &str) -> Result<RemoteUser, AuthError> {
        let issuer = match (wait, &self.0.opaque) {
            (Wait::Keys(issuer), _) => issuer,
            (Wait::Answer, Some(opaque)) => return opaque.ask(token).await,
            (Wait::Answer, None) => return Err(AuthError::unavailable()),
        };
        let Some(keeper) = &self.0.keepers[issuer] else {
            return Err(AuthError::unavailable());
        };
        let fetch = keeper.next_end();
        // Looked at again: a fetch that has ended since is not waited for.
        if let Look::Done(done) = self.look(token) {
            return done;
        }
        keeper.wake();
        fetch.wait().await;
        match self.look(token) {
            Look::Done(done) => done,
            Look::Wait(_) => Err(AuthError::unavailable()),
        }
    }

    #[cfg(not(feature = "issuer"))]
    #[expect(clippy::unused_async, reason = "with the feature `issuer` it waits")]
    async fn after_fetch(&self, _: Wait, _: &str) -> Result<RemoteUser, AuthError> {
        Err(AuthError::unavailable())
    }

    /// Who fetches the keys of the issuer at this place.
    #[cfg(test)]
    pub(super) fn keeper(&self, issuer: usize) -> &Keeper {
        self.0.keepers[issuer].as_ref().unwrap()
    }

    /// What can be said of a token without waiting.
    fn look(&self, token: &str) -> Look {
        let inner = &*self.0;
        #[cfg(feature = "issuer")]
        if let Some(opaque) = &inner.opaque
            && is_opaque(token)
        {
            return opaque.known(token).map_or(Look::Wait(Wait::Answer), Look::Done);
        }
        let asked = |issuer: usize| inner.verifier.issuers()[issuer].keys.unknown_key();
        let done = match inner.verifier.verify(token) {
            Ok(identity) => Ok(RemoteUser::by_clock(identity, Arc::clone(&inner.clock))),
            Err(Refused::Token(error)) => Err(error.into()),
            Err(Refused::UnknownKey(issuer) | Refused::NoKeys(issuer)) => match asked(issuer) {
                UnknownKey::Wait => return Look::Wait(Wait::Keys(issuer)),
                UnknownKey::None => Err(TokenError::UnknownKey.into()),
                UnknownKey::Unreachable => Err(AuthError::unavailable()),
            },
        };
        Look::Done(done)
    }
}

enum Look {
    Done(Result<RemoteUser, AuthError>),
    Wait(Wait),
}

/// What may tell.
enum Wait {
    /// A fetch of the keys of the issuer at this place.
    #[cfg_attr(not(feature = "issuer"), allow(dead_code, reason = "keys are fixed then"))]
    Keys(usize),
    /// What the issuer says of an opaque token.
    #[cfg(feature = "issuer")]
    Answer,
}

impl AuthProvider for Remote {
    type User = RemoteUser;

    async fn authenticate(&self, parts: &Parts) -> Result<RemoteUser, AuthError> {
        let credential = self.0.sources.read(parts)?;
        self.verify(credential.token()).await
    }

    fn authenticate_now(&self, parts: &Parts) -> Option<Result<RemoteUser, AuthError>> {
        let credential = match self.0.sources.read(parts) {
            Ok(credential) => credential,
            Err(error) => return Some(Err(error)),
        };
        match self.look(credential.token()) {
            Look::Done(done) => Some(done),
            Look::Wait(_) => None,
        }
    }

    fn token_sources(&self) -> TokenSources {
        self.0.sources.clone()
    }

    #[cfg(feature = "issuer")]
    fn openid_configurations(&self) -> Vec<String> {
        self.0.configurations.clone()
    }
}

impl RemoteBuilder {
    /// Believes this issuer, too.
    pub fn issuer(mut self, issuer: Issuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Where to look for tokens; in the `Authorization` header alone unless told.
    pub fn token_sources(mut self, sources: TokenSources) -> Self {
        self.sources = sources;
        self
    }

    /// How many bytes of verified tokens are remembered, so that their signatures are not checked again: 16 MiB unless told.
    /// They take about three times that much memory. With 0, none are.
    pub fn remember(mut self, bytes: u64) -> Self {
        self.remembered = bytes;
        self
    }

    /// Time from elsewhere, as tests want it.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Starts, and fetches the keys of all issuers once, at the same time: a wrong URL is told here.
    ///
    /// # Errors
    /// When something is wrong with an issuer, or one does not answer. [`RemoteBuilder::start`] goes on without it.
    #[cfg(feature = "issuer")]
    pub async fn connect(self) -> Result<Remote, IssuerError> {
        let remote = self.start()?;
        let first = remote
            .0
            .keepers
            .iter()
            .zip(remote.0.verifier.issuers())
            .filter_map(|(keeper, issuer)| Some((keeper.as_ref()?, issuer)))
            .map(async |(keeper, issuer)| {
                keeper.first().await.map_err(|cause| IssuerError::Fetch {
                    issuer: issuer.trust.issuer().to_string(),
                    cause: cause.to_string(),
                })
            });
        futures_util::future::try_join_all(first).await?;
        Ok(remote)
    }

    /// Starts. Keys are fetched in the background; until those of an issuer are there, its tokens are answered by 503.
    ///
    /// # Errors
    /// When something is wrong with an issuer that can be told without asking it.
    pub fn start(self) -> Result<Remote, IssuerError> {
        if self.issuers.is_empty() {
            return Err(IssuerError::NoIssuer);
        }
        let mut names = HashSet::new();
        let mut trusted = Vec::new();
        #[cfg(feature = "issuer")]
        let (mut keepers, mut configurations, mut opaque) = (Vec::new(), Vec::new(), None);
        for issuer in self.issuers {
            let name = Arc::clone(issuer.trust.issuer());
            check(&name, issuer.trust.audience())?;
            if !names.insert(Arc::clone(&name)) {
                return Err(IssuerError::Twice(name.to_string()));
            }
            #[cfg(feature = "issuer")]
            let wrong = |cause: FetchError| IssuerError::Fetch {
                issuer: name.to_string(),
                cause: cause.to_string(),
            };
            #[cfg(feature = "issuer")]
            let source = KeySource::of(&issuer).map_err(wrong)?;
            #[cfg(feature = "issuer")]
            match &issuer.opaque {
                Some(_) if opaque.is_some() => return Err(IssuerError::TwoForOpaque),
                Some(how) => {
                    let asks = Introspector::new(
                        how,
                        &issuer.network,
                        issuer.trust.clone(),
                        Arc::clone(&self.clock),
                    );
                    opaque = Some(asks.map_err(wrong)?);
                }
                None if matches!(issuer.source, Source::None) => {
                    return Err(IssuerError::NoIntrospection(name.to_string()));
                }
                None => {}
            }
            let keys = Arc::new(match issuer.source {
                Source::Fixed(set) => IssuerKeys::fixed(set),
                #[cfg(feature = "issuer")]
                Source::None => IssuerKeys::none(),
                #[cfg(feature = "issuer")]
                Source::Url(_) | Source::Discovered => {
                    IssuerKeys::fetched(issuer.policy, Arc::clone(&self.clock))
                }
            });
            #[cfg(feature = "issuer")]
            keepers.push(match source {
                None => None,
                Some(source) => {
                    configurations.extend(source.configuration());
                    let keeper = Keeper::start(name, Arc::clone(&keys), source);
                    Some(keeper.ok_or(IssuerError::NoRuntime)?)
                }
            });
            trusted.push(TrustedIssuer {
                trust: issuer.trust,
                keys,
            });
        }
        Ok(Remote(Arc::new(Inner {
            verifier: IssuerVerifier::new(trusted, self.remembered, Arc::clone(&self.clock)),
            clock: self.clock,
            sources: self.sources,
            #[cfg(feature = "issuer")]
            configurations,
            #[cfg(feature = "issuer")]
            opaque,
            #[cfg(feature = "issuer")]
            keepers,
        })))
    }
}

fn check(name: &str, audience: &str) -> Result<(), IssuerError> {
    if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(IssuerError::Name(name.to_owned()));
    }
    if audience.is_empty() {
        return Err(IssuerError::NoAudience(name.to_owned()));
    }
    Ok(())
}
