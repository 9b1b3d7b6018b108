//! Text generation: a model that is shared, and generations that its engine computes together.
//!
//! | module | noun |
//! | --- | --- |
//! | `text` | tokenizer, vocabulary, template and end tokens of a model |
//! | `constraint` | the form that a text must have |
//! | `sequence` | one text in the engine |
//! | `engine` | the thread that reads prompts and decodes all sequences together |
//! | `prefixes` | caches of texts that ended, for prompts that begin alike |
//! | `generation` | one text as its caller sees it |

mod constraint;
mod engine;
mod generation;
mod prefixes;
mod sequence;
mod text;

pub use constraint::{Allowed, Form};
pub use generation::{Finish, Generation, Token};

use crate::chat::Message;
use crate::decoder::{ConfigFile, Decoder};
use crate::error::{Error, Result};
use crate::gguf::Gguf;
use crate::sampler::Sampling;
use crate::shards::Shards;
use constraint::Forms;
use engine::Engine;
use prefixes::Prefixes;
use sequence::Sequence;
use std::path::Path;
use std::sync::Arc;
use text::Text;

/// Most alternatives that are told of each token.
pub const MOST_ALTERNATIVES: usize = 20;
/// Bytes of caches that are kept for later prompts, unless told otherwise.
pub const PREFIX_BYTES: usize = 256 << 20;

pub struct Generator {
    decoder: Arc<Decoder>,
    text: Text,
    forms: Forms,
    engine: Arc<Engine>,
}

/// One generation's parameters.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub max_tokens: usize,
    pub sampling: Sampling,
    pub stop: Vec<String>,
    /// How many of the likeliest tokens are told with each token.
    pub alternatives: usize,
    /// How many of the likeliest tokens are told in place of each token of the prompt; none: the
    /// prompt is told nothing of.
    pub prompt_alternatives: Option<usize>,
    /// Of a longer prompt only so many of the last tokens are read.
    pub truncate: Option<usize>,
    /// What the text must be.
    pub form: Option<Form>,
}

impl Generator {
    /// Opens a GGUF file, or a folder as transformers saves it (`config.json`, safetensors,
    /// `tokenizer.json`). `prefix_bytes` of caches are kept for prompts that begin alike.
    pub fn open(path: &Path, prefix_bytes: usize) -> Result<Self> {
        let (decoder, text) = if path.is_dir() {
            let config = ConfigFile::read(&path.join("config.json"))?;
            let decoder = Decoder::read(&Shards::open(path)?, config.decoder()?)?;
            let text = Text::from_folder(path, &config)?;
            (decoder, text)
        } else {
            let gguf = Gguf::open(path)?;
            (Decoder::from_gguf(&gguf)?, Text::from_gguf(&gguf)?)
        };
        let (ids, rows) = (text.tokenizer.get_vocab_size(true), decoder.config.vocabulary);
        if ids > rows {
            let reason = format!("has {ids} tokens for a model of {rows}");
            return Err(Error::model(path, reason));
        }
        let decoder = Arc::new(decoder);
        let engine = Engine::start(Arc::clone(&decoder), Prefixes::new(prefix_bytes));
        let ends = Arc::clone(&text.ends);
        let forms = Forms::new(Arc::clone(&text.vocabulary), decoder.config.vocabulary, ends);
        Ok(Self { engine: Arc::new(engine), decoder, text, forms })
    }

    /// Longest prompt and text together, in tokens.
    pub fn context(&self) -> usize {
        self.decoder.config.context
    }

    /// The prompt for the assistant's next message, by the model's own template, which gets
    /// `extras` (a JSON object) too.
    pub fn chat(&self, messages: &[Message], extras: &serde_json::Value) -> Result<String> {
        let reason = "the model has no chat template".into();
        let template = self.text.template.as_ref().ok_or(Error::Chat { reason })?;
        template.render(messages, extras)
    }

    /// Token ids of a text; control tokens written in it are recognised.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        self.text.tokenize(text, true)
    }

    /// A token's bytes as text; what is no character is U+FFFD, and control tokens are empty.
    pub fn token_text(&self, id: u32) -> String {
        String::from_utf8_lossy(self.text.vocabulary.bytes(id)).into_owned()
    }

    /// Begins to continue `prompt`. A prompt that `chat` rendered says its own begin token:
    /// `complete` tells that nothing is to be added to it.
    pub fn start(&self, prompt: &str, complete: bool, request: Request) -> Result<Generation> {
        request.sampling.check()?;
        let mut prompt = self.text.tokenize(prompt, !complete)?;
        if prompt.is_empty() {
            return Err(Error::Parameter { name: "prompt", expected: "must not be empty" });
        }
        if let Some(most) = request.truncate {
            prompt.drain(..prompt.len().saturating_sub(most.max(1)));
        }
        let context = self.context();
        if prompt.len() >= context {
            let tokens = prompt.len();
            return Err(Error::PromptTooLong { tokens, limit: context });
        }
        let constraint = request.form.as_ref().map(|form| self.forms.begin(form)).transpose()?;
        let engine = Arc::clone(&self.engine);
        let (sequence, generation) =
            Sequence::new(prompt, request, constraint, &self.text, context, engine);
        self.engine.add(sequence)?;
        Ok(generation)
    }
}
