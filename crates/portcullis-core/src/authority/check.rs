//! What must hold of a configuration beyond the types of its values.

use std::{collections::BTreeSet, time::Duration};

use secrecy::{ExposeSecret, SecretString};

use super::AuthorityConfig;
use crate::{
    token::{Algorithm, MAX_LEEWAY},
    url::Url,
};

/// What is wrong with a configuration. The text begins behind the name of the option ([`ConfigError::option`]), which is
/// another one for an operator and for a programmer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The issuer is no URL, and no name either.
    #[error("`{0}` is not a URL such as https://auth.example.com")]
    IssuerForm(String),
    /// An issuer of which others could not tell what belongs to it (RFC 8414, section 2).
    #[error("`{0}` has a user, a query or a fragment, which an issuer must not have")]
    IssuerParts(String),
    /// Keys would be fetched over a line that anyone can change.
    #[error(
        "`{0}` is neither https nor on a loopback address: tokens would be checked over a line that anyone can change; \
         give the public https URL"
    )]
    IssuerInsecure(String),
    /// A secret that is shorter than its hash (RFC 7518, section 3.2).
    #[error(
        "{which}has {bytes} bytes; {algorithm} needs at least {least}, as many as its hash: make one with `openssl rand \
         -base64 {}`", least + least / 2
    )]
    ShortSecret {
        /// Its option.
        option: &'static str,
        /// `number 2 `, where there are several.
        which: String,
        /// What it is for.
        algorithm: Algorithm,
        /// Its length.
        bytes: usize,
        /// The least length.
        least: usize,
    },
    /// A secret of few different characters.
    #[error(
        "{which}repeats a few characters, so it can be guessed: make one with `openssl rand -base64 {}`",
        least + least / 2
    )]
    WeakSecret {
        /// Its option.
        option: &'static str,
        /// `number 2 `, where there are several.
        which: String,
        /// The least length.
        least: usize,
    },
    /// The algorithm needs a secret.
    #[error("is {0}, which signs with a secret, and none is given: set it to at least {least} random bytes", least = .0.least_secret())]
    NoSecret(Algorithm),
    /// The algorithm has no use for the secret.
    #[error("is given, but {0} does not use it: take it away, or set the algorithm to HS256")]
    UnusedSecret(Algorithm),
    /// The algorithm has no use for earlier secrets.
    #[error("are given, but {0} uses no secrets: take them away, or give the secret of now too")]
    UnusedPreviousSecrets(Algorithm),
    /// A token would outlive its session.
    #[error("is longer than the time after which an unused session ends: a token would outlive its session")]
    AccessOutlivesSession,
    /// Nothing could be idle for so long.
    #[error("is longer than the time after which every session ends")]
    IdleOutlivesSession,
    /// Out of bounds.
    #[error("is {given:?}: from {least:?} to {most:?} are possible")]
    Time {
        /// Its option.
        option: &'static str,
        /// What it is.
        given: Duration,
        /// Least.
        least: Duration,
        /// Most.
        most: Duration,
    },
    /// Out of bounds.
    #[error("is {given}: from {least} to {most} are possible")]
    Number {
        /// Its option.
        option: &'static str,
        /// What it is.
        given: u64,
        /// Least.
        least: u64,
        /// Most.
        most: u64,
    },
}

