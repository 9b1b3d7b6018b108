//! One layer: normalised attention and normalised gated feed-forward, each added to x.

use super::attention::attend;
use super::config::{Activation, Layout};
use super::names::{Part, of_layer};
use super::rope::Rotation;
use super::{Cache, Config};
use crate::error::Result;
use crate::numeric::{gelu_tanh, rms_norm, silu};
use crate::quant::{Kind, Projection, Tile, project};
use crate::tensor_bytes::Source;
use rayon::prelude::*;

/// Gated values below which threads cost more than they bring.
const WORTH_THREADS: usize = 1 << 14;

pub struct Layer {
    attention_norm: Vec<f32>,
    query: Dense,
    key: Dense,
    value: Dense,
    /// Gains of the norms of heads.
    heads: Option<(Vec<f32>, Vec<f32>)>,
    output: Dense,
    post_attention_norm: Option<Vec<f32>>,
    feed_norm: Vec<f32>,
    gate: Projection,
    up: Projection,
    down: Projection,
    post_feed_norm: Option<Vec<f32>>,
}

/// A projection, and a bias where the file has one.
struct Dense {
    weight: Projection,
    bias: Option<Vec<f32>>,
}

impl Dense {
    fn add_bias(&self, x: &mut [f32]) {
        if let Some(bias) = &self.bias {
            x.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
        }
    }
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
    pub tile: Tile,
}

impl Scratch {
    pub fn new(config: &Config, tokens: usize) -> Self {
        let (queries, keys) = (config.query_width(), config.key_width());
        Self {
            normed: vec![0.0; tokens * config.hidden],
            q: vec![0.0; tokens * queries],
            k: vec![0.0; tokens * keys],
            v: vec![0.0; tokens * keys],
            blocks: vec![0.0; tokens * queries],
            context: vec![0.0; tokens * queries],
            gate: vec![0.0; tokens * config.intermediate],
            up: vec![0.0; tokens * config.intermediate],
            tile: Tile::default(),
        }
    }
}

/// A gain, with what the family adds to it.
pub fn gain(source: &dyn Source, config: &Config, name: &str, width: usize) -> Result<Vec<f32>> {
    let mut gain = source.vector(&format!("{name}.weight"), width)?;
    gain.iter_mut().for_each(|g| *g += config.gain_offset);
    Ok(gain)
}

impl Layer {
    pub fn read(source: &dyn Source, config: &Config, index: usize) -> Result<Self> {
        let (h, f) = (config.hidden, config.intermediate);
        let (queries, keys) = (config.query_width(), config.key_width());
        let name = |part| of_layer(config, index, part);
        let norm = |part, width| gain(source, config, &name(part), width);
        let stacked = |part, sizes: &[usize]| split(source, &name(part), sizes, h);
        let dense = |part, weight, rows| -> Result<Dense> {
            let bias = format!("{}.bias", name(part));
            let bias = source.has(&bias).then(|| source.vector(&bias, rows)).transpose()?;
            Ok(Dense { weight, bias })
        };
        let read = |part, rows, columns| {
            Projection::read(source, &format!("{}.weight", name(part)), rows, columns)
        };
        let sizes = [queries, keys, keys];
        let parts = [Part::Query, Part::Key, Part::Value];
        let weights = match source.has(&format!("{}.weight", name(Part::QueryKeyValue))) {
            true => stacked(Part::QueryKeyValue, &sizes)?,
            false => parts.iter().zip(sizes).map(|(p, n)| read(*p, n, h)).collect::<Result<_>>()?,
        };
        let mut attention =
            weights.into_iter().zip(parts).zip(sizes).map(|((w, p), n)| dense(p, w, n));
        let mut next = || attention.next().expect("three of three");
        let (query, key, value) = (next()?, next()?, next()?);
        // phi3 has gate and up in one.
        let together = match config.layout {
            Layout::Transformers => source.has(&format!("{}.weight", name(Part::GateUp))),
            Layout::Gguf => !source.has(&format!("{}.weight", name(Part::Gate))),
        };
        let gated = match together {
            true => stacked(Part::GateUp, &[f, f])?,
            false => vec![read(Part::Gate, f, h)?, read(Part::Up, f, h)?],
        };
        let [gate, up] = <[Projection; 2]>::try_from(gated).ok().expect("two of two");
        let heads = match config.head_norms {
            true => {
                let d = config.head_size;
                Some((norm(Part::QueryNorm, d)?, norm(Part::KeyNorm, d)?))
            }
            false => None,
        };
        let post = |part| config.post_norms.then(|| norm(part, h)).transpose();
        Ok(Self {
            attention_norm: norm(Part::AttentionNorm, h)?,
            query,
            key,
            value,
            heads,
            output: dense(Part::Output, read(Part::Output, h, queries)?, h)?,
            post_attention_norm: post(Part::PostAttentionNorm)?,
            feed_norm: norm(Part::FeedNorm, h)?,
            gate,
            up,
            down: read(Part::Down, h, f)?,
            post_feed_norm: post(Part::PostFeedNorm)?,
        })
    }

