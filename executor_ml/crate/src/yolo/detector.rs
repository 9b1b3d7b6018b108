//! A model that finds things in pictures.

use super::config::{Config, STRIDE};
use super::head::{Candidates, Head};
use super::letterbox::Letterbox;
use super::masks::{Prototypes, mask};
use super::network::Network;
use super::suppress::suppress;
use super::weights::Weights;
use crate::error::{Error, Result};
use crate::picture::Picture;
use crate::vision::map::Map;
use std::path::{Path, PathBuf};

/// Candidates above the confidence that suppression looks at, the likeliest.
const MOST_CANDIDATES: usize = 30_000;

/// What a caller chooses.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What the picture's longer side is scaled to, a multiple of 32.
    pub size: usize,
    pub confidence: f32,
    /// Of two boxes of one class, and of any if `agnostic`, that overlap by more, one is kept.
    pub iou: f32,
    pub agnostic: bool,
    pub most: usize,
}

/// The things in a picture, the likeliest first.
pub struct Found {
    /// Left, top, right and bottom in the picture's pixels.
    pub boxes: Vec<[f32; 4]>,
    pub scores: Vec<f32>,
    pub classes: Vec<usize>,
    /// Of each: place and score; 1 where the model has no scores. Empty for other tasks.
    pub keypoints: Vec<Vec<[f32; 3]>>,
    /// For masks.
    pub coefficients: Vec<Vec<f32>>,
    pub prototypes: Option<Prototypes>,
    pub letterbox: Letterbox,
}

impl Found {
    /// Writes the mask of one into [height, width] of zeros.
    pub fn mask(&self, i: usize, out: &mut [u8]) {
        if let Some(prototypes) = &self.prototypes {
            mask(prototypes, &self.coefficients[i], &self.letterbox, &self.boxes[i], out);
        }
    }
}

pub struct Detector {
    pub config: Config,
    folder: PathBuf,
    network: Network,
    head: Head,
}

impl Detector {
    /// Opens `config.json` and safetensors of a folder, and computes one step.
    pub fn open(folder: &Path) -> Result<Self> {
        let config = Config::read(folder)?;
        let weights = Weights::open(folder)?;
        let network = Network::read(&weights, config.family)?;
        let head = Head::read(&weights, network.head(), &config)?;
        let opened = Self { config, folder: folder.to_owned(), network, head };
        let (height, width) = (STRIDE, 2 * STRIDE);
        let grey = vec![114; height * width * 3];
        opened.candidates(&grey, height, width)?;
        Ok(opened)
    }

    /// What the network tells of a picture whose sides are multiples of 32.
    pub fn candidates(&self, rgb: &[u8], height: usize, width: usize) -> Result<Candidates> {
        let values = rgb.iter().map(|value| f32::from(*value) / 255.0).collect();
        let picture = Map { images: 1, height, width, channels: 3, values };
        let scales = self.network.forward(&picture);
        let found = scales.and_then(|scales| self.head.forward(&scales));
        let found = found.map_err(|reason| Error::model(&self.folder, reason))?;
        match found.values.iter().all(|value| value.is_finite()) {
            true => Ok(found),
            false => Err(Error::Numeric),
        }
    }

    pub fn find(&self, picture: &Picture, options: &Options) -> Result<Found> {
        let letterbox = Letterbox::new(picture.height, picture.width, options.size);
        let rgb = letterbox.apply(picture);
        let all = self.candidates(&rgb, letterbox.full[0], letterbox.full[1])?;
        let classes = self.config.names.len();
        let likeliest = |at: usize| {
            let scores = (0..classes).map(|class| (class, all.row(4 + class)[at]));
            scores.fold((0, f32::NEG_INFINITY), |a, b| if b.1 > a.1 { b } else { a })
        };
        let mut places: Vec<(usize, usize, f32)> = (0..all.count)
            .map(|at| (at, likeliest(at)))
            .filter(|(_, (_, score))| *score > options.confidence)
            .map(|(at, (class, score))| (at, class, score))
            .collect();
        places.sort_by(|a, b| b.2.total_cmp(&a.2));
        places.truncate(MOST_CANDIDATES);
        let boxes: Vec<[f32; 4]> =
            places.iter().map(|(at, ..)| [0, 1, 2, 3].map(|side| all.row(side)[*at])).collect();
        let scores: Vec<f32> = places.iter().map(|place| place.2).collect();
        let of: Vec<usize> = places.iter().map(|place| place.1).collect();
        let by_class = (!options.agnostic).then_some(of.as_slice());
        let kept = suppress(&boxes, &scores, by_class, options.iou, options.most);
        let more = |i: usize| -> Vec<f32> {
            (4 + classes..all.rows()).map(|row| all.row(row)[places[i].0]).collect()
        };
        let points = |i: usize| {
            let point = |p: &[f32]| {
                let score = p.get(2).copied().unwrap_or(1.0);
                [letterbox.back(1, p[0]), letterbox.back(0, p[1]), score]
            };
            more(i).chunks_exact(self.config.keypoints[1]).map(point).collect()
        };
        let place = |i: usize| {
            let sides = boxes[i];
            [0, 1, 2, 3].map(|side| letterbox.within(1 - side % 2, sides[side]))
        };
        let pose = self.config.task == super::Task::Pose;
        let masks = all.proto.is_some();
        Ok(Found {
            boxes: kept.iter().map(|i| place(*i)).collect(),
            scores: kept.iter().map(|i| scores[*i]).collect(),
            classes: kept.iter().map(|i| of[*i]).collect(),
            keypoints: kept.iter().filter(|_| pose).map(|i| points(*i)).collect(),
            coefficients: kept.iter().filter(|_| masks).map(|i| more(*i)).collect(),
            prototypes: all.proto.map(|(values, shape)| Prototypes { values, shape }),
            letterbox,
        })
    }
}
