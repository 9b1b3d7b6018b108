//! The tensors of a model's folder, of exactly the shapes that its configuration says.

use super::Activation;
use super::conv::{Conv, Depthwise};
use super::map::Grid;
use crate::error::Result;
use crate::linear::{self, Linear};
use crate::numeric::sum_by;
use crate::shards::Shards;
use crate::tensor_bytes::Source;
use rayon::prelude::*;

/// Names that begin alike.
pub struct Weights<'a> {
    shards: &'a Shards,
    prefix: String,
}

impl<'a> Weights<'a> {
    /// Of the two ways to save a model, alone and under a head, the one that has `probe`.
    pub fn new(shards: &'a Shards, prefix: &str, probe: &str) -> Self {
        let prefix = if shards.has(&format!("{prefix}{probe}")) { prefix } else { "" };
        Self { shards, prefix: prefix.to_owned() }
    }

    /// All whose names begin so.
    pub fn within(shards: &'a Shards, prefix: &str) -> Self {
        Self { shards, prefix: prefix.to_owned() }
    }

    /// Those whose names go on with `name` and a dot.
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        Self { shards: self.shards, prefix: format!("{}{name}.", self.prefix) }
    }

    pub fn has(&self, name: &str) -> bool {
        self.shards.has(&format!("{}{name}", self.prefix))
    }

    /// The first dimension of a tensor, where there is one.
    pub fn rows(&self, name: &str) -> Option<usize> {
        self.dims(name).ok()?.first().copied()
    }

    pub fn dims(&self, name: &str) -> Result<Vec<usize>> {
        Ok(self.shards.tensor(&format!("{}{name}", self.prefix))?.dims.clone())
    }

    pub fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let full = format!("{}{name}", self.prefix);
        let tensor = self.shards.tensor(&full)?;
        if tensor.dims != shape {
            let reason = format!("{full} has shape {:?}, expected {shape:?}", tensor.dims);
            return Err(self.shards.error(&reason));
        }
        tensor.values().map_err(|e| self.shards.error(&e))
    }

    /// One number, as a scalar or alone in a list.
    pub fn number(&self, name: &str) -> Result<f32> {
        let shape: &[usize] = if self.rows(name).is_some() { &[1] } else { &[] };
        Ok(self.read(name, shape)?[0])
    }

    /// Weight and bias of a layer; a bias that is not there is zero.
    pub fn pair(&self, name: &str, inputs: usize, outputs: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let weight = self.read(&format!("{name}.weight"), &[outputs, inputs])?;
        let bias = format!("{name}.bias");
        Ok((
            weight,
            if self.has(&bias) { self.read(&bias, &[outputs])? } else { vec![0.0; outputs] },
        ))
    }

    pub fn linear(&self, name: &str, inputs: usize, outputs: usize) -> Result<Linear> {
        Ok(Linear::stack(inputs, &[self.pair(name, inputs, outputs)?]))
    }

    pub fn norm(&self, name: &str, width: usize, epsilon: f64) -> Result<Norm> {
        Ok(Norm {
            gain: self.read(&format!("{name}.weight"), &[width])?,
            bias: self.read(&format!("{name}.bias"), &[width])?,
            epsilon: epsilon as f32,
        })
    }

    /// A convolution, with the batch norm behind it folded into its weights.
    pub fn conv(
        &self,
        name: &str,
        norm: Option<(&str, f64)>,
        channels: (usize, usize),
        grid: Grid,
    ) -> Result<Conv> {
        let (inputs, outputs) = channels;
        let (height, width) = grid.kernel;
        let weight = self.read(&format!("{name}.weight"), &[outputs, inputs, height, width])?;
        let (scale, bias) = self.folded(name, norm, outputs)?;
        let area = height * width;
        let mut ordered = vec![0.0; weight.len()];
        for (o, filter) in weight.chunks_exact((inputs * area).max(1)).enumerate() {
            for (c, plane) in filter.chunks_exact(area).enumerate() {
                for (k, value) in plane.iter().enumerate() {
                    ordered[(o * area + k) * inputs + c] = value * scale[o];
                }
            }
        }
        Ok(Conv::new(Linear::stack(area * inputs, &[(ordered, bias)]), inputs, grid))
    }

    /// A convolution of each channel by itself.
    pub fn depthwise(
        &self,
        name: &str,
        norm: Option<(&str, f64)>,
        channels: usize,
        grid: Grid,
    ) -> Result<Depthwise> {
        let (height, width) = grid.kernel;
        let weight = self.read(&format!("{name}.weight"), &[channels, 1, height, width])?;
        let (scale, bias) = self.folded(name, norm, channels)?;
        let area = height * width;
        let mut ordered = vec![0.0; weight.len()];
        for (c, plane) in weight.chunks_exact(area).enumerate() {
            for (k, value) in plane.iter().enumerate() {
                ordered[k * channels + c] = value * scale[c];
            }
        }
        Ok(Depthwise { weight: ordered, bias, grid })
    }

    fn folded(
        &self,
        name: &str,
        norm: Option<(&str, f64)>,
        outputs: usize,
    ) -> Result<(Vec<f32>, Vec<f32>)> {
        let bias = format!("{name}.bias");
        let own = if self.has(&bias) { self.read(&bias, &[outputs])? } else { vec![0.0; outputs] };
        let Some((norm, epsilon)) = norm else { return Ok((vec![1.0; outputs], own)) };
        let part = |part: &str| self.read(&format!("{norm}.{part}"), &[outputs]);
        let (gain, shift) = (part("weight")?, part("bias")?);
        let (mean, variance) = (part("running_mean")?, part("running_var")?);
        let scale: Vec<f32> = gain
            .iter()
            .zip(&variance)
            .map(|(gain, variance)| {
                (f64::from(*gain) / (f64::from(*variance) + epsilon).sqrt()) as f32
            })
            .collect();
        let bias = (0..outputs).map(|i| shift[i] + (own[i] - mean[i]) * scale[i]).collect();
        Ok((scale, bias))
    }
}

/// A layer norm.
pub struct Norm {
    gain: Vec<f32>,
    bias: Vec<f32>,
    epsilon: f32,
}

impl Norm {
    /// x ← norm(x), row by row.
    pub fn apply(&self, x: &mut [f32], threads: usize) {
        let width = self.gain.len();
        let each = |row: &mut [f32]| {
            let mean = sum_by(row, |v| v) / width as f32;
            let variance = sum_by(row, |v| (v - mean) * (v - mean)) / width as f32;
            let scale = 1.0 / (variance + self.epsilon).sqrt();
            for ((v, g), b) in row.iter_mut().zip(&self.gain).zip(&self.bias) {
                *v = (*v - mean) * scale * *g + *b;
            }
        };
        match threads {
            0 | 1 => x.chunks_exact_mut(width).for_each(each),
            _ => x.par_chunks_exact_mut(width).for_each(each),
        }
    }
}

/// act(x·Wᵀ + b) as a fresh vector.
pub fn layer(
    linear: &Linear,
    x: &[f32],
    inputs: usize,
    activation: Activation,
    threads: usize,
) -> Vec<f32> {
    let mut out = vec![0.0; x.len() / inputs * linear.outputs()];
    linear.forward(x, &mut out, linear::Activation::None, threads);
    activation.apply(&mut out, threads);
    out
}
