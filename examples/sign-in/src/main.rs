//! Sign-in with a provider of OpenID Connect. Users, sessions and pages are the application's own.

mod sessions;

use std::{error::Error, net::SocketAddr};

use axum::{
    extract::{FromRef, State},
    http::{HeaderMap, StatusCode, request::Parts},
    response::{Html, IntoResponse, Redirect, Response},
};
use portcullis::{
    Gate, Problem, Public, auth_provider, authenticated,
    cookie::{Cookie, CookieScheme},
    core::{key::BoundTokens, rng::SystemRng},
    csrf::{Csrf, CsrfToken},
    input::{Path, Query},
    layers::Edge,
    provider::AuthError,
    routing::{get, post},
    secret,
    sign_in::{CallbackQuery, Provider, SignIn, SignInFailure},
};
use tokio::net::TcpListener;

use sessions::{Person, Sessions};

#[derive(Clone, FromRef)]
struct App {
    sign_in: SignIn,
    sessions: Sessions,
    session: Cookie,
}

/// Who calls: by the cookie of a session that goes on.
#[auth_provider]
async fn current_person(parts: &Parts, State(app): State<App>) -> Result<Person, AuthError> {
    let id = app.session.read(&parts.headers).ok().flatten();
    let id = id.ok_or(AuthError::Missing)?;
    app.sessions
        .person(id)
        .ok_or_else(|| AuthError::invalid("the session is over"))
}

async fn welcome(_: Public) -> Html<&'static str> {
    Html("<!doctype html><title>Notes</title><a href=\"/auth/providers/idp/start\">Sign in</a>")
}

#[authenticated]
async fn home(person: Person, csrf: CsrfToken) -> Html<String> {
    Html(format!(
        "<!doctype html><title>Notes</title>{} of {}<form method=post action=/logout>{}<button>Log out</button></form>",
        escaped(&person.subject),
        escaped(&person.issuer),
        csrf.field()
    ))
}

async fn start(_: Public, State(app): State<App>, Path(id): Path<String>) -> Result<Response, Problem> {
    let (cookie, location) = app
        .sign_in
        .begin(&id, &"/home")
        .await
        .map_err(|failure| refused(&failure))?;
    Ok((cookie, Redirect::to(&location)).into_response())
}

async fn callback(
    _: Public,
    State(app): State<App>,
    Path(id): Path<String>,
    Query(query): Query<CallbackQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = app
        .sign_in
        .finish::<String>(&id, &headers, query)
        .await
        .map_err(|failure| refused(&failure))?;
    // Issuer and subject together say who it is; an email never does.
    let person = Person {
        issuer: who.profile.issuer,
        subject: who.profile.subject,
    };
    let (id, set) = app.session.set_session(&SystemRng);
    app.sessions.begin(&id, person);
    Ok((set, app.sign_in.forget(), Redirect::to(&who.carried)).into_response())
}

#[authenticated]
async fn logout(_: Person, State(app): State<App>, headers: HeaderMap) -> Response {
    if let Ok(Some(id)) = app.session.read(&headers) {
        app.sessions.end(id);
    }
    (app.session.clear_session(), Redirect::to("/")).into_response()
}

fn refused(failure: &SignInFailure) -> Problem {
    eprintln!("no sign-in: {}: {failure}", failure.reason());
    Problem::new(StatusCode::FORBIDDEN)
        .detail(failure.advice())
        .member("error", failure.reason())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(std::env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned())).await?;
    let here = format!("http://{}", listener.local_addr()?);
    // Where people find it. The provider knows `URL/auth/providers/idp/callback`.
    let url = std::env::var("PUBLIC_URL").unwrap_or_else(|_| here.clone());
    let mut idp =
        Provider::openid("idp", std::env::var("IDP_ISSUER")?, "notes").secret(secret("IDP_SECRET")?);
    if std::env::var("IDP_IS_PRIVATE").is_ok() {
        idp = idp.allow_private_addresses();
    }
    let session = Cookie::new("session", CookieScheme::of(&url)?)?;
    let csrf = Csrf::new(BoundTokens::generate(&SystemRng), session.clone());
    let app = Gate::new(current_person)
        .route("/", get(welcome))
        .route("/home", get(home))
        .route("/logout", post(logout))
        .route("/auth/providers/{id}/start", get(start))
        .route("/auth/providers/{id}/callback", get(callback))
        .csrf(&csrf)
        .with_state(App {
            sign_in: SignIn::builder(&url).provider(idp).build()?,
            sessions: Sessions::default(),
            session,
        })
        .into_router()?
        .layer(Edge::default());
    println!("Listening on {here}");
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
