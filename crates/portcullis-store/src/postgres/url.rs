//! One URL, many hosts: `postgres://user:password@db1,db2:5433/name?target_session_attrs=read-write`, as libpq has it.

use std::{net::IpAddr, str::FromStr as _};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

use crate::OpenError;

const ATTRIBUTE: &str = "target_session_attrs";
/// What sqlx takes for a certificate to check by.
const CERTIFICATE: [&str; 3] = ["sslrootcert", "ssl-root-cert", "ssl-ca"];

/// How to connect to each host of the URL, in its order; never empty.
///
/// No error repeats a part of the URL: it may be of the password.
pub(crate) fn parse(url: &str) -> Result<Vec<PgConnectOptions>, OpenError> {
    let (scheme, rest) = url.split_once("://").ok_or(OpenError::PostgresUrl)?;
    let rest = rest.split('#').next().unwrap_or_default();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (user, hosts) = match authority.rfind('@') {
        Some(at) => authority.split_at(at + 1),
        None => ("", authority),
    };
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some((ATTRIBUTE, "read-write" | "primary")) => {}
            Some((ATTRIBUTE, _)) => return Err(OpenError::TargetSession),
            _ => kept.push(pair),
        }
    }
    let checks_by_file = kept.iter().any(|pair| {
        let key = pair.split('=').next().unwrap_or_default();
        CERTIFICATE.contains(&key)
    });
    let query = kept.join("&");
    let one_of_many = hosts.contains(',');
    let hosts: Vec<PgConnectOptions> = hosts
        .split(',')
        .map(|host| {
            if one_of_many && host.is_empty() {
                return Err(OpenError::PostgresUrl);
            }
            let url = format!("{scheme}://{user}{host}{path}?{query}");
            PgConnectOptions::from_str(&url).map_err(|_| OpenError::PostgresUrl)
        })
        .collect::<Result<_, _>>()?;
    // libpq checks by it even with `require`, sqlx does not.
    if checks_by_file && !hosts.iter().all(checks) {
        return Err(OpenError::UncheckedCertificate);
    }
    Ok(hosts)
}

/// Whether the certificate of the host is checked.
fn checks(host: &PgConnectOptions) -> bool {
    matches!(host.get_ssl_mode(), PgSslMode::VerifyCa | PgSslMode::VerifyFull)
}

/// Whether somebody on the way to the host could pose as it.
pub(crate) fn is_exposed(host: &PgConnectOptions) -> bool {
    let name = host.get_host().trim_matches(['[', ']']);
    let is_here = name == "localhost" || name.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    // sqlx goes by the socket when the host is the path of one.
    !checks(host) && host.get_socket().is_none() && !name.starts_with('/') && !is_here
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(url: &str) -> Vec<String> {
        let hosts = parse(url).unwrap();
        hosts
            .iter()
            .map(|host| format!("{}@{}:{}", host.get_username(), host.get_host(), host.get_port()))
            .collect()
    }

    #[test]
    fn each_host_has_its_port_and_all_the_rest() {
        let url = "postgres://ada:p%2C%40w@db1:5433,db2,[::1]:5434/auth?sslmode=verify-full&target_session_attrs=read-write";
        assert_eq!(places(url), ["ada@db1:5433", "ada@db2:5432", "ada@[::1]:5434"]);
        for host in parse(url).unwrap() {
            assert_eq!(host.get_database(), Some("auth"));
            assert!(matches!(host.get_ssl_mode(), PgSslMode::VerifyFull));
        }
    }

    #[test]
    fn one_host_is_as_ever() {
        assert_eq!(places("postgresql://ada@db/auth"), ["ada@db:5432"]);
        assert_eq!(
            places("postgres://ada@db?target_session_attrs=primary"),
            ["ada@db:5432"]
        );
        let socket = parse("postgres:///auth?host=/run/postgresql").unwrap();
        assert_eq!(socket[0].get_socket().unwrap().to_str(), Some("/run/postgresql"));
        assert_eq!(socket[0].get_database(), Some("auth"));
    }

    #[test]
    fn a_certificate_that_nobody_checks_is_refused_and_an_exposed_line_is_told() {
        for query in [
            "sslrootcert=/ca.pem",
            "sslmode=require&sslrootcert=/ca.pem",
            "ssl-ca=/ca.pem&sslmode=prefer",
        ] {
            let error = parse(&format!("postgres://ada:hunter2@db.example/auth?{query}")).unwrap_err();
            assert!(matches!(error, OpenError::UncheckedCertificate), "{query}");
        }
        for (url, exposed) in [
            ("postgres://ada@db.example/auth", true),
            ("postgres://ada@db.example/auth?sslmode=require", true),
            ("postgres://ada@10.0.0.1/auth", true),
            ("postgres://ada@db.example/auth?sslmode=verify-full", false),
            (
                "postgres://ada@db.example/auth?sslmode=verify-ca&sslrootcert=/ca.pem",
                false,
            ),
            ("postgres://ada@localhost/auth", false),
            ("postgres://ada@127.0.0.1/auth", false),
            ("postgres://ada@[::1]/auth", false),
            ("postgres:///auth?host=/run/postgresql", false),
        ] {
            assert_eq!(parse(url).unwrap().iter().any(is_exposed), exposed, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for url in [
            "postgres://ada@db1,/auth",
            "postgres://ada@db1,db2:port/auth",
            "postgres:db",
        ] {
            assert!(matches!(parse(url), Err(OpenError::PostgresUrl)), "{url}");
        }
        for value in ["any", "standby", "prefer-standby", "read-only", ""] {
            let url = format!("postgres://ada:hunter2@db1,db2/auth?target_session_attrs={value}");
            let error = parse(&url).unwrap_err();
            assert!(
                error.to_string().contains("target_session_attrs=read-write"),
                "{error}"
            );
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
