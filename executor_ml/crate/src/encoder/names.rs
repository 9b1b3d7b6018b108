//! Where each family keeps its weights; a layer's names follow its prefix.

#[derive(Debug)]
pub struct Names {
    /// Under which all names may lie.
    pub prefixes: &'static [&'static str],
    pub words: &'static str,
    pub positions: Option<&'static str>,
    pub embedding_norm: &'static str,
    /// `{}` is the layer's number.
    pub layer: &'static str,
    /// Query, key and value, or one that holds all three.
    pub qkv: &'static [&'static str],
    pub output: &'static str,
    pub attention_norm: &'static str,
    /// What the activation is applied to, then what that is multiplied with; or one of both.
    pub up: &'static [&'static str],
    pub down: &'static str,
    pub feed_norm: &'static str,
    pub last_norm: Option<&'static str>,
}

pub const TYPES: &str = "embeddings.token_type_embeddings.weight";
const WORDS: &str = "embeddings.word_embeddings.weight";
const POSITIONS: Option<&str> = Some("embeddings.position_embeddings.weight");

pub const BERT: Names = Names {
    prefixes: &["", "bert.", "roberta."],
    words: WORDS,
    positions: POSITIONS,
    embedding_norm: "embeddings.LayerNorm",
    layer: "encoder.layer.{}.",
    qkv: &["attention.self.query", "attention.self.key", "attention.self.value"],
    output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: &["intermediate.dense"],
    down: "output.dense",
    feed_norm: "output.LayerNorm",
    last_norm: None,
};

pub const DISTILBERT: Names = Names {
    prefixes: &["", "distilbert."],
    layer: "transformer.layer.{}.",
    qkv: &["attention.q_lin", "attention.k_lin", "attention.v_lin"],
    output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: &["ffn.lin1"],
    down: "ffn.lin2",
    feed_norm: "output_layer_norm",
    ..BERT
};

pub const MODERNBERT: Names = Names {
    prefixes: &["", "model."],
    words: "embeddings.tok_embeddings.weight",
    positions: None,
    embedding_norm: "embeddings.norm",
    layer: "layers.{}.",
    qkv: &["attn.Wqkv"],
    output: "attn.Wo",
    attention_norm: "attn_norm",
    up: &["mlp.Wi"],
    down: "mlp.Wo",
    feed_norm: "mlp_norm",
    last_norm: Some("final_norm"),
};

/// As transformers has it; `NOMIC_OWN` as the files of its makers do.
pub const NOMIC: Names = Names {
    prefixes: &["", "nomic_bert."],
    positions: None,
    layer: "layers.{}.",
    qkv: &["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    output: "self_attn.o_proj",
    attention_norm: "post_attention_layernorm",
    up: &["mlp.gate_proj", "mlp.up_proj"],
    down: "mlp.down_proj",
    feed_norm: "post_mlp_layernorm",
    ..BERT
};

pub const NOMIC_OWN: Names = Names {
    embedding_norm: "emb_ln",
    layer: "encoder.layers.{}.",
    qkv: &["attn.Wqkv"],
    output: "attn.out_proj",
    attention_norm: "norm1",
    up: &["mlp.fc12", "mlp.fc11"],
    down: "mlp.fc2",
    feed_norm: "norm2",
    ..NOMIC
};

pub const JINA: Names =
    Names { prefixes: &["", "roberta."], up: &["mlp.fc1"], down: "mlp.fc2", ..NOMIC };

pub const JINA_OWN: Names = Names {
    embedding_norm: "emb_ln",
    layer: "encoder.layers.{}.",
    qkv: &["mixer.Wqkv"],
    output: "mixer.out_proj",
    attention_norm: "norm1",
    feed_norm: "norm2",
    ..JINA
};

/// The same family as its makers name it, if they do otherwise.
pub fn own(names: &'static Names) -> Option<&'static Names> {
    match names.up {
        ["mlp.gate_proj", _] => Some(&NOMIC_OWN),
        ["mlp.fc1"] => Some(&JINA_OWN),
        _ => None,
    }
}
