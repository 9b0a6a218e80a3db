//! Logins by cookie, and protection against requests that pages of others forge.

use portcullis_testkit::{
    browser::{self, Browser},
    client::Answer,
    jwt,
    people::{self, Member, PASSWORD},
    server::{App, Setup},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::start;

on_both!(
    a_login_by_cookie_gives_scripts_no_token,
    cookies_are_set_only_when_asked_for,
    an_act_by_cookie_needs_the_token_of_its_session,
    a_page_of_another_site_gets_nothing_done,
    a_refresh_goes_on_in_cookies,
    a_session_that_is_over_leaves_the_browser,
    each_login_begins_a_new_session_and_ends_the_old_one,
    logging_out_clears_the_cookies,
    a_header_wins_over_cookies_and_garbage_hides_nothing,
    a_new_password_goes_on_in_cookies,
    a_device_is_known_by_its_cookie,
    a_page_that_lost_its_token_gets_it_again,
    names_and_manners_are_configured,
    on_this_machine_names_are_plain,
);

const ACCESS: &str = "__Host-portcullis-access";
const REFRESH: &str = "__Host-portcullis-refresh";
const DEVICE: &str = "__Host-portcullis-device";

/// Somebody, and their browser, logged in.
async fn logged_in(app: &App, name: &str) -> (Member, Browser) {
    let member = app.register(name).await;
    let mut browser = Browser::new(app.client());
    browser.login(&member.email, PASSWORD).await;
    (member, browser)
}

fn session_of(browser: &Browser) -> Value {
    jwt::claims(&browser.cookies[ACCESS])["sid"].clone()
}

/// The number behind `words`, and what comes after it.
fn after<'a>(line: &'a str, words: &str) -> (u64, &'a str) {
    let (_, rest) = line.split_once(words).expect(words);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (rest[..digits].parse().expect("a number"), &rest[digits..])
}

#[track_caller]
fn expect_csrf_failed(answer: Answer) {
    let answer = answer.expect(403);
    assert_eq!(answer.json()["error"], "csrf_failed", "{}", answer.body);
    assert_eq!(answer.header("content-type"), "application/problem+json");
}

async fn a_login_by_cookie_gives_scripts_no_token(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let mut browser = Browser::new(app.client());
    let answer = browser.login(&ada.email, PASSWORD).await;
    let mut members: Vec<String> = answer.json().as_object().unwrap().keys().cloned().collect();
    members.sort_unstable();
    assert_eq!(members, ["csrf_token", "expires_in", "scope", "token_type"]);
    assert_eq!(answer.json()["token_type"], "cookie");
    assert_eq!(answer.json()["expires_in"], 900);
    assert_eq!(answer.header("cache-control"), "no-store");
    for name in [ACCESS, REFRESH, DEVICE] {
        assert!(
            !answer.body.contains(&browser.cookies[name]),
            "{name} in the body"
        );
    }
    let lines = browser::lines(&answer);
    for (name, longest) in [(ACCESS, 900), (REFRESH, 604_800), (DEVICE, 31_536_000)] {
        let line = lines.iter().find(|line| line.starts_with(name)).expect(name);
        let (age, rest) = after(line, "; Path=/; Max-Age=");
        assert!((longest - 60..=longest).contains(&age), "{line}");
        assert_eq!(rest, "; Secure; HttpOnly; SameSite=Lax", "{line}");
    }
    let token = lines.iter().find(|line| line.starts_with("csrf_token=")).unwrap();
    assert_eq!(
        after(token, "; Path=/; Max-Age=").1,
        "; Secure; SameSite=Lax",
        "{token}"
    );
    assert_eq!(
        browser.get("/me").await.expect(200).json()["email"],
        ada.email.as_str()
    );
    // By the form of OAuth2, and at the registration, too.
    let form = [
        ("username", ada.email.as_str()),
        ("password", PASSWORD),
        ("cookies", "true"),
    ];
    let mut other = Browser::new(app.client());
    let request = other.own(Method::POST, "/auth/login").form(&form);
    other.send(request).await.expect(200);
    other.get("/me").await.expect(200);
    let body = json!({"email": "bob@example.com", "password": PASSWORD, "name": "Bob", "cookies": true});
    let mut bob = Browser::new(app.client());
    let answer = bob.json(Method::POST, "/auth/register", &body).await.expect(201);
    assert_eq!(answer.json()["token_type"], "cookie");
    bob.get("/me").await.expect(200);
}

