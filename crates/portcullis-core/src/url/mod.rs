//! As much of a URL (RFC 3986) as rules look at.
//!
//! ```
//! use portcullis_core::url::Url;
//!
//! let url = Url::parse("https://auth.example.com/x").expect("a URL");
//! assert_eq!((url.host.as_str(), url.is_loopback()), ("auth.example.com", false));
//! ```

use std::net::{IpAddr, Ipv6Addr};

/// Parts of a URL with an authority.
#[derive(Debug, PartialEq, Eq)]
pub struct Url {
    /// In lower case.
    pub scheme: String,
    /// In lower case, an IPv6 address in its brackets.
    pub host: String,
    /// Where it is given and not that of the scheme.
    pub port: Option<u16>,
    /// Whether something stands before an `@`.
    pub has_userinfo: bool,
    /// Whether there is a `?` or a `#`.
    pub has_query_or_fragment: bool,
}

impl Url {
    /// The parts of `text`; `None` when it is no URL with an authority, or has characters that a URL cannot have.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '\\' || !c.is_ascii())
        {
            return None;
        }
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, authority),
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
            _ => (place, None),
        };
        let bare = host.strip_prefix('[').map(|inner| inner.strip_suffix(']'));
        let good = match bare {
            Some(inner) => inner?.parse::<Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty()
                    && host
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            }
        };
        let usual = match scheme.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        good.then(|| Self {
            host: host.to_ascii_lowercase(),
            port: port.filter(|port| Some(*port) != usual),
            has_userinfo: userinfo.is_some(),
            has_query_or_fragment: tail.contains(['?', '#']),
            scheme,
        })
    }

    /// Whether it leads to this machine: `localhost`, names below it (RFC 6761, section 6.3), 127.0.0.0/8 and `::1`.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let bare = self.host.trim_start_matches('[').trim_end_matches(']');
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// As a browser sends it in `Origin` (RFC 6454, section 6.2).
    #[must_use]
    pub fn origin(&self) -> String {
        match self.port {
            Some(port) => format!("{}://{}:{port}", self.scheme, self.host),
            None => format!("{}://{}", self.scheme, self.host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_told_from_what_looks_like_it() {
        for here in [
            "http://localhost:8000",
            "http://127.0.0.1",
            "http://[::1]:8000/x",
            "http://auth.localhost",
            "http://127.9.9.9",
        ] {
            assert!(Url::parse(here).unwrap().is_loopback(), "{here}");
        }
        for elsewhere in [
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://0.0.0.0",
            "http://notlocalhost",
        ] {
            assert!(!Url::parse(elsewhere).unwrap().is_loopback(), "{elsewhere}");
        }
    }

    #[test]
    fn what_is_no_url_is_none() {
        for text in [
            "",
            "example.com",
            "http://",
            "http://a b",
            "http://a:port",
            "http://[::1",
            "http://a\\b",
            "https://ü.example",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_origin_has_no_usual_port() {
        let origin = |text| Url::parse(text).unwrap().origin();
        assert_eq!(origin("HTTPS://App.Example.com:443/"), "https://app.example.com");
        assert_eq!(origin("http://localhost:3000"), "http://localhost:3000");
    }
}
