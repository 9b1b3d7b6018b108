//! Keys and values of the tokens a sequence has seen. Belongs to one sequence.

use super::Config;

pub struct Cache {
    /// Per layer, [kv_heads, capacity, head_size] each.
    layers: Vec<(Vec<f32>, Vec<f32>)>,
    capacity: usize,
    length: usize,
    head_size: usize,
}

impl Cache {
    /// Room for `capacity` tokens. Memory is touched, and so taken, only as it fills.
    pub fn new(config: &Config, capacity: usize) -> Self {
        let size = config.key_width() * capacity;
        Self {
            layers: (0..config.layers).map(|_| (vec![0.0; size], vec![0.0; size])).collect(),
            capacity,
            length: 0,
            head_size: config.head_size,
        }
    }

    /// Room for `capacity` tokens, the first `length` of them copied from another cache.
    pub fn copy_of(other: &Self, config: &Config, length: usize, capacity: usize) -> Self {
        assert!(length <= other.length && length <= capacity);
        let mut copy = Self::new(config, capacity);
        let (d, values) = (copy.head_size, length * copy.head_size);
        for (to, from) in copy.layers.iter_mut().zip(&other.layers) {
            for (to, from) in [(&mut to.0, &from.0), (&mut to.1, &from.1)] {
                let heads = to.chunks_exact_mut(capacity * d);
                for (to, from) in heads.zip(from.chunks_exact(other.capacity * d)) {
                    to[..values].copy_from_slice(&from[..values]);
                }
            }
        }
        copy.length = length;
        copy
    }

    /// Tokens seen.
    pub fn length(&self) -> usize {
        self.length
    }

    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Counts tokens that every layer has stored.
    pub(super) fn advance(&mut self, tokens: usize) {
        self.length += tokens;
    }

    /// Stores keys and values [tokens, kv_heads·head_size] behind what layer `layer` holds.
    pub(super) fn store(&mut self, layer: usize, keys: &[f32], values: &[f32]) {
        let (d, capacity, start) = (self.head_size, self.capacity, self.length);
        let (all_keys, all_values) = &mut self.layers[layer];
        let width = all_keys.len() / capacity;
        for (all, new) in [(all_keys, keys), (all_values, values)] {
            for (i, token) in new.chunks_exact(width).enumerate() {
                for (head, part) in token.chunks_exact(d).enumerate() {
                    let at = (head * capacity + start + i) * d;
                    all[at..at + d].copy_from_slice(part);
                }
            }
        }
    }

    /// Keys and values of one head, [tokens, head_size], the newest `new` tokens included.
    pub(super) fn head(&self, layer: usize, head: usize, new: usize) -> (&[f32], &[f32]) {
        let start = head * self.capacity * self.head_size;
        let size = (self.length + new) * self.head_size;
        let (keys, values) = &self.layers[layer];
        (&keys[start..start + size], &values[start..start + size])
    }
}
