//! ResNet, with batch norms folded into its convolutions.

use super::backbone::{Backbone, Parts, SHORTEST};
use super::conv::Conv;
use super::map::{Grid, Map, Padding};
use super::parallel::add;
use super::tower::together;
use super::weights::Weights;
use super::{Activation, Fields};
use crate::error::Result;
use crate::picture::Prepared;
use crate::shards::Shards;

const EPSILON: f64 = 1e-5;

pub struct Resnet {
    stem: Conv,
    blocks: Vec<Block>,
    activation: Activation,
    width: usize,
}

struct Block {
    shortcut: Option<Conv>,
    convs: Vec<Conv>,
}

fn conv(
    weights: &Weights<'_>,
    channels: (usize, usize),
    kernel: usize,
    stride: usize,
) -> Result<Conv> {
    let grid = Grid { stride, ..Grid::new(kernel, Padding::Each(kernel / 2)) };
    weights.conv("convolution", Some(("normalization", EPSILON)), channels, grid)
}

impl Resnet {
    pub fn read(shards: &Shards, fields: &Fields) -> Result<Self> {
        let weights = Weights::new(shards, "resnet.", "embedder.embedder.convolution.weight");
        let stem = fields.count("embedding_size", 64)?;
        let widths = fields.counts("hidden_sizes", &[256, 512, 1024, 2048])?;
        let depths = fields.counts("depths", &[3, 4, 6, 3])?;
        let bottleneck = match fields.text("layer_type", "bottleneck")?.as_str() {
            "bottleneck" => Some(fields.flag("downsample_in_bottleneck", false)?),
            "basic" => None,
            other => return Err(fields.error(format!("layer_type {other:?} is not supported"))),
        };
        let first = if fields.flag("downsample_in_first_stage", false)? { 2 } else { 1 };
        let (Some(width), true) = (widths.last().copied(), widths.len() == depths.len()) else {
            return Err(fields.error("hidden_sizes and depths must be as many"));
        };
        let mut blocks = vec![];
        let mut inputs = stem;
        for (i, (&outputs, &depth)) in widths.iter().zip(&depths).enumerate() {
            for j in 0..depth {
                let stride = match (i, j) {
                    (0, 0) => first,
                    (_, 0) => 2,
                    _ => 1,
                };
                let at = weights.at(format!("encoder.stages.{i}.layers.{j}"));
                blocks.push(Block::read(&at, (inputs, outputs), stride, bottleneck)?);
                inputs = outputs;
            }
        }
        Ok(Self {
            stem: conv(&weights.at("embedder.embedder"), (3, stem), 7, 2)?,
            blocks,
            activation: Activation::told(fields, "hidden_act", "relu")?,
            width,
        })
    }
}

impl Block {
    /// `bottleneck`: whether its first convolution takes the stride; none: a basic block.
    fn read(
        weights: &Weights<'_>,
        (inputs, outputs): (usize, usize),
        stride: usize,
        bottleneck: Option<bool>,
    ) -> Result<Self> {
        let at = |i: usize| weights.at(format!("layer.{i}"));
        let convs = match bottleneck {
            None => vec![
                conv(&at(0), (inputs, outputs), 3, stride)?,
                conv(&at(1), (outputs, outputs), 3, 1)?,
            ],
            Some(early) => {
                let narrow = outputs / 4;
                let (one, two) = if early { (stride, 1) } else { (1, stride) };
                vec![
                    conv(&at(0), (inputs, narrow), 1, one)?,
                    conv(&at(1), (narrow, narrow), 3, two)?,
                    conv(&at(2), (narrow, outputs), 1, 1)?,
                ]
            }
        };
        let changes = inputs != outputs || stride != 1;
        let shortcut = changes
            .then(|| conv(&weights.at("shortcut"), (inputs, outputs), 1, stride))
            .transpose()?;
        Ok(Self { shortcut, convs })
    }

    fn forward(&self, map: Map, activation: Activation, threads: usize) -> Map {
        let mut out = self.convs[0].forward(&map, threads);
        for conv in &self.convs[1..] {
            Activation::Relu.apply(&mut out.values, threads);
            out = conv.forward(&out, threads);
        }
        let residual = match &self.shortcut {
            Some(conv) => conv.forward(&map, threads),
            None => map,
        };
        add(&mut out.values, &residual.values);
        activation.apply(&mut out.values, threads);
        out
    }
}

impl Backbone for Resnet {
    fn parts(&self) -> Parts {
        Parts { pooled: self.width, features: self.width }
    }

    fn reads(&self, size: (usize, usize)) -> bool {
        size.0.min(size.1) >= SHORTEST
    }

    fn forward(&self, pictures: &[&Prepared], threads: usize) -> Vec<f32> {
        let mut map = self.stem.forward(&together(pictures), threads);
        self.activation.apply(&mut map.values, threads);
        let map = map.max_pool(3, 2, threads);
        self.blocks
            .iter()
            .fold(map, |map, block| block.forward(map, self.activation, threads))
            .mean()
    }
}
