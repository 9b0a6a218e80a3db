//! What one node says and the others hear, on PostgreSQL.

use std::time::Duration;

use portcullis_core::{
    session::EndReason,
    store::{Store, UserUpdate},
};
use portcullis_store::{Database, PoolShare};
use portcullis_testkit::database::{Engine, TestDatabase};

use crate::fixture::World;

/// Far longer than word takes, and shorter than a test may.
const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for word. Nothing else ends the wait: the store does not poll.
async fn hears(database: &Database) {
    tokio::time::timeout(PATIENCE, database.feed_moved())
        .await
        .expect("it hears");
}

/// Another node, which listens.
async fn listener(db: &TestDatabase) -> Database {
    let other = Database::open(&db.options()).await.unwrap();
    // The first word is its own: from now on it listens.
    hears(&other).await;
    other
}

async fn logout(world: &World) {
    let user = world.user("ada@example.com", &["user"]).await;
    let _ = world
        .store
        .end_all_sessions(&world.context(), user, EndReason::Admin)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_act_is_heard_of_on_the_other_node() {
    let db = TestDatabase::postgres().await;
    let other = listener(&db).await;
    let world = World::new(db.store());
    let user = world.user("ada@example.com", &["user"]).await;
    for name in ["Grace", "Eva", "Ida"] {
        let renamed = UserUpdate {
            name: Some(name.parse().unwrap()),
            ..UserUpdate::default()
        };
        let _ = world
            .store
            .update_user(&world.context(), user, renamed)
            .await
            .unwrap();
        hears(&other).await;
    }
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_command_does_right_before_its_end_is_heard_of() {
    let db = TestDatabase::postgres().await;
    let other = listener(&db).await;
    logout(&World::new(db.store())).await;
    db.store().close().await;
    hears(&other).await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_the_pool_of_an_application_it_is_the_same() {
    let db = TestDatabase::borrowed(Engine::Postgres).await;
    let pool = db.postgres_pool().await;
    let other = Database::on_postgres(pool, &PoolShare::default()).await.unwrap();
    hears(&other).await;
    logout(&World::new(db.store())).await;
    hears(&other).await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_lost_the_connection_listens_again_and_looks_for_what_it_missed() {
    let db = TestDatabase::postgres().await;
    let other = listener(&db).await;
    db.tamper(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE 'LISTEN%'",
    )
    .await;
    // Without any act: because it was deaf for a while.
    hears(&other).await;
    logout(&World::new(db.store())).await;
    hears(&other).await;
    other.close().await;
}
