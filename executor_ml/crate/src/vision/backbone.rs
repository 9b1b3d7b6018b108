//! What every family that reads pictures does.

use crate::picture::Prepared;

/// Sizes of what a backbone gives of a picture.
pub struct Parts {
    /// All of it, which a head reads.
    pub pooled: usize,
    /// So much of its beginning, which stands for the picture.
    pub features: usize,
}

pub trait Backbone: Send + Sync {
    fn parts(&self) -> Parts;

    /// Whether it reads pictures of that height and width.
    fn reads(&self, size: (usize, usize)) -> bool;

    /// [pictures, pooled], of pictures of one size.
    fn forward(&self, pictures: &[&Prepared], threads: usize) -> Vec<f32>;
}

/// The shortest side that all strides of a convolutional family leave something of.
pub const SHORTEST: usize = 32;
