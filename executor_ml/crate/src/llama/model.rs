//! The model: token ids and a cache in, the logits of the next token out.

use super::attention::Rotation;
use super::layer::{Layer, Scratch};
use super::{Cache, Config};
use crate::cpu;
use crate::error::Result;
use crate::gguf::Gguf;
use crate::numeric::rms_norm;
use crate::quant::{Projection, QuantMatrix, project};
use candle_core::Device;

pub struct Llama {
    pub config: Config,
    embedding: Embedding,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    head: Projection,
}

/// The token table: rows are taken from the map where a kernel exists for its type.
enum Embedding {
    Mapped(QuantMatrix),
    Dequantised(Vec<f32>),
}

impl Embedding {
    fn read(gguf: &Gguf) -> Result<Self> {
        let tensor = gguf.tensor("token_embd.weight")?;
        if let Some(matrix) = QuantMatrix::new(tensor.clone()) {
            return Ok(Self::Mapped(matrix));
        }
        gguf.candle(&tensor)?
            .dequantize(&Device::Cpu)
            .and_then(|t| t.flatten_all())
            .and_then(|t| t.to_vec1())
            .map(Self::Dequantised)
            .map_err(|e| gguf.error(e))
    }

    fn row(&self, id: usize, out: &mut [f32]) {
        match self {
            Self::Mapped(matrix) => matrix.row(id, out),
            Self::Dequantised(all) => out.copy_from_slice(&all[id * out.len()..][..out.len()]),
        }
    }
}

impl Llama {
    pub fn read(gguf: &Gguf) -> Result<Self> {
        let config = Config::read(gguf)?;
        // Where the output is tied to the embedding there is no output.weight; reading the table
        // as the head also checks its shape.
        let name = match gguf.has("output.weight") {
            true => "output.weight",
            false => "token_embd.weight",
        };
        let head = Projection::read(gguf, name, config.vocabulary, config.hidden)?;
        let table = gguf.tensor("token_embd.weight")?.dims;
        if table != [config.vocabulary, config.hidden] {
            return Err(gguf.error(format!("token_embd.weight has shape {table:?}")));
        }
        Ok(Self {
            embedding: Embedding::read(gguf)?,
            layers: (0..config.layers)
                .map(|i| Layer::read(gguf, &config, i))
                .collect::<Result<_>>()?,
            norm: gguf.vector("output_norm.weight", config.hidden)?,
            head,
            config,
        })
    }

    /// Begins to feed ids below the vocabulary's size behind what the cache holds, which must have
    /// room for them; both are the caller's to prove. Nothing is computed yet.
    pub fn begin(&self, ids: &[u32], cache: &Cache) -> Pass {
        assert!(cache.length() + ids.len() <= cache.capacity());
        let h = self.config.hidden;
        let mut x = vec![0.0; ids.len() * h];
        for (id, row) in ids.iter().zip(x.chunks_exact_mut(h)) {
            self.embedding.row(*id as usize, row);
        }
        Pass {
            rotation: Rotation::new(&self.config, cache.length(), ids.len()),
            scratch: Scratch::new(&self.config, ids.len()),
            tokens: ids.len(),
            layer: 0,
            x,
        }
    }

    /// Runs the next layers of a pass, at least one and about `work` multiply-adds; false when all
    /// have run, and the cache then holds the tokens.
    pub fn advance(&self, pass: &mut Pass, cache: &mut Cache, work: usize) -> bool {
        let count = (work / (self.layer_size() * pass.tokens)).max(1);
        let end = self.layers.len().min(pass.layer + count);
        in_pool(|threads| {
            for (i, layer) in self.layers.iter().enumerate().take(end).skip(pass.layer) {
                let Pass { x, scratch, rotation, .. } = &mut *pass;
                layer.forward(&self.config, i, rotation, cache, x, scratch, threads);
            }
        });
        pass.layer = end;
        if end == self.layers.len() {
            cache.advance(pass.tokens);
        }
        end < self.layers.len()
    }

    /// The last token's logits, once all layers have run.
    pub fn logits(&self, mut pass: Pass) -> Vec<f32> {
        let last = &pass.x[(pass.tokens - 1) * self.config.hidden..];
        let normed = &mut pass.scratch.normed[..self.config.hidden];
        rms_norm(last, &self.norm, self.config.epsilon, normed);
        let mut out = vec![0.0; self.config.vocabulary];
        let tile = &mut pass.scratch.tile;
        in_pool(|threads| project(normed, &mut [(&self.head, &mut out)], tile, threads));
        out
    }

    /// All of the above at once.
    pub fn forward(&self, ids: &[u32], cache: &mut Cache) -> Vec<f32> {
        let mut pass = self.begin(ids, cache);
        while self.advance(&mut pass, cache, usize::MAX) {}
        self.logits(pass)
    }

    /// Weights of a layer: the multiply-adds that a token costs in it.
    fn layer_size(&self) -> usize {
        let Config { hidden, intermediate, head_size, kv_heads, .. } = self.config;
        hidden * (2 * hidden + 2 * kv_heads * head_size + 3 * intermediate)
    }
}

/// Tokens on their way through the layers.
pub struct Pass {
    tokens: usize,
    layer: usize,
    x: Vec<f32>,
    rotation: Rotation,
    scratch: Scratch,
}

/// Runs inside the thread pool, where a parallel loop starts in a microsecond instead of ten.
fn in_pool(f: impl FnOnce(usize) + Send) {
    match cpu::threads() {
        1 => f(1),
        threads => rayon::scope(|_| f(threads)),
    }
}
