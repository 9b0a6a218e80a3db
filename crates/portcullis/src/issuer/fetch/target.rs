use http::Uri;
use portcullis_core::url::Url;

use super::FetchError;

/// A URL that may be asked: https, or http to this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    uri: Uri,
    parts: Parts,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    secure: bool,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
}

impl Target {
    pub(crate) fn parse(text: &str) -> Result<Self, FetchError> {
        let wrong = || FetchError::Url(shown(text));
        let url = Url::parse(text).ok_or_else(wrong)?;
        if url.has_userinfo || text.contains('#') {
            return Err(wrong());
        }
        let secure = match url.scheme.as_str() {
            "https" => true,
            "http" if url.is_loopback() => false,
            "http" => return Err(FetchError::Insecure(shown(text))),
            _ => return Err(wrong()),
        };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let host = url.host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let usual = if secure { 443 } else { 80 };
        Ok(Self {
            uri,
            parts: Parts {
                secure,
                host,
                port: url.port.unwrap_or(usual),
            },
        })
    }

    /// Where a redirect leads, if it stays at this host.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, FetchError> {
        let away = || FetchError::Redirect(shown(location));
        let next = if location.starts_with('/') && !location.starts_with("//") {
            let scheme = if self.parts.secure { "https" } else { "http" };
            Self::parse(&format!("{scheme}://{}{location}", self.authority()))
        } else {
            Self::parse(location)
        };
        next.ok().filter(|next| next.parts == self.parts).ok_or_else(away)
    }

    pub(super) fn is_secure(&self) -> bool {
        self.parts.secure
    }

    pub(super) fn host(&self) -> &str {
        &self.parts.host
    }

    pub(super) fn port(&self) -> u16 {
        self.parts.port
    }

    /// For `Host`.
    pub(super) fn authority(&self) -> &str {
        self.uri.authority().map_or("", |authority| authority.as_str())
    }

    /// The path and the query: what is asked for in the request's first line.
    pub(super) fn path(&self) -> &str {
        self.uri.path_and_query().map_or("/", |path| path.as_str())
    }
}

/// What others wrote, for a log line: not too much of it, and nothing that moves the cursor.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for good in [
            "https://idp.example/keys?x=1",
            "http://127.0.0.1:8080/keys",
            "http://[::1]/keys",
        ] {
            assert!(Target::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "http://idp.example/keys",
            "ftp://idp.example/",
            "file:///etc/passwd",
            "https://user@idp.example/",
            "https://idp.example/#keys",
            "//idp.example/keys",
            "https://idp.example:x/",
            "",
        ] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_redirect_stays_where_it_is() {
        let from = Target::parse("https://idp.example/keys").unwrap();
        for good in [
            "/other?x=1",
            "https://idp.example/other",
            "https://IDP.example:443/",
        ] {
            assert!(from.redirected(good).is_ok(), "{good}");
        }
        for bad in [
            "http://idp.example/other",
            "https://idp.example:8443/other",
            "https://evil.example/",
            "//evil.example/",
            "https://idp.example@evil.example/",
            "https://idp.example.evil.example/",
            "other",
            "",
        ] {
            assert!(
                matches!(from.redirected(bad), Err(FetchError::Redirect(_))),
                "{bad}"
            );
        }
        assert_eq!(from.redirected("/a?b").unwrap().path(), "/a?b");
    }
}
