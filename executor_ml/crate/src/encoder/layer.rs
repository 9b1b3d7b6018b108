//! One layer: fused query-key-value, rotation, attention per (sequence, head), feed-forward; with
//! norms behind both (BERT) or before them.

use super::attention::attention;
use super::config::{Config, Kind};
use super::feed::Feed;
use crate::decoder::Rotation;
use crate::error::Result;
use crate::linear::{Activation, Linear};
use crate::numeric::add_layer_norm;
use crate::safetensors::Weights;

pub struct Layer {
    qkv: Linear,
    output: Linear,
    feed: Feed,
    /// None where the embedding's norm was just before it.
    attention_norm: Option<Norm>,
    feed_norm: Norm,
    window: Option<usize>,
}

/// Gain and bias of a layer norm.
pub struct Norm {
    pub gain: Vec<f32>,
    pub bias: Vec<f32>,
}

impl Norm {
    pub fn read(weights: &Weights, name: &str, width: usize, bias: bool) -> Result<Self> {
        Ok(Self {
            gain: weights.read(&format!("{name}.weight"), &[width])?,
            bias: match bias {
                true => weights.read(&format!("{name}.bias"), &[width])?,
                false => vec![0.0; width],
            },
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
    feed: Vec<f32>,
    /// Nothing to be added before a norm.
    zeros: Vec<f32>,
}

impl Scratch {
    pub fn new(config: &Config, rows: usize) -> Self {
        let zeros = if config.norms_first { rows * config.hidden } else { 0 };
        Self {
            qkv: vec![0.0; rows * 3 * config.hidden],
            heads: vec![0.0; rows * config.hidden],
            context: vec![0.0; rows * config.hidden],
            hidden: vec![0.0; rows * config.hidden],
            feed: vec![0.0; rows * Feed::width(config)],
            zeros: vec![0.0; zeros],
        }
    }
}

impl Layer {
    pub fn read(weights: &Weights, config: &Config, index: usize, kind: &Kind) -> Result<Self> {
        let (h, names, biases) = (config.hidden, config.names, config.biases);
        let name = |part: &str| names.layer.replace("{}", &index.to_string()) + part;
        let dense = |parts: &[&str], outputs: usize, inputs: usize, bias: bool| -> Result<Linear> {
            let outputs = outputs / parts.len();
            let read = |part: &&str| -> Result<_> {
                let part = name(part);
                let weight = weights.read(&format!("{part}.weight"), &[outputs, inputs])?;
                let bias = match bias {
                    true => weights.read(&format!("{part}.bias"), &[outputs])?,
                    false => vec![0.0; outputs],
                };
                Ok((weight, bias))
            };
            Ok(Linear::stack(inputs, &parts.iter().map(read).collect::<Result<Vec<_>>>()?))
        };
        let bare = config.norms_first && index == 0;
        let norm = |part: &str| Norm::read(weights, &name(part), h, biases.norm);
        Ok(Self {
            qkv: dense(names.qkv, 3 * h, h, biases.attention)?,
            output: dense(&[names.output], h, h, biases.attention)?,
            feed: Feed::read(config, |parts, outputs, inputs| {
                dense(parts, outputs, inputs, biases.feed)
            })?,
            attention_norm: if bare { None } else { Some(norm(names.attention_norm)?) },
            feed_norm: norm(names.feed_norm)?,
            window: kind.window,
        })
    }

    /// x ← layer(x) for packed sequences of the given lengths; `x` is [Σ lengths, hidden].
    pub fn forward(
        &self,
        config: &Config,
        rotation: Option<&Rotation>,
        lengths: &[usize],
        x: &mut [f32],
        scratch: &mut Scratch,
        threads: usize,
    ) {
        let Scratch { qkv, heads, context, hidden, feed, zeros } = scratch;
        let (h, epsilon) = (config.hidden, config.epsilon);
        match &self.attention_norm {
            Some(norm) if config.norms_first => {
                context.copy_from_slice(x);
                norm.add(context, zeros, epsilon);
                self.qkv.forward(context, qkv, Activation::None, threads);
            }
            _ => self.qkv.forward(x, qkv, Activation::None, threads),
        }
        if let Some(rotation) = rotation {
            rotation.apply_within(qkv, 3 * h, 2 * h, h / config.heads);
        }
        attention(config, self.window, lengths, qkv, heads, context, threads);
        self.output.forward(context, hidden, Activation::None, threads);
        if config.norms_first {
            add(x, hidden);
            hidden.copy_from_slice(x);
            self.feed_norm.add(hidden, zeros, epsilon);
            self.feed.forward(hidden, feed, context, threads);
            add(x, context);
        } else {
            if let Some(norm) = &self.attention_norm {
                norm.add(hidden, x, epsilon);
            }
            self.feed.forward(hidden, feed, x, threads);
            self.feed_norm.add(x, hidden, epsilon);
        }
    }
}

fn add(x: &mut [f32], other: &[f32]) {
    x.iter_mut().zip(other).for_each(|(a, b)| *a += *b);
}
