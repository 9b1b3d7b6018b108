//! What a model knows of text: its tokenizer, its tokens' bytes, its template, what ends a turn.

use crate::chat::Template;
use crate::decoder::{ConfigFile, GenerationFile};
use crate::detokenize::{Spelling, Vocabulary};
use crate::error::{Error, Result};
use crate::gguf::Gguf;
use crate::tokenizer;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;

/// Control tokens that end a turn, whatever a file names as its own end.
const ENDS: [&str; 7] = [
    "<|im_end|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "</s>",
];

pub struct Text {
    pub tokenizer: Tokenizer,
    pub vocabulary: Arc<Vocabulary>,
    pub template: Option<Template>,
    pub ends: Arc<[u32]>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct TokenizerFile {
    bos_token: Value,
    eos_token: Value,
    chat_template: Value,
}

impl Text {
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let tokenizer = tokenizer::from_gguf(gguf)?;
        let tokens = gguf.strings("tokenizer.ggml.tokens")?;
        let name = |key: &str| {
            let id = gguf.size(key).ok();
            let token = id.and_then(|i| tokens.get(i)).map(|t| (*t).to_owned());
            token.unwrap_or_default()
        };
        let (bos, eos) = (name("tokenizer.ggml.bos_token_id"), name("tokenizer.ggml.eos_token_id"));
        let template = match gguf.string("tokenizer.chat_template") {
            Ok(source) => Some(Template::new(source, bos, eos.clone()).map_err(|e| gguf.error(e))?),
            Err(_) => None,
        };
        Ok(Self {
            vocabulary: Arc::new(Vocabulary::new(&tokens, Spelling::Bytes, &tokenizer)),
            ends: ends(&tokenizer, &eos, &[]),
            template,
            tokenizer,
        })
    }

    pub fn from_folder(folder: &Path, config: &ConfigFile) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::plain_from_json(&path)?;
        let size = tokenizer.get_vocab_size(true) as u32;
        let tokens: Vec<String> =
            (0..size).map(|id| tokenizer.id_to_token(id).unwrap_or_default()).collect();
        let tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
        let path = folder.join("tokenizer_config.json");
        let file: TokenizerFile = optional(&path)?;
        let (bos, eos) = (named(&file.bos_token), named(&file.eos_token));
        let template = match template(folder, &file.chat_template)? {
            Some(source) => {
                let made = Template::new(&source, bos, eos.clone());
                Some(made.map_err(|e| Error::model(&path, e))?)
            }
            None => None,
        };
        let generation: GenerationFile = optional(&folder.join("generation_config.json"))?;
        let ids = [config.ends(), generation.ends()].concat();
        Ok(Self {
            vocabulary: Arc::new(Vocabulary::new(&tokens, Spelling::of(&tokenizer), &tokenizer)),
            ends: ends(&tokenizer, &eos, &ids),
            template,
            tokenizer,
        })
    }

    /// Token ids of a text; with `special` those that the tokenizer puts around it too.
    pub fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, special);
        let encoding = encoding.map_err(|_| Error::Parameter {
            name: "prompt",
            expected: "must be text that the tokenizer accepts",
        })?;
        Ok(encoding.get_ids().to_vec())
    }
}

fn ends(tokenizer: &Tokenizer, eos: &str, ids: &[u32]) -> Arc<[u32]> {
    let added = tokenizer.get_added_tokens_decoder();
    let named = added
        .iter()
        .filter(|(_, t)| t.content == eos || ENDS.contains(&t.content.as_str()))
        .map(|(id, _)| *id);
    named.chain(ids.iter().copied()).collect()
}

/// A token is written as its text, or as an object with its `content`.
fn named(token: &Value) -> String {
    token.as_str().or(token["content"].as_str()).unwrap_or_default().to_owned()
}

/// The template: a file of its own, or a text in tokenizer_config.json, or there the one of
/// several that is called default.
fn template(folder: &Path, inside: &Value) -> Result<Option<String>> {
    let path = folder.join("chat_template.jinja");
    if path.exists() {
        return std::fs::read_to_string(&path).map(Some).map_err(|e| Error::model(&path, e));
    }
    let default = |many: &Vec<Value>| {
        let found = many.iter().find(|t| t["name"] == "default");
        found.and_then(|t| t["template"].as_str().map(str::to_owned))
    };
    Ok(match inside {
        Value::String(source) => Some(source.clone()),
        Value::Array(many) => default(many),
        _ => None,
    })
}

fn optional<T: serde::de::DeserializeOwned + Default>(path: &Path) -> Result<T> {
    if !path.exists() {
        return Ok(T::default());
    }
    let text = std::fs::read(path).map_err(|e| Error::model(path, e))?;
    serde_json::from_slice(&text).map_err(|e| Error::model(path, e))
}
