//! Cross-encoders: a query and a document read together, to one score.
//!
//! | module | noun |
//! | --- | --- |
//! | `head` | a family's layers from a vector to the score |

mod head;

use crate::batch::{Batcher, Encoded, Tokens};
use crate::embed::Job as Vectors;
use crate::encoder::{Encoder, Sentence};
use crate::error::{Error, Result};
use crate::tokenizer;
use head::Head;
use rayon::prelude::*;
use std::path::Path;
use std::sync::Arc;
use tokenizers::Tokenizer;

pub struct Reranker {
    batcher: Arc<Batcher>,
    head: Arc<Head>,
    tokenizer: Tokenizer,
    max_tokens: usize,
    splits_words: bool,
}

impl Reranker {
    /// Opens a folder with `config.json`, `model.safetensors` and `tokenizer.json`.
    pub fn open(folder: &Path) -> Result<Self> {
        let encoder = Encoder::open(folder)?;
        let head = Head::open(folder, &encoder.config)?;
        let most = encoder.config.max_tokens();
        let max_tokens = Sentence::read(folder)?.max_tokens.unwrap_or(most).min(most);
        let path = folder.join("tokenizer.json");
        let tokenizer = tokenizer::from_json(&path, max_tokens)?;
        encoder.check_ids(tokenizer.get_vocab_size(true), &path)?;
        if tokenizer.encode(("", ""), true).map_err(|e| Error::model(&path, e))?.is_empty() {
            return Err(Error::model(&path, "gives no token for an empty text"));
        }
        let batcher = Arc::new(Batcher::new(encoder, head.pooling));
        Ok(Self {
            batcher,
            head: Arc::new(head),
            splits_words: tokenizer.get_pre_tokenizer().is_some(),
            tokenizer,
            max_tokens,
        })
    }

    /// Longest query and document together in tokens, special ones included.
    pub fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// What has been encoded since it was opened.
    pub fn encoded(&self) -> Encoded {
        self.batcher.encoded()
    }

    /// As much of a text as can be of use.
    fn read<'a>(&self, text: &'a str) -> &'a str {
        if self.splits_words { tokenizer::head(text, self.max_tokens) } else { text }
    }

    /// Tokenises the query with each document; the longer of both is cut where they are too long.
    pub fn start(&self, query: &str, documents: &[String]) -> Result<Job> {
        let call = self.batcher.begin();
        let query = self.read(query);
        let encode = |document: &String| {
            let encoding = self.tokenizer.encode((query, self.read(document)), true)?;
            let types = encoding.get_type_ids().to_vec();
            let tokens = Tokens { ids: encoding.get_ids().to_vec(), types };
            Ok::<_, tokenizers::Error>((tokens, !encoding.get_overflowing().is_empty()))
        };
        let encoded: std::result::Result<Vec<_>, _> = documents.par_iter().map(encode).collect();
        let encoded = encoded.map_err(|_| Error::Parameter {
            name: "documents",
            expected: "must be text that the tokenizer accepts",
        })?;
        let truncated = encoded.iter().filter(|(_, cut)| *cut).count();
        let sequences = encoded.into_iter().map(|(tokens, _)| tokens).collect();
        let vectors = Vectors::new(call, self.head.width(), sequences, truncated, false);
        Ok(Job { out: vec![0.0; vectors.values()], vectors, head: Arc::clone(&self.head) })
    }
}

/// A query and its documents on their way to scores.
pub struct Job {
    vectors: Vectors,
    out: Vec<f32>,
    head: Arc<Head>,
}

impl Job {
    /// Tokens in all pairs, special ones included.
    pub fn tokens(&self) -> usize {
        self.vectors.tokens()
    }

    /// How many pairs were longer than the model reads.
    pub fn truncated(&self) -> usize {
        self.vectors.truncated()
    }

    /// Reads the next groups of pairs; false when all are read.
    pub fn step(&mut self) -> bool {
        self.vectors.step(&mut self.out)
    }

    /// A score per document, as the model has it or, unless `raw`, as it wants it shown.
    pub fn scores(&self, raw: bool) -> Vec<f32> {
        let vectors = self.out.chunks_exact(self.head.width());
        vectors.map(|vector| self.head.score(vector, raw)).collect()
    }
}
