//! Users, their roles, and what they may do, in the database of the application.

mod auth;

use std::{error::Error, net::SocketAddr};

use axum::{extract::State, http::StatusCode};
use portcullis::{Allow, AnyOf, Gate, Problem, Public, input::Json, openapi::Documentation, routes};
use serde::{Deserialize, Serialize};
use sqlx::{
    FromRow, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tokio::net::TcpListener;
use utoipa::ToSchema;

use auth::{Editor, Publisher};

#[derive(Deserialize, ToSchema)]
struct Draft {
    title: String,
    body: String,
}

#[derive(FromRow, Serialize, ToSchema)]
struct Article {
    id: i64,
    title: String,
    body: String,
    author: String,
}

/// Read all articles
#[utoipa::path(get, path = "/articles", responses((status = 200, body = [Article])))]
async fn list(_: Public, State(db): State<SqlitePool>) -> Result<Json<Vec<Article>>, Problem> {
    let articles = sqlx::query_as("SELECT id, title, body, author FROM articles ORDER BY id")
        .fetch_all(&db)
        .await;
    articles.map(Json).map_err(|error| Problem::internal(&error))
}

/// Write an article
#[utoipa::path(post, path = "/articles", request_body = Draft, responses((status = 201, body = Article)))]
async fn create(
    author: Allow<AnyOf<(Editor, Publisher)>>,
    State(db): State<SqlitePool>,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<Article>), Problem> {
    let article =
        sqlx::query_as("INSERT INTO articles (title, body, author) VALUES ($1, $2, $3) RETURNING *")
            .bind(draft.title)
            .bind(draft.body)
            .bind(author.user.to_string())
            .fetch_one(&db)
            .await;
    match article {
        Ok(article) => Ok((StatusCode::CREATED, Json(article))),
        Err(error) => Err(Problem::internal(&error)),
    }
}

async fn open() -> Result<SqlitePool, sqlx::Error> {
    let file = SqliteConnectOptions::new()
        .filename("articles.db")
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let db = SqlitePool::connect_with(file).await?;
    sqlx::query(
        "CREATE TABLE IF NOT EXISTS articles (
            id INTEGER PRIMARY KEY,
            title TEXT NOT NULL,
            body TEXT NOT NULL,
            author TEXT NOT NULL
        )",
    )
    .execute(&db)
    .await?;
    Ok(db)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let db = open().await?;
    let auth = auth::open(db.clone()).await?;
    let app = Gate::new(auth.clone())
        .merge(auth.routes())
        .routes(routes!(list, create))
        .documented(Documentation::new("Articles", "1.0.0").token_url("/auth/login"))
        .with_state(db)
        .into_router()?
        .layer(auth.edge());

    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:3000".to_owned());
    let listener = TcpListener::bind(address).await?;
    println!("Listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}
