use portcullis_core::{
    password::StoredHash,
    store::{NewUser, Store, UserFilter, UserUpdate},
    user::UserStatus,
};
use portcullis_testkit::{both, database::Engine};

use crate::fixture::{World, names};

async fn found(world: &World, filter: UserFilter) -> Vec<String> {
    let users = world.store.users(&filter).await.unwrap();
    users.iter().map(|user| user.email.to_string()).collect()
}

async fn by_prefix(world: &World, prefix: &str) -> Vec<String> {
    let filter = UserFilter {
        prefix: Some(prefix.to_owned()),
        ..UserFilter::default()
    };
    found(world, filter).await
}

/// Five users, a millisecond apart, so that their identifiers have this order.
async fn people(world: &World) {
    for (email, name, roles) in [
        ("zoe@example.com", "Ada Byron", &["user"][..]),
        ("ada@example.com", "Zoe", &["admin"]),
        ("Ädam@example.com", "Ýrsa", &["user"]),
        ("under_score@example.com", "100% real", &["user", "admin"]),
        ("underXscore@example.com", "Nobody", &[]),
    ] {
        let user = NewUser {
            name: name.parse().unwrap(),
            ..world.new_user(email, roles)
        };
        let _ = world.create(user).await.unwrap();
        world.clock.advance(std::time::Duration::from_millis(1));
    }
}

