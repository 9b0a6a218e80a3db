use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn key(number: usize) -> StoredKey {
    StoredKey {
        kid: format!("k{number}"),
        algorithm: "ES256".into(),
        state: "next".into(),
        sealed_private: Vec::new(),
        public_jwk: String::new(),
        created_at: at(0),
        activated_at: None,
        retire_at: None,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(seconds)
}

fn states(keys: &[StoredKey]) -> Vec<String> {
    keys.iter()
        .map(|key| format!("{} {}", key.kid, key.state))
        .collect()
}

#[test]
fn a_rotation_moves_each_key_one_step() {
    let keys = found(key(0), key(1), at(0));
    assert_eq!(states(&keys), ["k0 active", "k1 next"]);
    let keys = rotate(&keys, key(2), at(10), at(100));
    assert_eq!(states(&keys), ["k1 active", "k2 next", "k0 retiring"]);
    assert_eq!(keys[0].activated_at, Some(at(10)));
    assert_eq!(keys[2].retire_at, Some(at(100)));
    let keys = rotate(&keys, key(3), at(99), at(199));
    assert_eq!(
        states(&keys),
        ["k2 active", "k3 next", "k1 retiring", "k0 retiring"]
    );
    let keys = rotate(&keys, key(4), at(100), at(200));
    assert_eq!(
        states(&keys),
        ["k3 active", "k4 next", "k2 retiring", "k1 retiring"],
        "k0 is over"
    );
}

#[test]
fn a_key_rotates_when_it_is_old_and_the_next_one_is_known() {
    const DAY: i64 = 86_400;
    let after = Duration::from_secs(90 * 86_400);
    let keys = found(key(0), key(1), at(0));
    assert_eq!(rotation(&keys, after, at(90 * DAY - 1)), Rotation::None);
    assert_eq!(rotation(&keys, after, at(90 * DAY)), Rotation::Rotate);
    let young = |created| {
        let mut next = key(2);
        next.created_at = at(created);
        put_next(&keys, next, at(created))
    };
    assert_eq!(
        rotation(&young(89 * DAY + 1), after, at(90 * DAY)),
        Rotation::None
    );
    assert_eq!(rotation(&young(89 * DAY), after, at(90 * DAY)), Rotation::Rotate);
    let lonely = [activate(key(0), at(0))];
    assert_eq!(rotation(&lonely, after, at(90 * DAY)), Rotation::Announce);
    assert_eq!(rotation(&lonely, after, at(0)), Rotation::None);
    // Once is enough.
    let rotated = rotate(&keys, key(2), at(90 * DAY), at(91 * DAY));
    assert_eq!(rotation(&rotated, after, at(90 * DAY)), Rotation::None);
}

#[test]
fn a_revoked_key_is_gone_at_once() {
    let keys = rotate(&found(key(0), key(1), at(0)), key(2), at(10), at(100));
    let after = |kid| revoke(&keys, kid, key(9), at(20)).map(|keys| states(&keys));
    assert_eq!(after("k1").unwrap(), ["k2 active", "k0 retiring", "k9 next"]);
    assert_eq!(after("k2").unwrap(), ["k1 active", "k0 retiring", "k9 next"]);
    assert_eq!(after("k0").unwrap(), ["k1 active", "k2 next"]);
    assert_eq!(after("k7"), None);
    let lonely = [activate(key(0), at(0))];
    assert_eq!(
        states(&revoke(&lonely, "k0", key(9), at(20)).unwrap()),
        ["k9 active"]
    );
}

#[test]
fn another_algorithm_takes_over_and_what_was_signed_stays_valid() {
    let keys = replace(&found(key(0), key(1), at(0)), key(2), key(3), at(10), at(100));
    assert_eq!(states(&keys), ["k2 active", "k3 next", "k0 retiring"]);
}

#[test]
fn an_imported_key_waits_or_signs() {
    let keys = found(key(0), key(1), at(0));
    assert_eq!(states(&put_next(&keys, key(2), at(1))), ["k0 active", "k2 next"]);
    let active = put_active(&keys, key(2), at(1), at(100));
    assert_eq!(states(&active), ["k2 active", "k0 retiring", "k1 next"]);
}

#[test]
fn nonsense_is_recognized() {
    let good = found(key(0), key(1), at(0));
    assert_eq!(fault(&good), None);
    assert!(fault(&[]).is_some());
    assert!(fault(&good[1..]).is_some());
    let broken = |change: fn(&mut Vec<StoredKey>)| {
        let mut keys = good.clone();
        change(&mut keys);
        fault(&keys)
    };
    assert!(broken(|keys| keys[1].state = "active".into()).is_some());
    assert!(broken(|keys| keys[1].state = "lost".into()).is_some());
    assert!(broken(|keys| keys[1].kid = "k0".into()).is_some());
    assert!(broken(|keys| keys.push(key(2))).is_some());
}

#[derive(Clone, Debug)]
enum Act {
    Rotate,
    Replace,
    ImportNext,
    ImportActive,
    Revoke(prop::sample::Index),
}

fn acts() -> impl Strategy<Value = Vec<(i64, Act)>> {
    let act = prop_oneof![
        4 => Just(Act::Rotate),
        1 => Just(Act::Replace),
        1 => Just(Act::ImportNext),
        1 => Just(Act::ImportActive),
        2 => any::<prop::sample::Index>().prop_map(Act::Revoke),
    ];
    prop::collection::vec((0i64..60, act), 1..40)
}

proptest! {
    /// Whatever is done and when: one key signs, at most one waits, and no live token loses its key but by its
    /// revocation.
    #[test]
    fn no_live_token_loses_its_key(acts in acts()) {
        let life = Duration::from_secs(100);
        let mut keys = found(key(0), key(1), at(0));
        let mut now = at(0);
        let mut made = 2;
        let mut live: Vec<(String, Timestamp)> = Vec::new();
        for (wait, act) in acts {
            now = now + Duration::from_secs(u64::try_from(wait).unwrap());
            let signer = keys.iter().find(|key| is(key, KeyState::Active)).unwrap().kid.clone();
            live.push((signer, now + life));
            let mut fresh = || { made += 1; key(made) };
            let until = now + life;
            keys = match act {
                Act::Rotate => rotate(&keys, fresh(), now, until),
                Act::Replace => replace(&keys, fresh(), fresh(), now, until),
                Act::ImportNext => put_next(&keys, fresh(), now),
                Act::ImportActive => put_active(&keys, fresh(), now, until),
                Act::Revoke(which) => {
                    let kid = keys[which.index(keys.len())].kid.clone();
                    live.retain(|(signer, _)| *signer != kid);
                    // Keys whose time is over are not there to be revoked.
                    match revoke(&keys, &kid, fresh(), now) {
                        Some(after) => {
                            prop_assert!(after.iter().all(|key| key.kid != kid));
                            after
                        }
                        None => keys,
                    }
                }
            };
            prop_assert_eq!(fault(&keys), None);
            live.retain(|(_, until)| *until > now);
            for (signer, _) in &live {
                prop_assert!(keys.iter().any(|key| key.kid == *signer), "{} is lost", signer);
            }
        }
    }
}
