//! Tokens to the logits of the next one, over what a window's sound has become.

use super::attention::{Attended, Attention, attend};
use super::config::Config;
use super::dense::{Dense, Norm, Pass, add};
use super::encoder::table;
use super::{Halt, check};
use crate::audio::Going;
use crate::cpu;
use crate::error::Result;
use crate::numeric::gelu;
use crate::quant::{Kind, Projection, QuantMatrix, Tile, project};
use crate::tensor_bytes::Source;
use std::ops::Range;

/// Rows whose logits are there at a time.
const ROWS: usize = 32;

/// Is told of each layer, by its number, the queries [tokens, hidden] by which it looks at the sound,
/// and the sound's keys.
pub type Watch<'a> = dyn FnMut(usize, &[f32], &[f32]) + 'a;

pub struct Decoder {
    hidden: usize,
    heads: usize,
    feed: usize,
    vocabulary: usize,
    targets: usize,
    scale: f32,
    words: QuantMatrix,
    /// The table of words, or what the file has in its place.
    head: Projection,
    positions: Vec<f32>,
    layers: Vec<Layer>,
    norm: Norm,
}

struct Layer {
    attention_norm: Norm,
    attention: Attention,
    sound_norm: Norm,
    sound: Attention,
    feed_norm: Norm,
    up: Dense,
    down: Dense,
}

/// Keys and values of each layer: of a window's sound, and of the tokens read.
pub struct Memory {
    sound: Vec<(Vec<f32>, Vec<f32>)>,
    tokens: Vec<(Vec<f32>, Vec<f32>)>,
    read: usize,
}

impl Memory {
    /// Forgets the tokens, not the sound.
    pub fn rewind(&mut self) {
        self.read = 0;
    }
}

impl Decoder {
    /// `prefix`: what stands before "decoder." in names.
    pub fn read(source: &dyn Source, prefix: &str, config: &Config) -> Result<Self> {
        let (h, feed, vocabulary) = (config.hidden, config.decoder.feed, config.vocabulary);
        let name = |part: &str| format!("{prefix}decoder.{part}");
        let layer = |i: usize| -> Result<Layer> {
            let name = |part: &str| name(&format!("layers.{i}.{part}"));
            Ok(Layer {
                attention_norm: Norm::read(source, &name("self_attn_layer_norm"), h)?,
                attention: Attention::read(source, &name("self_attn"), h)?,
                sound_norm: Norm::read(source, &name("encoder_attn_layer_norm"), h)?,
                sound: Attention::read(source, &name("encoder_attn"), h)?,
                feed_norm: Norm::read(source, &name("final_layer_norm"), h)?,
                up: Dense::read(source, &name("fc1"), feed, h)?,
                down: Dense::read(source, &name("fc2"), h, feed)?,
            })
        };
        let words = name("embed_tokens.weight");
        let head = if source.has("proj_out.weight") { "proj_out.weight" } else { &words };
        let head = Projection::exact(source, head, vocabulary, h)?;
        let table_of_words = source.tensor(&words)?;
        let words = Some(table_of_words)
            .filter(|t| t.dims == [vocabulary, h])
            .and_then(QuantMatrix::new)
            .ok_or_else(|| {
                source.error(&format!(
                    "{words} is no [{vocabulary}, {h}] of a type that is read here"
                ))
            })?;
        Ok(Self {
            hidden: h,
            heads: config.decoder.heads,
            feed,
            vocabulary,
            targets: config.targets,
            scale: config.scale,
            words,
            head,
            positions: table(source, &name("embed_positions.weight"), config.targets, h)?,
            layers: (0..config.decoder.layers).map(layer).collect::<Result<_>>()?,
            norm: Norm::read(source, &name("layer_norm"), h)?,
        })
    }

