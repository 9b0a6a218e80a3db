use async_trait::async_trait;

use super::{FeedRead, FeedSnapshot, Lanes};
use crate::{
    clock::Timestamp,
    store::{Store, StoreError},
};

/// The part of [`Store`] that a [`Follower`](super::Follower) needs. Every store has it.
#[async_trait]
pub trait Feed: Send + Sync + 'static {
    /// All changes that can still matter, and the position from which to go on ([`Store::load_feed`]).
    async fn load(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError>;

    /// The changes since `position` ([`Store::read_feed`]).
    async fn read(&self, position: &Lanes) -> Result<FeedRead, StoreError>;
}

#[async_trait]
impl<S: Store + ?Sized> Feed for S {
    async fn load(&self, now: Timestamp) -> Result<FeedSnapshot, StoreError> {
        self.load_feed(now).await
    }

    async fn read(&self, position: &Lanes) -> Result<FeedRead, StoreError> {
        self.read_feed(position).await
    }
}
