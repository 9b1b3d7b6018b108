//! Texts to vectors: tokenise all, then encode group by group.
//!
//! A `Job` advances by steps so that its owner can stop between them: a step encodes one group of
//! about `GROUP_TOKENS` tokens on every thread, some 50 ms of work for MiniLM.

use crate::cpu;
use crate::encoder::{Encoder, Input, Pooling, Sentence};
use crate::error::{Error, Result};
use crate::numeric::normalize;
use crate::tokenizer;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use tokenizers::{PostProcessor, Tokenizer, TruncationDirection};

/// Large enough for the product to run at full speed, small enough to stay in a core's cache.
const GROUP_TOKENS: usize = 256;

pub struct Embedder {
    encoder: Arc<Encoder>,
    pooling: Pooling,
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
            encoder: Arc::new(encoder),
            pooling: sentence.pooling,
            around,
            splits_words: tokenizer.get_pre_tokenizer().is_some(),
            tokenizer,
            max_tokens,
        })
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.encoder.config.hidden
    }

    /// Longest input in tokens, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Tokenises the texts. With `normalize` every vector has length 1; with `truncate` what lies
    /// beyond the longest input is cut off, which is else an error.
    pub fn start(&self, texts: &[String], normalize: bool, truncate: bool) -> Result<Job> {
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
        let encoder = Arc::clone(&self.encoder);
        Ok(Job::new(encoder, self.pooling, tokens.collect(), truncated, normalize))
    }
}

/// Token ids of one sequence, and their types; no types: all are 0.
pub struct Tokens {
    pub ids: Vec<u32>,
    pub types: Vec<u32>,
}

impl Tokens {
    fn input(&self) -> Input<'_> {
        Input { ids: &self.ids, types: &self.types }
    }
}

pub struct Job {
    encoder: Arc<Encoder>,
    pooling: Pooling,
    sequences: Vec<Tokens>,
    truncated: usize,
    normalize: bool,
    done: usize,
}

impl Job {
    /// `truncated`: how many sequences were longer than the model reads.
    pub fn new(
        encoder: Arc<Encoder>,
        pooling: Pooling,
        sequences: Vec<Tokens>,
        truncated: usize,
        normalize: bool,
    ) -> Self {
        Self { encoder, pooling, sequences, truncated, normalize, done: 0 }
    }

    /// Tokens in all texts, special ones included.
    pub fn tokens(&self) -> usize {
        self.sequences.iter().map(|s| s.ids.len()).sum()
    }

    /// How many texts were longer than the model reads.
    pub fn truncated(&self) -> usize {
        self.truncated
    }

    /// Values in the result: texts × dimensions.
    pub fn values(&self) -> usize {
        self.sequences.len() * self.encoder.config.hidden
    }

    /// Encodes the next groups into their rows of `out` [texts, dimensions]; false when all rows
    /// are written. Panics unless `out` holds `values()` values.
    pub fn step(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.values());
        let h = self.encoder.config.hidden;
        let threads = cpu::threads();
        let groups = self.groups(threads);
        let mut work = Vec::with_capacity(groups.len());
        let mut rest = &mut out[self.done * h..];
        for group in groups {
            let (rows, tail) = rest.split_at_mut(group * h);
            work.push((&self.sequences[self.done..self.done + group], rows));
            self.done += group;
            rest = tail;
        }
        let encode = |(sequences, rows): (&[Tokens], &mut [f32]), threads: usize| {
            let ids: Vec<_> = sequences.iter().map(Tokens::input).collect();
            self.encoder.forward(&ids, self.pooling, rows, threads);
            if self.normalize {
                rows.chunks_exact_mut(h).for_each(normalize);
            }
        };
        if threads > 1 && work.len() >= threads {
            work.into_par_iter().for_each(|unit| encode(unit, 1));
        } else {
            work.into_iter().for_each(|unit| encode(unit, threads));
        }
        self.done < self.sequences.len()
    }

    /// Sizes, in sequences, of the groups that the next step takes.
    fn groups(&self, threads: usize) -> Vec<usize> {
        let rest = &self.sequences[self.done..];
        let tokens: usize = rest.iter().map(|s| s.ids.len()).sum();
        // A batch smaller than one group per thread is split evenly instead.
        let limit = match rest.len() >= threads {
            true => GROUP_TOKENS.min(tokens.div_ceil(threads)),
            false => GROUP_TOKENS,
        };
        let mut groups = vec![0];
        let mut size = 0;
        for sequence in rest {
            let last = groups.len() - 1;
            if groups[last] > 0 && size + sequence.ids.len() > limit {
                if groups.len() == threads {
                    break;
                }
                groups.push(1);
                size = sequence.ids.len();
            } else {
                groups[last] += 1;
                size += sequence.ids.len();
            }
        }
        groups.retain(|size| *size > 0);
        groups
    }
}
