use std::time::Duration;

use http::{HeaderMap, header};

/// For how long an answer may be kept (RFC 9111, section 5.2.2), less the time for which others kept it; none where it does
/// not say. What says `no-store` may not be kept at all; the bounds of [`KeyPolicy`](super::super::KeyPolicy) then decide.
pub(super) fn lifetime(headers: &HeaderMap) -> Option<Duration> {
    let mut lifetime = None;
    for line in headers.get_all(header::CACHE_CONTROL) {
        for directive in line.to_str().ok()?.split(',') {
            let (name, value) = match directive.split_once('=') {
                Some((name, value)) => (name.trim(), value.trim().trim_matches('"')),
                None => (directive.trim(), ""),
            };
            if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
                return Some(Duration::ZERO);
            }
            if name.eq_ignore_ascii_case("max-age") && lifetime.is_none() {
                // What is no number is stale (section 4.2.1).
                lifetime = Some(Duration::from_secs(value.parse().unwrap_or(0)));
            }
        }
    }
    let age = headers
        .get(header::AGE)
        .and_then(|age| age.to_str().ok()?.parse().ok());
    lifetime.map(|lifetime| lifetime.saturating_sub(Duration::from_secs(age.unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_says_of_its_age() {
        let seconds = |lines: &[&str], age: Option<&str>| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CACHE_CONTROL, line.parse().unwrap());
            }
            if let Some(age) = age {
                headers.insert(header::AGE, age.parse().unwrap());
            }
            lifetime(&headers).map(|lifetime| lifetime.as_secs())
        };
        assert_eq!(seconds(&[], None), None);
        assert_eq!(seconds(&["public"], None), None);
        assert_eq!(seconds(&["public, max-age=300"], None), Some(300));
        assert_eq!(seconds(&["public", "Max-Age=\"300\""], Some("100")), Some(200));
        assert_eq!(seconds(&["max-age=300"], Some("1000")), Some(0));
        assert_eq!(seconds(&["max-age=300, no-store"], None), Some(0));
        assert_eq!(seconds(&["max-age=-1"], None), Some(0));
        assert_eq!(seconds(&["max-age=99999999999999999999"], None), Some(0));
        assert_eq!(seconds(&["max-age=60, max-age=600"], None), Some(60));
    }
}
