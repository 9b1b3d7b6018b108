//! The model: token ids and caches in, the logits of the next tokens out.

use super::layer::{Layer, Scratch, gain};
use super::names::outside;
use super::rope::Rotation;
use super::{Cache, Config};
use crate::cpu;
use crate::error::Result;
use crate::gguf::Gguf;
use crate::numeric::rms_norm;
use crate::quant::{Kind, Projection, QuantMatrix, project};
use crate::tensor_bytes::Source;

pub struct Decoder {
    pub config: Config,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Projection,
}

/// The token table: rows are taken from the map where a format exists for its type.
enum Embedding {
    Mapped(QuantMatrix),
    Dequantised(Vec<f32>),
}

impl Embedding {
    fn read(source: &dyn Source, name: &str, config: &Config) -> Result<Self> {
        let tensor = source.tensor(name)?;
        if tensor.dims != [config.vocabulary, config.hidden] {
            return Err(source.error(&format!("{name} has shape {:?}", tensor.dims)));
        }
        match QuantMatrix::new(tensor.clone()) {
            Some(matrix) => Ok(Self::Mapped(matrix)),
            None => tensor.values().map(Self::Dequantised).map_err(|e| source.error(&e)),
        }
    }

    fn row(&self, id: usize, out: &mut [f32]) {
        match self {
            Self::Mapped(matrix) => matrix.row(id, out),
            Self::Dequantised(all) => out.copy_from_slice(&all[id * out.len()..][..out.len()]),
        }
    }
}

