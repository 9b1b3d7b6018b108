//! Pictures as sequences of patches: what ViT, DINOv2, CLIP and SigLIP have in common.

use super::conv::Conv;
use super::encoder::{Encoder, Names, Shape};
use super::map::{Grid, Map, Padding};
use super::weights::{Norm, Weights};
use super::{Activation, Fields};
use crate::audio::Going;
use crate::error::Result;
use crate::picture::Prepared;

/// Where a family's tensors are.
pub struct Places {
    pub patches: &'static str,
    pub class: Option<&'static str>,
    pub positions: &'static str,
    pub pre: Option<&'static str>,
    pub layers: &'static str,
    pub post: &'static str,
    pub names: Names,
}

pub struct Tower {
    patches: Conv,
    class: Option<Vec<f32>>,
    positions: Vec<f32>,
    pre: Option<Norm>,
    encoder: Encoder,
    pub post: Norm,
    pub width: usize,
    /// Patches down and across that there are positions for.
    grid: (usize, usize),
    patch: (usize, usize),
    /// Height and width of pictures.
    pub size: (usize, usize),
}

impl Tower {
    pub fn read(
        weights: &Weights<'_>,
        fields: &Fields,
        places: &Places,
        shape: &Shape,
        patch: usize,
    ) -> Result<Self> {
        let (size, patch) =
            (fields.square("image_size", 224)?, fields.square("patch_size", patch)?);
        let grid = (size.0 / patch.0, size.1 / patch.1);
        if grid.0 == 0 || grid.1 == 0 {
            return Err(fields.error("patch_size is larger than image_size"));
        }
        let w = shape.width;
        let class = places.class.map(|name| {
            // ViT keeps it as a batch of one.
            let batch = [1, 1, w];
            let shape = if weights.rows(name) == Some(1) { &batch[..] } else { &batch[2..] };
            weights.read(name, shape)
        });
        let class = class.transpose()?;
        let rows = grid.0 * grid.1 + usize::from(class.is_some());
        let shape_of = match weights.rows(places.positions) {
            Some(1) => vec![1, rows, w],
            _ => vec![rows, w],
        };
        if patch.0 != patch.1 {
            return Err(fields.error("patch_size must be a square"));
        }
        let reads = Grid { kernel: patch, stride: patch.0, dilation: 1, padding: Padding::Each(0) };
        Ok(Self {
            patches: weights.conv(places.patches, None, (3, w), reads)?,
            class,
            positions: weights.read(places.positions, &shape_of)?,
            pre: places.pre.map(|name| weights.norm(name, w, shape.epsilon)).transpose()?,
            encoder: Encoder::read(&weights.at(places.layers), &places.names, shape)?,
            post: weights.norm(places.post, w, shape.epsilon)?,
            width: w,
            grid,
            patch,
            size,
        })
    }

    /// The last layer's values, [pictures, length, width], and the length.
    pub fn forward(&self, pictures: &[&Prepared], threads: usize) -> (Vec<f32>, usize) {
        let (mut x, length) = self.embedded(pictures, threads);
        self.encoder.forward(&mut x, length, threads);
        (x, length)
    }

    /// The same while the caller wants it, who is asked before each layer.
    pub fn forward_while(
        &self,
        pictures: &[&Prepared],
        threads: usize,
        going: Going<'_>,
    ) -> Option<(Vec<f32>, usize)> {
        let (mut x, length) = self.embedded(pictures, threads);
        self.encoder.forward_while(&mut x, length, threads, going).then_some((x, length))
    }

    fn embedded(&self, pictures: &[&Prepared], threads: usize) -> (Vec<f32>, usize) {
        let map = self.patches.forward(&together(pictures), threads);
        let (w, patches) = (self.width, map.height * map.width);
        let first = usize::from(self.class.is_some());
        let length = patches + first;
        let positions = self.positions((map.height, map.width));
        let mut x = vec![0.0; pictures.len() * length * w];
        for (to, from) in x.chunks_exact_mut(length * w).zip(map.values.chunks_exact(patches * w)) {
            if let Some(class) = &self.class {
                to[..w].copy_from_slice(class);
            }
            to[first * w..].copy_from_slice(from);
            to.iter_mut().zip(&positions).for_each(|(x, p)| *x += *p);
        }
        if let Some(pre) = &self.pre {
            pre.apply(&mut x, threads);
        }
        (x, length)
    }

    /// The positions of a grid of another size: between those there are, by cubic convolution.
    fn positions(&self, to: (usize, usize)) -> Vec<f32> {
        if to == self.grid {
            return self.positions.clone();
        }
        let (w, first) = (self.width, usize::from(self.class.is_some()));
        let (class, patches) = self.positions.split_at(first * w);
        let mut out = class.to_vec();
        let (down, across) = (cubic(self.grid.0, to.0), cubic(self.grid.1, to.1));
        for rows in &down {
            for columns in &across {
                let mut sums = vec![0.0; w];
                for (row, a) in rows {
                    for (column, b) in columns {
                        let from = &patches[(row * self.grid.1 + column) * w..][..w];
                        sums.iter_mut().zip(from).for_each(|(sum, x)| *sum += a * b * x);
                    }
                }
                out.extend(sums);
            }
        }
        out
    }

    /// Whether it reads pictures of that size; with `any`, of every size that has a patch.
    pub fn reads(&self, size: (usize, usize), any: bool) -> bool {
        size == self.size || (any && size.0 >= self.patch.0 && size.1 >= self.patch.1)
    }
}

/// Which of `from` places each of `to` is made of, as torch's `interpolate` has it.
fn cubic(from: usize, to: usize) -> Vec<[(usize, f32); 4]> {
    const A: f32 = -0.75;
    let scale = from as f32 / to as f32;
    let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    let of = |at: usize| {
        let place = (at as f32 + 0.5) * scale - 0.5;
        let (whole, t) = (place.floor(), place - place.floor());
        let weights = [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)];
        let index = |i: usize| (whole as i64 + i as i64 - 1).clamp(0, from as i64 - 1) as usize;
        std::array::from_fn(|i| (index(i), weights[i]))
    };
    (0..to).map(of).collect()
}

/// Pictures of one size as one map.
pub fn together(pictures: &[&Prepared]) -> Map {
    let (height, width) = pictures.first().map_or((0, 0), |p| (p.height, p.width));
    let values = pictures.iter().flat_map(|p| p.values.iter().copied()).collect();
    Map { images: pictures.len(), height, width, channels: 3, values }
}

/// The sizes that `fields` says, with a family's defaults.
pub struct Defaults {
    pub width: usize,
    pub layers: usize,
    pub heads: usize,
    pub feed: usize,
    pub epsilon: f64,
    pub activation: &'static str,
    pub causal: bool,
}

impl Defaults {
    pub fn over(&self, fields: &Fields) -> Result<Shape> {
        let shape = Shape {
            width: fields.count("hidden_size", self.width)?,
            layers: fields.count("num_hidden_layers", self.layers)?,
            heads: fields.count("num_attention_heads", self.heads)?,
            feed: fields.count("intermediate_size", self.feed)?,
            epsilon: fields.float("layer_norm_eps", self.epsilon)?,
            activation: Activation::told(fields, "hidden_act", self.activation)?,
            causal: self.causal,
        };
        super::encoder::checked(shape, fields)
    }
}
