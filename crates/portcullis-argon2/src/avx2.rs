//! The memory, filled with AVX2.
//!
//! A block is a matrix of 8 by 8 registers of 16 bytes, first mixed by rows, then by columns (RFC 9106, section 3.5). A
//! vector holds two registers that stand beside each other; two rows, or four columns, are mixed at a time.

use core::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_prefetch, _mm256_add_epi64, _mm256_alignr_epi8, _mm256_extract_epi64,
    _mm256_mul_epu32, _mm256_permute4x64_epi64, _mm256_set_epi8, _mm256_shuffle_epi8, _mm256_shuffle_epi32,
    _mm256_srli_epi64, _mm256_xor_si256,
};

use argon2::Block;

use crate::plan::{Plan, Segment};

/// Vectors of a block.
const VECTORS: usize = 32;

/// Words of a block: so many references does an address block hold.
const WORDS: usize = 128;

/// Bytes that the processor fetches at once.
const LINE: usize = 64;

type Vectors = [__m256i; VECTORS];

const _: () = {
    assert!(size_of::<Block>() == size_of::<Vectors>() && size_of::<Block>() == size_of::<[u64; WORDS]>());
    assert!(align_of::<Block>() >= align_of::<Vectors>());
};

/// Fills `blocks`, of each lane of which the first two are there, as `plan` says. Their number is that of the plan.
#[target_feature(enable = "avx2")]
pub(crate) fn fill(blocks: &mut [Block], plan: Plan) {
    for segment in plan.segments() {
        fill_segment(blocks, plan, segment);
    }
}

#[target_feature(enable = "avx2")]
fn fill_segment(blocks: &mut [Block], plan: Plan, at: Segment) {
    let length = plan.lane_length();
    let begin = at.lane * length + at.slice * plan.segment;
    let start = if at.pass == 0 && at.slice == 0 { 2 } else { 0 };
    let previous = if start == 0 && at.slice == 0 {
        begin + length - 1
    } else {
        begin + start - 1
    };
    let mixes = plan.mixes && at.pass > 0;
    let mut state = *vectors(&blocks[previous]);
    if plan.is_independent(at) {
        let mut addresses = Addresses::new(plan, at);
        for index in start..plan.segment {
            let reference = plan.reference(at, index, addresses.get(index));
            if index + 1 < plan.segment {
                let next = plan.reference(at, index + 1, addresses.get(index + 1));
                prefetch(&blocks[next]);
            }
            step(&mut state, blocks, reference, begin + index, mixes, |_, _| {});
        }
    } else {
        let mut random = blocks[previous].as_ref()[0];
        for index in start..plan.segment {
            let reference = plan.reference(at, index, random);
            step(
                &mut state,
                blocks,
                reference,
                begin + index,
                mixes,
                |blocks, word| {
                    random = word;
                    if index + 1 < plan.segment {
                        prefetch(&blocks[plan.reference(at, index + 1, word)]);
                    }
                },
            );
        }
    }
}

/// One block: from `state`, the one before it, and the one at `reference`. Leaves it in `state` too.
///
/// The first word says where to look next: it is handed out as soon as it is known, while most of the block is still
/// to be made.
#[inline]
#[target_feature(enable = "avx2")]
fn step(
    state: &mut Vectors,
    blocks: &mut [Block],
    reference: usize,
    target: usize,
    mixes: bool,
    first: impl FnOnce(&[Block], u64),
) {
    let mut kept = *state;
    for (state, (kept, other)) in state
        .iter_mut()
        .zip(kept.iter_mut().zip(vectors(&blocks[reference])))
    {
        *state = _mm256_xor_si256(*state, *other);
        *kept = *state;
    }
    if mixes {
        for (kept, old) in kept.iter_mut().zip(vectors(&blocks[target])) {
            *kept = _mm256_xor_si256(*kept, *old);
        }
    }
    mix_rows(state);
    mix_columns::<0>(state);
    let word = word(_mm256_xor_si256(state[0], kept[0]));
    first(blocks, word);
    mix_columns::<2>(state);
    for ((state, kept), out) in state.iter_mut().zip(&kept).zip(vectors_mut(&mut blocks[target])) {
        *state = _mm256_xor_si256(*state, *kept);
        *out = *state;
    }
}

