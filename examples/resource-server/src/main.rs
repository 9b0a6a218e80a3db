//! A service whose callers log in elsewhere: Keycloak, or any issuer of tokens.

use std::{env, error::Error, net::SocketAddr};

use axum::http::StatusCode;
use portcullis::{
    Gate, Public,
    input::Json,
    issuer::{ClaimRules, Issuer, Remote, RemoteUser},
    layers::Edge,
    openapi::Documentation,
    routing::get,
};
use tokio::net::TcpListener;

portcullis::roles! {
    pub enum Role { Admin = "admin": "Runs the place", Editor = "editor": "Writes reports" }
    Admin > Editor;
}
portcullis::scopes! { pub Read = "reports:read": "Read reports"; }

/// Callers are all of one type here.
type Allow<P> = portcullis::Allow<P, RemoteUser>;
type CurrentUser = portcullis::CurrentUser<RemoteUser>;

async fn health(_: Public) -> &'static str {
    "ok"
}

async fn me(user: CurrentUser) -> Json<(String, Vec<String>)> {
    Json((user.subject.clone(), user.roles.clone()))
}

async fn list(_: Allow<Read>) -> Json<[&'static str; 2]> {
    Json(["On gates", "On hinges"])
}

async fn write(_: Allow<Editor>) -> StatusCode {
    StatusCode::CREATED
}

async fn delete(_: Allow<Admin>) -> StatusCode {
    StatusCode::NO_CONTENT
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = env::var("ISSUER").map_err(|_| "set ISSUER, as https://idp.example/realms/app")?;
    let issuer = Issuer::discover(issuer)
        .audience("reports")
        .claims(ClaimRules::keycloak("reports"))
        .roles::<Role>();
    // While this is written, the issuer runs on the same machine.
    #[cfg(debug_assertions)]
    let issuer = issuer.allow_private_addresses();
    let auth = Remote::builder().issuer(issuer).connect().await?;

    let app = Gate::new(auth)
        .route("/health", get(health))
        .route("/me", get(me))
        .route("/reports", get(list).post(write).delete(delete))
        .documented(Documentation::new("Reports", "1.0.0"))
        .into_router()?
        .layer(Edge::default());

    let address = env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
