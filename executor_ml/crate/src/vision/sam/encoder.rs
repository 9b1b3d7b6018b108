//! The ViT: attention within windows or over all, with what each distance down and across adds.

use crate::audio::Going;
use crate::cpu;
use crate::error::Result;
use crate::linear::Linear;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::{dot, softmax};
use crate::picture::Prepared;
use crate::vision::conv::Conv;
use crate::vision::map::{Grid, Map, Padding};
use crate::vision::parallel::{add, rows};
use crate::vision::tower::together;
use crate::vision::weights::{Norm, Weights, layer};
use crate::vision::{Activation, Fields};
use crate::whisper::{Halt, check};

/// transformers' for the neck, whatever the configuration says.
const NECK_EPSILON: f64 = 1e-6;

/// Patches down and across, of a picture and of a window: memory grows with their square.
const MOST_SIDE: usize = 256;

pub struct Encoder {
    patches: Conv,
    positions: Option<Vec<f32>>,
    layers: Vec<Layer>,
    neck: [(Conv, Norm); 2],
    activation: Activation,
    width: usize,
    heads: usize,
    /// Places down and across.
    pub grid: usize,
    pub size: usize,
    pub outputs: usize,
}

struct Layer {
    before: Norm,
    qkv: Linear,
    output: Linear,
    far: Option<Far>,
    after: Norm,
    up: Linear,
    down: Linear,
    /// Places down and across that see each other; none: all do.
    window: Option<usize>,
}

/// What a distance adds, of each [2·side − 1, head], the largest distance last.
struct Far {
    down: Vec<f32>,
    across: Vec<f32>,
}

impl Encoder {
    pub fn read(weights: &Weights<'_>, fields: &Fields) -> Result<Self> {
        let w = fields.count("hidden_size", 768)?;
        let heads = fields.count("num_attention_heads", 12)?;
        if heads == 0 || w == 0 || !w.is_multiple_of(heads) {
            return Err(fields.error(format!("{heads} heads do not divide {w} hidden values")));
        }
        let (size, patch) = (fields.square("image_size", 1024)?, fields.square("patch_size", 16)?);
        if size.0 != size.1 || patch.0 != patch.1 || size.0 / patch.0 == 0 {
            return Err(fields.error("image_size and patch_size must be squares, with a patch"));
        }
        let (size, patch) = (size.0, patch.0);
        let grid = size / patch;
        let epsilon = fields.float("layer_norm_eps", 1e-6)?;
        let ratio = (w as f64 * fields.float("mlp_ratio", 4.0)?) as usize;
        let feed = fields.count("mlp_dim", ratio)?;
        let window = fields.count("window_size", 14)?;
        if grid.max(window) > MOST_SIDE {
            let reason =
                format!("{grid} patches in windows of {window}, expected at most {MOST_SIDE}");
            return Err(fields.error(reason));
        }
        let whole = fields.counts("global_attn_indexes", &[2, 5, 8, 11])?;
        let (far, bias) = (fields.flag("use_rel_pos", true)?, fields.flag("qkv_bias", true)?);
        let outputs = fields.count("output_channels", 256)?;
        let one = |i: usize| -> Result<Layer> {
            let at = weights.at("layers").at(i);
            let window = (window > 0 && !whole.contains(&i)).then_some(window);
            let table = |name: &str| -> Result<Vec<f32>> {
                let side = window.unwrap_or(grid);
                let values = at.read(name, &[2 * side - 1, w / heads])?;
                let last_first = values.chunks_exact(w / heads).rev();
                Ok(last_first.flatten().copied().collect())
            };
            let far = match far {
                true => {
                    Some(Far { down: table("attn.rel_pos_h")?, across: table("attn.rel_pos_w")? })
                }
                false => None,
            };
            if bias != at.has("attn.qkv.bias") {
                return Err(fields.error(format!("qkv_bias is {bias}, but not in the weights")));
            }
            Ok(Layer {
                before: at.norm("layer_norm1", w, epsilon)?,
                qkv: at.linear("attn.qkv", w, 3 * w)?,
                output: at.linear("attn.proj", w, w)?,
                far,
                after: at.norm("layer_norm2", w, epsilon)?,
                up: at.linear("mlp.lin1", w, feed)?,
                down: at.linear("mlp.lin2", feed, w)?,
                window,
            })
        };
        let reads =
            Grid { kernel: (patch, patch), stride: patch, dilation: 1, padding: Padding::Each(0) };
        let neck = weights.at("neck");
        let around = Grid::new(3, Padding::Each(1));
        let positions = match fields.flag("use_abs_pos", true)? {
            true => Some(weights.read("pos_embed", &[1, grid, grid, w])?),
            false => None,
        };
        Ok(Self {
            patches: weights.conv("patch_embed.projection", None, (3, w), reads)?,
            positions,
            layers: (0..fields.count("num_hidden_layers", 12)?).map(one).collect::<Result<_>>()?,
            neck: [
                (
                    neck.conv("conv1", None, (w, outputs), Grid::point())?,
                    neck.norm("layer_norm1", outputs, NECK_EPSILON)?,
                ),
                (
                    neck.conv("conv2", None, (outputs, outputs), around)?,
                    neck.norm("layer_norm2", outputs, NECK_EPSILON)?,
                ),
            ],
            activation: Activation::told(fields, "hidden_act", "gelu")?,
            width: w,
            heads,
            grid,
            size,
            outputs,
        })
    }

