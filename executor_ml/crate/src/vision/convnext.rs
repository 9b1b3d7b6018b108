//! ConvNeXT and its second version, which normalises responses instead of scaling layers.

use super::backbone::{Backbone, Parts, SHORTEST};
use super::conv::{Conv, Depthwise};
use super::map::{Grid, Map, Padding};
use super::parallel::add;
use super::tower::together;
use super::weights::{Norm, Weights, layer};
use super::{Activation, Fields};
use crate::error::Result;
use crate::linear::Linear;
use crate::picture::Prepared;
use crate::shards::Shards;

const EPSILON: f64 = 1e-6;

pub struct Convnext {
    stem: Conv,
    stem_norm: Norm,
    stages: Vec<Stage>,
    last: Norm,
    activation: Activation,
    width: usize,
}

struct Stage {
    down: Option<(Norm, Conv)>,
    blocks: Vec<Block>,
}

struct Block {
    depthwise: Depthwise,
    norm: Norm,
    up: Linear,
    response: Option<(Vec<f32>, Vec<f32>)>,
    down: Linear,
    scale: Option<Vec<f32>>,
}

impl Convnext {
    /// `second`: whether it is of version 2.
    pub fn read(shards: &Shards, fields: &Fields, second: bool) -> Result<Self> {
        let prefix = if second { "convnextv2." } else { "convnext." };
        let weights = Weights::new(shards, prefix, "embeddings.patch_embeddings.weight");
        let widths = fields.counts("hidden_sizes", &[96, 192, 384, 768])?;
        let depths = fields.counts("depths", &[3, 3, 9, 3])?;
        let patch = fields.count("patch_size", 4)?;
        let (Some(&width), true) = (widths.last(), widths.len() == depths.len() && patch > 0)
        else {
            return Err(fields.error("hidden_sizes and depths must be as many"));
        };
        let reads = |size: usize| Grid { stride: size, ..Grid::new(size, Padding::Each(0)) };
        let mut stages = vec![];
        for (i, (&outputs, &depth)) in widths.iter().zip(&depths).enumerate() {
            let at = weights.at(format!("encoder.stages.{i}"));
            let down = match i {
                0 => None,
                _ => {
                    let inputs = widths[i - 1];
                    let norm = at.norm("downsampling_layer.0", inputs, EPSILON)?;
                    let conv =
                        at.conv("downsampling_layer.1", None, (inputs, outputs), reads(2))?;
                    Some((norm, conv))
                }
            };
            let blocks = (0..depth).map(|j| Block::read(&at.at(format!("layers.{j}")), outputs));
            stages.push(Stage { down, blocks: blocks.collect::<Result<_>>()? });
        }
        let embeddings = weights.at("embeddings");
        Ok(Self {
            stem: embeddings.conv("patch_embeddings", None, (3, widths[0]), reads(patch))?,
            stem_norm: embeddings.norm("layernorm", widths[0], EPSILON)?,
            stages,
            last: weights.norm("layernorm", width, fields.float("layer_norm_eps", 1e-12)?)?,
            activation: Activation::told(fields, "hidden_act", "gelu")?,
            width,
        })
    }
}

impl Block {
    fn read(weights: &Weights<'_>, width: usize) -> Result<Self> {
        let wide = 4 * width;
        let response = match weights.has("grn.weight") {
            true => Some((
                weights.read("grn.weight", &[1, 1, 1, wide])?,
                weights.read("grn.bias", &[1, 1, 1, wide])?,
            )),
            false => None,
        };
        let scale = "layer_scale_parameter";
        Ok(Self {
            depthwise: weights.depthwise("dwconv", None, width, Grid::new(7, Padding::Each(3)))?,
            norm: weights.norm("layernorm", width, EPSILON)?,
            up: weights.linear("pwconv1", width, wide)?,
            response,
            down: weights.linear("pwconv2", wide, width)?,
            scale: weights.has(scale).then(|| weights.read(scale, &[width])).transpose()?,
        })
    }

    fn forward(&self, map: &mut Map, activation: Activation, threads: usize) {
        let mut inside = self.depthwise.forward(map, threads);
        self.norm.apply(&mut inside.values, threads);
        let (width, area) = (map.channels, map.height * map.width);
        let mut hidden = layer(&self.up, &inside.values, width, activation, threads);
        if let Some((gain, bias)) = &self.response {
            hidden.chunks_exact_mut(area * 4 * width).for_each(|image| respond(image, gain, bias));
        }
        let mut out = layer(&self.down, &hidden, 4 * width, Activation::None, threads);
        if let Some(scale) = &self.scale {
            for place in out.chunks_exact_mut(width) {
                place.iter_mut().zip(scale).for_each(|(x, s)| *x *= *s);
            }
        }
        add(&mut map.values, &out);
    }
}

/// x ← gain·x·|x|/mean |x| + bias + x, with the norm of each channel over an image.
fn respond(image: &mut [f32], gain: &[f32], bias: &[f32]) {
    let width = gain.len();
    let mut norms = vec![0.0; width];
    for place in image.chunks_exact(width) {
        norms.iter_mut().zip(place).for_each(|(sum, x)| *sum += x * x);
    }
    norms.iter_mut().for_each(|x| *x = x.sqrt());
    let mean = norms.iter().sum::<f32>() / width as f32 + 1e-6;
    for place in image.chunks_exact_mut(width) {
        for (((x, norm), g), b) in place.iter_mut().zip(&norms).zip(gain).zip(bias) {
            *x += g * *x * (norm / mean) + b;
        }
    }
}

impl Backbone for Convnext {
    fn parts(&self) -> Parts {
        Parts { pooled: self.width, features: self.width }
    }

    fn reads(&self, size: (usize, usize)) -> bool {
        size.0.min(size.1) >= SHORTEST
    }

    fn forward(&self, pictures: &[&Prepared], threads: usize) -> Vec<f32> {
        let mut map = self.stem.forward(&together(pictures), threads);
        self.stem_norm.apply(&mut map.values, threads);
        for stage in &self.stages {
            if let Some((norm, conv)) = &stage.down {
                norm.apply(&mut map.values, threads);
                map = conv.forward(&map, threads);
            }
            stage.blocks.iter().for_each(|b| b.forward(&mut map, self.activation, threads));
        }
        let mut pooled = map.mean();
        self.last.apply(&mut pooled, 1);
        pooled
    }
}
