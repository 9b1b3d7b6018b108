//! A message in the pieces in which it came, and a cursor that reads over their seams.
//!
//! Rules: nothing is copied but a field that lies on a seam; every read is bounded by what is there,
//! and gives None where it would pass it.

use std::borrow::Cow;

use bytes::Bytes;

/// The pieces of one message, its gRPC prefix included.
#[derive(Default)]
pub struct Rope {
    pieces: Vec<Bytes>,
    len: usize,
}

impl Rope {
    pub fn push(&mut self, piece: Bytes) {
        self.len += piece.len();
        self.pieces.push(piece);
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn pieces(&self) -> &[Bytes] {
        &self.pieces
    }

    pub fn into_pieces(self) -> Vec<Bytes> {
        self.pieces
    }

    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { pieces: &self.pieces, at: 0, left: self.len }
    }
}

/// A place in a rope, and how far may be read from there.
#[derive(Clone)]
pub struct Cursor<'a> {
    pieces: &'a [Bytes],
    /// Where in the first of the pieces.
    at: usize,
    left: usize,
}

impl<'a> Cursor<'a> {
    pub fn left(&self) -> usize {
        self.left
    }

    pub fn byte(&mut self) -> Option<u8> {
        if self.left == 0 {
            return None;
        }
        self.settle();
        let byte = *self.pieces.first()?.get(self.at)?;
        self.at += 1;
        self.left -= 1;
        Some(byte)
    }

    /// A varint as encoders write it: no longer than it need be.
    pub fn varint(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return (byte != 0 || shift == 0).then_some(value);
            }
        }
        None
    }

    pub fn skip(&mut self, mut count: usize) -> Option<()> {
        self.left = self.left.checked_sub(count)?;
        while count > 0 {
            self.settle();
            let step = count.min(self.pieces.first()?.len() - self.at);
            self.at += step;
            count -= step;
        }
        Some(())
    }

    /// The next `count` bytes; a copy only where they lie on a seam.
    pub fn take(&mut self, count: usize) -> Option<Cow<'a, [u8]>> {
        if count > self.left {
            return None;
        }
        if count == 0 {
            return Some(Cow::Borrowed(&[]));
        }
        self.settle();
        let first = self.pieces.first()?;
        if let Some(whole) = first.get(self.at..self.at + count) {
            self.at += count;
            self.left -= count;
            return Some(Cow::Borrowed(whole));
        }
        let mut copy = Vec::with_capacity(count);
        while copy.len() < count {
            self.settle();
            let rest = self.pieces.first()?.get(self.at..)?;
            let step = rest.len().min(count - copy.len());
            copy.extend_from_slice(&rest[..step]);
            self.at += step;
        }
        self.left -= count;
        Some(Cow::Owned(copy))
    }

    /// A cursor over the next `count` bytes; this one goes on behind them.
    pub fn split(&mut self, count: usize) -> Option<Cursor<'a>> {
        let mut part = self.clone();
        self.skip(count)?;
        part.left = count;
        Some(part)
    }

    /// A length-delimited field's length, which lies within what is left.
    pub fn length(&mut self) -> Option<usize> {
        usize::try_from(self.varint()?).ok().filter(|&length| length <= self.left)
    }

    /// Leave pieces that have been read.
    fn settle(&mut self) {
        while self.pieces.first().is_some_and(|piece| piece.len() <= self.at) {
            self.pieces = &self.pieces[1..];
            self.at = 0;
        }
    }
}
