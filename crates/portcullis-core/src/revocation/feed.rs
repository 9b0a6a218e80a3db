use async_trait::async_trait;

use super::{Change, FeedRead, FeedSnapshot, Lanes};
use crate::{
    clock::Timestamp,
    store::{Store, StoreError},
};

/// The part of [`Store`] that a [`Follower`](super::Follower) needs. Every store has it.
#[async_trait]
pub trait Feed: Send + Sync + 'static {
    /// All changes that can still matter, and the position from which to go on ([`Store::load_feed`]).
    async fn load(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError>;

    /// The same, part by part, and then the position ([`Store::stream_feed`]): a feed may have millions of rows.
    async fn stream(
        &self,
        now: Timestamp,
        take: &mut (dyn for<'c> FnMut(&'c [Change]) + Send),
    ) -> Result<Lanes, StoreError> {
        let FeedSnapshot { lanes, changes } = self.load(now).await?;
        take(&changes);
        Ok(lanes)
    }

    /// The changes since `position` ([`Store::read_feed`]).
    async fn read(&self, position: &Lanes) -> Result<FeedRead, StoreError>;

    /// Resolves when somebody says that there are new rows ([`Store::feed_moved`]). Only a hint: nothing depends on it but
    /// how soon they are read.
    async fn moved(&self) {
        std::future::pending::<()>().await;
    }
}

#[async_trait]
impl<S: Store + ?Sized> Feed for S {
    async fn load(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError> {
        self.load_feed(now).await
    }

    async fn stream(
        &self,
        now: Timestamp,
        take: &mut (dyn for<'c> FnMut(&'c [Change]) + Send),
    ) -> Result<Lanes, StoreError> {
        self.stream_feed(now, take).await
    }

    async fn read(&self, position: &Lanes) -> Result<FeedRead, StoreError> {
        self.read_feed(position).await
    }

    async fn moved(&self) {
        self.feed_moved().await;
    }
}
