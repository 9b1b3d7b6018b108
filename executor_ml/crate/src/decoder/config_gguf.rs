//! A decoder's configuration from a GGUF file's metadata; what is not supported is named.

use super::config::{Activation, Config, Layout, MAX_CONTEXT};
use super::rope::{Rope, Scaling};
use crate::error::Result;
use crate::gguf::Gguf;
use crate::tensor_bytes::Source;

const ARCHITECTURES: [&str; 7] = ["llama", "qwen2", "qwen3", "gemma", "gemma2", "gemma3", "phi3"];
/// Every sixth layer of gemma 3 sees all.
const GEMMA3_PERIOD: usize = 6;
const GEMMA3_WINDOW_BASE: f32 = 10_000.0;
/// gemma 2 of 27 B, which alone scales queries by its width and not by its head's.
const GEMMA2_LARGE: usize = 46;

impl Config {
    pub fn from_gguf(gguf: &Gguf) -> Result<Self> {
        let architecture = gguf.string("general.architecture")?;
        if !ARCHITECTURES.contains(&architecture) {
            let supported = ARCHITECTURES.join(", ");
            let reason = format!("architecture {architecture:?} is not supported; {supported} are");
            return Err(gguf.error(&reason));
        }
        let key = |name: &str| format!("{architecture}.{name}");
        let size = |name: &str| gguf.size(&key(name));
        if size("expert_count").is_ok_and(|n| n > 1) {
            return Err(gguf.error("mixtures of experts are not supported"));
        }
        let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?);
        let head_size = size("attention.key_length").unwrap_or(hidden / heads.max(1));
        let rotated = size("rope.dimension_count").unwrap_or(head_size);
        let value_size = size("attention.value_length").unwrap_or(head_size);
        if rotated != head_size || value_size != head_size {
            let reason = format!(
                "heads of {head_size} with {rotated} rotated and values of {value_size} are not \
                 supported; equal sizes are"
            );
            return Err(gguf.error(&reason));
        }
        let layers = size("block_count")?;
        let base = gguf.float_or(&key("rope.freq_base"), 10_000.0)?;
        let adjacent = Rope::adjacent_in(Layout::Gguf, architecture);
        let mut rope = Rope::new(base, head_size, scaling(gguf, architecture)?, adjacent);
        if gguf.has("rope_freqs.weight") {
            let source: &dyn Source = gguf;
            rope = rope.divided(&source.vector("rope_freqs.weight", head_size / 2)?);
        }
        let window = size("attention.sliding_window").ok().filter(|n| *n > 0);
        let gemma = architecture.starts_with("gemma");
        let gemma2 = architecture == "gemma2";
        let scaled = match gemma2 && layers == GEMMA2_LARGE {
            true => hidden / heads.max(1),
            false => head_size,
        };
        let windows = (0..layers).map(|i| match architecture {
            "gemma2" => window.filter(|_| i % 2 == 0),
            "gemma3" => window.filter(|_| (i + 1) % GEMMA3_PERIOD != 0),
            // llama.cpp keeps to phi3's window, and ignores those of the others.
            "phi3" => window,
            _ => None,
        });
        let config = Self {
            layout: Layout::Gguf,
            vocabulary: gguf.strings("tokenizer.ggml.tokens")?.len(),
            hidden,
            layers,
            heads,
            kv_heads: size("attention.head_count_kv").unwrap_or(heads),
            head_size,
            intermediate: size("feed_forward_length")?,
            context: size("context_length")?.min(MAX_CONTEXT),
            epsilon: gguf.float(&key("attention.layer_norm_rms_epsilon"))?,
            activation: if gemma { Activation::Gelu } else { Activation::Silu },
            query_scale: 1.0 / (scaled as f32).sqrt(),
            score_cap: cap(gguf, gemma2, &key("attn_logit_softcapping"))?,
            logit_cap: cap(gguf, gemma2, &key("final_logit_softcapping"))?,
            embedding_scale: if gemma { (hidden as f32).sqrt() } else { 1.0 },
            gain_offset: 0.0, // its converter has added it
            post_norms: matches!(architecture, "gemma2" | "gemma3"),
            head_norms: matches!(architecture, "qwen3" | "gemma3"),
            tied: false,
            windows: windows.collect(),
            window_rope: match architecture {
                "gemma3" => Rope::new(GEMMA3_WINDOW_BASE, head_size, Scaling::None, adjacent),
                _ => rope.clone(),
            },
            rope,
        };
        config.problem().map_or(Ok(config), |problem| Err(gguf.error(&problem)))
    }
}

fn cap(gguf: &Gguf, has: bool, key: &str) -> Result<Option<f32>> {
    if has { gguf.float(key).map(Some) } else { Ok(None) }
}

fn scaling(gguf: &Gguf, architecture: &str) -> Result<Scaling> {
    let kind = gguf.string(&format!("{architecture}.rope.scaling.type")).unwrap_or("none");
    match kind {
        "none" => Ok(Scaling::None),
        "linear" => {
            let factor = gguf.float(&format!("{architecture}.rope.scaling.factor"))?;
            Ok(Scaling::Linear { factor })
        }
        _ => Err(gguf.error(format!("rotary positions scaled by {kind:?} are not supported"))),
    }
}
