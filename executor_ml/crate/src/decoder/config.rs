//! The shape of a decoder, and what tells the families apart.

use super::rope::Rope;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Silu,
    /// With tanh, as gemma's is.
    Gelu,
}

/// Where names and layouts differ between files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Gguf,
    Transformers,
}

#[derive(Clone, Debug)]
pub struct Config {
    pub layout: Layout,
    pub vocabulary: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    /// Heads of keys and values; `heads` is a multiple of it.
    pub kv_heads: usize,
    pub head_size: usize,
    pub intermediate: usize,
    pub context: usize,
    pub epsilon: f32,
    pub activation: Activation,
    /// What queries are multiplied with.
    pub query_scale: f32,
    /// Scores are bent to ±cap.
    pub score_cap: Option<f32>,
    pub logit_cap: Option<f32>,
    /// Tokens' vectors are multiplied with it.
    pub embedding_scale: f32,
    /// Added to the gains of norms: gemma's weights hold them less one.
    pub gain_offset: f32,
    /// Whether the outputs of attention and feed-forward are normalised too.
    pub post_norms: bool,
    /// Whether each head of queries and keys is normalised.
    pub head_norms: bool,
    /// Whether the head is the token table whatever else lies in the file.
    pub tied: bool,
    /// Per layer, how many tokens it sees back, its own included; None: all.
    pub windows: Vec<Option<usize>>,
    /// Rotary positions of layers that see all, and of those with a window.
    pub rope: Rope,
    pub window_rope: Rope,
}

/// Longest context offered, whatever a file claims.
pub const MAX_CONTEXT: usize = 1 << 17;
/// Sizes beyond these are no model's that fits here; products of them stay far from overflow.
const MOST: usize = 1 << 24;
const MOST_LAYERS: usize = 1024;

impl Config {
    /// What is wrong with these sizes, if anything.
    pub fn problem(&self) -> Option<String> {
        let Self { heads, kv_heads, head_size, hidden, layers, .. } = *self;
        let sizes = [self.vocabulary, hidden, heads, kv_heads, head_size, self.intermediate];
        if sizes.iter().any(|n| *n == 0 || *n > MOST) || layers > MOST_LAYERS || self.context < 2 {
            return Some("has sizes that no model has".into());
        }
        if !heads.is_multiple_of(kv_heads) || !head_size.is_multiple_of(2) {
            return Some(format!("{heads} heads of {head_size} over {kv_heads} do not fit"));
        }
        None
    }

    /// Width of all queries of a token.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_size
    }

    /// Width of all keys of a token.
    pub fn key_width(&self) -> usize {
        self.kv_heads * self.head_size
    }

    /// Bytes that a token takes in the cache.
    pub fn token_bytes(&self) -> usize {
        2 * self.layers * self.key_width() * size_of::<f32>()
    }
}
