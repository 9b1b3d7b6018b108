//! Texts to vectors: tokenise all, then encode some at a time, together with other calls' (`batch`).
//!
//! A `Job` advances by steps so that its owner can stop between them.

use crate::batch::{Batcher, Call, Encoded, Tokens, most_tokens};
use crate::encoder::{Encoder, Sentence};
use crate::error::{Error, Result};
use crate::numeric::normalize;
use crate::tokenizer;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use std::vec;
use tokenizers::{PostProcessor, Tokenizer, TruncationDirection};

pub struct Embedder {
    batcher: Arc<Batcher>,
    tokenizer: Tokenizer,
    max_tokens: usize,
    /// Tokens that the tokenizer puts around each text.
    around: usize,
    /// Whether a text's beginning can be told before it is tokenised.
    splits_words: bool,
}

impl Embedder {
    /// Opens a folder with `config.json`, `model.safetensors` and `tokenizer.json`.
    pub fn open(folder: &Path) -> Result<Self> {
        let (encoder, sentence) = (Encoder::open(folder)?, Sentence::read(folder)?);
        let most = encoder.config.max_tokens();
        let max_tokens = sentence.max_tokens.unwrap_or(most).min(most);
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::plain_from_json(&path)?;
        encoder.check_ids(tokenizer.get_vocab_size(true), &path)?;
        if tokenizer.encode_fast("", true).map_err(|e| Error::model(&path, e))?.is_empty() {
            return Err(Error::model(&path, "gives no token for an empty text"));
        }
        let around = tokenizer.get_post_processor().map_or(0, |p| p.added_tokens(false));
        if around >= max_tokens {
            let reason = format!("puts {around} tokens around a text of {max_tokens} at most");
            return Err(Error::model(&path, reason));
        }
        Ok(Self {
            batcher: Arc::new(Batcher::new(encoder, sentence.pooling)),
            around,
            splits_words: tokenizer.get_pre_tokenizer().is_some(),
            tokenizer,
            max_tokens,
        })
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.batcher.encoder.config.hidden
    }

    /// Longest input in tokens, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// What has been encoded since it was opened.
    pub fn encoded(&self) -> Encoded {
        self.batcher.encoded()
    }

    /// Tokenises the texts. With `normalize` every vector has length 1; with `truncate` what lies
    /// beyond the longest input is cut off, which is else an error.
    pub fn start(&self, texts: &[String], normalize: bool, truncate: bool) -> Result<Job> {
        let call = self.batcher.begin();
        let encode = |text: &String| {
            let whole = !truncate || !self.splits_words;
            let read = if whole { text } else { tokenizer::head(text, self.max_tokens) };
            let mut encoding = self.tokenizer.encode_fast(read, false)?;
            let length = encoding.len() + self.around;
            encoding.truncate(self.max_tokens - self.around, 0, TruncationDirection::Right);
            let whole = self.tokenizer.post_process(encoding, None, true)?;
            Ok((whole.get_ids().to_vec(), length))
        };
        let encoded: tokenizers::Result<Vec<_>> = match texts {
            [one] => encode(one).map(|e| vec![e]),
            many => many.par_iter().map(encode).collect(),
        };
        let encoded = encoded.map_err(|_| Error::Parameter {
            name: "texts",
            expected: "must be text that the tokenizer accepts",
        })?;
        let limit = self.max_tokens;
        let longer = encoded.iter().enumerate().filter(|(_, (_, length))| *length > limit);
        if let Some((index, (_, tokens))) = longer.clone().next().filter(|_| !truncate) {
            return Err(Error::TextTooLong { index, tokens: *tokens, limit });
        }
        let truncated = longer.count();
        let tokens = encoded.into_iter().map(|(ids, _)| Tokens { ids, types: Vec::new() });
        Ok(Job::new(call, self.dimensions(), tokens.collect(), truncated, normalize))
    }
}

pub struct Job {
    call: Call,
    width: usize,
    /// Those that have not been brought.
    rest: vec::IntoIter<Tokens>,
    count: usize,
    tokens: usize,
    truncated: usize,
    normalize: bool,
    done: usize,
}

impl Job {
    /// `width`: values of a vector; `truncated`: how many sequences were longer than the model
    /// reads.
    pub fn new(
        call: Call,
        width: usize,
        sequences: Vec<Tokens>,
        truncated: usize,
        normalize: bool,
    ) -> Self {
        let (count, tokens) = (sequences.len(), sequences.iter().map(|s| s.ids.len()).sum());
        let rest = sequences.into_iter();
        Self { call, width, rest, count, tokens, truncated, normalize, done: 0 }
    }

    /// Tokens in all texts, special ones included.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// How many texts were longer than the model reads.
    pub fn truncated(&self) -> usize {
        self.truncated
    }

    /// Values in the result: texts × dimensions.
    pub fn values(&self) -> usize {
        self.count * self.width
    }

    /// Encodes the next texts into their rows of `out` [texts, dimensions], or waits a while for
    /// other calls' that came before; false when all rows are written. Panics unless `out` holds
    /// `values()` values.
    pub fn step(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.values());
        if self.done == self.count {
            return false;
        }
        let rest = &mut self.rest;
        let Some(rows) = self.call.step(|| next(rest)) else { return true };
        let start = self.done * self.width;
        let own = &mut out[start..start + rows.len()];
        own.copy_from_slice(&rows);
        if self.normalize {
            own.chunks_exact_mut(self.width).for_each(normalize);
        }
        self.done += rows.len() / self.width;
        self.done < self.count
    }
}

/// As many of the next sequences as are encoded in one go, at least one; whether they are the last.
fn next(rest: &mut vec::IntoIter<Tokens>) -> (Vec<Tokens>, bool) {
    let (most, mut tokens, mut count) = (most_tokens(), 0, 0);
    for sequence in rest.as_slice() {
        tokens += sequence.ids.len();
        if count > 0 && tokens > most {
            break;
        }
        count += 1;
    }
    (rest.by_ref().take(count).collect(), rest.as_slice().is_empty())
}