    /// [grid·grid, outputs] of a picture.
    pub fn forward(
        &self,
        picture: &Prepared,
        going: Going<'_>,
    ) -> std::result::Result<Vec<f32>, Halt> {
        let (w, g, threads) = (self.width, self.grid, cpu::threads());
        let mut x = self.patches.forward(&together(&[picture]), threads).values;
        if let Some(positions) = &self.positions {
            add(&mut x, positions);
        }
        for each in &self.layers {
            check(going)?;
            let mut y = x.clone();
            each.before.apply(&mut y, threads);
            let side = each.window.unwrap_or(g);
            let windows = if each.window.is_some() { cut(&y, g, side, w) } else { y };
            let qkv = layer(&each.qkv, &windows, w, Activation::None, threads);
            let context = self.attention(&qkv, side, each.far.as_ref(), threads);
            let out = layer(&each.output, &context, w, Activation::None, threads);
            match each.window {
                Some(_) => add_back(&mut x, &out, g, side, w),
                None => add(&mut x, &out),
            }
            let mut y = x.clone();
            each.after.apply(&mut y, threads);
            let up = layer(&each.up, &y, w, self.activation, threads);
            add(&mut x, &layer(&each.down, &up, each.up.outputs(), Activation::None, threads));
        }
        check(going)?;
        let mut map = Map { images: 1, height: g, width: g, channels: w, values: x };
        for (conv, norm) in &self.neck {
            map = conv.forward(&map, threads);
            norm.apply(&mut map.values, threads);
        }
        Ok(map.values)
    }

    /// Attention of sequences of side·side places: [places, 3·width] to [places, width].
    fn attention(&self, qkv: &[f32], side: usize, far: Option<&Far>, threads: usize) -> Vec<f32> {
        let (w, heads) = (self.width, self.heads);
        let (d, length) = (w / heads, side * side);
        let scale = 1.0 / (d as f32).sqrt();
        let places = qkv.len() / (3 * w);
        // A unit is a row of places of one head: its scores stay small however large the picture.
        let mut blocks = vec![0.0; places * w];
        rows(&mut blocks, side * d, threads, |unit, block| {
            let (line, head) = (unit / heads, unit % heads);
            let (sequence, y) = (line / side, line % side);
            let start = sequence * length * 3 * w;
            let part = |n: usize, from: usize, count: usize| {
                let at = start + from * 3 * w + n * w + head * d;
                Matrix::new(&qkv[at..], count, d, 3 * w)
            };
            let mut scores = vec![0.0; side * length];
            let queries = part(0, y * side, side);
            matmul(
                MatrixMut::new(&mut scores, side, length, length),
                queries,
                part(1, 0, length).transposed(),
                scale,
                1,
            );
            if let Some(far) = far {
                let mut down = vec![0.0; side * side];
                let table = Matrix::new(&far.down[(side - 1 - y) * d..], side, d, d).transposed();
                matmul(MatrixMut::new(&mut down, side, side, side), queries, table, 1.0, 1);
                let mut across = vec![0.0; side];
                for (x, row) in scores.chunks_exact_mut(length).enumerate() {
                    let query = &qkv[start + (y * side + x) * 3 * w + head * d..][..d];
                    let table = far.across[(side - 1 - x) * d..].chunks_exact(d);
                    across.iter_mut().zip(table).for_each(|(to, row)| *to = dot(query, row));
                    for (line, add) in row.chunks_exact_mut(side).zip(&down[x * side..]) {
                        line.iter_mut().zip(&across).for_each(|(to, more)| *to += add + more);
                    }
                }
            }
            scores.chunks_exact_mut(length).for_each(softmax);
            let weights = Matrix::new(&scores, side, length, length);
            matmul(MatrixMut::new(block, side, d, d), weights, part(2, 0, length), 1.0, 1);
        });
        let mut out = vec![0.0; places * w];
        for (unit, block) in blocks.chunks_exact(side * d).enumerate() {
            let (line, head) = (unit / heads, unit % heads);
            for (x, values) in block.chunks_exact(d).enumerate() {
                out[(line * side + x) * w + head * d..][..d].copy_from_slice(values);
            }
        }
        out
    }
}

/// Each place of the windows that cover a square of places, with its place in the square, if any.
fn covered(grid: usize, side: usize) -> impl Iterator<Item = Option<usize>> {
    let count = grid.div_ceil(side);
    (0..count * count * side * side).map(move |i| {
        let (window, within) = (i / (side * side), i % (side * side));
        let y = window / count * side + within / side;
        let x = window % count * side + within % side;
        (y < grid && x < grid).then_some(y * grid + x)
    })
}

/// A square as windows; what reaches beyond it is zero.
fn cut(x: &[f32], grid: usize, side: usize, width: usize) -> Vec<f32> {
    let zero = vec![0.0; width];
    let place = |at: Option<usize>| at.map_or(&zero[..], |at| &x[at * width..][..width]);
    covered(grid, side).flat_map(place).copied().collect()
}

/// x ← x + the windows that cover it.
fn add_back(x: &mut [f32], windows: &[f32], grid: usize, side: usize, width: usize) {
    for (at, from) in covered(grid, side).zip(windows.chunks_exact(width)) {
        if let Some(at) = at {
            add(&mut x[at * width..][..width], from);
        }
    }
}
