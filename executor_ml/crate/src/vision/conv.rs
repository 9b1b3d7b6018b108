//! Convolutions over maps whose channels lie side by side, so that one of a single place is a
//! product, any other the product of gathered places, and one of each channel a sum of rows.

use super::parallel::rows;
use crate::linear::{Activation, Linear};

/// Maps of one size: [images, height, width, channels].
pub struct Map {
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub values: Vec<f32>,
}

impl Map {
    fn new(images: usize, (height, width): (usize, usize), channels: usize) -> Self {
        let values = vec![0.0; images * height * width * channels];
        Self { images, height, width, channels, values }
    }

    /// The mean of each channel, [images, channels].
    pub fn mean(&self) -> Vec<f32> {
        let area = self.height * self.width;
        let mut out = vec![0.0; self.images * self.channels];
        let images = self.values.chunks_exact(area * self.channels);
        for (sums, image) in out.chunks_exact_mut(self.channels).zip(images) {
            for place in image.chunks_exact(self.channels) {
                sums.iter_mut().zip(place).for_each(|(sum, x)| *sum += *x);
            }
            sums.iter_mut().for_each(|sum| *sum /= area as f32);
        }
        out
    }

    /// The largest of each 3×3 places, every second one.
    pub fn max_pool(&self, threads: usize) -> Self {
        let grid = Grid { stride: 2, ..Grid::new(3, Padding::Each(1)) };
        let Place { height, width, .. } = grid.place(self.height, self.width);
        let mut out = Self::new(self.images, (height, width), self.channels);
        rows(&mut out.values, width * self.channels, threads, |row, to| {
            to.fill(f32::NEG_INFINITY);
            self.around(&grid, row / height, row % height, |_, column, from| {
                let to = &mut to[column * self.channels..][..self.channels];
                to.iter_mut()
                    .zip(from)
                    .for_each(|(max, x)| *max = if *x > *max { *x } else { *max });
            });
        });
        out
    }

    /// Every place of this map that a row of another one is made of: for each tap and column.
    fn around(
        &self,
        grid: &Grid,
        image: usize,
        row: usize,
        mut each: impl FnMut(usize, usize, &[f32]),
    ) {
        let place = grid.place(self.height, self.width);
        let (height, width, c) = (self.height, self.width, self.channels);
        let map = &self.values[image * height * width * c..][..height * width * c];
        for ky in 0..grid.kernel.0 {
            let Some(y) = (row * grid.stride + ky * grid.dilation).checked_sub(place.top) else {
                continue;
            };
            if y >= height {
                continue;
            }
            for column in 0..place.width {
                for kx in 0..grid.kernel.1 {
                    let x = (column * grid.stride + kx * grid.dilation).checked_sub(place.left);
                    if let Some(x) = x.filter(|x| *x < width) {
                        each(ky * grid.kernel.1 + kx, column, &map[(y * width + x) * c..][..c]);
                    }
                }
            }
        }
    }
}

#[derive(Clone, Copy)]
pub enum Padding {
    /// As much on each side.
    Each(usize),
    /// TensorFlow's: as much as gives a place for each stride, the odd one behind.
    Same,
    /// Before (above and on the left) and behind.
    Sides(usize, usize),
}

/// Which places a convolution reads.
#[derive(Clone, Copy)]
pub struct Grid {
    pub kernel: (usize, usize),
    pub stride: usize,
    pub dilation: usize,
    pub padding: Padding,
}

struct Place {
    height: usize,
    width: usize,
    top: usize,
    left: usize,
}

impl Grid {
    pub fn new(kernel: usize, padding: Padding) -> Self {
        Self { kernel: (kernel, kernel), stride: 1, dilation: 1, padding }
    }

    /// One place, and no other.
    pub fn point() -> Self {
        Self::new(1, Padding::Each(0))
    }

    /// The result's size, never none, and what is added before the map.
    fn place(&self, height: usize, width: usize) -> Place {
        let along = |size: usize, kernel: usize| {
            let (before, all) = match self.padding {
                Padding::Each(each) => (each, 2 * each),
                Padding::Sides(before, behind) => (before, before + behind),
                Padding::Same => {
                    let rest = size % self.stride;
                    let all = kernel.saturating_sub(if rest == 0 { self.stride } else { rest });
                    (all / 2 * self.dilation, all * self.dilation)
                }
            };
            let reach = self.dilation * (kernel - 1) + 1;
            ((size + all).saturating_sub(reach) / self.stride + 1, before)
        };
        let (height, top) = along(height, self.kernel.0);
        let (width, left) = along(width, self.kernel.1);
        Place { height, width, top, left }
    }
}

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
        let mut gathered = vec![0.0; height * width * taps];
        let size = height * width * self.linear.outputs();
        for (image, to) in out.values.chunks_exact_mut(size).enumerate() {
            rows(&mut gathered, width * taps, threads, |row, to| {
                to.fill(0.0);
                map.around(&self.grid, image, row, |tap, column, from| {
                    to[column * taps + tap * c..][..c].copy_from_slice(from);
                });
            });
            self.linear.forward(&gathered, to, Activation::None, threads);
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
