//! What a layer's tensors are called in GGUF files and in transformers' folders.

use super::config::{Config, Layout};

/// A tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Query,
    Key,
    Value,
    QueryKeyValue,
    Output,
    Gate,
    Up,
    GateUp,
    Down,
    AttentionNorm,
    PostAttentionNorm,
    FeedNorm,
    PostFeedNorm,
    QueryNorm,
    KeyNorm,
}

/// The tensor of layer `layer`, without ".weight".
pub fn of_layer(config: &Config, layer: usize, part: Part) -> String {
    match config.layout {
        Layout::Gguf => format!("blk.{layer}.{}", in_gguf(part)),
        Layout::Transformers => {
            format!("model.layers.{layer}.{}", in_folders(part, config.post_norms))
        }
    }
}

fn in_gguf(part: Part) -> &'static str {
    match part {
        Part::Query => "attn_q",
        Part::Key => "attn_k",
        Part::Value => "attn_v",
        Part::QueryKeyValue => "attn_qkv",
        Part::Output => "attn_output",
        Part::Gate => "ffn_gate",
        // phi3's gate lies before it in the same tensor.
        Part::Up | Part::GateUp => "ffn_up",
        Part::Down => "ffn_down",
        Part::AttentionNorm => "attn_norm",
        Part::PostAttentionNorm => "post_attention_norm",
        Part::FeedNorm => "ffn_norm",
        Part::PostFeedNorm => "post_ffw_norm",
        Part::QueryNorm => "attn_q_norm",
        Part::KeyNorm => "attn_k_norm",
    }
}

fn in_folders(part: Part, post_norms: bool) -> &'static str {
    match part {
        Part::Query => "self_attn.q_proj",
        Part::Key => "self_attn.k_proj",
        Part::Value => "self_attn.v_proj",
        Part::QueryKeyValue => "self_attn.qkv_proj",
        Part::Output => "self_attn.o_proj",
        Part::Gate => "mlp.gate_proj",
        Part::Up => "mlp.up_proj",
        Part::GateUp => "mlp.gate_up_proj",
        Part::Down => "mlp.down_proj",
        Part::AttentionNorm => "input_layernorm",
        // What stands after attention is the norm before the feed-forward, but for gemma 2 and 3.
        Part::FeedNorm if post_norms => "pre_feedforward_layernorm",
        Part::FeedNorm | Part::PostAttentionNorm => "post_attention_layernorm",
        Part::PostFeedNorm => "post_feedforward_layernorm",
        Part::QueryNorm => "self_attn.q_norm",
        Part::KeyNorm => "self_attn.k_norm",
    }
}

/// The table of tokens, the last norm and the head.
pub fn outside(layout: Layout) -> (&'static str, &'static str, &'static str) {
    match layout {
        Layout::Gguf => ("token_embd.weight", "output_norm.weight", "output.weight"),
        Layout::Transformers => {
            ("model.embed_tokens.weight", "model.norm.weight", "lm_head.weight")
        }
    }
}
