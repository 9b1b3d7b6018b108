//! One transformer layer: fused query-key-value, attention per (sequence, head), feed-forward.

use super::Config;
use crate::error::Result;
use crate::linear::{Activation, Linear};
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::{add_layer_norm, softmax};
use crate::safetensors::Weights;
use rayon::prelude::*;

pub struct Layer {
    qkv: Linear,
    output: Linear,
    up: Linear,
    down: Linear,
    attention_norm: Norm,
    output_norm: Norm,
}

/// Gain and bias of a layer norm.
pub struct Norm {
    pub gain: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Norm {
    pub fn read(weights: &Weights, name: &str, width: usize) -> Result<Self> {
        Ok(Self {
            gain: weights.read(&format!("{name}.weight"), &[width])?,
            bias: weights.read(&format!("{name}.bias"), &[width])?,
        })
    }

    /// x ← norm(x + residual)
    pub fn add(&self, x: &mut [f32], residual: &[f32], epsilon: f32) {
        add_layer_norm(x, residual, &self.gain, &self.bias, epsilon);
    }
}

/// Buffers of one pass over `rows` tokens, shared by all layers.
pub struct Scratch {
    qkv: Vec<f32>,
    heads: Vec<f32>,
    context: Vec<f32>,
    hidden: Vec<f32>,
    up: Vec<f32>,
}

impl Scratch {
    pub fn new(config: &Config, rows: usize) -> Self {
        Self {
            qkv: vec![0.0; rows * 3 * config.hidden],
            heads: vec![0.0; rows * config.hidden],
            context: vec![0.0; rows * config.hidden],
            hidden: vec![0.0; rows * config.hidden],
            up: vec![0.0; rows * config.intermediate],
        }
    }
}

impl Layer {
    pub fn read(weights: &Weights, config: &Config, index: usize) -> Result<Self> {
        let (h, i) = (config.hidden, config.intermediate);
        let name = |part: &str| format!("encoder.layer.{index}.{part}");
        let pair = |part: &str, outputs: usize, inputs: usize| -> Result<_> {
            let weight = weights.read(&name(&format!("{part}.weight")), &[outputs, inputs])?;
            Ok((weight, weights.read(&name(&format!("{part}.bias")), &[outputs])?))
        };
        Ok(Self {
            qkv: Linear::stack(
                h,
                &[
                    pair("attention.self.query", h, h)?,
                    pair("attention.self.key", h, h)?,
                    pair("attention.self.value", h, h)?,
                ],
            ),
            output: Linear::stack(h, &[pair("attention.output.dense", h, h)?]),
            up: Linear::stack(h, &[pair("intermediate.dense", i, h)?]),
            down: Linear::stack(i, &[pair("output.dense", h, i)?]),
            attention_norm: Norm::read(weights, &name("attention.output.LayerNorm"), h)?,
            output_norm: Norm::read(weights, &name("output.LayerNorm"), h)?,
        })
    }

    /// x ← layer(x) for packed sequences of the given lengths; `x` is [Σ lengths, hidden].
    pub fn forward(
        &self,
        config: &Config,
        lengths: &[usize],
        x: &mut [f32],
        scratch: &mut Scratch,
        threads: usize,
    ) {
        let Scratch { qkv, heads, context, hidden, up } = scratch;
        self.qkv.forward(x, qkv, Activation::None, threads);
        attention(config, lengths, qkv, heads, context, threads);
        self.output.forward(context, hidden, Activation::None, threads);
        self.attention_norm.add(hidden, x, config.epsilon);
        self.up.forward(hidden, up, Activation::Gelu, threads);
        self.down.forward(up, x, Activation::None, threads);
        self.output_norm.add(x, hidden, config.epsilon);
    }
}

/// softmax(QKᵀ/√d)·V of every (sequence, head), from packed [rows, 3·hidden] to [rows, hidden].
///
/// Each unit writes a block of its own in `heads` ([length, d] per head), so that units can run
/// on any thread; the blocks are then interleaved into `context`.
fn attention(
    config: &Config,
    lengths: &[usize],
    qkv: &[f32],
    heads: &mut [f32],
    context: &mut [f32],
    threads: usize,
) {
    let h = config.hidden;
    let d = h / config.heads;
    let scale = 1.0 / (d as f32).sqrt();
    let mut units = Vec::with_capacity(lengths.len() * config.heads);
    let mut rest = &mut heads[..];
    let mut row = 0;
    for &length in lengths {
        for head in 0..config.heads {
            let (block, tail) = rest.split_at_mut(length * d);
            units.push((row, length, head, block));
            rest = tail;
        }
        row += length;
    }
    let run = |scores: &mut Vec<f32>,
               (row, length, head, block): (usize, usize, usize, &mut [f32])| {
        let part = |n: usize| {
            let start = row * 3 * h + n * h + head * d;
            Matrix::new(&qkv[start..], length, d, 3 * h)
        };
        scores.resize(length * length, 0.0);
        let shape = |s| MatrixMut::new(s, length, length, length);
        matmul(shape(&mut scores[..]), part(0), part(1).transposed(), scale, 1);
        scores.chunks_exact_mut(length).for_each(softmax);
        let weights = Matrix::new(scores, length, length, length);
        matmul(MatrixMut::new(block, length, d, d), weights, part(2), 1.0, 1);
    };
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
