//! What a folder says about its BERT: `config.json`, and the two files sentence-transformers adds.

use crate::error::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::path::Path;

/// How token vectors become one sentence vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    Mean,
    Cls,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub vocabulary: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub intermediate: usize,
    pub epsilon: f32,
    /// Rows of the position table.
    pub positions: usize,
    /// Longest input, special tokens included; never more than `positions`.
    pub max_tokens: usize,
    pub pooling: Pooling,
}

#[derive(Deserialize)]
struct ConfigFile {
    model_type: String,
    hidden_act: String,
    #[serde(default = "absolute")]
    position_embedding_type: String,
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    layer_norm_eps: f32,
    max_position_embeddings: usize,
}

fn absolute() -> String {
    "absolute".into()
}

#[derive(Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PoolingFile {
    pooling_mode_cls_token: bool,
    pooling_mode_mean_tokens: bool,
}

impl Config {
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let file: ConfigFile = read(&path)?;
        let known = [
            ("model_type", file.model_type.as_str(), "bert"),
            ("hidden_act", file.hidden_act.as_str(), "gelu"),
            ("position_embedding_type", file.position_embedding_type.as_str(), "absolute"),
        ];
        for (key, value, supported) in known {
            if value != supported {
                let reason = format!("{key} {value:?} is not supported; {supported:?} is");
                return Err(Error::model(&path, reason));
            }
        }
        let (hidden, heads) = (file.hidden_size, file.num_attention_heads);
        if heads == 0 || hidden == 0 || !hidden.is_multiple_of(heads) {
            let reason = format!("{heads} heads do not divide {hidden} hidden values");
            return Err(Error::model(&path, reason));
        }
        let positions = file.max_position_embeddings;
        let sentence = optional::<SentenceFile>(&folder.join("sentence_bert_config.json"))?;
        let asked = sentence.and_then(|s| s.max_seq_length).unwrap_or(positions);
        Ok(Self {
            vocabulary: file.vocab_size,
            hidden,
            layers: file.num_hidden_layers,
            heads,
            intermediate: file.intermediate_size,
            epsilon: file.layer_norm_eps,
            positions,
            max_tokens: asked.min(positions),
            pooling: pooling(&folder.join("1_Pooling").join("config.json"))?,
        })
    }
}

fn pooling(path: &Path) -> Result<Pooling> {
    match optional::<PoolingFile>(path)? {
        None => Ok(Pooling::Mean),
        Some(file) => match (file.pooling_mode_mean_tokens, file.pooling_mode_cls_token) {
            (true, false) => Ok(Pooling::Mean),
            (false, true) => Ok(Pooling::Cls),
            _ => Err(Error::model(path, "only mean and cls pooling are supported")),
        },
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).map_err(|e| Error::model(path, e))?;
    serde_json::from_slice(&text).map_err(|e| Error::model(path, e))
}

fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if path.exists() { read(path).map(Some) } else { Ok(None) }
}
