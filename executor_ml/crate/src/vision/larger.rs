//! A transposed convolution of twice the size: four places of each.

use super::Activation;
use super::weights::{Weights, layer};
use crate::error::Result;
use crate::linear::Linear;

pub struct Larger(Linear);

impl Larger {
    pub fn read(weights: &Weights<'_>, name: &str, inputs: usize, outputs: usize) -> Result<Self> {
        let weight = weights.read(&format!("{name}.weight"), &[inputs, outputs, 2, 2])?;
        let bias = weights.read(&format!("{name}.bias"), &[outputs])?;
        let mut ordered = vec![0.0; weight.len()];
        for (c, filters) in weight.chunks_exact(outputs * 4).enumerate() {
            for (i, value) in filters.iter().enumerate() {
                ordered[((i % 4) * outputs + i / 4) * inputs + c] = *value;
            }
        }
        Ok(Self(Linear::stack(inputs, &[(ordered, bias.repeat(4))])))
    }

    pub fn inputs(&self) -> usize {
        self.0.inputs()
    }

    pub fn outputs(&self) -> usize {
        self.0.outputs() / 4
    }

    /// Rows of `width` places with their channels, [places, inputs], to twice as many of twice as
    /// many.
    pub fn forward(&self, x: &[f32], places: usize, width: usize, threads: usize) -> Vec<f32> {
        let outputs = self.outputs();
        let four = layer(&self.0, x, x.len() / places, Activation::None, threads);
        let mut out = vec![0.0; four.len()];
        for (at, places) in four.chunks_exact(4 * outputs).enumerate() {
            for (i, values) in places.chunks_exact(outputs).enumerate() {
                let (y, x) = (at / width * 2 + i / 2, at % width * 2 + i % 2);
                out[(y * 2 * width + x) * outputs..][..outputs].copy_from_slice(values);
            }
        }
        out
    }
}
