//! One llama layer: normalised attention and normalised gated feed-forward, each added to x.

use super::attention::{Rotation, attend};
use super::{Cache, Config};
use crate::error::Result;
use crate::gguf::Gguf;
use crate::numeric::{rms_norm, silu};
use crate::quant::{Projection, project};

pub struct Layer {
    attention_norm: Vec<f32>,
    query: Projection,
    key: Projection,
    value: Projection,
    output: Projection,
    feed_norm: Vec<f32>,
    gate: Projection,
    up: Projection,
    down: Projection,
}

/// Buffers of one pass over `tokens` tokens, shared by all layers.
pub struct Scratch {
    pub normed: Vec<f32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    blocks: Vec<f32>,
    context: Vec<f32>,
    gate: Vec<f32>,
    up: Vec<f32>,
    /// Dequantised weights.
    pub tile: Vec<f32>,
}

impl Scratch {
    pub fn new(config: &Config, tokens: usize) -> Self {
        let kv = config.kv_heads * config.head_size;
        Self {
            normed: vec![0.0; tokens * config.hidden],
            q: vec![0.0; tokens * config.hidden],
            k: vec![0.0; tokens * kv],
            v: vec![0.0; tokens * kv],
            blocks: vec![0.0; tokens * config.hidden],
            context: vec![0.0; tokens * config.hidden],
            gate: vec![0.0; tokens * config.intermediate],
            up: vec![0.0; tokens * config.intermediate],
            tile: Vec::new(),
        }
    }
}

impl Layer {
    pub fn read(gguf: &Gguf, config: &Config, index: usize) -> Result<Self> {
        let (h, f) = (config.hidden, config.intermediate);
        let kv = config.kv_heads * config.head_size;
        let matrix = |name: &str, rows, columns| {
            Projection::read(gguf, &format!("blk.{index}.{name}.weight"), rows, columns)
        };
        let gain = |name: &str| gguf.vector(&format!("blk.{index}.{name}.weight"), h);
        Ok(Self {
            attention_norm: gain("attn_norm")?,
            query: matrix("attn_q", h, h)?,
            key: matrix("attn_k", kv, h)?,
            value: matrix("attn_v", kv, h)?,
            output: matrix("attn_output", h, h)?,
            feed_norm: gain("ffn_norm")?,
            gate: matrix("ffn_gate", f, h)?,
            up: matrix("ffn_up", f, h)?,
            down: matrix("ffn_down", h, f)?,
        })
    }

    /// x ← layer(x); stores the tokens' keys and values in `cache` as layer `index`.
    #[allow(clippy::too_many_arguments)]
    pub fn forward(
        &self,
        config: &Config,
        index: usize,
        rotation: &Rotation,
        cache: &mut Cache,
        x: &mut [f32],
        s: &mut Scratch,
        threads: usize,
    ) {
        let (h, d) = (config.hidden, config.head_size);
        rms_norm(x, &self.attention_norm, config.epsilon, &mut s.normed);
        let outputs = &mut [
            (&self.query, &mut s.q[..]),
            (&self.key, &mut s.k[..]),
            (&self.value, &mut s.v[..]),
        ];
        project(&s.normed, outputs, &mut s.tile, threads);
        rotation.apply(&mut s.q, h, d);
        rotation.apply(&mut s.k, config.kv_heads * d, d);
        cache.store(index, &s.k, &s.v);
        attend(config, cache, index, &s.q, &mut s.blocks, &mut s.context, threads);
        project(&s.context, &mut [(&self.output, &mut s.normed)], &mut s.tile, threads);
        add(x, &s.normed);

        rms_norm(x, &self.feed_norm, config.epsilon, &mut s.normed);
        let outputs = &mut [(&self.gate, &mut s.gate[..]), (&self.up, &mut s.up[..])];
        project(&s.normed, outputs, &mut s.tile, threads);
        for (gate, up) in s.gate.iter_mut().zip(&s.up) {
            *gate = silu(*gate) * up;
        }
        project(&s.gate, &mut [(&self.down, &mut s.normed)], &mut s.tile, threads);
        add(x, &s.normed);
    }
}

fn add(x: &mut [f32], other: &[f32]) {
    x.iter_mut().zip(other).for_each(|(a, b)| *a += *b);
}
