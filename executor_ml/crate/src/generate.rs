//! Text generation: a model that is shared, and generations that own their state.
//!
//! A `Generation` advances by steps so that its owner can stop between them: `prefill` until it
//! returns false, then `next` until it returns None.

use crate::chat::{Message, Template};
use crate::detokenize::{Detokenizer, Vocabulary};
use crate::error::{Error, Result};
use crate::gguf::Gguf;
use crate::decoder::{Cache, Decoder, Pass};
use crate::sampler::{Sampler, Sampling};
use crate::stop::Stop;
use crate::tokenizer;
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;

/// Prompt tokens that go through a layer together: enough to hide its dequantisation.
const PREFILL_TOKENS: usize = 128;
/// Multiply-adds of a step of `prefill`, some 30 ms on one core.
const STEP_WORK: usize = 1_500_000_000;

/// Control tokens that end a turn, whatever a file names as its own end.
const ENDS: [&str; 6] =
    ["<|im_end|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<|end|>", "</s>"];

pub struct Generator {
    llama: Arc<Decoder>,
    tokenizer: Tokenizer,
    vocabulary: Arc<Vocabulary>,
    template: Option<Template>,
    ends: Arc<[u32]>,
}

/// One generation's parameters.
#[derive(Clone, Debug)]
pub struct Request {
    pub max_tokens: usize,
    pub sampling: Sampling,
    pub stop: Vec<String>,
}

impl Generator {
    /// Opens a GGUF file with a llama and its tokenizer.
    pub fn open(path: &Path) -> Result<Self> {
        let gguf = Gguf::open(path)?;
        let tokenizer = tokenizer::from_gguf(&gguf)?;
        let tokens = gguf.strings("tokenizer.ggml.tokens")?;
        let name = |key: &str| {
            let id = gguf.size(key).ok();
            let token = id.and_then(|i| tokens.get(i)).map(|t| (*t).to_owned());
            token.unwrap_or_default()
        };
        let (bos, eos) = (name("tokenizer.ggml.bos_token_id"), name("tokenizer.ggml.eos_token_id"));
        let special = tokenizer.get_added_tokens_decoder();
        let ends = special
            .iter()
            .filter(|(_, t)| t.content == eos || ENDS.contains(&t.content.as_str()))
            .map(|(id, _)| *id)
            .collect();
        Ok(Self {
            llama: Arc::new(Decoder::from_gguf(&gguf)?),
            vocabulary: Arc::new(Vocabulary::new(&tokens, &tokenizer)),
            template: Template::read(&gguf, bos, eos)?,
            ends,
            tokenizer,
        })
    }

    /// Longest prompt and text together, in tokens.
    pub fn context(&self) -> usize {
        self.llama.config.context
    }

    /// The prompt for the assistant's next message, by the model's own template.
    pub fn chat(&self, messages: &[Message]) -> Result<String> {
        let reason = "the model has no chat template".into();
        let template = self.template.as_ref().ok_or(Error::Chat { reason })?;
        template.render(messages)
    }

    /// Token ids of a text; control tokens written in it are recognised.
    pub fn tokenize(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode_fast(text, true);
        let encoding = encoding.map_err(|_| Error::Parameter {
            name: "prompt",
            expected: "must be text that the tokenizer accepts",
        })?;
        Ok(encoding.get_ids().to_vec())
    }

    pub fn start(&self, prompt: &str, request: Request) -> Result<Generation> {
        request.sampling.check()?;
        let prompt = self.tokenize(prompt)?;
        if prompt.is_empty() {
            return Err(Error::Parameter { name: "prompt", expected: "must not be empty" });
        }
        let context = self.llama.config.context;
        if prompt.len() >= context {
            let tokens = prompt.len();
            return Err(Error::PromptTooLong { tokens, limit: context });
        }
        let capacity = context.min(prompt.len() + request.max_tokens);
        Ok(Generation {
            cache: Cache::new(&self.llama.config, capacity),
            llama: Arc::clone(&self.llama),
            ends: Arc::clone(&self.ends),
            detokenizer: Detokenizer::new(Arc::clone(&self.vocabulary)),
            sampler: Sampler::new(request.sampling),
            stop: Stop::new(request.stop),
            limit: capacity - prompt.len(),
            prompt,
            pass: None,
            logits: None,
            last: 0,
            produced: 0,
            finish: None,
        })
    }
}

/// Why a generation ended: at an end token or a stop string, or at its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    Stop,
    Length,
}

/// A generated token, and the text it completes (often empty: see `detokenize` and `stop`).
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    pub id: u32,
    pub text: String,
    pub logprob: f32,
}

pub struct Generation {
    llama: Arc<Decoder>,
    cache: Cache,
    prompt: Vec<u32>,
    /// The part of the prompt that is being read.
    pass: Option<Pass>,
    logits: Option<Vec<f32>>,
    sampler: Sampler,
    detokenizer: Detokenizer,
    stop: Stop,
    ends: Arc<[u32]>,
    limit: usize,
    last: u32,
    produced: usize,
    finish: Option<Finish>,
}

impl Generation {
    pub fn prompt_tokens(&self) -> usize {
        self.prompt.len()
    }

    /// Tokens generated; the end token is none of them.
    pub fn completion_tokens(&self) -> usize {
        self.produced
    }

    pub fn finish(&self) -> Option<Finish> {
        self.finish
    }

    /// Reads a piece of the prompt; false once all of it is read.
    pub fn prefill(&mut self) -> bool {
        let read = self.cache.length();
        if read >= self.prompt.len() {
            return false;
        }
        let mut pass = self.pass.take().unwrap_or_else(|| {
            let end = self.prompt.len().min(read + PREFILL_TOKENS);
            self.llama.begin(&self.prompt[read..end], &self.cache)
        });
        if self.llama.advance(&mut pass, &mut self.cache, STEP_WORK) {
            self.pass = Some(pass);
            return true;
        }
        let more = self.cache.length() < self.prompt.len();
        if !more {
            self.logits = Some(self.llama.logits(pass));
        }
        more
    }

    /// The next token, or None at the end. Reads what is left of the prompt first.
    #[allow(clippy::should_implement_trait)] // fallible, and not an iterator
    pub fn next(&mut self) -> Result<Option<Token>> {
        if self.finish.is_some() {
            return Ok(None);
        }
        while self.prefill() {}
        let logits = match self.logits.take() {
            Some(logits) => logits,
            None => self.llama.forward(&[self.last], &mut self.cache),
        };
        let choice = self.sampler.choose(&logits)?;
        if self.ends.contains(&choice.id) {
            self.finish = Some(Finish::Stop);
            let text = self.stop.flush();
            let token = Token { id: choice.id, text, logprob: choice.logprob };
            return Ok((!token.text.is_empty()).then_some(token));
        }
        self.last = choice.id;
        self.produced += 1;
        let passed = self.stop.push(&self.detokenizer.push(choice.id));
        let mut text = passed.text;
        if passed.stopped {
            self.finish = Some(Finish::Stop);
        } else if self.produced == self.limit {
            self.finish = Some(Finish::Length);
            text.push_str(&self.stop.flush());
        }
        Ok(Some(Token { id: choice.id, text, logprob: choice.logprob }))
    }
}
