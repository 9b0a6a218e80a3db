//! What an application states by types of its own, and what it learns of who calls.

use std::net::SocketAddr;

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts, Request},
};
use http::request::Parts;
use http_body_util::BodyExt as _;
use portcullis::{
    Gate, Public, Routes,
    access::{Access, AnyUser, DeclaresAccess, EnforcedWith, Requirement},
    api::ByCaller,
    layers::Edge,
    routing::get,
};
use tower::ServiceExt as _;

use crate::{Nobody, call};

/// Demands a role and forgets to demand credentials.
struct Careless;

impl DeclaresAccess for Careless {
    type User = AnyUser;
    fn access() -> Access {
        Access {
            requirement: Requirement::Role("admin"),
            ..Access::public()
        }
    }
}

impl<S> EnforcedWith<S> for Careless {}

impl<S: Send + Sync> FromRequestParts<S> for Careless {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self)
    }
}

#[tokio::test]
async fn who_demands_a_role_demands_credentials() {
    let gate = Gate::<()>::new(Nobody)
        .route("/own", get(async |_: Careless| "in"))
        .merge(
            Routes::new()
                .route("/group", get(async |_: Public| "in"))
                .demanding::<Careless>(),
        );
    assert!(
        gate.access_table()
            .rows()
            .iter()
            .all(portcullis::gate::AccessRow::is_guarded)
    );
    let app = gate.into_router().unwrap();
    for path in ["/own", "/group"] {
        assert_eq!(call(&app, "GET", path, None).await.0, 401, "{path}");
        assert_eq!(call(&app, "GET", path, Some("junk")).await.0, 401, "{path}");
    }
}

#[tokio::test]
async fn a_handler_of_the_application_knows_from_where_it_is_called() {
    let address = async |_: Public, ByCaller(caller): ByCaller| format!("{:?}", caller.address);
    let app = Gate::<()>::new(Nobody)
        .route("/", get(address))
        .into_router()
        .unwrap();
    for (app, peer, expected) in [
        (app.clone(), Some("192.0.2.7:5000"), "Some(192.0.2.7)"),
        (
            app.clone().layer(Edge::default()),
            Some("192.0.2.7:5000"),
            "Some(192.0.2.7)",
        ),
        // All of whom nothing is known share one address, and so its limits.
        (app, None, "Some(0.0.0.0)"),
    ] {
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        if let Some(peer) = peer {
            request
                .extensions_mut()
                .insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        }
        let answer = app.oneshot(request).await.unwrap().into_body();
        assert_eq!(answer.collect().await.unwrap().to_bytes(), expected);
    }
}
