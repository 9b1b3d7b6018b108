//! CLIP and SigLIP: pictures and texts in one space, near where they fit.

use super::encoder::Names;
use super::parallel::batches;
use super::probe_head::ProbeHead;
use super::texts::{Gathered, Texts, padding};
use super::tower::{Defaults, Places, Tower};
use super::weights::{Weights, layer};
use super::{Activation, Fields};
use crate::error::{Error, Result};
use crate::linear::Linear;
use crate::numeric::{dot, exp, normalize, softmax};
use crate::picture::{BadPicture, Picture, Preparation, Prepared};
use crate::shards::Shards;
use std::path::Path;

pub const NAMES: Names = Names {
    before: "layer_norm1",
    qkv: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    output: "self_attn.out_proj",
    after: "layer_norm2",
    up: "mlp.fc1",
    down: "mlp.fc2",
};

const CLIP: Places = Places {
    patches: "embeddings.patch_embedding",
    class: Some("embeddings.class_embedding"),
    positions: "embeddings.position_embedding.weight",
    pre: Some("pre_layrnorm"), // so spelt in every file
    layers: "encoder.layers",
    post: "post_layernorm",
    names: NAMES,
};
const SIGLIP: Places = Places { class: None, pre: None, ..CLIP };

const CLIP_PICTURES: Defaults = Defaults {
    width: 768,
    layers: 12,
    heads: 12,
    feed: 3072,
    epsilon: 1e-5,
    activation: "quick_gelu",
    causal: false,
};
const CLIP_TEXTS: Defaults =
    Defaults { width: 512, heads: 8, feed: 2048, causal: true, ..CLIP_PICTURES };
const SIGLIP_BOTH: Defaults =
    Defaults { epsilon: 1e-6, activation: "gelu_pytorch_tanh", ..CLIP_PICTURES };

enum Pooling {
    Class(Linear),
    Probe(Box<ProbeHead>),
}

pub struct Pair {
    tower: Tower,
    pooling: Pooling,
    texts: Texts,
    scale: f32,
    /// What is added to a likeness that stands for itself; none: texts share a probability of 1.
    bias: Option<f32>,
    dimensions: usize,
    preparation: Preparation,
}

impl Pair {
    /// Opens a folder with `config.json`, the processor's and the tokenizer's files and weights.
    pub fn open(folder: &Path) -> Result<Self> {
        let fields = Fields::read(&folder.join("config.json"))?;
        let family = fields.text("model_type", "")?;
        let shards = Shards::open(folder)?;
        let pair = match family.as_str() {
            "clip" => Self::clip(folder, &fields, &shards)?,
            "siglip" => Self::siglip(folder, &fields, &shards)?,
            other => {
                return Err(
                    fields.error(format!("{other:?} is not supported; clip and siglip are"))
                );
            }
        };
        match pair.preparation.output() {
            Some(size) if pair.tower.reads(size, false) => Ok(pair),
            _ => {
                let (height, width) = pair.tower.size;
                let reason =
                    format!("must give pictures of {height} by {width}, which the model reads");
                Err(Error::model(&folder.join("preprocessor_config.json"), reason))
            }
        }
    }

    fn clip(folder: &Path, fields: &Fields, shards: &Shards) -> Result<Self> {
        let told = |key: &str| -> Result<Fields> {
            Ok(fields.object(key)?.with(fields.object(&format!("{key}_dict"))?))
        };
        let (seen, said) = (told("vision_config")?, told("text_config")?);
        let dimensions = fields.count("projection_dim", 512)?;
        let weights = Weights::new(shards, "", "");
        let shape = CLIP_PICTURES.over(&seen)?;
        let tower = Tower::read(&weights.at("vision_model"), &seen, &CLIP, &shape, 32)?;
        let shape = CLIP_TEXTS.over(&said)?;
        let end = said.count("eos_token_id", 49_407)? as u32;
        let texts = Texts::read(
            folder,
            &weights.at("text_model"),
            &said,
            &shape,
            (49_408, 77),
            weights.linear("text_projection", shape.width, dimensions)?,
            Gathered::End(end),
        )?;
        Ok(Self {
            pooling: Pooling::Class(weights.linear(
                "visual_projection",
                tower.width,
                dimensions,
            )?),
            tower,
            texts,
            scale: weights.number("logit_scale")?.exp(),
            bias: None,
            dimensions,
            preparation: Preparation::read(folder, "CLIP")?,
        })
    }

