use std::time::Duration;

use axum::response::IntoResponse as _;
use http::{HeaderMap, header};
use portcullis_core::rng::SystemRng;
use secrecy::ExposeSecret as _;

use super::{Cookie, CookieError, CookieScheme, SameSite, SessionCookies};

const HOUR: Duration = Duration::from_secs(3600);

fn cookie() -> Cookie {
    Cookie::new("session", CookieScheme::Https).unwrap()
}

fn lines(headers: &HeaderMap) -> Vec<&str> {
    headers
        .get_all(header::SET_COOKIE)
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect()
}

#[test]
fn over_https_only_this_host_can_set_it() {
    assert_eq!(
        cookie().set("abc").unwrap().to_str(),
        "__Host-session=abc; Path=/; Secure; HttpOnly; SameSite=Lax"
    );
    let strict = cookie().max_age(HOUR).same_site(SameSite::Strict).unwrap();
    assert_eq!(
        strict.set("abc").unwrap().to_str(),
        "__Host-session=abc; Path=/; Max-Age=3600; Secure; HttpOnly; SameSite=Strict"
    );
    let framed = cookie().same_site(SameSite::None).unwrap().readable_by_scripts();
    assert_eq!(
        framed.set("").unwrap().to_str(),
        "__Host-session=; Path=/; Secure; SameSite=None"
    );
}

#[test]
fn on_this_machine_it_has_a_plain_name() {
    let plain = Cookie::new("session", CookieScheme::Loopback).unwrap();
    assert_eq!(
        plain.set("abc").unwrap().to_str(),
        "session=abc; Path=/; HttpOnly; SameSite=Lax"
    );
    assert_eq!(plain.same_site(SameSite::None), Err(CookieError::SameSite));
}

#[test]
fn to_clear_it_says_what_setting_it_said() {
    // Without Secure and Path=/ a browser would ignore the line because of the prefix.
    assert_eq!(
        cookie().max_age(HOUR).clear().to_str(),
        "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"
    );
}

#[test]
fn the_scheme_is_https_or_this_machine() {
    for (url, scheme) in [
        ("https://app.example.com", CookieScheme::Https),
        ("https://localhost:8443/x", CookieScheme::Https),
        ("http://localhost:8000", CookieScheme::Loopback),
        ("http://LOCALHOST", CookieScheme::Loopback),
        ("http://app.localhost", CookieScheme::Loopback),
        ("http://127.0.0.1:3000", CookieScheme::Loopback),
        ("http://[::1]:3000", CookieScheme::Loopback),
    ] {
        assert_eq!(CookieScheme::of(url), Ok(scheme), "{url}");
    }
    for url in [
        "http://app.example.com",
        "http://localhost.example.com",
        "http://localhost@example.com",
        "http://notlocalhost",
        "http://192.168.0.1",
        "http://0.0.0.0",
        "https://",
        "https",
        "ftp://localhost",
        "localhost",
        "",
    ] {
        assert_eq!(
            CookieScheme::of(url),
            Err(CookieError::NotSecure(url.to_owned())),
            "{url}"
        );
    }
}

#[test]
fn nothing_can_be_smuggled_into_the_line() {
    for value in [
        "a; Domain=example.com",
        "a\r\nx: y",
        "a b",
        "a,b",
        "\"a\"",
        "ä",
        "a\\",
        "\u{7f}",
    ] {
        assert!(
            matches!(cookie().set(value), Err(CookieError::Value(_))),
            "{value:?}"
        );
    }
    for name in [
        "",
        "a b",
        "a=b",
        "a;b",
        "ä",
        "__Host-a",
        "__host-a",
        "__Secure-a",
        "a\r\n",
    ] {
        assert!(
            matches!(Cookie::new(name, CookieScheme::Https), Err(CookieError::Name(_))),
            "{name:?}"
        );
    }
}

#[test]
fn what_a_browser_would_drop_is_refused() {
    let most = 4096 - "__Host-session".len();
    assert!(cookie().set(&"a".repeat(most)).is_ok());
    assert!(matches!(
        cookie().set(&"a".repeat(most + 1)),
        Err(CookieError::TooLong(_))
    ));
}

#[test]
fn each_session_has_a_new_id() {
    let (one, set) = cookie().set_session(&SystemRng);
    let (other, _) = cookie().set_session(&SystemRng);
    assert_ne!(one.expose_secret(), other.expose_secret());
    assert_eq!(one.expose_secret().len(), 43);
    let response = (set, "body").into_response();
    let [line] = lines(response.headers())[..] else {
        panic!("one line");
    };
    assert!(line.starts_with(&format!("__Host-session={};", one.expose_secret())));
    assert!(response.headers()[header::SET_COOKIE].is_sensitive());
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");

    let mut request = HeaderMap::new();
    let line = format!("session=planted; __Host-session={}", one.expose_secret());
    request.insert(header::COOKIE, line.parse().unwrap());
    assert_eq!(cookie().read(&request), Ok(Some(one.expose_secret())));
}

#[test]
fn clearing_a_session_leaves_the_device_known() {
    let cookies = SessionCookies::new("app", CookieScheme::Https).unwrap();
    let cookies = cookies.same_site(SameSite::Strict).unwrap();
    let more = cookies.clear_session().and(cookie().clear()).into_response();
    assert_eq!(
        lines(more.headers()),
        [
            "__Host-app-access=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict",
            "__Host-app-refresh=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict",
            "__Host-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax",
        ]
    );
}
