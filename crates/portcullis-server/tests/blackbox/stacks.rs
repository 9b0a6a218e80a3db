//! The services of `docs/stacks`, as the book shows them, in front of and behind the real server. `./test` installs what
//! they need.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use portcullis_testkit::{
    browser::Browser,
    jwt,
    people::{Member, PASSWORD},
    postgres::free_port,
    server::{App, Engine, Process, Setup},
};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    clients::{installed, node, root},
    start,
};

/// A server whose tokens name the URL at which it listens, as verifiers want it.
async fn issuer(algorithm: &str) -> App {
    let mut setup = Setup::new(Engine::Sqlite).env("PORTCULLIS_TOKEN__ALGORITHM", algorithm);
    setup.env.retain(|(name, _)| name != "PORTCULLIS_TOKEN__ISSUER");
    start(setup).await
}

fn stack(name: &str) -> PathBuf {
    root().join("docs/stacks").join(name)
}

fn after(line: &str, words: &str) -> Option<String> {
    let (_, rest) = line.split_once(words)?;
    rest.split(' ').next().map(ToOwned::to_owned)
}

async fn fastapi(issuer: &str) -> Process {
    let mut command = Command::new(installed("PORTCULLIS_TEST_PYTHON"));
    command
        .args(["-m", "uvicorn", "main:app", "--port", "0", "--app-dir"])
        .arg(stack("fastapi"))
        .env("PORTCULLIS_ISSUER", issuer)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("no_proxy", "127.0.0.1");
    Process::until(command, |line| after(line, "Uvicorn running on ")).await
}

/// A copy, since its packages are those of `tests/clients`.
async fn express(folder: &Path, issuer: &str) -> Process {
    fs::copy(stack("express").join("server.js"), folder.join("server.mjs")).unwrap();
    let packages = folder.join("node_modules");
    if !packages.exists() {
        std::os::unix::fs::symlink(root().join("tests/clients/node_modules"), packages).unwrap();
    }
    let mut command = Command::new(installed("PORTCULLIS_TEST_NODE"));
    command
        .arg(folder.join("server.mjs"))
        .env("PORTCULLIS_ISSUER", issuer)
        .env("PORT", "0");
    Process::until(command, |line| after(line, "listening on ")).await
}

async fn get(url: &str, path: &str, token: Option<&str>) -> Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.get(format!("{url}{path}"));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    request.send().await.expect("an answer")
}

fn challenge(answer: &Response) -> &str {
    answer.headers()["www-authenticate"].to_str().unwrap()
}

/// What is no access token of the server, and why.
async fn forgeries(app: &App, ada: &Member) -> Vec<(&'static str, String)> {
    let token = &ada.tokens.access_token;
    let [head, body, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("three parts");
    };
    let swapped = if signature.starts_with('A') { 'B' } else { 'A' };
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let mut claims = jwt::claims(token);
    claims["roles"] = json!(["admin"]);
    let other = issuer("ES256").await;
    let stranger = other.register("eve").await;
    let kid = jwt::decode(token).0["kid"].clone();
    let archive = ada.client.get("/me/export").await.expect(200).body;
    let key = app.client().get("/.well-known/jwks.json").await.body;
    let hmac = json!({"alg": "HS256", "typ": "at+jwt", "kid": kid});
    vec![
        (
            "altered signature",
            format!("{head}.{body}.{swapped}{}", &signature[1..]),
        ),
        (
            "altered claims",
            format!("{head}.{}.{signature}", encode(&claims)),
        ),
        (
            "unsigned",
            format!(
                "{}.{}.",
                encode(&json!({"alg": "none", "typ": "at+jwt"})),
                encode(&claims)
            ),
        ),
        (
            "signed with the public key as a secret",
            format!(
                "{}.{}.{}",
                encode(&hmac),
                encode(&claims),
                BASE64_URL_SAFE_NO_PAD.encode(key)
            ),
        ),
        ("another server's", stranger.tokens.access_token.clone()),
        ("signed by the same key for another use", archive),
        ("refresh token", ada.tokens.refresh_token.clone()),
        ("garbage", "garbage".to_owned()),
    ]
}

