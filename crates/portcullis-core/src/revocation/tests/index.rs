use std::sync::Arc;

use proptest::prelude::*;

use super::{at, edited, ended, epochs, revoked, session, token, user};
use crate::{
    access::{Principal, RoleName},
    revocation::{ChangeKind, Index, Revoked},
};

fn index(kinds: &[ChangeKind]) -> Index {
    let index = Index::new();
    index.deny(kinds, at(1000));
    index
}

#[test]
fn each_kind_of_change_voids_what_it_should_and_says_why() {
    let cases = [
        (ended(1), Err(Revoked::Session)),
        (ended(2), Ok(())),
        (epochs(1, 10, 20), Ok(())),
        (epochs(1, 11, 20), Err(Revoked::User)),
        (epochs(1, 10, 21), Err(Revoked::Sessions)),
        (epochs(1, i64::MAX, i64::MAX), Err(Revoked::Deleted)),
        (epochs(2, 11, 21), Ok(())),
        (edited("editor", 30), Ok(())),
        (edited("editor", 31), Err(Revoked::Role)),
        (edited("viewer", 31), Err(Revoked::Role)),
        (edited("admin", 31), Ok(())),
        (revoked("key"), Err(Revoked::Key)),
        (revoked("other"), Ok(())),
        (ChangeKind::KeysChanged, Ok(())),
        (ChangeKind::ProfileChanged { user: user(1) }, Ok(())),
    ];
    for (kind, expected) in cases {
        let index = index(std::slice::from_ref(&kind));
        assert_eq!(index.check(&token(), "key"), expected, "{kind:?}");
    }
}

#[test]
fn a_narrowed_token_is_voided_by_the_edit_of_any_role() {
    let mut token = token();
    token.narrowed = true;
    token.roles.clear();
    assert_eq!(index(&[edited("admin", 30)]).check(&token, "key"), Ok(()));
    assert_eq!(
        index(&[edited("admin", 31)]).check(&token, "key"),
        Err(Revoked::Role)
    );
}

#[test]
fn an_old_edit_of_one_role_is_found_behind_newer_edits_of_others() {
    let index = index(&[edited("viewer", 31), edited("admin", 99), edited("viewer", 29)]);
    assert_eq!(index.check(&token(), "key"), Err(Revoked::Role));
}

#[test]
fn an_entry_stays_until_the_latest_of_its_ends() {
    for kind in [ended(1), epochs(1, 11, 21), edited("editor", 31), revoked("key")] {
        let index = Index::new();
        for until in [at(100), at(200), at(150)] {
            index.deny(std::slice::from_ref(&kind), until);
        }
        assert_eq!(index.len(), 1);
        assert_eq!(index.purge(at(200)), 0, "{kind:?}");
        assert!(index.check(&token(), "key").is_err());
        assert_eq!(index.purge(at(201)), 1);
        assert!(index.is_empty());
        assert_eq!(index.check(&token(), "key"), Ok(()));
    }
}

/// The store was restored: tokens of now state lesser epochs than the edit that it has lost.
#[test]
fn an_edit_that_is_over_voids_no_narrowed_token_of_later() {
    let index = index(&[edited("admin", 99)]);
    let mut token = token();
    token.narrowed = true;
    assert_eq!(index.check(&token, "key"), Err(Revoked::Role));
    index.purge(at(1001));
    assert_eq!(index.check(&token, "key"), Ok(()));
}

fn any_kind() -> impl Strategy<Value = ChangeKind> {
    prop_oneof![
        (1..4u128).prop_map(ended),
        (1..3u128, 8..13i64, 18..23i64).prop_map(|(n, t, s)| epochs(n, t, s)),
        (0..3usize, 28..33i64).prop_map(|(role, n)| edited(["admin", "editor", "viewer"][role], n)),
        (0..2usize).prop_map(|key| revoked(["key", "other"][key])),
        Just(ChangeKind::KeysChanged),
    ]
}

