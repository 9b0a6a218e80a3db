use async_trait::async_trait;
use portcullis_core::{clock::Timestamp, store::StoreError};

use crate::{
    act::{Act, Failure, Tx},
    dialect,
    sql::{Connection, execute, fetch_one, fetch_optional},
};

/// [`Store::meta`](portcullis_core::store::Store::meta)
pub(crate) async fn meta(
    connection: &mut Connection<'_>,
    name: &str,
) -> Result<Option<String>, Failure<StoreError>> {
    let found = fetch_optional!(
        connection,
        (String,),
        "SELECT value FROM portcullis_meta WHERE name = $1",
        name
    )?;
    Ok(found.map(|(value,)| value))
}

/// [`Store::meta_or_insert`](portcullis_core::store::Store::meta_or_insert)
pub(crate) struct MetaOrInsert {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[async_trait]
impl Act for MetaOrInsert {
    type Output = String;
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<String, Failure<StoreError>> {
        execute!(
            tx.sql(),
            "INSERT INTO portcullis_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            self.name.as_str(),
            self.value.as_str(),
        )?;
        let (value,) = fetch_one!(
            tx.sql(),
            (String,),
            "SELECT value FROM portcullis_meta WHERE name = $1",
            self.name.as_str()
        )?;
        Ok(value)
    }
}

/// [`Store::set_meta`](portcullis_core::store::Store::set_meta)
pub(crate) struct SetMeta {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[async_trait]
impl Act for SetMeta {
    type Output = ();
    type Error = StoreError;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(), Failure<StoreError>> {
        execute!(
            tx.sql(),
            "INSERT INTO portcullis_meta (name, value) VALUES ($1, $2)
             ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            self.name.as_str(),
            self.value.as_str(),
        )?;
        Ok(())
    }
}

/// [`Store::database_time`](portcullis_core::store::Store::database_time)
pub(crate) async fn database_time(
    connection: &mut Connection<'_>,
) -> Result<Option<Timestamp>, Failure<StoreError>> {
    ping(connection).await?;
    let millis = dialect::clock(connection).await?;
    Ok(millis.map(Timestamp::from_millis))
}

/// [`Store::ping`](portcullis_core::store::Store::ping)
pub(crate) async fn ping(connection: &mut Connection<'_>) -> Result<(), Failure<StoreError>> {
    fetch_optional!(
        connection,
        (i64,),
        "SELECT n FROM portcullis_counters WHERE name = 'roles_epoch'"
    )?;
    Ok(())
}
