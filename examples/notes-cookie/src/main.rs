//! Pages rendered by the server: a session in cookies, and forms that nobody else can send.

mod login;
mod notes;
mod page;

use std::{error::Error, net::SocketAddr, time::Duration};

use axum::{extract::FromRef, middleware};
use portcullis::{
    Gate, Portcullis,
    cookie::{CookieScheme, SessionCookies},
    embedded::NewUser,
    routing::{get, post},
    secret,
};
use tokio::net::TcpListener;

use notes::Notes;

#[derive(Clone, FromRef)]
struct App {
    auth: Portcullis,
    cookies: SessionCookies,
    notes: Notes,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:3000".to_owned());
    // Where people find it. By https, the cookies are called `__Host-..` and sent over TLS alone.
    let public_url = arguments.next().unwrap_or("http://localhost:3000".to_owned());
    let cookies = SessionCookies::new("notes", CookieScheme::of(&public_url)?)?;
    let auth = Portcullis::builder()
        .sqlite("notes.db")
        .session_cookies(cookies.clone())
        // A page without a script refreshes nothing. A logout counts at once, however long this is.
        .access_ttl(Duration::from_hours(12))
        .build()
        .await?;
    auth.ensure_user(NewUser::new("ada@example.com", secret("ADA_PASSWORD")?))
        .await?;

    let state = App {
        auth: auth.clone(),
        cookies,
        notes: Notes::default(),
    };
    let csrf = auth.csrf().ok_or("the builder was told of no cookies")?;
    let app = Gate::new(auth.clone())
        .route("/", get(notes::show))
        .route("/notes", post(notes::keep))
        .route("/login", get(login::form).post(login::login))
        .route("/logout", post(login::logout))
        .csrf(&csrf)
        .with_state(state.clone())
        .into_router()?
        .layer(middleware::from_fn_with_state(state, login::ask_to_log_in))
        .layer(auth.edge());

    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
