//! What outlives a request learns when the token that let it in is good no longer.

use std::{sync::Arc, time::Duration};

use portcullis_core::{
    authority::{Ended, TokenPair},
    token::VerifiedToken,
};
use portcullis_testkit::both;
use secrecy::ExposeSecret as _;
use tokio::task::JoinHandle;

use crate::fixture::{World, by, config};

async fn verified(world: &World, pair: &TokenPair) -> Arc<VerifiedToken> {
    let token = pair.access.secret().expose_secret();
    world.authority.authenticate(token).await.unwrap()
}

fn watch(world: &World, token: Arc<VerifiedToken>) -> JoinHandle<Ended> {
    tokio::spawn(world.authority.ended(token))
}

both! {
    async fn a_logout_ends_what_the_login_let_in_and_nothing_else(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (_, ada) = world.register("ada@example.com").await;
        let (_, bob) = world.register("bob@example.com").await;
        let (ada, bob) = (verified(&world, &ada).await, verified(&world, &bob).await);
        let (hers, his) = (watch(&world, ada.clone()), watch(&world, bob.clone()));
        world.authority.logout(&by(&ada), &ada).await.unwrap();
        assert_eq!(hers.await.unwrap(), Ended::Revoked);
        assert!(!his.is_finished());
        world.authority.logout_everywhere(&by(&bob), &bob).await.unwrap();
        assert_eq!(his.await.unwrap(), Ended::Revoked);
        assert_eq!(watch(&world, ada).await.unwrap(), Ended::Revoked, "also when asked afterwards");
    }

    async fn an_expiry_ends_it(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (_, ada) = world.register("ada@example.com").await;
        let ended = watch(&world, verified(&world, &ada).await);
        world.clock.advance(config().access_ttl);
        assert_eq!(ended.await.unwrap(), Ended::Expired);
    }

    async fn a_node_that_hears_nothing_ends_it(db: TestDatabase) {
        // Nothing reads the feed here, so a lease that lapses is not renewed.
        let world = World::new(&db, config()).await;
        let (_, ada) = world.register("ada@example.com").await;
        let ended = watch(&world, verified(&world, &ada).await);
        world.clock.advance(config().revocation.lease + Duration::from_secs(1));
        assert_eq!(ended.await.unwrap(), Ended::Unknown);
    }
}
