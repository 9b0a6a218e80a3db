use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::HeaderMap;
use portcullis_core::{
    authority::Authority,
    clock::{Clock, SystemClock, Timestamp},
    identity::{LogoutToken, Once, Profile, Ticket, Tickets},
    rng::{self, Rng},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{
    CallbackQuery, Provider, SignInFailure,
    answer::{shown, with_query},
    connection::Connection,
    provider::Dialect,
    setup::SignInBuilder,
};
use crate::cookie::{Cookie, SetCookie};

/// For how long a sign-in may take: somebody may have to find their second factor.
pub(super) const FLOW: Duration = Duration::from_secs(600);
const KIND: &str = "sign-in";
/// So many uses are remembered where there is no store: whoever fills it finds the door closed until some are over.
const MOST_USES: usize = 100_000;

/// Sends browsers to providers, and says who came back. Clones share it.
///
/// ```no_run
/// use axum::{extract::{Path, Query, State}, http::HeaderMap, response::{IntoResponse, Redirect, Response}};
/// use portcullis::sign_in::{CallbackQuery, SignIn};
///
/// async fn start(State(sign_in): State<SignIn>, Path(id): Path<String>) -> Response {
///     match sign_in.begin(&id, &"/welcome").await {
///         Ok((cookie, location)) => (cookie, Redirect::to(&location)).into_response(),
///         Err(failure) => failure.advice().into_response(),
///     }
/// }
///
/// async fn callback(
///     State(sign_in): State<SignIn>,
///     Path(id): Path<String>,
///     Query(query): Query<CallbackQuery>,
///     headers: HeaderMap,
/// ) -> Response {
///     match sign_in.finish::<String>(&id, &headers, query).await {
///         // Issuer and subject together say who it is. Begin a session of your own here.
///         Ok(who) => (sign_in.forget(), format!("{} of {}", who.profile.subject, who.profile.issuer)).into_response(),
///         Err(failure) => (sign_in.forget(), failure.advice()).into_response(),
///     }
/// }
/// # let _ = (start, callback);
/// ```
#[derive(Clone)]
pub struct SignIn(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) public_url: String,
    pub(super) connections: Vec<Connection>,
    pub(super) cookie: Cookie,
    pub(super) tickets: Tickets,
    pub(super) uses: Uses,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) rng: Arc<dyn Rng>,
}

/// Where it is remembered what was used.
pub(super) enum Uses {
    /// In this process.
    Here(Mutex<HashMap<[u8; 16], Timestamp>>),
    /// In the store of all nodes.
    #[cfg_attr(
        not(any(feature = "sqlite", feature = "postgres")),
        allow(dead_code, reason = "only a Portcullis has one")
    )]
    Store(Arc<Authority>),
}

/// Who came back.
///
/// ```
/// use portcullis::sign_in::SignedIn;
///
/// /// Issuer and subject: neither is enough by itself.
/// fn key(who: &SignedIn<String>) -> (&str, &str) { (&who.profile.issuer, &who.profile.subject) }
/// ```
pub struct SignedIn<T> {
    /// Who it is by the word of the provider.
    pub profile: Profile,
    /// How the provider calls its session (`sid`), if it does.
    pub provider_session: Option<String>,
    /// What was given to [`SignIn::begin`].
    pub carried: T,
}

/// A sign-in that was begun, as the browser carries it.
#[derive(Serialize, Deserialize)]
struct Flow<T> {
    provider: String,
    state: String,
    nonce: String,
    verifier: String,
    carried: T,
}

