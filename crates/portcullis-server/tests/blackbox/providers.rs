//! Sign-in with a provider, from outside: against a provider that says what it is told to say (oauth2-mock-server), against
//! stand-ins for GitHub and Discord, and in real Chromium against a provider that others certified (oidc-provider).

use std::process::Command;

use portcullis_testkit::{
    browser::Browser,
    client::{Answer, Client},
    people::{self, Member, PASSWORD},
    server::{App, Engine, Process, Setup},
};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    clients::{installed, node, root},
    start,
};

on_both!(
    a_sign_in_makes_a_user_and_ends_in_cookies,
    each_wrong_answer_is_refused_with_its_reason_and_nothing_is_made,
    an_answer_is_good_for_one_use_in_one_browser,
    an_answer_of_another_provider_is_no_answer,
    an_address_that_is_taken_is_linked_by_who_is_logged_in,
    a_narrowed_login_makes_no_way_in,
    strangers_leave_no_trace_by_names_that_nobody_has,
    a_code_is_exchanged_once_by_who_began,
    a_logout_at_the_provider_ends_the_session_here,
    github_and_discord_speak_their_dialects,
    check_asks_each_provider,
    groups_of_userinfo_become_roles,
);

/// A program of `tests/clients` that listens.
async fn listening(script: &str) -> Process {
    let mut command = Command::new(installed("PORTCULLIS_TEST_NODE"));
    command.arg(script).current_dir(root().join("tests/clients"));
    Process::of(command).await
}

fn outside() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// A provider that says what it is told to say.
struct Mock {
    _process: Process,
    issuer: String,
    control: String,
}

impl Mock {
    async fn start() -> Self {
        let process = listening("mock-provider.mjs").await;
        let (issuer, control) = process.url().split_once(' ').expect("two URLs");
        let (issuer, control) = (issuer.to_owned(), control.to_owned());
        Self {
            _process: process,
            issuer,
            control,
        }
    }