both! {
    async fn a_prefix_finds_emails_and_names_in_any_case(db: TestDatabase) {
        let world = World::new(db.store());
        people(&world).await;
        assert_eq!(by_prefix(&world, "ADA").await, ["zoe@example.com", "ada@example.com"]);
        assert_eq!(by_prefix(&world, "zoE").await, ["zoe@example.com", "ada@example.com"]);
        assert_eq!(by_prefix(&world, "äD").await, ["Ädam@example.com"]);
        assert_eq!(by_prefix(&world, "ýR").await, ["Ädam@example.com"]);
        assert_eq!(by_prefix(&world, "").await.len(), 5);
        assert_eq!(by_prefix(&world, "example").await, [""; 0]);
        // Neither is a pattern.
        assert_eq!(by_prefix(&world, "under_").await, ["under_score@example.com"]);
        assert_eq!(by_prefix(&world, "100%").await, ["under_score@example.com"]);
        assert_eq!(by_prefix(&world, "%").await, [""; 0]);
        assert_eq!(by_prefix(&world, "a\0").await, [""; 0]);
        assert_eq!(by_prefix(&world, "' OR 1=1 --").await, [""; 0]);
    }

    async fn roles_and_status_narrow_the_list(db: TestDatabase) {
        let world = World::new(db.store());
        people(&world).await;
        let zoe = &world.store.users(&UserFilter::default()).await.unwrap()[0];
        let disable = UserUpdate { status: Some(UserStatus::Disabled), ..UserUpdate::default() };
        let _ = world.store.update_user(&world.context(), zoe.id, disable).await.unwrap();

        let users = UserFilter { role: Some(names(&["user"])[0].clone()), ..UserFilter::default() };
        assert_eq!(
            found(&world, users.clone()).await,
            ["zoe@example.com", "Ädam@example.com", "under_score@example.com"]
        );
        let active = UserFilter { status: Some(UserStatus::Active), ..users };
        assert_eq!(found(&world, active.clone()).await, ["Ädam@example.com", "under_score@example.com"]);
        let prefixed = UserFilter { prefix: Some("under".to_owned()), ..active };
        assert_eq!(found(&world, prefixed).await, ["under_score@example.com"]);
        let disabled = UserFilter { status: Some(UserStatus::Disabled), ..UserFilter::default() };
        assert_eq!(found(&world, disabled).await, ["zoe@example.com"]);
    }

    async fn a_prefix_of_many_finds_the_first_of_them_in_the_same_order(db: TestDatabase) {
        let world = World::new(db.store());
        // In the order of their identifiers they are called Common 2999, Common 2998, ..
        db.tamper(match db.engine() {
            Engine::Sqlite =>
                "WITH RECURSIVE i (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 2999)
                 INSERT INTO portcullis_users (id, email, email_key, name, name_key, status, token_epoch, session_epoch, created_at)
                 SELECT unhex(printf('%032x', n)), 'u' || n || '@x.org', 'u' || n || '@x.org', 'Common ' || (3000 - n),
                        'common ' || (3000 - n), CASE WHEN n % 1000 = 0 THEN 'disabled' ELSE 'active' END, 1, 1, 0 FROM i",
            Engine::Postgres =>
                "INSERT INTO portcullis_users (id, email, email_key, name, name_key, status, token_epoch, session_epoch, created_at)
                 SELECT lpad(to_hex(n), 32, '0')::uuid, 'u' || n || '@x.org', 'u' || n || '@x.org', 'Common ' || (3000 - n),
                        'common ' || (3000 - n), CASE WHEN n % 1000 = 0 THEN 'disabled' ELSE 'active' END, 1, 1, 0
                 FROM generate_series(1, 2999) n",
        })
        .await;
        db.tamper("INSERT INTO portcullis_user_roles (user_id, role) SELECT id, 'user' FROM portcullis_users WHERE email_key < 'u2'")
            .await;
        let first = |prefix: &str| UserFilter { prefix: Some(prefix.to_owned()), limit: 2, ..UserFilter::default() };
        for prefix in ["common", "U"] {
            assert_eq!(found(&world, first(prefix)).await, ["u1@x.org", "u2@x.org"]);
        }
        // 1,110 have this one: few.
        assert_eq!(found(&world, first("common 2")).await, ["u1@x.org", "u2@x.org"]);
        let second = world.store.users(&first("common")).await.unwrap()[1].id;
        let behind = UserFilter { after: Some(second), ..first("common") };
        assert_eq!(found(&world, behind).await, ["u3@x.org", "u4@x.org"]);
        let disabled = |role: bool, prefix: Option<&str>| UserFilter {
            status: Some(UserStatus::Disabled),
            role: role.then(|| names(&["user"])[0].clone()),
            prefix: prefix.map(str::to_owned),
            ..UserFilter::default()
        };
        assert_eq!(found(&world, disabled(false, None)).await, ["u1000@x.org", "u2000@x.org"]);
        assert_eq!(found(&world, disabled(true, None)).await, ["u1000@x.org"]);
        for prefix in ["common", "common 2"] {
            assert_eq!(found(&world, disabled(true, Some(prefix))).await, ["u1000@x.org"]);
        }
    }

    async fn pages_follow_each_other_without_gap_or_repetition(db: TestDatabase) {
        let world = World::new(db.store());
        people(&world).await;
        let all = world.store.users(&UserFilter::default()).await.unwrap();
        assert_eq!(all.len(), 5);
        assert!(all.is_sorted_by_key(|user| user.id));

        let mut pages = Vec::new();
        let mut after = None;
        loop {
            let page = world.store.users(&UserFilter { after, limit: 2, ..UserFilter::default() }).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            pages.extend(page);
        }
        assert_eq!(pages, all);
    }

    async fn hashes_are_counted_by_kind(db: TestDatabase) {
        let world = World::new(db.store());
        let bcrypt = "$2b$10$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234";
        for (email, password) in [
            ("a@example.com", Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$YQ")),
            ("b@example.com", Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$Yg")),
            ("c@example.com", Some(bcrypt)),
            ("d@example.com", None),
        ] {
            let user = NewUser {
                password: password.map(|hash| StoredHash::from_stored(hash.to_owned())),
                ..world.new_user(email, &[])
            };
            let _ = world.create(user).await.unwrap();
        }
        assert_eq!(world.store.hash_kinds().await.unwrap(), [
            ("$2b$10".to_owned(), 1),
            ("$argon2id$v=19$m=19456,t=2,p=1".to_owned(), 2),
        ]);
    }
}
