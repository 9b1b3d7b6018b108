//! The blocks that both families are made of.

use super::weights::{Conv, Weights};
use crate::error::Result;
use candle_core::{D, Result as Computed, Tensor};

/// Two convolutions; their result is added to what came in where `add` says so and it fits.
struct Bottleneck {
    first: Conv,
    second: Conv,
    add: bool,
}

impl Bottleneck {
    fn read(weights: &Weights, name: &str, add: bool) -> Result<Self> {
        let part = |n: u8| weights.conv(&format!("{name}.cv{n}"), 1, true);
        Ok(Self { first: part(1)?, second: part(2)?, add })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let y = self.second.forward(&self.first.forward(x)?)?;
        if self.add && y.dims() == x.dims() { x + y } else { Ok(y) }
    }
}

/// What a split block is made of: a bottleneck, or in YOLO11's deep layers a block around several.
enum Part {
    One(Bottleneck),
    Around { first: Conv, past: Conv, last: Conv, inner: Vec<Bottleneck> },
}

impl Part {
    fn read(weights: &Weights, name: &str, add: bool) -> Result<Self> {
        if !weights.has(&format!("{name}.cv3.conv.weight")) {
            return Ok(Self::One(Bottleneck::read(weights, name, add)?));
        }
        let conv = |n: u8| weights.conv(&format!("{name}.cv{n}"), 1, true);
        let count = weights.count(&format!("{name}.m"), "cv1.conv.weight");
        let inner = (0..count).map(|i| Bottleneck::read(weights, &format!("{name}.m.{i}"), add));
        let inner = inner.collect::<Result<_>>()?;
        Ok(Self::Around { first: conv(1)?, past: conv(2)?, last: conv(3)?, inner })
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        match self {
            Self::One(bottleneck) => bottleneck.forward(x),
            Self::Around { first, past, last, inner } => {
                let mut y = first.forward(x)?;
                for each in inner {
                    y = each.forward(&y)?;
                }
                last.forward(&Tensor::cat(&[y, past.forward(x)?], 1)?)
            }
        }
    }
}

/// Half of the channels goes through parts one after another; all that come of them are joined.
pub struct Split {
    first: Conv,
    last: Conv,
    parts: Vec<Part>,
}

impl Split {
    pub fn read(weights: &Weights, name: &str, add: bool) -> Result<Self> {
        let count = weights.count(&format!("{name}.m"), "cv1.conv.weight");
        let parts = (0..count).map(|i| Part::read(weights, &format!("{name}.m.{i}"), add));
        Ok(Self {
            first: weights.conv(&format!("{name}.cv1"), 1, true)?,
            last: weights.conv(&format!("{name}.cv2"), 1, true)?,
            parts: parts.collect::<Result<_>>()?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let mut all = self.first.forward(x)?.chunk(2, 1)?;
        for part in &self.parts {
            let next = part.forward(&all[all.len() - 1].contiguous()?)?;
            all.push(next);
        }
        self.last.forward(&Tensor::cat(&all, 1)?)
    }
}

/// The strongest of ever larger places, joined.
pub struct Pooled {
    first: Conv,
    last: Conv,
}

impl Pooled {
    pub fn read(weights: &Weights, name: &str) -> Result<Self> {
        let part = |n: u8| weights.conv(&format!("{name}.cv{n}"), 1, true);
        Ok(Self { first: part(1)?, last: part(2)? })
    }

    pub fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let mut all = vec![self.first.forward(x)?];
        for _ in 0..3 {
            // What is repeated at an edge is in the window anyway, so no maximum changes.
            let padded = all[all.len() - 1].pad_with_same(2, 2, 2)?.pad_with_same(3, 2, 2)?;
            all.push(padded.max_pool2d_with_stride(5, 1)?);
        }
        self.last.forward(&Tensor::cat(&all, 1)?)
    }
}

/// Attention over all places, then a small network for each; both are added to what came in.
struct Attending {
    mixed: Conv,
    place: Conv,
    projected: Conv,
    wide: Conv,
    narrow: Conv,
}

/// Channels of one attention head.
const HEAD: usize = 64;

impl Attending {
    fn read(weights: &Weights, name: &str) -> Result<Self> {
        let conv = |part: &str, active| weights.conv(&format!("{name}.{part}"), 1, active);
        let read = Self {
            mixed: conv("attn.qkv", false)?,
            place: conv("attn.pe", false)?,
            projected: conv("attn.proj", false)?,
            wide: conv("ffn.0", true)?,
            narrow: conv("ffn.1", false)?,
        };
        match read.projected.channels() / HEAD {
            0 => Err(weights.error(&format!("{name} has fewer than {HEAD} channels"))),
            _ => Ok(read),
        }
    }

    fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let (batch, channels, height, width) = x.dims4()?;
        let (heads, places) = (channels / HEAD, height * width);
        let (size, key) = (channels / heads, channels / heads / 2);
        let mixed = self.mixed.forward(x)?.reshape((batch, heads, 2 * key + size, places))?;
        let query = mixed.narrow(2, 0, key)?.transpose(2, 3)?.contiguous()?;
        let keys = mixed.narrow(2, key, key)?.contiguous()?;
        let value = mixed.narrow(2, 2 * key, size)?.contiguous()?;
        let scores = (query.matmul(&keys)? * (key as f64).powf(-0.5))?;
        let shares = candle_nn::ops::softmax(&scores, D::Minus1)?;
        let seen = value.matmul(&shares.transpose(2, 3)?.contiguous()?)?;
        let value = value.reshape((batch, channels, height, width))?;
        let seen = (seen.reshape(value.shape())? + self.place.forward(&value)?)?;
        let x = (x + self.projected.forward(&seen)?)?;
        &x + self.narrow.forward(&self.wide.forward(&x)?)?
    }
}

/// Half of the channels attends.
pub struct Attention {
    first: Conv,
    last: Conv,
    parts: Vec<Attending>,
}

impl Attention {
    pub fn read(weights: &Weights, name: &str) -> Result<Self> {
        let count = weights.count(&format!("{name}.m"), "attn.qkv.conv.weight");
        let parts = (0..count).map(|i| Attending::read(weights, &format!("{name}.m.{i}")));
        Ok(Self {
            first: weights.conv(&format!("{name}.cv1"), 1, true)?,
            last: weights.conv(&format!("{name}.cv2"), 1, true)?,
            parts: parts.collect::<Result<_>>()?,
        })
    }

    pub fn forward(&self, x: &Tensor) -> Computed<Tensor> {
        let halves = self.first.forward(x)?.chunk(2, 1)?;
        let mut y = halves[1].contiguous()?;
        for part in &self.parts {
            y = part.forward(&y)?;
        }
        self.last.forward(&Tensor::cat(&[&halves[0], &y], 1)?)
    }
}
