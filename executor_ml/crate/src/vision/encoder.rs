//! The layers of a transformer that normalises before it computes: of pictures and of texts.

use super::Activation;
use super::parallel::{add, rows};
use super::weights::{Norm, Weights, layer};
use crate::audio::Going;
use crate::error::Result;
use crate::linear::Linear;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::{silu, softmax};

/// What a family calls the parts of a layer.
pub struct Names {
    pub before: &'static str,
    /// Query, key and value; the same name thrice where one tensor has all.
    pub qkv: [&'static str; 3],
    pub output: &'static str,
    pub after: &'static str,
    pub up: &'static str,
    pub down: &'static str,
}

pub struct Shape {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub feed: usize,
    pub epsilon: f64,
    pub activation: Activation,
    /// Whether a place sees none behind it.
    pub causal: bool,
}

pub struct Encoder {
    layers: Vec<Layer>,
    width: usize,
    heads: usize,
    causal: bool,
}

struct Layer {
    before: Norm,
    qkv: Linear,
    output: Linear,
    after: Norm,
    feed: Feed,
    scales: Option<[Vec<f32>; 2]>,
}

enum Feed {
    Plain(Linear, Activation, Linear),
    /// silu(a)·b, with a and b of one product.
    Gated(Linear, Linear),
}

impl Encoder {
    /// `weights` are at the list of layers.
    pub fn read(weights: &Weights<'_>, names: &Names, shape: &Shape) -> Result<Self> {
        let layers = (0..shape.layers).map(|i| Layer::read(&weights.at(i), names, shape));
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            width: shape.width,
            heads: shape.heads,
            causal: shape.causal,
        })
    }

    /// Computes `x` [sequences, length, width] in place.
    pub fn forward(&self, x: &mut [f32], length: usize, threads: usize) {
        self.forward_while(x, length, threads, &|| true);
    }

    /// The same while the caller wants it, who is asked before each layer; whether that was so.
    pub fn forward_while(
        &self,
        x: &mut [f32],
        length: usize,
        threads: usize,
        going: Going<'_>,
    ) -> bool {
        let w = self.width;
        for each in &self.layers {
            if !going() {
                return false;
            }
            let mut y = x.to_vec();
            each.before.apply(&mut y, threads);
            let qkv = layer(&each.qkv, &y, w, Activation::None, threads);
            self.attention(&qkv, length, &mut y, threads);
            let mut out = layer(&each.output, &y, w, Activation::None, threads);
            each.scale(0, &mut out);
            add(x, &out);
            y.copy_from_slice(x);
            each.after.apply(&mut y, threads);
            let mut out = each.feed.forward(&y, w, threads);
            each.scale(1, &mut out);
            add(x, &out);
        }
        true
    }

    /// softmax(QKᵀ/√d)·V of every head, from [rows, 3·width] to [rows, width].
    fn attention(&self, qkv: &[f32], length: usize, out: &mut [f32], threads: usize) {
        let (w, d) = (self.width, self.width / self.heads);
        let scale = 1.0 / (d as f32).sqrt();
        let mut heads = vec![0.0; out.len()];
        rows(&mut heads, length * d, threads, |unit, block| {
            let (sequence, head) = (unit / self.heads, unit % self.heads);
            let part = |n: usize| {
                let start = sequence * length * 3 * w + n * w + head * d;
                Matrix::new(&qkv[start..], length, d, 3 * w)
            };
            let mut scores = vec![0.0; length * length];
            let shape = MatrixMut::new(&mut scores, length, length, length);
            matmul(shape, part(0), part(1).transposed(), scale, 1);
            for (i, row) in scores.chunks_exact_mut(length).enumerate() {
                let seen = if self.causal { i + 1 } else { length };
                softmax(&mut row[..seen]);
                row[seen..].fill(0.0);
            }
            let weights = Matrix::new(&scores, length, length, length);
            matmul(MatrixMut::new(block, length, d, d), weights, part(2), 1.0, 1);
        });
        for (unit, block) in heads.chunks_exact(length * d).enumerate() {
            let (sequence, head) = (unit / self.heads, unit % self.heads);
            for (i, values) in block.chunks_exact(d).enumerate() {
                out[(sequence * length + i) * w + head * d..][..d].copy_from_slice(values);
            }
        }
    }
}

impl Layer {
    fn read(weights: &Weights<'_>, names: &Names, shape: &Shape) -> Result<Self> {
        let w = shape.width;
        let [query, key, _] = names.qkv;
        let qkv: Result<Vec<_>> = match query == key {
            true => weights.pair(query, w, 3 * w).map(|all| vec![all]),
            false => names.qkv.iter().map(|name| weights.pair(name, w, w)).collect(),
        };
        let scales = match weights.has("layer_scale1.lambda1") {
            true => Some([
                weights.read("layer_scale1.lambda1", &[w])?,
                weights.read("layer_scale2.lambda1", &[w])?,
            ]),
            false => None,
        };
        Ok(Self {
            before: weights.norm(names.before, w, shape.epsilon)?,
            qkv: Linear::stack(w, &qkv?),
            output: weights.linear(names.output, w, w)?,
            after: weights.norm(names.after, w, shape.epsilon)?,
            feed: Feed::read(weights, names, shape)?,
            scales,
        })
    }

    fn scale(&self, which: usize, x: &mut [f32]) {
        if let Some(scales) = &self.scales {
            let scale = &scales[which];
            for row in x.chunks_exact_mut(scale.len()) {
                row.iter_mut().zip(scale).for_each(|(x, s)| *x *= *s);
            }
        }
    }
}

impl Feed {
    fn read(weights: &Weights<'_>, names: &Names, shape: &Shape) -> Result<Self> {
        let (w, feed) = (shape.width, shape.feed);
        if weights.has("mlp.weights_in.weight") {
            // DINOv2's giant: two thirds of the usual width, in eights.
            let feed = (feed * 2 / 3).div_ceil(8) * 8;
            let up = weights.linear("mlp.weights_in", w, 2 * feed)?;
            return Ok(Self::Gated(up, weights.linear("mlp.weights_out", feed, w)?));
        }
        let up = weights.linear(names.up, w, feed)?;
        Ok(Self::Plain(up, shape.activation, weights.linear(names.down, feed, w)?))
    }

    fn forward(&self, x: &[f32], width: usize, threads: usize) -> Vec<f32> {
        match self {
            Self::Plain(up, activation, down) => {
                let hidden = layer(up, x, width, *activation, threads);
                layer(down, &hidden, up.outputs(), Activation::None, threads)
            }
            Self::Gated(up, down) => {
                let both = layer(up, x, width, Activation::None, threads);
                let feed = up.outputs() / 2;
                let mut hidden = vec![0.0; both.len() / 2];
                for (to, row) in hidden.chunks_exact_mut(feed).zip(both.chunks_exact(2 * feed)) {
                    let (a, b) = row.split_at(feed);
                    to.iter_mut().zip(a).zip(b).for_each(|((to, a), b)| *to = silu(*a) * b);
                }
                layer(down, &hidden, feed, Activation::None, threads)
            }
        }
    }
}

/// Layers of which all sizes are known. Refused: heads that do not divide the width.
pub fn checked(shape: Shape, fields: &super::Fields) -> Result<Shape> {
    let Shape { width, heads, .. } = shape;
    match heads > 0 && width > 0 && shape.feed > 0 && width.is_multiple_of(heads) {
        true => Ok(shape),
        false => Err(fields.error(format!("{heads} heads do not divide {width} hidden values"))),
    }
}