fn any_token() -> impl Strategy<Value = Principal> {
    (
        (1..4u128, 1..3u128, any::<bool>()),
        prop::collection::vec(0..3usize, 0..3),
        (8..13i64, 18..23i64, 28..33i64),
    )
        .prop_map(|((s, u, narrowed), roles, (t, e, r))| Principal {
            session: session(s),
            user: user(u),
            roles: roles
                .into_iter()
                .map(|i| ["admin", "editor", "viewer"][i].parse::<RoleName>().unwrap())
                .collect(),
            narrowed,
            token_epoch: t,
            session_epoch: e,
            roles_epoch: r,
            ..token()
        })
}

/// The meaning of a change for one token, without an index.
fn voids(change: &ChangeKind, token: &Principal, key: &str) -> bool {
    match change {
        ChangeKind::SessionEnded { session } => *session == token.session,
        ChangeKind::UserEpochs {
            user,
            token_epoch,
            session_epoch,
        } => {
            *user == token.user && (token.token_epoch < *token_epoch || token.session_epoch < *session_epoch)
        }
        ChangeKind::RoleEdited { role, roles_epoch } => {
            token.roles_epoch < *roles_epoch && (token.narrowed || token.roles.contains(role))
        }
        ChangeKind::KeyRevoked { kid } => kid == key,
        ChangeKind::KeysChanged | ChangeKind::ProfileChanged { .. } => false,
    }
}

proptest! {
    #[test]
    fn the_index_is_the_sum_of_its_changes_in_any_order(
        kinds in prop::collection::vec(any_kind(), 0..12),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        shuffled in any::<u64>(),
        tokens in prop::collection::vec(any_token(), 1..20),
    ) {
        let mut order = kinds.clone();
        if !kinds.is_empty() {
            order.extend(again.iter().map(|i| i.get(&kinds).clone()));
            let length = order.len();
            let mut state = shuffled;
            for i in 0..length {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                order.swap(i, usize::try_from(state >> 33).unwrap() % length);
            }
        }
        let index = Index::new();
        for kind in &order {
            index.deny(std::slice::from_ref(kind), at(1000));
        }
        for token in &tokens {
            let void = kinds.iter().any(|kind| voids(kind, token, "key"));
            prop_assert_eq!(index.check(token, "key").is_err(), void, "{:?}", token);
        }
    }
}

#[test]
fn what_is_put_in_beside_a_purge_is_not_lost() {
    for round in 0..200 {
        let index = index(&[ended(1)]);
        std::thread::scope(|scope| {
            scope.spawn(|| index.purge(at(2000)));
            index.deny(&[ended(1)], at(3000));
        });
        assert_eq!(index.check(&token(), "key"), Err(Revoked::Session), "{round}");
        assert_eq!(index.purge(at(2000)), 0);
    }
}

#[tokio::test]
async fn a_watch_resolves_at_the_change_that_voids_the_token_and_not_before() {
    let index = Arc::new(Index::new());
    let watched = Arc::clone(&index);
    let mut watch = tokio::spawn(async move { watched.revoked(&token(), "key").await });
    tokio::task::yield_now().await;
    index.deny(&[ended(2), ChangeKind::KeysChanged], at(1000));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    assert!(!watch.is_finished());
    index.deny(&[epochs(1, 0, 21)], at(1000));
    assert_eq!((&mut watch).await.unwrap(), Revoked::Sessions);
    assert_eq!(index.revoked(&token(), "key").await, Revoked::Sessions);
}

#[test]
fn nothing_new_wakes_nobody() {
    let index = index(&[ended(1)]);
    let seen = index.watch();
    index.deny(&[ended(1)], at(1000));
    index.deny(&[ended(1)], at(900));
    assert!(!seen.has_changed().unwrap());
    index.deny(&[ended(1)], at(1001));
    assert!(seen.has_changed().unwrap());
}
