//! Revocation without a round trip: the feed of changes, the index in memory, the lease (design section 5).

mod change;
mod feed;
mod follower;
mod index;

pub use self::{
    change::{Change, ChangeKind, FeedRead, FeedSnapshot, LANES, LaneHead, Lanes, lane_of},
    feed::Feed,
    follower::{ChangeListener, Follower, FollowerConfig, NotAdmitted, Stale, retention},
    index::{Index, Revoked},
};