async fn cookies_are_set_only_when_asked_for(setup: Setup) {
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let answers = [
        people::login(&app.client(), &ada.email, PASSWORD)
            .await
            .expect(200),
        people::refresh(&app.client(), &ada.tokens.refresh_token)
            .await
            .expect(200),
        ada.me().await,
        app.client().get("/healthz").await,
    ];
    for answer in answers {
        assert_eq!(browser::lines(&answer), [""; 0], "{}", answer.request);
    }
}

async fn an_act_by_cookie_needs_the_token_of_its_session(setup: Setup) {
    let app = start(setup).await;
    let (ada, mut browser) = logged_in(&app, "ada").await;
    let (_, other) = logged_in(&app, "bob").await;
    let rename = |name: &str| json!({"name": name});

    let answer = browser
        .json(Method::PATCH, "/me", &rename("Countess"))
        .await
        .expect(200);
    assert_eq!(answer.json()["name"], "Countess");
    let good = browser.csrf_token.clone();
    for wrong in [
        None,
        Some(String::new()),
        Some("junk".to_owned()),
        other.csrf_token.clone(),
    ] {
        browser.csrf_token = wrong.clone();
        expect_csrf_failed(browser.json(Method::PATCH, "/me", &rename("X")).await);
        // Neither is it taken when it was planted as a cookie, too.
        let mut planted = browser.clone();
        planted
            .cookies
            .insert("csrf_token".to_owned(), wrong.unwrap_or_default());
        expect_csrf_failed(planted.json(Method::PATCH, "/me", &rename("X")).await);
    }
    browser.csrf_token = good;
    for (method, path) in [
        (Method::POST, "/auth/logout"),
        (Method::POST, "/auth/logout-all"),
        (Method::POST, "/auth/refresh"),
        (
            Method::DELETE,
            "/me/sessions/01890a5d-ac96-774b-bcce-b302099a8057",
        ),
    ] {
        let mut without = browser.clone();
        without.csrf_token = None;
        let request = without.own(method, path);
        expect_csrf_failed(without.send(request).await);
    }
    assert_eq!(browser.get("/me").await.json()["name"], "Countess");
    // The session is known by either of its cookies.
    for gone in [ACCESS, REFRESH] {
        let mut one = browser.clone();
        one.cookies.remove(gone);
        let path = if gone == ACCESS {
            "/auth/refresh"
        } else {
            "/auth/logout"
        };
        let right = one.csrf_token.clone();
        one.csrf_token.clone_from(&other.csrf_token);
        expect_csrf_failed(one.post(path).await);
        one.csrf_token = right;
        one.post(path).await.expect(200);
    }
    // Tokens in a header are sent on purpose.
    ada.client.patch("/me", &rename("Ada")).await.expect(200);
    // Who is nobody learns that first.
    let mut nobody = Browser::new(app.client());
    nobody.json(Method::PATCH, "/me", &rename("X")).await.expect(401);
}

async fn a_page_of_another_site_gets_nothing_done(setup: Setup) {
    let app = start(setup).await;
    let (ada, browser) = logged_in(&app, "ada").await;
    let mut browser = browser;
    let token = browser.csrf_token.clone().unwrap();
    let rename = browser
        .forged(Method::PATCH, "/me")
        .header("x-csrf-token", &token)
        .json(&json!({"name": "X"}));
    expect_csrf_failed(browser.send(rename).await);
    for path in ["/auth/logout", "/auth/refresh"] {
        let request = browser.forged(Method::POST, path);
        expect_csrf_failed(browser.send(request).await);
    }
    // Nor does it log its visitor in as somebody of its own choice.
    let form = [
        ("username", ada.email.as_str()),
        ("password", PASSWORD),
        ("cookies", "true"),
    ];
    let mut visitor = Browser::new(app.client());
    let login = visitor.forged(Method::POST, "/auth/login").form(&form);
    expect_csrf_failed(visitor.send(login).await);
    assert!(visitor.cookies.is_empty());
    browser.get("/me").await.expect(200);
}

