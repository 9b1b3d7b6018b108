//! Tensors of a model's files by name, and convolutions with their normalisation folded in.

use crate::cpu;
use crate::error::{Error, Result};
use crate::shards::Shards;
use crate::tensor_bytes::Source;
use crate::vision::Activation;
use crate::vision::conv::{self, Depthwise};
use crate::vision::larger::Larger;
use crate::vision::map::{Grid, Map, Padding};
use crate::vision::weights;
use std::path::Path;

/// Of every batch normalisation in these families.
const EPSILON: f64 = 1e-3;
/// Names are as in a state dictionary, or as in one of a model that wraps it.
const PREFIXES: [&str; 3] = ["model.", "model.model.", ""];

pub struct Weights {
    shards: Shards,
    prefix: &'static str,
}

impl Weights {
    pub fn open(folder: &Path) -> Result<Self> {
        let shards = Shards::open(folder)?;
        let first = |p: &&&str| shards.has(&format!("{p}0.conv.weight"));
        let prefix = PREFIXES.iter().find(first);
        let prefix = prefix.ok_or_else(|| shards.error(&"has no tensor model.0.conv.weight"))?;
        Ok(Self { prefix, shards })
    }

    pub fn has(&self, name: &str) -> bool {
        self.shards.has(&format!("{}{name}", self.prefix))
    }

    pub fn error(&self, reason: &dyn std::fmt::Display) -> Error {
        self.shards.error(reason)
    }

    /// How many of `name.0`, `name.1`, … there are; `inside`: of what each has.
    pub fn count(&self, name: &str, inside: &str) -> usize {
        (0..).take_while(|i| self.has(&format!("{name}.{i}.{inside}"))).count()
    }

    /// A convolution with normalisation, or one that has been folded before it was saved.
    pub fn conv(&self, name: &str, stride: usize, active: bool) -> Result<Conv> {
        let norm = format!("{name}.bn");
        let folds = self.has(&format!("{norm}.weight")).then_some(norm.as_str());
        self.made(&format!("{name}.conv"), folds, stride, active)
    }

    /// A convolution alone, with its bias.
    pub fn plain(&self, name: &str) -> Result<Conv> {
        self.made(name, None, 1, false)
    }

    /// A transposed convolution of twice the size.
    pub fn larger(&self, name: &str) -> Result<Larger> {
        let all = self.all();
        match all.dims(&format!("{name}.weight"))?[..] {
            [inputs, outputs, 2, 2] if inputs * outputs > 0 => {
                Larger::read(&all, name, inputs, outputs)
            }
            ref other => Err(self.error(&format!("{name}: {other:?} is no layer"))),
        }
    }

    fn all(&self) -> weights::Weights<'_> {
        weights::Weights::within(&self.shards, self.prefix)
    }

    fn made(&self, name: &str, norm: Option<&str>, stride: usize, active: bool) -> Result<Conv> {
        let all = self.all();
        let dims = all.dims(&format!("{name}.weight"))?;
        let (outputs, inputs, kernel) = match dims[..] {
            [outputs, inputs, height, width]
                if height == width && height % 2 == 1 && outputs * inputs > 0 =>
            {
                (outputs, inputs, height)
            }
            _ => return Err(self.error(&format!("{name}: {dims:?} is no layer"))),
        };
        let grid = Grid { stride, ..Grid::new(kernel, Padding::Each(kernel / 2)) };
        let norm = norm.map(|norm| (norm, EPSILON));
        let layer = match inputs {
            // Of these families none has a dense layer of one channel.
            1 => Layer::Each(all.depthwise(name, norm, outputs, grid)?),
            _ => Layer::Dense(all.conv(name, norm, (inputs, outputs), grid)?),
        };
        let activation = if active { Activation::Silu } else { Activation::None };
        Ok(Conv { layer, activation, name: name.to_owned() })
    }
}

enum Layer {
    Dense(conv::Conv),
    Each(Depthwise),
}

/// A convolution that keeps the picture's size, but for its stride; then SiLU, if it is active.
pub struct Conv {
    layer: Layer,
    activation: Activation,
    name: String,
}

/// Layers that do not fit each other.
pub type Computed<T> = std::result::Result<T, String>;

impl Conv {
    /// Channels that it gives.
    pub fn channels(&self) -> usize {
        match &self.layer {
            Layer::Dense(conv) => conv.outputs(),
            Layer::Each(conv) => conv.channels(),
        }
    }

    fn reads(&self) -> usize {
        match &self.layer {
            Layer::Dense(conv) => conv.inputs(),
            Layer::Each(conv) => conv.channels(),
        }
    }

    pub fn forward(&self, x: &Map) -> Computed<Map> {
        if x.channels != self.reads() {
            let Self { name, .. } = self;
            return Err(format!("{name} reads {} channels, not {}", self.reads(), x.channels));
        }
        let threads = cpu::threads();
        let mut y = match &self.layer {
            Layer::Dense(conv) => conv.forward(x, threads),
            Layer::Each(conv) => conv.forward(x, threads),
        };
        self.activation.apply(&mut y.values, threads);
        Ok(y)
    }
}