/// The references of a segment in which they do not depend on the password (RFC 9106, section 3.4.1.2).
struct Addresses {
    input: Block,
    block: Block,
    /// Which stretch of the segment `block` is for, from 1.
    stretch: u64,
}

impl Addresses {
    fn new(plan: Plan, at: Segment) -> Self {
        let mut input = Block::new();
        let numbers = [at.pass, at.lane, at.slice, plan.blocks(), plan.passes];
        let words = numbers
            .into_iter()
            .map(|number| number as u64)
            .chain([plan.algorithm as u64]);
        for (place, word) in input.as_mut().iter_mut().zip(words) {
            *place = word;
        }
        Self {
            input,
            block: Block::new(),
            stretch: 0,
        }
    }

    /// What chooses the reference of block `index`. Asked in order.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn get(&mut self, index: usize) -> u64 {
        let stretch = (index / WORDS) as u64 + 1;
        if self.stretch != stretch {
            self.stretch = stretch;
            self.input.as_mut()[6] = stretch;
            let mut state = *vectors(&self.input);
            for _ in 0..2 {
                let kept = state;
                mix_rows(&mut state);
                mix_columns::<0>(&mut state);
                mix_columns::<2>(&mut state);
                for (state, kept) in state.iter_mut().zip(&kept) {
                    *state = _mm256_xor_si256(*state, *kept);
                }
            }
            *vectors_mut(&mut self.block) = state;
        }
        self.block.as_ref()[index % WORDS]
    }
}

