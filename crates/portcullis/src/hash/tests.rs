use std::{sync::Arc, time::Duration};

use http::{StatusCode, header};
use portcullis_core::{
    clock::MovableClock,
    password::pool::{Busy, JobClass},
    rng::SystemRng,
};
use secrecy::SecretString;

use super::*;
use crate::{problem::Problem, provider::AuthError};

const BCRYPT: &str = "$2b$04$CwTycUXWue0Thq9StjUM0uJ8pZxkVQ4YSGBu0kzF9sQmTYDAq0Q2e";

fn config() -> HashPoolConfig {
    HashPoolConfig {
        threads: 1,
        params: Argon2Params::weak_for_tests(),
        queue: 8,
        ..HashPoolConfig::default()
    }
}

fn hasher() -> Hasher {
    Hasher::start_with(config(), Arc::new(MovableClock::default()), Arc::new(SystemRng)).unwrap()
}

#[tokio::test]
async fn a_password_matches_its_own_hash_alone() {
    let hasher = hasher();
    let stored = hasher.password(SecretString::from("kept secret")).await.unwrap();
    let of = |matches| Verdict {
        matches,
        rehash: false,
    };
    assert_eq!(hasher.verify("kept secret", &stored).await.unwrap(), of(true));
    assert_eq!(hasher.verify("kept secret ", &stored).await.unwrap(), of(false));
    assert_eq!(hasher.verify("", stored.expose()).await.unwrap(), of(false));
    let again = hasher.password("kept secret").await.unwrap();
    assert_ne!(stored.expose(), again.expose(), "each has a salt of its own");
}

#[tokio::test]
async fn nobody_is_known_by_no_password_at_all() {
    let hasher = hasher();
    for stored in [
        None,
        Some(""),
        Some("kept secret"),
        Some("$argon2id$v=19$m=64,t=1,p=1$$"),
    ] {
        let verdict = hasher.verify("kept secret", stored).await.unwrap();
        assert!(!verdict.matches && !verdict.rehash, "{stored:?}");
    }
    assert!(
        !hasher
            .verify_unknown("kept secret", "nobody")
            .await
            .unwrap()
            .matches
    );
}

#[tokio::test]
async fn unknown_users_cost_a_hash_of_the_kind_that_is_stored() {
    let hasher = hasher();
    let work = || hasher.pool().stats().completed;
    let before = work();
    let _ = hasher.verify("kept secret", None::<&str>).await.unwrap();
    let _ = hasher.verify("kept secret", "no hash").await.unwrap();
    let _ = hasher.verify_unknown("kept secret", "nobody").await.unwrap();
    assert_eq!(work() - before, 3);
}

#[tokio::test]
async fn the_kinds_of_what_is_stored_are_counted() {
    let hasher = hasher();
    let own = hasher.password("kept secret").await.unwrap();
    let stored = [BCRYPT, own.expose(), BCRYPT];
    let of_own = own.kind().to_owned();
    assert_eq!(hasher::kinds(stored), [("$2b$04".to_owned(), 2), (of_own, 1)]);

    // Dummies are of them: of one that is estimated to take much longer than what this hasher makes.
    let estimate = || hasher.pool().stats().estimate;
    let before = estimate();
    hasher.set_population_of([BCRYPT.replace("$04$", "$12$")]);
    assert!(estimate() > before * 10, "{before:?}, {:?}", estimate());
}

#[tokio::test]
async fn what_is_weaker_or_of_another_family_is_to_be_replaced() {
    let hasher = hasher();
    let own = hasher.password("kept secret").await.unwrap();
    assert!(!hasher.needs_rehash(own.expose()));
    assert!(hasher.needs_rehash(BCRYPT));
    // The free function judges by the process's own, which makes stronger ones.
    assert!(needs_rehash(own.expose()));
}

#[tokio::test]
async fn an_import_is_checked_and_said_to_be_outdated() {
    let hasher = hasher();
    let imported = format!("$2b$04${}", &bcrypt_of("kept secret"));
    let verdict = hasher.verify("kept secret", &imported).await.unwrap();
    assert_eq!(
        verdict,
        Verdict {
            matches: true,
            rehash: true
        }
    );
    let wrong = hasher.verify("something else", &imported).await.unwrap();
    assert!(!wrong.matches && !wrong.rehash);
}

/// Salt and digest, by the independent implementation of the `bcrypt` crate.
fn bcrypt_of(password: &str) -> String {
    let parts = bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap();
    parts.to_string().rsplit_once('$').unwrap().1.to_owned()
}

#[tokio::test]
async fn one_address_leaves_room_for_others() {
    let hasher = hasher();
    let stranger = hasher.for_address("192.0.2.7".parse().unwrap());
    let quarter = JobClass::General {
        address: Some("192.0.2.7".parse().unwrap()),
    };
    let held: Vec<_> = std::iter::from_fn(|| hasher.pool().admit(quarter).ok())
        .take(8)
        .collect();
    assert_eq!(held.len(), 2, "a quarter of 8");
    assert!(matches!(
        stranger.password("kept secret").await,
        Err(HashError::Busy(_))
    ));
    let other = hasher.for_address("192.0.2.8".parse().unwrap());
    assert!(other.password("kept secret").await.is_ok());
    assert!(hasher.password("kept secret").await.is_ok());
}

#[tokio::test]
async fn busy_is_a_503_and_not_a_wrong_password() {
    let busy = || {
        HashError::Busy(Busy {
            retry_after: Duration::from_secs(7),
        })
    };
    let problem = Problem::from(busy());
    assert_eq!(problem.status(), StatusCode::SERVICE_UNAVAILABLE);
    let response = axum::response::IntoResponse::into_response(problem);
    assert_eq!(response.headers()[header::RETRY_AFTER], "7");
    assert_eq!(
        AuthError::from(busy()),
        AuthError::Unavailable {
            retry_after: Duration::from_secs(7)
        }
    );
    assert_eq!(
        Problem::from(HashError::Failed).status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
}

#[tokio::test]
async fn the_process_has_one_hasher() {
    let (first, second) = (shared().unwrap(), shared().unwrap());
    let before = second.pool().stats().completed;
    let stored = password("kept secret").await.unwrap();
    assert!(verify("kept secret", &stored).await.unwrap().matches);
    assert!(!verify_unknown("kept secret", "nobody").await.unwrap().matches);
    assert_eq!(second.pool().stats().completed, before + 3);
    assert!(install(first).is_err(), "too late");
    assert!(!needs_rehash(stored.expose()));
}
