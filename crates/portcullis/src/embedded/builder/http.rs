use std::{net::IpAddr, time::Duration};

use http::Uri;
use ipnet::IpNet;

use super::Builder;
use crate::{
    cookie::SessionCookies,
    embedded::WrongOption,
    layers::{Cors, EdgeConfig, ForwardedBy, Traces, TrustedProxies, is_origin},
};

/// What stands around the router: [`Portcullis::edge`](crate::Portcullis::edge).
///
/// ```
/// use std::time::Duration;
/// use portcullis::{Portcullis, layers::Traces};
///
/// let builder = Portcullis::builder()
///     .trusted_proxies(["10.0.0.0/8"])
///     .cors_origins(["https://shop.example.com"])
///     .hsts(true)
///     .max_body(16 * 1024)
///     .max_requests(1000)
///     .request_timeout(Duration::from_secs(10))
///     .traces(Traces::Percent(5));
/// # drop(builder);
/// ```
impl Builder {
    /// Addresses or networks (`10.0.0.0/8`) of the proxies in front, whose `X-Forwarded-For` is believed; none unless
    /// told.
    pub fn trusted_proxies<T: Into<String>>(mut self, proxies: impl IntoIterator<Item = T>) -> Self {
        self.http
            .trusted_proxies
            .extend(proxies.into_iter().map(Into::into));
        self
    }

    /// Origins whose pages may call with credentials, such as `https://app.example.com`; none unless told.
    pub fn cors_origins<T: Into<String>>(mut self, origins: impl IntoIterator<Item = T>) -> Self {
        self.http.cors_origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// Lets pages log in by cookie: `POST /auth/login` with `cookies: true` sets these, and whoever brings them is logged
    /// in. Not possible unless told. Give [`Portcullis::csrf`](crate::Portcullis::csrf) to the gate of the application,
    /// so that its own routes are protected as well; those of [`Portcullis::routes`](crate::Portcullis::routes) are.
    ///
    /// ```
    /// use portcullis::{Portcullis, cookie::{CookieScheme, SessionCookies}};
    ///
    /// let scheme = CookieScheme::of("https://app.example.com")?;
    /// let builder = Portcullis::builder().session_cookies(SessionCookies::new("app", scheme)?);
    /// # drop(builder);
    /// # Ok::<(), portcullis::cookie::CookieError>(())
    /// ```
    pub fn session_cookies(mut self, cookies: SessionCookies) -> Self {
        self.http.session_cookies = Some(cookies);
        self
    }

    /// Lets people sign in with these providers: `/auth/providers`, and the pages `/login` and `/account`, which need
    /// [`Builder::session_cookies`]. What seals a sign-in and what remembers its one use are this Portcullis's.
    ///
    /// ```
    /// use portcullis::{Portcullis, sign_in::{Provider, SignIn}};
    ///
    /// let google = Provider::google("google", "client-id").secret("client-secret".into());
    /// let builder = Portcullis::builder().sign_in(SignIn::builder("https://app.example.com").provider(google));
    /// # drop(builder);
    /// ```
    #[cfg(feature = "issuer")]
    pub fn sign_in(mut self, sign_in: crate::sign_in::SignInBuilder) -> Self {
        self.http.sign_in = Some(sign_in);
        self
    }

    /// Where the one-time code of a sign-in may be sent, exactly: single-page and mobile applications. None unless told.
    ///
    /// ```
    /// use portcullis::Portcullis;
    ///
    /// let builder = Portcullis::builder().sqlite("app.db").sign_in_redirects(["com.example.app:/signed-in"]);
    /// # drop(builder);
    /// ```
    #[cfg(feature = "issuer")]
    pub fn sign_in_redirects<T: Into<String>>(mut self, uris: impl IntoIterator<Item = T>) -> Self {
        self.http
            .sign_in_redirects
            .extend(uris.into_iter().map(Into::into));
        self
    }

    /// Whether browsers are told to come by TLS only (RFC 6797). They are when the issuer is https, unless told.
    pub fn hsts(mut self, hsts: bool) -> Self {
        self.http.hsts = Some(hsts);
        self
    }

    /// Largest body of a request in bytes; 64 KiB unless told.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.http.max_body = bytes;
        self
    }

    /// Requests under way at a time; more get 503 at once. 10,000 unless told. Together with `max_body` this bounds what
    /// bodies can take of the memory.
    pub fn max_requests(mut self, most: usize) -> Self {
        self.http.max_requests = most;
        self
    }

    /// Which requests have a span that is exported; none unless told. Whoever tells has a layer of `tracing` that exports the
    /// span `request` by its fields `trace_id`, `span_id` and `parent_id`, as the server has.
    pub fn traces(mut self, traces: Traces) -> Self {
        self.http.traces = traces;
        self
    }

    /// A request that is not answered by then gets 503; 30 seconds unless told.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.config.request_deadline = timeout;
        self
    }

    /// The edge, and what is wrong with what it was told.
    pub(in crate::embedded) fn edge(&self) -> Result<EdgeConfig, Vec<WrongOption>> {
        let mut wrong = Vec::new();
        let networks = self.http.trusted_proxies.iter().filter_map(|text| {
            network(text)
                .map_err(|message| {
                    wrong.push(WrongOption {
                        option: "trusted_proxies",
                        message,
                    });
                })
                .ok()
        });
        let trusted_proxies = TrustedProxies::new(networks.collect(), ForwardedBy::XForwardedFor);
        let cors = match self.http.cors_origins.as_slice() {
            [] => None,
            origins => Cors::new(origins, true)
                .map_err(|error| {
                    wrong.push(WrongOption {
                        option: "cors_origins",
                        message: format!("cannot be: {error}"),
                    });
                })
                .ok(),
        };
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(EdgeConfig {
            trusted_proxies,
            cors,
            hsts: self
                .http
                .hsts
                .unwrap_or_else(|| self.config.issuer.starts_with("https://")),
            max_body: self.http.max_body,
            timeout: self.config.request_deadline,
            max_requests: self.http.max_requests,
            traces: self.http.traces,
        })
    }
}

/// The origins whose pages may act by cookie: those that may call, and that of the issuer, whatever a proxy makes of
/// `Host`.
pub(in crate::embedded) fn acting_origins(cors_origins: &[String], issuer: &str) -> Vec<String> {
    let own = issuer.parse::<Uri>().ok().and_then(|uri| {
        let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
        is_origin(&origin).then_some(origin)
    });
    cors_origins.iter().cloned().chain(own).collect()
}

fn network(text: &str) -> Result<IpNet, String> {
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(Into::into));
    match network {
        Ok(network) if network.prefix_len() == 0 => Err(format!(
            "has `{text}`, which is everybody: then anyone can claim any address; list the proxies"
        )),
        Ok(network) => Ok(network),
        Err(_) => Err(format!(
            "has `{text}`, which is neither an address nor a network such as 10.0.0.0/8"
        )),
    }
}
