//! Caches of texts that ended, for prompts that begin alike: the next turn of a conversation.
//!
//! A cache is copied when it is used, so that several conversations may go on from one beginning.

use crate::decoder::{Cache, Config};

/// Fewer tokens are read again sooner than copied.
const WORTH: usize = 16;

pub struct Prefixes {
    /// The least recently used first.
    kept: Vec<(Vec<u32>, Cache)>,
    most_bytes: usize,
}

impl Prefixes {
    pub fn new(most_bytes: usize) -> Self {
        Self { kept: Vec::new(), most_bytes }
    }

    /// A cache for `capacity` tokens that holds as much of the prompt's beginning as is known, but
    /// never all of it: the last token's logits are needed.
    pub fn begin(&mut self, prompt: &[u32], config: &Config, capacity: usize) -> Cache {
        let common = |ids: &Vec<u32>| {
            let same = ids.iter().zip(prompt).take_while(|(a, b)| a == b).count();
            same.min(prompt.len() - 1)
        };
        let best = self.kept.iter().map(|(ids, _)| common(ids)).enumerate().max_by_key(|b| b.1);
        match best {
            Some((at, length)) if length >= WORTH => {
                let used = self.kept.remove(at);
                let copy = Cache::copy_of(&used.1, config, length, capacity);
                self.kept.push(used);
                copy
            }
            _ => Cache::new(config, capacity),
        }
    }

    /// Keeps a cache that holds exactly these ids, in place of those that it goes on from.
    pub fn keep(&mut self, ids: Vec<u32>, cache: Cache, config: &Config) {
        let bytes = |ids: &Vec<u32>| ids.len() * config.token_bytes();
        let known = self.kept.iter().any(|(other, _)| other.starts_with(&ids));
        if ids.len() < WORTH || bytes(&ids) > self.most_bytes || known {
            return;
        }
        self.kept.retain(|(other, _)| !ids.starts_with(other));
        let mut total: usize = self.kept.iter().map(|(ids, _)| bytes(ids)).sum();
        total += bytes(&ids);
        while total > self.most_bytes {
            total -= bytes(&self.kept.remove(0).0);
        }
        // A copy of its own size: a cache has room for all that its text could have become.
        let exact = Cache::copy_of(&cache, config, ids.len(), ids.len());
        self.kept.push((ids, exact));
    }
}