impl Decoder {
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        Self::read(gguf, Config::from_gguf(gguf)?)
    }

    pub fn read(source: &dyn Source, config: Config) -> Result<Self> {
        let (table, norm, head) = outside(config.layout);
        let tied = config.tied || !source.has(head);
        let name = if tied { table } else { head };
        let norm = norm.trim_end_matches(".weight");
        Ok(Self {
            embedding: Embedding::read(source, table, &config)?,
            layers: (0..config.layers)
                .map(|i| Layer::read(source, &config, i))
                .collect::<Result<_>>()?,
            norm: gain(source, &config, norm, config.hidden)?,
            head: Projection::exact(source, name, config.vocabulary, config.hidden)?,
            config,
        })
    }

    /// Begins to feed ids below the vocabulary's size behind what the cache holds, which must have
    /// room for them; both are the caller's to prove. Nothing is computed yet.
    pub fn begin(&self, ids: &[u32], cache: &Cache) -> Pass {
        self.pass(ids, &[cache.length()], Kind::Prompt)
    }

    /// A pass of equally many ids for each sequence, which begin at `starts`.
    fn pass(&self, ids: &[u32], starts: &[usize], kind: Kind) -> Pass {
        let h = self.config.hidden;
        let mut x = vec![0.0; ids.len() * h];
        for (id, row) in ids.iter().zip(x.chunks_exact_mut(h)) {
            self.embedding.row(*id as usize, row);
            if self.config.embedding_scale != 1.0 {
                row.iter_mut().for_each(|v| *v *= self.config.embedding_scale);
            }
        }
        let each = ids.len() / starts.len();
        let positions = || starts.iter().flat_map(|start| *start..start + each);
        Pass {
            rotation: Rotation::new(&self.config.rope, positions()),
            window_rotation: Rotation::new(&self.config.window_rope, positions()),
            scratch: Scratch::new(&self.config, ids.len()),
            sequences: starts.len(),
            tokens: ids.len(),
            layer: 0,
            kind,
            x,
        }
    }

    /// Runs the next layers of a pass, at least one and about `work` multiply-adds; false when all
    /// have run, and the cache then holds the tokens.
    pub fn advance(&self, pass: &mut Pass, cache: &mut Cache, work: usize) -> bool {
        self.run(pass, &mut [cache], work)
    }

    fn run(&self, pass: &mut Pass, caches: &mut [&mut Cache], work: usize) -> bool {
        let each = pass.tokens / pass.sequences;
        assert!(caches.iter().all(|c| c.length() + each <= c.capacity()));
        let count = (work / (self.layer_size() * pass.tokens)).max(1);
        let end = self.layers.len().min(pass.layer + count);
        in_pool(|threads| {
            for (i, layer) in self.layers.iter().enumerate().take(end).skip(pass.layer) {
                let Pass { x, scratch, rotation, window_rotation, kind, .. } = &mut *pass;
                let rotation = match self.config.windows[i] {
                    None => rotation,
                    Some(_) => window_rotation,
                };
                layer.forward(&self.config, i, rotation, caches, x, scratch, *kind, threads);
            }
        });
        pass.layer = end;
        if end == self.layers.len() {
            caches.iter_mut().for_each(|cache| cache.advance(each));
        }
        end < self.layers.len()
    }

    /// The last token's logits of each sequence [sequences, vocabulary], once all layers have run.
    pub fn logits(&self, mut pass: Pass) -> Vec<f32> {
        let each = pass.tokens / pass.sequences;
        self.logits_of_every(each, &mut pass, Kind::Decode)
    }

    /// Every token's logits [tokens, vocabulary] of a pass, once all layers have run.
    pub fn all_logits(&self, pass: &mut Pass) -> Vec<f32> {
        self.logits_of_every(1, pass, Kind::Prompt)
    }

    /// Of the last of each `each` tokens.
    fn logits_of_every(&self, each: usize, pass: &mut Pass, kind: Kind) -> Vec<f32> {
        let Config { hidden, vocabulary, epsilon, .. } = self.config;
        let count = pass.tokens / each;
        let normed = &mut pass.scratch.normed;
        normed.resize(count * hidden, 0.0);
        let last = pass.x.chunks_exact(hidden).skip(each - 1).step_by(each);
        for (row, normed) in last.zip(normed.chunks_exact_mut(hidden)) {
            rms_norm(row, &self.norm, epsilon, normed);
        }
        let mut out = vec![0.0; count * vocabulary];
        let tile = &mut pass.scratch.tile;
        let outputs = &mut [(&self.head, &mut out[..])];
        in_pool(|threads| project(normed, outputs, kind, tile, threads));
        if let Some(cap) = self.config.logit_cap {
            out.iter_mut().for_each(|x| *x = cap * (*x / cap).tanh());
        }
        out
    }

    /// The logits that follow `ids`, all at once.
    pub fn forward(&self, ids: &[u32], cache: &mut Cache) -> Vec<f32> {
        let mut pass = self.begin(ids, cache);
        while self.advance(&mut pass, cache, usize::MAX) {}
        self.logits(pass)
    }

    /// The logits [sequences, vocabulary] that follow one more id of each sequence. Those of a
    /// sequence are the same bits whatever others are beside it.
    pub fn decode(&self, ids: &[u32], caches: &mut [&mut Cache]) -> Vec<f32> {
        let starts: Vec<usize> = caches.iter().map(|cache| cache.length()).collect();
        let mut pass = self.pass(ids, &starts, Kind::Decode);
        while self.run(&mut pass, caches, usize::MAX) {}
        self.logits(pass)
    }

    /// Weights of a layer: the multiply-adds that a token costs in it.
    fn layer_size(&self) -> usize {
        let config = &self.config;
        config.hidden
            * (2 * config.query_width() + 2 * config.key_width() + 3 * config.intermediate)
    }
}

/// Tokens on their way through the layers.
pub struct Pass {
    sequences: usize,
    /// Of all sequences together.
    tokens: usize,
    layer: usize,
    kind: Kind,
    x: Vec<f32>,
    rotation: Rotation,
    window_rotation: Rotation,
    scratch: Scratch,
}

/// Runs inside the thread pool, where a parallel loop starts in a microsecond instead of ten.
fn in_pool(f: impl FnOnce(usize) + Send) {
    match cpu::threads() {
        1 => f(1),
        threads => rayon::scope(|_| f(threads)),
    }
}
