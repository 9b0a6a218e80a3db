//! One URL, many hosts: `postgres://user:password@db1,db2:5433/name?target_session_attrs=read-write`, as libpq has it.

use std::str::FromStr as _;

use sqlx::postgres::PgConnectOptions;

use crate::OpenError;

const ATTRIBUTE: &str = "target_session_attrs";

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
    let query = kept.join("&");
    let one_of_many = hosts.contains(',');
    hosts
        .split(',')
        .map(|host| {
            if one_of_many && host.is_empty() {
                return Err(OpenError::PostgresUrl);
            }
            let url = format!("{scheme}://{user}{host}{path}?{query}");
            PgConnectOptions::from_str(&url).map_err(|_| OpenError::PostgresUrl)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use sqlx::postgres::PgSslMode;

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
