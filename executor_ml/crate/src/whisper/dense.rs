//! Products with their biases, and layer norms.

use crate::error::Result;
use crate::numeric::dot;
use crate::quant::{Kind, Projection, Tile, project};
use crate::tensor_bytes::Source;

const EPSILON: f32 = 1e-5;

/// y = x·Wᵀ + b, of weights as they lie in the file.
pub struct Dense {
    weight: Projection,
    bias: Option<Vec<f32>>,
}

impl Dense {
    /// [outputs, inputs]; the bias where the file has one.
    pub fn read(source: &dyn Source, name: &str, outputs: usize, inputs: usize) -> Result<Self> {
        let bias = format!("{name}.bias");
        Ok(Self {
            weight: Projection::read(source, &format!("{name}.weight"), outputs, inputs)?,
            bias: source.has(&bias).then(|| source.vector(&bias, outputs)).transpose()?,
        })
    }

    fn add_bias(&self, out: &mut [f32]) {
        if let Some(bias) = &self.bias {
            out.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
        }
    }
}

/// How a pass over some rows computes.
pub struct Pass<'a> {
    pub kind: Kind,
    pub tile: &'a mut Tile,
    pub threads: usize,
}

impl Pass<'_> {
    /// Each output ← its product with `x`.
    pub fn dense(&mut self, x: &[f32], outputs: &mut [(&Dense, &mut [f32])]) {
        let mut weights: Vec<(&Projection, &mut [f32])> =
            outputs.iter_mut().map(|(dense, out)| (&dense.weight, &mut **out)).collect();
        project(x, &mut weights, self.kind, self.tile, self.threads);
        outputs.iter_mut().for_each(|(dense, out)| dense.add_bias(out));
    }
}

/// a ← a + b
pub fn add(a: &mut [f32], b: &[f32]) {
    a.iter_mut().zip(b).for_each(|(a, b)| *a += *b);
}

/// Gain and bias of a layer norm.
pub struct Norm {
    gain: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    pub fn read(source: &dyn Source, name: &str, width: usize) -> Result<Self> {
        Ok(Self {
            gain: source.vector(&format!("{name}.weight"), width)?,
            bias: source.vector(&format!("{name}.bias"), width)?,
        })
    }

    /// out ← norm(x), row by row.
    pub fn apply(&self, x: &[f32], out: &mut [f32]) {
        let width = self.gain.len();
        for (row, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
            let mean = row.iter().sum::<f32>() / width as f32;
            row.iter().zip(&mut *out).for_each(|(x, o)| *o = x - mean);
            let scale = 1.0 / (dot(out, out) / width as f32 + EPSILON).sqrt();
            for ((o, g), b) in out.iter_mut().zip(&self.gain).zip(&self.bias) {
                *o = *o * scale * g + b;
            }
        }
    }
}
