//! ViT and DINOv2: patches and a class token.

use super::Fields;
use super::backbone::{Backbone, Parts};
use super::encoder::Names;
use super::tower::{Defaults, Places, Tower};
use super::weights::Weights;
use crate::error::Result;
use crate::picture::Prepared;
use crate::shards::Shards;

const DEFAULTS: Defaults = Defaults {
    width: 768,
    layers: 12,
    heads: 12,
    feed: 3072,
    epsilon: 1e-12,
    activation: "gelu",
    causal: false,
};

const fn places(names: Names) -> Places {
    Places {
        patches: "embeddings.patch_embeddings.projection",
        class: Some("embeddings.cls_token"),
        positions: "embeddings.position_embeddings",
        pre: None,
        layers: "encoder.layer",
        post: "layernorm",
        names,
    }
}

const QKV: [&str; 3] =
    ["attention.attention.query", "attention.attention.key", "attention.attention.value"];

const VIT: Places = places(Names {
    before: "layernorm_before",
    qkv: QKV,
    output: "attention.output.dense",
    after: "layernorm_after",
    up: "intermediate.dense",
    down: "output.dense",
});

const DINOV2: Places = places(Names {
    before: "norm1",
    qkv: QKV,
    output: "attention.output.dense",
    after: "norm2",
    up: "mlp.fc1",
    down: "mlp.fc2",
});

pub struct Vit {
    tower: Tower,
    /// Whether the head reads the patches' mean too, and pictures may have any size.
    dinov2: bool,
}

impl Vit {
    pub fn plain(shards: &Shards, fields: &Fields) -> Result<Self> {
        let weights = Weights::new(shards, "vit.", "embeddings.cls_token");
        let shape = DEFAULTS.over(fields)?;
        Ok(Self { tower: Tower::read(&weights, fields, &VIT, &shape, 16)?, dinov2: false })
    }

    pub fn dinov2(shards: &Shards, fields: &Fields) -> Result<Self> {
        let weights = Weights::new(shards, "dinov2.", "embeddings.cls_token");
        let mut shape = Defaults { epsilon: 1e-6, ..DEFAULTS }.over(fields)?;
        shape.feed = (shape.width as f64 * fields.float("mlp_ratio", 4.0)?) as usize;
        let shape = super::encoder::checked(shape, fields)?;
        Ok(Self { tower: Tower::read(&weights, fields, &DINOV2, &shape, 14)?, dinov2: true })
    }
}

impl Backbone for Vit {
    fn parts(&self) -> Parts {
        let width = self.tower.width;
        Parts { pooled: if self.dinov2 { 2 * width } else { width }, features: width }
    }

    fn reads(&self, size: (usize, usize)) -> bool {
        self.tower.reads(size, self.dinov2)
    }

    fn forward(&self, pictures: &[&Prepared], threads: usize) -> Vec<f32> {
        let (mut x, length) = self.tower.forward(pictures, threads);
        self.tower.post.apply(&mut x, threads);
        let w = self.tower.width;
        let mut out = Vec::with_capacity(pictures.len() * self.parts().pooled);
        for sequence in x.chunks_exact(length * w) {
            let (class, patches) = sequence.split_at(w);
            out.extend_from_slice(class);
            if self.dinov2 {
                let mut mean = vec![0.0; w];
                patches.chunks_exact(w).for_each(|patch| super::parallel::add(&mut mean, patch));
                out.extend(mean.iter().map(|sum| sum / (length - 1) as f32));
            }
        }
        out
    }
}
