use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use portcullis_core::{
    clock::Clock,
    identity::{
        ClientAssertion, ExpectedIdToken, LogoutToken, Profile, ProviderTokenError, check_id_token,
        check_logout_token,
    },
    key::JwkSet,
    rng::Rng,
    token::TokenError,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use tokio::sync::Mutex;

use super::{
    ClientAuth, Provider, SignInFailure,
    answer::{query, shown},
    dialect,
    provider::Dialect,
};
use crate::issuer::fetch::{Client, FetchError, Places, Target};

/// What a provider says of itself is asked again after so long.
const FRESH: Duration = Duration::from_secs(600);
/// While it does not answer, what it said last is believed for so long.
const BELIEVED: Duration = Duration::from_secs(86_400);
/// It is asked once in so long: after a failure, and about a key that is not known.
const PAUSE: Duration = Duration::from_secs(10);
/// For how long a client assertion is good.
const ASSERTION: Duration = Duration::from_secs(60);

/// What a provider says of itself (OpenID Connect Discovery, section 3), as far as a sign-in needs it.
#[derive(Deserialize)]
struct Description {
    authorization_endpoint: String,
    token_endpoint: String,
    userinfo_endpoint: Option<String>,
    end_session_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
}

/// What is known of a provider.
pub(super) struct Known {
    pub(super) authorization: String,
    pub(super) end_session: Option<String>,
    /// Whether each of its answers says `iss` (RFC 9207).
    pub(super) states_issuer: bool,
    token: Target,
    userinfo: Option<Target>,
    takes_basic: bool,
    /// None of plain OAuth2, which signs nothing.
    keys: Option<JwkSet>,
}

#[derive(Default)]
struct State {
    known: Option<(Arc<Known>, Duration)>,
    failed: Option<(Duration, String)>,
    asked_for_key: Option<Duration>,
}

/// A provider, and what is known of it. One request at a time asks; the others wait for what it learns.
pub(super) struct Connection {
    pub(super) provider: Provider,
    client: Client,
    places: Option<Places>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    state: Mutex<State>,
}

/// What a provider gave for a code.
pub(super) struct Tokens {
    access: SecretString,
    id_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<SecretString>,
    token_type: Option<String>,
    id_token: Option<SecretString>,
    error: Option<String>,
}

fn unavailable(error: &FetchError) -> SignInFailure {
    SignInFailure::Unavailable(error.to_string())
}

impl Connection {
    pub(super) fn new(
        provider: Provider,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self, FetchError> {
        let places = match &provider.endpoints {
            None => Some(Places::of(&provider.issuer)?),
            Some(endpoints) => {
                for url in [&endpoints.authorization, &endpoints.token, &endpoints.userinfo] {
                    Target::parse(url)?;
                }
                None
            }
        };
        Ok(Self {
            client: Client::new(&provider.network)?,
            provider,
            places,
            clock,
            rng,
            state: Mutex::default(),
        })
    }

    /// What is known, asked for when it is old.
    pub(super) async fn known(&self) -> Result<Arc<Known>, SignInFailure> {
        let mut state = self.state.lock().await;
        let now = self.clock.monotonic();
        if let Some((known, at)) = &state.known
            && now < *at + FRESH
        {
            return Ok(Arc::clone(known));
        }
        match &state.failed {
            Some((at, why)) if now < *at + PAUSE => {
                let last = state.known.as_ref().filter(|(_, at)| now < *at + BELIEVED);
                last.map_or_else(
                    || Err(SignInFailure::Unavailable(why.clone())),
                    |(known, _)| Ok(Arc::clone(known)),
                )
            }
            _ => self.ask(&mut state).await,
        }
    }

    /// What is known, asked for again since a token names a key that is not.
    async fn anew(&self, had: &Arc<Known>) -> Option<Arc<Known>> {
        let mut state = self.state.lock().await;
        if let Some((known, _)) = &state.known
            && !Arc::ptr_eq(known, had)
        {
            return Some(Arc::clone(known));
        }
        let now = self.clock.monotonic();
        if state.asked_for_key.is_some_and(|at| now < at + PAUSE) {
            return None;
        }
        state.asked_for_key = Some(now);
        let known = self.ask(&mut state).await.ok()?;
        (!Arc::ptr_eq(&known, had)).then_some(known)
    }

    async fn ask(&self, state: &mut State) -> Result<Arc<Known>, SignInFailure> {
        let now = self.clock.monotonic();
        match self.fetch().await {
            Ok(known) => {
                let known = Arc::new(known);
                state.known = Some((Arc::clone(&known), now));
                state.failed = None;
                Ok(known)
            }
            Err(error) => {
                tracing::warn!(provider = self.provider.id, %error, "sign_in.provider_unavailable");
                state.failed = Some((now, error.to_string()));
                match &state.known {
                    Some((known, at)) if now < *at + BELIEVED => Ok(Arc::clone(known)),
                    _ => Err(unavailable(&error)),
                }
            }
        }
    }

    async fn fetch(&self) -> Result<Known, FetchError> {
        let Some(places) = &self.places else {
            let Some(endpoints) = &self.provider.endpoints else {
                return Err(FetchError::Url(self.provider.issuer.clone()));
            };
            return Ok(Known {
                authorization: endpoints.authorization.clone(),
                end_session: None,
                states_issuer: false,
                token: Target::parse(&endpoints.token)?,
                userinfo: Some(Target::parse(&endpoints.userinfo)?),
                takes_basic: false,
                keys: None,
            });
        };
        let issuer = &self.provider.issuer;
        let (keys, said) = places.describe::<Description>(&self.client, issuer).await?;
        let keys = self.client.get(&keys).await?;
        let methods = said.token_endpoint_auth_methods_supported;
        // A browser is sent there: what is no https URL must not reach it.
        Target::parse(&said.authorization_endpoint)?;
        let end_session = said.end_session_endpoint.filter(|url| Target::parse(url).is_ok());
        Ok(Known {
            authorization: said.authorization_endpoint,
            end_session,
            states_issuer: said.authorization_response_iss_parameter_supported,
            token: Target::parse(&said.token_endpoint)?,
            userinfo: said.userinfo_endpoint.as_deref().map(Target::parse).transpose()?,
            takes_basic: methods
                .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")),
            keys: Some(JwkSet::published(&keys.body)?),
        })
    }

    /// What the provider gives for a code.
    pub(super) async fn redeem(
        &self,
        known: &Known,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Tokens, SignInFailure> {
        let client = self.provider.client.as_str();
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ];
        let signed;
        let mut authorization = None;
        match &self.provider.auth {
            ClientAuth::None => form.push(("client_id", client)),
            ClientAuth::Secret(secret) if known.takes_basic => authorization = Some(basic(client, secret)?),
            ClientAuth::Basic(secret) => authorization = Some(basic(client, secret)?),
            ClientAuth::Secret(secret) | ClientAuth::Post(secret) => {
                form.extend([("client_id", client), ("client_secret", secret.expose_secret())]);
            }
            ClientAuth::PrivateKey(key) => {
                signed = self.assertion(client, None, key)?;
                form.extend([
                    ("client_id", client),
                    (
                        "client_assertion_type",
                        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                    ),
                    ("client_assertion", signed.expose_secret()),
                ]);
            }
            ClientAuth::Apple { team, key_id, key } => {
                signed = self.assertion(team, Some(key_id), key)?;
                form.extend([("client_id", client), ("client_secret", signed.expose_secret())]);
            }
        }
        let form = query(form);
        let (status, body) = self
            .client
            .post_form(&known.token, authorization, form)
            .await
            .map_err(|error| unavailable(&error))?;
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| SignInFailure::Answer("no JSON from the token endpoint"))?;
        // GitHub refuses with 200.
        if status != StatusCode::OK || answer.error.is_some() {
            let why = answer.error.as_deref().unwrap_or("without a reason");
            return Err(SignInFailure::CodeRefused(format!("{status}, {}", shown(why))));
        }
        let is_bearer = answer
            .token_type
            .as_deref()
            .is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
        match answer.access_token {
            Some(access) if is_bearer => Ok(Tokens {
                access,
                id_token: answer.id_token,
            }),
            _ => Err(SignInFailure::Answer("no bearer token from the token endpoint")),
        }
    }

    fn assertion(
        &self,
        issuer: &str,
        kid: Option<&str>,
        key: &portcullis_core::key::SigningKey,
    ) -> Result<SecretString, SignInFailure> {
        let id = crate::sign_in::flow::word(&*self.rng);
        let assertion = ClientAssertion {
            issuer,
            client: &self.provider.client,
            audience: &self.provider.issuer,
            kid,
            id: id.expose_secret(),
            lifetime: ASSERTION,
        };
        assertion
            .sign(key, self.clock.now())
            .map_err(|error| SignInFailure::Unavailable(error.to_string()))
    }

    /// Who it is, and how the provider calls its session.
    pub(super) async fn profile(
        &self,
        known: Arc<Known>,
        tokens: Tokens,
        nonce: &str,
    ) -> Result<(Profile, Option<String>), SignInFailure> {
        let claims = match self.provider.dialect {
            Dialect::OpenId => self.openid(known, tokens, nonce).await?,
            Dialect::Discord => dialect::discord(&self.userinfo(&known, &tokens.access).await?)?,
            Dialect::GitHub => {
                let user = self.userinfo(&known, &tokens.access).await?;
                dialect::github(&user, &self.emails(&tokens.access).await?)?
            }
        };
        let session = claims.get("sid").and_then(Value::as_str).map(str::to_owned);
        Ok((Profile::of(&self.provider.issuer, claims)?, session))
    }

    async fn openid(
        &self,
        known: Arc<Known>,
        tokens: Tokens,
        nonce: &str,
    ) -> Result<Map<String, Value>, SignInFailure> {
        let Some(id_token) = &tokens.id_token else {
            return Err(SignInFailure::Answer("no ID token from the token endpoint"));
        };
        let expected = ExpectedIdToken {
            issuer: &self.provider.issuer,
            client: &self.provider.client,
            nonce,
            access_token: Some(tokens.access.expose_secret()),
        };
        let (known, mut claims) = self
            .by_keys(known, |keys| {
                check_id_token(id_token.expose_secret(), keys, &expected, self.clock.now())
            })
            .await?;
        // Some providers state an email, or groups, there alone.
        let wanting = !claims.contains_key("email") || !self.provider.rules.roles.is_empty();
        if known.userinfo.is_some() && wanting {
            let userinfo = self.userinfo(&known, &tokens.access).await?;
            // Before anything of it counts (OpenID Connect Core, section 5.3.2).
            if userinfo.get("sub") != claims.get("sub") {
                return Err(SignInFailure::OtherSubject);
            }
            dialect::join(&mut claims, userinfo);
        }
        Ok(claims)
    }

    /// A logout token of this provider (OpenID Connect Back-Channel Logout, section 2.6), but for its one use.
    pub(super) async fn logout_token(&self, token: &str) -> Result<LogoutToken, SignInFailure> {
        let known = self.known().await?;
        let provider = &self.provider;
        let checked = self.by_keys(known, |keys| {
            check_logout_token(token, keys, &provider.issuer, &provider.client, self.clock.now())
        });
        Ok(checked.await?.1)
    }

    /// What the keys of the provider say, those of now if it has new ones.
    async fn by_keys<T>(
        &self,
        known: Arc<Known>,
        check: impl Fn(&JwkSet) -> Result<T, ProviderTokenError>,
    ) -> Result<(Arc<Known>, T), SignInFailure> {
        let no_keys = || SignInFailure::Answer("a token of a provider that signs none");
        match check(known.keys.as_ref().ok_or_else(no_keys)?) {
            Ok(checked) => Ok((known, checked)),
            Err(ProviderTokenError::Token(TokenError::UnknownKey)) => {
                let Some(known) = self.anew(&known).await else {
                    return Err(ProviderTokenError::Token(TokenError::UnknownKey).into());
                };
                let checked = check(known.keys.as_ref().ok_or_else(no_keys)?)?;
                Ok((known, checked))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn userinfo(
        &self,
        known: &Known,
        access: &SecretString,
    ) -> Result<Map<String, Value>, SignInFailure> {
        let target = known
            .userinfo
            .as_ref()
            .ok_or(SignInFailure::Answer("there is no userinfo"))?;
        match self.resource(target, access).await? {
            Value::Object(claims) => Ok(claims),
            _ => Err(SignInFailure::Answer("userinfo is no JSON object")),
        }
    }

    /// The addresses of a GitHub user stand beside the user.
    async fn emails(&self, access: &SecretString) -> Result<Value, SignInFailure> {
        let user = self
            .provider
            .endpoints
            .as_ref()
            .map_or("", |endpoints| &endpoints.userinfo);
        let target = Target::parse(&format!("{user}/emails")).map_err(|error| unavailable(&error))?;
        self.resource(&target, access).await
    }

    async fn resource(&self, target: &Target, access: &SecretString) -> Result<Value, SignInFailure> {
        let value = format!("Bearer {}", access.expose_secret());
        let mut value = HeaderValue::try_from(value)
            .map_err(|_| SignInFailure::Answer("an access token that no header can carry"))?;
        value.set_sensitive(true);
        let answer = self
            .client
            .get_with(target, [(header::AUTHORIZATION, value)])
            .await
            .map_err(|error| unavailable(&error))?;
        serde_json::from_slice(&answer.body).map_err(|_| SignInFailure::Answer("userinfo is no JSON"))
    }
}

/// HTTP Basic as OAuth2 has it: both parts encoded like in a form (RFC 6749, section 2.3.1).
fn basic(client: &str, secret: &SecretString) -> Result<HeaderValue, SignInFailure> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pair = format!("{}:{}", encoded(client), encoded(secret.expose_secret()));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .map_err(|_| SignInFailure::Answer("a secret that no header can carry"))?;
    value.set_sensitive(true);
    Ok(value)
}
