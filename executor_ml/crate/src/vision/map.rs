//! Maps whose channels lie side by side, and which of their places a window reads.

use super::parallel::rows;
use std::ops::Range;

/// Maps of one size: [images, height, width, channels].
pub struct Map {
    pub images: usize,
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub values: Vec<f32>,
}

impl Map {
    pub fn new(images: usize, (height, width): (usize, usize), channels: usize) -> Self {
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

    /// The largest of the kernel's places around each, one for every `stride`.
    pub fn max_pool(&self, kernel: usize, stride: usize, threads: usize) -> Self {
        let grid = Grid { stride, ..Grid::new(kernel, Padding::Each(kernel / 2)) };
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

    /// The channels of a place of the first image.
    pub fn place(&self, at: usize) -> &[f32] {
        &self.values[at * self.channels..][..self.channels]
    }

    /// Some of the channels.
    pub fn channels(&self, range: Range<usize>) -> Self {
        let mut out = Self::new(self.images, (self.height, self.width), range.len());
        let places = self.values.chunks_exact(self.channels);
        for (to, from) in out.values.chunks_exact_mut(range.len()).zip(places) {
            to.copy_from_slice(&from[range.clone()]);
        }
        out
    }

    /// The channels of maps of one size, side by side. Panics where there is none.
    pub fn join(maps: &[&Self]) -> Self {
        let (first, channels) = (maps[0], maps.iter().map(|map| map.channels).sum());
        let mut out = Self::new(first.images, (first.height, first.width), channels);
        let mut before = 0;
        for map in maps {
            let places = map.values.chunks_exact(map.channels);
            for (to, from) in out.values.chunks_exact_mut(channels).zip(places) {
                to[before..][..map.channels].copy_from_slice(from);
            }
            before += map.channels;
        }
        out
    }

    /// Twice as large, each place four times.
    pub fn twice(&self) -> Self {
        let (c, width) = (self.channels, self.width);
        let mut out = Self::new(self.images, (2 * self.height, 2 * width), c);
        for (row, to) in out.values.chunks_exact_mut(2 * width * c).enumerate() {
            let from = &self.values[row / 2 * width * c..][..width * c];
            for (to, from) in to.chunks_exact_mut(2 * c).zip(from.chunks_exact(c)) {
                to[..c].copy_from_slice(from);
                to[c..].copy_from_slice(from);
            }
        }
        out
    }

    /// What `around` gives, with the taps that lie side by side here as well as there at once.
    pub(super) fn beside(
        &self,
        grid: &Grid,
        image: usize,
        row: usize,
        mut each: impl FnMut(usize, usize, &[f32]),
    ) {
        if grid.dilation != 1 {
            return self.around(grid, image, row, each);
        }
        let place = grid.place(self.height, self.width);
        let (height, width, c) = (self.height, self.width, self.channels);
        let map = &self.values[image * height * width * c..][..height * width * c];
        for ky in 0..grid.kernel.0 {
            let y = (row * grid.stride + ky).checked_sub(place.top);
            let Some(y) = y.filter(|y| *y < height) else { continue };
            for column in 0..place.width {
                let start = column * grid.stride;
                let outside = place.left.saturating_sub(start);
                let x = (start + outside).saturating_sub(place.left);
                let end = (start + grid.kernel.1).saturating_sub(place.left).min(width);
                if outside < grid.kernel.1 && x < end {
                    let from = &map[(y * width + x) * c..(y * width + end) * c];
                    each(ky * grid.kernel.1 + outside, column, from);
                }
            }
        }
    }

    /// Every place of this map that a row of another one is made of: for each tap and column.
    pub(super) fn around(
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

pub(super) struct Place {
    pub height: usize,
    pub width: usize,
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
    pub(super) fn place(&self, height: usize, width: usize) -> Place {
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
