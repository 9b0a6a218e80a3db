use ipnet::IpNet;

use super::Finding;
use crate::config::{Settings, is_loopback};

const CHECK: &str = "proxies";

/// Whose word about the addresses of clients is taken. Both mistakes are common and silent: believing anybody lets
/// attackers choose their address, and so get around each limit; believing nobody behind a proxy makes all people share
/// one limit.
pub(super) fn judge(settings: &Settings) -> Vec<Finding> {
    let proxies = &settings.http.trusted_proxies;
    let mut findings: Vec<Finding> = proxies.iter().filter_map(wide).collect();
    let issuer = settings.token.issuer.as_deref().unwrap_or_default();
    if proxies.is_empty() {
        let fronted = settings.tls.is_none() && issuer.starts_with("https://") && !is_loopback(issuer);
        findings.push(if fronted {
            Finding::action(
                CHECK,
                format!(
                    "clients use {issuer}, and this server has no TLS: a proxy must stand in front, and none is \
                     listed. All people come from its address then, and share one rate limit"
                ),
                "list the proxy's addresses, as this machine sees them, in http.trusted_proxies",
            )
        } else {
            Finding::ok(CHECK, "none listed: addresses of clients are those of their connections")
        });
    } else if findings.is_empty() {
        let listed: Vec<String> = proxies.iter().map(ToString::to_string).collect();
        findings.push(Finding::ok(CHECK, format!("believed: {}", listed.join(", "))));
        if settings.tls.is_none() && issuer.starts_with("http://") {
            findings.push(Finding::advice(
                CHECK,
                format!("a proxy is listed, and token.issuer is {issuer}"),
                "let the proxy take https, and give the https URL as token.issuer",
            ));
        }
    }
    findings
}

/// A network of which hardly every machine is a proxy.
fn wide(net: &IpNet) -> Option<Finding> {
    let (private, most) = match net {
        IpNet::V4(v4) => {
            let network = v4.network();
            let private = network.is_private() || network.is_loopback() || network.is_link_local();
            // 100.64.0.0/10 is shared address space (RFC 6598).
            let shared = network.octets()[0] == 100 && network.octets()[1] & 0xc0 == 64;
            (private || shared, 8)
        }
        IpNet::V6(v6) => {
            let first = v6.network().segments()[0];
            (
                v6.network().is_loopback() || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80,
                7,
            )
        }
    };
    let remedy = "list the proxies one by one, or the small network in which only they are";
    if net.prefix_len() < most {
        return Some(Finding::action(
            CHECK,
            format!("{net} is a large part of the internet: who is in there can claim any address"),
            remedy,
        ));
    }
    let small = match net {
        IpNet::V4(_) => net.prefix_len() >= 16,
        IpNet::V6(_) => net.prefix_len() >= 48,
    };
    (!private && !small).then(|| {
        Finding::advice(
            CHECK,
            format!("{net} is wide, and public: each machine in it can claim any address"),
            remedy,
        )
    })
}
