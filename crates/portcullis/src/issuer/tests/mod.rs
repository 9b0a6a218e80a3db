//! From outside: an issuer that may be hostile, and a gate that takes its tokens.

mod discovery;
mod hostile;
mod opaque;
mod static_keys;
mod tls;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::stream;
use http::{StatusCode, header};
use portcullis_core::{
    clock::{Clock, MovableClock},
    key::SigningKey,
    token::Algorithm,
};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::{Allow, CurrentUser, Gate, routing::get};

const AUDIENCE: &str = "https://api.example";

crate::roles! { pub enum Role { Admin = "admin", Editor = "editor" } Admin > Editor; }
crate::scopes! { Read = "tasks:read": "Read tasks"; }

/// One who signs, by one name for each of its keys.
struct Signer {
    key: SigningKey,
    kid: String,
}

impl Signer {
    fn new(algorithm: Algorithm) -> Self {
        let key = SigningKey::generate(algorithm).unwrap();
        let kid = key.kid().to_string();
        Self { key, kid }
    }

    fn jwks(&self) -> Value {
        let mut jwk = self.key.public_jwk().unwrap();
        jwk.insert("kid".to_owned(), json!(self.kid));
        json!({ "keys": [jwk] })
    }

    fn set(&self) -> JwkSet {
        JwkSet::published(self.jwks().to_string().as_bytes()).unwrap()
    }

    fn sign(&self, claims: &Value) -> String {
        let header = json!({ "alg": self.key.algorithm().as_str(), "kid": self.kid, "typ": "JWT" });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.key.sign(signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A good token, for a day and a half.
    fn token(&self, issuer: &str, more: Value) -> String {
        let exp = MovableClock::default().now().unix_seconds() + 130_000;
        let mut claims = json!({ "iss": issuer, "aud": AUDIENCE, "sub": "ada", "exp": exp });
        if let (Some(claims), Value::Object(more)) = (claims.as_object_mut(), more) {
            claims.extend(more);
        }
        self.sign(&claims)
    }
}

/// What the stand-in does to whoever asks for its keys.
#[derive(Clone)]
enum Mode {
    Keys(Value, &'static str),
    Hang,
    /// Hundred megabytes.
    Huge,
    Redirect(String),
    Text(&'static str),
    Status(StatusCode),
}

struct Shared {
    mode: Mutex<Mode>,
    description: Mutex<Option<Value>>,
    fetches: AtomicUsize,
    /// What it says of any token.
    says: Mutex<Response>,
    /// What it was asked about tokens: the header and the form.
    asked: Mutex<Vec<(String, String)>>,
    /// The token about which alone it says anything.
    hangs_but_for: Mutex<Option<&'static str>>,
}

/// An issuer in this process.
struct StandIn {
    url: String,
    shared: Arc<Shared>,
}

impl StandIn {
    async fn start(mode: Mode) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            mode: Mutex::new(mode),
            description: Mutex::new(Some(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }))),
            fetches: AtomicUsize::new(0),
            says: Mutex::new(StatusCode::NOT_FOUND.into_response()),
            asked: Mutex::default(),
            hangs_but_for: Mutex::default(),
        });
        let app = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, shared }
    }

    async fn good(signer: &Signer) -> Self {
        Self::start(Mode::Keys(signer.jwks(), "max-age=300")).await
    }

    fn becomes(&self, mode: Mode) {
        *self.shared.mode.lock().unwrap() = mode;
    }

    /// How often it was asked for its keys.
    fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::SeqCst)
    }

    fn issuer(&self) -> Issuer {
        Issuer::discover(self.url.as_str())
            .audience(AUDIENCE)
            .allow_private_addresses()
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/.well-known/") {
        let description = shared.description.lock().unwrap().clone();
        return match description {
            Some(description) => axum::Json(description).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    if path == "/introspect" {
        let authorization = request.headers()[header::AUTHORIZATION]
            .to_str()
            .unwrap()
            .to_owned();
        let form = axum::body::to_bytes(request.into_body(), 10_000).await.unwrap();
        let form = String::from_utf8(form.to_vec()).unwrap();
        let hangs_but_for = *shared.hangs_but_for.lock().unwrap();
        let hangs = hangs_but_for.is_some_and(|token| !form.contains(token));
        shared.asked.lock().unwrap().push((authorization, form));
        if hangs {
            std::future::pending::<()>().await;
        }
        return std::mem::take(&mut *shared.says.lock().unwrap());
    }
    if path == "/moved" {
        return axum::Json(Signer::new(Algorithm::ES256).jwks()).into_response();
    }
    shared.fetches.fetch_add(1, Ordering::SeqCst);
    let mode = shared.mode.lock().unwrap().clone();
    match mode {
        Mode::Keys(keys, kept) => ([(header::CACHE_CONTROL, kept)], axum::Json(keys)).into_response(),
        Mode::Hang => std::future::pending().await,
        Mode::Huge => {
            let chunk = Bytes::from(vec![b' '; 1 << 20]);
            let chunks = stream::iter((0..100).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
            Body::from_stream(chunks).into_response()
        }
        Mode::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Mode::Text(text) => text.into_response(),
        Mode::Status(status) => status.into_response(),
    }
}

fn app(remote: Remote) -> Router {
    Gate::<(), _>::new(remote)
        .route(
            "/me",
            get(async |user: CurrentUser<RemoteUser>| user.subject.clone()),
        )
        .route("/editors", get(async |_: Allow<Editor, RemoteUser>| ()))
        .route("/tasks", get(async |_: Allow<Read, RemoteUser>| ()))
        .into_router()
        .unwrap()
}

async fn ask(app: &Router, path: &str, token: &str) -> StatusCode {
    let request = Request::get(path)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    app.clone().oneshot(request).await.unwrap().status()
}

/// A token of which only the header is looked at.
fn with_kid(issuer: &str, kid: &str) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(json!({ "alg": "ES256", "kid": kid }));
    let claims = part(json!({ "iss": issuer, "aud": AUDIENCE, "sub": "eve", "exp": 4_000_000_000_u64 }));
    format!("{header}.{claims}.{}", URL_SAFE_NO_PAD.encode([7; 64]))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