    /// What the layers keep of a window's vectors.
    pub fn remember(&self, sound: &[f32], going: Going<'_>) -> std::result::Result<Memory, Halt> {
        let mut tile = Tile::default();
        let mut pass = Pass { kind: Kind::Prompt, tile: &mut tile, threads: cpu::threads() };
        let mut kept = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            check(going)?;
            let (mut keys, mut values) = (vec![0.0; sound.len()], vec![0.0; sound.len()]);
            layer.sound.remember(&mut pass, sound, &mut keys, &mut values);
            kept.push((keys, values));
        }
        let empty = || vec![0.0; self.targets * self.hidden];
        let tokens = self.layers.iter().map(|_| (empty(), empty())).collect();
        Ok(Memory { sound: kept, tokens, read: 0 })
    }

    /// Reads `tokens` behind those read before; the last layer's vectors, [tokens, hidden].
    ///
    /// Panics where they are more than the model holds, or one is none of its vocabulary.
    pub fn forward(&self, tokens: &[u32], memory: &mut Memory) -> Vec<f32> {
        self.watched(tokens, memory, &mut |_, _, _| ())
    }

    /// `forward`, of which `watch` is told.
    pub fn watched(&self, tokens: &[u32], memory: &mut Memory, watch: &mut Watch<'_>) -> Vec<f32> {
        let (h, rows, threads) = (self.hidden, tokens.len(), cpu::threads());
        let Memory { sound, tokens: past, read } = memory;
        let before = *read;
        *read += rows;
        assert!(*read <= self.targets, "more tokens than the model holds");
        let mut x = vec![0.0; rows * h];
        for (row, id) in x.chunks_exact_mut(h).zip(tokens) {
            self.words.row(*id as usize, row);
            row.iter_mut().for_each(|x| *x *= self.scale);
        }
        add(&mut x, &self.positions[before * h..*read * h]);
        let kind = if rows > 1 { Kind::Prompt } else { Kind::Decode };
        let mut tile = Tile::default();
        let mut pass = Pass { kind, tile: &mut tile, threads };
        let (mut normed, mut y, mut context) =
            (vec![0.0; rows * h], vec![0.0; rows * h], vec![0.0; rows * h]);
        let mut up = vec![0.0; rows * self.feed];
        let shape = (h, self.heads);
        let layers = self.layers.iter().zip(sound).zip(past).enumerate();
        for (i, ((layer, heard), (keys, values))) in layers {
            layer.attention_norm.apply(&x, &mut normed);
            let Attention { query, key, value, output } = &layer.attention;
            let new = before * h..(before + rows) * h;
            pass.dense(
                &normed,
                &mut [
                    (query, &mut y),
                    (key, &mut keys[new.clone()]),
                    (value, &mut values[new.clone()]),
                ],
            );
            let known = ..new.end;
            let attended =
                Attended { keys: &keys[known], values: &values[known], before: Some(before) };
            attend(&y, attended, shape, &mut context, threads);
            pass.dense(&context, &mut [(output, &mut y)]);
            add(&mut x, &y);

            layer.sound_norm.apply(&x, &mut normed);
            pass.dense(&normed, &mut [(&layer.sound.query, &mut y)]);
            watch(i, &y, &heard.0);
            let attended = Attended { keys: &heard.0, values: &heard.1, before: None };
            attend(&y, attended, shape, &mut context, threads);
            pass.dense(&context, &mut [(&layer.sound.output, &mut y)]);
            add(&mut x, &y);

            layer.feed_norm.apply(&x, &mut normed);
            pass.dense(&normed, &mut [(&layer.up, &mut up)]);
            up.iter_mut().for_each(|x| *x = gelu(*x));
            pass.dense(&up, &mut [(&layer.down, &mut y)]);
            add(&mut x, &y);
        }
        self.norm.apply(&x, &mut normed);
        normed
    }

    /// The logits behind row `row` of what `forward` gave.
    pub fn logits(&self, vectors: &[f32], row: usize) -> Vec<f32> {
        let x = &vectors[row * self.hidden..(row + 1) * self.hidden];
        let mut out = vec![0.0; self.vocabulary];
        let mut tile = Tile::default();
        project(x, &mut [(&self.head, &mut out)], Kind::Decode, &mut tile, cpu::threads());
        out
    }

    /// Tells `take` the logits behind each of `rows`, with its number from 0 on.
    pub fn each_logits(
        &self,
        vectors: &[f32],
        rows: Range<usize>,
        mut take: impl FnMut(usize, &mut [f32]),
    ) {
        let x = &vectors[rows.start * self.hidden..rows.end * self.hidden];
        let (mut out, mut tile) = (Vec::new(), Tile::default());
        for (part, x) in x.chunks(ROWS * self.hidden).enumerate() {
            out.resize(x.len() / self.hidden * self.vocabulary, 0.0);
            project(x, &mut [(&self.head, &mut out)], Kind::Prompt, &mut tile, cpu::threads());
            for (i, logits) in out.chunks_exact_mut(self.vocabulary).enumerate() {
                take(part * ROWS + i, logits);
            }
        }
    }

    /// Its width, and heads of each attention.
    pub fn shape(&self) -> (usize, usize) {
        (self.hidden, self.heads)
    }

    /// Tokens that it can hold.
    pub fn targets(&self) -> usize {
        self.targets
    }
}
