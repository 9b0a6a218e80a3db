//! What others call this service, who may call it from pages, and who stands in front of it.

use ipnet::IpNet;
use portcullis::cookie::{CookieScheme, SameSite, SessionCookies};
use portcullis_core::{authority::check_issuer, url::Url};

use crate::config::{resolve::Resolver, settings::CookieSettings};

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

/// Cookies of logins that ask for them.
pub(crate) fn cookies(from: &mut Resolver) -> CookieSettings {
    let name = from.text("cookies.name");
    if let Err(error) = SessionCookies::new(&name, CookieScheme::Https) {
        from.refuse("cookies.name", error.to_string());
    }
    let same_site = match from.word("cookies.same_site") {
        Some("strict") => SameSite::Strict,
        Some("none") => SameSite::None,
        _ => SameSite::Lax,
    };
    CookieSettings { name, same_site }
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

/// Where codes of sign-ins may be sent: https, http to the person's own machine, or a scheme of a mobile application, which has a
/// dot (RFC 8252, section 7.1).
pub(crate) fn sign_in_redirects(from: &mut Resolver) -> Vec<String> {
    let uris = from.list("sign_in.redirect_uris");
    for uri in &uris {
        let scheme = uri.split_once(':').map_or("", |(scheme, _)| scheme);
        let good = match Url::parse(uri) {
            _ if uri.contains('#') || uri.chars().any(|c| c.is_whitespace() || c.is_control()) => false,
            Some(url) if scheme == "https" => !url.has_userinfo,
            Some(url) if scheme == "http" => url.is_loopback() && !url.has_userinfo,
            _ => scheme.contains('.'),
        };
        if !good {
            from.refuse(
                "sign_in.redirect_uris",
                format!(
                    "has `{uri}`, which is neither https, nor http on a loopback address, nor of a scheme such as com.example.app"
                ),
            );
        }
    }
    uris
}
