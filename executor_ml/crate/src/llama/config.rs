//! The shape of a llama, read from a GGUF file's metadata; what is not supported is named.

use crate::error::Result;
use crate::gguf::Gguf;

#[derive(Clone, Debug)]
pub struct Config {
    pub vocabulary: usize,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    /// Heads of keys and values; `heads` is a multiple of it.
    pub kv_heads: usize,
    pub head_size: usize,
    pub intermediate: usize,
    pub context: usize,
    pub rope_base: f32,
    pub epsilon: f32,
}

/// Longest context offered, whatever a file claims.
const MAX_CONTEXT: usize = 1 << 17;

impl Config {
    pub fn read(gguf: &Gguf) -> Result<Self> {
        let architecture = gguf.string("general.architecture")?;
        if architecture != "llama" {
            let reason = format!("architecture {architecture:?} is not supported; llama is");
            return Err(gguf.error(reason));
        }
        if gguf.size("llama.expert_count").is_ok_and(|n| n > 1) {
            return Err(gguf.error("mixtures of experts are not supported"));
        }
        let scaling = gguf.string("llama.rope.scaling.type");
        if scaling.is_ok_and(|kind| kind != "none") || gguf.has("rope_freqs.weight") {
            return Err(gguf.error("scaled rotary positions are not supported"));
        }
        let (hidden, heads) =
            (gguf.size("llama.embedding_length")?, gguf.size("llama.attention.head_count")?);
        let kv_heads = gguf.size("llama.attention.head_count_kv").unwrap_or(heads);
        let fits = heads > 0
            && kv_heads > 0
            && heads.is_multiple_of(kv_heads)
            && hidden > 0
            && hidden.is_multiple_of(heads)
            && (hidden / heads).is_multiple_of(2);
        if !fits {
            let reason = format!("{heads} heads of {kv_heads} do not fit {hidden} hidden values");
            return Err(gguf.error(reason));
        }
        let head_size = hidden / heads;
        let rotated = gguf.size("llama.rope.dimension_count").unwrap_or(head_size);
        let key_size = gguf.size("llama.attention.key_length").unwrap_or(head_size);
        if rotated != head_size || key_size != head_size {
            let reason = format!(
                "heads of {key_size} with {rotated} rotated are not supported; {head_size} are"
            );
            return Err(gguf.error(reason));
        }
        Ok(Self {
            vocabulary: gguf.strings("tokenizer.ggml.tokens")?.len(),
            hidden,
            layers: gguf.size("llama.block_count")?,
            heads,
            kv_heads,
            head_size,
            intermediate: gguf.size("llama.feed_forward_length")?,
            context: gguf.size("llama.context_length")?.min(MAX_CONTEXT),
            rope_base: gguf.float("llama.rope.freq_base").unwrap_or(10_000.0),
            epsilon: gguf.float("llama.attention.layer_norm_rms_epsilon")?,
        })
    }
}
