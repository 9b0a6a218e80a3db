use http::StatusCode;
use portcullis_core::clock::MovableClock;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::SqlitePool;

use super::*;
use crate::token::{NoCustom, Profile, Tokens};

const MINUTE: Duration = Duration::from_secs(60);

async fn pool() -> SqlitePool {
    SqlitePool::connect("sqlite::memory:").await.unwrap()
}

fn revocations() -> (Revocations, Arc<MovableClock>) {
    let clock = Arc::new(MovableClock::default());
    (Revocations::new(Arc::<MovableClock>::clone(&clock)), clock)
}

#[tokio::test]
async fn a_revoked_token_is_refused_until_it_expires_and_is_purged_then() {
    let (pool, (revocations, clock)) = (pool().await, revocations());
    let exp = clock.now() + MINUTE;
    assert!(revocations.check(&pool, "a").await.is_ok());
    revocations.revoke(&pool, "a", exp).await.unwrap();
    assert!(matches!(
        revocations.check(&pool, "a").await,
        Err(RevocationError::Revoked)
    ));
    assert!(revocations.check(&pool, "b").await.is_ok());
    assert_eq!(revocations.purge_expired(&pool).await.unwrap(), 0);

    clock.advance(MINUTE + KEPT);
    assert!(
        !revocations.is_revoked(&pool, "a").await.unwrap(),
        "not purged yet"
    );
    assert_eq!(revocations.purge_expired(&pool).await.unwrap(), 1);
    assert_eq!(revocations.purge_expired(&pool).await.unwrap(), 0);
}

#[tokio::test]
async fn leeway_brings_no_token_back() {
    let (pool, (revocations, clock)) = (pool().await, revocations());
    let tokens = Tokens::hs256(&SecretString::from("0123456789abcdef0123456789abcdef"))
        .unwrap()
        .profile(Profile::default().leeway(Duration::from_secs(600)))
        .ports(
            Arc::<MovableClock>::clone(&clock),
            Arc::new(portcullis_core::rng::SystemRng),
        );
    // Its `exp` is in whole seconds.
    clock.advance(Duration::from_millis(999));
    let issued = tokens.encode("alice", NoCustom {}).unwrap();
    let claims = issued.claims;
    revocations
        .revoke(&pool, &claims.id, claims.expires_at)
        .await
        .unwrap();
    let mut seconds = 0;
    while tokens.decode::<NoCustom>(issued.token.expose_secret()).is_ok() {
        assert!(
            revocations.is_revoked(&pool, &claims.id).await.unwrap(),
            "after {seconds} s"
        );
        clock.advance(Duration::from_secs(1));
        seconds += 1;
    }
    assert!(seconds > 900, "{seconds}: the leeway was given");
}

#[tokio::test]
async fn what_no_token_can_be_called_is_refused() {
    let (pool, (revocations, clock)) = (pool().await, revocations());
    for jti in ["", "a\0", "a\n", &"a".repeat(256)] {
        let revoked = revocations.revoke(&pool, jti, clock.now() + MINUTE).await;
        assert!(matches!(revoked, Err(RevocationError::Id)));
        assert!(matches!(
            revocations.check(&pool, jti).await,
            Err(RevocationError::Id)
        ));
    }
    assert!(revocations.check(&pool, &"a".repeat(255)).await.is_ok());
}

#[tokio::test]
async fn a_database_that_fails_is_a_503_and_never_a_no() {
    let (pool, (revocations, _)) = (pool().await, revocations());
    pool.close().await;
    let error = revocations.check(&pool, "a").await.unwrap_err();
    assert!(matches!(error, RevocationError::Store(_)));
    assert_eq!(AuthError::from(error), AuthError::unavailable());
    let error = revocations.is_revoked(&pool, "a").await.unwrap_err();
    assert_eq!(Problem::from(error).status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        Problem::from(RevocationError::Revoked).status(),
        StatusCode::UNAUTHORIZED
    );
}
