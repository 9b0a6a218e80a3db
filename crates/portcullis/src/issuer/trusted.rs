use std::{sync::Arc, time::Duration};

use portcullis_core::{
    issuer::{Granted, Grants, KnownRole, Trust},
    key::JwkSet,
    token::Algorithm,
};
use serde_json::{Map, Value};

use super::ClaimRules;
#[cfg(feature = "issuer")]
use super::fetch::Introspection;
use crate::access::DeclaredRoles;
#[cfg(feature = "issuer")]
use portcullis_core::issuer::KeyPolicy;

/// An issuer whose tokens are believed, and what is believed of them.
///
/// ```
/// use portcullis::issuer::{ClaimRules, Issuer, JwkSet};
///
/// portcullis::roles! { pub enum Role { Admin = "admin", Editor = "editor" } Admin > Editor; }
///
/// # let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let issuer = Issuer::keys("https://idp.example/realms/app", JwkSet::published(jwks)?)
///     .audience("tasks")
///     .claims(ClaimRules::keycloak("tasks"))
///     .roles::<Role>();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// There is no issuer without an audience: its tokens for others would be good here (RFC 9700, section 2.3).
///
/// ```compile_fail,E0308
/// # use portcullis::issuer::{Issuer, JwkSet, Remote};
/// # fn start(keys: JwkSet) {
/// Remote::builder().issuer(Issuer::keys("https://idp.example", keys));
/// # }
/// ```
#[must_use = "give it to `Remote::builder().issuer(..)`"]
pub struct Issuer {
    pub(super) trust: Trust,
    pub(super) source: Source,
    #[cfg(feature = "issuer")]
    pub(super) policy: KeyPolicy,
    #[cfg(feature = "issuer")]
    pub(super) network: super::fetch::Network,
    #[cfg(feature = "issuer")]
    pub(super) opaque: Option<Introspection>,
}

/// An issuer of which it was not said yet for whom its tokens are to be.
///
/// ```
/// use portcullis::issuer::{Issuer, JwkSet};
///
/// # let jwks = br#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// let for_whom = Issuer::keys("https://idp.example", JwkSet::published(jwks)?);
/// let issuer: Issuer = for_whom.audience("tasks");
/// # drop(issuer);
/// # Ok::<(), portcullis::issuer::KeyMaterialError>(())
/// ```
#[must_use = "say for whom its tokens are to be: `.audience(..)`"]
pub struct ForWhom {
    issuer: Arc<str>,
    source: Source,
}

/// Where keys come from.
pub(super) enum Source {
    Fixed(JwkSet),
    /// From this URL.
    #[cfg(feature = "issuer")]
    Url(String),
    /// From where the issuer says.
    #[cfg(feature = "issuer")]
    Discovered,
    /// From nowhere: its tokens are opaque.
    #[cfg(feature = "issuer")]
    None,
}

impl ForWhom {
    /// What `aud` must be or contain, exactly: the name by which the issuer knows this service.
    pub fn audience(self, audience: impl Into<String>) -> Issuer {
        Issuer {
            trust: Trust::new(self.issuer, audience),
            source: self.source,
            #[cfg(feature = "issuer")]
            policy: KeyPolicy::default(),
            #[cfg(feature = "issuer")]
            network: super::fetch::Network::default(),
            #[cfg(feature = "issuer")]
            opaque: None,
        }
    }
}

impl Issuer {
    /// An issuer by its URL alone: it says itself where its keys are (OpenID Connect Discovery; RFC 8414), and must say that
    /// it is called exactly so.
    ///
    /// ```no_run
    /// # async fn start() -> Result<(), portcullis::issuer::IssuerError> {
    /// use portcullis::issuer::{Issuer, Remote};
    ///
    /// let keycloak = Issuer::discover("https://idp.example/realms/app").audience("tasks");
    /// let auth = Remote::builder().issuer(keycloak).connect().await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "issuer")]
    pub fn discover(issuer: impl Into<Arc<str>>) -> ForWhom {
        ForWhom {
            issuer: issuer.into(),
            source: Source::Discovered,
        }
    }

    /// An issuer (`iss`, exactly) whose keys are at this URL.
    ///
    /// ```
    /// use portcullis::issuer::Issuer;
    ///
    /// let issuer = Issuer::jwks("https://idp.example", "https://idp.example/keys").audience("tasks");
    /// # drop(issuer);
    /// ```
    #[cfg(feature = "issuer")]
    pub fn jwks(issuer: impl Into<Arc<str>>, url: impl Into<String>) -> ForWhom {
        ForWhom {
            issuer: issuer.into(),
            source: Source::Url(url.into()),
        }
    }

    /// An issuer (`iss`, exactly) with these keys, and no others ever.
    pub fn keys(issuer: impl Into<Arc<str>>, keys: JwkSet) -> ForWhom {
        ForWhom {
            issuer: issuer.into(),
            source: Source::Fixed(keys),
        }
    }

    /// An issuer whose tokens are all opaque: they say nothing to anybody, and it is to be asked about them.
    ///
    /// It must answer with `aud` and `exp`, since a token for others, or for ever, is not to be told from a good one otherwise.
    ///
    /// ```
    /// use portcullis::issuer::{Introspection, Issuer};
    ///
    /// fn asked_each_time(secret: secrecy::SecretString) -> Issuer {
    ///     let ask = Introspection::at("https://idp.example/introspect", "tasks", secret);
    ///     Issuer::opaque("https://idp.example").audience("tasks").opaque_tokens(ask)
    /// }
    /// ```
    #[cfg(feature = "issuer")]
    pub fn opaque(issuer: impl Into<Arc<str>>) -> ForWhom {
        ForWhom {
            issuer: issuer.into(),
            source: Source::None,
        }
    }

