//! What holds in whatever order acts that meet are done.

use std::{collections::BTreeSet, sync::Arc};

use portcullis_core::{
    access::{Role, RoleDescription, Scope},
    authority::{AdminUserChange, Caller, TokenPair},
    password::Password,
    session::EndReason,
    store::UserFilter,
    user::{User, UserStatus},
};
use portcullis_testkit::both;
use secrecy::ExposeSecret as _;
use tokio::task::JoinSet;

use crate::fixture::{PASSWORD, World, anyone, by, config};

async fn refreshed(world: &World, pair: &TokenPair) -> Option<TokenPair> {
    let token = pair.refresh.secret().expose_secret();
    world.authority.refresh(&anyone(), token).await.ok()
}

async fn is_believed(world: &World, pair: &TokenPair) -> bool {
    let token = pair.access.secret().expose_secret();
    world.authority.authenticate(token).await.is_ok()
}

async fn give_roles(world: &World, user: &User, roles: &[&str]) {
    let roles = Some(roles.iter().map(|role| role.parse().unwrap()).collect());
    let change = AdminUserChange {
        roles,
        ..AdminUserChange::default()
    };
    world
        .authority
        .change_user(&Caller::operator(), user.id, change)
        .await
        .unwrap();
}

async fn put_role(world: &World, name: &str, scope: &str) -> bool {
    let role = Role {
        name: name.parse().unwrap(),
        description: RoleDescription::default(),
        scopes: BTreeSet::from([scope.parse().unwrap()]),
        implies: BTreeSet::new(),
    };
    world.authority.put_role(&Caller::operator(), role).await.is_ok()
}

