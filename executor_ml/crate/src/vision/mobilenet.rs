//! MobileNet, versions 1 and 2, as transformers saves them.

use super::backbone::{Backbone, Parts, SHORTEST};
use super::conv::{Conv, Depthwise};
use super::map::{Grid, Map, Padding};
use super::parallel::add;
use super::tower::together;
use super::weights::Weights;
use super::{Activation, Fields};
use crate::error::Result;
use crate::picture::Prepared;
use crate::shards::Shards;

pub struct Mobilenet {
    steps: Vec<Step>,
    activation: Activation,
    width: usize,
}

enum Step {
    Conv(Conv),
    Depthwise(Depthwise),
    Activation,
    /// Convolutions around one of each channel, and what came in added where nothing changes size.
    Inverted {
        expand: Box<Conv>,
        depthwise: Depthwise,
        reduce: Box<Conv>,
        residual: bool,
    },
}

/// What all layers of a model share.
struct Style {
    epsilon: f64,
    same: bool,
}

impl Style {
    fn read(fields: &Fields) -> Result<Self> {
        Ok(Self {
            epsilon: fields.float("layer_norm_eps", 0.001)?,
            same: fields.flag("tf_padding", true)?,
        })
    }

    fn grid(&self, kernel: usize, stride: usize, dilation: usize) -> Grid {
        let padding = match self.same {
            true => Padding::Same,
            false => Padding::Each((kernel - 1) / 2 * dilation),
        };
        Grid { kernel: (kernel, kernel), stride, dilation, padding }
    }

    fn conv(
        &self,
        weights: &Weights<'_>,
        channels: (usize, usize),
        kernel: usize,
        stride: usize,
    ) -> Result<Conv> {
        let norm = Some(("normalization", self.epsilon));
        weights.conv("convolution", norm, channels, self.grid(kernel, stride, 1))
    }

    fn depthwise(
        &self,
        weights: &Weights<'_>,
        channels: usize,
        stride: usize,
        dilation: usize,
    ) -> Result<Depthwise> {
        let norm = Some(("normalization", self.epsilon));
        weights.depthwise("convolution", norm, channels, self.grid(3, stride, dilation))
    }
}

impl Mobilenet {
    pub fn first(shards: &Shards, fields: &Fields) -> Result<Self> {
        let weights = Weights::new(shards, "mobilenet_v1.", "conv_stem.convolution.weight");
        let style = Style::read(fields)?;
        let (multiplier, least) = (multiplier(fields)?, fields.count("min_depth", 8)?);
        let channels = |depth: usize| ((depth as f64 * multiplier) as usize).max(least);
        let mut depth = 32;
        let mut inputs = channels(depth);
        let mut steps = vec![
            Step::Conv(style.conv(&weights.at("conv_stem"), (3, inputs), 3, 2)?),
            Step::Activation,
        ];
        for (i, stride) in [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1].into_iter().enumerate() {
            if stride == 2 || i == 0 {
                depth *= 2;
            }
            let at = |n: usize| weights.at(format!("layer.{n}"));
            steps.push(Step::Depthwise(style.depthwise(&at(2 * i), inputs, stride, 1)?));
            steps.push(Step::Activation);
            let outputs = channels(depth);
            steps.push(Step::Conv(style.conv(&at(2 * i + 1), (inputs, outputs), 1, 1)?));
            steps.push(Step::Activation);
            inputs = outputs;
        }
        let activation = Activation::told(fields, "hidden_act", "relu6")?;
        Ok(Self { steps, activation, width: inputs })
    }

