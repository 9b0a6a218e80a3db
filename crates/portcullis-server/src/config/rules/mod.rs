//! What a value must be beyond its form, and what must hold between values.

mod public;
mod resources;

use portcullis::cookie::SameSite;
use portcullis_core::{authority::check_issuer, token::Algorithm};
use portcullis_store::DatabaseOptions;
use secrecy::ExposeSecret;

pub(crate) use self::{
    public::{cookies, is_loopback, issuer, origins, proxies, sign_in_redirects},
    resources::{
        database_url, hashing, log_level, maintenance, master_key, metrics, rotate_keys_after, shared_limits,
        signing, telemetry, tls,
    },
};
use super::{
    layers::Origin,
    problem::Problem,
    resolve::Resolver,
    settings::{MetricsSettings, Settings},
};

/// What must hold between values.
pub(crate) fn together(settings: &Settings, from: &mut Resolver) {
    if settings.token.access_ttl > settings.session.idle {
        from.refuse(
            "token.access_ttl",
            "is longer than token.refresh_ttl: a token would outlive its session",
        );
    }
    let is_https = |issuer: &String| issuer.starts_with("https://");
    if settings.cookies.same_site == SameSite::None && !settings.token.issuer.as_ref().is_some_and(is_https) {
        from.refuse(
            "cookies.same_site",
            "is none, which browsers take over https only: give token.issuer, the public https URL",
        );
    }
    let same = |metrics: &MetricsSettings| metrics.listen == settings.listen && settings.listen.port() != 0;
    if settings.metrics.as_ref().is_some_and(same) {
        from.refuse(
            "metrics.listen",
            "is the address of the service itself: metrics are not for its users; choose another port",
        );
    }
    if settings.session.idle > settings.session.absolute {
        from.refuse("token.refresh_ttl", "is longer than session.absolute_ttl");
    }
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

/// What is said of an algorithm that some clients cannot do without.
pub(crate) const RS256_IS_OLD: &str = "RS256 is kept for old clients; prefer ES256 or PS256";

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
    if let Some(metrics) = &settings.metrics
        && !metrics.listen.ip().is_loopback()
        && metrics.token.is_none()
    {
        warn(
            "metrics.listen",
            format!(
                "{} can be reached from other machines: whoever does reads how many log in and fail; give metrics.token, \
                 or let only Prometheus through",
                metrics.listen
            ),
        );
    }
    if settings.token.algorithm == Algorithm::RS256 {
        warn("token.algorithm", RS256_IS_OLD.to_owned());
    }
    if matches!(from.origin("database.url"), Some(Origin::Flag(_))) && has_password(settings) {
        warn(
            "database.url",
            "holds a password that everyone on this machine can read in the list of processes: give it as \
             PORTCULLIS_DATABASE__URL"
                .to_owned(),
        );
    }
    if let Some(url) = &settings.database.url {
        let hosts = DatabaseOptions::new(url.expose_secret()).exposed_hosts();
        if !hosts.is_empty() {
            warn(
                "database.url",
                format!(
                    "does not check that {} is who it says: whoever is on the way reads hashes of passwords, or poses as the                      database; add sslmode=verify-full, and sslrootcert=FILE where its authority is your own",
                    hosts.join(", ")
                ),
            );
        }
    }
    if let Some(telemetry) = &settings.telemetry
        && !telemetry.headers.is_empty()
        && sends_in_the_open(&telemetry.endpoint)
    {
        warn(
            "telemetry.otlp_headers",
            format!("are readable on the way to {}: use https", telemetry.endpoint),
        );
    }
    warnings
}

/// Whether what goes to the URL can be read by others.
fn sends_in_the_open(endpoint: &str) -> bool {
    endpoint.starts_with("http://") && !is_loopback(endpoint)
}

fn has_password(settings: &Settings) -> bool {
    let Some(url) = &settings.database.url else {
        return false;
    };
    let after = url.expose_secret().split_once("://").map_or("", |(_, rest)| rest);
    after.split_once('@').is_some_and(|(user, _)| user.contains(':'))
}
