use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_core::{
    clock::Clock,
    issuer::{OpaqueTokens, Trust},
    token::TokenError,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{sync::Semaphore, time::timeout};

use super::{Client, FetchError, Network, target::Target};
use crate::{issuer::RemoteUser, provider::AuthError};

/// How many tokens an issuer is asked about at once.
const AT_ONCE: usize = 24;
/// And how many more that it took a moment ago, whatever strangers send.
const AT_ONCE_KNOWN: usize = 8;
/// Longer than opaque tokens are, in bytes.
const LONGEST: usize = 4096;
/// For how long a request waits for one of these places.
const WAIT: Duration = Duration::from_secs(2);
/// Unless told otherwise.
const KEPT: Duration = Duration::from_secs(10);
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How an issuer is asked about tokens that say nothing themselves (RFC 7662).
///
/// ```no_run
/// # async fn start(secret: secrecy::SecretString) -> Result<(), portcullis::issuer::IssuerError> {
/// use portcullis::issuer::{Introspection, Issuer, Remote};
///
/// let ask = Introspection::at("https://idp.example/introspect", "tasks", secret);
/// let idp = Issuer::discover("https://idp.example").audience("tasks").opaque_tokens(ask);
/// let auth = Remote::builder().issuer(idp).connect().await?;
/// # Ok(())
/// # }
/// ```
pub struct Introspection {
    url: String,
    client: String,
    secret: SecretString,
    kept_for: Duration,
}

impl Introspection {
    /// At this URL, as this client of the issuer, by HTTP Basic (RFC 6749, section 2.3.1).
    pub fn at(url: impl Into<String>, client: impl Into<String>, secret: SecretString) -> Self {
        Self {
            url: url.into(),
            client: client.into(),
            secret,
            kept_for: KEPT,
        }
    }

    /// For how long its answers are kept: 10 seconds unless told, 5 minutes at most. A token that the issuer revokes is good
    /// here for as long.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis::issuer::Introspection;
    ///
    /// fn asked_each_second(ask: Introspection) -> Introspection { ask.keep_for(Duration::from_secs(1)) }
    /// ```
    #[must_use]
    pub fn keep_for(mut self, time: Duration) -> Self {
        self.kept_for = time;
        self
    }
}

/// Asks one issuer about opaque tokens.
pub(in crate::issuer) struct Introspector {
    client: Client,
    target: Target,
    authorization: HeaderValue,
    places: Semaphore,
    places_of_known: Semaphore,
    tokens: OpaqueTokens,
    issuer: Arc<str>,
    clock: Arc<dyn Clock>,
}

impl Introspector {
    pub(in crate::issuer) fn new(
        how: &Introspection,
        network: &Network,
        trust: Trust,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, FetchError> {
        let encoded = |text: &str| utf8_percent_encode(text, FORM).to_string();
        let pair = format!("{}:{}", encoded(&how.client), encoded(how.secret.expose_secret()));
        let mut authorization = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
            .map_err(|_| FetchError::Url(how.url.clone()))?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: Client::new(network)?,
            target: Target::parse(&how.url)?,
            authorization,
            places: Semaphore::new(AT_ONCE),
            places_of_known: Semaphore::new(AT_ONCE_KNOWN),
            issuer: Arc::clone(trust.issuer()),
            tokens: OpaqueTokens::new(trust, how.kept_for, Arc::clone(&clock)),
            clock,
        })
    }

    /// What is known of the token without asking.
    pub(in crate::issuer) fn known(&self, token: &str) -> Option<Result<RemoteUser, AuthError>> {
        if token.len() > LONGEST {
            return Some(Err(TokenError::Malformed("longer than an opaque token is").into()));
        }
        let said = self.tokens.known(token)?;
        Some(
            said.map(|identity| RemoteUser::by_clock(identity, Arc::clone(&self.clock)))
                .map_err(AuthError::from),
        )
    }

    /// Asks, unless somebody else has while this waited for a place.
    pub(in crate::issuer) async fn ask(&self, token: &str) -> Result<RemoteUser, AuthError> {
        let place = async {
            if self.tokens.was_good(token) {
                tokio::select! {
                    place = self.places.acquire() => place,
                    place = self.places_of_known.acquire() => place,
                }
            } else {
                self.places.acquire().await
            }
        };
        let Ok(Ok(_place)) = timeout(WAIT, place).await else {
            return Err(AuthError::unavailable());
        };
        if let Some(known) = self.known(token) {
            return known;
        }
        let form = format!(
            "token={}&token_type_hint=access_token",
            utf8_percent_encode(token, FORM)
        );
        let headers = [
            (header::AUTHORIZATION, self.authorization.clone()),
            (
                header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            ),
        ];
        let answer = self.client.post(&self.target, headers, form.into()).await;
        let said = answer
            .map_err(|error| error.to_string())
            .and_then(|answer| self.tokens.told(token, &answer.body).map_err(str::to_owned));
        match said {
            Ok(said) => said
                .map(|identity| RemoteUser::by_clock(identity, Arc::clone(&self.clock)))
                .map_err(AuthError::from),
            Err(error) => {
                tracing::error!(issuer = %self.issuer, error, "issuer.introspection_failed");
                Err(AuthError::unavailable())
            }
        }
    }
}
