//! Providers by which people sign in: sections `[providers.NAME]`, one for each. Their keys are in a table of their own, since
//! the names of the sections are the operator's.

mod keys;

use std::{collections::BTreeMap, fs};

use portcullis::sign_in::{ClientAuth, Emails, Provider, SignInRules};
use portcullis_core::{key::SigningKey, token::Algorithm};
use secrecy::SecretString;

use self::keys::KINDS;
pub(crate) use self::keys::PROVIDER_KEYS;
use super::{
    key::{Key, PREFIX},
    layers::{Given, Layers, Written, unknown},
    problem::Problem,
};

/// The values of one provider, by the names of its keys.
pub(super) type Values = BTreeMap<&'static str, Given>;

/// `PORTCULLIS_PROVIDERS__NAME__KEY`.
const ENVIRONMENT: &str = "PROVIDERS__";

/// The provider and the key that a name in the environment means; none when it means something else. Names of providers are in
/// small letters there, with `-` for `_`.
pub(super) fn of_environment(name: &str) -> Option<(String, String)> {
    let rest = name.strip_prefix(PREFIX)?.strip_prefix(ENVIRONMENT)?;
    let (provider, key) = rest.split_once("__")?;
    Some((provider.to_lowercase().replace('_', "-"), key.to_lowercase()))
}

/// The key of this name, and whether it is given as a file.
pub(super) fn known(name: &str) -> Result<(&'static Key, bool), String> {
    for key in PROVIDER_KEYS {
        if key.name == name {
            return Ok((key, false));
        }
        if key.file_name().as_deref() == Some(name) {
            return Ok((key, true));
        }
    }
    let names: Vec<String> = PROVIDER_KEYS
        .iter()
        .flat_map(|key| [Some(key.name.to_owned()), key.file_name()])
        .flatten()
        .collect();
    Err(unknown(name, &names))
}

/// Reads all providers; what is wrong is noted.
pub(super) fn resolve(layers: &mut Layers) -> Vec<Provider> {
    let given = layers.providers.clone();
    let mut providers = Vec::new();
    for (id, values) in &given {
        let mut reader = Reader {
            id,
            values,
            problems: Vec::new(),
        };
        let provider = reader.provider();
        let wrong = !reader.problems.is_empty();
        layers.problems.append(&mut reader.problems);
        providers.extend(provider.filter(|_| !wrong));
    }
    providers
}

