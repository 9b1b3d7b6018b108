//! Convolutions over maps whose channels lie side by side, so that one of a single place is a
//! product, any other the product of gathered places, and one of each channel a sum of rows.

use super::map::{Grid, Map, Place};
use super::parallel::rows;
use crate::linear::{Activation, Linear};
use rayon::prelude::*;

/// Gathered values that stay near while they are multiplied.
const NEAR: usize = 1 << 17;

pub struct Conv {
    linear: Linear,
    inputs: usize,
    grid: Grid,
}

impl Conv {
    /// `linear` reads a kernel's places row by row, each with its channels.
    pub fn new(linear: Linear, inputs: usize, grid: Grid) -> Self {
        Self { linear, inputs, grid }
    }

    pub fn inputs(&self) -> usize {
        self.inputs
    }

    pub fn outputs(&self) -> usize {
        self.linear.outputs()
    }

    pub fn forward(&self, map: &Map, threads: usize) -> Map {
        assert_eq!(map.channels, self.inputs, "channels");
        let Place { height, width, .. } = self.grid.place(map.height, map.width);
        let mut out = Map::new(map.images, (height, width), self.linear.outputs());
        let Grid { kernel, stride, .. } = self.grid;
        if kernel == (1, 1) && stride == 1 {
            self.linear.forward(&map.values, &mut out.values, Activation::None, threads);
            return out;
        }
        let c = map.channels;
        let taps = kernel.0 * kernel.1 * c;
        let line = width * taps;
        // As many lines as the cache holds, and not so few that each has to pay for the weights.
        let lines = NEAR.max(taps * self.linear.outputs()).div_ceil(line);
        let lines = lines.clamp(1, height.div_ceil(threads.max(1)));
        let strip = |gathered: &mut Vec<f32>, (image, first, to): (usize, usize, &mut [f32])| {
            gathered.clear();
            gathered.resize(to.len() / self.linear.outputs() * taps, 0.0);
            for (i, gathered) in gathered.chunks_exact_mut(line).enumerate() {
                map.beside(&self.grid, image, first + i, |tap, column, from| {
                    gathered[column * taps + tap * c..][..from.len()].copy_from_slice(from);
                });
            }
            self.linear.forward(gathered, to, Activation::None, 1);
        };
        let images = out.values.chunks_exact_mut(height * width * self.linear.outputs());
        let strips: Vec<_> = images
            .enumerate()
            .flat_map(|(image, values)| {
                let strips = values.chunks_mut(lines * width * self.linear.outputs());
                strips.enumerate().map(move |(i, to)| (image, i * lines, to))
            })
            .collect();
        match threads {
            0 | 1 => {
                let mut gathered = vec![];
                strips.into_iter().for_each(|each| strip(&mut gathered, each));
            }
            _ => strips.into_par_iter().for_each_init(Vec::new, strip),
        }
        out
    }
}

/// A convolution of each channel by itself.
pub struct Depthwise {
    /// [taps, channels]
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub grid: Grid,
}

impl Depthwise {
    pub fn channels(&self) -> usize {
        self.bias.len()
    }

    pub fn forward(&self, map: &Map, threads: usize) -> Map {
        let c = self.bias.len();
        assert_eq!(map.channels, c, "channels");
        let Place { height, width, .. } = self.grid.place(map.height, map.width);
        let mut out = Map::new(map.images, (height, width), c);
        rows(&mut out.values, width * c, threads, |row, to| {
            to.chunks_exact_mut(c).for_each(|place| place.copy_from_slice(&self.bias));
            map.around(&self.grid, row / height, row % height, |tap, column, from| {
                let weight = &self.weight[tap * c..][..c];
                let to = &mut to[column * c..][..c];
                for ((to, x), w) in to.iter_mut().zip(from).zip(weight) {
                    *to += x * w;
                }
            });
        });
        out
    }
}
