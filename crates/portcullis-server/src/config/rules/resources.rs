//! What the server stands on: secrets, master key, database, certificate, log, hashing threads.

use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use portcullis::{rate_limit::SharedLimits, schedule::Times};
use portcullis_core::{
    authority::check_signing,
    key::MasterKey,
    password::{Argon2Params, pool::HashPoolConfig},
    token::Algorithm,
    url::Url,
};
use portcullis_store::DatabaseOptions;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{
    SharedLimitSettings,
    resolve::Resolver,
    settings::{MetricsSettings, TelemetrySettings, TlsSettings},
};

const DAY: Duration = Duration::from_secs(86_400);

/// The algorithm, the secret and the earlier secrets, which must agree.
pub(crate) fn signing(from: &mut Resolver) -> (Option<Algorithm>, Option<SecretString>, Vec<SecretString>) {
    let asked = from.word("token.algorithm").and_then(|word| word.parse().ok());
    let secret = from.secret("token.secret");
    let previous = from.secrets("token.previous_secrets");
    for error in check_signing(asked, secret.as_ref(), &previous) {
        let key = match error.option() {
            "secret" => "token.secret",
            "previous_secrets" => "token.previous_secrets",
            _ => "token.algorithm",
        };
        from.refuse(key, error.to_string());
    }
    (asked, secret, previous)
}

/// The master key, where it is given.
pub(crate) fn master_key(from: &mut Resolver) -> Option<MasterKey> {
    let text = from.secret("master_key")?;
    match MasterKey::from_hex(text.expose_secret()) {
        Ok(key) => Some(key),
        Err(error) => {
            from.refuse("master_key", error.to_string());
            None
        }
    }
}

/// The URL of the database, if it is one that the store reads.
pub(crate) fn database_url(from: &mut Resolver) -> Option<SecretString> {
    let url = from.secret("database.url")?;
    match DatabaseOptions::new(url.expose_secret()).check() {
        Ok(()) => Some(url),
        Err(error) => {
            from.refuse("database.url", error.to_string());
            None
        }
    }
}

/// Certificate and key, which come together.
pub(crate) fn tls(from: &mut Resolver) -> Option<TlsSettings> {
    match (from.optional_path("tls.cert"), from.optional_path("tls.key")) {
        (Some(cert), Some(key)) => Some(TlsSettings { cert, key }),
        (None, None) => None,
        (Some(_), None) => {
            from.refuse("tls.cert", "is given without tls.key");
            None
        }
        (None, Some(_)) => {
            from.refuse("tls.key", "is given without tls.cert");
            None
        }
    }
}

/// Least length of a token: 128 bits, however they are written.
const SHORTEST_TOKEN: usize = 22;

/// Where metrics are read, and by whom.
pub(crate) fn metrics(from: &mut Resolver) -> Option<MetricsSettings> {
    let listen = from.optional_listen("metrics.listen");
    let token = from.secret("metrics.token");
    if let Some(token) = &token {
        if token.expose_secret().len() < SHORTEST_TOKEN {
            from.refuse(
                "metrics.token",
                format!(
                    "is shorter than {SHORTEST_TOKEN} characters: make one with `openssl rand -base64 32`"
                ),
            );
        } else if listen.is_none() {
            from.refuse("metrics.token", "is given without metrics.listen");
        }
    }
    Some(MetricsSettings {
        listen: listen?,
        token,
    })
}

/// Where traces are sent.
pub(crate) fn telemetry(from: &mut Resolver) -> Option<TelemetrySettings> {
    let endpoint = from.optional_text("telemetry.otlp_endpoint");
    let mut headers = Vec::new();
    for header in from.secrets("telemetry.otlp_headers") {
        match header_of(header.expose_secret()) {
            Some(header) => headers.push(header),
            // What is written there may be a secret.
            None => from.refuse("telemetry.otlp_headers", "has one that is not NAME=VALUE"),
        }
    }
    let service_name = from.text("telemetry.service_name");
    let percent = u8::try_from(from.integer("telemetry.sample_percent")).unwrap_or(100);
    let endpoint = endpoint?;
    let good = Url::parse(&endpoint).is_some_and(|url| {
        matches!(url.scheme.as_str(), "http" | "https") && !url.has_userinfo && !url.has_query_or_fragment
    });
    if !good {
        from.refuse(
            "telemetry.otlp_endpoint",
            format!("`{endpoint}` is not a URL such as http://127.0.0.1:4318 or https://otlp.example.com"),
        );
        return None;
    }
    Some(TelemetrySettings {
        endpoint,
        headers,
        service_name,
        percent,
    })
}

fn header_of(text: &str) -> Option<(String, SecretString)> {
    let (name, value) = text.split_once('=')?;
    let name: HeaderName = name.trim().parse().ok()?;
    HeaderValue::from_str(value.trim()).ok()?;
    Some((name.to_string(), value.trim().into()))
}

/// The filter of the log.
pub(crate) fn log_level(from: &mut Resolver) -> String {
    let text = from.text("log.level");
    match text.parse::<tracing_subscriber::EnvFilter>() {
        Ok(_) => text,
        Err(error) => {
            from.refuse(
                "log.level",
                format!("`{text}` is not a filter: {error}; write info or info,portcullis_core=debug"),
            );
            "info".to_owned()
        }
    }
}

/// How passwords are hashed: settings that are weak or absurd are refused.
pub(crate) fn hashing(from: &mut Resolver) -> HashPoolConfig {
    let (memory, iterations) = (
        from.integer("password.memory_kib"),
        from.integer("password.iterations"),
    );
    let lanes = from.integer("password.parallelism");
    let mut config = HashPoolConfig::default();
    match Argon2Params::new(memory, iterations, lanes) {
        Ok(params) => config.params = params,
        Err(error) => from.refuse("password.memory_kib", error.to_string()),
    }
    let whole = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    if let Some(threads) = from.optional_integer("password.threads") {
        config.threads = whole(threads);
    }
    config.queue = whole(from.integer("password.queue"));
    config.deadline = from.duration("password.deadline");
    config
}

/// How old the key that signs may become.
pub(crate) fn rotate_keys_after(from: &mut Resolver) -> Option<Duration> {
    let age = from.retention("keys.rotate_after")?;
    if age < DAY {
        from.refuse(
            "keys.rotate_after",
            "is less than a day: a key is published for a day before it signs",
        );
    }
    Some(age)
}

/// When maintenance is due.
pub(crate) fn maintenance(from: &mut Resolver) -> Option<Times> {
    let text = from.text("maintenance.schedule");
    if text == "never" {
        return None;
    }
    match text.parse() {
        Ok(times) => Some(times),
        Err(error) => {
            from.refuse(
                "maintenance.schedule",
                format!("cannot be: {error}; or write never"),
            );
            None
        }
    }
}

/// Through what nodes share their limits.
pub(crate) fn shared_limits(from: &mut Resolver) -> Option<SharedLimitSettings> {
    let url = from.secret("limits.redis_url");
    let authorities = from.optional_path("limits.redis_ca");
    let Some(url) = url else {
        if authorities.is_some() {
            from.refuse("limits.redis_ca", "is given without limits.redis_url");
        }
        return None;
    };
    if let Err(error) = SharedLimits::new(url.clone()) {
        from.refuse("limits.redis_url", error.to_string());
        return None;
    }
    Some(SharedLimitSettings { url, authorities })
}
