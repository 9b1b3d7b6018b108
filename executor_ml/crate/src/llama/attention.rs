//! Rotary positions and causal attention over the cache.

use super::{Cache, Config};
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::softmax;
use rayon::prelude::*;

/// Multiply-adds below which threads cost more than they bring.
const WORTH_THREADS: usize = 1 << 18;

/// (cos, sin) of each position and pair, [tokens, head_size/2].
pub struct Rotation(Vec<(f32, f32)>);

impl Rotation {
    pub fn new(config: &Config, start: usize, tokens: usize) -> Self {
        let d = config.head_size;
        let frequencies: Vec<f32> =
            (0..d / 2).map(|i| 1.0 / config.rope_base.powf(2.0 * i as f32 / d as f32)).collect();
        let angles = (start..start + tokens)
            .flat_map(|p| frequencies.iter().map(move |f| p as f32 * f))
            .map(|angle| (angle.cos(), angle.sin()));
        Self(angles.collect())
    }

    /// Rotates each head of `x` [tokens, heads·head_size]. GGUF's llama stores pairs side by side.
    pub fn apply(&self, x: &mut [f32], width: usize, head_size: usize) {
        let half = head_size / 2;
        for (token, angles) in x.chunks_exact_mut(width).zip(self.0.chunks_exact(half)) {
            for head in token.chunks_exact_mut(head_size) {
                for (pair, (cos, sin)) in head.chunks_exact_mut(2).zip(angles) {
                    let (a, b) = (pair[0], pair[1]);
                    pair[0] = a * cos - b * sin;
                    pair[1] = a * sin + b * cos;
                }
            }
        }
    }
}

/// Causal attention of `q` [tokens, heads·head_size] over layer `layer` of the cache, whose last
/// `tokens` tokens are q's own, into `out` of the same shape. `blocks` is scratch of that size.
pub fn attend(
    config: &Config,
    cache: &Cache,
    layer: usize,
    q: &[f32],
    blocks: &mut [f32],
    out: &mut [f32],
    threads: usize,
) {
    let (d, width) = (config.head_size, config.heads * config.head_size);
    let tokens = q.len() / width;
    let seen = cache.length();
    let total = seen + tokens;
    let scale = 1.0 / (d as f32).sqrt();
    let group = config.heads / config.kv_heads;
    let run = |scores: &mut Vec<f32>, (head, block): (usize, &mut [f32])| {
        let (keys, values) = cache.head(layer, head / group, tokens);
        let (keys, values) = (Matrix::new(keys, total, d, d), Matrix::new(values, total, d, d));
        scores.resize(tokens * total, 0.0);
        let q = Matrix::new(&q[head * d..], tokens, d, width);
        let shape = MatrixMut::new(scores, tokens, total, total);
        matmul(shape, q, keys.transposed(), scale, 1);
        for (i, row) in scores.chunks_exact_mut(total).enumerate() {
            let (past, future) = row.split_at_mut(seen + i + 1);
            softmax(past);
            future.fill(0.0);
        }
        let weights = Matrix::new(scores, tokens, total, total);
        matmul(MatrixMut::new(block, tokens, d, d), weights, values, 1.0, 1);
    };
    let units = blocks.par_chunks_exact_mut(tokens * d).enumerate();
    if threads > 1 && tokens * total * width > WORTH_THREADS {
        units.for_each_init(Vec::new, run);
    } else {
        let mut scores = Vec::new();
        blocks.chunks_exact_mut(tokens * d).enumerate().for_each(|unit| run(&mut scores, unit));
    }
    for (head, block) in blocks.chunks_exact(tokens * d).enumerate() {
        for (i, values) in block.chunks_exact(d).enumerate() {
            let start = i * width + head * d;
            out[start..start + d].copy_from_slice(values);
        }
    }
}
