//! The order of the blocks: a backbone to five scales, and a neck that joins three of them.

use super::blocks::{Attention, Pooled, Split};
use super::config::Family;
use super::weights::{Computed, Conv, Weights};
use crate::error::Result;
use crate::vision::map::Map;

enum Layer {
    Conv(Conv),
    Split(Split),
    Pooled(Pooled),
    Attention(Attention),
    /// Twice as large, each pixel four times.
    Larger,
    /// Joined with what that layer gave.
    Join(usize),
}

impl Layer {
    fn forward(&self, x: &Map, earlier: &[Map]) -> Computed<Map> {
        match self {
            Self::Conv(conv) => conv.forward(x),
            Self::Split(block) => block.forward(x),
            Self::Pooled(block) => block.forward(x),
            Self::Attention(block) => block.forward(x),
            Self::Larger => Ok(x.twice()),
            Self::Join(other) => Ok(Map::join(&[x, &earlier[*other]])),
        }
    }
}

/// c: convolution of stride 2 · s, S: split block, that adds or does not · p: pooled · a: attention
/// · l: larger · a number: joined with that layer.
const YOLOV8: &str = "c c S c S c S c S p l 6 s l 4 s c 12 s c 9 s";
const YOLO11: &str = "c c S c S c S c S p a l 6 S l 4 S c 13 S c 10 S";

pub struct Network {
    layers: Vec<Layer>,
    /// The layers whose results the head reads.
    read: [usize; 3],
}

impl Network {
    pub fn read(weights: &Weights, family: Family) -> Result<Self> {
        let (order, read) = match family {
            Family::Yolov8 => (YOLOV8, [15, 18, 21]),
            Family::Yolo11 => (YOLO11, [16, 19, 22]),
        };
        let layer = |(i, kind): (usize, &str)| {
            let name = i.to_string();
            Ok(match kind {
                "c" => Layer::Conv(weights.conv(&name, 2, true)?),
                "s" | "S" => Layer::Split(Split::read(weights, &name, kind == "S")?),
                "p" => Layer::Pooled(Pooled::read(weights, &name)?),
                "a" => Layer::Attention(Attention::read(weights, &name)?),
                "l" => Layer::Larger,
                number => Layer::Join(number.parse().map_err(|e| weights.error(&e))?),
            })
        };
        let layers = order.split(' ').enumerate().map(layer).collect::<Result<_>>()?;
        Ok(Self { layers, read })
    }

    /// The head's place among the layers.
    pub fn head(&self) -> usize {
        self.layers.len()
    }

    /// Three scales of a picture of three channels, in strides of 8, 16 and 32.
    pub fn forward(&self, picture: &Map) -> Computed<[Map; 3]> {
        let mut all: Vec<Map> = Vec::with_capacity(self.layers.len());
        for layer in &self.layers {
            let next = layer.forward(all.last().unwrap_or(picture), &all)?;
            all.push(next);
        }
        let empty = || Map::new(0, (0, 0), 0);
        Ok(self.read.map(|i| std::mem::replace(&mut all[i], empty())))
    }
}
