//! Whose turn it is, among many nodes.

use std::sync::Arc;

use async_trait::async_trait;
use portcullis_core::{
    clock::Timestamp,
    store::{Store, StoreError},
};

/// The newest run of which anybody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// When it was due.
    pub(super) due: Timestamp,
    /// Whether it came to its end, or was found missed.
    pub(super) finished: bool,
}

/// What nodes have in common. Only who has the turn writes a record.
#[async_trait]
pub(super) trait Turn: Send + Sync {
    /// Takes or keeps the turn until then; with `until` in the past, gives it back.
    async fn take(&self, now: Timestamp, until: Timestamp) -> Result<bool, StoreError>;
    async fn record(&self) -> Result<Option<Record>, StoreError>;
    async fn set_record(&self, record: Record) -> Result<(), StoreError>;
}

/// A lease and a value in the store.
pub(super) struct StoreTurn {
    store: Arc<dyn Store>,
    key: String,
    holder: String,
}

impl StoreTurn {
    pub(super) fn new(store: Arc<dyn Store>, name: &str, holder: String) -> Self {
        Self {
            store,
            key: format!("schedule {name}"),
            holder,
        }
    }
}

#[async_trait]
impl Turn for StoreTurn {
    async fn take(&self, now: Timestamp, until: Timestamp) -> Result<bool, StoreError> {
        self.store.take_lease(&self.key, &self.holder, now, until).await
    }

    async fn record(&self) -> Result<Option<Record>, StoreError> {
        let Some(text) = self.store.meta(&self.key).await? else {
            return Ok(None);
        };
        match parse(&text) {
            Some(record) => Ok(Some(record)),
            None => Err(StoreError::Corrupt(format!(
                "the value `{}` of portcullis_meta is not the record of a schedule: delete it",
                self.key
            ))),
        }
    }

    async fn set_record(&self, record: Record) -> Result<(), StoreError> {
        self.store.set_meta(&self.key, &write(record)).await
    }
}

pub(super) fn write(record: Record) -> String {
    let state = if record.finished { "finished" } else { "begun" };
    format!("{} {state}", record.due.millis())
}

pub(super) fn parse(text: &str) -> Option<Record> {
    let (due, state) = text.split_once(' ')?;
    Some(Record {
        due: Timestamp::from_millis(due.parse().ok()?),
        finished: match state {
            "finished" => true,
            "begun" => false,
            _ => return None,
        },
    })
}
