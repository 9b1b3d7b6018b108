//! Texts as CLIP and SigLIP read them.

use super::encoder::{Encoder, Shape};
use super::pair::NAMES;
use super::weights::{Norm, Weights, layer};
use super::{Activation, Fields};
use crate::error::{Error, Result};
use crate::linear::Linear;
use crate::tokenizer;
use rayon::prelude::*;
use serde_json::Value;
use std::path::Path;
use tokenizers::Tokenizer;

/// Where in a text its meaning is gathered.
pub enum Gathered {
    /// At the first end token; with this one, at the first of the largest token.
    End(u32),
    /// At the last place, behind tokens of padding.
    Padded(u32),
}

const LEGACY_END: u32 = 2;

pub struct Texts {
    tokenizer: Tokenizer,
    tokens: Vec<f32>,
    positions: Vec<f32>,
    encoder: Encoder,
    post: Norm,
    head: Linear,
    gathered: Gathered,
    width: usize,
}

impl Texts {
    /// `weights` are at the text model's; `head` gives the embedding.
    pub fn read(
        folder: &Path,
        weights: &Weights<'_>,
        fields: &Fields,
        shape: &Shape,
        (words, places): (usize, usize),
        head: Linear,
        gathered: Gathered,
    ) -> Result<Self> {
        let w = shape.width;
        let words = fields.count("vocab_size", words)?;
        let places = fields.count("max_position_embeddings", places)?;
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::from_json(&path, places)?;
        let ids = tokenizer.get_vocab_size(true);
        if ids > words {
            return Err(Error::model(&path, format!("has {ids} tokens for a model of {words}")));
        }
        Ok(Self {
            tokenizer,
            tokens: weights.read("embeddings.token_embedding.weight", &[words, w])?,
            positions: weights.read("embeddings.position_embedding.weight", &[places, w])?,
            encoder: Encoder::read(&weights.at("encoder.layers"), &NAMES, shape)?,
            post: weights.norm("final_layer_norm", w, shape.epsilon)?,
            head,
            gathered,
            width: w,
        })
    }

    /// Token ids of a text, and whether its end was cut off.
    pub fn tokenize(&self, text: &str) -> Result<(Vec<u32>, bool)> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|_| Error::Parameter {
            name: "texts",
            expected: "must be texts that the tokenizer accepts",
        })?;
        let mut ids = encoding.get_ids().to_vec();
        let places = self.positions.len() / self.width;
        ids.truncate(places);
        if let Gathered::Padded(pad) = self.gathered {
            ids.resize(places, pad);
        }
        match ids.is_empty() {
            true => Err(Error::Parameter { name: "texts", expected: "must have a token each" }),
            false => Ok((ids, !encoding.get_overflowing().is_empty())),
        }
    }

    /// [texts, embedding], not normalised.
    pub fn forward(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        let one = |ids: &Vec<u32>| self.of(ids);
        let all: Vec<Vec<f32>> = texts.par_iter().map(one).collect();
        all.concat()
    }

    fn of(&self, ids: &[u32]) -> Vec<f32> {
        let w = self.width;
        let mut x = Vec::with_capacity(ids.len() * w);
        for (id, position) in ids.iter().zip(self.positions.chunks_exact(w)) {
            // The tokenizer has no more tokens than there are rows.
            let token = self.tokens.chunks_exact(w).nth(*id as usize).unwrap_or(position);
            x.extend(token.iter().zip(position).map(|(a, b)| a + b));
        }
        self.encoder.forward(&mut x, ids.len(), 1);
        let at = match self.gathered {
            Gathered::Padded(_) => ids.len() - 1,
            Gathered::End(LEGACY_END) => {
                let largest = ids.iter().max();
                ids.iter().position(|id| Some(id) == largest).unwrap_or(0)
            }
            Gathered::End(end) => ids.iter().position(|id| *id == end).unwrap_or(0),
        };
        let mut row = x[at * w..][..w].to_vec();
        self.post.apply(&mut row, 1);
        layer(&self.head, &row, w, Activation::None, 1)
    }
}

/// The token that texts are filled with: the tokenizer's, or else the configuration's.
pub fn padding(folder: &Path, fields: &Fields) -> Result<u32> {
    let path = folder.join("tokenizer.json");
    let tokenizer = tokenizer::plain_from_json(&path)?;
    let config = folder.join("tokenizer_config.json");
    if config.exists() {
        let told = Fields::read(&config)?;
        let token = match told.get("pad_token") {
            Some(Value::String(text)) => Some(text.clone()),
            Some(Value::Object(all)) => {
                all.get("content").and_then(Value::as_str).map(str::to_owned)
            }
            _ => None,
        };
        if let Some(id) = token.and_then(|token| tokenizer.token_to_id(&token)) {
            return Ok(id);
        }
    }
    let id = fields.count("pad_token_id", 1)?;
    match u32::try_from(id).ok().filter(|id| (*id as usize) < tokenizer.get_vocab_size(true)) {
        Some(id) => Ok(id),
        None => Err(fields.error(format!("pad_token_id {id} is no token"))),
    }
}
