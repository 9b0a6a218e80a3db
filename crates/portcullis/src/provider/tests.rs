use http::{Request, request::Parts};

use super::{AuthError, bearer};

fn parts(uri: &str, authorization: &[&str]) -> Parts {
    let mut request = Request::builder().uri(uri);
    for value in authorization {
        request = request.header("authorization", *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn read(uri: &str, authorization: &[&str]) -> Result<String, AuthError> {
    bearer(&parts(uri, authorization)).map(|token| token.expose().to_owned())
}

#[test]
fn the_scheme_is_read_in_any_case() {
    for header in [
        "Bearer a.b-c_d~e+f/g==",
        "bearer a.b-c_d~e+f/g==",
        "BEARER   a.b-c_d~e+f/g== ",
    ] {
        assert_eq!(read("/", &[header]).as_deref(), Ok("a.b-c_d~e+f/g=="));
    }
}

#[test]
fn what_is_no_token_is_invalid_and_not_missing() {
    for header in [
        "Bearer",
        "Bearer ",
        "Bearer =",
        "Bearer a b",
        "Bearer a=b",
        "Bearer \"a\"",
        "bearer a,b",
    ] {
        assert_eq!(
            read("/", &[header]),
            Err(AuthError::invalid("malformed")),
            "{header}"
        );
    }
}

#[test]
fn each_character_is_in_the_grammar_or_not() {
    for byte in 0..=u8::MAX {
        let good = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
        let token = [b'a', byte, b'z'];
        assert_eq!(super::bearer::b64token(&token).is_ok(), good, "{byte}");
    }
}

#[test]
fn another_scheme_is_neither_missing_nor_invalid() {
    for header in ["Basic YTpi", "Bearera", ""] {
        assert_eq!(read("/", &[header]), Err(AuthError::Scheme), "{header}");
    }
}

#[test]
fn two_credentials_are_refused() {
    assert!(matches!(
        read("/", &["Bearer a", "Bearer a"]),
        Err(AuthError::Ambiguous(_))
    ));
    for query in ["access_token=a", "x=1&access%5Ftoken=a", "access_token"] {
        let uri = format!("/?{query}");
        assert!(
            matches!(read(&uri, &["Bearer a"]), Err(AuthError::Ambiguous(_))),
            "{query}"
        );
    }
}

#[test]
fn a_token_in_the_query_is_no_credential() {
    assert_eq!(read("/?access_token=a", &[]), Err(AuthError::Missing));
    assert_eq!(read("/?access_tokens=a", &["Bearer a"]).as_deref(), Ok("a"));
}

mod sources {
    use super::*;
    use crate::provider::{Source, TokenSources};

    /// All there are.
    fn all() -> TokenSources {
        TokenSources::default().cookie("__Host-access").query("token")
    }

    fn request(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn read(sources: &TokenSources, parts: &Parts) -> Result<(String, Source), AuthError> {
        let credential = sources.read(parts)?;
        Ok((credential.token().to_owned(), credential.source()))
    }

    #[expect(clippy::unnecessary_wraps, reason = "stands beside errors")]
    fn found(token: &str, source: Source) -> Result<(String, Source), AuthError> {
        Ok((token.to_owned(), source))
    }

    const HEADER: (&str, &str) = ("authorization", "Bearer header");
    const COOKIE: (&str, &str) = ("cookie", "__Host-access=cookie");
    const UPGRADE: [(&str, &str); 2] = [("upgrade", "websocket"), ("connection", "keep-alive, Upgrade")];
    const OFFER: (&str, &str) = ("sec-websocket-protocol", "chat, bearer, offered");

    fn upgrade(uri: &str, more: &[(&str, &str)]) -> Parts {
        request(uri, &[&UPGRADE[..], more].concat())
    }

    #[test]
    fn the_header_wins_over_the_cookie_and_the_cookie_over_the_query() {
        let sources = all();
        for (uri, headers, expected) in [
            ("/", vec![HEADER], found("header", Source::Header)),
            ("/", vec![HEADER, COOKIE], found("header", Source::Header)),
            ("/", vec![COOKIE], found("cookie", Source::Cookie)),
            ("/?token=query", vec![COOKIE], found("cookie", Source::Cookie)),
            ("/?token=query", vec![], found("query", Source::Query)),
            ("/?token=a%2Eb", vec![], found("a.b", Source::Query)),
            ("/?tok%65n=query", vec![], found("query", Source::Query)),
            ("/", vec![], Err(AuthError::Missing)),
            ("/?access_token=query", vec![], Err(AuthError::Missing)),
        ] {
            assert_eq!(
                read(&sources, &request(uri, &headers)),
                expected,
                "{uri} {headers:?}"
            );
        }
    }

    #[test]
    fn what_was_not_switched_on_is_not_read() {
        let default = TokenSources::default();
        assert_eq!(
            read(&default, &request("/?token=query&access_token=query", &[COOKIE])),
            Err(AuthError::Missing)
        );
        let plain = TokenSources::default().cookie("__Host-access");
        assert_eq!(
            read(&plain, &request("/?token=query", &[("cookie", "access=cookie")])),
            Err(AuthError::Missing)
        );
    }

    #[test]
    fn the_first_that_has_something_decides_though_it_is_bad() {
        let sources = all();
        let malformed = Err(AuthError::invalid("malformed"));
        let basic = [("authorization", "Basic YTpi"), COOKIE];
        assert_eq!(read(&sources, &request("/", &basic)), Err(AuthError::Scheme));
        let bad_header = [("authorization", "Bearer a b"), COOKIE];
        assert_eq!(read(&sources, &request("/", &bad_header)), malformed);
        let bad_cookie = [("cookie", "__Host-access=a:b")];
        assert_eq!(read(&sources, &request("/?token=query", &bad_cookie)), malformed);
        for uri in ["/?token=", "/?token", "/?token=%ff", "/?token=a%20b"] {
            assert_eq!(read(&sources, &request(uri, &[])), malformed, "{uri}");
        }
    }

    #[test]
    fn two_that_were_sent_on_purpose_are_refused() {
        let sources = all();
        let twice = [HEADER, HEADER];
        let cookies = [COOKIE, ("cookie", "__Host-access=other")];
        for parts in [
            request("/", &twice),
            request("/?token=query", &[HEADER]),
            request("/?access_token=query", &[HEADER]),
            request("/?token=a&token=b", &[]),
            request("/", &cookies),
            upgrade("/", &[OFFER, HEADER]),
            upgrade("/?token=query", &[OFFER]),
            upgrade("/", &[("sec-websocket-protocol", "bearer, a, bearer, b")]),
        ] {
            let read = read(&sources, &parts);
            assert!(matches!(read, Err(AuthError::Ambiguous(_))), "{read:?} {parts:?}");
        }
    }

    #[test]
    fn a_websocket_may_bring_its_token_as_a_subprotocol() {
        let sources = all();
        let offered = found("offered", Source::Subprotocol);
        assert_eq!(read(&sources, &upgrade("/", &[OFFER])), offered);
        assert_eq!(read(&sources, &upgrade("/", &[OFFER, COOKIE])), offered);
        let lines = [
            ("sec-websocket-protocol", "chat,bearer"),
            ("sec-websocket-protocol", "\toffered ,more"),
        ];
        assert_eq!(read(&sources, &upgrade("/", &lines)), offered);
        for nothing in ["bearer", "bearer,", "bearer, a b", "bearer,,a"] {
            assert_eq!(
                read(
                    &sources,
                    &upgrade("/", &[("sec-websocket-protocol", nothing), COOKIE])
                ),
                Err(AuthError::invalid("malformed")),
                "{nothing}"
            );
        }
        for other in ["chat", "Bearer, offered", "chat, bearers, a"] {
            assert_eq!(
                read(&sources, &upgrade("/", &[("sec-websocket-protocol", other)])),
                Err(AuthError::Missing),
                "{other}"
            );
        }
    }

    #[test]
    fn no_other_request_may_bring_it_so() {
        let sources = all();
        let mut post = upgrade("/", &[OFFER]);
        post.method = http::Method::POST;
        for parts in [
            request("/", &[OFFER]),
            request("/", &[UPGRADE[0], OFFER]),
            request("/", &[UPGRADE[1], OFFER]),
            request("/", &[("upgrade", "h2c"), UPGRADE[1], OFFER]),
            post,
        ] {
            assert_eq!(read(&sources, &parts), Err(AuthError::Missing), "{parts:?}");
        }
        // RFC 8441: over HTTP/2 the method says it.
        let mut connect = request("/", &[OFFER]);
        connect.version = http::Version::HTTP_2;
        assert_eq!(read(&sources, &connect), Err(AuthError::Missing));
        connect.method = http::Method::CONNECT;
        assert_eq!(read(&sources, &connect), found("offered", Source::Subprotocol));
    }

    #[test]
    fn the_short_form_reads_the_header_alone() {
        let parts = upgrade("/?token=query", &[OFFER, COOKIE]);
        assert_eq!(bearer(&parts).map(|_| ()), Err(AuthError::Missing));
        let parts = upgrade("/", &[HEADER, OFFER, COOKIE]);
        assert_eq!(
            bearer(&parts).map(super::super::BearerToken::expose),
            Ok("header")
        );
    }
}