    async fn told(&self, path: &str, what: &Value) -> Value {
        let answer = outside()
            .post(format!("{}{path}", self.control))
            .json(what)
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// What the next answers say.
    async fn says(&self, what: Value) {
        self.told("/next", &what).await;
    }

    /// Whoever it signs in next.
    async fn is(&self, subject: &str, email: &str) {
        self.says(json!({"claims": {"sub": subject, "email": email, "email_verified": true, "name": "Ada"}}))
            .await;
    }
}

fn with_provider(setup: Setup, name: &str, values: &[(&str, &str)]) -> Setup {
    values.iter().fold(setup, |setup, (key, value)| {
        setup.env(&format!("PORTCULLIS_PROVIDERS__{name}__{key}"), value)
    })
}

fn with_mock(setup: Setup, name: &str, mock: &Mock) -> Setup {
    let values = [
        ("KIND", "oidc"),
        ("ISSUER", mock.issuer.as_str()),
        ("CLIENT_ID", "app"),
        ("ALLOW_PRIVATE_ADDRESSES", "true"),
    ];
    with_provider(setup, name, &values)
}

/// The path and query of a URL.
fn path_of(url: &str) -> String {
    let (_, rest) = url.split_once("://").expect("a URL");
    rest[rest.find('/').expect("a path")..].to_owned()
}

/// Where the browser is sent by the start of a sign-in.
async fn begin(browser: &mut Browser, path: &str) -> String {
    browser.get(path).await.expect(303).header("location").to_owned()
}

/// What the provider sends the browser back to.
async fn at_provider(url: &str) -> String {
    let answer = outside().get(url).send().await.unwrap();
    let location = answer
        .headers()
        .get("location")
        .expect("a redirect")
        .to_str()
        .unwrap()
        .to_owned();
    path_of(&location)
}

async fn sign_in(browser: &mut Browser, provider: &str) -> Answer {
    let location = begin(
        browser,
        &format!("/auth/providers/{provider}/start?return_to=/welcome"),
    )
    .await;
    let back = at_provider(&location).await;
    browser.get(&back).await
}

async fn me(browser: &mut Browser) -> Value {
    browser.get("/me").await.expect(200).json()
}

/// Whether the last refusal in the log has this reason. What is printed arrives a moment after the answer.
async fn logged(app: &App, reason: &str) -> bool {
    for _ in 0..100 {
        let log = app.process.log();
        let line = log.lines().rev().find(|line| line.contains("sign_in.refused"));
        if line.is_some_and(|line| line.contains(&format!("\"reason\":\"{reason}\""))) {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    false
}

async fn users(admin: &Member) -> usize {
    admin
        .client
        .get("/admin/users")
        .await
        .expect(200)
        .json()
        .as_array()
        .unwrap()
        .len()
}

async fn refusals(admin: &Member) -> Vec<Value> {
    // Events without an act are stored in batches.
    for _ in 0..50 {
        let found = admin
            .client
            .get("/admin/audit?kind=sign_in.refused")
            .await
            .expect(200)
            .json();
        let found = found.as_array().unwrap().clone();
        if !found.is_empty() {
            return found;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    Vec::new()
}

async fn a_sign_in_makes_a_user_and_ends_in_cookies(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_mock(setup, "MOCK", &mock)).await;
    let listed = app.client().get("/auth/providers").await.expect(200).json();
    assert_eq!(
        listed,
        json!([{"id": "mock", "name": "Mock", "start": "/auth/providers/mock/start"}])
    );

    mock.is("s-1", "ada@example.com").await;
    let mut browser = Browser::new(app.client());
    let location = begin(&mut browser, "/auth/providers/mock/start?return_to=/welcome").await;
    for part in [
        "response_type=code",
        "code_challenge_method=S256",
        "scope=openid%20email%20profile",
        "&state=",
        "&nonce=",
    ] {
        assert!(location.contains(part), "{location}");
    }
    assert!(
        location
            .contains("redirect_uri=https%3A%2F%2Fauth.example.test%2Fauth%2Fproviders%2Fmock%2Fcallback"),
        "{location}"
    );
    let back = at_provider(&location).await;
    let answer = browser.get(&back).await.expect(303);
    assert_eq!(answer.header("location"), "/welcome");
    let ada = me(&mut browser).await;
    assert_eq!(
        (&ada["email"], &ada["name"]),
        (&json!("ada@example.com"), &json!("Ada"))
    );
    assert!(
        !browser.cookies.keys().any(|name| name.ends_with("sign-in")),
        "{:?}",
        browser.cookies
    );

    // Another browser, the same person.
    let mut other = Browser::new(app.client());
    mock.is("s-1", "renamed@example.com").await;
    sign_in(&mut other, "mock").await.expect(303);
    assert_eq!(me(&mut other).await["id"], ada["id"]);
    // What has no own path is not returned to.
    for bad in ["https://evil.example/", "//evil.example", "/%5Cevil.example"] {
        other
            .get(&format!("/auth/providers/mock/start?return_to={bad}"))
            .await
            .expect(422);
    }
    other.get("/auth/providers/nobody/start").await.expect(404);
}

async fn each_wrong_answer_is_refused_with_its_reason_and_nothing_is_made(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_mock(setup, "MOCK", &mock)).await;
    let admin = app.admin().await;
    let before = users(&admin).await;
    let good = json!({"sub": "s-1", "email": "ada@example.com", "email_verified": true});
    let claims = |changes: Value| {
        let mut all = good.clone();
        all.as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        json!({"claims": all})
    };
    let forged = |how: &str| json!({"claims": good, "forged": how});
    for (says, reason) in [
        (claims(json!({"iss": "https://other.example"})), "iss"),
        (claims(json!({"aud": "other"})), "aud"),
        (claims(json!({"aud": ["app", "other"]})), "azp"),
        (claims(json!({"azp": "other"})), "azp"),
        (claims(json!({"nonce": "other"})), "nonce"),
        (claims(json!({"nonce": null})), "nonce"),
        (claims(json!({"exp": 1_000})), "expired"),
        (claims(json!({"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"})), "at_hash"),
        (claims(json!({"sub": ""})), "profile"),
        (claims(json!({"email_verified": false})), "email_unverified"),
        (
            json!({"claims": {"sub": "s-1"}, "userinfo": {"sub": "s-1"}}),
            "no_email",
        ),
        (forged("unsigned"), "token"),
        (forged("wrong_key"), "signature"),
        (forged("unknown_key"), "unknown_key"),
        (forged("hs256"), "algorithm"),
        (json!({"answer": {"id_token": null}}), "answer"),
        (json!({"status": 400}), "code_refused"),
        (
            json!({"claims": {"sub": "s-1"}, "userinfo": {"sub": "other", "email": "ada@example.com", "email_verified": true}}),
            "other_subject",
        ),
        (
            json!({"redirect": {"error": "access_denied", "code": null}}),
            "denied",
        ),
    ] {
        mock.says(says.clone()).await;
        let mut browser = Browser::new(app.client());
        let answer = sign_in(&mut browser, "mock").await;
        assert!(
            [400, 403].contains(&answer.status.as_u16()),
            "{says}: {}",
            answer.body
        );
        assert_eq!(answer.json()["error"], reason, "{says}");
        assert!(
            !browser.cookies.keys().any(|name| name.contains("access")),
            "{says}"
        );
        assert!(logged(&app, reason).await, "{says}: {}", app.process.log());
    }
    assert_eq!(users(&admin).await, before);
    let events = refusals(&admin).await;
    assert!(
        events.iter().all(|event| event["detail"]["provider"] == "mock"),
        "{events:?}"
    );
}

/// As `provider.mjs` and the mock are asked: what is wrong with one is said before anybody tries.
async fn check_asks_each_provider(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_mock(setup.clone(), "MOCK", &mock)).await;
    let well = app.command(&["check"], "").await.success();
    let said = format!("{}{}", well.stdout, well.stderr);
    assert!(
        said.contains("https://auth.example.test/auth/providers/mock/callback"),
        "{said}"
    );

    let other = format!("{}/other", mock.issuer);
    let values = [
        ("KIND", "oidc"),
        ("ISSUER", other.as_str()),
        ("CLIENT_ID", "app"),
        ("ALLOW_PRIVATE_ADDRESSES", "true"),
    ];
    let app = start(with_provider(setup, "MOCK", &values)).await;
    let wrong = app.command(&["check"], "").await;
    let said = format!("{}{}", wrong.stdout, wrong.stderr);
    assert!(wrong.code != Some(0) && said.contains("providers.mock"), "{said}");
    // The server goes on without it.
    app.client().get("/auth/providers").await.expect(200);
    app.client().get("/auth/providers/mock/start").await.expect(503);
}

/// Roles follow groups that userinfo alone states, and the archive of an account says by which others one signs in.
async fn groups_of_userinfo_become_roles(setup: Setup) {
    let mock = Mock::start().await;
    let setup = with_provider(
        with_mock(setup, "MOCK", &mock),
        "MOCK",
        &[("ROLES", "groups=operators:admin")],
    );
    let app = start(setup).await;
    app.add_admin("root@example.org").await;
    let claims = json!({"sub": "s-1", "email": "ada@example.com", "email_verified": true});
    let mut browser = Browser::new(app.client());
    for (groups, roles) in [
        (json!(["operators"]), json!(["admin", "user"])),
        (json!([]), json!(["user"])),
    ] {
        mock.says(json!({"claims": claims, "userinfo": {"sub": "s-1", "groups": groups, "email": "victim@example.com"}})).await;
        sign_in(&mut browser, "mock").await.expect(303);
        let found = me(&mut browser).await;
        assert_eq!(
            (&found["roles"], &found["email"]),
            (&roles, &json!("ada@example.com"))
        );
    }
    let archive = browser.get("/me/export").await.expect(200).body;
    let identity = &portcullis_testkit::jwt::claims(&archive)["identities"][0];
    assert_eq!(
        (&identity["subject"], &identity["issuer"]),
        (&json!("s-1"), &json!(mock.issuer))
    );
}

async fn an_answer_is_good_for_one_use_in_one_browser(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_mock(setup, "MOCK", &mock)).await;
    mock.is("s-1", "ada@example.com").await;
    let mut browser = Browser::new(app.client());
    let back = at_provider(&begin(&mut browser, "/auth/providers/mock/start").await).await;

    // Somebody else's browser: none, or one with a sign-in of its own.
    let mut other = Browser::new(app.client());
    assert_eq!(other.get(&back).await.expect(400).json()["error"], "no_flow");
    begin(&mut other, "/auth/providers/mock/start").await;
    assert_eq!(other.get(&back).await.expect(400).json()["error"], "state");
    // Changed on the way.
    let mut changed = browser.clone();
    let cookie = changed
        .cookies
        .iter_mut()
        .find(|(name, _)| name.ends_with("sign-in"))
        .unwrap()
        .1;
    let last = if cookie.ends_with('A') { "B" } else { "A" };
    cookie.replace_range(cookie.len() - 1.., last);
    assert_eq!(changed.get(&back).await.expect(400).json()["error"], "no_flow");

    let mut again = browser.clone();
    browser.get(&back).await.expect(303);
    let redeemed = mock.told("/redeemed", &json!({})).await;
    assert_eq!(again.get(&back).await.expect(400).json()["error"], "replayed");
    assert_eq!(
        mock.told("/redeemed", &json!({})).await,
        redeemed,
        "the code is not even shown to the provider again"
    );
}

async fn an_answer_of_another_provider_is_no_answer(setup: Setup) {
    let (honest, evil) = (Mock::start().await, Mock::start().await);
    let app = start(with_mock(with_mock(setup, "HONEST", &honest), "EVIL", &evil)).await;
    honest.is("s-1", "ada@example.com").await;
    evil.is("s-1", "ada@example.com").await;
    let mut browser = Browser::new(app.client());
    let location = begin(&mut browser, "/auth/providers/honest/start").await;
    // The evil one has the browser go to itself with the state of the honest one, or to its own address.
    let elsewhere = at_provider(&location.replace(&honest.issuer, &evil.issuer)).await;
    let with_iss = format!("{elsewhere}&iss={}", evil.issuer);
    assert_eq!(
        browser.clone().get(&with_iss).await.expect(400).json()["error"],
        "mix_up"
    );
    let at_evil = elsewhere.replace("/honest/", "/evil/");
    assert_eq!(
        browser.clone().get(&at_evil).await.expect(400).json()["error"],
        "state"
    );
    // Subjects of two providers are two people.
    sign_in(&mut browser, "honest").await.expect(303);
    evil.is("s-1", "eve@example.com").await;
    let mut eve = Browser::new(app.client());
    sign_in(&mut eve, "evil").await.expect(303);
    assert_ne!(me(&mut eve).await["id"], me(&mut browser).await["id"]);
    // An email that another has opens nothing.
    evil.is("s-2", "ada@example.com").await;
    assert_eq!(
        sign_in(&mut eve, "evil").await.expect(403).json()["error"],
        "email_taken"
    );
}

async fn an_address_that_is_taken_is_linked_by_who_is_logged_in(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_provider(
        with_mock(setup, "MOCK", &mock),
        "MOCK",
        &[("AUTHORITATIVE", "example.com")],
    ))
    .await;
    let ada = app.register("ada").await;
    mock.is("s-1", &ada.email).await;
    let mut browser = Browser::new(app.client());
    let refused = sign_in(&mut browser, "mock").await.expect(403);
    assert_eq!(
        refused.json()["error"],
        "email_taken",
        "the address may have been registered by another"
    );