    fn siglip(folder: &Path, fields: &Fields, shards: &Shards) -> Result<Self> {
        let (seen, said) = (fields.object("vision_config")?, fields.object("text_config")?);
        if !seen.flag("vision_use_head", true)? {
            return Err(fields.error("vision_use_head must be true"));
        }
        let weights = Weights::new(shards, "", "");
        let shape = SIGLIP_BOTH.over(&seen)?;
        let pictures = weights.at("vision_model");
        let tower = Tower::read(&pictures, &seen, &SIGLIP, &shape, 16)?;
        let pooling = Pooling::Probe(Box::new(ProbeHead::read(&pictures.at("head"), &shape)?));
        let dimensions = tower.width;
        let shape = SIGLIP_BOTH.over(&said)?;
        let at = weights.at("text_model");
        let texts = Texts::read(
            folder,
            &at,
            &said,
            &shape,
            (32_000, 64),
            at.linear("head", shape.width, dimensions)?,
            Gathered::Padded(padding(folder, &said)?),
        )?;
        Ok(Self {
            pooling,
            tower,
            texts,
            scale: weights.number("logit_scale")?.exp(),
            bias: Some(weights.number("logit_bias")?),
            dimensions,
            preparation: Preparation::read(folder, "Siglip")?,
        })
    }

    /// Length of an embedding.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    pub fn prepare(&self, picture: &Picture) -> std::result::Result<Prepared, BadPicture> {
        self.preparation.apply(picture)
    }

    /// [pictures, dimensions], each of length 1.
    pub fn pictures(&self, pictures: &[&Prepared]) -> Vec<f32> {
        let mut out = batches(pictures, |some, threads| {
            let (mut x, length) = self.tower.forward(some, threads);
            let w = self.tower.width;
            match &self.pooling {
                Pooling::Class(projection) => {
                    let mut rows: Vec<f32> = x
                        .chunks_exact(length * w)
                        .flat_map(|all| all[..w].iter().copied())
                        .collect();
                    self.tower.post.apply(&mut rows, 1);
                    layer(projection, &rows, w, Activation::None, threads)
                }
                Pooling::Probe(head) => {
                    self.tower.post.apply(&mut x, threads);
                    head.forward(&x, length, threads)
                }
            }
        });
        out.chunks_exact_mut(self.dimensions).for_each(normalize);
        out
    }

    /// Token ids of a text, and whether its end was cut off.
    pub fn tokenize(&self, text: &str) -> Result<(Vec<u32>, bool)> {
        self.texts.tokenize(text)
    }

    /// [texts, dimensions], each of length 1.
    pub fn texts(&self, texts: &[Vec<u32>]) -> Vec<f32> {
        let mut out = self.texts.forward(texts);
        out.chunks_exact_mut(self.dimensions).for_each(normalize);
        out
    }

    /// How likely each text belongs to each picture, [pictures, texts].
    pub fn scores(&self, pictures: &[f32], texts: &[f32]) -> Vec<f32> {
        let count = (texts.len() / self.dimensions).max(1);
        let mut out = self.logits(pictures, texts);
        match self.bias {
            Some(_) => out.iter_mut().for_each(|x| *x = 1.0 / (1.0 + exp(-*x))),
            None => out.chunks_exact_mut(count).for_each(softmax),
        }
        out
    }

    /// What a probability is made of, [pictures, texts].
    pub fn logits(&self, pictures: &[f32], texts: &[f32]) -> Vec<f32> {
        let bias = self.bias.unwrap_or(0.0);
        let of = |picture| texts.chunks_exact(self.dimensions).map(move |text| dot(picture, text));
        let all = pictures.chunks_exact(self.dimensions).flat_map(of);
        all.map(|likeness| likeness * self.scale + bias).collect()
    }
}
