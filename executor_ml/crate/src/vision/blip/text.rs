//! A BERT whose layers look at something beside their own tokens: at a picture, or at a question.

use super::Work;
use crate::audio::Going;
use crate::cpu;
use crate::error::Result;
use crate::linear::Linear;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::vision::encoder::Shape;
use crate::vision::parallel::add;
use crate::vision::weights::{Norm, Weights, layer};
use crate::vision::{Activation, Fields};
use crate::whisper::attention::{Attended, attend};
use crate::whisper::check;

/// Keys and values of each layer.
type Kept = Vec<(Vec<f32>, Vec<f32>)>;

pub struct Text {
    words: Vec<f32>,
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
    activation: Activation,
    width: usize,
    heads: usize,
    /// Tokens that there are positions for.
    pub places: usize,
}

struct Layer {
    own: Attention,
    other: Attention,
    up: Linear,
    down: Linear,
    norm: Norm,
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    norm: Norm,
}

/// What is looked at.
pub struct Seen {
    layers: Kept,
}

/// What the layers keep of the tokens read.
#[derive(Clone)]
pub struct Past {
    layers: Kept,
    read: usize,
}

impl Attention {
    /// `inputs`: the width of what is looked at.
    fn read(weights: &Weights<'_>, shape: &Shape, inputs: usize) -> Result<Self> {
        let w = shape.width;
        Ok(Self {
            query: weights.linear("self.query", w, w)?,
            key: weights.linear("self.key", inputs, w)?,
            value: weights.linear("self.value", inputs, w)?,
            output: weights.linear("output.dense", w, w)?,
            norm: weights.norm("output.LayerNorm", w, shape.epsilon)?,
        })
    }
}

impl Text {
    /// `seen`: the width of what is looked at.
    pub fn read(
        weights: &Weights<'_>,
        fields: &Fields,
        shape: &Shape,
        seen: usize,
    ) -> Result<Self> {
        let w = shape.width;
        let words = fields.count("vocab_size", 30_524)?;
        let places = fields.count("max_position_embeddings", 512)?;
        let layer = |i: usize| -> Result<Layer> {
            let at = weights.at("encoder.layer").at(i);
            Ok(Layer {
                own: Attention::read(&at.at("attention"), shape, w)?,
                other: Attention::read(&at.at("crossattention"), shape, seen)?,
                up: at.linear("intermediate.dense", w, shape.feed)?,
                down: at.linear("output.dense", shape.feed, w)?,
                norm: at.norm("output.LayerNorm", w, shape.epsilon)?,
            })
        };
        let at = weights.at("embeddings");
        Ok(Self {
            words: at.read("word_embeddings.weight", &[words, w])?,
            positions: at.read("position_embeddings.weight", &[places, w])?,
            norm: at.norm("LayerNorm", w, shape.epsilon)?,
            layers: (0..shape.layers).map(layer).collect::<Result<_>>()?,
            activation: shape.activation,
            width: w,
            heads: shape.heads,
            places,
        })
    }

    pub fn words(&self) -> usize {
        self.words.len() / self.width
    }

    /// What the layers keep of `x` [length, width of what is looked at].
    pub fn look(&self, x: &[f32], inputs: usize, going: Going<'_>) -> Work<Seen> {
        let of = |from: &Linear| layer(from, x, inputs, Activation::None, cpu::threads());
        let mut layers = Vec::with_capacity(self.layers.len());
        for each in &self.layers {
            check(going)?;
            layers.push((of(&each.other.key), of(&each.other.value)));
        }
        Ok(Seen { layers })
    }

    pub fn begin(&self) -> Past {
        Past { layers: vec![(vec![], vec![]); self.layers.len()], read: 0 }
    }

