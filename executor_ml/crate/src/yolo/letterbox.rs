//! A picture scaled to fit a square, its sides then padded to a multiple of 32 with grey.
//!
//! Scaled as OpenCV's INTER_LINEAR scales bytes: weights of eleven bits, two products of which each
//! drops its low bits; exactly half the size is the mean of four. Models were trained on that.

use super::config::STRIDE;
use crate::picture::Picture;

const GREY: u8 = 114;
const BITS: i32 = 11;

#[derive(Clone, Copy, Debug)]
pub struct Letterbox {
    /// Height and width of the picture.
    pub from: [usize; 2],
    /// What it is scaled to.
    pub inner: [usize; 2],
    /// Rows above it, and columns on its left.
    pub before: [usize; 2],
    /// Height and width of all.
    pub full: [usize; 2],
}

impl Letterbox {
    /// `size`: what the longer side becomes, a multiple of 32.
    pub fn new(height: usize, width: usize, size: usize) -> Self {
        let ratio = (size as f64 / height as f64).min(size as f64 / width as f64);
        let scaled = |n: usize| ((n as f64 * ratio).round_ties_even() as usize).clamp(1, size);
        let inner = [scaled(height), scaled(width)];
        let full = inner.map(|n| n.next_multiple_of(STRIDE));
        let before = [0, 1].map(|i| {
            let half = (full[i] - inner[i]) as f64 / 2.0;
            (half - 0.1).round_ties_even().max(0.0) as usize
        });
        Self { from: [height, width], inner, before, full }
    }

    /// A place in the network's picture, in the one that was given.
    pub fn back(&self, axis: usize, place: f32) -> f32 {
        let scale = self.from[axis] as f32 / self.inner[axis] as f32;
        (place - self.before[axis] as f32) * scale
    }

    /// The same, within the picture.
    pub fn within(&self, axis: usize, place: f32) -> f32 {
        self.back(axis, place).clamp(0.0, self.from[axis] as f32)
    }

    /// The network's picture, as rows of pixels of three bytes.
    pub fn apply(&self, picture: &Picture) -> Vec<u8> {
        let mut out = vec![GREY; self.full[0] * self.full[1] * 3];
        let (stride, start) = (self.full[1] * 3, self.before[1] * 3);
        let rows = out.chunks_exact_mut(stride).skip(self.before[0]).take(self.inner[0]);
        let rows = rows.map(|row| &mut row[start..start + self.inner[1] * 3]).enumerate();
        let of = picture.width * 3;
        let source = |y: usize| &picture.rgb[y * of..(y + 1) * of];
        if self.inner == self.from {
            rows.for_each(|(y, row)| row.copy_from_slice(source(y)));
        } else if self.inner.map(|n| n * 2) == self.from {
            rows.for_each(|(y, row)| halve(source(2 * y), source(2 * y + 1), row));
        } else {
            let across = Tap::all(self.from[1], self.inner[1], true);
            let down = Tap::all(self.from[0], self.inner[0], false);
            for (y, row) in rows {
                let tap = &down[y];
                blend(source(tap.first), source(tap.second), tap, &across, row);
            }
        }
        out
    }
}

/// Two places and the weight of each, together 2048.
struct Tap {
    first: usize,
    second: usize,
    weights: [i32; 2],
}

impl Tap {
    /// `still`: whether the weight beyond an edge goes to the edge alone.
    fn all(from: usize, to: usize, still: bool) -> Vec<Self> {
        let scale = 1.0 / (to as f64 / from as f64);
        let last = from as isize - 1;
        let tap = |i: usize| {
            let place = ((i as f64 + 0.5) * scale - 0.5) as f32;
            let mut first = place.floor() as isize;
            let mut rest = place - first as f32;
            if still && (first < 0 || first >= last) {
                (first, rest) = (first.clamp(0, last), 0.0);
            }
            let weight = |share: f32| (share * (1 << BITS) as f32).round_ties_even() as i32;
            let at = |n: isize| n.clamp(0, last) as usize;
            Self {
                first: at(first),
                second: at(first + 1),
                weights: [weight(1.0 - rest), weight(rest)],
            }
        };
        (0..to).map(tap).collect()
    }
}

fn blend(above: &[u8], below: &[u8], down: &Tap, across: &[Tap], out: &mut [u8]) {
    for (tap, pixel) in across.iter().zip(out.chunks_exact_mut(3)) {
        for (colour, value) in pixel.iter_mut().enumerate() {
            let (a, b) = (tap.first * 3 + colour, tap.second * 3 + colour);
            let of = |row: &[u8]| {
                i32::from(row[a]) * tap.weights[0] + i32::from(row[b]) * tap.weights[1]
            };
            let part = |row: &[u8], weight: i32| (weight * (of(row) >> 4)) >> 16;
            let sum = part(above, down.weights[0]) + part(below, down.weights[1]);
            *value = ((sum + 2) >> 2).clamp(0, 255) as u8;
        }
    }
}

fn halve(above: &[u8], below: &[u8], out: &mut [u8]) {
    for (i, value) in out.iter_mut().enumerate() {
        let at = i / 3 * 6 + i % 3;
        let four = [above[at], above[at + 3], below[at], below[at + 3]];
        *value = ((four.iter().map(|v| u16::from(*v)).sum::<u16>() + 2) >> 2) as u8;
    }
}