/// Beside the way of one sign-in, which is above:
///
/// ```no_run
/// use portcullis::sign_in::{Provider, SignIn, SignInFailure};
///
/// let google = Provider::google("google", "client-id").secret("client-secret".into());
/// let sign_in = SignIn::builder("https://app.example.com").provider(google).build()?;
/// assert_eq!(sign_in.public_url(), "https://app.example.com");
/// assert_eq!(sign_in.redirect_uri("google"), "https://app.example.com/auth/providers/google/callback");
/// assert!(sign_in.providers().map(Provider::id).eq(["google"]));
///
/// /// At the start, so that a wrong issuer is told there.
/// async fn check(sign_in: &SignIn) -> Result<(), SignInFailure> { sign_in.probe("google").await }
///
/// async fn logged_out(sign_in: &SignIn) -> Option<String> { sign_in.sign_out_url("google", "https://app.example.com/").await }
///
/// /// What a provider posts to tell that somebody has logged out there.
/// async fn back_channel(sign_in: &SignIn, token: &str) -> Result<Option<String>, SignInFailure> {
///     Ok(sign_in.logout_token("google", token).await?.session)
/// }
/// # Ok::<(), portcullis::sign_in::SignInSetupError>(())
/// ```
impl SignIn {
    /// For an application that browsers see at this URL. Its providers know `URL/auth/providers/ID/callback` as the one address
    /// to which they send back.
    pub fn builder(public_url: impl Into<String>) -> SignInBuilder {
        SignInBuilder {
            public_url: public_url.into(),
            providers: Vec::new(),
            master_key: None,
            clock: Arc::new(SystemClock),
        }
    }

    /// The providers, in the order in which they were given.
    pub fn providers(&self) -> impl Iterator<Item = &Provider> {
        self.0.connections.iter().map(|connection| &connection.provider)
    }

    /// The address to which a provider sends back.
    #[must_use]
    pub fn redirect_uri(&self, id: &str) -> String {
        format!("{}/auth/providers/{id}/callback", self.0.public_url)
    }