impl ConfigError {
    /// Which option is to be changed, as the server's configuration calls it below its section: `access_ttl`.
    #[must_use]
    pub fn option(&self) -> &'static str {
        match self {
            Self::IssuerForm(_) | Self::IssuerParts(_) | Self::IssuerInsecure(_) => "issuer",
            Self::ShortSecret { option, .. }
            | Self::WeakSecret { option, .. }
            | Self::Time { option, .. }
            | Self::Number { option, .. } => option,
            Self::NoSecret(_) => "algorithm",
            Self::UnusedSecret(_) => "secret",
            Self::UnusedPreviousSecrets(_) => "previous_secrets",
            Self::AccessOutlivesSession => "access_ttl",
            Self::IdleOutlivesSession => "refresh_ttl",
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

impl AuthorityConfig {
    /// All that is wrong with it; empty when nothing is. An issuer may also be a plain name here, for tokens that nobody
    /// else verifies.
    #[must_use]
    pub fn check(&self) -> Vec<ConfigError> {
        let mut wrong = Vec::new();
        if self.issuer.is_empty() || self.issuer.contains(':') {
            wrong.extend(check_issuer(&self.issuer));
        }
        wrong.extend(check_signing(
            self.algorithm,
            self.secret.as_ref(),
            &self.previous_secrets,
        ));
        for (option, given, least, most) in [
            ("access_ttl", self.access_ttl, SECOND, DAY),
            ("refresh_ttl", self.sessions.idle, SECOND, 366 * DAY),
            ("absolute_ttl", self.sessions.absolute, MINUTE, 3660 * DAY),
            ("refresh_grace", self.sessions.grace, Duration::ZERO, MINUTE),
            ("leeway", self.leeway, Duration::ZERO, MAX_LEEWAY),
        ] {
            if given < least || given > most {
                wrong.push(ConfigError::Time {
                    option,
                    given,
                    least,
                    most,
                });
            }
        }
        for (option, given, least, most) in [
            ("min_length", self.password.min_length as u64, 8, 64),
            ("max_failures", self.max_failures.into(), 3, 100),
        ] {
            if given < least || given > most {
                wrong.push(ConfigError::Number {
                    option,
                    given,
                    least,
                    most,
                });
            }
        }
        if self.access_ttl > self.sessions.idle {
            wrong.push(ConfigError::AccessOutlivesSession);
        }
        if self.sessions.idle > self.sessions.absolute {
            wrong.push(ConfigError::IdleOutlivesSession);
        }
        wrong
    }
}

/// Whether others can verify the tokens of such an issuer: an https URL, or http on a loopback address; without query
/// and fragment (RFC 8414, section 2).
#[must_use]
pub fn check_issuer(text: &str) -> Option<ConfigError> {
    let Some(url) = Url::parse(text) else {
        return Some(ConfigError::IssuerForm(text.to_owned()));
    };
    if url.has_userinfo || url.has_query_or_fragment {
        return Some(ConfigError::IssuerParts(text.to_owned()));
    }
    match url.scheme.as_str() {
        "https" => None,
        "http" if url.is_loopback() => None,
        _ => Some(ConfigError::IssuerInsecure(text.to_owned())),
    }
}

/// Whether the algorithm, the secret and the earlier secrets agree, and the secrets are strong. Says nothing of what
/// they hold.
#[must_use]
pub fn check_signing(
    asked: Option<Algorithm>,
    secret: Option<&SecretString>,
    previous: &[SecretString],
) -> Vec<ConfigError> {
    let algorithm = Algorithm::in_force(asked, secret.is_some());
    match (algorithm.is_symmetric(), secret) {
        (true, Some(secret)) => {
            let previous = previous.iter().enumerate().filter_map(|(index, secret)| {
                weakness(
                    "previous_secrets",
                    format!("number {} ", index + 1),
                    secret,
                    algorithm,
                )
            });
            weakness("secret", String::new(), secret, algorithm)
                .into_iter()
                .chain(previous)
                .collect()
        }
        (true, None) => vec![ConfigError::NoSecret(algorithm)],
        (false, Some(_)) => vec![ConfigError::UnusedSecret(algorithm)],
        (false, None) if !previous.is_empty() => vec![ConfigError::UnusedPreviousSecrets(algorithm)],
        (false, None) => Vec::new(),
    }
}

/// Whether a secret is too short or not varied enough.
fn weakness(
    option: &'static str,
    which: String,
    secret: &SecretString,
    algorithm: Algorithm,
) -> Option<ConfigError> {
    let least = algorithm.least_secret();
    let bytes = secret.expose_secret().as_bytes();
    if bytes.len() < least {
        return Some(ConfigError::ShortSecret {
            option,
            which,
            algorithm,
            bytes: bytes.len(),
            least,
        });
    }
    // Random hexadecimal digits show 8 different ones in 32 but for one case in a million; typed filler does not.
    (bytes.iter().collect::<BTreeSet<_>>().len() < 8).then_some(ConfigError::WeakSecret {
        option,
        which,
        least,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(config: &AuthorityConfig) -> Vec<&'static str> {
        config.check().iter().map(ConfigError::option).collect()
    }

    fn changed(change: impl FnOnce(&mut AuthorityConfig)) -> Vec<&'static str> {
        let mut config = AuthorityConfig::new("https://auth.example.com");
        change(&mut config);
        options(&config)
    }

    #[test]
    fn the_defaults_are_good_and_a_name_will_do() {
        assert_eq!(changed(|_| {}), [""; 0]);
        assert_eq!(changed(|config| config.issuer = "blog".to_owned()), [""; 0]);
        for issuer in [
            "",
            "http://example.com",
            "https://a.example?b",
            "urn:x",
            "https://",
        ] {
            assert_eq!(
                changed(|config| config.issuer = issuer.to_owned()),
                ["issuer"],
                "{issuer}"
            );
        }
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = changed(|config| {
            config.access_ttl = 8 * DAY;
            config.sessions.idle = 7 * DAY;
            config.sessions.absolute = 6 * DAY;
            config.sessions.grace = 2 * MINUTE;
            config.leeway = 2 * MINUTE;
            config.password.min_length = 7;
            config.max_failures = 0;
        });
        assert_eq!(
            wrong,
            [
                "access_ttl",
                "refresh_grace",
                "leeway",
                "min_length",
                "max_failures",
                "access_ttl",
                "refresh_ttl"
            ]
        );
    }

    #[test]
    fn secrets_and_algorithms_must_agree() {
        let strong = || SecretString::from("0123456789abcdef0123456789abcdef");
        assert_eq!(changed(|config| config.secret = Some(strong())), [""; 0]);
        assert_eq!(
            changed(|config| config.algorithm = Some(Algorithm::HS384)),
            ["algorithm"]
        );
        assert_eq!(
            changed(|config| {
                config.algorithm = Some(Algorithm::ES256);
                config.secret = Some(strong());
            }),
            ["secret"]
        );
        assert_eq!(
            changed(|config| config.previous_secrets = vec![strong()]),
            ["previous_secrets"]
        );
        for weak in ["short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"] {
            let wrong = check_signing(None, Some(&strong()), &[strong(), weak.into()]);
            let [error] = &wrong[..] else { panic!("{wrong:?}") };
            let text = error.to_string();
            assert!(text.starts_with("number 2 ") && !text.contains(weak), "{text}");
            assert_eq!(error.option(), "previous_secrets");
        }
    }
}