    browser.login(&ada.email, PASSWORD).await;
    let begun = browser
        .json(
            Method::POST,
            "/auth/providers/mock/link",
            &json!({"return_to": "/account"}),
        )
        .await
        .expect(200);
    let back = at_provider(begun.json()["location"].as_str().unwrap()).await;
    // Not by a browser in which somebody else is logged in.
    let eve = app.register("eve").await;
    let mut other = Browser::new(app.client());
    other.login(&eve.email, PASSWORD).await;
    let flow = browser.cookies.iter().find(|(name, _)| name.ends_with("sign-in"));
    let (name, value) = flow.map(|(name, value)| (name.clone(), value.clone())).unwrap();
    other.cookies.insert(name, value);
    assert_eq!(
        other.get(&back).await.expect(403).json()["error"],
        "not_logged_in"
    );
    let begun = browser
        .json(Method::POST, "/auth/providers/mock/link", &json!({}))
        .await
        .expect(200);
    let back = at_provider(begun.json()["location"].as_str().unwrap()).await;
    assert_eq!(
        browser.get(&back).await.expect(303).header("location"),
        "/account"
    );
    let linked = browser.get("/me/identities").await.expect(200).json();
    assert_eq!(
        (&linked[0]["provider"], &linked[0]["email"]),
        (&json!("mock"), &json!(ada.email))
    );