    /// Reads as many tokens for each of `pasts`, which have read as much; the last layer's vectors,
    /// [pasts, tokens, width]. `causal`: whether a token sees none behind it.
    ///
    /// Panics where there are more tokens than places, or one is none of its words.
    pub fn forward(
        &self,
        tokens: &[u32],
        pasts: &mut [Past],
        seen: &Seen,
        causal: bool,
        going: Going<'_>,
    ) -> Work<Vec<f32>> {
        let (w, threads) = (self.width, cpu::threads());
        let (each, before) = (tokens.len() / pasts.len(), pasts[0].read);
        assert!(before + each <= self.places, "more tokens than the model holds");
        let mut x = Vec::with_capacity(tokens.len() * w);
        for (i, id) in tokens.iter().enumerate() {
            let word = &self.words[*id as usize * w..][..w];
            let position = &self.positions[(before + i % each) * w..][..w];
            x.extend(word.iter().zip(position).map(|(a, b)| a + b));
        }
        self.norm.apply(&mut x, threads);
        let dense = |linear: &Linear, x: &[f32]| layer(linear, x, w, Activation::None, threads);
        let shape = (w, self.heads);
        let mut context = vec![0.0; x.len()];
        for (i, (layer_, other)) in self.layers.iter().zip(&seen.layers).enumerate() {
            check(going)?;
            let own = &layer_.own;
            let (queries, keys, values) =
                (dense(&own.query, &x), dense(&own.key, &x), dense(&own.value, &x));
            for (n, past) in pasts.iter_mut().enumerate() {
                let part = n * each * w..(n + 1) * each * w;
                let (known, told) = &mut past.layers[i];
                known.extend_from_slice(&keys[part.clone()]);
                told.extend_from_slice(&values[part.clone()]);
                let attended =
                    Attended { keys: known, values: told, before: causal.then_some(before) };
                attend(&queries[part.clone()], attended, shape, &mut context[part], threads);
            }
            add(&mut x, &dense(&own.output, &context));
            own.norm.apply(&mut x, threads);

            let looking = &layer_.other;
            let queries = dense(&looking.query, &x);
            let attended = Attended { keys: &other.0, values: &other.1, before: None };
            attend(&queries, attended, shape, &mut context, threads);
            add(&mut x, &dense(&looking.output, &context));
            looking.norm.apply(&mut x, threads);

            let up = layer(&layer_.up, &x, w, self.activation, threads);
            let down = &layer_.down;
            add(&mut x, &layer(down, &up, layer_.up.outputs(), Activation::None, threads));
            layer_.norm.apply(&mut x, threads);
        }
        pasts.iter_mut().for_each(|past| past.read += each);
        Ok(x)
    }
}

/// From a vector to a number for each word.
pub struct Head {
    dense: Linear,
    activation: Activation,
    norm: Norm,
    /// None: the table of words.
    weight: Option<Vec<f32>>,
    bias: Vec<f32>,
}

impl Head {
    pub fn read(weights: &Weights<'_>, shape: &Shape, words: usize) -> Result<Self> {
        let w = shape.width;
        let own = weights.has("decoder.weight");
        let bias = if weights.has("decoder.bias") { "decoder.bias" } else { "bias" };
        Ok(Self {
            dense: weights.linear("transform.dense", w, w)?,
            activation: shape.activation,
            norm: weights.norm("transform.LayerNorm", w, shape.epsilon)?,
            weight: own.then(|| weights.read("decoder.weight", &[words, w])).transpose()?,
            bias: weights.read(bias, &[words])?,
        })
    }

    /// [rows, words] of `x` [rows, width].
    pub fn forward(&self, x: &[f32], text: &Text) -> Vec<f32> {
        let (w, words, threads) = (text.width, self.bias.len(), cpu::threads());
        let rows = x.len() / w;
        let mut inside = layer(&self.dense, x, w, self.activation, threads);
        self.norm.apply(&mut inside, 1);
        let mut out = vec![0.0; rows * words];
        let table = self.weight.as_deref().unwrap_or(&text.words);
        matmul(
            MatrixMut::new(&mut out, rows, words, words),
            Matrix::new(&inside, rows, w, w),
            Matrix::new(table, words, w, w).transposed(),
            1.0,
            threads,
        );
        out.chunks_exact_mut(words).for_each(|row| add(row, &self.bias));
        out
    }
}
