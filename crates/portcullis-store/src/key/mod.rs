//! Signing keys, as a whole set.

use async_trait::async_trait;
use portcullis_core::{
    audit::{ActContext, AuditEvent},
    clock::Timestamp,
    revocation::ChangeKind,
    store::{KeyActError, KeySet, StoreError, StoredKey},
};

use crate::{
    act::{Act, Corrupt, Failure, Tx},
    audit,
    sql::{Connection, execute, fetch_all},
};

/// A left join: without keys there is still one row, with the version.
#[derive(sqlx::FromRow)]
struct KeyRow {
    version: i64,
    kid: Option<String>,
    algorithm: Option<String>,
    state: Option<String>,
    sealed_private: Option<Vec<u8>>,
    public_jwk: Option<String>,
    created_at: Option<i64>,
    activated_at: Option<i64>,
    retire_at: Option<i64>,
}

impl KeyRow {
    fn key(self) -> Option<StoredKey> {
        Some(StoredKey {
            kid: self.kid?,
            algorithm: self.algorithm?,
            state: self.state?,
            sealed_private: self.sealed_private?,
            public_jwk: self.public_jwk?,
            created_at: Timestamp::from_millis(self.created_at?),
            activated_at: self.activated_at.map(Timestamp::from_millis),
            retire_at: self.retire_at.map(Timestamp::from_millis),
        })
    }
}

/// [`Store::keys`](portcullis_core::store::Store::keys): version and keys in one statement.
pub(crate) async fn read(connection: &mut Connection<'_>) -> Result<KeySet, Failure<StoreError>> {
    let rows = fetch_all!(
        connection,
        KeyRow,
        "SELECT c.n AS version, k.kid, k.algorithm, k.state, k.sealed_private, k.public_jwk, k.created_at,
                k.activated_at, k.retire_at
         FROM portcullis_counters c LEFT JOIN portcullis_keys k ON 1 = 1
         WHERE c.name = 'keys_version' ORDER BY k.created_at, k.kid"
    )?;
    let version = rows
        .first()
        .ok_or_else(|| Corrupt::new("the version of the keys"))?
        .version;
    Ok(KeySet {
        version,
        keys: rows.into_iter().filter_map(KeyRow::key).collect(),
    })
}

/// [`Store::replace_keys`](portcullis_core::store::Store::replace_keys)
pub(crate) struct ReplaceKeys {
    pub(crate) context: ActContext,
    pub(crate) version: i64,
    pub(crate) keys: Vec<StoredKey>,
    pub(crate) change: ChangeKind,
    pub(crate) event: AuditEvent,
}

#[async_trait]
impl Act for ReplaceKeys {
    type Output = ();
    type Error = KeyActError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Failure<KeyActError>> {
        let moved = execute!(
            tx.sql(),
            "UPDATE portcullis_counters SET n = n + 1 WHERE name = 'keys_version' AND n = $1",
            self.version
        )?;
        if moved == 0 {
            return Err(Failure::Refused(KeyActError::Moved));
        }
        execute!(tx.sql(), "DELETE FROM portcullis_keys")?;
        for key in &self.keys {
            execute!(
                tx.sql(),
                "INSERT INTO portcullis_keys
                 (kid, algorithm, state, sealed_private, public_jwk, created_at, activated_at, retire_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                key.kid.as_str(),
                key.algorithm.as_str(),
                key.state.as_str(),
                key.sealed_private.as_slice(),
                key.public_jwk.as_str(),
                key.created_at.millis(),
                key.activated_at.map(Timestamp::millis),
                key.retire_at.map(Timestamp::millis),
            )?;
        }
        tx.announce(&self.context, b"keys", self.change.clone());
        audit::insert(tx.sql(), &self.event).await?;
        Ok(())
    }
}