async fn a_refresh_goes_on_in_cookies(setup: Setup) {
    let app = start(setup).await;
    let (_, mut browser) = logged_in(&app, "ada").await;
    let before = browser.clone();
    let answer = browser.post("/auth/refresh").await.expect(200);
    assert_eq!(answer.json()["token_type"], "cookie");
    for name in [ACCESS, REFRESH] {
        assert_ne!(browser.cookies[name], before.cookies[name], "{name}");
        assert!(
            !answer.body.contains(&browser.cookies[name]),
            "{name} in the body"
        );
    }
    assert_eq!(session_of(&browser), session_of(&before));
    // A page that was open before goes on with the token that it has.
    assert_eq!(
        answer.json()["csrf_token"].as_str(),
        browser.csrf_token.as_deref()
    );
    // The access token may be gone from the browser by then.
    browser.cookies.remove(ACCESS);
    browser.get("/me").await.expect(401);
    browser.post("/auth/refresh").await.expect(200);
    browser.get("/me").await.expect(200);
    // A token in the body is answered by tokens, as ever.
    let body = json!({"refresh_token": browser.cookies[REFRESH]});
    let answer = app.client().post_json("/auth/refresh", &body).await.expect(200);
    assert_eq!(answer.json()["token_type"], "bearer");
    assert_eq!(browser::lines(&answer), [""; 0]);
    app.client().post("/auth/refresh").await.expect(401);
}

async fn a_session_that_is_over_leaves_the_browser(setup: Setup) {
    let app = start(setup).await;
    let (ada, mut browser) = logged_in(&app, "ada").await;
    ada.client.post("/auth/logout-all").await.expect(200);
    browser.get("/me").await.expect_invalid_token();
    browser.post("/auth/refresh").await.expect(401);
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), [DEVICE]);
    // What is left hinders no login.
    browser.csrf_token = None;
    browser.login(&ada.email, PASSWORD).await;
    browser.get("/me").await.expect(200);
}

async fn each_login_begins_a_new_session_and_ends_the_old_one(setup: Setup) {
    let app = start(setup).await;
    let (ada, mut browser) = logged_in(&app, "ada").await;
    let before = browser.clone();
    browser.csrf_token = None;
    browser.login(&ada.email, PASSWORD).await;
    assert_ne!(session_of(&browser), session_of(&before));
    let mut old = before.clone();
    old.get("/me").await.expect_invalid_token();
    expect_csrf_failed({
        let mut mixed = browser.clone();
        mixed.csrf_token.clone_from(&before.csrf_token);
        mixed.json(Method::PATCH, "/me", &json!({"name": "X"})).await
    });
    // A login that fails, or that asks for no cookies, ends nothing.
    let wrong = json!({"email": ada.email, "password": "wrong wrong wrong", "cookies": true});
    browser
        .json(Method::POST, "/auth/login", &wrong)
        .await
        .expect(401);
    let plain = json!({"email": ada.email, "password": PASSWORD});
    browser
        .json(Method::POST, "/auth/login", &plain)
        .await
        .expect(200);
    browser.get("/me").await.expect(200);
    // Nobody can be made to take over a session that somebody else planted.
    let (_, planted) = logged_in(&app, "mallory").await;
    let mut victim = planted.clone();
    victim.csrf_token = None;
    victim.login(&ada.email, PASSWORD).await;
    assert_ne!(session_of(&victim), session_of(&planted));
    assert_eq!(victim.get("/me").await.json()["email"], ada.email.as_str());
}