struct Reader<'a> {
    id: &'a str,
    values: &'a Values,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn refuse(&mut self, name: &str, message: impl Into<String>) {
        let place = self.values.get(name).map_or_else(
            || format!("providers.{}.{name}", self.id),
            |given| given.origin.to_string(),
        );
        self.problems.push(Problem::new(place, message));
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        match &self.values.get(name)?.written {
            Written::One(text) if !text.is_empty() => Some(text.clone()),
            Written::One(_) => {
                self.refuse(name, "is empty: give it a value or take it away");
                None
            }
            Written::Many(_) => {
                self.refuse(name, "takes one value, not a list");
                None
            }
        }
    }

    fn needed(&mut self, name: &'static str) -> Option<String> {
        if !self.values.contains_key(name) {
            self.refuse(name, "is missing");
        }
        self.text(name)
    }

    fn list(&self, name: &str) -> Vec<String> {
        let trimmed = |text: &str| text.trim().to_owned();
        match self.values.get(name).map(|given| &given.written) {
            None => Vec::new(),
            Some(Written::Many(texts)) => texts.iter().map(|text| trimmed(text)).collect(),
            Some(Written::One(text)) => text
                .split(',')
                .map(trimmed)
                .filter(|text| !text.is_empty())
                .collect(),
        }
    }

    fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(&mut self, name: &'static str) -> Vec<T> {
        let mut all = Vec::new();
        for text in self.list(name) {
            match text.parse() {
                Ok(one) => all.push(one),
                Err(error) => self.refuse(name, format!("has `{text}`: {error}")),
            }
        }
        all
    }

    fn flag(&mut self, name: &'static str, default: bool) -> bool {
        match self.text(name).as_deref() {
            None => default,
            Some("true") => true,
            Some("false") => false,
            Some(other) => {
                let message = format!("`{other}` is neither true nor false");
                self.refuse(name, message);
                default
            }
        }
    }

    fn word(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        let text = self.text(name)?;
        let found = words.iter().find(|word| **word == text).copied();
        if found.is_none() {
            let message = format!("`{text}` is not one of {}", words.join(", "));
            self.refuse(name, message);
        }
        found
    }

    fn file(&mut self, name: &'static str) -> Option<String> {
        let path = self.text(name)?;
        match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                self.refuse(name, format!("{path} cannot be read: {error}"));
                None
            }
        }
    }

    fn key(&mut self, algorithm: Option<Algorithm>) -> Option<SigningKey> {
        let text = self.file("client_key_file")?;
        match SigningKey::from_text(text.as_bytes(), algorithm) {
            Ok(key) => Some(key),
            Err(error) => {
                self.refuse("client_key_file", format!("{error}"));
                None
            }
        }
    }

    fn provider(&mut self) -> Option<Provider> {
        if !self.values.contains_key("kind") {
            self.refuse("kind", format!("is missing: one of {}", KINDS.join(", ")));
        }
        let kind = self.word("kind", KINDS)?;
        let client = self.needed("client_id");
        let client = client.unwrap_or_default();
        let id = self.id;
        let provider = match kind {
            "oidc" => Provider::openid(id, self.needed("issuer")?, client),
            "google" => Provider::google(id, client),
            "entra" => self.entra(client)?,
            "auth0" => Provider::auth0(id, &self.needed("domain")?, client),
            "okta" => Provider::okta(id, &self.needed("domain")?, client),
            "keycloak" => {
                let (url, realm) = (self.needed("url"), self.needed("realm"));
                Provider::keycloak(id, &url?, &realm?, client)
            }
            "gitlab" => Provider::gitlab(id, client),
            "apple" => {
                if !self.values.contains_key("client_key_file") {
                    self.refuse("client_key_file", "is missing");
                }
                let (team, key_id) = (self.needed("team"), self.needed("key_id"));
                let key = self.key(Some(Algorithm::ES256));
                Provider::apple(id, client, &team?, &key_id?, key?)
            }
            "github" => self.plain(Provider::github(id, client)),
            _ => self.plain(Provider::discord(id, client)),
        };
        let provider = self.authenticated(provider, kind);
        let provider = self.told(provider);
        Some(self.ruled(provider))
    }

    fn entra(&mut self, client: String) -> Option<Provider> {
        let tenant = self.needed("tenant")?;
        let is_guid = tenant.len() == 36 && tenant.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
        if !is_guid {
            self.refuse(
                "tenant",
                "is not the identifier of a tenant (a GUID): with common and organizations anybody's tenant could state any address",
            );
        }
        Some(Provider::entra(self.id, &tenant, client))
    }

    fn plain(&mut self, provider: Provider) -> Provider {
        let urls = ["authorization_url", "token_url", "userinfo_url"].map(|name| self.text(name));
        let provider = match self.text("issuer") {
            Some(issuer) => provider.issuer(issuer),
            None => provider,
        };
        match urls {
            [Some(authorization), Some(token), Some(userinfo)] => {
                provider.endpoints(authorization, token, userinfo)
            }
            [None, None, None] => provider,
            _ => {
                self.refuse(
                    "authorization_url",
                    "authorization_url, token_url and userinfo_url are given together",
                );
                provider
            }
        }
    }

    fn authenticated(&mut self, provider: Provider, kind: &str) -> Provider {
        let secret = self.text("client_secret").map(SecretString::from);
        let how = self.word("client_auth", &["basic", "post"]);
        if kind == "apple" {
            return provider;
        }
        let key = self.key(None);
        match (secret, key) {
            (Some(_), Some(_)) => {
                self.refuse(
                    "client_key_file",
                    "is given together with client_secret: keep one of them",
                );
                provider
            }
            (Some(secret), None) => provider.client_auth(match how {
                Some("basic") => ClientAuth::Basic(secret),
                Some(_) => ClientAuth::Post(secret),
                None => ClientAuth::Secret(secret),
            }),
            (None, Some(key)) => provider.client_auth(ClientAuth::PrivateKey(key.into())),
            (None, None) => provider,
        }
    }

    fn told(&mut self, mut provider: Provider) -> Provider {
        if let Some(name) = self.text("name") {
            provider = provider.label(name);
        }
        let scopes = self.list("scopes");
        if !scopes.is_empty() {
            provider = provider.scopes(scopes);
        }
        if self.flag("allow_private_addresses", false) {
            provider = provider.allow_private_addresses();
        }
        if let Some(pem) = self.file("root_certificates_file") {
            provider = provider.root_certificates(pem);
        }
        provider
    }

    fn ruled(&mut self, provider: Provider) -> Provider {
        let default_roles = self.parsed("default_roles");
        let rules = SignInRules {
            create: self.flag("create", true),
            domains: self.list("domains"),
            authoritative: self.list("authoritative"),
            emails: match self.word("emails", &["verified", "all"]) {
                Some("all") => Emails::All,
                _ => Emails::Verified,
            },
            default_roles: self.values.contains_key("default_roles").then_some(default_roles),
            roles: self.parsed("roles"),
            ..SignInRules::new(self.id)
        };
        provider.rules(rules)
    }
}
