//! The feed-forward of a layer: down(act(up x)), or down(act(gate x)·(up x)).

use super::config::{Activation, Config};
use crate::error::Result;
use crate::linear::{self, Linear};
use crate::numeric::{gelu, gelu_tanh, silu};
use rayon::prelude::*;

pub struct Feed {
    up: Linear,
    down: Linear,
    activation: Activation,
    gated: bool,
}

impl Feed {
    /// `dense` reads the weights of a name's end, outputs and inputs, stacked.
    pub fn read(
        config: &Config,
        dense: impl Fn(&[&str], usize, usize) -> Result<Linear>,
    ) -> Result<Self> {
        let (h, i) = (config.hidden, config.intermediate);
        let width = if config.gated { 2 * i } else { i };
        Ok(Self {
            up: dense(config.names.up, width, h)?,
            down: dense(&[config.names.down], h, i)?,
            activation: config.activation,
            gated: config.gated,
        })
    }

    /// Values that `scratch` has per token.
    pub fn width(config: &Config) -> usize {
        if config.gated { 3 * config.intermediate } else { config.intermediate }
    }

    /// `x` [rows, hidden] → `out` likewise.
    pub fn forward(&self, x: &[f32], scratch: &mut [f32], out: &mut [f32], threads: usize) {
        if self.gated {
            let both = scratch.len() / 3 * 2;
            let (up, product) = scratch.split_at_mut(both);
            self.up.forward(x, up, linear::Activation::None, threads);
            let width = self.up.outputs();
            let multiply = |(row, product): (&[f32], &mut [f32])| {
                let (gate, up) = row.split_at(width / 2);
                product.copy_from_slice(gate);
                activate(self.activation, product);
                product.iter_mut().zip(up).for_each(|(x, u)| *x *= *u);
            };
            if threads > 1 {
                up.par_chunks_exact(width)
                    .zip(product.par_chunks_exact_mut(width / 2))
                    .for_each(multiply);
            } else {
                let rows = up.chunks_exact(width).zip(product.chunks_exact_mut(width / 2));
                rows.for_each(multiply);
            }
            self.down.forward(product, out, linear::Activation::None, threads);
        } else if self.activation == Activation::Gelu {
            self.up.forward(x, scratch, linear::Activation::Gelu, threads);
            self.down.forward(scratch, out, linear::Activation::None, threads);
        } else {
            self.up.forward(x, scratch, linear::Activation::None, threads);
            activate(self.activation, scratch);
            self.down.forward(scratch, out, linear::Activation::None, threads);
        }
    }
}

/// x ← act(x)
pub fn activate(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Gelu => values.iter_mut().for_each(|x| *x = gelu(*x)),
        Activation::GeluTanh => values.iter_mut().for_each(|x| *x = gelu_tanh(*x)),
        Activation::Relu => values.iter_mut().for_each(|x| *x = x.max(0.0)),
        Activation::Silu => values.iter_mut().for_each(|x| *x = silu(*x)),
    }
}
