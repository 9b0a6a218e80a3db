//! Users in a table of your own, and decorators in the place of arguments.

mod users;

use std::{error::Error, net::SocketAddr};

use axum::{
    extract::State,
    http::{StatusCode, request::Parts},
};
use portcullis::{
    Gate, Problem, admin, auth_provider, authenticated,
    input::{Json, Path},
    layers::Edge,
    provider::{AuthError, bearer},
    rate, requires,
    revocation::Revocations,
    routing::{get, post, put},
    secret,
    token::{Claims, Tokens},
};
use sqlx::{SqlitePool, sqlite::SqliteConnectOptions};
use tokio::net::TcpListener;

use users::{NewRole, User};

portcullis::roles! {
    pub enum Role { Admin = "admin", Editor = "editor", Reviewer = "reviewer", Reader = "reader" }
    Admin > Editor > Reader;
    Admin > Reviewer > Reader;
}

#[derive(Clone)]
struct App {
    pool: SqlitePool,
    tokens: Tokens,
    revocations: Revocations,
}

impl App {
    /// What the token of a request says, unless it was revoked.
    async fn token(&self, parts: &Parts) -> Result<Claims, AuthError> {
        let token: Claims = self.tokens.decode(bearer(parts)?.expose())?;
        self.revocations.check(&self.pool, &token.id).await?;
        Ok(token)
    }
}

/// Who calls. Read from the table each time: a new role counts at once, and so does a user who is gone.
#[auth_provider]
async fn current_user(parts: &Parts, State(app): State<App>) -> Result<User, AuthError> {
    let token = app.token(parts).await?;
    let id = token
        .subject
        .parse()
        .map_err(|_| AuthError::invalid("not the token of a user"))?;
    match users::by_id(&app.pool, id).await {
        Ok(Some(user)) => Ok(user),
        Ok(None) => Err(AuthError::invalid("there is no such user any more")),
        Err(error) => Err(AuthError::failed(&error)),
    }
}

#[authenticated]
async fn me(user: User) -> Json<User> {
    Json(user)
}

#[authenticated]
async fn logout(_: User, State(app): State<App>, parts: Parts) -> Result<StatusCode, Problem> {
    let token = app.token(&parts).await?;
    app.revocations
        .revoke(&app.pool, &token.id, token.expires_at)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Decorators one above the other: any of them.
#[requires(Editor)]
#[requires(Reviewer)]
async fn drafts(_: User) -> Json<[&'static str; 2]> {
    Json(["On gates", "On hinges"])
}

#[admin]
async fn list(_: User, State(app): State<App>) -> Result<Json<Vec<User>>, Problem> {
    users::all(&app.pool)
        .await
        .map(Json)
        .map_err(|error| Problem::internal(&error))
}

#[admin]
async fn set_role(
    _: User,
    State(app): State<App>,
    Path(id): Path<i64>,
    Json(new): Json<NewRole>,
) -> Result<Json<User>, Problem> {
    match users::set_role(&app.pool, id, new.role).await {
        Ok(Some(user)) => Ok(Json(user)),
        Ok(None) => Err(Problem::not_found()),
        Err(error) => Err(Problem::internal(&error)),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let file = SqliteConnectOptions::new()
        .filename("own-users.db")
        .create_if_missing(true);
    let state = App {
        pool: SqlitePool::connect_with(file).await?,
        tokens: Tokens::hs256(&secret("JWT_SECRET")?)?,
        revocations: Revocations::default(),
    };
    users::create_table(&state.pool).await?;
    users::add_first_admin(&state.pool, &secret("ADMIN_PASSWORD")?).await?;
    state.revocations.purge_expired(&state.pool).await?;

    let app = Gate::new(current_user)
        .route("/register", post(users::register).rate_limit(rate!("10/minute")))
        .route("/login", post(users::login).rate_limit(rate!("10/minute")))
        .route("/logout", post(logout))
        .route("/me", get(me))
        .route("/drafts", get(drafts))
        .route("/users", get(list))
        .route("/users/{id}/role", put(set_role))
        .with_state(state)
        .into_router()?
        .layer(Edge::default());

    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
