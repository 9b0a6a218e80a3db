use portcullis_core::{
    audit::kind,
    store::{Store, UserActError},
};
use portcullis_testkit::both;

use crate::fixture::{World, key, names};

both! {
    async fn a_user_is_found_by_id_and_by_email_in_any_case(db: TestDatabase) {
        let world = World::new(db.store());
        let id = world.user("Ada@Example.com", &["user", "admin"]).await;

        let found = world.standing(id).await;
        assert_eq!(world.store.user_by_email(&key("aDA@eXAMPLE.com")).await.unwrap(), Some(found.clone()));
        assert_eq!(found.user.email.as_str(), "Ada@Example.com");
        assert_eq!(found.user.roles, names(&["admin", "user"]));
        assert_eq!(found.closure, names(&["admin", "user"]));
        let scopes: Vec<_> = found.user.scopes.iter().map(ToString::to_string).collect();
        assert_eq!(scopes, ["admin", "me"]);
        assert_eq!(found.user.created_at, world.now());
        assert_eq!(found.graph.epoch, found.roles_epoch);

        let event = world.last_event().await;
        assert_eq!((event.kind.as_str(), event.subject), (kind::USER_CREATED, Some(id)));
        assert_eq!(world.store.user_by_email(&key("nobody@example.com")).await.unwrap(), None);
        // A person may type anything where an address is asked for.
        assert_eq!(world.store.user_by_email(&key("a\0b@example.com")).await.unwrap(), None);
        assert!(world.store.credentials_by_email(&key("\0")).await.unwrap().is_none());
    }

    async fn an_email_belongs_to_one_user(db: TestDatabase) {
        let world = World::new(db.store());
        world.user("ada@example.com", &["user"]).await;
        let again = world.create(world.new_user("ADA@example.com", &["user"])).await;
        assert!(matches!(again, Err(UserActError::EmailTaken)), "{again:?}");
        assert_eq!(world.events().await, 1);
    }

    async fn a_user_has_only_roles_that_exist(db: TestDatabase) {
        let world = World::new(db.store());
        let refused = world.create(world.new_user("ada@example.com", &["user", "pope"])).await;
        assert!(
            matches!(&refused, Err(UserActError::UnknownRole(role)) if role.as_str() == "pope"),
            "{refused:?}"
        );
        assert_eq!(world.store.user_by_email(&key("ada@example.com")).await.unwrap(), None);
    }
}
