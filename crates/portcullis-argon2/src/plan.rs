//! Which block is made of which others (RFC 9106, section 3.4).

use argon2::{Algorithm, Params};

/// Slices of a lane; lanes may be looked into up to the slice before this one.
pub(crate) const SLICES: usize = 4;

/// The shape of the memory and the number of passes over it.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) algorithm: Algorithm,
    pub(crate) passes: usize,
    pub(crate) lanes: usize,
    /// Blocks of a slice of a lane.
    pub(crate) segment: usize,
    /// Whether a later pass mixes what was there before: since version 1.3.
    pub(crate) mixes: bool,
}

/// One slice of one lane in one pass.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) pass: usize,
    pub(crate) slice: usize,
    pub(crate) lane: usize,
}

impl Plan {
    pub(crate) fn new(algorithm: Algorithm, version: argon2::Version, params: &Params) -> Self {
        let lanes = usize::try_from(params.p_cost()).unwrap_or(usize::MAX);
        Self {
            algorithm,
            passes: usize::try_from(params.t_cost()).unwrap_or(usize::MAX),
            lanes,
            segment: params.block_count() / (lanes * SLICES),
            mixes: version == argon2::Version::V0x13,
        }
    }

    /// Blocks of a lane.
    pub(crate) fn lane_length(&self) -> usize {
        self.segment * SLICES
    }

    /// Blocks in all.
    pub(crate) fn blocks(&self) -> usize {
        self.lane_length() * self.lanes
    }

    /// In the order in which they are made.
    pub(crate) fn segments(self) -> impl Iterator<Item = Segment> {
        (0..self.passes).flat_map(move |pass| {
            (0..SLICES).flat_map(move |slice| (0..self.lanes).map(move |lane| Segment { pass, slice, lane }))
        })
    }

    /// Whether the blocks to look at in this segment are known beforehand, whatever the password.
    pub(crate) fn is_independent(&self, segment: Segment) -> bool {
        match self.algorithm {
            Algorithm::Argon2d => false,
            Algorithm::Argon2i => true,
            Algorithm::Argon2id => segment.pass == 0 && segment.slice < SLICES / 2,
        }
    }

    /// The block that block `index` of the segment is made of beside the one before it, chosen by `random`
    /// (RFC 9106, section 3.4.2).
    #[inline]
    pub(crate) fn reference(&self, at: Segment, index: usize, random: u64) -> usize {
        let first = at.pass == 0 && at.slice == 0;
        let lane = if first || self.lanes == 1 {
            at.lane
        } else {
            usize::try_from(random >> 32).unwrap_or_default() % self.lanes
        };
        // What is finished, and may be looked at: of another lane all segments but the one that is being made.
        let finished = if at.pass == 0 { at.slice } else { SLICES - 1 } * self.segment;
        let area = if lane == at.lane {
            finished + index - 1
        } else {
            finished - usize::from(index == 0)
        };
        // Nearer blocks are likelier. Below 2^32 times `area`, which is below 2^32.
        let low = random & u64::from(u32::MAX);
        let skewed = (area as u64 * ((low * low) >> 32)) >> 32;
        let back = usize::try_from(skewed).unwrap_or_default();
        let start = if at.pass == 0 || at.slice == SLICES - 1 {
            0
        } else {
            (at.slice + 1) * self.segment
        };
        let length = self.lane_length();
        let position = start + area - 1 - back;
        lane * length
            + if position < length {
                position
            } else {
                position - length
            }
    }
}
