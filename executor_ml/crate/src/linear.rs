//! A dense layer in f32: y = act(x·Wᵀ + b), weights stored transposed for the product.

use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::gelu;
use rayon::prelude::*;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    None,
    Gelu,
}

pub struct Linear {
    inputs: usize,
    outputs: usize,
    /// [inputs, outputs]
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// From (weight [outputs, inputs], bias [outputs]) pairs that share an input, stacked to one
    /// layer: one product instead of three for query, key and value. Panics on unequal shapes.
    pub fn stack(inputs: usize, parts: &[(Vec<f32>, Vec<f32>)]) -> Self {
        let bias: Vec<f32> = parts.iter().flat_map(|(_, b)| b.iter().copied()).collect();
        let outputs = bias.len();
        let mut weight = vec![0.0; inputs * outputs];
        let mut column = 0;
        for (part, part_bias) in parts {
            assert_eq!(part.len(), inputs * part_bias.len());
            transpose_into(part, inputs, &mut weight, outputs, column);
            column += part_bias.len();
        }
        Self { inputs, outputs, weight, bias }
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// `x` [rows, inputs] → `out` [rows, outputs], on `threads` threads.
    pub fn forward(&self, x: &[f32], out: &mut [f32], activation: Activation, threads: usize) {
        let rows = x.len() / self.inputs;
        matmul(
            MatrixMut::new(out, rows, self.outputs, self.outputs),
            Matrix::new(x, rows, self.inputs, self.inputs),
            Matrix::new(&self.weight, self.inputs, self.outputs, self.outputs),
            1.0,
            threads,
        );
        let finish = |chunk: &mut [f32]| {
            for row in chunk.chunks_exact_mut(self.outputs) {
                match activation {
                    Activation::None => row.iter_mut().zip(&self.bias).for_each(|(x, b)| *x += *b),
                    Activation::Gelu => {
                        row.iter_mut().zip(&self.bias).for_each(|(x, b)| *x = gelu(*x + *b));
                    }
                }
            }
        };
        if threads > 1 && rows > 1 {
            out.par_chunks_mut(rows.div_ceil(threads) * self.outputs).for_each(finish);
        } else {
            finish(out);
        }
    }
}

/// `part` [outputs, inputs] → columns from `column` on of `weight` [inputs, outputs], in tiles
/// that stay in the cache.
fn transpose_into(part: &[f32], inputs: usize, weight: &mut [f32], outputs: usize, column: usize) {
    const TILE: usize = 32;
    let rows = part.len() / inputs;
    for r0 in (0..rows).step_by(TILE) {
        for c0 in (0..inputs).step_by(TILE) {
            for c in c0..(c0 + TILE).min(inputs) {
                for r in r0..(r0 + TILE).min(rows) {
                    weight[c * outputs + column + r] = part[r * inputs + c];
                }
            }
        }
    }
}
