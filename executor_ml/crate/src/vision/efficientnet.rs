//! EfficientNet: blocks that widen, look at each channel, weigh the channels, and narrow.

use super::backbone::{Backbone, Parts, SHORTEST};
use super::conv::{Conv, Depthwise};
use super::map::{Grid, Map, Padding};
use super::parallel::add;
use super::tower::together;
use super::weights::{Weights, layer};
use super::{Activation, Fields};
use crate::error::Result;
use crate::linear::Linear;
use crate::numeric::exp;
use crate::picture::Prepared;
use crate::shards::Shards;

/// What the stem gives and the last convolution, before a coefficient of width.
const STEM: usize = 32;
const TOP: usize = 1280;

pub struct Efficientnet {
    stem: Conv,
    blocks: Vec<Block>,
    top: Conv,
    activation: Activation,
    width: usize,
}

struct Block {
    expand: Option<Conv>,
    depthwise: Depthwise,
    reduce: Linear,
    weigh: Linear,
    project: Conv,
    residual: bool,
}

struct Scaling {
    width: f64,
    divisor: usize,
    ratio: f64,
    epsilon: f64,
}

impl Scaling {
    /// A number of channels times the width, in steps of the divisor, no tenth less.
    fn channels(&self, base: usize) -> usize {
        let exact = base as f64 * self.width;
        let step = self.divisor.max(1);
        let whole = (exact + step as f64 / 2.0) as usize / step * step;
        let rounded = whole.max(step);
        if (rounded as f64) < 0.9 * exact { rounded + step } else { rounded }
    }
}

impl Efficientnet {
    pub fn read(shards: &Shards, fields: &Fields) -> Result<Self> {
        let weights = Weights::new(shards, "efficientnet.", "embeddings.convolution.weight");
        if fields.text("pooling_type", "mean")? != "mean" {
            return Err(fields.error("pooling_type must be mean"));
        }
        let scaling = Scaling {
            width: fields.float("width_coefficient", 2.0)?.clamp(0.0, 64.0),
            divisor: fields.count("depth_divisor", 8)?,
            ratio: fields.float("squeeze_expansion_ratio", 0.25)?,
            epsilon: fields.float("batch_norm_eps", 0.001)?,
        };
        let blocks = blocks(&weights, fields, &scaling)?;
        let inputs = blocks.last().map_or(0, |b| b.project.outputs());
        let (stem, width) = (scaling.channels(STEM), scaling.channels(TOP));
        let reads = Grid { stride: 2, ..Grid::new(3, Padding::Sides(0, 1)) };
        let norm = Some(("embeddings.batchnorm", scaling.epsilon));
        let top = Some(("encoder.top_bn", scaling.epsilon));
        Ok(Self {
            stem: weights.conv("embeddings.convolution", norm, (3, stem), reads)?,
            blocks,
            top: weights.conv("encoder.top_conv", top, (inputs, width), Grid::point())?,
            activation: Activation::told(fields, "hidden_act", "swish")?,
            width,
        })
    }
}

fn blocks(weights: &Weights<'_>, fields: &Fields, scaling: &Scaling) -> Result<Vec<Block>> {
    let lists = [
        fields.counts("in_channels", &[32, 16, 24, 40, 80, 112, 192])?,
        fields.counts("out_channels", &[16, 24, 40, 80, 112, 192, 320])?,
        fields.counts("kernel_sizes", &[3, 3, 5, 3, 5, 5, 3])?,
        fields.counts("strides", &[1, 2, 2, 2, 1, 2, 1])?,
        fields.counts("expand_ratios", &[1, 6, 6, 6, 6, 6, 6])?,
        fields.counts("num_block_repeats", &[1, 2, 2, 3, 3, 4, 1])?,
    ];
    if lists.iter().any(|list| list.len() != lists[0].len() || list.is_empty()) {
        return Err(fields.error("in_channels and the other lists of blocks must be as many"));
    }
    let depth = fields.float("depth_coefficient", 3.1)?.clamp(0.0, 64.0);
    let even = fields.counts("depthwise_padding", &[])?;
    let mut out = vec![];
    let blocks = (0..lists[0].len()).map(|i| std::array::from_fn(|n| lists[n][i]));
    for [inputs, outputs, kernel, stride, ratio, repeats] in blocks {
        let (mut inputs, outputs) = (scaling.channels(inputs), scaling.channels(outputs));
        if kernel.is_multiple_of(2) || !(1..=2).contains(&stride) || ratio == 0 {
            return Err(fields.error("kernel_sizes must be odd, strides 1 or 2"));
        }
        for j in 0..(depth * repeats as f64).ceil() as usize {
            let half = kernel / 2;
            let padding = match (j, stride, even.contains(&out.len())) {
                (0, 2, false) => Padding::Sides(half.saturating_sub(1), half),
                _ => Padding::Each(half),
            };
            let stride = if j == 0 { stride } else { 1 };
            let grid = Grid { stride, ..Grid::new(kernel, padding) };
            let at = weights.at(format!("encoder.blocks.{}", out.len()));
            let mut block = Block::read(&at, (inputs, outputs), ratio, grid, scaling)?;
            block.residual = j > 0;
            out.push(block);
            inputs = outputs;
        }
    }
    Ok(out)
}

