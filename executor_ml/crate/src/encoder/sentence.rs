//! What sentence-transformers adds to an encoder's folder: how it pools, how long inputs may be.

use super::config::Pooling;
use crate::error::{Error, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::path::Path;

pub struct Sentence {
    pub pooling: Pooling,
    /// Longest input in tokens, where the folder says less than the model reads.
    pub max_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct ModuleFile {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct TokenizerFile {
    model_max_length: Option<f64>,
}

/// Modules that are done here; `Normalize` by the call's own parameter.
const MODULES: [&str; 3] = ["Transformer", "Pooling", "Normalize"];

impl Sentence {
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("modules.json");
        for module in optional::<Vec<ModuleFile>>(&path)?.unwrap_or_default() {
            let name = module.kind.rsplit('.').next().unwrap_or_default();
            if !MODULES.contains(&name) {
                let reason =
                    format!("module {name:?} is not supported; {} are", MODULES.join(", "));
                return Err(Error::model(&path, reason));
            }
        }
        let told = optional::<SentenceFile>(&folder.join("sentence_bert_config.json"))?;
        let tokenizer = optional::<TokenizerFile>(&folder.join("tokenizer_config.json"))?;
        let longest = tokenizer.and_then(|t| t.model_max_length).map(|n| n as usize);
        Ok(Self {
            pooling: pooling(&folder.join("1_Pooling").join("config.json"))?,
            max_tokens: told.and_then(|s| s.max_seq_length).or(longest).filter(|n| *n > 0),
        })
    }
}

/// Of `pooling_mode` (a name), or the flags `pooling_mode_…` that older files have.
fn pooling(path: &Path) -> Result<Pooling> {
    let Some(file) = optional::<Value>(path)? else { return Ok(Pooling::Mean) };
    let refused = || Err(Error::model(path, "only mean, cls and lasttoken pooling are supported"));
    if file["include_prompt"] == false {
        return Err(Error::model(path, "include_prompt false is not supported; true is"));
    }
    if let Some(mode) = file["pooling_mode"].as_str() {
        return match mode {
            "mean" => Ok(Pooling::Mean),
            "cls" => Ok(Pooling::Cls),
            "lasttoken" => Ok(Pooling::Last),
            _ => refused(),
        };
    }
    let flags = file.as_object().into_iter().flatten();
    let set = flags.filter(|(key, value)| key.starts_with("pooling_mode_") && **value == true);
    match set.map(|(key, _)| key.as_str()).collect::<Vec<_>>().as_slice() {
        ["pooling_mode_mean_tokens"] => Ok(Pooling::Mean),
        ["pooling_mode_cls_token"] => Ok(Pooling::Cls),
        ["pooling_mode_lasttoken"] => Ok(Pooling::Last),
        _ => refused(),
    }
}

fn optional<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if !path.exists() {
        return Ok(None);
    }
    let text = std::fs::read(path).map_err(|e| Error::model(path, e))?;
    serde_json::from_slice(&text).map(Some).map_err(|e| Error::model(path, e))
}
