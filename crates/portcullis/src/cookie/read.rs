use http::{HeaderMap, header};

/// The cookies that came with a request, read strictly.
///
/// - All `Cookie` lines are read: HTTP/2 may split them (RFC 9113, section 8.2.3).
/// - A pair counts only if its name is a token and its value is made of `cookie-octet`s (RFC 6265, section 4.1.1). What
///   is not is skipped alone, whatever its bytes, and never takes a good pair with it.
/// - Only spaces and tabs around a pair are dropped. A name that merely looks like another one, in other case or behind
///   a Unicode space, is another name: browsers let anyone set that one.
/// - Quotes are not taken off and nothing is decoded.
///
/// ```
/// use http::{HeaderMap, header};
/// use portcullis::cookie::Cookies;
///
/// let mut headers = HeaderMap::new();
/// headers.append(header::COOKIE, "a b=1; __Host-session=abc".parse().unwrap());
/// assert_eq!(Cookies::of(&headers).get("__Host-session"), Ok(Some("abc")));
/// assert_eq!(Cookies::of(&headers).get("session"), Ok(None));
/// assert!(Cookies::of(&headers).all("__Host-session").eq(["abc"]));
/// ```
#[derive(Clone, Copy)]
pub struct Cookies<'a>(&'a HeaderMap);

/// Several cookies of one name, with different values.
///
/// A browser sends them when one was set for a parent domain or another path, which a page of a neighbouring subdomain
/// can do: nothing tells which is the right one. Cannot happen to a `__Host-` name.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use portcullis::cookie::{Cookies, DuplicateCookie};
///
/// let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_static("sid=ada; sid=mallory"))]);
/// assert_eq!(Cookies::of(&headers).get("sid"), Err(DuplicateCookie));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("several cookies of one name came: delete the cookies of this site and its parent domain")]
pub struct DuplicateCookie;

impl<'a> Cookies<'a> {
    /// Those of the request with these headers.
    #[must_use]
    pub const fn of(headers: &'a HeaderMap) -> Self {
        Self(headers)
    }

    /// The value of the cookie `name`. The same value twice is one; an empty value is what a cleared cookie may leave
    /// behind, and is none.
    ///
    /// # Errors
    /// When several came and they differ.
    pub fn get(self, name: &str) -> Result<Option<&'a str>, DuplicateCookie> {
        let mut values = self.all(name).filter(|value| !value.is_empty());
        let first = values.next();
        if values.all(|value| Some(value) == first) {
            Ok(first)
        } else {
            Err(DuplicateCookie)
        }
    }

    /// The values of all cookies `name`, in the order in which they came.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .get_all(header::COOKIE)
            .iter()
            .flat_map(|line| line.as_bytes().split(|b| *b == b';'))
            .filter_map(pair)
            .filter_map(move |(found, value)| (found == name).then_some(value))
    }
}

fn pair(pair: &[u8]) -> Option<(&str, &str)> {
    let at = pair.iter().position(|b| *b == b'=')?;
    let name = trim(&pair[..at]);
    let value = trim(&pair[at + 1..]);
    let good = is_name(name) && value.iter().copied().all(is_octet);
    // Both are ASCII.
    good.then_some((str::from_utf8(name).ok()?, str::from_utf8(value).ok()?))
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// `token` (RFC 9110, section 5.6.2).
pub(super) fn is_name(name: &[u8]) -> bool {
    !name.is_empty()
        && name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// `cookie-octet` (RFC 6265, section 4.1.1).
pub(super) fn is_octet(b: u8) -> bool {
    b.is_ascii_graphic() && !b"\",;\\".contains(&b)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers<T: AsRef<[u8]>>(lines: impl IntoIterator<Item = T>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_bytes(line.as_ref()).unwrap());
        }
        headers
    }

    fn get<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, DuplicateCookie> {
        Cookies::of(headers).get(name)
    }

    #[test]
    fn garbage_never_hides_a_good_cookie() {
        for line in [
            &b"a=1"[..],
            b" \t a = 1 \t",
            b"a=1; a=1",
            b"a=; a=1",
            b";;;=;==; ;a=1;",
            b"\xff\xfe=\xff; a=1",
            b"a=\xff; a=1",
            b"b=\"x; a=1; y\"",
            b"a=\"2\"; a=1",
            b"a b=2; a=1",
            b"A=2; a=1",
            b"a=2,3; a=1",
            b"\xe2\x80\x80a=2; a=1",
            b"a\xc2\xa0=2; a=1",
            b"$Version=1; a=1; $Path=/",
            b"x; a=1; y",
            b"=a=2; a=1",
        ] {
            let headers = headers([line]);
            assert_eq!(get(&headers, "a"), Ok(Some("1")), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn all_lines_are_read() {
        let several = headers(["b=2", "", "a=1; c=3"]);
        assert_eq!(get(&several, "a"), Ok(Some("1")));
        assert_eq!(get(&headers(["a=1", "a=2"]), "a"), Err(DuplicateCookie));
        assert_eq!(get(&headers(["a=1", "a=1"]), "a"), Ok(Some("1")));
    }

    #[test]
    fn a_value_is_taken_as_it_is() {
        for (line, value) in [("a=b=c==", "b=c=="), ("a=%41", "%41"), ("a=1:2/3", "1:2/3")] {
            assert_eq!(get(&headers([line]), "a"), Ok(Some(value)));
        }
        assert_eq!(get(&headers(["a="]), "a"), Ok(None));
        assert_eq!(get(&headers(["a"]), "a"), Ok(None));
        assert_eq!(get(&HeaderMap::new(), "a"), Ok(None));
    }

    #[test]
    fn what_only_looks_like_a_prefixed_name_is_another_name() {
        for line in [
            "__host-a=1",
            "__HOST-a=1",
            "a=1",
            "=__Host-a=1",
            "__Secure-a=1",
            "\u{2000}__Host-a=1",
            "\u{85}__Host-a=1",
            "__Host-a%3D=1",
        ] {
            assert_eq!(get(&headers([line]), "__Host-a"), Ok(None), "{line}");
            let both = headers([format!("{line}; __Host-a=2")]);
            assert_eq!(get(&both, "__Host-a"), Ok(Some("2")), "{line}");
        }
    }

    /// What a header can hold, separators often.
    fn garbage() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            prop_oneof![Just(b';'), Just(b'='), Just(b'"'), Just(b' '), Just(b'\t')],
            (0x20..=0xffu8).prop_filter("no header holds it", |b| *b != 0x7f),
        ];
        proptest::collection::vec(byte, 0..40)
    }

    proptest! {
        #[test]
        fn no_garbage_before_or_behind_matters(before in garbage(), behind in garbage()) {
            let line = [&before[..], b"; __Host-session=good; ", &behind].concat();
            let headers = headers([line]);
            prop_assert_eq!(get(&headers, "__Host-session"), Ok(Some("good")));
        }
    }
}
