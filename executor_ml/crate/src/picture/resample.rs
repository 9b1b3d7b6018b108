//! Resizing as Pillow does it, bit by bit: two passes in fixed point, with eight bits between.
//!
//! A filter is widened when a picture shrinks (what others call antialiasing). Weights are rounded
//! to 22 bits behind the point.

use rayon::prelude::*;

const BITS: u32 = 22;
const CHANNELS: usize = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    Nearest,
    Lanczos,
    Bilinear,
    Bicubic,
    Box,
    Hamming,
}

impl Filter {
    /// By Pillow's number.
    pub fn numbered(number: u64) -> Option<Self> {
        use Filter::{Bicubic, Bilinear, Box, Hamming, Lanczos, Nearest};
        [Nearest, Lanczos, Bilinear, Bicubic, Box, Hamming]
            .get(usize::try_from(number).ok()?)
            .copied()
    }

    fn support(self) -> f64 {
        match self {
            Self::Nearest => 0.0,
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn weight(self, x: f64) -> f64 {
        let sinc = |x: f64| match x == 0.0 {
            true => 1.0,
            false => (x * std::f64::consts::PI).sin() / (x * std::f64::consts::PI),
        };
        match self {
            Self::Nearest => 0.0,
            Self::Box => f64::from(u8::from(x > -0.5 && x <= 0.5)),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Hamming => {
                let x = x.abs();
                match x {
                    0.0 => 1.0,
                    x if x >= 1.0 => 0.0,
                    x => sinc(x) * (0.54 + 0.46 * (x * std::f64::consts::PI).cos()),
                }
            }
            Self::Bicubic => {
                const A: f64 = -0.5;
                let x = x.abs();
                match x {
                    x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
                    x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
                    _ => 0.0,
                }
            }
            Self::Lanczos => match (-3.0..3.0).contains(&x) {
                true => sinc(x) * sinc(x / 3.0),
                false => 0.0,
            },
        }
    }
}

/// The weights of one pixel: of those from `first` on.
struct Taps {
    first: usize,
    weights: Vec<i32>,
}

fn taps(filter: Filter, from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let wide = scale.max(1.0);
    let support = filter.support() * wide;
    let inverse = 1.0 / wide;
    let of = |at: usize| {
        let center = (at as f64 + 0.5) * scale;
        let first = ((center - support + 0.5) as i64).max(0) as usize;
        let end = (((center + support + 0.5) as i64).max(0) as usize).min(from);
        let weight = |x: usize| filter.weight((x as f64 - center + 0.5) * inverse);
        let exact: Vec<f64> = (first..end).map(weight).collect();
        let sum: f64 = exact.iter().sum();
        let fixed = |weight: &f64| {
            let weight = if sum == 0.0 { *weight } else { *weight / sum };
            let half = if weight < 0.0 { -0.5 } else { 0.5 };
            (half + weight * f64::from(1 << BITS)) as i32
        };
        Taps { first, weights: exact.iter().map(fixed).collect() }
    };
    (0..to).map(of).collect()
}

fn clip(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// Rows of RGB to rows of another size.
pub fn resize(rgb: &[u8], from: (usize, usize), to: (usize, usize), filter: Filter) -> Vec<u8> {
    let ((height, width), (new_height, new_width)) = (from, to);
    assert_eq!(rgb.len(), height * width * CHANNELS);
    if from == to {
        return rgb.to_vec();
    }
    if filter == Filter::Nearest {
        return nearest(rgb, from, to);
    }
    let across = match width == new_width {
        true => rgb.to_vec(),
        false => {
            let taps = taps(filter, width, new_width);
            let mut out = vec![0; height * new_width * CHANNELS];
            let rows = out.par_chunks_exact_mut(new_width * CHANNELS);
            rows.zip(rgb.par_chunks_exact(width * CHANNELS)).for_each(|(to, row)| {
                for (pixel, taps) in to.chunks_exact_mut(CHANNELS).zip(&taps) {
                    let mut sums = [1 << (BITS - 1); CHANNELS];
                    let pixels = row[taps.first * CHANNELS..].chunks_exact(CHANNELS);
                    for (weight, given) in taps.weights.iter().zip(pixels) {
                        for (sum, value) in sums.iter_mut().zip(given) {
                            *sum += i32::from(*value) * weight;
                        }
                    }
                    pixel.iter_mut().zip(sums).for_each(|(to, sum)| *to = clip(sum));
                }
            });
            out
        }
    };
    if height == new_height {
        return across;
    }
    let taps = taps(filter, height, new_height);
    let row = new_width * CHANNELS;
    let mut out = vec![0; new_height * row];
    out.par_chunks_exact_mut(row).zip(&taps).for_each(|(to, taps)| {
        let mut sums = vec![1 << (BITS - 1); row];
        for (weight, given) in taps.weights.iter().zip(across[taps.first * row..].chunks_exact(row))
        {
            for (sum, value) in sums.iter_mut().zip(given) {
                *sum += i32::from(*value) * weight;
            }
        }
        to.iter_mut().zip(sums).for_each(|(to, sum)| *to = clip(sum));
    });
    out
}

/// Pillow adds up the steps, and so rounds as they do.
fn nearest(rgb: &[u8], from: (usize, usize), to: (usize, usize)) -> Vec<u8> {
    let places = |from: usize, to: usize| -> Vec<usize> {
        let step = from as f64 / to as f64;
        let mut at = step * 0.5;
        let next = |_| {
            let place = (at as usize).min(from - 1);
            at += step;
            place
        };
        (0..to).map(next).collect()
    };
    let (rows, columns) = (places(from.0, to.0), places(from.1, to.1));
    let mut out = Vec::with_capacity(to.0 * to.1 * CHANNELS);
    for row in rows {
        for column in &columns {
            let at = (row * from.1 + column) * CHANNELS;
            out.extend_from_slice(&rgb[at..at + CHANNELS]);
        }
    }
    out
}
