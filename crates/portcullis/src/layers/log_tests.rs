//! What the log says of a request, and what it must not.

use std::{
    io,
    sync::{Arc, Mutex},
};

use axum::{body::Body, extract::Request, response::Response};
use http::request::Parts;
use portcullis_core::{
    access::Principal,
    clock::{MovableClock, Timestamp},
    id::{SessionId, TokenId, UserId},
    rng::SystemRng,
    token::VerifiedToken,
};
use serde_json::Value;
use tower::{Layer, ServiceExt};
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt::MakeWriter;
use uuid::Uuid;

use super::{Edge, EdgeConfig};
use crate::{
    access::{Allow, LocalUser},
    gate::Gate,
    provider::{AuthError, AuthProvider, bearer},
    routing::post,
};

crate::roles! { enum Role { Admin = "admin" } }

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;
    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

struct Anyone;

impl AuthProvider for Anyone {
    type User = LocalUser;
    async fn authenticate(&self, parts: &Parts) -> Result<LocalUser, AuthError> {
        bearer(parts)?;
        let at = Timestamp::from_unix_seconds(0);
        let principal = Principal {
            user: UserId::from_uuid(Uuid::from_u128(7)),
            session: SessionId::from_uuid(Uuid::nil()),
            token: TokenId::from_uuid(Uuid::nil()),
            roles: vec!["viewer".parse().unwrap()],
            scopes: vec!["tasks:read".parse().unwrap()],
            narrowed: false,
            issued_at: at,
            expires_at: at,
            token_epoch: 0,
            session_epoch: 0,
            roles_epoch: 0,
        };
        Ok(LocalUser::detached(Arc::new(VerifiedToken {
            principal: Arc::new(principal),
            kid: "1".into(),
        })))
    }
}

async fn logged(request: Request) -> (Response, Vec<Value>) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .finish();
    let router = Gate::new(Anyone)
        .route("/users/{id}", post(async |_: Allow<Admin>| "ok"))
        .into_router()
        .unwrap();
    let edge = Edge::new(
        EdgeConfig::default(),
        Arc::new(MovableClock::default()),
        &SystemRng,
    );
    let response = edge
        .layer(router)
        .oneshot(request)
        .with_subscriber(subscriber)
        .await
        .unwrap();
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for secret in ["sesame", "hunter2", "4711"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    (
        response,
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

fn request() -> http::request::Builder {
    Request::post("/users/4711?access_key=hunter2").header("cookie", "a=hunter2")
}

#[tokio::test]
async fn a_denied_request_says_who_has_what_and_needs_what() {
    let request = request()
        .header("authorization", "Bearer sesame")
        .body(Body::from("hunter2"))
        .unwrap();
    let (response, lines) = logged(request).await;
    assert_eq!(response.status(), 403);
    let denied: Vec<&Value> = lines
        .iter()
        .filter(|line| line["fields"]["message"] == "auth.denied")
        .collect();
    assert_eq!(denied.len(), 1, "{lines:?}");
    let fields = &denied[0]["fields"];
    assert_eq!(fields["user"], Uuid::from_u128(7).to_string());
    assert_eq!(
        (&fields["has_roles"], &fields["has_scopes"]),
        (&"viewer".into(), &"tasks:read".into())
    );
    assert_eq!(fields["needs"], "role admin");
    assert_eq!(
        (&fields["method"], &fields["route"]),
        (&"POST".into(), &"/users/{id}".into())
    );
    // The line belongs to the request whose id the client was told.
    assert_eq!(
        denied[0]["span"]["id"],
        response.headers()["x-request-id"].to_str().unwrap()
    );
}

#[tokio::test]
async fn each_request_is_one_line_by_its_route() {
    let (response, lines) = logged(request().body(Body::from("hunter2")).unwrap()).await;
    assert_eq!(response.status(), 401);
    assert_eq!(lines.len(), 1, "{lines:?}");
    let fields = &lines[0]["fields"];
    assert_eq!(fields["message"], "answered");
    assert_eq!(
        (&fields["method"], &fields["route"]),
        (&"POST".into(), &"/users/{id}".into())
    );
    assert_eq!(
        (&fields["status"], &fields["address"]),
        (&401.into(), &"0.0.0.0".into())
    );
    assert!(fields["duration_us"].is_number());
    assert_eq!(
        lines[0]["span"]["id"],
        response.headers()["x-request-id"].to_str().unwrap()
    );

    let nowhere = Request::get("/hunter2/4711").body(Body::empty()).unwrap();
    let (response, lines) = logged(nowhere).await;
    assert_eq!(
        (response.status().as_u16(), &lines[0]["fields"]["route"]),
        (404, &"-".into())
    );
}
