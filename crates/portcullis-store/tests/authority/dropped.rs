//! A request is dropped when its client goes away or its deadline passes. What it had begun is done all the same.

use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use portcullis_core::{
    access::{Role, RoleDescription},
    authority::{AdminUserChange, AuthenticateError, Caller, TokenPair},
    user::UserStatus,
};
use portcullis_testkit::both;
use secrecy::ExposeSecret as _;

use crate::fixture::{World, by, config};

/// Begins it and drops it, as a server does when the client goes away at once.
fn begin_and_drop<T>(request: impl Future<Output = T>) {
    // On a busy machine another thread may do all of it during this one poll: then there is nothing to see.
    let _: Poll<T> = pin!(request).poll(&mut Context::from_waker(Waker::noop()));
}

/// Waits until this node, which reads no feed here, no longer believes the token.
async fn becomes_void(world: &World, pair: &TokenPair) {
    let token = pair.access.secret().expose_secret();
    let voided = async {
        // Of a revoked key it is told that it is unknown.
        while !matches!(
            world.authority.authenticate(token).await,
            Err(AuthenticateError::Revoked | AuthenticateError::Token(_))
        ) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), voided)
        .await
        .expect("the act was not done, or did not reach the index of this node");
}

both! {
    async fn a_logout_is_done_whose_client_went_away(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (_, pair) = world.register("ada@example.com").await;
        let principal = world.principal(&pair).await;
        begin_and_drop(world.authority.logout(&by(&principal), &principal));
        becomes_void(&world, &pair).await;
    }

    async fn a_logout_everywhere_is_done_whose_client_went_away(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let (_, pair) = world.register("ada@example.com").await;
        let principal = world.principal(&pair).await;
        begin_and_drop(world.authority.logout_everywhere(&by(&principal), &principal));
        becomes_void(&world, &pair).await;
    }

    async fn what_an_administrator_began_is_done(db: TestDatabase) {
        let world = World::new(&db, config()).await;
        let operator = Caller::operator();

        let (user, pair) = world.register("disabled@example.com").await;
        let disable = AdminUserChange { status: Some(UserStatus::Disabled), ..AdminUserChange::default() };
        begin_and_drop(world.authority.change_user(&operator, user.id, disable));
        becomes_void(&world, &pair).await;

        let (user, pair) = world.register("deleted@example.com").await;
        begin_and_drop(world.authority.delete_user(&operator, user.id));
        becomes_void(&world, &pair).await;

        let (_, pair) = world.register("edited@example.com").await;
        let role = Role {
            name: "user".parse().unwrap(),
            description: RoleDescription::default(),
            scopes: BTreeSet::from(["edited".parse().unwrap()]),
            implies: BTreeSet::new(),
        };
        begin_and_drop(world.authority.put_role(&operator, role));
        becomes_void(&world, &pair).await;

        let (_, pair) = world.register("signed@example.com").await;
        let keys = world.authority.list_keys().await.unwrap();
        let active = keys.iter().find(|key| key.state == "active").unwrap();
        begin_and_drop(world.authority.revoke_key(&operator, &active.kid));
        becomes_void(&world, &pair).await;
    }
}
