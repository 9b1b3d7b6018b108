//! Keys and values of the tokens a generation has seen. Belongs to one generation.

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
        let size = config.kv_heads * capacity * config.head_size;
        Self {
            layers: (0..config.layers).map(|_| (vec![0.0; size], vec![0.0; size])).collect(),
            capacity,
            length: 0,
            head_size: config.head_size,
        }
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
