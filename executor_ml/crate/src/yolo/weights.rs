//! Tensors of a model's files by name, and convolutions with their normalisation folded in.

use crate::error::{Error, Result};
use crate::shards::Shards;
use crate::tensor_bytes::Source;
use candle_core::{Device, Result as Computed, Tensor};
use std::path::Path;

/// Of every batch normalisation in these families.
const EPSILON: f32 = 1e-3;
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

    pub fn tensor(&self, name: &str) -> Result<Tensor> {
        let found = self.shards.tensor(&format!("{}{name}", self.prefix))?;
        let values = found.values().map_err(|e| self.error(&e))?;
        Tensor::from_vec(values, found.dims.as_slice(), &Device::Cpu).map_err(|e| self.error(&e))
    }

    /// How many of `name.0`, `name.1`, … there are; `inside`: of what each has.
    pub fn count(&self, name: &str, inside: &str) -> usize {
        (0..).take_while(|i| self.has(&format!("{name}.{i}.{inside}"))).count()
    }

    /// A convolution with normalisation, or one that has been folded before it was saved.
    pub fn conv(&self, name: &str, stride: usize, active: bool) -> Result<Conv> {
        let weight = self.tensor(&format!("{name}.conv.weight"))?;
        let read = |part: &str| self.tensor(&format!("{name}.{part}"));
        if !self.has(&format!("{name}.bn.weight")) {
            return self.made(name, weight, read("conv.bias")?, stride, active);
        }
        let (gamma, beta) = (read("bn.weight")?, read("bn.bias")?);
        let (mean, variance) = (read("bn.running_mean")?, read("bn.running_var")?);
        let folded = || -> Computed<(Tensor, Tensor)> {
            let scale = (gamma / (variance + f64::from(EPSILON))?.sqrt()?)?;
            let bias = (beta - (mean * &scale)?)?;
            Ok((weight.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?, bias))
        };
        let (weight, bias) = folded().map_err(|e| self.error(&format!("{name}: {e}")))?;
        self.made(name, weight, bias, stride, active)
    }

    /// A convolution alone, with its bias.
    pub fn plain(&self, name: &str) -> Result<Conv> {
        let weight = self.tensor(&format!("{name}.weight"))?;
        self.made(name, weight, self.tensor(&format!("{name}.bias"))?, 1, false)
    }

    fn made(
        &self,
        name: &str,
        weight: Tensor,
        bias: Tensor,
        stride: usize,
        active: bool,
    ) -> Result<Conv> {
        let &[out, _, height, width] = weight.dims() else {
            return Err(self.error(&format!("{name}: {:?} is no convolution", weight.dims())));
        };
        if height != width || height % 2 == 0 || bias.dims() != [out] {
            let reason = format!("{name}: {:?} with {:?} is no layer", weight.dims(), bias.dims());
            return Err(self.error(&reason));
        }
        let bias = bias.reshape((1, out, 1, 1)).map_err(|e| self.error(&e))?;
        Ok(Conv { weight, bias, stride, active })
    }
}

/// A convolution that keeps the picture's size, but for its stride; then SiLU, if `active`.
pub struct Conv {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
    active: bool,
}

impl Conv {
    /// Channels that it gives.
    pub fn channels(&self) -> usize {
        self.weight.dims()[0]
    }

    pub fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let &[_, of_group, kernel, _] = self.weight.dims() else { unreachable!("checked") };
        let channels = x.dim(1)?;
        let y = if of_group == 1 && channels == self.channels() && self.stride == 1 {
            self.depthwise(x, kernel)?
        } else {
            let groups = channels / of_group.max(1);
            x.conv2d(&self.weight, kernel / 2, self.stride, 1, groups.max(1))?
        };
        let y = y.broadcast_add(&self.bias)?;
        if self.active { y.silu() } else { Ok(y) }
    }

    /// Each channel by itself, as a sum of shifted pictures: one product a group would cost more.
    fn depthwise(&self, x: &Tensor, kernel: usize) -> Computed<Tensor> {
        let (_, channels, height, width) = x.dims4()?;
        let around = kernel / 2;
        let x = x.pad_with_zeros(2, around, around)?.pad_with_zeros(3, around, around)?;
        let mut sum: Option<Tensor> = None;
        for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
            let factor = self.weight.narrow(2, i, 1)?.narrow(3, j, 1)?;
            let factor = factor.contiguous()?.reshape((1, channels, 1, 1))?;
            let part = x.narrow(2, i, height)?.narrow(3, j, width)?.broadcast_mul(&factor)?;
            sum = Some(match sum {
                Some(sum) => (sum + part)?,
                None => part,
            });
        }
        sum.ok_or_else(|| candle_core::Error::Msg("a convolution of nothing".to_owned()))
    }
}