/// `x + y + 2 * low(x) * low(y)`, in each of the four.
#[inline]
#[target_feature(enable = "avx2")]
fn add(x: __m256i, y: __m256i) -> __m256i {
    let product = _mm256_mul_epu32(x, y);
    _mm256_add_epi64(_mm256_add_epi64(x, y), _mm256_add_epi64(product, product))
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_32(x: __m256i) -> __m256i {
    _mm256_shuffle_epi32::<0b10_11_00_01>(x)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_24(x: __m256i) -> __m256i {
    let bytes = _mm256_set_epi8(
        10, 9, 8, 15, 14, 13, 12, 11, 2, 1, 0, 7, 6, 5, 4, 3, 10, 9, 8, 15, 14, 13, 12, 11, 2, 1, 0, 7, 6, 5,
        4, 3,
    );
    _mm256_shuffle_epi8(x, bytes)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_16(x: __m256i) -> __m256i {
    let bytes = _mm256_set_epi8(
        9, 8, 15, 14, 13, 12, 11, 10, 1, 0, 7, 6, 5, 4, 3, 2, 9, 8, 15, 14, 13, 12, 11, 10, 1, 0, 7, 6, 5, 4,
        3, 2,
    );
    _mm256_shuffle_epi8(x, bytes)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate_63(x: __m256i) -> __m256i {
    _mm256_xor_si256(_mm256_srli_epi64::<63>(x), _mm256_add_epi64(x, x))
}

/// `G` (RFC 9106, section 3.6) on four columns in each of two sets of vectors, which depend on nothing of each other.
#[inline]
#[target_feature(enable = "avx2")]
fn mix<const N: usize>(
    a: &mut [__m256i; N],
    b: &mut [__m256i; N],
    c: &mut [__m256i; N],
    d: &mut [__m256i; N],
) {
    for i in 0..N {
        a[i] = add(a[i], b[i]);
        d[i] = rotate_32(_mm256_xor_si256(d[i], a[i]));
    }
    for i in 0..N {
        c[i] = add(c[i], d[i]);
        b[i] = rotate_24(_mm256_xor_si256(b[i], c[i]));
    }
    for i in 0..N {
        a[i] = add(a[i], b[i]);
        d[i] = rotate_16(_mm256_xor_si256(d[i], a[i]));
    }
    for i in 0..N {
        c[i] = add(c[i], d[i]);
        b[i] = rotate_63(_mm256_xor_si256(b[i], c[i]));
    }
}

/// All rows, two at a time.
#[inline]
#[target_feature(enable = "avx2")]
fn mix_rows(state: &mut Vectors) {
    for pair in state.as_chunks_mut::<16>().0 {
        let (mut a, mut b) = (
            [pair[0], pair[4], pair[8], pair[12]],
            [pair[1], pair[5], pair[9], pair[13]],
        );
        let (mut c, mut d) = (
            [pair[2], pair[6], pair[10], pair[14]],
            [pair[3], pair[7], pair[11], pair[15]],
        );
        mix(&mut a, &mut b, &mut c, &mut d);
        // The diagonals become columns, and back.
        for i in 0..4 {
            b[i] = _mm256_permute4x64_epi64::<0b00_11_10_01>(b[i]);
            c[i] = _mm256_permute4x64_epi64::<0b01_00_11_10>(c[i]);
            d[i] = _mm256_permute4x64_epi64::<0b10_01_00_11>(d[i]);
        }
        mix(&mut a, &mut b, &mut c, &mut d);
        for i in 0..4 {
            b[i] = _mm256_permute4x64_epi64::<0b10_01_00_11>(b[i]);
            c[i] = _mm256_permute4x64_epi64::<0b01_00_11_10>(c[i]);
            d[i] = _mm256_permute4x64_epi64::<0b00_11_10_01>(d[i]);
        }
        *pair = [
            a[0], b[0], c[0], d[0], a[1], b[1], c[1], d[1], a[2], b[2], c[2], d[2], a[3], b[3], c[3], d[3],
        ];
    }
}

/// Vectors `I` and the next of all rows: four columns.
#[inline]
#[target_feature(enable = "avx2")]
fn mix_columns<const I: usize>(state: &mut Vectors) {
    let pick = |first: usize| {
        let at = first * 4 + I;
        [state[at], state[at + 4], state[at + 1], state[at + 5]]
    };
    let (mut a, mut b, mut c, mut d) = (pick(0), pick(2), pick(4), pick(6));
    mix(&mut a, &mut b, &mut c, &mut d);
    // The diagonals become columns, and back.
    let turn = |x: [__m256i; 4]| {
        [
            _mm256_alignr_epi8::<8>(x[1], x[0]),
            _mm256_alignr_epi8::<8>(x[0], x[1]),
            _mm256_alignr_epi8::<8>(x[3], x[2]),
            _mm256_alignr_epi8::<8>(x[2], x[3]),
        ]
    };
    let swap = |x: [__m256i; 4]| [x[1], x[0], x[3], x[2]];
    (b, c, d) = (turn(b), swap(c), swap(turn(d)));
    mix(&mut a, &mut b, &mut c, &mut d);
    (b, c, d) = (turn(swap(b)), swap(c), turn(d));
    for (pair, rows) in [a, b, c, d].into_iter().enumerate() {
        let at = pair * 8 + I;
        [state[at], state[at + 4], state[at + 1], state[at + 5]] = rows;
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn word(vector: __m256i) -> u64 {
    _mm256_extract_epi64::<0>(vector).cast_unsigned()
}

#[inline]
#[target_feature(enable = "avx2")]
fn vectors(block: &Block) -> &Vectors {
    // SAFETY: a block is as large as the vectors and aligned as they are (above), so it is its words and nothing else; any
    // bits are a vector.
    unsafe { &*std::ptr::from_ref(block).cast::<Vectors>() }
}

#[inline]
#[target_feature(enable = "avx2")]
fn vectors_mut(block: &mut Block) -> &mut Vectors {
    // SAFETY: as in `vectors`, and any bits are words; the block is borrowed for as long.
    unsafe { &mut *std::ptr::from_mut(block).cast::<Vectors>() }
}

/// Tells the processor that the block will be read.
#[inline]
fn prefetch(block: &Block) {
    let bytes = std::ptr::from_ref(block).cast::<i8>();
    for line in 0..Block::SIZE / LINE {
        // SAFETY: a hint, which reads nothing; SSE is a part of x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(bytes.wrapping_add(line * LINE)) };
    }
}
