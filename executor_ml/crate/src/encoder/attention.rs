//! softmax(QKᵀ/√d)·V of every (sequence, head), by blocks of queries, so that a long sequence's
//! scores take memory in proportion to its length; within a window only the keys that are seen.

use super::config::Config;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::softmax;
use rayon::prelude::*;

/// Queries of one block: whole sequences of most models.
const QUERIES: usize = 512;

/// From packed [rows, 3·hidden] to [rows, hidden].
///
/// Each unit writes a block of its own in `heads` ([length, d] per head), so that units can run
/// on any thread; the blocks are then interleaved into `context`.
pub fn attention(
    config: &Config,
    window: Option<usize>,
    lengths: &[usize],
    qkv: &[f32],
    heads: &mut [f32],
    context: &mut [f32],
    threads: usize,
) {
    let h = config.hidden;
    let d = h / config.heads;
    let mut units = Vec::with_capacity(lengths.len() * config.heads);
    let mut rest = &mut heads[..];
    let mut row = 0;
    for &length in lengths {
        for head in 0..config.heads {
            let (block, tail) = rest.split_at_mut(length * d);
            units.push(Unit { start: row * 3 * h + head * d, length, block });
            rest = tail;
        }
        row += length;
    }
    let run = |scores: &mut Vec<f32>, unit: Unit<'_>| unit.run(qkv, h, d, window, scores);
    if threads > 1 {
        units.into_par_iter().for_each_init(Vec::new, run);
    } else {
        let mut scores = Vec::new();
        units.into_iter().for_each(|unit| run(&mut scores, unit));
    }
    let mut row = 0;
    for &length in lengths {
        let blocks = &heads[row * h..(row + length) * h];
        for (head, block) in blocks.chunks_exact(length * d).enumerate() {
            for (i, values) in block.chunks_exact(d).enumerate() {
                let start = (row + i) * h + head * d;
                context[start..start + d].copy_from_slice(values);
            }
        }
        row += length;
    }
}

/// One head of one sequence.
struct Unit<'a> {
    /// Of its first query.
    start: usize,
    length: usize,
    block: &'a mut [f32],
}

impl Unit<'_> {
    fn run(self, qkv: &[f32], h: usize, d: usize, window: Option<usize>, scores: &mut Vec<f32>) {
        let scale = 1.0 / (d as f32).sqrt();
        let part = |n: usize, first: usize, rows: usize| {
            Matrix::new(&qkv[self.start + n * h + first * 3 * h..], rows, d, 3 * h)
        };
        let queries = window.map_or(QUERIES, |w| w.clamp(32, QUERIES));
        for (i, out) in self.block.chunks_mut(queries * d).enumerate() {
            let (first, rows) = (i * queries, out.len() / d);
            let seen = match window {
                None => 0..self.length,
                Some(w) => first.saturating_sub(w)..self.length.min(first + rows + w),
            };
            let keys = seen.len();
            scores.resize(rows * keys, 0.0);
            let to = MatrixMut::new(scores, rows, keys, keys);
            matmul(to, part(0, first, rows), part(1, seen.start, keys).transposed(), scale, 1);
            for (row, scores) in scores.chunks_exact_mut(keys).enumerate() {
                let Some(w) = window else {
                    softmax(scores);
                    continue;
                };
                let from = (first + row).saturating_sub(w) - seen.start;
                let to = (first + row + w + 1).min(seen.end) - seen.start;
                scores[..from].fill(0.0);
                scores[to..].fill(0.0);
                softmax(&mut scores[from..to]);
            }
            let weights = Matrix::new(scores, rows, keys, keys);
            matmul(MatrixMut::new(out, rows, d, d), weights, part(2, seen.start, keys), 1.0, 1);
        }
    }
}