both! {
    async fn an_administrator_remains_whatever_is_done_at_once(db: TestDatabase) {
        let world = Arc::new(World::new(&db, config()).await);
        for round in 0..12 {
            let mut admins = Vec::new();
            for n in 0..3 {
                let (user, _) = world.register(&format!("admin-{round}-{n}@example.com")).await;
                give_roles(&world, &user, &["admin"]).await;
                admins.push(user);
            }
            // Nobody else: each round is about the last ones.
            let all = world.authority.users(&UserFilter::default()).await.unwrap();
            for other in all.iter().filter(|user| !admins.iter().any(|admin| admin.id == user.id)) {
                give_roles(&world, other, &["user"]).await;
            }
            let mut acts = JoinSet::new();
            for (n, user) in admins.into_iter().enumerate() {
                let world = Arc::clone(&world);
                acts.spawn(async move {
                    let change = match n {
                        0 => AdminUserChange { status: Some(UserStatus::Disabled), ..AdminUserChange::default() },
                        1 => AdminUserChange { roles: Some(Vec::new()), ..AdminUserChange::default() },
                        _ => return world.authority.delete_user(&Caller::operator(), user.id).await.is_ok(),
                    };
                    world.authority.change_user(&Caller::operator(), user.id, change).await.is_ok()
                });
            }
            let edit = Arc::clone(&world);
            acts.spawn(async move { put_role(&edit, "admin", "me").await });
            let done = acts.join_all().await;
            let filter = UserFilter { status: Some(UserStatus::Active), ..UserFilter::default() };
            let left = world.authority.users(&filter).await.unwrap();
            let left = left.iter().filter(|user| user.scopes.iter().any(|scope| scope.as_str() == "admin")).count();
            assert!(left >= 1, "round {round}: {done:?}");
        }
    }

    async fn no_login_and_no_refresh_escapes_a_new_password(db: TestDatabase) {
        let world = Arc::new(World::new(&db, config()).await);
        for round in 0..6 {
            let (user, pair) = world.register(&format!("ada-{round}@example.com")).await;
            let email = user.email.to_string();
            let other = Arc::new(world.login(&email, PASSWORD, None, None).await.unwrap());
            let mut before = JoinSet::new();
            for n in 0..12 {
                let (world, other, email) = (Arc::clone(&world), Arc::clone(&other), email.clone());
                before.spawn(async move {
                    match n % 2 {
                        0 => refreshed(&world, &other).await,
                        _ => world.login(&email, PASSWORD, None, None).await.ok(),
                    }
                });
            }
            let principal = world.principal(&pair).await;
            let new = Password::new("another horse 7 staple");
            let kept = world
                .authority
                .change_password(&by(&principal), &principal, Password::new(PASSWORD), new)
                .await
                .unwrap();
            for old in before.join_all().await.into_iter().flatten() {
                assert!(!is_believed(&world, &old).await);
                assert!(refreshed(&world, &old).await.is_none());
            }
            assert!(!is_believed(&world, &pair).await && refreshed(&world, &pair).await.is_none());
            assert!(is_believed(&world, &kept).await && refreshed(&world, &kept).await.is_some());
            assert!(world.login(&email, PASSWORD, None, None).await.is_err());
        }
    }

    async fn no_refresh_escapes_a_logout_a_disabling_or_a_deletion(db: TestDatabase) {
        let world = Arc::new(World::new(&db, config()).await);
        for round in 0..9 {
            let (user, pair) = world.register(&format!("ada-{round}@example.com")).await;
            let (principal, pair) = (world.principal(&pair).await, Arc::new(pair));
            let mut refreshes = JoinSet::new();
            for _ in 0..12 {
                let (world, pair) = (Arc::clone(&world), Arc::clone(&pair));
                refreshes.spawn(async move { refreshed(&world, &pair).await });
            }
            tokio::task::yield_now().await;
            let authority = &world.authority;
            match round % 4 {
                0 => authority.logout(&by(&principal), &principal).await.unwrap(),
                1 => {
                    let change = AdminUserChange { status: Some(UserStatus::Disabled), ..AdminUserChange::default() };
                    authority.change_user(&Caller::operator(), user.id, change).await.unwrap();
                }
                2 => drop(authority.delete_user(&Caller::operator(), user.id).await.unwrap()),
                _ => drop(authority.end_all(&Caller::operator(), user.id, EndReason::Admin).await.unwrap()),
            }
            for pair in refreshes.join_all().await.into_iter().flatten() {
                assert!(!is_believed(&world, &pair).await, "round {round}");
                assert!(refreshed(&world, &pair).await.is_none(), "round {round}");
            }
        }
    }

    /// A token states the roles of one moment, and is void or right ever after.
    async fn a_token_that_is_believed_states_what_holds(db: TestDatabase) {
        let world = Arc::new(World::new(&db, config()).await);
        assert!(put_role(&world, "editor", "scope:0").await);
        let mut users = Vec::new();
        for n in 0..4 {
            let (user, _) = world.register(&format!("ada-{n}@example.com")).await;
            give_roles(&world, &user, &["editor"]).await;
            users.push(user);
        }
        let mut logins = JoinSet::new();
        for user in &users {
            for narrowed in [false, true] {
                let (world, email) = (Arc::clone(&world), user.email.to_string());
                logins.spawn(async move {
                    let mut pairs = Vec::new();
                    for n in 0..20 {
                        let scope = narrowed.then(|| format!("scope:{}", n % 10));
                        pairs.extend(world.login(&email, PASSWORD, scope.as_deref(), None).await.ok());
                        if let Some(last) = pairs.last() {
                            pairs.extend(refreshed(&world, last).await);
                        }
                    }
                    pairs
                });
            }
        }
        for n in 0..60 {
            // Refused ones too: what is rolled back must not be remembered.
            assert!(put_role(&world, "editor", &format!("scope:{}", n % 10)).await);
            let _refused = world.authority.delete_role(&Caller::operator(), &"admin".parse().unwrap()).await;
            tokio::task::yield_now().await;
        }
        let last: Scope = "scope:9".parse().unwrap();
        let pairs: Vec<TokenPair> = logins.join_all().await.into_iter().flatten().collect();
        assert!(!pairs.is_empty());
        for pair in pairs {
            if is_believed(&world, &pair).await {
                let principal = world.principal(&pair).await;
                assert!(principal.scopes.iter().all(|scope| *scope == last), "{principal:?}");
            }
        }
    }
}
