use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::extract::{ConnectInfo, FromRequestParts};
use http::{Extensions, HeaderMap, HeaderName, header, request::Parts};
use ipnet::IpNet;

/// More hops than any honest chain has.
const MAX_HOPS: usize = 32;

/// The proxies whose word is believed.
///
/// ```
/// use http::HeaderMap;
/// use portcullis::layers::{ForwardedBy, TrustedProxies};
///
/// let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse()?], ForwardedBy::XForwardedFor);
/// let headers = HeaderMap::from_iter([("x-forwarded-for".parse()?, "203.0.113.7".parse()?)]);
/// assert_eq!(proxies.client("10.0.0.1".parse()?, &headers).to_string(), "203.0.113.7");
/// assert_eq!(proxies.client("192.0.2.1".parse()?, &headers).to_string(), "192.0.2.1");
/// assert!(proxies.contains("10.0.0.1".parse()?) && !proxies.contains("192.0.2.1".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardedBy,
}

/// The header that the trusted proxies write. Only this one is read: the other may have come from the client.
///
/// ```
/// use portcullis::layers::ForwardedBy;
///
/// assert_eq!(ForwardedBy::default(), ForwardedBy::XForwardedFor);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

impl TrustedProxies {
    /// Proxies by network.
    #[must_use]
    pub const fn new(networks: Vec<IpNet>, header: ForwardedBy) -> Self {
        Self { networks, header }
    }

    /// Whether the address is one of a proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request that came from `peer`. Walks the header from the right: each hop is believed only because
    /// the one that reported it is trusted.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines: Vec<&str> = headers
            .get_all(self.header.name())
            .iter()
            .map(|line| line.to_str().unwrap_or("?"))
            .collect();
        let hops = lines
            .iter()
            .rev()
            .flat_map(|line| line.rsplit(','))
            .take(MAX_HOPS);
        for hop in hops {
            if !self.contains(client) {
                break;
            }
            match self.header.address(hop) {
                Some(address) => client = address.to_canonical(),
                // What a trusted proxy cannot name is at least behind it.
                None => break,
            }
        }
        client
    }
}

impl ForwardedBy {
    const fn name(self) -> HeaderName {
        match self {
            Self::XForwardedFor => HeaderName::from_static("x-forwarded-for"),
            Self::Forwarded => header::FORWARDED,
        }
    }

    fn address(self, hop: &str) -> Option<IpAddr> {
        match self {
            Self::XForwardedFor => node(hop.trim()),
            Self::Forwarded => hop
                .split(';')
                .filter_map(|pair| pair.split_once('='))
                .find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))
                .and_then(|(_, value)| node(value.trim().trim_matches('"'))),
        }
    }
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok())
}

/// Where a request came from: the socket's address, or what trusted proxies say. All requests of which nothing is
/// known share the address 0.0.0.0, and so its limits.
///
/// ```
/// use portcullis::{Public, layers::ClientAddress};
///
/// async fn whence(_: Public, ClientAddress(address): ClientAddress) -> String {
///     address.to_string()
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    pub(crate) const UNKNOWN: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
}

impl ClientAddress {
    /// Who sent a request: what an [`Edge`](super::Edge) found, or, without one, the other end of the connection and the
    /// word of `proxies`.
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap, proxies: &TrustedProxies) -> Self {
        extensions
            .get()
            .copied()
            .unwrap_or_else(|| resolve(peer(extensions), headers, proxies))
    }

    /// Whether anything is known.
    pub(crate) fn is_known(self) -> bool {
        self != Self::UNKNOWN
    }
}

/// The other end of the connection, as [`axum`]'s `into_make_service_with_connect_info` leaves it in the request.
pub(super) fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip())
}

pub(super) fn resolve(peer: Option<IpAddr>, headers: &HeaderMap, proxies: &TrustedProxies) -> ClientAddress {
    peer.map_or(ClientAddress::UNKNOWN, |peer| {
        ClientAddress(proxies.client(peer, headers))
    })
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self::UNKNOWN))
    }
}