async fn logging_out_clears_the_cookies(setup: Setup) {
    let app = start(setup).await;
    let (ada, browser) = logged_in(&app, "ada").await;
    let mut by_access = browser.clone();
    let answer = by_access.post("/auth/logout").await.expect(200);
    let lines = browser::lines(&answer);
    for name in [ACCESS, REFRESH] {
        let cleared = format!("{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
        assert!(lines.contains(&cleared), "{lines:?}");
    }
    assert_eq!(by_access.cookies.keys().collect::<Vec<_>>(), [DEVICE]);
    let mut old = browser.clone();
    old.get("/me").await.expect_invalid_token();

    let mut by_refresh = Browser::new(app.client());
    by_refresh.login(&ada.email, PASSWORD).await;
    let mut stolen = by_refresh.clone();
    by_refresh.cookies.remove(ACCESS);
    by_refresh.post("/auth/logout").await.expect(200);
    assert_eq!(by_refresh.cookies.keys().collect::<Vec<_>>(), [DEVICE]);
    stolen.get("/me").await.expect_invalid_token();

    for (method, path, body) in [
        (Method::POST, "/auth/logout-all", json!({})),
        (Method::DELETE, "/me", json!({"password": PASSWORD})),
    ] {
        let mut browser = Browser::new(app.client());
        browser.login(&ada.email, PASSWORD).await;
        let answer = browser.json(method, path, &body).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.body);
        assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), [DEVICE], "{path}");
    }
}

async fn a_header_wins_over_cookies_and_garbage_hides_nothing(setup: Setup) {
    let app = start(setup).await;
    let (ada, browser) = logged_in(&app, "ada").await;
    let (bob, _) = logged_in(&app, "bob").await;
    let good: Vec<String> = browser
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let good = good.join("; ");
    let bearer = |client: &portcullis_testkit::client::Client| {
        client.request(Method::GET, "/me").header("cookie", &good)
    };
    let answer = bob.client.send(bearer(&bob.client)).await.expect(200);
    assert_eq!(answer.json()["email"], bob.email.as_str());
    let bad = app.client().bearer("junk");
    bad.send(bearer(&bad)).await.expect_invalid_token();

    let name = ACCESS.trim_start_matches("__Host-");
    for line in [
        format!("{name}={}; {good}", bob.tokens.access_token),
        format!("\u{2000}{ACCESS}={}; {good}", bob.tokens.access_token),
        format!("{}={}; {good}", ACCESS.to_uppercase(), bob.tokens.access_token),
        format!("{ACCESS}=\"; =; ; a b=c; x; {good}"),
        format!("{good}; {ACCESS}="),
    ] {
        let request = app
            .client()
            .request(Method::GET, "/me")
            .header("cookie", line.as_bytes());
        let answer = app.client().send(request).await.expect(200);
        assert_eq!(answer.json()["email"], ada.email.as_str(), "{line}");
    }
    let two = format!("{good}; {ACCESS}={}", bob.tokens.access_token);
    let request = app.client().request(Method::GET, "/me").header("cookie", two);
    app.client().send(request).await.expect(400);
    // In the query it was never asked for.
    let in_query = format!("/me?access_token={}", ada.tokens.access_token);
    app.client().get(&in_query).await.expect(401);
}

async fn a_new_password_goes_on_in_cookies(setup: Setup) {
    let app = start(setup).await;
    let (_, mut browser) = logged_in(&app, "ada").await;
    let before = browser.cookies[ACCESS].clone();
    let body = json!({"current_password": PASSWORD, "new_password": "another horse 8 battery"});
    let answer = browser
        .json(Method::POST, "/me/password", &body)
        .await
        .expect(200);
    assert_eq!(answer.json()["token_type"], "cookie");
    assert_ne!(browser.cookies[ACCESS], before);
    browser.get("/me").await.expect(200);
    browser.post("/auth/refresh").await.expect(200);
}

