use http::{HeaderMap, HeaderValue, header};

/// How many rows a page has unless told, and at most.
pub(crate) const DEFAULT_LIMIT: u32 = 50;
pub(crate) const MAX_LIMIT: u32 = 200;

/// `Link: <..>; rel="next"` (RFC 8288) with the query of this page, its cursor replaced; none on the last page.
pub(crate) fn next_link(path: &str, query: &[(&str, Option<String>)], cursor: Option<String>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(cursor) = cursor else { return headers };
    let mut link = format!("<{path}?cursor={cursor}");
    for (name, value) in query {
        if let Some(value) = value {
            link.push('&');
            link.push_str(name);
            link.push('=');
            encode(value, &mut link);
        }
    }
    link.push_str(">; rel=\"next\"");
    if let Ok(value) = HeaderValue::try_from(link) {
        headers.insert(header::LINK, value);
    }
    headers
}

/// Percent-encodes all but the unreserved characters of RFC 3986, section 2.3.
fn encode(text: &str, into: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(char::from(byte));
        } else {
            into.push('%');
            into.push(char::from(DIGITS[usize::from(byte >> 4)]));
            into.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_keeps_the_filter() {
        let query = [
            ("q", Some("ä b".to_owned())),
            ("role", None),
            ("limit", Some("2".to_owned())),
        ];
        let headers = next_link("/admin/users", &query, Some("abc".to_owned()));
        assert_eq!(
            headers[header::LINK],
            "</admin/users?cursor=abc&q=%C3%A4%20b&limit=2>; rel=\"next\""
        );
        assert!(next_link("/admin/users", &query, None).is_empty());
    }
}