/// What each service does with the tokens of `app`.
async fn takes_what_it_should(app: &App, service: &str) {
    let ada = app.register("ada").await;
    let admin = app.admin().await;
    let token = Some(ada.tokens.access_token.as_str());

    let me = get(service, "/me", token).await;
    assert_eq!(me.status(), 200);
    let me: Value = me.json().await.unwrap();
    assert_eq!(me, json!({"id": ada.id, "roles": ["user"], "scope": "me"}));
    let denied = get(service, "/reports", token).await;
    assert_eq!(denied.status(), 403);
    assert_eq!(challenge(&denied), r#"Bearer error="insufficient_scope""#);
    let reports = get(service, "/reports", Some(&admin.tokens.access_token)).await;
    assert_eq!(reports.status(), 200);

    let nobody = get(service, "/me", None).await;
    assert_eq!((nobody.status().as_u16(), challenge(&nobody)), (401, "Bearer"));
    for (what, token) in forgeries(app, &ada).await {
        let answer = get(service, "/me", Some(&token)).await;
        assert_eq!(answer.status(), 401, "{what}");
        assert_eq!(challenge(&answer), r#"Bearer error="invalid_token""#, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_takes_our_tokens_and_no_others() {
    for algorithm in ["ES256", "EdDSA"] {
        let app = issuer(algorithm).await;
        let service = fastapi(app.process.url()).await;
        takes_what_it_should(&app, service.url()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn express_takes_our_tokens_and_no_others() {
    let folder = TempDir::new().unwrap();
    for algorithm in ["ES256", "EdDSA"] {
        let app = issuer(algorithm).await;
        let service = express(folder.path(), app.process.url()).await;
        takes_what_it_should(&app, service.url()).await;
    }
}

/// Not the caller's fault: a good token must not end a session.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_keys_services_say_503() {
    let app = issuer("ES256").await;
    let ada = app.register("ada").await;
    let folder = TempDir::new().unwrap();
    // Nobody accepts what comes here.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let away = format!("http://{}", silent.local_addr().unwrap());
    drop(silent);
    for service in [fastapi(&away).await, express(folder.path(), &away).await] {
        let answer = get(service.url(), "/me", Some(&ada.tokens.access_token)).await;
        assert_eq!(answer.status(), 503);
        assert_eq!(answer.headers()["retry-after"], "5");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_alone_leads_to_the_keys() {
    for algorithm in ["ES256", "EdDSA", "RS256", "PS256"] {
        let app = issuer(algorithm).await;
        let ada = app.register("ada").await;
        node(
            "discover.mjs",
            &[app.process.url(), &ada.tokens.access_token, &ada.id],
        )
        .await;
    }
}

/// nginx with the configuration of the book, at addresses of this test, and an application that says what reached it.
async fn nginx(folder: &Path, portcullis: &str) -> (Process, String) {
    let (front, behind) = (free_port(), free_port());
    let portcullis = portcullis.strip_prefix("http://").unwrap();
    let conf = fs::read_to_string(stack("nginx").join("portcullis.conf")).unwrap();
    let conf = conf
        .replace("127.0.0.1:8000", portcullis)
        .replace("127.0.0.1:3000", &format!("127.0.0.1:{behind}"))
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{front}"));
    fs::write(folder.join("portcullis.conf"), conf).unwrap();
    for name in ["portcullis-ask.inc", "portcullis-forward.inc"] {
        fs::copy(stack("nginx").join(name), folder.join(name)).unwrap();
    }
    let place = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|what| format!("{what}_temp_path {place}/{what};\n"))
        .concat();
    let main = format!(
        "daemon off; master_process off; pid {place}/pid; error_log stderr notice;\nevents {{}}\nhttp {{\n\
         access_log off;\n{temporary}include portcullis.conf;\nserver {{ listen 127.0.0.1:{behind}; location / {{ return 200 \
         '$request_method $uri user=$http_remote_user groups=$http_remote_groups scopes=$http_remote_scopes token=$http_authorization \
         cookie=$http_cookie'; }} }}\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), main).unwrap();
    let mut command = Command::new(installed("PORTCULLIS_TEST_NGINX"));
    command
        .args(["-e", "stderr", "-p"])
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"));
    // Said once its sockets are open.
    let process = Process::until(command, |line| {
        line.contains("getrlimit").then(|| "nginx".to_owned())
    })
    .await;
    (process, format!("http://127.0.0.1:{front}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_lets_in_and_keeps_out() {
    let app = issuer("ES256").await;
    let ada = app.register("ada").await;
    let admin = app.admin().await;
    let folder = TempDir::new().unwrap();
    let (_nginx, front) = nginx(folder.path(), app.process.url()).await;

    let nobody = get(&front, "/tasks", None).await;
    assert_eq!(nobody.status(), 401);
    assert_eq!(challenge(&nobody), r#"Bearer realm="portcullis""#);
    for (what, token) in forgeries(&app, &ada).await {
        assert_eq!(get(&front, "/tasks", Some(&token)).await.status(), 401, "{what}");
    }

    // What a client makes up does not reach the application, nor what it logs in with.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = client
        .post(format!("{front}/tasks"))
        .bearer_auth(&ada.tokens.access_token)
        .header("Remote-User", "root")
        .header("Remote-Groups", "admin")
        .header("Remote-Scopes", "admin")
        .body("a task");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let told = answer.text().await.unwrap();
    assert_eq!(
        told,
        format!("POST /tasks user={} groups=user scopes=me token= cookie=", ada.id)
    );

    let token = Some(ada.tokens.access_token.as_str());
    assert_eq!(get(&front, "/admin-area/x", token).await.status(), 403);
    let let_in = get(&front, "/admin-area/x", Some(&admin.tokens.access_token)).await;
    assert_eq!(let_in.status(), 200);
    // Nobody asks the server past nginx.
    assert_eq!(get(&front, "/portcullis/anyone", token).await.status(), 404);

    ada.client.post("/auth/logout").await.expect(200);
    assert_eq!(get(&front, "/tasks", token).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_keeps_out_what_other_sites_make_a_browser_send() {
    let app = issuer("ES256").await;
    let ada = app.register("ada").await;
    let folder = TempDir::new().unwrap();
    let (_nginx, front) = nginx(folder.path(), app.process.url()).await;
    // Logged in through nginx: one host for the pages and the server.
    let mut browser = Browser::new(app.client().at(&front));
    browser.login(&ada.email, PASSWORD).await;

    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let send = async |method: Method, site: &str, claimed: Option<&str>| {
        let cookies: Vec<String> = browser
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut request = client
            .request(method, format!("{front}/tasks"))
            .header("cookie", cookies.join("; "))
            .header("sec-fetch-site", site);
        if let Some(claimed) = claimed {
            request = request
                .header("x-original-method", claimed)
                .header("x-forwarded-method", claimed);
        }
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(send(Method::GET, "same-origin", None).await, 200);
    assert_eq!(send(Method::POST, "same-origin", None).await, 200);
    assert_eq!(send(Method::GET, "cross-site", None).await, 200);
    assert_eq!(send(Method::POST, "cross-site", None).await, 403);
    assert_eq!(send(Method::DELETE, "cross-site", Some("GET")).await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_answer_nginx_lets_nobody_in() {
    let mut app = issuer("ES256").await;
    let ada = app.register("ada").await;
    let folder = TempDir::new().unwrap();
    let (_nginx, front) = nginx(folder.path(), app.process.url()).await;
    let token = Some(ada.tokens.access_token.as_str());
    assert_eq!(get(&front, "/tasks", token).await.status(), 200);
    app.process.kill();
    assert_eq!(get(&front, "/tasks", token).await.status(), 500);
}
