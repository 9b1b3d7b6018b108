//! A window's spectrogram to vectors: two convolutions, positions, layers.

use super::attention::{Attended, Attention, attend};
use super::config::Config;
use super::dense::{Dense, Norm, Pass, add};
use super::{Halt, check};
use crate::audio::Going;
use crate::cpu;
use crate::error::Result;
use crate::linear::{Activation, Linear};
use crate::numeric::gelu;
use crate::quant::{Kind, Tile};
use crate::tensor_bytes::Source;
use rayon::prelude::*;

/// Frames that a convolution sees.
const KERNEL: usize = 3;

pub struct Encoder {
    mels: usize,
    hidden: usize,
    heads: usize,
    feed: usize,
    sources: usize,
    convolutions: [Linear; 2],
    positions: Vec<f32>,
    layers: Vec<Layer>,
    norm: Norm,
}

struct Layer {
    attention_norm: Norm,
    attention: Attention,
    feed_norm: Norm,
    up: Dense,
    down: Dense,
}

impl Encoder {
    /// `prefix`: what stands before "encoder." in names.
    pub fn read(source: &dyn Source, prefix: &str, config: &Config) -> Result<Self> {
        let (h, feed) = (config.hidden, config.encoder.feed);
        let name = |part: &str| format!("{prefix}encoder.{part}");
        let layer = |i: usize| -> Result<Layer> {
            let name = |part: &str| name(&format!("layers.{i}.{part}"));
            Ok(Layer {
                attention_norm: Norm::read(source, &name("self_attn_layer_norm"), h)?,
                attention: Attention::read(source, &name("self_attn"), h)?,
                feed_norm: Norm::read(source, &name("final_layer_norm"), h)?,
                up: Dense::read(source, &name("fc1"), feed, h)?,
                down: Dense::read(source, &name("fc2"), h, feed)?,
            })
        };
        Ok(Self {
            mels: config.mels,
            hidden: h,
            heads: config.encoder.heads,
            feed,
            sources: config.sources,
            convolutions: [
                convolution(source, &name("conv1"), h, config.mels)?,
                convolution(source, &name("conv2"), h, h)?,
            ],
            positions: table(source, &name("embed_positions.weight"), config.sources, h)?,
            layers: (0..config.encoder.layers).map(layer).collect::<Result<_>>()?,
            norm: Norm::read(source, &name("layer_norm"), h)?,
        })
    }

    /// `mel` [2·sources, mels] → [sources, hidden].
    pub fn forward(&self, mel: &[f32], going: Going<'_>) -> std::result::Result<Vec<f32>, Halt> {
        assert_eq!(mel.len(), 2 * self.sources * self.mels);
        let (h, rows, threads) = (self.hidden, self.sources, cpu::threads());
        let [first, second] = &self.convolutions;
        let x = convolve(first, mel, self.mels, 1, threads);
        check(going)?;
        let mut x = convolve(second, &x, h, 2, threads);
        add(&mut x, &self.positions);
        let mut tile = Tile::default();
        let mut pass = Pass { kind: Kind::Prompt, tile: &mut tile, threads };
        let buffer = || vec![0.0; rows * h];
        let (mut normed, mut q, mut k, mut v) = (buffer(), buffer(), buffer(), buffer());
        let mut up = vec![0.0; rows * self.feed];
        for layer in &self.layers {
            check(going)?;
            layer.attention_norm.apply(&x, &mut normed);
            let Attention { query, key, value, output } = &layer.attention;
            pass.dense(&normed, &mut [(query, &mut q), (key, &mut k), (value, &mut v)]);
            let attended = Attended { keys: &k, values: &v, before: None };
            attend(&q, attended, (h, self.heads), &mut normed, threads);
            pass.dense(&normed, &mut [(output, &mut q)]);
            add(&mut x, &q);
            check(going)?;
            layer.feed_norm.apply(&x, &mut normed);
            pass.dense(&normed, &mut [(&layer.up, &mut up)]);
            up.par_chunks_mut(1 << 14).for_each(|part| part.iter_mut().for_each(|x| *x = gelu(*x)));
            pass.dense(&up, &mut [(&layer.down, &mut q)]);
            add(&mut x, &q);
        }
        self.norm.apply(&x, &mut normed);
        Ok(normed)
    }
}

/// A tensor of exactly [rows, columns] in f32.
pub fn table(source: &dyn Source, name: &str, rows: usize, columns: usize) -> Result<Vec<f32>> {
    shaped(source, name, &[rows, columns])
}

fn shaped(source: &dyn Source, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let tensor = source.tensor(name)?;
    if tensor.dims != shape {
        let found = &tensor.dims;
        let reason = format!("{name} has shape {found:?}, expected {shape:?}");
        return Err(source.error(&reason));
    }
    tensor.values().map_err(|e| source.error(&e))
}

/// A convolution as a product: its inputs are the frames that it sees, one behind the other.
fn convolution(source: &dyn Source, name: &str, outputs: usize, inputs: usize) -> Result<Linear> {
    let weight = shaped(source, &format!("{name}.weight"), &[outputs, inputs, KERNEL])?;
    let bias = source.vector(&format!("{name}.bias"), outputs)?;
    let mut turned = vec![0.0; weight.len()];
    for (from, to) in
        weight.chunks_exact(inputs * KERNEL).zip(turned.chunks_exact_mut(inputs * KERNEL))
    {
        for (i, taps) in from.chunks_exact(KERNEL).enumerate() {
            taps.iter().enumerate().for_each(|(k, w)| to[k * inputs + i] = *w);
        }
    }
    Ok(Linear::stack(inputs * KERNEL, &[(turned, bias)]))
}

/// gelu(convolution) of `x` [frames, width], one silent frame around it, every `stride` frames.
fn convolve(layer: &Linear, x: &[f32], width: usize, stride: usize, threads: usize) -> Vec<f32> {
    let frames = x.len() / width;
    let rows = frames / stride;
    let mut padded = vec![0.0; (frames + 2) * width];
    padded[width..width + x.len()].copy_from_slice(x);
    let mut seen = vec![0.0; rows * KERNEL * width];
    for (i, row) in seen.chunks_exact_mut(KERNEL * width).enumerate() {
        row.copy_from_slice(&padded[i * stride * width..][..KERNEL * width]);
    }
    let mut out = vec![0.0; rows * layer.outputs()];
    layer.forward(&seen, &mut out, Activation::Gelu, threads);
    out
}
