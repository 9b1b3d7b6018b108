//! A cross-encoder's head: a dense layer, its activation, a norm if there is one, and one label.

use crate::decoder::ConfigFile;
use crate::encoder::{Config, Norm, Pooling};
use crate::error::{Error, Result};
use crate::numeric::{dot, gelu};
use crate::safetensors::Weights;
use std::path::Path;

#[derive(Clone, Copy)]
enum Activation {
    Gelu,
    Relu,
    Tanh,
}

pub struct Head {
    pub pooling: Pooling,
    /// [hidden, hidden] and its bias.
    dense: (Vec<f32>, Vec<f32>),
    activation: Activation,
    norm: Option<Norm>,
    epsilon: f32,
    label: (Vec<f32>, f32),
    /// Whether scores are shown as probabilities.
    sigmoid: bool,
}

/// Where a family keeps its head.
struct Names {
    dense: &'static str,
    norm: Option<&'static str>,
    label: &'static str,
    activation: Activation,
}

const FAMILIES: &str = "bert, distilbert, roberta, xlm-roberta and modernbert";

fn names(file: &ConfigFile) -> Result<Names> {
    let names = |dense, activation, label| Names { dense, norm: None, label, activation };
    match file.text("model_type").unwrap_or_default() {
        "bert" => Ok(names("bert.pooler.dense", Activation::Tanh, "classifier")),
        "distilbert" => Ok(names("pre_classifier", Activation::Relu, "classifier")),
        "roberta" | "xlm-roberta" => {
            Ok(names("classifier.dense", Activation::Tanh, "classifier.out_proj"))
        }
        "modernbert" => match file.text("classifier_activation").unwrap_or("gelu") {
            "gelu" => Ok(Names {
                norm: Some("head.norm"),
                ..names("head.dense", Activation::Gelu, "classifier")
            }),
            other => Err(file.error(format!("classifier_activation {other:?} is not supported"))),
        },
        other => Err(file.error(format!("no scores by {other:?}; there are by {FAMILIES}"))),
    }
}

impl Head {
    pub fn open(folder: &Path, config: &Config) -> Result<Self> {
        let file = ConfigFile::read(&folder.join("config.json"))?;
        let (names, h) = (names(&file)?, config.hidden);
        let path = folder.join("model.safetensors");
        let label = format!("{}.weight", names.label);
        let weights = Weights::open(&path, &label, &[""])?;
        let modern = names.norm.is_some();
        let bias = match !modern || file.flag("classifier_bias") {
            true => weights.read(&format!("{}.bias", names.dense), &[h])?,
            false => vec![0.0; h],
        };
        let mean = modern && file.text("classifier_pooling") == Some("mean");
        let norm = |name: &str| Norm::read(&weights, name, h, config.biases.norm);
        Ok(Self {
            pooling: if mean { Pooling::Mean } else { Pooling::Cls },
            dense: (weights.read(&format!("{}.weight", names.dense), &[h, h])?, bias),
            activation: names.activation,
            norm: names.norm.map(norm).transpose()?,
            epsilon: config.epsilon,
            label: (
                weights.read(&label, &[1, h]).map_err(one_label)?,
                weights.read(&format!("{}.bias", names.label), &[1]).map_err(one_label)?[0],
            ),
            sigmoid: sigmoid(&file)?,
        })
    }

    /// Values of a vector.
    pub fn width(&self) -> usize {
        self.label.0.len()
    }

    pub fn score(&self, vector: &[f32], raw: bool) -> f32 {
        let rows = self.dense.0.chunks_exact(vector.len()).zip(&self.dense.1);
        let mut hidden: Vec<f32> = rows
            .map(|(row, bias)| dot(row, vector) + bias)
            .map(|x| match self.activation {
                Activation::Gelu => gelu(x),
                Activation::Relu => x.max(0.0),
                Activation::Tanh => x.tanh(),
            })
            .collect();
        if let Some(norm) = &self.norm {
            norm.add(&mut hidden, &vec![0.0; vector.len()], self.epsilon);
        }
        let score = dot(&self.label.0, &hidden) + self.label.1;
        if self.sigmoid && !raw { 1.0 / (1.0 + (-score).exp()) } else { score }
    }
}

fn one_label(error: Error) -> Error {
    match error {
        Error::Model { path, reason } => {
            Error::Model { path, reason: format!("one label is supported: {reason}") }
        }
        other => other,
    }
}

/// What sentence-transformers' CrossEncoder applies to one label: what the file says, or sigmoid.
fn sigmoid(file: &ConfigFile) -> Result<bool> {
    let told = file.value("sentence_transformers")["activation_fn"].as_str();
    let told = told.or(file.text("sbert_ce_default_activation_function"));
    match told.map(|name| name.rsplit('.').next().unwrap_or_default()) {
        None | Some("Sigmoid") => Ok(true),
        Some("Identity") => Ok(false),
        Some(other) => Err(file.error(format!("scores by {other} are not supported"))),
    }
}
