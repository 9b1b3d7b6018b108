//! The encoder: packed token ids in, one vector per sequence out.
//!
//! Sequences lie one behind the other without padding, so a ragged batch costs what its tokens
//! cost. Weights are shared and never written; scratch belongs to the call.

use super::config::{Config, Pooling};
use super::layer::{Layer, Norm, Scratch};
use crate::error::Result;
use crate::safetensors::Weights;
use std::path::Path;

const WORDS: &str = "embeddings.word_embeddings.weight";

pub struct Bert {
    pub config: Config,
    weights: Weights,
    /// The word table converted to f32, where the file's own bytes cannot be read in place.
    converted_words: Option<Vec<f32>>,
    /// Position table with the row of token type 0 added to each.
    positions: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
}

impl Bert {
    /// Opens `config.json` and `model.safetensors` of a folder.
    pub fn open(folder: &Path) -> Result<Self> {
        let config = Config::read(folder)?;
        let weights = Weights::open(&folder.join("model.safetensors"), WORDS, &["", "bert."])?;
        let h = config.hidden;
        let converted_words = match weights.mapped(WORDS) {
            Some(bytes) if bytes.len() == config.vocabulary * h * 4 => None,
            _ => Some(weights.read(WORDS, &[config.vocabulary, h])?),
        };
        let mut positions =
            weights.read("embeddings.position_embeddings.weight", &[config.positions, h])?;
        let types = weights.read("embeddings.token_type_embeddings.weight", &[2, h])?;
        for row in positions.chunks_exact_mut(h) {
            row.iter_mut().zip(&types).for_each(|(x, t)| *x += *t);
        }
        Ok(Self {
            embedding_norm: Norm::read(&weights, "embeddings.LayerNorm", h)?,
            layers: (0..config.layers)
                .map(|i| Layer::read(&weights, &config, i))
                .collect::<Result<_>>()?,
            converted_words,
            positions,
            weights,
            config,
        })
    }

    /// Encodes sequences of 1..=positions ids below the vocabulary's size (the caller proves it)
    /// into `out` [sequences, hidden], on `threads` threads.
    pub fn forward(&self, sequences: &[&[u32]], out: &mut [f32], threads: usize) {
        let h = self.config.hidden;
        let lengths: Vec<usize> = sequences.iter().map(|s| s.len()).collect();
        let rows = lengths.iter().sum();
        let mut scratch = Scratch::new(&self.config, rows);
        let mut x = self.embed(sequences, rows);
        for layer in &self.layers {
            layer.forward(&self.config, &lengths, &mut x, &mut scratch, threads);
        }
        let mut row = 0;
        for (vector, &length) in out.chunks_exact_mut(h).zip(&lengths) {
            self.pool(&x[row * h..(row + length) * h], vector);
            row += length;
        }
    }

    fn embed(&self, sequences: &[&[u32]], rows: usize) -> Vec<f32> {
        let h = self.config.hidden;
        let mut x = vec![0.0; rows * h];
        let mut places = vec![0.0; rows * h];
        let ids = sequences.iter().flat_map(|s| s.iter().enumerate());
        let targets = x.chunks_exact_mut(h).zip(places.chunks_exact_mut(h));
        let mapped = self.weights.mapped(WORDS).unwrap_or_default();
        for ((position, &id), (word, place)) in ids.zip(targets) {
            let start = id as usize * h;
            match &self.converted_words {
                Some(words) => word.copy_from_slice(&words[start..start + h]),
                None => {
                    let bytes = mapped[start * 4..(start + h) * 4].chunks_exact(4);
                    for (value, b) in word.iter_mut().zip(bytes) {
                        *value = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
                    }
                }
            }
            place.copy_from_slice(&self.positions[position * h..(position + 1) * h]);
        }
        self.embedding_norm.add(&mut x, &places, self.config.epsilon);
        x
    }

    fn pool(&self, tokens: &[f32], vector: &mut [f32]) {
        let h = vector.len();
        match self.config.pooling {
            Pooling::Cls => vector.copy_from_slice(&tokens[..h]),
            Pooling::Mean => {
                vector.fill(0.0);
                for token in tokens.chunks_exact(h) {
                    vector.iter_mut().zip(token).for_each(|(v, t)| *v += *t);
                }
                let scale = 1.0 / (tokens.len() / h) as f32;
                vector.iter_mut().for_each(|v| *v *= scale);
            }
        }
    }
}
