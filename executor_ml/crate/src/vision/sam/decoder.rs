//! From a picture's places and a prompt's vectors to masks: both look at each other twice.

use crate::audio::Going;
use crate::cpu;
use crate::error::Result;
use crate::linear::Linear;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::vision::larger::Larger;
use crate::vision::parallel::add;
use crate::vision::weights::{Norm, Weights, layer};
use crate::vision::{Activation, Fields};
use crate::whisper::attention::{Attended, attend};
use crate::whisper::{Halt, check};

pub struct Decoder {
    /// The score's token, then those of masks.
    tokens: Vec<f32>,
    layers: Vec<Layer>,
    last: Attention,
    last_norm: Norm,
    larger: [Larger; 2],
    larger_norm: Norm,
    makers: Vec<Feed>,
    scorer: Feed,
    activation: Activation,
    width: usize,
    heads: usize,
    masks: usize,
}

struct Layer {
    own: Attention,
    to_picture: Attention,
    to_tokens: Attention,
    up: Linear,
    down: Linear,
    norms: [Norm; 4],
}

struct Attention {
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
}

struct Feed(Vec<Linear>);

impl Attention {
    fn read(weights: &Weights<'_>, width: usize, inside: usize) -> Result<Self> {
        Ok(Self {
            query: weights.linear("q_proj", width, inside)?,
            key: weights.linear("k_proj", width, inside)?,
            value: weights.linear("v_proj", width, inside)?,
            output: weights.linear("out_proj", inside, width)?,
        })
    }
}

impl Feed {
    /// Three layers or more: in, between, out.
    fn read(weights: &Weights<'_>, sizes: [usize; 3], depth: usize) -> Result<Self> {
        let [inputs, hidden, outputs] = sizes;
        let mut all = vec![weights.linear("proj_in", inputs, hidden)?];
        for i in 0..depth.saturating_sub(2) {
            all.push(weights.linear(&format!("layers.{i}"), hidden, hidden)?);
        }
        all.push(weights.linear("proj_out", hidden, outputs)?);
        Ok(Self(all))
    }

    fn forward(&self, x: &[f32]) -> Vec<f32> {
        let mut x = x.to_vec();
        for (i, each) in self.0.iter().enumerate() {
            let last = i + 1 == self.0.len();
            let activation = if last { Activation::None } else { Activation::Relu };
            x = layer(each, &x, x.len(), activation, 1);
        }
        x
    }
}

