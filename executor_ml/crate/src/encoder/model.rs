//! The encoder: packed token ids in, one vector per sequence out.
//!
//! Sequences lie one behind the other without padding, so a ragged batch costs what its tokens
//! cost. Weights are shared and never written; scratch belongs to the call.

use super::config::{Config, Pooling};
use super::layer::{Layer, Norm, Scratch};
use super::{config_json, names};
use crate::decoder::{ConfigFile, Rope, Rotation};
use crate::error::{Error, Result};
use crate::safetensors::Weights;
use std::path::Path;

/// Token ids of one sequence, and their types; no types: all are 0.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    pub ids: &'a [u32],
    pub types: &'a [u32],
}

pub struct Encoder {
    pub config: Config,
    weights: Weights,
    /// The word table converted to f32, where the file's own bytes cannot be read in place.
    converted_words: Option<Vec<f32>>,
    /// Position table, empty where positions are rotated.
    positions: Vec<f32>,
    /// Table of token types, or one row of zeros.
    types: Vec<f32>,
    embedding_norm: Norm,
    layers: Vec<Layer>,
    last_norm: Option<Norm>,
    /// Those that layers rotate by, each once, and of each layer which.
    ropes: Vec<Rope>,
    rope_of: Vec<Option<usize>>,
}

impl Encoder {
    /// Opens `config.json` and `model.safetensors` of a folder.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let mut config = config_json::read(&ConfigFile::read(&path)?)?;
        let file = folder.join("model.safetensors");
        let weights = Weights::open(&file, config.names.words, config.names.prefixes)?;
        if let Some(own) = names::own(config.names)
            && weights.has(&format!("{}.weight", own.embedding_norm))
        {
            config.names = own;
        }
        let (h, names) = (config.hidden, config.names);
        let converted_words = match weights.mapped(names.words) {
            Some(bytes) if bytes.len() == config.vocabulary * h * 4 => None,
            _ => Some(weights.read(names.words, &[config.vocabulary, h])?),
        };
        let positions = match names.positions {
            Some(name) => weights.read(name, &[config.positions, h])?,
            None => Vec::new(),
        };
        let types = match config.types {
            0 => vec![0.0; h],
            rows => weights.read(names::TYPES, &[rows, h])?,
        };
        let norm = |name: &str| Norm::read(&weights, name, h, config.biases.norm);
        let (ropes, rope_of) = ropes(&config);
        Ok(Self {
            embedding_norm: norm(names.embedding_norm)?,
            last_norm: names.last_norm.map(norm).transpose()?,
            layers: (config.layers.iter().enumerate())
                .map(|(i, kind)| Layer::read(&weights, &config, i, kind))
                .collect::<Result<_>>()?,
            converted_words,
            positions,
            types,
            ropes,
            rope_of,
            weights,
            config,
        })
    }

    /// Whether all ids of a tokenizer with so many tokens have rows. `path`: its file.
    pub fn check_ids(&self, ids: usize, path: &Path) -> Result<()> {
        let rows = self.config.vocabulary;
        if ids > rows {
            return Err(Error::model(path, format!("has {ids} tokens for a model of {rows}")));
        }
        Ok(())
    }

    /// Encodes sequences of 1..=max_tokens ids below the vocabulary's size (the caller proves it)
    /// into `out` [sequences, hidden], on `threads` threads.
    pub fn forward(
        &self,
        sequences: &[Input<'_>],
        pooling: Pooling,
        out: &mut [f32],
        threads: usize,
    ) {
        let h = self.config.hidden;
        let lengths: Vec<usize> = sequences.iter().map(|s| s.ids.len()).collect();
        let rows = lengths.iter().sum();
        let mut scratch = Scratch::new(&self.config, rows);
        let mut x = self.embed(sequences, rows);
        let places = || lengths.iter().flat_map(|length| 0..*length);
        let rotations: Vec<Rotation> =
            self.ropes.iter().map(|rope| Rotation::new(rope, places())).collect();
        for (layer, rope) in self.layers.iter().zip(&self.rope_of) {
            let rotation = rope.map(|i| &rotations[i]);
            layer.forward(&self.config, rotation, &lengths, &mut x, &mut scratch, threads);
        }
        if let Some(norm) = &self.last_norm {
            norm.add(&mut x, &vec![0.0; rows * h], self.config.epsilon);
        }
        let mut row = 0;
        for (vector, &length) in out.chunks_exact_mut(h).zip(&lengths) {
            pool(pooling, &x[row * h..(row + length) * h], vector);
            row += length;
        }
    }

    fn embed(&self, sequences: &[Input<'_>], rows: usize) -> Vec<f32> {
        let h = self.config.hidden;
        let mut x = vec![0.0; rows * h];
        let mut places = vec![0.0; rows * h];
        let tokens = sequences.iter().flat_map(|s| {
            s.ids.iter().enumerate().map(|(i, id)| (i, *id, s.types.get(i).copied().unwrap_or(0)))
        });
        let targets = x.chunks_exact_mut(h).zip(places.chunks_exact_mut(h));
        let mapped = self.weights.mapped(self.config.names.words).unwrap_or_default();
        let last_type = self.types.len() / h - 1;
        for ((position, id, kind), (word, place)) in tokens.zip(targets) {
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
            let kind = (kind as usize).min(last_type);
            place.copy_from_slice(&self.types[kind * h..(kind + 1) * h]);
            if !self.positions.is_empty() {
                let row = &self.positions[(position + self.config.first_position) * h..][..h];
                place.iter_mut().zip(row).for_each(|(x, p)| *x += *p);
            }
        }
        self.embedding_norm.add(&mut x, &places, self.config.epsilon);
        x
    }
}

/// The rotations that there are, and of each layer which.
fn ropes(config: &Config) -> (Vec<Rope>, Vec<Option<usize>>) {
    let mut ropes: Vec<Rope> = Vec::new();
    let of = config.layers.iter().map(|kind| {
        let rope = kind.rope.as_ref()?;
        let known = ropes.iter().position(|other| other == rope);
        Some(known.unwrap_or_else(|| {
            ropes.push(rope.clone());
            ropes.len() - 1
        }))
    });
    let of = of.collect();
    (ropes, of)
}

fn pool(pooling: Pooling, tokens: &[f32], vector: &mut [f32]) {
    let h = vector.len();
    match pooling {
        Pooling::Cls => vector.copy_from_slice(&tokens[..h]),
        Pooling::Last => vector.copy_from_slice(&tokens[tokens.len() - h..]),
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
