//! The same application in FastAPI (`bench/peers/fastapi`): it does the same, and has more lines.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a panic is how a test fails; ./test says in the environment where the peer's Python is"
)]

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use portcullis_testkit::server::{Example, Process};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

const SECRETS: [(&str, &str); 2] = [
    ("ADMIN_PASSWORD", "correct-horse"),
    ("JWT_SECRET", "a secret of 32 bytes, or of some more"),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// What an application answers to somebody.
struct Caller {
    http: Client,
    url: String,
    token: Option<String>,
}

impl Caller {
    fn nobody(url: &str) -> Self {
        Self {
            http: Client::new(),
            url: url.to_owned(),
            token: None,
        }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn send(&self, request: RequestBuilder, expected: u16) -> Response {
        let response = request.send().await.unwrap();
        assert_eq!(
            response.status().as_u16(),
            expected,
            "{} at {}",
            response.url(),
            self.url
        );
        response
    }

    async fn get(&self, path: &str, expected: u16) -> Response {
        self.send(self.request(Method::GET, path), expected).await
    }

    async fn post(&self, path: &str, body: &Value, expected: u16) -> Response {
        self.send(self.request(Method::POST, path).json(body), expected)
            .await
    }

    async fn login(&self, email: &str, password: &str, expected: u16) -> Response {
        let form = [("username", email), ("password", password)];
        self.send(self.request(Method::POST, "/auth/login").form(&form), expected)
            .await
    }

    async fn logged_in(&self, email: &str, password: &str) -> Self {
        let answer = json(self.login(email, password, 200).await).await;
        assert_eq!(
            (&answer["token_type"], &answer["expires_in"]),
            (&json!("bearer"), &json!(900))
        );
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self {
            http: self.http.clone(),
            url: self.url.clone(),
            token: Some(token),
        }
    }
}

async fn json(response: Response) -> Value {
    response.json().await.unwrap()
}

/// All that both have.
async fn walk(url: &str) {
    let nobody = Caller::nobody(url);
    let draft = json!({"title": "On gates", "body": "They open."});
    let new = |password: &str| json!({"email": "ada@example.com", "name": "Ada", "password": password});

    nobody.post("/auth/register", &new("short"), 422).await;
    nobody.post("/auth/register", &new("battery-staple"), 201).await;
    nobody.post("/auth/register", &new("battery-staple"), 409).await;
    for (email, password) in [
        ("ada@example.com", "correct-horse"),
        ("eva@example.com", "battery-staple"),
    ] {
        let refused = nobody.login(email, password, 401).await;
        assert!(
            refused.headers()["www-authenticate"]
                .to_str()
                .unwrap()
                .starts_with("Bearer")
        );
    }

    let ada = nobody.logged_in("ada@example.com", "battery-staple").await;
    let me = json(ada.get("/me", 200).await).await;
    assert_eq!(
        (&me["email"], &me["roles"]),
        (&json!("ada@example.com"), &json!(["reader"]))
    );
    nobody.get("/me", 401).await;
    nobody.post("/articles", &draft, 401).await;
    ada.post("/articles", &draft, 403).await;
    ada.get("/admin/users", 403).await;

    let admin = nobody.logged_in("admin@example.com", "correct-horse").await;
    let users = json(admin.get("/admin/users", 200).await).await;
    assert_eq!(users.as_array().unwrap().len(), 2);
    let path = format!("/admin/users/{}", me["id"].as_str().unwrap());
    let change = admin
        .request(Method::PATCH, &path)
        .json(&json!({"roles": ["editor"]}));
    admin.send(change, 200).await;

    let ada = nobody.logged_in("ada@example.com", "battery-staple").await;
    let article = json(ada.post("/articles", &draft, 201).await).await;
    assert_eq!(article["author"], me["id"]);
    assert_eq!(json(nobody.get("/articles", 200).await).await, json!([article]));

    let logout = ada.request(Method::POST, "/auth/logout").send().await.unwrap();
    assert!(logout.status().is_success());
    ada.get("/me", 401).await;
    ada.post("/articles", &draft, 401).await;
    admin.get("/me", 200).await;
}

#[tokio::test]
async fn ours_does_all_of_it() {
    let example = Example::start_with(env!("CARGO_BIN_EXE_articles"), &SECRETS).await;
    walk(example.process.url()).await;
}

#[tokio::test]
async fn the_twin_does_all_of_it() {
    let python = std::env::var("PORTCULLIS_TEST_FASTAPI").unwrap_or_else(|_| {
        panic!("PORTCULLIS_TEST_FASTAPI is not set: run ./test, or export it as $(bench/peers/fastapi/venv)")
    });
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let mut redis = Command::new("redis-server");
    redis
        .args(["--port", "0", "--save", "", "--unixsocket"])
        .arg(&socket)
        .current_dir(folder.path());
    let _redis = Process::until(redis, |line| line.contains("eady to accept").then(String::new)).await;

    let mut twin = Command::new(python);
    twin.args(["-m", "uvicorn", "articles.main:app", "--port", "0"])
        .current_dir(folder.path())
        .envs(SECRETS)
        .env("REDIS_URL", format!("unix://{}", socket.display()))
        .env("PYTHONPATH", repository().join("bench/peers/fastapi"))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let twin = Process::until(twin, |line| {
        let (_, url) = line.split_once("running on ")?;
        Some(url.split(' ').next()?.to_owned())
    })
    .await;
    walk(twin.url()).await;
}

#[test]
fn the_twin_has_three_times_the_lines_of_authentication() {
    let count = Command::new(repository().join("bench/peers/count-lines"))
        .output()
        .unwrap();
    let said = String::from_utf8(count.stdout).unwrap();
    assert!(
        count.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&count.stderr)
    );
    let lines = |of: &str| -> u32 {
        let line = said
            .lines()
            .find(|line| line.starts_with(of))
            .unwrap_or_else(|| panic!("{said}"));
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let (ours, theirs) = (lines("examples/articles"), lines("bench/peers/fastapi/articles"));
    assert!(ours > 20 && theirs >= 3 * ours, "{said}");
}