    let mut fresh = Browser::new(app.client());
    sign_in(&mut fresh, "mock").await.expect(303);
    assert_eq!(me(&mut fresh).await["id"], json!(ada.id));
    // It is not another's, and goes again.
    let id = linked[0]["id"].as_str().unwrap();
    eve.client
        .delete(&format!("/me/identities/{id}"))
        .await
        .expect(404);
    let request = browser.own(Method::DELETE, &format!("/me/identities/{id}"));
    browser.send(request).await.expect(204);
    fresh.get("/me").await.expect(401);
    assert_eq!(
        sign_in(&mut fresh, "mock").await.expect(403).json()["error"],
        "email_taken"
    );
    // The last way in stays.
    mock.is("s-9", "lonely@example.com").await;
    sign_in(&mut fresh, "mock").await.expect(303);
    fresh.csrf_token = fresh.cookies.get("csrf_token").cloned();
    let only = fresh.get("/me/identities").await.expect(200).json()[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let request = fresh.own(Method::DELETE, &format!("/me/identities/{only}"));
    assert_eq!(
        fresh.send(request).await.expect(409).json()["error"],
        "last_way_in"
    );
}

/// What a token may not do, an account that it links must not do either.
async fn a_narrowed_login_makes_no_way_in(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_mock(setup, "MOCK", &mock)).await;
    let ada = app.register("ada").await;
    let login = json!({"email": ada.email, "password": PASSWORD, "scope": "me"});
    let narrowed = app
        .client()
        .post_json("/auth/login", &login)
        .await
        .expect(200)
        .json();
    let narrowed = app.client().bearer(narrowed["access_token"].as_str().unwrap());
    let link = "/auth/providers/mock/link";
    let refused = narrowed.post_json(link, &json!({})).await.expect(403);
    assert_eq!(refused.json()["error"], "narrowed");
    ada.client.post_json(link, &json!({})).await.expect(200);
}

