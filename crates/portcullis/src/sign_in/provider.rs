use std::sync::Arc;

use portcullis_core::{identity::SignInRules, key::SigningKey};
use secrecy::SecretString;

use crate::issuer::fetch::Network;

/// How we show a provider who we are.
///
/// ```
/// use portcullis::sign_in::{ClientAuth, Provider};
///
/// let public = Provider::openid("corp", "https://idp.example", "app").client_auth(ClientAuth::None);
/// # drop(public);
/// ```
#[derive(Clone)]
pub enum ClientAuth {
    /// Not at all: a public client, which PKCE alone protects.
    None,
    /// A secret, by HTTP Basic or in the form, as the provider says that it takes it.
    Secret(SecretString),
    /// A secret, by HTTP Basic (RFC 6749, section 2.3.1).
    Basic(SecretString),
    /// A secret in the form.
    Post(SecretString),
    /// A key of our own signs (`private_key_jwt`; OpenID Connect Core, section 9). The provider knows its public half.
    PrivateKey(Arc<SigningKey>),
    /// Apple's: the key of a team signs what stands for the secret.
    Apple {
        /// The team.
        team: String,
        /// How Apple calls the key.
        key_id: String,
        /// The key (ES256).
        key: Arc<SigningKey>,
    },
}

/// How a provider says who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    OpenId,
    GitHub,
    Discord,
}

/// Where a provider of plain OAuth2 is found: it does not describe itself.
#[derive(Clone)]
pub(super) struct Endpoints {
    pub(super) authorization: String,
    pub(super) token: String,
    pub(super) userinfo: String,
}

/// A provider by which people sign in.
///
/// ```
/// use portcullis::sign_in::Provider;
///
/// let google = Provider::google("google", "client-id").secret("client-secret".into());
/// let company = Provider::openid("corp", "https://idp.example/realms/corp", "app").label("Our company");
/// # let _ = (google, company);
/// ```
#[derive(Clone)]
#[must_use = "give it to a `SignInBuilder`"]
pub struct Provider {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) issuer: String,
    pub(super) client: String,
    pub(super) auth: ClientAuth,
    pub(super) scopes: Vec<String>,
    pub(super) dialect: Dialect,
    pub(super) endpoints: Option<Endpoints>,
    pub(super) form_post: bool,
    pub(super) network: Network,
    pub(super) rules: SignInRules,
}

/// Providers that are well known, and what can be said of any:
///
/// ```
/// use portcullis::sign_in::{ClientAuth, Provider, SignInRules};
///
/// let well_known = [
///     Provider::entra("entra", "00000000-0000-0000-0000-000000000000", "client-id"),
///     Provider::auth0("auth0", "example.eu.auth0.com", "client-id"),
///     Provider::keycloak("keycloak", "https://idp.example", "staff", "client-id"),
///     Provider::okta("okta", "example.okta.com", "client-id"),
///     Provider::gitlab("gitlab", "client-id"),
///     Provider::discord("discord", "client-id"),
/// ];
/// let of_the_company = Provider::github("git", "client-id")
///     .client_auth(ClientAuth::Post("client-secret".into()))
///     .label("Our GitHub")
///     .issuer("https://git.example.com")
///     .endpoints(
///         "https://git.example.com/login/oauth/authorize",
///         "https://git.example.com/login/oauth/access_token",
///         "https://git.example.com/api/v3/user",
///     )
///     .scopes(["read:user", "user:email"])
///     .rules(SignInRules { create: false, ..SignInRules::new("git") })
///     .allow_private_addresses();
/// assert_eq!([of_the_company.id(), of_the_company.name()], ["git", "Our GitHub"]);
/// assert_eq!(of_the_company.issuer_name(), "https://git.example.com");
/// assert!(!of_the_company.sign_in_rules().create);
/// # drop(well_known);
/// ```
impl Provider {
    /// Any provider of OpenID Connect, by its issuer alone: it says itself where all else is. `id` stands in our own URLs: small
    /// letters, digits and `-`.
    pub fn openid(id: &str, issuer: impl Into<String>, client: impl Into<String>) -> Self {
        Self {
            id: id.to_owned(),
            label: capitalized(id),
            issuer: issuer.into(),
            client: client.into(),
            auth: ClientAuth::None,
            scopes: words("openid email profile"),
            dialect: Dialect::OpenId,
            endpoints: None,
            form_post: false,
            network: Network::default(),
            rules: SignInRules::new(id),
        }
    }

    /// Google. It is the authority on the domains of Google Workspace alone, so on none unless told
    /// ([`SignInRules::authoritative`]).
    pub fn google(id: &str, client: impl Into<String>) -> Self {
        Self::openid(id, "https://accounts.google.com", client).label("Google")
    }

    /// Microsoft Entra, one tenant by its identifier (a GUID). Not `common` or `organizations`: there, whoever has a tenant of
    /// their own says what they like about addresses.
    pub fn entra(id: &str, tenant: &str, client: impl Into<String>) -> Self {
        Self::openid(
            id,
            format!("https://login.microsoftonline.com/{tenant}/v2.0"),
            client,
        )
        .label("Microsoft")
    }

