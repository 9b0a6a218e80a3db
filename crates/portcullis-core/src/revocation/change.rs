use crate::{
    access::RoleName,
    clock::Timestamp,
    id::{SessionId, UserId},
};

/// Number of lanes of the feed. Each act takes its number from one, so that acts on different users rarely wait
/// for each other.
pub const LANES: usize = COUNT as usize;
const COUNT: u8 = 16;

/// The lane in which an act on `subject` is recorded.
#[must_use]
pub fn lane_of(subject: &[u8]) -> u8 {
    let mixed = subject.iter().fold(0u32, |hash, byte| {
        hash.wrapping_mul(31).wrapping_add(u32::from(*byte))
    });
    (mixed ^ (mixed >> 16)).to_le_bytes()[0] % COUNT
}

/// What every node must no longer believe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// A session ended: its tokens are void.
    SessionEnded {
        /// The session.
        session: SessionId,
    },
    /// Tokens of the user with lower epochs are void. Both are [`i64::MAX`] when the user was deleted.
    ///
    /// An epoch is raised to the greater of itself plus one and the act's instant in milliseconds. The clock decides
    /// nothing by that: it keeps a store that was restored from a backup from giving out an epoch a second time that
    /// tokens of the lost history carry, which the next act would then fail to void.
    UserEpochs {
        /// The user.
        user: UserId,
        /// Least valid `token_epoch`.
        token_epoch: i64,
        /// Least valid `session_epoch`.
        session_epoch: i64,
    },
    /// A role was edited or deleted: tokens that carry it and are older are void.
    RoleEdited {
        /// The role.
        role: RoleName,
        /// Least valid `roles_epoch`. Raised like the others.
        roles_epoch: i64,
    },
    /// All that was signed with the key is void.
    KeyRevoked {
        /// The key (`kid`).
        kid: String,
    },
    /// The set of signing keys changed: read it anew.
    KeysChanged,
    /// Name, email or anything else that `/me` shows changed: what is cached of the user is stale.
    ProfileChanged {
        /// The user.
        user: UserId,
    },
}

/// One row of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The lane, below [`LANES`].
    pub lane: u8,
    /// Its number in the lane: gapless, visible in order.
    pub n: i64,
    /// Random; tells apart two histories that gave the same number to different acts (failover, restore).
    pub tag: i64,
    /// What changed.
    pub kind: ChangeKind,
    /// When it was done.
    pub at: Timestamp,
    /// Until when a token that it voids could otherwise be valid.
    pub until: Timestamp,
}

/// The newest row of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LaneHead {
    /// Its number; 0 before the first.
    pub n: i64,
    /// Its tag; 0 before the first.
    pub tag: i64,
}

/// A reader's position: for each lane the last row that it knows.
pub type Lanes = [LaneHead; LANES];

/// The whole feed, as of `lanes` at least.
#[derive(Clone, Debug, Default)]
pub struct FeedSnapshot {
    /// Position from which to go on.
    pub lanes: Lanes,
    /// All rows that can still matter. Rows newer than `lanes` may be among them: applying one twice is harmless.
    pub changes: Vec<Change>,
}

/// What has come since a position.
#[expect(clippy::large_enum_variant, reason = "one a second, never stored")]
#[derive(Clone, Debug)]
pub enum FeedRead {
    /// The rows after the position, in order within each lane, and the new position.
    Continued {
        /// New position.
        lanes: Lanes,
        /// New rows.
        changes: Vec<Change>,
    },
    /// The last row that the reader knew is missing or different: the store went back in time. Load the whole
    /// feed before trusting anything.
    Rewritten,
}