impl Block {
    fn read(
        weights: &Weights<'_>,
        (inputs, outputs): (usize, usize),
        ratio: usize,
        grid: Grid,
        scaling: &Scaling,
    ) -> Result<Self> {
        let wide = inputs * ratio;
        let epsilon = scaling.epsilon;
        let expand = (ratio != 1).then(|| {
            let norm = Some(("expansion.expand_bn", epsilon));
            weights.conv("expansion.expand_conv", norm, (inputs, wide), Grid::point())
        });
        let norm = Some(("depthwise_conv.depthwise_norm", epsilon));
        let few = ((inputs as f64 * scaling.ratio) as usize).max(1);
        let squeeze = |name: &str, inputs: usize, outputs: usize| -> Result<Linear> {
            let name = format!("squeeze_excite.{name}");
            let weight = weights.read(&format!("{name}.weight"), &[outputs, inputs, 1, 1])?;
            let bias = weights.read(&format!("{name}.bias"), &[outputs])?;
            Ok(Linear::stack(inputs, &[(weight, bias)]))
        };
        let project = Some(("projection.project_bn", epsilon));
        Ok(Self {
            expand: expand.transpose()?,
            depthwise: weights.depthwise("depthwise_conv.depthwise_conv", norm, wide, grid)?,
            reduce: squeeze("reduce", wide, few)?,
            weigh: squeeze("expand", few, wide)?,
            project: weights.conv(
                "projection.project_conv",
                project,
                (wide, outputs),
                Grid::point(),
            )?,
            residual: false,
        })
    }

    fn forward(&self, map: Map, activation: Activation, threads: usize) -> Map {
        let widened = self.expand.as_ref().map(|conv| {
            let mut out = conv.forward(&map, threads);
            activation.apply(&mut out.values, threads);
            out
        });
        let mut inside = self.depthwise.forward(widened.as_ref().unwrap_or(&map), threads);
        activation.apply(&mut inside.values, threads);
        let c = inside.channels;
        let few = layer(&self.reduce, &inside.mean(), c, activation, 1);
        let weights = layer(&self.weigh, &few, self.reduce.outputs(), Activation::None, 1);
        let area = inside.height * inside.width * c;
        for (image, weights) in inside.values.chunks_exact_mut(area).zip(weights.chunks_exact(c)) {
            let weights: Vec<f32> = weights.iter().map(|x| 1.0 / (1.0 + exp(-x))).collect();
            for place in image.chunks_exact_mut(c) {
                place.iter_mut().zip(&weights).for_each(|(x, w)| *x *= *w);
            }
        }
        let mut out = self.project.forward(&inside, threads);
        if self.residual {
            add(&mut out.values, &map.values);
        }
        out
    }
}

impl Backbone for Efficientnet {
    fn parts(&self) -> Parts {
        Parts { pooled: self.width, features: self.width }
    }

    fn reads(&self, size: (usize, usize)) -> bool {
        size.0.min(size.1) >= SHORTEST
    }

    fn forward(&self, pictures: &[&Prepared], threads: usize) -> Vec<f32> {
        let mut map = self.stem.forward(&together(pictures), threads);
        self.activation.apply(&mut map.values, threads);
        let blocks = self.blocks.iter();
        let map = blocks.fold(map, |map, block| block.forward(map, self.activation, threads));
        let mut top = self.top.forward(&map, threads);
        self.activation.apply(&mut top.values, threads);
        top.mean()
    }
}