    /// Auth0, by its domain: `example.eu.auth0.com`.
    pub fn auth0(id: &str, domain: &str, client: impl Into<String>) -> Self {
        Self::openid(id, format!("https://{domain}/"), client)
    }

    /// A realm of a Keycloak at this URL.
    pub fn keycloak(id: &str, url: &str, realm: &str, client: impl Into<String>) -> Self {
        let url = url.trim_end_matches('/');
        Self::openid(id, format!("{url}/realms/{realm}"), client)
    }

    /// Okta, by its domain: `example.okta.com`.
    pub fn okta(id: &str, domain: &str, client: impl Into<String>) -> Self {
        Self::openid(id, format!("https://{domain}"), client)
    }

    /// GitLab.com. For one of your own, [`Provider::openid`] with its URL.
    pub fn gitlab(id: &str, client: impl Into<String>) -> Self {
        Self::openid(id, "https://gitlab.com", client).label("GitLab")
    }

    /// Apple. `client` is the Services ID, `key` the key of the team with the identifier `key_id`.
    ///
    /// ```
    /// use portcullis::{core::key::SigningKey, sign_in::Provider};
    ///
    /// fn apple(key: SigningKey) -> Provider { Provider::apple("apple", "com.example.app", "TEAM", "KEY", key) }
    /// ```
    pub fn apple(id: &str, client: impl Into<String>, team: &str, key_id: &str, key: SigningKey) -> Self {
        let mut apple = Self::openid(id, "https://appleid.apple.com", client).label("Apple");
        apple.auth = ClientAuth::Apple {
            team: team.to_owned(),
            key_id: key_id.to_owned(),
            key: Arc::new(key),
        };
        apple.scopes = words("openid email name");
        // Apple sends a name and an email in no other way.
        apple.form_post = true;
        apple
    }

    /// GitHub. Of its addresses only the primary one counts, once GitHub has verified it.
    pub fn github(id: &str, client: impl Into<String>) -> Self {
        Self::oauth(id, "https://github.com", client, Dialect::GitHub)
            .label("GitHub")
            .scopes(["read:user", "user:email"])
            .endpoints(
                "https://github.com/login/oauth/authorize",
                "https://github.com/login/oauth/access_token",
                "https://api.github.com/user",
            )
    }

    /// Discord.
    pub fn discord(id: &str, client: impl Into<String>) -> Self {
        Self::oauth(id, "https://discord.com", client, Dialect::Discord)
            .label("Discord")
            .scopes(["identify", "email"])
            .endpoints(
                "https://discord.com/oauth2/authorize",
                "https://discord.com/api/oauth2/token",
                "https://discord.com/api/users/@me",
            )
    }

    fn oauth(id: &str, issuer: &str, client: impl Into<String>, dialect: Dialect) -> Self {
        Self {
            dialect,
            ..Self::openid(id, issuer, client)
        }
    }

    /// A secret, sent as the provider says that it takes it.
    pub fn secret(self, secret: SecretString) -> Self {
        self.client_auth(ClientAuth::Secret(secret))
    }

    /// How we show who we are.
    pub fn client_auth(mut self, auth: ClientAuth) -> Self {
        self.auth = auth;
        self
    }

    /// The name on the button.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What is asked for. `openid` is always asked for where there is one.
    pub fn scopes<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        if self.dialect == Dialect::OpenId && !self.scopes.iter().any(|scope| scope == "openid") {
            self.scopes.insert(0, "openid".to_owned());
        }
        self
    }

    /// Where a provider of plain OAuth2 is: a GitHub Enterprise, or a stand-in for tests.
    pub fn endpoints(
        mut self,
        authorization: impl Into<String>,
        token: impl Into<String>,
        userinfo: impl Into<String>,
    ) -> Self {
        self.endpoints = Some(Endpoints {
            authorization: authorization.into(),
            token: token.into(),
            userinfo: userinfo.into(),
        });
        self
    }

    /// The name of a provider of plain OAuth2 to which accounts are tied: another one for a GitHub Enterprise than that of GitHub,
    /// or two people could have one subject.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = issuer.into();
        self
    }

    /// Who may sign in by it, and what they become, where a Portcullis does the rest.
    pub fn rules(mut self, rules: SignInRules) -> Self {
        self.rules = SignInRules {
            provider: self.id.clone(),
            ..rules
        };
        self
    }

    /// It may be within this machine or a private network.
    pub fn allow_private_addresses(mut self) -> Self {
        self.network.private = true;
        self
    }

    /// Certificates (PEM) of an authority that its own certificate comes from, beside those that browsers know.
    ///
    /// ```
    /// use portcullis::sign_in::Provider;
    ///
    /// fn within_the_company(provider: Provider) -> std::io::Result<Provider> {
    ///     Ok(provider.root_certificates(std::fs::read_to_string("/etc/ssl/company.pem")?))
    /// }
    /// ```
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.network.roots.push(pem.into());
        self
    }

    /// Its name in our URLs.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The name on its button.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.label
    }

    /// The provider itself (`iss`).
    #[must_use]
    pub fn issuer_name(&self) -> &str {
        &self.issuer
    }

    /// Who may sign in by it.
    #[must_use]
    pub fn sign_in_rules(&self) -> &SignInRules {
        &self.rules
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
