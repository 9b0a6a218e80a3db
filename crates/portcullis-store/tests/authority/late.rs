//! Acts that take long: the process was frozen, or the file was held by another one.

use std::time::Duration;

use portcullis_core::authority::TokenPair;
use portcullis_testkit::database::TestDatabase;
use secrecy::ExposeSecret as _;
use sqlx::Executor as _;

use crate::fixture::{World, anyone, config};

/// Carries the session on while time stands still for the database alone.
async fn refresh_slowly(db: &TestDatabase, world: &World, pair: &TokenPair, by: Duration) -> TokenPair {
    let mut held = db.sqlite_connection().await;
    held.execute("BEGIN IMMEDIATE").await.unwrap();
    let authority = world.authority.clone();
    let token = pair.refresh.secret().expose_secret().to_owned();
    let refreshing = tokio::spawn(async move { authority.refresh(&anyone(), &token).await });
    // One thread: it runs until it waits for the file.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    world.clock.advance(by);
    held.execute("ROLLBACK").await.unwrap();
    refreshing.await.unwrap().unwrap()
}

/// What was revoked while it was frozen is forgotten when every token has died that was issued by then.
#[tokio::test]
async fn a_token_lives_from_when_it_was_asked_for() {
    let db = TestDatabase::sqlite().await;
    let world = World::new(&db, config()).await;
    let (_, pair) = world.register("ada@example.com").await;
    let frozen = Duration::from_secs(300);
    let refreshed = refresh_slowly(&db, &world, &pair, frozen).await;
    assert_eq!(refreshed.expires_in + frozen, config().access_ttl);
}
