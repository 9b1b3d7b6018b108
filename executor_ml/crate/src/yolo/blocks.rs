//! The blocks that both families are made of.

use super::weights::{Computed, Conv, Weights};
use crate::cpu;
use crate::error::Result;
use crate::matmul::{Matrix, MatrixMut, matmul};
use crate::numeric::softmax;
use crate::vision::map::Map;
use crate::vision::parallel::{add, rows};

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

    fn forward(&self, x: &Map) -> Computed<Map> {
        let mut y = self.second.forward(&self.first.forward(x)?)?;
        if self.add && y.channels == x.channels {
            add(&mut y.values, &x.values);
        }
        Ok(y)
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

    fn forward(&self, x: &Map) -> Computed<Map> {
        match self {
            Self::One(bottleneck) => bottleneck.forward(x),
            Self::Around { first, past, last, inner } => {
                let mut y = first.forward(x)?;
                for each in inner {
                    y = each.forward(&y)?;
                }
                last.forward(&Map::join(&[&y, &past.forward(x)?]))
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
            first: cut(weights, name)?,
            last: weights.conv(&format!("{name}.cv2"), 1, true)?,
            parts: parts.collect::<Result<_>>()?,
        })
    }

    pub fn forward(&self, x: &Map) -> Computed<Map> {
        let x = self.first.forward(x)?;
        let mut parts = vec![second_half(&x)];
        for part in &self.parts {
            let next = part.forward(&parts[parts.len() - 1])?;
            parts.push(next);
        }
        let all: Vec<_> = std::iter::once(&x).chain(&parts[1..]).collect();
        self.last.forward(&Map::join(&all))
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

    pub fn forward(&self, x: &Map) -> Computed<Map> {
        let mut all = vec![self.first.forward(x)?];
        for _ in 0..3 {
            all.push(all[all.len() - 1].max_pool(5, 1, cpu::threads()));
        }
        self.last.forward(&Map::join(&all.iter().collect::<Vec<_>>()))
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

    fn forward(&self, x: &Map) -> Computed<Map> {
        let (channels, places) = (self.projected.channels(), x.height * x.width);
        let heads = channels / HEAD;
        let (size, key) = (channels / heads, channels / heads / 2);
        let each = 2 * key + size;
        let mixed = self.mixed.forward(x)?;
        let fits = mixed.channels == heads * each && self.place.channels() == channels;
        if !fits || x.channels != channels {
            return Err(format!("attention over {} of {channels} channels", mixed.channels));
        }
        let threads = cpu::threads();
        let size_of = (x.height, x.width);
        let (mut value, mut seen) =
            (Map::new(1, size_of, channels), Map::new(1, size_of, channels));
        let mut shares = vec![0.0; places * places];
        for head in 0..heads {
            let part = |first: usize, length: usize| {
                let from = &mixed.values[head * each + first..];
                Matrix::new(from, places, length, mixed.channels)
            };
            let scale = (key as f32).powf(-0.5);
            let square = MatrixMut::new(&mut shares, places, places, places);
            matmul(square, part(0, key), part(key, key).transposed(), scale, threads);
            rows(&mut shares, places, threads, |_, row| softmax(row));
            let to = MatrixMut::new(&mut seen.values[head * size..], places, size, channels);
            let shares = Matrix::new(&shares, places, places, places);
            matmul(to, shares, part(2 * key, size), 1.0, threads);
            let from = mixed.values.chunks_exact(mixed.channels);
            for (to, from) in value.values.chunks_exact_mut(channels).zip(from) {
                let first = head * each + 2 * key;
                to[head * size..][..size].copy_from_slice(&from[first..][..size]);
            }
        }
        add(&mut seen.values, &self.place.forward(&value)?.values);
        let mut x = Map { values: x.values.clone(), ..*x };
        add(&mut x.values, &self.projected.forward(&seen)?.values);
        let more = self.narrow.forward(&self.wide.forward(&x)?)?;
        if more.channels != channels {
            return Err(format!("{} channels added to {channels}", more.channels));
        }
        add(&mut x.values, &more.values);
        Ok(x)
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
            first: cut(weights, name)?,
            last: weights.conv(&format!("{name}.cv2"), 1, true)?,
            parts: parts.collect::<Result<_>>()?,
        })
    }

    pub fn forward(&self, x: &Map) -> Computed<Map> {
        let x = self.first.forward(x)?;
        let mut y = second_half(&x);
        for part in &self.parts {
            y = part.forward(&y)?;
        }
        self.last.forward(&Map::join(&[&x.channels(0..x.channels - y.channels), &y]))
    }
}

fn second_half(x: &Map) -> Map {
    x.channels(x.channels.div_ceil(2)..x.channels)
}

/// A convolution whose channels are cut in two.
fn cut(weights: &Weights, name: &str) -> Result<Conv> {
    let conv = weights.conv(&format!("{name}.cv1"), 1, true)?;
    match conv.channels() {
        0 | 1 => Err(weights.error(&format!("{name}.cv1 has no two halves"))),
        _ => Ok(conv),
    }
}
