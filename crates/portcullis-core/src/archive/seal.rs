//! A stream in authenticated pieces (STREAM of Hoang, Reyhanitabar, Rogaway, Vizár, "Online Authenticated-Encryption and
//! its Nonce-Reuse Misuse-Resistance", section 7): a nonce counts the pieces and tells the last one, so that none can be
//! changed, left out, exchanged or cut off unnoticed.

use std::io::{self, Read, Write};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::{Zeroize, Zeroizing};

use super::ArchiveError;

/// Bytes in a piece; only the last one is shorter.
const PIECE: usize = 64 * 1024;
const TAG: usize = 16;

/// Counts pieces. The key is used for one stream only, so a number is nonce enough.
struct Pieces {
    key: LessSafeKey,
    number: u64,
}

impl Pieces {
    #[expect(clippy::expect_used, reason = "32 bytes are a key of AES-256")]
    fn new(key: &[u8; 32]) -> Self {
        Self {
            key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes")),
            number: 0,
        }
    }

    fn nonce(&self, last: bool) -> Nonce {
        let mut bytes = [0; 12];
        bytes[3..11].copy_from_slice(&self.number.to_be_bytes());
        bytes[11] = u8::from(last);
        Nonce::assume_unique_for_key(bytes)
    }

    /// Seals in place.
    #[expect(clippy::expect_used, reason = "AES-GCM seals anything below 64 GiB")]
    fn seal(&mut self, piece: &mut Vec<u8>, last: bool) {
        let nonce = self.nonce(last);
        self.key
            .seal_in_place_append_tag(nonce, Aad::empty(), piece)
            .expect("short enough to seal");
        self.number += 1;
    }

    /// Opens in place.
    fn open(&mut self, piece: &mut Vec<u8>, last: bool) -> Result<(), ArchiveError> {
        let opened = self.key.open_in_place(self.nonce(last), Aad::empty(), piece);
        let length = opened
            .map(|plain| plain.len())
            .map_err(|_| ArchiveError::Damaged)?;
        piece.truncate(length);
        self.number += 1;
        Ok(())
    }
}

/// Seals what is written. Without [`finish`](Self::finish) the stream has no end.
pub(super) struct Sealing<W: Write> {
    to: W,
    pieces: Pieces,
    piece: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealing<W> {
    pub(super) fn new(to: W, key: &[u8; 32]) -> Self {
        Self {
            to,
            pieces: Pieces::new(key),
            piece: Zeroizing::new(Vec::with_capacity(PIECE + TAG)),
        }
    }

    fn send(&mut self, last: bool) -> io::Result<()> {
        self.pieces.seal(&mut self.piece, last);
        self.to.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Writes the last piece.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.send(true)?;
        self.to.flush()?;
        Ok(self.to)
    }
}

impl<W: Write> Write for Sealing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits: only what follows shows that it is not the last.
        if self.piece.len() == PIECE && !bytes.is_empty() {
            self.send(false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Opens what was sealed. Gives no byte of a piece that is not whole and in its place, and no end but the true one.
pub(super) struct Opening<R: Read> {
    from: R,
    pieces: Pieces,
    /// Read already: only then is it known whether the piece before is the last.
    next: Vec<u8>,
    piece: Zeroizing<Vec<u8>>,
    given: usize,
    ended: bool,
}

impl<R: Read> Opening<R> {
    pub(super) fn new(mut from: R, key: &[u8; 32]) -> io::Result<Self> {
        let next = read_piece(&mut from)?;
        Ok(Self {
            from,
            pieces: Pieces::new(key),
            next,
            piece: Zeroizing::new(Vec::new()),
            given: 0,
            ended: false,
        })
    }

    fn advance(&mut self) -> io::Result<()> {
        let mut piece = std::mem::take(&mut self.next);
        self.next = read_piece(&mut self.from)?;
        let last = self.next.is_empty();
        let copy = if last { piece.clone() } else { Vec::new() };
        if let Err(damaged) = self.pieces.open(&mut piece, last) {
            // Whole, and sealed as one that others follow: the rest is missing.
            let mut copy = copy;
            let cut = last && self.pieces.open(&mut copy, false).is_ok();
            copy.zeroize();
            return Err(if cut || piece.len() < TAG {
                ArchiveError::CutOff.into()
            } else {
                damaged.into()
            });
        }
        self.piece = Zeroizing::new(piece);
        self.given = 0;
        self.ended = last;
        Ok(())
    }
}

impl<R: Read> Read for Opening<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.given == self.piece.len() && !self.ended {
            self.advance()?;
        }
        let left = &self.piece[self.given..];
        let number = left.len().min(into.len());
        into[..number].copy_from_slice(&left[..number]);
        self.given += number;
        Ok(number)
    }
}

/// A sealed piece, or what there is of it.
fn read_piece(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    from.take((PIECE + TAG) as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut sealing = Sealing::new(Vec::new(), &KEY);
        sealing.write_all(plain).unwrap();
        sealing.finish().unwrap()
    }

    fn opened(sealed: &[u8]) -> Result<Vec<u8>, ArchiveError> {
        let mut plain = Vec::new();
        let mut opening = Opening::new(sealed, &KEY).unwrap();
        opening.read_to_end(&mut plain).map_err(ArchiveError::from)?;
        Ok(plain)
    }

    #[test]
    fn any_length_comes_back() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 5] {
            let plain: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            assert!(opened(&sealed(&plain)).unwrap() == plain, "{length}");
        }
    }

    #[test]
    fn what_is_cut_off_exchanged_or_added_is_noticed() {
        let whole = sealed(&vec![1; 3 * PIECE]);
        let piece = PIECE + TAG;
        for cut in [0, 1, TAG - 1, piece, 2 * piece, 2 * piece + 3] {
            assert!(
                matches!(opened(&whole[..cut]), Err(ArchiveError::CutOff)),
                "{cut}"
            );
        }
        for cut in [TAG + 1, piece - 1, whole.len() - 1] {
            assert!(
                matches!(opened(&whole[..cut]), Err(ArchiveError::Damaged)),
                "{cut}"
            );
        }
        let exchanged = [&whole[piece..2 * piece], &whole[..piece], &whole[2 * piece..]].concat();
        let twice = [&whole[..piece], &whole[..piece], &whole[piece..]].concat();
        let left_out = [&whole[..piece], &whole[2 * piece..]].concat();
        let longer = [&whole[..], &[0; 40]].concat();
        for damaged in [exchanged, twice, left_out, longer] {
            assert!(matches!(opened(&damaged), Err(ArchiveError::Damaged)));
        }
        let mut opening = Opening::new(&whole[..], &[8; 32]).unwrap();
        assert!(opening.read(&mut [0; 8]).is_err(), "another key");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_changed_bit_passes(length in 0usize..200_000, at: prop::sample::Index, bit in 0u8..8) {
            let plain = vec![3; length];
            let mut sealed = sealed(&plain);
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(opened(&sealed).is_err());
        }
    }
}
