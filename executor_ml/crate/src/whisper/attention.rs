//! softmax(QKᵀ)·V of every head, for the three attentions that Whisper has.

use super::dense::{Dense, Pass};
use crate::error::Result;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::{dot, fma, softmax};
use crate::tensor_bytes::Source;
use rayon::prelude::*;

/// Queries that share scores in a core's cache.
const BLOCK: usize = 128;
/// Multiplications below which threads cost more than they bring.
const WORTH_THREADS: usize = 1 << 17;

/// The projections of one attention.
pub struct Attention {
    pub query: Dense,
    pub key: Dense,
    pub value: Dense,
    pub output: Dense,
}

impl Attention {
    pub fn read(source: &dyn Source, name: &str, hidden: usize) -> Result<Self> {
        let dense = |part| Dense::read(source, &format!("{name}.{part}"), hidden, hidden);
        Ok(Self {
            query: dense("q_proj")?,
            key: dense("k_proj")?,
            value: dense("v_proj")?,
            output: dense("out_proj")?,
        })
    }

    /// Keys and values of `x`.
    pub fn remember(&self, pass: &mut Pass<'_>, x: &[f32], keys: &mut [f32], values: &mut [f32]) {
        pass.dense(x, &mut [(&self.key, keys), (&self.value, values)]);
    }
}

/// What is attended to, [length, hidden] each.
#[derive(Clone, Copy)]
pub struct Attended<'a> {
    pub keys: &'a [f32],
    pub values: &'a [f32],
    /// Query i sees no key behind i + `before`; None: all see all.
    pub before: Option<usize>,
}

/// `queries` [rows, hidden] → `out` [rows, hidden], over `heads` heads on `threads` threads.
pub fn attend(
    queries: &[f32],
    attended: Attended<'_>,
    (hidden, heads): (usize, usize),
    out: &mut [f32],
    threads: usize,
) {
    let (rows, length) = (queries.len() / hidden, attended.keys.len() / hidden);
    let d = hidden / heads;
    if rows == 1 {
        return one(queries, attended, (hidden, d), out, threads);
    }
    let scale = 1.0 / (d as f32).sqrt();
    // Heads write blocks of their own, so that they can run on any thread.
    let mut blocks = vec![0.0; rows * hidden];
    let units: Vec<(usize, usize, &mut [f32])> = blocks
        .chunks_mut(rows * d)
        .enumerate()
        .flat_map(|(head, block)| {
            block.chunks_mut(BLOCK * d).enumerate().map(move |(i, part)| (head, i * BLOCK, part))
        })
        .collect();
    let run = |scores: &mut Vec<f32>, (head, first, block): (usize, usize, &mut [f32])| {
        let count = block.len() / d;
        let at = head * d;
        let q = Matrix::new(&queries[first * hidden + at..], count, d, hidden);
        let k = Matrix::new(&attended.keys[at..], length, d, hidden);
        let v = Matrix::new(&attended.values[at..], length, d, hidden);
        scores.resize(count * length, 0.0);
        matmul(MatrixMut::new(scores, count, length, length), q, k.transposed(), scale, 1);
        for (i, row) in scores.chunks_exact_mut(length).enumerate() {
            let seen =
                attended.before.map_or(length, |before| (before + first + i + 1).min(length));
            softmax(&mut row[..seen]);
            row[seen..].fill(0.0);
        }
        let weights = Matrix::new(scores, count, length, length);
        matmul(MatrixMut::new(block, count, d, d), weights, v, 1.0, 1);
    };
    if threads > 1 && rows * length * hidden >= WORTH_THREADS {
        units.into_par_iter().for_each_init(Vec::new, run);
    } else {
        let mut scores = Vec::new();
        units.into_iter().for_each(|unit| run(&mut scores, unit));
    }
    for (head, block) in blocks.chunks_exact(rows * d).enumerate() {
        for (i, values) in block.chunks_exact(d).enumerate() {
            out[i * hidden + head * d..][..d].copy_from_slice(values);
        }
    }
}

/// One query of `hidden` values in heads of `d`: keys and values pass by once, as they lie, which a
/// product of matrices would copy first.
fn one(
    query: &[f32],
    attended: Attended<'_>,
    (hidden, d): (usize, usize),
    out: &mut [f32],
    threads: usize,
) {
    let length = attended.keys.len() / hidden;
    let seen = attended.before.map_or(length, |before| (before + 1).min(length));
    let scale = 1.0 / (d as f32).sqrt();
    let run = |(at, out): (usize, &mut [f32])| {
        let width = out.len();
        let query = &query[at..at + width];
        let mut scores = vec![0.0; width / d * seen];
        for (i, key) in attended.keys.chunks_exact(hidden).take(seen).enumerate() {
            let key = &key[at..at + width];
            let heads = query.chunks_exact(d).zip(key.chunks_exact(d));
            heads.enumerate().for_each(|(h, (q, k))| scores[h * seen + i] = dot(q, k) * scale);
        }
        scores.chunks_exact_mut(seen).for_each(softmax);
        out.fill(0.0);
        for (i, value) in attended.values.chunks_exact(hidden).take(seen).enumerate() {
            let value = &value[at..at + width];
            let heads = out.chunks_exact_mut(d).zip(value.chunks_exact(d));
            for (h, (out, value)) in heads.enumerate() {
                let weight = scores[h * seen + i];
                out.iter_mut().zip(value).for_each(|(o, v)| *o = fma(weight, *v, *o));
            }
        }
    };
    if threads > 1 && seen * hidden >= WORTH_THREADS {
        let share = (hidden / d).div_ceil(threads) * d;
        out.par_chunks_mut(share).enumerate().for_each(|(i, part)| run((i * share, part)));
    } else {
        run((0, out));
    }
}