impl Decoder {
    pub fn read(weights: &Weights<'_>, fields: &Fields) -> Result<Self> {
        let w = fields.count("hidden_size", 256)?;
        let heads = fields.count("num_attention_heads", 8)?;
        let rate = fields.count("attention_downsample_rate", 2)?;
        let inside = w.checked_div(rate).unwrap_or(0);
        let fits = |width: usize| heads > 0 && width > 0 && width.is_multiple_of(heads);
        if !fits(w) || !fits(inside) || !w.is_multiple_of(8) {
            let reason = format!("{heads} heads do not divide {w} values, or a {rate}th of them");
            return Err(fields.error(reason));
        }
        let feed = fields.count("mlp_dim", 2048)?;
        let epsilon = fields.float("layer_norm_eps", 1e-6)?;
        let masks = fields.count("num_multimask_outputs", 3)? + 1;
        if masks != 4 {
            return Err(fields.error("num_multimask_outputs must be 3"));
        }
        let at = weights.at("transformer");
        let one = |i: usize| -> Result<Layer> {
            let at = at.at("layers").at(i);
            let norm = |n: usize| at.norm(&format!("layer_norm{n}"), w, epsilon);
            Ok(Layer {
                own: Attention::read(&at.at("self_attn"), w, w)?,
                to_picture: Attention::read(&at.at("cross_attn_token_to_image"), w, inside)?,
                to_tokens: Attention::read(&at.at("cross_attn_image_to_token"), w, inside)?,
                up: at.linear("mlp.lin1", w, feed)?,
                down: at.linear("mlp.lin2", feed, w)?,
                norms: [norm(1)?, norm(2)?, norm(3)?, norm(4)?],
            })
        };
        let mut tokens = weights.read("iou_token.weight", &[1, w])?;
        tokens.extend(weights.read("mask_tokens.weight", &[masks, w])?);
        let makers = (0..masks).map(|i| {
            let at = weights.at("output_hypernetworks_mlps").at(i);
            Feed::read(&at, [w, w, w / 8], 3)
        });
        let hidden = fields.count("iou_head_hidden_dim", 256)?;
        let depth = fields.count("iou_head_depth", 3)?;
        Ok(Self {
            tokens,
            layers: (0..fields.count("num_hidden_layers", 2)?).map(one).collect::<Result<_>>()?,
            last: Attention::read(&at.at("final_attn_token_to_image"), w, inside)?,
            // transformers leaves torch's own here.
            last_norm: at.norm("layer_norm_final_attn", w, 1e-5)?,
            larger: [
                Larger::read(weights, "upscale_conv1", w, w / 4)?,
                Larger::read(weights, "upscale_conv2", w / 4, w / 8)?,
            ],
            larger_norm: weights.norm("upscale_layer_norm", w / 4, 1e-6)?,
            makers: makers.collect::<Result<_>>()?,
            scorer: Feed::read(&weights.at("iou_prediction_head"), [w, hidden, masks], depth)?,
            activation: Activation::told(fields, "hidden_act", "relu")?,
            width: w,
            heads,
            masks,
        })
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Masks of 4·side by 4·side, and how well each fits; the first is the one for all.
    /// `seen`, `at` [side·side, width]: what was seen, and where.
    pub fn forward(
        &self,
        mut seen: Vec<f32>,
        at: &[f32],
        prompt: &[f32],
        side: usize,
        going: Going<'_>,
    ) -> std::result::Result<(Vec<f32>, Vec<f32>), Halt> {
        let (w, threads) = (self.width, cpu::threads());
        let told = [&self.tokens[..], prompt].concat();
        let mut x = told.clone();
        let sum = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a + b).collect::<Vec<f32>>();
        for (i, each) in self.layers.iter().enumerate() {
            check(going)?;
            if i == 0 {
                x = self.look(&each.own, &x, &x, &x, threads);
            } else {
                let queries = sum(&x, &told);
                let looked = self.look(&each.own, &queries, &queries, &x, threads);
                add(&mut x, &looked);
            }
            each.norms[0].apply(&mut x, 1);
            let keys = sum(&seen, at);
            let looked = self.look(&each.to_picture, &sum(&x, &told), &keys, &seen, threads);
            add(&mut x, &looked);
            each.norms[1].apply(&mut x, 1);
            let up = layer(&each.up, &x, w, self.activation, threads);
            add(&mut x, &layer(&each.down, &up, each.up.outputs(), Activation::None, threads));
            each.norms[2].apply(&mut x, 1);
            let looked = self.look(&each.to_tokens, &keys, &sum(&x, &told), &x, threads);
            add(&mut seen, &looked);
            each.norms[3].apply(&mut seen, threads);
        }
        check(going)?;
        let looked = self.look(&self.last, &sum(&x, &told), &sum(&seen, at), &seen, threads);
        add(&mut x, &looked);
        self.last_norm.apply(&mut x, 1);
        let mut map = self.larger[0].forward(&seen, side * side, side, threads);
        self.larger_norm.apply(&mut map, threads);
        Activation::Gelu.apply(&mut map, threads);
        let mut map = self.larger[1].forward(&map, 4 * side * side, 2 * side, threads);
        Activation::Gelu.apply(&mut map, threads);
        let token = |i: usize| &x[i * w..][..w];
        let makers = self.makers.iter().enumerate();
        let made: Vec<f32> = makers.flat_map(|(i, feed)| feed.forward(token(1 + i))).collect();
        let (area, inner) = (16 * side * side, w / 8);
        let mut masks = vec![0.0; self.masks * area];
        matmul(
            MatrixMut::new(&mut masks, self.masks, area, area),
            Matrix::new(&made, self.masks, inner, inner),
            Matrix::new(&map, area, inner, inner).transposed(),
            1.0,
            threads,
        );
        Ok((masks, self.scorer.forward(token(0))))
    }

    fn look(
        &self,
        attention: &Attention,
        queries: &[f32],
        keys: &[f32],
        values: &[f32],
        threads: usize,
    ) -> Vec<f32> {
        let of =
            |linear: &Linear, x: &[f32]| layer(linear, x, self.width, Activation::None, threads);
        let (q, k, v) =
            (of(&attention.query, queries), of(&attention.key, keys), of(&attention.value, values));
        let inside = attention.query.outputs();
        let mut context = vec![0.0; q.len()];
        let attended = Attended { keys: &k, values: &v, before: None };
        attend(&q, attended, (inside, self.heads), &mut context, threads);
        layer(&attention.output, &context, inside, Activation::None, threads)
    }
}
