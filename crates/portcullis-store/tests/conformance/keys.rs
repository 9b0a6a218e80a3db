use portcullis_core::{
    audit::{AuditEvent, kind},
    clock::Timestamp,
    revocation::ChangeKind,
    store::{KeyActError, Store, StoredKey},
};
use portcullis_testkit::both;
use serde_json::json;

use crate::fixture::{World, kinds};

fn key(kid: &str, created: i64) -> StoredKey {
    StoredKey {
        kid: kid.to_owned(),
        algorithm: "ES256".to_owned(),
        state: "active".to_owned(),
        sealed_private: vec![0, 1, 255],
        public_jwk: r#"{"kty":"EC"}"#.to_owned(),
        created_at: Timestamp::from_millis(created),
        activated_at: Some(Timestamp::from_millis(created + 1)),
        retire_at: None,
    }
}

fn event(world: &World) -> AuditEvent {
    world
        .context()
        .event(kind::KEY_ROTATED, None, json!({ "kid": "two" }))
}

both! {
    async fn the_set_of_keys_is_replaced_as_a_whole(db: TestDatabase) {
        let world = World::new(db.store());
        let empty = world.store.keys().await.unwrap();
        assert!(empty.keys.is_empty());
        let keys = vec![key("one", 1), key("two", 2)];
        let written = world.store
            .replace_keys(&world.context(), empty.version, keys.clone(), ChangeKind::KeysChanged, event(&world))
            .await
            .unwrap();
        assert_eq!(kinds(&written.changes), [ChangeKind::KeysChanged]);
        let first = world.store.keys().await.unwrap();
        assert_eq!(first.keys, keys);
        assert!(first.version > empty.version);
        assert_eq!(world.last_event().await.detail, json!({ "kid": "two" }));

        let revoked = ChangeKind::KeyRevoked { kid: "one".to_owned() };
        let written = world.store
            .replace_keys(&world.context(), first.version, vec![key("two", 2)], revoked.clone(), event(&world))
            .await
            .unwrap();
        assert_eq!(kinds(&written.changes), [revoked]);
        assert_eq!(world.store.keys().await.unwrap().keys, [key("two", 2)]);
    }

    async fn keys_that_someone_else_replaced_are_left_alone(db: TestDatabase) {
        let world = World::new(db.store());
        let read = world.store.keys().await.unwrap().version;
        let replace = |kid: &'static str| {
            let world = world.clone();
            async move {
                let keys = vec![key(kid, 1)];
                world.store.replace_keys(&world.context(), read, keys, ChangeKind::KeysChanged, event(&world)).await
            }
        };
        let _ = replace("one").await.unwrap();
        assert!(matches!(replace("two").await, Err(KeyActError::Moved)));
        assert_eq!(world.store.keys().await.unwrap().keys, [key("one", 1)]);
        assert_eq!(world.events().await, 1);
    }
}
