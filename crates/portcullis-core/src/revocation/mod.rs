//! Revocation without a round trip: the feed of changes, the index in memory, the lease (design section 5).

mod change;
mod feed;
mod follower;
mod index;
mod lease;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

pub use self::{
    change::{Change, ChangeKind, FeedRead, FeedSnapshot, LANES, LaneHead, Lanes, lane_of},
    feed::Feed,
    follower::{Follower, FollowerCounts},
    index::{Index, Revoked},
    lease::{ChangeListener, FollowerConfig, Stale, retention},
};