    pub fn second(shards: &Shards, fields: &Fields) -> Result<Self> {
        let weights =
            Weights::new(shards, "mobilenet_v2.", "conv_stem.first_conv.convolution.weight");
        let style = Style::read(fields)?;
        let (divisor, least) =
            (fields.count("depth_divisible_by", 8)?.max(1), fields.count("min_depth", 8)?);
        let divisible = |exact: f64| {
            let whole = (exact + divisor as f64 / 2.0) as usize / divisor * divisor;
            let rounded = whole.max(least);
            if (rounded as f64) < 0.9 * exact { rounded + divisor } else { rounded }
        };
        let multiplier = multiplier(fields)?;
        let scaled = |channels: usize| divisible((channels as f64 * multiplier).round_ties_even());
        let ratio = fields.float("expand_ratio", 6.0)?.clamp(0.0, 64.0);
        let mut steps = stem(&weights.at("conv_stem"), fields, &style, (scaled(32), scaled(16)))?;
        let most = fields.count("output_stride", 32)?;
        let (mut stride, mut dilation, mut inputs) = (2, 1, scaled(16));
        let strides = [2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1, 1, 1];
        let channels = [24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320];
        for (i, (own, outputs)) in strides.into_iter().zip(channels).enumerate() {
            let outputs = scaled(outputs);
            // Past the stride that is wanted, places lie further apart instead.
            let (step, apart) = if stride == most { (1, dilation) } else { (own, 1) };
            if stride == most {
                dilation *= own;
            } else {
                stride *= own;
            }
            let at = weights.at(format!("layer.{i}"));
            let wide = divisible((inputs as f64 * ratio).round_ties_even());
            steps.push(Step::Inverted {
                expand: Box::new(style.conv(&at.at("expand_1x1"), (inputs, wide), 1, 1)?),
                depthwise: style.depthwise(&at.at("conv_3x3"), wide, step, apart)?,
                reduce: Box::new(style.conv(&at.at("reduce_1x1"), (wide, outputs), 1, 1)?),
                residual: step == 1 && inputs == outputs,
            });
            inputs = outputs;
        }
        let whole = fields.flag("finegrained_output", true)? && multiplier < 1.0;
        let width = if whole { 1280 } else { scaled(1280) };
        steps.push(Step::Conv(style.conv(&weights.at("conv_1x1"), (inputs, width), 1, 1)?));
        steps.push(Step::Activation);
        Ok(Self { steps, activation: Activation::told(fields, "hidden_act", "relu6")?, width })
    }
}

fn multiplier(fields: &Fields) -> Result<f64> {
    Ok(fields.float("depth_multiplier", 1.0)?.clamp(0.0, 64.0))
}

fn stem(
    weights: &Weights<'_>,
    fields: &Fields,
    style: &Style,
    (wide, outputs): (usize, usize),
) -> Result<Vec<Step>> {
    let mut steps =
        vec![Step::Conv(style.conv(&weights.at("first_conv"), (3, wide), 3, 2)?), Step::Activation];
    if !fields.flag("first_layer_is_expansion", true)? {
        steps.push(Step::Conv(style.conv(&weights.at("expand_1x1"), (wide, wide), 1, 1)?));
        steps.push(Step::Activation);
    }
    steps.push(Step::Depthwise(style.depthwise(&weights.at("conv_3x3"), wide, 1, 1)?));
    steps.push(Step::Activation);
    steps.push(Step::Conv(style.conv(&weights.at("reduce_1x1"), (wide, outputs), 1, 1)?));
    Ok(steps)
}

impl Step {
    fn forward(&self, mut map: Map, activation: Activation, threads: usize) -> Map {
        match self {
            Self::Conv(conv) => conv.forward(&map, threads),
            Self::Depthwise(conv) => conv.forward(&map, threads),
            Self::Activation => {
                activation.apply(&mut map.values, threads);
                map
            }
            Self::Inverted { expand, depthwise, reduce, residual } => {
                let mut wide = expand.forward(&map, threads);
                activation.apply(&mut wide.values, threads);
                let mut wide = depthwise.forward(&wide, threads);
                activation.apply(&mut wide.values, threads);
                let mut out = reduce.forward(&wide, threads);
                if *residual {
                    add(&mut out.values, &map.values);
                }
                out
            }
        }
    }
}

impl Backbone for Mobilenet {
    fn parts(&self) -> Parts {
        Parts { pooled: self.width, features: self.width }
    }

    fn reads(&self, size: (usize, usize)) -> bool {
        size.0.min(size.1) >= SHORTEST
    }

    fn forward(&self, pictures: &[&Prepared], threads: usize) -> Vec<f32> {
        let steps = self.steps.iter();
        steps
            .fold(together(pictures), |map, step| step.forward(map, self.activation, threads))
            .mean()
    }
}
