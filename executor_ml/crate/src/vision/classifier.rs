//! A picture's labels, and the numbers that stand for it.

use super::backbone::Backbone;
use super::convnext::Convnext;
use super::efficientnet::Efficientnet;
use super::mobilenet::Mobilenet;
use super::parallel::batches;
use super::resnet::Resnet;
use super::vit::Vit;
use super::weights::{Weights, layer};
use super::{Activation, Fields};
use crate::error::{Error, Result};
use crate::linear::Linear;
use crate::numeric::{exp, softmax};
use crate::picture::{BadPicture, Picture, Preparation, Prepared};
use crate::shards::Shards;
use std::path::Path;

pub struct Classifier {
    backbone: Box<dyn Backbone>,
    head: Option<Linear>,
    labels: Vec<String>,
    /// Whether several labels hold at a time, each with a probability of its own.
    many: bool,
    preparation: Preparation,
}

/// What a family's processor is called where no file names one.
type Reader = fn(&Shards, &Fields) -> Result<Box<dyn Backbone>>;
#[rustfmt::skip]
const FAMILIES: [(&str, &str, Reader); 8] = [
    ("vit", "ViT", |s, f| Ok(Box::new(Vit::plain(s, f)?))),
    ("dinov2", "Bit", |s, f| Ok(Box::new(Vit::dinov2(s, f)?))),
    ("resnet", "ConvNext", |s, f| Ok(Box::new(Resnet::read(s, f)?))),
    ("convnext", "ConvNext", |s, f| Ok(Box::new(Convnext::read(s, f, false)?))),
    ("convnextv2", "ConvNext", |s, f| Ok(Box::new(Convnext::read(s, f, true)?))),
    ("efficientnet", "EfficientNet", |s, f| Ok(Box::new(Efficientnet::read(s, f)?))),
    ("mobilenet_v1", "MobileNetV1", |s, f| Ok(Box::new(Mobilenet::first(s, f)?))),
    ("mobilenet_v2", "MobileNetV2", |s, f| Ok(Box::new(Mobilenet::second(s, f)?))),
];

impl Classifier {
    /// Opens a folder with `config.json`, `preprocessor_config.json` and its weights.
    pub fn open(folder: &Path) -> Result<Self> {
        let fields = Fields::read(&folder.join("config.json"))?;
        let family = fields.text("model_type", "")?;
        let Some((_, kind, read)) = FAMILIES.iter().find(|(name, ..)| *name == family) else {
            let known: Vec<_> = FAMILIES.iter().map(|(name, ..)| *name).collect();
            let reason = format!("{family:?} is not supported; {} are", known.join(", "));
            return Err(fields.error(reason));
        };
        if fields.count("num_channels", 3)? != 3 {
            return Err(fields.error("num_channels must be 3"));
        }
        let preparation = Preparation::read(folder, kind)?;
        let shards = Shards::open(folder)?;
        let backbone = read(&shards, &fields)?;
        if let Some(size) = preparation.output().filter(|size| !backbone.reads(*size)) {
            let (height, width) = size;
            let reason =
                format!("gives pictures of {height} by {width}, which the model does not read");
            return Err(Error::model(&folder.join("preprocessor_config.json"), reason));
        }
        let weights = Weights::new(&shards, "", "");
        let name = if family == "resnet" { "classifier.1" } else { "classifier" };
        let count = weights.rows(&format!("{name}.weight"));
        let pooled = backbone.parts().pooled;
        let head = count.map(|count| weights.linear(name, pooled, count)).transpose()?;
        let count = count.unwrap_or(0);
        let problem = fields.text("problem_type", "")?;
        Ok(Self {
            backbone,
            head,
            labels: fields.labels(count),
            many: count == 1 || problem == "multi_label_classification",
            preparation,
        })
    }

    /// What its outputs are called; none where it has no head.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// How many numbers stand for a picture.
    pub fn features(&self) -> usize {
        self.backbone.parts().features
    }

    pub fn prepare(&self, picture: &Picture) -> std::result::Result<Prepared, BadPicture> {
        let prepared = self.preparation.apply(picture)?;
        let (height, width) = (prepared.height, prepared.width);
        match self.backbone.reads((height, width)) {
            true => Ok(prepared),
            false => {
                Err(BadPicture(format!("a size that the model reads, not {width} by {height}")))
            }
        }
    }

    /// What the head gives, [pictures, labels], and the features, [pictures, features].
    pub fn logits(&self, pictures: &[&Prepared]) -> (Vec<f32>, Vec<f32>) {
        let parts = self.backbone.parts();
        let pooled = batches(pictures, |some, threads| self.backbone.forward(some, threads));
        let logits = self.head.as_ref();
        let logits = logits.map(|head| layer(head, &pooled, parts.pooled, Activation::None, 1));
        let rows = pooled.chunks_exact(parts.pooled);
        let features = rows.flat_map(|row| row[..parts.features].iter().copied()).collect();
        (logits.unwrap_or_default(), features)
    }

    /// Probabilities, [pictures, labels], and the features, [pictures, features].
    pub fn scores(&self, pictures: &[&Prepared]) -> (Vec<f32>, Vec<f32>) {
        let (mut scores, features) = self.logits(pictures);
        match self.many {
            true => scores.iter_mut().for_each(|x| *x = 1.0 / (1.0 + exp(-*x))),
            false => scores.chunks_exact_mut(self.labels.len().max(1)).for_each(softmax),
        }
        (scores, features)
    }
}