    /// x ← layer(x) of the newest tokens of each cache, which layer `index` then holds.
    #[allow(clippy::too_many_arguments)]
    pub fn forward(
        &self,
        config: &Config,
        index: usize,
        rotation: &Rotation,
        caches: &mut [&mut Cache],
        x: &mut [f32],
        s: &mut Scratch,
        kind: Kind,
        threads: usize,
    ) {
        let (d, queries, keys) = (config.head_size, config.query_width(), config.key_width());
        rms_norm(x, &self.attention_norm, config.epsilon, &mut s.normed);
        let outputs = &mut [
            (&self.query.weight, &mut s.q[..]),
            (&self.key.weight, &mut s.k[..]),
            (&self.value.weight, &mut s.v[..]),
        ];
        project(&s.normed, outputs, kind, &mut s.tile, threads);
        self.query.add_bias(&mut s.q);
        self.key.add_bias(&mut s.k);
        self.value.add_bias(&mut s.v);
        if let Some((query, key)) = &self.heads {
            norm_in_place(&mut s.q, query, config.epsilon, &mut s.blocks);
            norm_in_place(&mut s.k, key, config.epsilon, &mut s.blocks);
        }
        rotation.apply(&mut s.q, queries, d);
        rotation.apply(&mut s.k, keys, d);
        let share = s.k.len() / caches.len();
        let new = s.k.chunks_exact(share).zip(s.v.chunks_exact(share));
        caches.iter_mut().zip(new).for_each(|(cache, (k, v))| cache.store(index, k, v));
        attend(config, caches, index, &s.q, &mut s.blocks, &mut s.context, threads);
        let outputs = &mut [(&self.output.weight, &mut s.normed[..])];
        project(&s.context, outputs, kind, &mut s.tile, threads);
        self.output.add_bias(&mut s.normed);
        if let Some(gain) = &self.post_attention_norm {
            norm_in_place(&mut s.normed, gain, config.epsilon, &mut s.gate);
        }
        add(x, &s.normed);

        rms_norm(x, &self.feed_norm, config.epsilon, &mut s.normed);
        let outputs = &mut [(&self.gate, &mut s.gate[..]), (&self.up, &mut s.up[..])];
        project(&s.normed, outputs, kind, &mut s.tile, threads);
        activate(&mut s.gate, &s.up, config.activation, threads);
        project(&s.gate, &mut [(&self.down, &mut s.normed[..])], kind, &mut s.tile, threads);
        if let Some(gain) = &self.post_feed_norm {
            norm_in_place(&mut s.normed, gain, config.epsilon, &mut s.gate);
        }
        add(x, &s.normed);
    }
}

/// The rows of a stacked matrix, as matrices of their own.
fn split(
    source: &dyn Source,
    name: &str,
    sizes: &[usize],
    columns: usize,
) -> Result<Vec<Projection>> {
    let name = format!("{name}.weight");
    let tensor = source.tensor(&name)?;
    let total: usize = sizes.iter().sum();
    let wrong = || {
        let found = &tensor.dims;
        source.error(&format!("{name} has shape {found:?}, expected [{total}, {columns}]"))
    };
    if tensor.dims != [total, columns] {
        return Err(wrong());
    }
    let mut first = 0;
    let part = |rows: &usize| {
        let part = tensor.rows(first, *rows).ok_or_else(wrong)?;
        first += rows;
        Projection::new(source, part)
    };
    sizes.iter().map(part).collect()
}

/// x ← norm(x) by rows of `gain.len()` values; `scratch` is at least as long.
fn norm_in_place(x: &mut [f32], gain: &[f32], epsilon: f32, scratch: &mut Vec<f32>) {
    scratch.resize(scratch.len().max(x.len()), 0.0);
    let copy = &mut scratch[..x.len()];
    copy.copy_from_slice(x);
    rms_norm(copy, gain, epsilon, x);
}

/// gate ← act(gate)·up
fn activate(gate: &mut [f32], up: &[f32], activation: Activation, threads: usize) {
    let run = |(gate, up): (&mut [f32], &[f32])| match activation {
        Activation::Silu => gate.iter_mut().zip(up).for_each(|(g, u)| *g = silu(*g) * u),
        Activation::Gelu => gate.iter_mut().zip(up).for_each(|(g, u)| *g = gelu_tanh(*g) * u),
    };
    if threads > 1 && gate.len() > WORTH_THREADS {
        let share = gate.len().div_ceil(threads);
        gate.par_chunks_mut(share).zip(up.par_chunks(share)).for_each(run);
    } else {
        run((gate, up));
    }
}

fn add(x: &mut [f32], other: &[f32]) {
    x.iter_mut().zip(other).for_each(|(a, b)| *a += *b);
}
