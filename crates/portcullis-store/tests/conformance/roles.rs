use portcullis_core::{
    access::GraphError,
    audit::kind,
    revocation::ChangeKind,
    store::{RoleActError, Store},
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::{World, kinds, names, role};

both! {
    async fn a_new_store_has_user_and_admin(db: TestDatabase) {
        let world = World::new(db.store());
        let graph = world.store.roles().await.unwrap();
        let all: Vec<_> = graph.roles().map(|role| role.name.to_string()).collect();
        assert_eq!(all, ["admin", "user"]);
        let scopes = |role: &str| -> Vec<String> {
            graph.get(role).unwrap().scopes.iter().map(ToString::to_string).collect()
        };
        assert_eq!(scopes("user"), ["me"]);
        assert_eq!(scopes("admin"), ["admin", "me"]);
        assert!(graph.roles().all(|role| !role.description.as_str().is_empty() && role.implies.is_empty()));
    }

    async fn a_role_is_added_and_replaced(db: TestDatabase) {
        let world = World::new(db.store());
        let before = world.store.roles().await.unwrap();
        let editor = role("editor", &["write", "publish"], &["user"]);
        let written = world.store.put_role(&world.context(), editor.clone()).await.unwrap();
        assert!(written.value);
        let graph = world.store.roles().await.unwrap();
        assert!(graph.epoch > before.epoch);
        assert_eq!(graph.get("editor"), Some(&editor));
        assert_eq!(kinds(&written.changes), [ChangeKind::RoleEdited {
            role: editor.name.clone(),
            roles_epoch: graph.epoch,
        }]);
        let event = world.last_event().await;
        assert_eq!(event.kind, kind::ROLE_PUT);
        assert_eq!(event.detail["scopes"], json!(["publish", "write"]));

        let less = role("editor", &["write"], &[]);
        let written = world.store.put_role(&world.context(), less.clone()).await.unwrap();
        assert!(!written.value);
        let later = world.store.roles().await.unwrap();
        assert!(later.epoch > graph.epoch);
        assert_eq!(later.get("editor"), Some(&less));
    }

    async fn the_same_again_voids_nothing(db: TestDatabase) {
        let world = World::new(db.store());
        world.put_role("editor", &["write"], &["user"]).await;
        let before = world.store.roles().await.unwrap();
        let events = world.events().await;
        let written = world.store.put_role(&world.context(), role("editor", &["write"], &["user"])).await.unwrap();
        assert!(!written.value && written.changes.is_empty());
        assert_eq!(world.store.roles().await.unwrap(), before);
        assert_eq!(world.events().await, events);
    }

    async fn roles_without_sense_are_refused(db: TestDatabase) {
        let world = World::new(db.store());
        world.put_role("editor", &["write"], &["user"]).await;
        let before = world.store.roles().await.unwrap();
        let cycle = world.store.put_role(&world.context(), role("user", &["me"], &["editor"])).await;
        assert!(matches!(cycle, Err(RoleActError::Graph(GraphError::Cycle(_)))), "{cycle:?}");
        let unknown = world.store.put_role(&world.context(), role("x", &[], &["pope"])).await;
        assert!(matches!(unknown, Err(RoleActError::Graph(GraphError::Unknown(_)))), "{unknown:?}");
        let missing = world.store.delete_role(&world.context(), &names(&["pope"])[0]).await;
        assert!(matches!(missing, Err(RoleActError::NotFound)), "{missing:?}");
        assert_eq!(world.store.roles().await.unwrap(), before);
    }

    async fn a_deleted_role_is_held_and_implied_by_nobody(db: TestDatabase) {
        let world = World::new(db.store());
        world.put_role("viewer", &["read"], &[]).await;
        world.put_role("editor", &["write"], &["viewer", "user"]).await;
        let id = world.user("ada@example.com", &["viewer", "editor"]).await;
        assert_eq!(world.standing(id).await.closure, names(&["editor", "user", "viewer"]));

        let written = world.store.delete_role(&world.context(), &names(&["viewer"])[0]).await.unwrap();
        let graph = world.store.roles().await.unwrap();
        assert_eq!(kinds(&written.changes), [ChangeKind::RoleEdited {
            role: names(&["viewer"])[0].clone(),
            roles_epoch: graph.epoch,
        }]);
        assert!(graph.get("viewer").is_none());
        assert_eq!(graph.get("editor").unwrap().implies, role("x", &[], &["user"]).implies);
        let standing = world.standing(id).await;
        assert_eq!(standing.user.roles, names(&["editor"]));
        assert_eq!(standing.closure, names(&["editor", "user"]));
        let event = world.last_event().await;
        assert_eq!(event.kind, kind::ROLE_DELETED);
        assert_eq!(event.detail, json!({ "role": "viewer", "holders": 1 }));
    }

    async fn another_process_sees_an_edit_at_once(db: TestDatabase) {
        let world = World::new(db.store());
        let other = portcullis_store::Database::open(&db.options()).await.unwrap();
        let id = world.user("ada@example.com", &["user"]).await;
        // Both have the roles in their caches now.
        assert_eq!(other.user(id).await.unwrap(), Some(world.standing(id).await));
        world.put_role("user", &["me", "more"], &[]).await;
        let seen = other.user(id).await.unwrap().unwrap();
        assert_eq!(seen.user.scopes.len(), 2);
        assert_eq!(seen, world.standing(id).await);
        other.close().await;
    }
}
