//! SigLIP's pooling: one query that was learnt looks at all patches.

use super::Activation;
use super::encoder::Shape;
use super::parallel::add;
use super::weights::{Norm, Weights, layer};
use crate::error::Result;
use crate::linear::Linear;
use crate::numeric::{dot, softmax};

pub struct ProbeHead {
    /// Scaled by 1/√d.
    query: Vec<f32>,
    both: Linear,
    output: Linear,
    norm: Norm,
    up: Linear,
    down: Linear,
    activation: Activation,
    heads: usize,
}

impl ProbeHead {
    pub fn read(weights: &Weights<'_>, shape: &Shape) -> Result<Self> {
        let w = shape.width;
        let probe = weights.read("probe", &[1, 1, w])?;
        let all = weights.read("attention.in_proj_weight", &[3 * w, w])?;
        let bias = weights.read("attention.in_proj_bias", &[3 * w])?;
        let scale = 1.0 / ((w / shape.heads) as f32).sqrt();
        let query = all[..w * w].chunks_exact(w).zip(&bias);
        Ok(Self {
            query: query.map(|(row, b)| (dot(row, &probe) + b) * scale).collect(),
            both: Linear::stack(w, &[(all[w * w..].to_vec(), bias[w..].to_vec())]),
            output: weights.linear("attention.out_proj", w, w)?,
            norm: weights.norm("layernorm", w, shape.epsilon)?,
            up: weights.linear("mlp.fc1", w, shape.feed)?,
            down: weights.linear("mlp.fc2", shape.feed, w)?,
            activation: shape.activation,
            heads: shape.heads,
        })
    }

    /// [pictures, length, width] to [pictures, width].
    pub fn forward(&self, x: &[f32], length: usize, threads: usize) -> Vec<f32> {
        let w = self.query.len();
        let d = w / self.heads;
        let both = layer(&self.both, x, w, Activation::None, threads);
        let mut seen = Vec::with_capacity(x.len() / length);
        for picture in both.chunks_exact(length * 2 * w) {
            for (head, query) in self.query.chunks_exact(d).enumerate() {
                let places = || picture.chunks_exact(2 * w).map(|row| &row[head * d..]);
                let mut scores: Vec<f32> = places().map(|row| dot(&row[..d], query)).collect();
                softmax(&mut scores);
                let mut sums = vec![0.0; d];
                for (row, score) in places().zip(&scores) {
                    sums.iter_mut().zip(&row[w..]).for_each(|(sum, x)| *sum += score * x);
                }
                seen.extend(sums);
            }
        }
        let mut out = layer(&self.output, &seen, w, Activation::None, threads);
        let mut inside = out.clone();
        self.norm.apply(&mut inside, 1);
        let hidden = layer(&self.up, &inside, w, self.activation, threads);
        add(&mut out, &layer(&self.down, &hidden, self.up.outputs(), Activation::None, threads));
        out
    }
}
