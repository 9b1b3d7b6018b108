//! Causal attention over caches: many tokens of one sequence, or one token of each of many.
//!
//! A sequence's result does not depend on the others beside it.

use super::{Cache, Config};
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::{dot, fma, softmax};
use rayon::prelude::*;

/// Multiply-adds below which threads cost more than they bring.
const WORTH_THREADS: usize = 1 << 18;

/// Of `q` [tokens, heads·head_size] over layer `layer`: the newest tokens of each cache are q's
/// own, equally many of each, one cache behind the other. Into `out` of the same shape; `blocks`
/// is scratch of that size.
pub fn attend(
    config: &Config,
    caches: &[&mut Cache],
    layer: usize,
    q: &[f32],
    blocks: &mut [f32],
    out: &mut [f32],
    threads: usize,
) {
    let (d, width) = (config.head_size, config.query_width());
    let tokens = q.len() / width / caches.len();
    let group = config.heads / config.kv_heads;
    let run = |scores: &mut Vec<f32>, (unit, block): (usize, &mut [f32])| {
        let (sequence, head) = (unit / config.heads, unit % config.heads);
        let cache = &caches[sequence];
        let (keys, values) = cache.head(layer, head / group, tokens);
        let q = &q[sequence * tokens * width + head * d..];
        let window = config.windows[layer];
        if tokens == 1 {
            one(config, window, &q[..d], keys, values, scores, block);
        } else {
            many(config, window, (q, width), (keys, values), scores, block);
        }
    };
    let seen: usize = caches.iter().map(|c| c.length() + tokens).sum();
    if threads > 1 && tokens * seen * width > WORTH_THREADS {
        blocks.par_chunks_exact_mut(tokens * d).enumerate().for_each_init(Vec::new, run);
    } else {
        let mut scores = Vec::new();
        blocks.chunks_exact_mut(tokens * d).enumerate().for_each(|unit| run(&mut scores, unit));
    }
    for (unit, block) in blocks.chunks_exact(tokens * d).enumerate() {
        let (sequence, head) = (unit / config.heads, unit % config.heads);
        for (i, values) in block.chunks_exact(d).enumerate() {
            let start = (sequence * tokens + i) * width + head * d;
            out[start..start + d].copy_from_slice(values);
        }
    }
}

fn cap(scores: &mut [f32], cap: Option<f32>) {
    if let Some(cap) = cap {
        scores.iter_mut().for_each(|s| *s = cap * (*s / cap).tanh());
    }
}

/// One query of one head, over all keys or those in the window.
fn one(
    config: &Config,
    window: Option<usize>,
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    let d = q.len();
    let total = keys.len() / d;
    let first = window.map_or(0, |window| total.saturating_sub(window));
    scores.clear();
    let keys = keys[first * d..].chunks_exact(d);
    scores.extend(keys.map(|key| dot(q, key) * config.query_scale));
    cap(scores, config.score_cap);
    softmax(scores);
    out.fill(0.0);
    for (weight, value) in scores.iter().zip(values[first * d..].chunks_exact(d)) {
        for (o, v) in out.iter_mut().zip(value) {
            *o = fma(*weight, *v, *o);
        }
    }
}

/// The queries of one head in rows `stride` apart; the last of the keys are their own.
fn many(
    config: &Config,
    window: Option<usize>,
    (q, stride): (&[f32], usize),
    (keys, values): (&[f32], &[f32]),
    scores: &mut Vec<f32>,
    out: &mut [f32],
) {
    let d = config.head_size;
    let (tokens, total) = (out.len() / d, keys.len() / d);
    let seen = total - tokens;
    let (keys, values) = (Matrix::new(keys, total, d, d), Matrix::new(values, total, d, d));
    scores.resize(tokens * total, 0.0);
    let q = Matrix::new(q, tokens, d, stride);
    let shape = MatrixMut::new(scores, tokens, total, total);
    matmul(shape, q, keys.transposed(), config.query_scale, 1);
    for (i, row) in scores.chunks_exact_mut(total).enumerate() {
        let end = seen + i + 1;
        let first = window.map_or(0, |window| end.saturating_sub(window));
        cap(&mut row[first..end], config.score_cap);
        softmax(&mut row[first..end]);
        row[..first].fill(0.0);
        row[end..].fill(0.0);
    }
    let weights = Matrix::new(scores, tokens, total, total);
    matmul(MatrixMut::new(out, tokens, d, d), weights, values, 1.0, 1);
}