async fn a_device_is_known_by_its_cookie(setup: Setup) {
    let setup = setup
        .limited()
        .env("PORTCULLIS_LIMITS__LOGIN_PER_ADDRESS", "1000/minute")
        .env("PORTCULLIS_LIMITS__LOGIN_PER_ACCOUNT", "2/minute");
    let app = start(setup).await;
    let (ada, mut browser) = logged_in(&app, "ada").await;
    let mut stranger = Browser::new(app.client());
    let wrong = json!({"email": ada.email, "password": "wrong wrong wrong"});
    for _ in 0..3 {
        stranger.json(Method::POST, "/auth/login", &wrong).await;
    }
    stranger
        .json(Method::POST, "/auth/login", &wrong)
        .await
        .expect(429);
    browser.post("/auth/logout").await.expect(200);
    browser.csrf_token = None;
    browser.login(&ada.email, PASSWORD).await;
}

async fn a_page_that_lost_its_token_gets_it_again(setup: Setup) {
    let app = start(setup).await;
    let (_, mut browser) = logged_in(&app, "ada").await;
    let had = browser.csrf_token.take();
    let answer = browser.get("/auth/csrf").await.expect(200);
    assert_eq!(answer.json(), json!({"csrf_token": had}));
    browser.cookies.remove("csrf_token");
    let answer = browser.get("/auth/csrf").await.expect(200);
    assert_ne!(answer.json()["csrf_token"].as_str(), had.as_deref());
    browser.csrf_token = answer.json()["csrf_token"].as_str().map(ToOwned::to_owned);
    browser.post("/auth/refresh").await.expect(200);
    // Before login it is bound to the browser, and no good for a session.
    let mut nobody = Browser::new(app.client());
    let answer = nobody.get("/auth/csrf").await.expect(200);
    browser.csrf_token = answer.json()["csrf_token"].as_str().map(ToOwned::to_owned);
    expect_csrf_failed(browser.post("/auth/refresh").await);
}

async fn names_and_manners_are_configured(setup: Setup) {
    let setup = setup
        .env("PORTCULLIS_COOKIES__NAME", "acme")
        .env("PORTCULLIS_COOKIES__SAME_SITE", "strict")
        .env("PORTCULLIS_CORS__ORIGINS", "https://app.example.com");
    let app = start(setup).await;
    let ada = app.register("ada").await;
    let mut browser = Browser::new(app.client());
    let answer = browser.login(&ada.email, PASSWORD).await;
    for line in browser::lines(&answer) {
        assert!(line.ends_with("; SameSite=Strict"), "{line}");
        assert!(
            line.starts_with("__Host-") || line.starts_with("csrf_token="),
            "{line}"
        );
    }
    assert!(browser.cookies.contains_key("__Host-acme-access"));
    browser.get("/me").await.expect(200);
    // A page that CORS lets in may act, with the token.
    let page = |browser: &Browser| {
        browser
            .own(Method::POST, "/auth/refresh")
            .header("origin", "https://app.example.com")
    };
    let mut from_page = browser.clone();
    let mut request = page(&from_page).build().unwrap();
    request
        .headers_mut()
        .insert("origin", "https://app.example.com".parse().unwrap());
    request
        .headers_mut()
        .insert("sec-fetch-site", "same-site".parse().unwrap());
    let http = reqwest::Client::new();
    let answer = http.execute(request.try_clone().unwrap()).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(
        answer.headers()["access-control-allow-origin"],
        "https://app.example.com"
    );
    request
        .headers_mut()
        .insert("origin", "https://other.example.com".parse().unwrap());
    assert_eq!(http.execute(request).await.unwrap().status(), 403);
    from_page.get("/me").await.expect(200);
}

async fn on_this_machine_names_are_plain(setup: Setup) {
    let app = start(setup.env("PORTCULLIS_TOKEN__ISSUER", "http://localhost:8000")).await;
    let ada = app.register("ada").await;
    let mut browser = Browser::new(app.client());
    let answer = browser.login(&ada.email, PASSWORD).await;
    for line in browser::lines(&answer) {
        assert!(!line.contains("Secure") && !line.contains("__Host-"), "{line}");
    }
    assert!(browser.cookies.contains_key("portcullis-access"));
    browser.get("/me").await.expect(200);
    browser.post("/auth/logout").await.expect(200);
}
