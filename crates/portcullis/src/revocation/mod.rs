//! Revoking an application's own [tokens](crate::token), in its own database (features `sqlite`, `postgres`).
//!
//! ```
//! use portcullis::{
//!     revocation::Revocations,
//!     token::{Claims, NoCustom, Tokens},
//! };
//! # use secrecy::{ExposeSecret as _, SecretString};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! # let tokens = Tokens::hs256(&SecretString::from("0123456789abcdef0123456789abcdef"))?;
//! # let issued = tokens.encode("alice", NoCustom {})?;
//! # let token = issued.token.expose_secret();
//! let pool = sqlx::SqlitePool::connect("sqlite::memory:").await?;
//! let revocations = Revocations::default();
//!
//! let claims: Claims = tokens.decode(token)?;
//! assert!(!revocations.is_revoked(&pool, &claims.id).await?);
//!
//! // Logout.
//! revocations.revoke(&pool, &claims.id, claims.expires_at).await?;
//! assert!(revocations.is_revoked(&pool, &claims.id).await?);
//!
//! // Each night, perhaps by `schedule`.
//! revocations.purge_expired(&pool).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A provider asks with [`Revocations::check`], whose error is the right answer: 401 for a token that was revoked, 503 when
//! the database cannot tell.
//!
//! The table is called `portcullis_revoked_tokens` and is made when it is first asked, so the user of the database must be
//! allowed to. A row counts until its token can be taken nowhere any more, whether it was purged or not: two minutes after
//! its `exp`, so that neither [`Profile::leeway`](crate::token::Profile::leeway) nor a late clock brings it back. On SQLite it
//! survives a power failure if the pool has `synchronous=FULL`. Each check is one query by primary key; tokens of the whole
//! server ([`core::authority`](crate::core::authority)) are checked without one.

use std::{sync::Arc, time::Duration};

use portcullis_core::{
    clock::{Clock, SystemClock, Timestamp},
    store::StoreError,
    token::{MAX_LEEWAY, TokenError, typed::MAX_ID},
};
use portcullis_store::RevokedTokens;

pub use portcullis_store::PoolRef;

use crate::{problem::Problem, provider::AuthError};

/// For how long after its `exp` a token may still be taken somewhere: with the most leeway that there is, on a node whose
/// clock is a minute late.
const KEPT: Duration = MAX_LEEWAY.saturating_add(Duration::from_secs(60));

/// Which tokens are revoked: by their `jti`, in a database that is named with each call. Clones are cheap.
///
/// ```
/// use portcullis::revocation::Revocations;
///
/// # async fn nightly(pool: sqlx::SqlitePool, claims: portcullis::token::Claims) -> Result<(), Box<dyn std::error::Error>> {
/// let revocations = Revocations::default();
/// revocations.revoke(&pool, &claims.id, claims.expires_at).await?;
/// assert!(revocations.is_revoked(&pool, &claims.id).await?);
///
/// // Each night:
/// revocations.purge_expired(&pool).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Revocations {
    clock: Arc<dyn Clock>,
}

/// Why something was not revoked, or may not be taken as good.
///
/// ```
/// use portcullis::{Problem, revocation::RevocationError};
///
/// assert_eq!(Problem::from(RevocationError::Revoked).status(), 401);
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationError {
    /// [`Revocations::check`]: it was revoked.
    #[error("the token was revoked")]
    Revoked,
    /// Not the `jti` of any token that is taken: empty, longer than 255 bytes, or with control characters.
    #[error("not the id (jti) of a token: it has 1 to 255 bytes and no control characters")]
    Id,
    /// The database failed. Nobody can tell, which is never "not revoked".
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Default for Revocations {
    /// By the machine's clock.
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}

impl Revocations {
    /// By this clock.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use portcullis::{core::clock::MovableClock, revocation::Revocations};
    ///
    /// fn of_a_test(clock: &Arc<MovableClock>) -> Revocations { Revocations::new(clock.clone()) }
    /// ```
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock }
    }

    /// Revokes the token of this `jti`, which expires at `exp`. Whoever asks from now on learns of it.
    ///
    /// # Errors
    /// When the database did not do it: the token is still good.
    pub async fn revoke(
        &self,
        store: impl Into<PoolRef<'_>>,
        jti: &str,
        exp: Timestamp,
    ) -> Result<(), RevocationError> {
        check_id(jti)?;
        Ok(RevokedTokens::new(store).insert(jti, exp + KEPT).await?)
    }

    /// Whether the token of this `jti` was revoked and has not expired since.
    ///
    /// # Errors
    /// When the database does not tell: never to be taken for "no".
    pub async fn is_revoked(
        &self,
        store: impl Into<PoolRef<'_>>,
        jti: &str,
    ) -> Result<bool, RevocationError> {
        check_id(jti)?;
        let now = self.clock.now();
        Ok(RevokedTokens::new(store).contains(jti, now).await?)
    }

    /// As [`Revocations::is_revoked`], for a provider: whoever forgets to look at the answer lets nobody in.
    ///
    /// ```
    /// use portcullis::{provider::AuthError, revocation::Revocations, token::{Claims, Tokens}};
    /// use sqlx::SqlitePool;
    ///
    /// async fn who(token: &str, tokens: &Tokens, revocations: &Revocations, pool: &SqlitePool) -> Result<Claims, AuthError> {
    ///     let claims: Claims = tokens.decode(token)?;
    ///     revocations.check(pool, &claims.id).await?;
    ///     Ok(claims)
    /// }
    /// ```
    ///
    /// # Errors
    /// When it was revoked, or nobody can tell.
    pub async fn check(&self, store: impl Into<PoolRef<'_>>, jti: &str) -> Result<(), RevocationError> {
        if self.is_revoked(store, jti).await? {
            return Err(RevocationError::Revoked);
        }
        Ok(())
    }

    /// Deletes the rows of tokens that have expired, which do not count any more. Gives how many.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn purge_expired(&self, store: impl Into<PoolRef<'_>>) -> Result<u64, RevocationError> {
        let now = self.clock.now();
        Ok(RevokedTokens::new(store).purge(now).await?)
    }
}

/// Such a name was never revoked, and PostgreSQL does not take each of them.
fn check_id(jti: &str) -> Result<(), RevocationError> {
    if !(1..=MAX_ID).contains(&jti.len()) || jti.chars().any(char::is_control) {
        return Err(RevocationError::Id);
    }
    Ok(())
}

/// 401 or 503.
impl From<RevocationError> for AuthError {
    fn from(error: RevocationError) -> Self {
        match error {
            RevocationError::Revoked => TokenError::Revoked.into(),
            RevocationError::Id => Self::invalid(error.to_string()),
            RevocationError::Store(error) => {
                tracing::error!(%error, "revocation.unavailable");
                Self::unavailable()
            }
        }
    }
}

/// 401 or 503.
impl From<RevocationError> for Problem {
    fn from(error: RevocationError) -> Self {
        AuthError::from(error).into()
    }
}

#[cfg(test)]
mod tests;
