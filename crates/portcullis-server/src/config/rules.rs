//! What a value must be beyond its form: strength of secrets, shape of URLs and origins, values that must agree.

use ipnet::IpNet;
use portcullis_core::{
    authority::{check_issuer, check_signing},
    key::MasterKey,
    password::{Argon2Params, pool::HashPoolConfig},
    token::Algorithm,
    url::Url,
};
use secrecy::{ExposeSecret, SecretString};

use super::{
    layers::Origin,
    problem::Problem,
    resolve::Resolver,
    settings::{Settings, TlsSettings},
};

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

/// The issuer: an https URL, or http on a loopback address; without query and fragment (RFC 8414, section 2).
pub(crate) fn issuer(from: &mut Resolver) -> Option<String> {
    let text = from.optional_text("token.issuer")?;
    match check_issuer(&text) {
        Some(error) => {
            from.refuse("token.issuer", error.to_string());
            None
        }
        None => Some(text),
    }
}

/// Whether a URL leads to this machine only.
pub(crate) fn is_loopback(url: &str) -> bool {
    Url::parse(url).is_some_and(|url| url.is_loopback())
}

/// Origins that may call with credentials.
pub(crate) fn origins(from: &mut Resolver) -> Vec<String> {
    let mut good = Vec::new();
    for text in from.list("cors.origins") {
        match origin_problem(&text) {
            Some(message) => from.refuse("cors.origins", message),
            None => good.push(text),
        }
    }
    good
}

fn origin_problem(text: &str) -> Option<String> {
    if text.contains('*') {
        return Some(format!(
            "`{text}` is refused: with credentials, any page could act as its visitor; list the origins one by one"
        ));
    }
    if text == "null" {
        return Some("`null` is refused: sandboxed pages of anyone send it".to_owned());
    }
    let Some(url) = Url::parse(text).filter(|url| matches!(url.scheme.as_str(), "https" | "http")) else {
        return Some(format!(
            "`{text}` is not an origin such as https://app.example.com"
        ));
    };
    let canonical = url.origin();
    (canonical != text).then(|| format!("`{text}` is not as a browser sends it: write {canonical}"))
}

/// Networks of the proxies in front.
pub(crate) fn proxies(from: &mut Resolver) -> Vec<IpNet> {
    let mut good = Vec::new();
    for text in from.list("http.trusted_proxies") {
        let net = text
            .parse::<IpNet>()
            .or_else(|_| text.parse().map(|address: std::net::IpAddr| address.into()));
        match net {
            Ok(net) if net.prefix_len() == 0 => from.refuse(
                "http.trusted_proxies",
                format!("`{text}` is everybody: then anyone can claim any address; list the proxies"),
            ),
            Ok(net) => good.push(net),
            Err(_) => from.refuse(
                "http.trusted_proxies",
                format!("`{text}` is neither an address nor a network such as 10.0.0.0/8"),
            ),
        }
    }
    good
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

/// The URL of the database, of a kind that there is.
pub(crate) fn database_url(from: &mut Resolver) -> Option<SecretString> {
    let url = from.secret("database.url")?;
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|scheme| url.expose_secret().starts_with(scheme)) {
        return Some(url);
    }
    from.refuse(
        "database.url",
        "begins neither with sqlite:// nor with postgres://",
    );
    None
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

/// What must hold between values.
pub(crate) fn together(settings: &Settings, from: &mut Resolver) {
    if settings.token.access_ttl > settings.session.idle {
        from.refuse(
            "token.access_ttl",
            "is longer than token.refresh_ttl: a token would outlive its session",
        );
    }
    if settings.session.idle > settings.session.absolute {
        from.refuse("token.refresh_ttl", "is longer than session.absolute_ttl");
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

/// What forbids to listen, though each value is well. `check` and `serve` ask; commands that only use the database
/// do not.
pub(crate) fn serving(settings: &Settings, from: &Resolver) -> Vec<Problem> {
    let loopback = settings.listen.ip().is_loopback();
    let refuse = |message: &str| {
        vec![Problem::new(
            from.place("listen"),
            format!("{} {message}", settings.listen),
        )]
    };
    if settings.dev {
        if !loopback {
            return refuse(
                "is refused with --dev, whose administrator has a password that everyone knows: listen on 127.0.0.1, or \
                 leave --dev away",
            );
        }
    } else if !loopback
        && settings.tls.is_none()
        && settings.http.trusted_proxies.is_empty()
        && !settings.http.insecure
    {
        return refuse(
            "can be reached from other machines, without TLS and without a proxy: passwords would be readable on the \
             way. Give --tls-cert and --tls-key, or list the proxy in http.trusted_proxies, or insist with \
             --insecure-http",
        );
    }
    let default_issuer = settings.issuer(settings.listen);
    match check_issuer(&default_issuer) {
        Some(_) if settings.token.issuer.is_none() => vec![Problem::new(
            "token.issuer",
            format!(
                "is not given, and the URL of the listener, {default_issuer}, will not do: give the public https URL"
            ),
        )],
        _ => Vec::new(),
    }
}

/// What is allowed, but should make the operator think.
pub(crate) fn warnings(settings: &Settings, from: &Resolver) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut warn =
        |name: &'static str, message: String| warnings.push(Problem::new(from.place(name), message));
    if !settings.limits.enabled {
        warn(
            "limits.enabled",
            "rate limits are off: nothing slows down password guessing; use this for load tests only"
                .to_owned(),
        );
    }
    let loopback = settings.listen.ip().is_loopback();
    if !loopback && settings.http.insecure && settings.tls.is_none() {
        warn(
            "http.insecure",
            "passwords and tokens are readable on the way".to_owned(),
        );
    }
    if !loopback && from.origin("token.issuer").is_none() {
        warn(
            "token.issuer",
            format!(
                "is not given: tokens say {}, which is not what others call this service",
                settings.issuer(settings.listen)
            ),
        );
    }
    if settings.token.algorithm == Algorithm::RS256 {
        warn(
            "token.algorithm",
            "RS256 is kept for old clients; prefer ES256 or PS256".to_owned(),
        );
    }
    if matches!(from.origin("database.url"), Some(Origin::Flag(_))) && has_password(settings) {
        warn(
            "database.url",
            "holds a password that everyone on this machine can read in the list of processes: give it as \
             PORTCULLIS_DATABASE__URL"
                .to_owned(),
        );
    }
    warnings
}

fn has_password(settings: &Settings) -> bool {
    let Some(url) = &settings.database.url else {
        return false;
    };
    let after = url.expose_secret().split_once("://").map_or("", |(_, rest)| rest);
    after.split_once('@').is_some_and(|(user, _)| user.contains(':'))
}
