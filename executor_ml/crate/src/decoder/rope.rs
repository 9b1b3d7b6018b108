//! Rotary positions: frequencies of each family, and the rotation of a pass.

use super::config::Layout;
use std::f32::consts::PI;

#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    /// Per pair of a head.
    frequencies: Vec<f32>,
    /// Whether a pair's values lie side by side, or half a head apart.
    adjacent: bool,
}

/// How frequencies are stretched for contexts longer than those of the training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scaling {
    None,
    Linear { factor: f32 },
    Llama3 { factor: f32, low: f32, high: f32, original: f32 },
}

impl Rope {
    pub fn new(base: f32, head_size: usize, scaling: Scaling, adjacent: bool) -> Self {
        let plain = (0..head_size / 2).map(|i| 1.0 / base.powf(2.0 * i as f32 / head_size as f32));
        let frequencies = plain.map(|f| scale(f, scaling)).collect();
        Self { frequencies, adjacent }
    }

    /// Divided by a file's own factors.
    pub fn divided(mut self, factors: &[f32]) -> Self {
        self.frequencies.iter_mut().zip(factors).for_each(|(f, by)| *f /= by);
        self
    }

    /// llama.cpp stores pairs of llama's heads side by side; everything else keeps them in halves.
    pub fn adjacent_in(layout: Layout, architecture: &str) -> bool {
        layout == Layout::Gguf && architecture == "llama"
    }
}

fn scale(frequency: f32, scaling: Scaling) -> f32 {
    match scaling {
        Scaling::None => frequency,
        Scaling::Linear { factor } => frequency / factor,
        Scaling::Llama3 { factor, low, high, original } => {
            let length = 2.0 * PI / frequency;
            if length < original / high {
                frequency
            } else if length > original / low {
                frequency / factor
            } else {
                let smooth = (original / length - low) / (high - low);
                (1.0 - smooth) * frequency / factor + smooth * frequency
            }
        }
    }
}

/// (cos, sin) of each token and pair, [tokens, head_size/2].
pub struct Rotation {
    angles: Vec<(f32, f32)>,
    adjacent: bool,
}

impl Rotation {
    pub fn new(rope: &Rope, positions: impl Iterator<Item = usize>) -> Self {
        let angles = positions
            .flat_map(|p| rope.frequencies.iter().map(move |f| p as f32 * f))
            .map(|angle| (angle.cos(), angle.sin()))
            .collect();
        Self { angles, adjacent: rope.adjacent }
    }

    /// Rotates each head of `x` [tokens, heads·head_size].
    pub fn apply(&self, x: &mut [f32], width: usize, head_size: usize) {
        self.apply_within(x, width, width, head_size);
    }

    /// Rotates each head of the first `width` values of every row of `x` [tokens, stride].
    pub fn apply_within(&self, x: &mut [f32], stride: usize, width: usize, head_size: usize) {
        let half = head_size / 2;
        for (token, angles) in x.chunks_exact_mut(stride).zip(self.angles.chunks_exact(half)) {
            for head in token[..width].chunks_exact_mut(head_size) {
                if self.adjacent {
                    for (pair, (cos, sin)) in head.chunks_exact_mut(2).zip(angles) {
                        let (a, b) = (pair[0], pair[1]);
                        pair[0] = a * cos - b * sin;
                        pair[1] = a * sin + b * cos;
                    }
                } else {
                    let (first, second) = head.split_at_mut(half);
                    for ((a, b), (cos, sin)) in first.iter_mut().zip(second).zip(angles) {
                        (*a, *b) = (*a * cos - *b * sin, *a * sin + *b * cos);
                    }
                }
            }
        }
    }
}