async fn strangers_leave_no_trace_by_names_that_nobody_has(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_mock(setup.limited(), "MOCK", &mock)).await;
    for _ in 0..3 {
        app.client().get("/auth/providers/nobody/start").await.expect(404);
    }
    let mut statuses = Vec::new();
    for _ in 0..7 {
        let form = [("logout_token", "garbage")];
        let answer = app.client().post_form("/auth/providers/mock/logout", &form).await;
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses[5..], [429, 429], "{statuses:?}");
    // Nor do they spend the logins of a visitor, by pictures in a page that lead to the way back.
    let visitor = Client::from_address(app.process.url(), std::net::Ipv4Addr::new(127, 0, 0, 77).into());
    for _ in 0..10 {
        let back = "/auth/providers/mock/callback?state=x&code=y";
        visitor.get(back).await.expect(400);
    }
    people::login(&visitor, "nobody@example.com", PASSWORD)
        .await
        .expect(401);
    let kept = app
        .command(&["audit", "--kind", "sign_in.refused", "--json"], "")
        .await;
    let kept = kept.success().json();
    assert!(kept.as_array().unwrap().len() <= 5, "{kept}");
    assert!(!kept.to_string().contains("nobody"), "{kept}");
}

async fn a_code_is_exchanged_once_by_who_began(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(
        with_mock(setup, "MOCK", &mock).env("PORTCULLIS_SIGN_IN__REDIRECT_URIS", "com.example.app:/done"),
    )
    .await;
    mock.is("s-1", "ada@example.com").await;
    // RFC 7636, appendix B.
    let (verifier, challenge) = (
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
        "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    );
    let started = |redirect: &str| {
        format!("/auth/providers/mock/start?redirect_uri={redirect}&code_challenge={challenge}&state=mine")
    };
    let mut browser = Browser::new(app.client());
    for bad in [
        "https://evil.example/",
        "com.example.app:/done/",
        "com.example.app:/done?x=1",
    ] {
        assert_eq!(
            browser.get(&started(bad)).await.expect(400).json()["error"],
            "redirect_uri"
        );
    }
    browser
        .get("/auth/providers/mock/start?redirect_uri=com.example.app:/done")
        .await
        .expect(422);

    let code = async |browser: &mut Browser| {
        let location = begin(browser, &started("com.example.app:/done")).await;
        let back = at_provider(&location).await;
        let done = browser.get(&back).await.expect(303).header("location").to_owned();
        let query = done
            .strip_prefix("com.example.app:/done?")
            .expect("back to the application")
            .to_owned();
        assert!(query.ends_with("&state=mine"), "{query}");
        query
            .strip_prefix("code=")
            .unwrap()
            .split('&')
            .next()
            .unwrap()
            .to_owned()
    };
    let exchange = async |code: &str, verifier: &str| {
        app.client()
            .post_json(
                "/auth/providers/token",
                &json!({"code": code, "code_verifier": verifier}),
            )
            .await
    };
    let first = code(&mut browser).await;
    assert!(
        !browser.cookies.keys().any(|name| name.contains("access")),
        "no session in cookies"
    );
    let tokens = exchange(&first, verifier).await.expect(200).json();
    let bearer = app.client().bearer(tokens["access_token"].as_str().unwrap());
    assert_eq!(
        bearer.get("/me").await.expect(200).json()["email"],
        "ada@example.com"
    );
    assert_eq!(
        exchange(&first, verifier).await.expect(400).json()["error"],
        "invalid_grant"
    );
    // A wrong verifier uses it up.
    let second = code(&mut browser).await;
    exchange(&second, &"x".repeat(43)).await.expect(400);
    exchange(&second, verifier).await.expect(400);
    exchange("garbage", verifier).await.expect(400);
}

async fn a_logout_at_the_provider_ends_the_session_here(setup: Setup) {
    let mock = Mock::start().await;
    let app = start(with_mock(setup, "MOCK", &mock)).await;
    mock.says(
        json!({"claims": {"sub": "s-1", "sid": "p-1", "email": "ada@example.com", "email_verified": true}}),
    )
    .await;
    let mut browser = Browser::new(app.client());
    sign_in(&mut browser, "mock").await.expect(303);
    let token = async |claims: Value| {
        mock.told("/logout-token", &claims).await["token"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let logout = async |token: &str| {
        app.client()
            .post_form("/auth/providers/mock/logout", &[("logout_token", token)])
            .await
    };
    for bad in [
        json!({"sid": "p-1", "iss": "https://other.example"}),
        json!({"sid": "p-1", "aud": "other"}),
        json!({"sid": "p-1", "nonce": "n"}),
        json!({"sid": "p-1", "events": null}),
        json!({"sid": "p-1", "jti": null}),
        json!({}),
    ] {
        let refused = logout(&token(bad.clone()).await).await.expect(400);
        assert_eq!(refused.json()["error"], "invalid_request", "{bad}");
    }
    logout(&token(json!({"sid": "another"})).await).await.expect(200);
    me(&mut browser).await;
    let good = token(json!({"sid": "p-1"})).await;
    logout(&good).await.expect(200);
    browser.get("/me").await.expect(401);
    assert_eq!(
        logout(&good).await.expect(400).json()["error_description"],
        "replayed"
    );
    sign_in(&mut browser, "mock").await.expect(303);
    logout(&token(json!({"sub": "s-1"})).await).await.expect(200);
    browser.get("/me").await.expect(401);
}

async fn github_and_discord_speak_their_dialects(setup: Setup) {
    let stand_in = listening("stand-ins.mjs").await;
    let url = stand_in.url();
    let endpoints = [
        format!("{url}/authorize"),
        format!("{url}/token"),
        format!("{url}/user"),
    ];
    let both = ["GITHUB", "DISCORD"].into_iter().fold(setup, |setup, kind| {
        let values = [
            ("KIND", kind.to_lowercase()),
            ("CLIENT_ID", "app".to_owned()),
            ("CLIENT_SECRET", "stand-in-secret".to_owned()),
            ("AUTHORIZATION_URL", endpoints[0].clone()),
            ("TOKEN_URL", endpoints[1].clone()),
            ("USERINFO_URL", endpoints[2].clone()),
            ("ALLOW_PRIVATE_ADDRESSES", "true".to_owned()),
        ];
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
        with_provider(setup, kind, &values)
    });
    let app = start(both).await;
    let come_back = async |browser: &mut Browser, provider: &str, who: &str| {
        let location = begin(browser, &format!("/auth/providers/{provider}/start")).await;
        let back = at_provider(&format!("{location}&as={who}")).await;
        browser.get(&back).await
    };
    for (provider, who, email, name) in [
        ("github", "github-ada", "ada@example.com", "Ada Lovelace"),
        ("discord", "discord-ada", "ada@discord.example", "Ada"),
    ] {
        let mut browser = Browser::new(app.client());
        come_back(&mut browser, provider, who).await.expect(303);
        let found = me(&mut browser).await;
        assert_eq!((&found["email"], &found["name"]), (&json!(email), &json!(name)));
    }
    // An address that is not verified counts for nothing, whatever is shown in public.
    let mut eve = Browser::new(app.client());
    assert_eq!(
        come_back(&mut eve, "github", "github-eve")
            .await
            .expect(403)
            .json()["error"],
        "no_email"
    );
    assert_eq!(
        come_back(&mut eve, "discord", "discord-eve")
            .await
            .expect(403)
            .json()["error"],
        "email_unverified"
    );
    assert_eq!(come_back(&mut eve, "github", "nobody").await.status.as_u16(), 503);
}

/// Against oidc-provider in real Chromium: sign-in, refresh, logout, keys that rotate meanwhile, the provider down and up again.
#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_with_a_certified_provider_in_chromium() {
    let provider = listening("provider.mjs").await;
    let (issuer, control) = provider.url().split_once(' ').expect("two URLs");
    let mut setup = with_provider(
        Setup::new(Engine::Sqlite),
        "IDP",
        &[
            ("KIND", "oidc"),
            ("ISSUER", issuer),
            ("CLIENT_ID", "app"),
            ("CLIENT_SECRET", "provider-secret"),
            ("NAME", "The provider"),
            ("ALLOW_PRIVATE_ADDRESSES", "true"),
        ],
    )
    .env("PORTCULLIS_TOKEN__ACCESS_TTL", "2s");
    // The browser comes back to where the server really is.
    setup.env.retain(|(name, _)| name != "PORTCULLIS_TOKEN__ISSUER");
    let app: App = start(setup).await;
    let ada = app.register("ada").await;
    node(
        "sign-in.mjs",
        &[
            app.process.url(),
            &installed("PORTCULLIS_TEST_CHROMIUM"),
            control,
            &ada.email,
            PASSWORD,
        ],
    )
    .await;
}
