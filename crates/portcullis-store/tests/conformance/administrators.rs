//! Whoever can administer cannot be lost.

use portcullis_core::{
    id::UserId,
    store::{RoleActError, Store, UserActError, UserUpdate},
    user::UserStatus,
};
use portcullis_testkit::both;

use crate::fixture::{World, names, role};

fn disable() -> UserUpdate {
    UserUpdate {
        status: Some(UserStatus::Disabled),
        ..UserUpdate::default()
    }
}

fn demote() -> UserUpdate {
    UserUpdate {
        roles: Some(names(&["user"])),
        ..UserUpdate::default()
    }
}

async fn refused(world: &World, id: UserId) {
    let before = world.standing(id).await;
    let events = world.events().await;
    for update in [disable(), demote()] {
        let result = world.store.update_user(&world.context(), id, update).await;
        assert!(
            matches!(result, Err(UserActError::LastAdministrator)),
            "{result:?}"
        );
    }
    let result = world.store.delete_user(&world.context(), id, None).await;
    assert!(
        matches!(result, Err(UserActError::LastAdministrator)),
        "{result:?}"
    );
    assert_eq!(world.standing(id).await, before);
    assert_eq!(world.events().await, events);
}

both! {
    async fn the_last_administrator_stays(db: TestDatabase) {
        let world = World::new(db.store());
        world.user("user@example.com", &["user"]).await;
        let last = world.user("admin@example.com", &["admin"]).await;
        refused(&world, last).await;
    }

    async fn a_disabled_administrator_is_none(db: TestDatabase) {
        let world = World::new(db.store());
        let last = world.user("admin@example.com", &["admin"]).await;
        let other = world.user("other@example.com", &["admin"]).await;
        let written = world.store.update_user(&world.context(), other, disable()).await.unwrap();
        assert_eq!(written.value.user.status, UserStatus::Disabled);
        refused(&world, last).await;
        // That one may go: nothing is lost by it.
        let _ = world.store.delete_user(&world.context(), other, None).await.unwrap();
    }

    async fn who_has_the_scope_by_an_implied_role_is_one(db: TestDatabase) {
        let world = World::new(db.store());
        world.put_role("owner", &[], &["admin"]).await;
        let admin = world.user("admin@example.com", &["admin"]).await;
        let owner = world.user("owner@example.com", &["owner"]).await;
        let _ = world.store.delete_user(&world.context(), admin, None).await.unwrap();
        refused(&world, owner).await;

        // The role that gives it, and the link to that role, cannot go either.
        for act in [role("owner", &["me"], &[]), role("admin", &["me"], &[])] {
            let result = world.store.put_role(&world.context(), act).await;
            assert!(matches!(result, Err(RoleActError::LastAdministrator)), "{result:?}");
        }
        for name in names(&["owner", "admin"]) {
            let result = world.store.delete_role(&world.context(), &name).await;
            assert!(matches!(result, Err(RoleActError::LastAdministrator)), "{result:?}");
        }
        let graph = world.store.roles().await.unwrap();
        assert_eq!(graph.holders("admin"), names(&["admin", "owner"]));
        assert_eq!(graph.epoch, world.standing(owner).await.roles_epoch);
    }

    async fn without_any_everything_is_allowed(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("user@example.com", &["user"]).await;
        let _ = world.store.update_user(&world.context(), id, disable()).await.unwrap();
        let _ = world.store.delete_user(&world.context(), id, None).await.unwrap();
        let _ = world.store.delete_role(&world.context(), &names(&["admin"])[0]).await.unwrap();
    }
}
