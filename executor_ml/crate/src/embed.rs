//! Texts to vectors: tokenise all, then encode group by group.
//!
//! A `Job` advances by steps so that its owner can stop between them: a step encodes one group of
//! about `GROUP_TOKENS` tokens on every thread, some 50 ms of work for MiniLM.

use crate::bert::Bert;
use crate::cpu;
use crate::error::{Error, Result};
use crate::numeric::normalize;
use crate::tokenizer;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;

/// Large enough for the product to run at full speed, small enough to stay in a core's cache.
const GROUP_TOKENS: usize = 256;

pub struct Embedder {
    bert: Arc<Bert>,
    tokenizer: Tokenizer,
}

impl Embedder {
    /// Opens a folder with `config.json`, `model.safetensors` and `tokenizer.json`.
    pub fn open(folder: &Path) -> Result<Self> {
        let bert = Bert::open(folder)?;
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::from_json(&path, bert.config.max_tokens)?;
        let (ids, rows) = (tokenizer.get_vocab_size(true), bert.config.vocabulary);
        if ids > rows {
            let reason = format!("has {ids} tokens for a model of {rows}");
            return Err(Error::model(&path, reason));
        }
        if tokenizer.encode_fast("", true).map_err(|e| Error::model(&path, e))?.is_empty() {
            return Err(Error::model(&path, "gives no token for an empty text"));
        }
        Ok(Self { bert: Arc::new(bert), tokenizer })
    }

    /// Length of a vector.
    pub fn dimensions(&self) -> usize {
        self.bert.config.hidden
    }

    /// Longest input in tokens, special ones included; what lies beyond is cut off.
    pub fn max_tokens(&self) -> usize {
        self.bert.config.max_tokens
    }

    /// Tokenises the texts. With `normalize` every vector has length 1.
    pub fn start(&self, texts: &[String], normalize: bool) -> Result<Job> {
        let encode = |text: &String| {
            let head = tokenizer::head(text, self.max_tokens());
            let encoding = self.tokenizer.encode_fast(head, true);
            encoding.map(|e| (e.get_ids().to_vec(), !e.get_overflowing().is_empty()))
        };
        let encoded: std::result::Result<Vec<_>, _> = match texts {
            [one] => encode(one).map(|e| vec![e]),
            many => many.par_iter().map(encode).collect(),
        };
        let encoded = encoded.map_err(|_| Error::Parameter {
            name: "texts",
            expected: "must be text that the tokenizer accepts",
        })?;
        let truncated = encoded.iter().filter(|(_, cut)| *cut).count();
        let sequences = encoded.into_iter().map(|(ids, _)| ids).collect();
        Ok(Job::new(Arc::clone(&self.bert), sequences, truncated, normalize))
    }
}

pub struct Job {
    bert: Arc<Bert>,
    sequences: Vec<Vec<u32>>,
    truncated: usize,
    normalize: bool,
    done: usize,
}

impl Job {
    fn new(bert: Arc<Bert>, sequences: Vec<Vec<u32>>, truncated: usize, normalize: bool) -> Self {
        Self { bert, sequences, truncated, normalize, done: 0 }
    }

    /// Tokens in all texts, special ones included.
    pub fn tokens(&self) -> usize {
        self.sequences.iter().map(Vec::len).sum()
    }

    /// How many texts were longer than the model reads.
    pub fn truncated(&self) -> usize {
        self.truncated
    }

    /// Values in the result: texts × dimensions.
    pub fn values(&self) -> usize {
        self.sequences.len() * self.bert.config.hidden
    }

    /// Encodes the next groups into their rows of `out` [texts, dimensions]; false when all rows
    /// are written. Panics unless `out` holds `values()` values.
    pub fn step(&mut self, out: &mut [f32]) -> bool {
        assert_eq!(out.len(), self.values());
        let h = self.bert.config.hidden;
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
        let encode = |(sequences, rows): (&[Vec<u32>], &mut [f32]), threads: usize| {
            let ids: Vec<&[u32]> = sequences.iter().map(Vec::as_slice).collect();
            self.bert.forward(&ids, rows, threads);
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
        let tokens: usize = rest.iter().map(Vec::len).sum();
        // A batch smaller than one group per thread is split evenly instead.
        let limit = match rest.len() >= threads {
            true => GROUP_TOKENS.min(tokens.div_ceil(threads)),
            false => GROUP_TOKENS,
        };
        let mut groups = vec![0];
        let mut size = 0;
        for sequence in rest {
            let last = groups.len() - 1;
            if groups[last] > 0 && size + sequence.len() > limit {
                if groups.len() == threads {
                    break;
                }
                groups.push(1);
                size = sequence.len();
            } else {
                groups[last] += 1;
                size += sequence.len();
            }
        }
        groups.retain(|size| *size > 0);
        groups
    }
}
