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