    /// The URL at which browsers see the application.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.0.public_url
    }

    fn connection(&self, id: &str) -> Result<&Connection, SignInFailure> {
        let found = self
            .0
            .connections
            .iter()
            .find(|connection| connection.provider.id == id);
        found.ok_or(SignInFailure::UnknownProvider)
    }

    /// Begins a sign-in by the provider `id`: the cookie to set, and where to send the browser. `carried` comes back with
    /// [`SignIn::finish`]; nobody else sees or changes it.
    ///
    /// # Errors
    /// When the provider cannot be asked.
    pub async fn begin<T: Serialize>(
        &self,
        id: &str,
        carried: &T,
    ) -> Result<(SetCookie, String), SignInFailure> {
        let connection = self.connection(id)?;
        let provider = &connection.provider;
        let known = connection.known().await?;
        let flow = Flow {
            provider: id.to_owned(),
            state: word(&*self.0.rng).expose_secret().to_owned(),
            nonce: word(&*self.0.rng).expose_secret().to_owned(),
            verifier: word(&*self.0.rng).expose_secret().to_owned(),
            carried,
        };
        let sealed = self
            .0
            .tickets
            .seal(KIND, &flow, self.0.clock.now() + FLOW, &*self.0.rng)
            .ok_or(SignInFailure::TooLong)?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&flow.verifier));
        let (redirect_uri, scope) = (self.redirect_uri(id), provider.scopes.join(" "));
        let mut query = vec![
            ("response_type", "code"),
            ("client_id", provider.client.as_str()),
            ("redirect_uri", redirect_uri.as_str()),
            ("scope", scope.as_str()),
            ("state", flow.state.as_str()),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        if provider.dialect == Dialect::OpenId {
            query.push(("nonce", flow.nonce.as_str()));
        }
        if provider.form_post {
            query.push(("response_mode", "form_post"));
        }
        let cookie = self
            .0
            .cookie
            .set(sealed.expose_secret())
            .map_err(|_| SignInFailure::TooLong)?;
        Ok((cookie, with_query(&known.authorization, query)))
    }

    /// Whether this browser began the sign-in to which the answer belongs: as long as nobody did, there is nothing to be limited.
    pub(crate) fn has_begun<T: DeserializeOwned>(
        &self,
        id: &str,
        headers: &HeaderMap,
        answer: &CallbackQuery,
    ) -> bool {
        self.begun::<T>(id, headers, answer).is_ok()
    }

    fn begun<T: DeserializeOwned>(
        &self,
        id: &str,
        headers: &HeaderMap,
        answer: &CallbackQuery,
    ) -> Result<Ticket<Flow<T>>, SignInFailure> {
        let sealed = self.0.cookie.read(headers).ok().flatten();
        let ticket = sealed.and_then(|text| self.0.tickets.open::<Flow<T>>(KIND, text, self.0.clock.now()));
        let ticket = ticket.ok_or(SignInFailure::NoFlow)?;
        let flow = &ticket.content;
        let state = answer.state.as_deref().unwrap_or_default();
        if flow.provider != id || !bool::from(state.as_bytes().ct_eq(flow.state.as_bytes())) {
            return Err(SignInFailure::State);
        }
        Ok(ticket)
    }

    /// Ends a sign-in: says who came back. The headers are those of the request, for its cookie.
    ///
    /// # Errors
    /// Why nobody did. The answer should have [`SignIn::forget`] in either case.
    pub async fn finish<T: DeserializeOwned>(
        &self,
        id: &str,
        headers: &HeaderMap,
        answer: CallbackQuery,
    ) -> Result<SignedIn<T>, SignInFailure> {
        let connection = self.connection(id)?;
        let ticket = self.begun::<T>(id, headers, &answer)?;
        let flow = ticket.content;
        if !self.spend(ticket.once).await? {
            return Err(SignInFailure::Replayed);
        }
        let known = connection.known().await?;
        // Who does not describe itself says nowhere what it would state there; its answers come to an address of its own.
        let stated = answer
            .iss
            .as_ref()
            .filter(|_| connection.provider.dialect == Dialect::OpenId);
        match stated {
            Some(iss) if *iss != connection.provider.issuer => {
                return Err(SignInFailure::MixUp(shown(iss)));
            }
            None if known.states_issuer => return Err(SignInFailure::MixUp("missing".to_owned())),
            _ => {}
        }
        if let Some(error) = &answer.error {
            return Err(SignInFailure::Denied(shown(error)));
        }
        let code = answer
            .code
            .ok_or(SignInFailure::Answer("neither a code nor an error"))?;
        let tokens = connection
            .redeem(&known, &code, &self.redirect_uri(id), &flow.verifier)
            .await?;
        let (profile, provider_session) = connection.profile(known, tokens, &flow.nonce).await?;
        Ok(SignedIn {
            profile,
            provider_session,
            carried: flow.carried,
        })
    }

    /// Makes the browser forget the sign-in: a part of the answer to whoever came back.
    pub fn forget(&self) -> SetCookie {
        self.0.cookie.clear()
    }

    /// A logout token that the provider `id` sent (OpenID Connect Back-Channel Logout, section 2.5), checked and used up. Whoever
    /// calls it ends the sessions that it names.
    ///
    /// # Errors
    /// When it is not good, or came before.
    pub async fn logout_token(&self, id: &str, token: &str) -> Result<LogoutToken, SignInFailure> {
        let connection = self.connection(id)?;
        let token = connection.logout_token(token).await?;
        let name = format!("{}\0{}", connection.provider.issuer, token.id);
        if self.spend(Once::of("logout token", &name, token.until)).await? {
            Ok(token)
        } else {
            Err(SignInFailure::Replayed)
        }
    }

    /// Where to send a browser so that the session at the provider `id` ends, too (OpenID Connect RP-Initiated Logout); none where
    /// the provider does not offer it. It comes back to `back`, which the provider must know.
    pub async fn sign_out_url(&self, id: &str, back: &str) -> Option<String> {
        let connection = self.connection(id).ok()?;
        let known = connection.known().await.ok()?;
        let client = connection.provider.client.as_str();
        let query = [("client_id", client), ("post_logout_redirect_uri", back)];
        Some(with_query(known.end_session.as_deref()?, query))
    }

    /// Asks the provider `id` what it is, as a sign-in does.
    ///
    /// # Errors
    /// When it does not say so.
    pub async fn probe(&self, id: &str) -> Result<(), SignInFailure> {
        self.connection(id)?.known().await.map(drop)
    }

    async fn spend(&self, once: Once) -> Result<bool, SignInFailure> {
        let uses = match &self.0.uses {
            Uses::Store(authority) => return Ok(authority.spend(once).await?),
            Uses::Here(uses) => uses,
        };
        let now = self.0.clock.now();
        let mut uses = uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() >= MOST_USES {
            uses.retain(|_, until| *until > now);
        }
        let room = uses.len() < MOST_USES;
        Ok(room && uses.insert(once.id, once.until).is_none())
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn").finish_non_exhaustive()
    }
}

/// 256 random bits in base64url: a state, a nonce, a PKCE verifier (43 characters; RFC 7636, section 4.1).
pub(super) fn word(rng: &dyn Rng) -> SecretString {
    URL_SAFE_NO_PAD.encode(rng::bytes::<32>(rng)).into()
}
