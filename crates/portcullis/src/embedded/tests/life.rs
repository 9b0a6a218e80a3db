//! When the background work goes on, and what is closed at its end.

use axum::extract::Request;
use http::{StatusCode, header};
use portcullis_core::{
    authority::{Authority, Caller, LoginRequest, Registration},
    id::UserId,
    password::Password,
    session::EndReason,
    store::AuditFilter,
};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions},
};
use tempfile::TempDir;
use tower::ServiceExt as _;

use super::{again, fast, fresh};
use crate::{Gate, Portcullis};

async fn register(authority: &Authority) -> (UserId, String) {
    use secrecy::ExposeSecret as _;
    let registration = Registration {
        email: "ada@example.com".parse().unwrap(),
        password: Password::new("correct horse 5 battery"),
        name: "Ada".parse().unwrap(),
    };
    let caller = Caller::new(None, None, None);
    let (user, pair) = authority.register(&caller, registration).await.unwrap();
    (user.id, pair.access.secret().expose_secret().to_owned())
}

async fn me(app: &axum::Router, token: &str) -> StatusCode {
    let request = Request::get("/me")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(axum::body::Body::empty())
        .unwrap();
    app.clone().oneshot(request).await.unwrap().status()
}

fn router(auth: &Portcullis) -> axum::Router {
    Gate::new(auth.clone())
        .merge(auth.routes())
        .into_router()
        .unwrap()
}

/// Whether the file was closed: SQLite then puts its log away.
async fn closes(folder: &TempDir) {
    let log = folder.path().join("app.db-wal");
    while log.exists() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn revocations_by_others_are_learnt_of_in_the_background() {
    let (folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    let app = router(&auth);
    let (user, token) = register(auth.authority()).await;
    assert_eq!(me(&app, &token).await, 200);
    // A command in another process.
    let beside = again(&folder).existing().build().await.unwrap();
    beside
        .authority()
        .end_all(&Caller::operator(), user, EndReason::Admin)
        .await
        .unwrap();
    beside.shutdown().await;
    while me(&app, &token).await != 401 {
        tokio::task::yield_now().await;
    }
    auth.shutdown().await;
}

#[tokio::test]
async fn a_shutdown_stores_what_waits_and_closes() {
    let (folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    let app = router(&auth);
    let (_, token) = register(auth.authority()).await;
    // Noted in memory first, and stored in batches.
    let wrong = LoginRequest {
        identifier: "ada@example.com".to_owned(),
        password: Password::new("wrong horse 9 battery"),
        scopes: None,
        device: None,
    };
    let refused = auth
        .authority()
        .login(&Caller::new(None, None, None), wrong)
        .await;
    assert!(refused.is_err());
    auth.shutdown().await;
    assert!(!folder.path().join("app.db-wal").exists());
    // Again, from another clone: there is nothing left to do.
    auth.clone().shutdown().await;
    let ready = Request::get("/readyz").body(axum::body::Body::empty()).unwrap();
    assert_eq!(app.clone().oneshot(ready).await.unwrap().status(), 503);
    assert_ne!(me(&app, &token).await, 500);

    let auth = again(&folder).build().await.unwrap();
    let events = auth.authority().audit(&AuditFilter::default()).await.unwrap();
    assert!(
        events.iter().any(|event| event.kind == "login.failed"),
        "{events:?}"
    );
    auth.shutdown().await;
}

#[tokio::test]
async fn the_work_ends_with_the_last_that_could_be_called() {
    let (folder, builder) = fresh();
    let auth = builder.build().await.unwrap();
    register(auth.authority()).await;
    let routes = auth.routes::<()>();
    drop(auth);
    // Whoever holds the routes may still be called.
    for _ in 0..10_000 {
        tokio::task::yield_now().await;
    }
    assert!(folder.path().join("app.db-wal").exists());
    drop(routes);
    closes(&folder).await;
}

#[tokio::test]
async fn the_pool_of_the_application_outlives_it() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("app.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let pool: SqlitePool = SqlitePoolOptions::new().connect_with(options).await.unwrap();
    let auth = fast(Portcullis::builder().sqlite_pool(pool.clone()))
        .build()
        .await
        .unwrap();
    let (user, _) = register(auth.authority()).await;
    assert!(folder.path().join("app.db.key").exists());
    auth.shutdown().await;
    let found: Vec<u8> = sqlx::query_scalar("SELECT id FROM portcullis_users")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(found, user.uuid().as_bytes());
}