    /// Tokens that are no JWTs are this issuer's, which is asked about them (RFC 7662). Of all issuers one may have this: a
    /// token must not be shown to another than its own.
    ///
    /// ```
    /// use portcullis::issuer::{Introspection, Issuer};
    ///
    /// /// JWTs are verified, and about all else the issuer is asked.
    /// fn both(issuer: Issuer, ask: Introspection) -> Issuer { issuer.opaque_tokens(ask) }
    /// ```
    #[cfg(feature = "issuer")]
    pub fn opaque_tokens(mut self, how: Introspection) -> Self {
        self.opaque = Some(how);
        self
    }

    fn trusting(mut self, change: impl FnOnce(Trust) -> Trust) -> Self {
        self.trust = change(self.trust);
        self
    }

    /// Which claims are roles and scopes: [`ClaimRules::default`] unless told.
    pub fn claims(self, rules: ClaimRules) -> Self {
        self.granting(Grants::by_rules(rules))
    }

    /// The same by a function, for claims that no rule describes. It is asked once for each token.
    ///
    /// ```
    /// use portcullis::issuer::{Granted, Issuer};
    ///
    /// fn by_department(issuer: Issuer) -> Issuer {
    ///     issuer.claims_by(|claims| {
    ///         let is_staff = claims.get("department").is_some_and(|name| name == "editorial");
    ///         Granted { roles: is_staff.then(|| "editor".into()).into_iter().collect(), scopes: Vec::new() }
    ///     })
    /// }
    /// ```
    pub fn claims_by(self, read: impl Fn(&Map<String, Value>) -> Granted + Send + Sync + 'static) -> Self {
        self.granting(Grants::by_function(read))
    }

    fn granting(self, grants: Grants) -> Self {
        self.trusting(|trust| {
            let grants = trust.granting().clone().read_by(grants);
            trust.grants(grants)
        })
    }

    /// The roles of this application, by [`crate::roles!`]: with each come those that it implies, and others are dropped.
    pub fn roles<R: DeclaredRoles>(self) -> Self {
        let name = |role: &R| role.name().to_owned();
        let known: Vec<KnownRole> = R::all()
            .iter()
            .map(|role| KnownRole {
                name: name(role),
                implies: role.implied().iter().map(name).collect(),
            })
            .collect();
        self.trusting(|trust| {
            let grants = trust.granting().clone().knowing(known);
            trust.grants(grants)
        })
    }

    /// Only these algorithms, of RS256, PS256, ES256 and `EdDSA`. HMAC is never one: the key would be public.
    ///
    /// ```
    /// use portcullis::issuer::{Algorithm, Issuer};
    ///
    /// fn no_rsa(issuer: Issuer) -> Issuer { issuer.algorithms(&[Algorithm::ES256, Algorithm::EdDSA]) }
    /// ```
    pub fn algorithms(self, algorithms: &[Algorithm]) -> Self {
        self.trusting(|trust| trust.algorithms(algorithms))
    }

    /// For how long after `exp` and before `nbf` and `iat` a token is taken, because clocks disagree: 30 seconds unless told,
    /// a minute at most.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis::issuer::Issuer;
    ///
    /// fn by_good_clocks(issuer: Issuer) -> Issuer { issuer.leeway(Duration::from_secs(2)).strict_type() }
    /// ```
    pub fn leeway(self, leeway: Duration) -> Self {
        self.trusting(|trust| trust.leeway(leeway))
    }

    /// Only tokens that say that they are access tokens (`typ: at+jwt`, RFC 9068, section 4). Without this, those that say
    /// nothing or `JWT` are taken too, as Keycloak and Entra write them.
    ///
    /// ```
    /// fn of_our_own(issuer: portcullis::issuer::Issuer) -> portcullis::issuer::Issuer { issuer.strict_type() }
    /// ```
    pub fn strict_type(self) -> Self {
        self.trusting(Trust::strict_type)
    }

    /// When keys are fetched, and for how long they are believed.
    ///
    /// ```
    /// use std::time::Duration;
    /// use portcullis::issuer::{Issuer, KeyPolicy};
    ///
    /// fn believed_for_an_hour(issuer: Issuer) -> Issuer {
    ///     issuer.key_policy(KeyPolicy { outage: Duration::from_secs(3600), ..KeyPolicy::default() })
    /// }
    /// ```
    #[cfg(feature = "issuer")]
    pub fn key_policy(mut self, policy: KeyPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The issuer may be within this machine or a private network. Without this, a name that leads there is not followed:
    /// whoever can change what the issuer says could make this process call what only it can reach.
    ///
    /// ```
    /// use portcullis::issuer::Issuer;
    ///
    /// let within = Issuer::discover("http://keycloak.internal:8080/realms/app").audience("tasks").allow_private_addresses();
    /// # drop(within);
    /// ```
    #[cfg(feature = "issuer")]
    pub fn allow_private_addresses(mut self) -> Self {
        self.network.private = true;
        self
    }

    /// Certificates (PEM) of an authority that the issuer's own certificate comes from, beside those that browsers know.
    ///
    /// ```
    /// use portcullis::issuer::Issuer;
    ///
    /// fn within_the_company(issuer: Issuer) -> std::io::Result<Issuer> {
    ///     Ok(issuer.allow_private_addresses().root_certificates(std::fs::read_to_string("/etc/ssl/company.pem")?))
    /// }
    /// ```
    #[cfg(feature = "issuer")]
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.network.roots.push(pem.into());
        self
    }
}
