//! An encoder's `config.json`, as transformers 4 and 5 and nomic's makers write it; what is not
//! supported is named.

use super::config::{Activation, Biases, Config, Kind};
use super::names;
use crate::decoder::{ConfigFile, Rope, Scaling};
use crate::error::Result;

const FAMILIES: &str =
    "bert, distilbert, roberta, xlm-roberta, modernbert, nomic_bert and jina_embeddings_v3";
const ALL: Biases = Biases { attention: true, feed: true, norm: true };

pub fn read(file: &ConfigFile) -> Result<Config> {
    let config = match file.text("model_type").unwrap_or_default() {
        "bert" => bert(file, 0)?,
        "roberta" | "xlm-roberta" => bert(file, file.optional("pad_token_id")?.unwrap_or(1) + 1)?,
        "distilbert" => distilbert(file)?,
        "modernbert" => modernbert(file)?,
        "nomic_bert" => nomic(file)?,
        "jina_embeddings_v3" => jina(file)?,
        other => {
            let reason = format!("model_type {other:?} is not supported; {FAMILIES} are");
            return Err(file.error(reason));
        }
    };
    config.problem().map_or(Ok(config), |problem| Err(file.error(problem)))
}

fn bert(file: &ConfigFile, first_position: usize) -> Result<Config> {
    expect(file, "position_embedding_type", "absolute")?;
    for key in ["is_decoder", "add_cross_attention"] {
        refuse(file, key)?;
    }
    let kind = Kind { rope: None, window: None };
    Ok(Config {
        names: &names::BERT,
        vocabulary: file.size("vocab_size")?,
        hidden: file.size("hidden_size")?,
        heads: file.size("num_attention_heads")?,
        intermediate: file.size("intermediate_size")?,
        epsilon: file.float("layer_norm_eps").unwrap_or(1e-12),
        types: file.optional("type_vocab_size")?.unwrap_or(2),
        positions: file.size("max_position_embeddings")?,
        first_position,
        layers: vec![kind; layers(file, "num_hidden_layers")?],
        activation: activation(file, "hidden_act", "gelu")?,
        gated: false,
        biases: ALL,
        norms_first: false,
    })
}

fn distilbert(file: &ConfigFile) -> Result<Config> {
    let kind = Kind { rope: None, window: None };
    Ok(Config {
        names: &names::DISTILBERT,
        vocabulary: file.size("vocab_size")?,
        hidden: file.size("dim")?,
        heads: file.size("n_heads")?,
        intermediate: file.size("hidden_dim")?,
        epsilon: 1e-12,
        types: 0,
        positions: file.size("max_position_embeddings")?,
        first_position: 0,
        layers: vec![kind; layers(file, "n_layers")?],
        activation: activation(file, "activation", "gelu")?,
        gated: false,
        biases: ALL,
        norms_first: false,
    })
}

fn modernbert(file: &ConfigFile) -> Result<Config> {
    let (hidden, heads) = (file.size("hidden_size")?, file.size("num_attention_heads")?);
    let window = file.optional("local_attention")?.unwrap_or(128) / 2;
    let count = layers(file, "num_hidden_layers")?;
    let period = file.optional("global_attn_every_n_layers")?.unwrap_or(3).max(1);
    let told = file.value("layer_types").as_array();
    if told.is_some_and(|kinds| kinds.len() != count) {
        return Err(file.error(format!("layer_types does not name {count} layers")));
    }
    let head = hidden / heads.max(1);
    let full = rope(file, "/full_attention", "global_rope_theta", 160_000.0, head)?;
    let local = rope(file, "/sliding_attention", "local_rope_theta", 10_000.0, head)?;
    let kind = |i: usize| {
        let slides = match told.map(|kinds| kinds[i].as_str()) {
            Some(Some("sliding_attention")) => true,
            Some(Some("full_attention")) => false,
            Some(_) => return Err(file.error(format!("layer_types[{i}] is not supported"))),
            None => !i.is_multiple_of(period),
        };
        let rope = if slides { &local } else { &full };
        Ok(Kind { rope: Some(rope.clone()), window: slides.then_some(window) })
    };
    Ok(Config {
        names: &names::MODERNBERT,
        vocabulary: file.size("vocab_size")?,
        hidden,
        heads,
        intermediate: file.size("intermediate_size")?,
        epsilon: file.float("norm_eps").unwrap_or(1e-5),
        types: 0,
        positions: file.size("max_position_embeddings")?,
        first_position: 0,
        layers: (0..count).map(kind).collect::<Result<_>>()?,
        activation: activation(file, "hidden_activation", "gelu")?,
        gated: true,
        biases: Biases {
            attention: file.flag("attention_bias"),
            feed: file.flag("mlp_bias"),
            norm: file.flag("norm_bias"),
        },
        norms_first: true,
    })
}

/// The makers' files have GPT-2's names for sizes.
fn nomic(file: &ConfigFile) -> Result<Config> {
    let size = |key: &str, own: &str| match file.optional(key)? {
        Some(size) => Ok(size),
        None => file.size(own),
    };
    for key in [
        "prenorm",
        "qkv_proj_bias",
        "mlp_fc1_bias",
        "mlp_fc2_bias",
        "rotary_emb_interleaved",
        "rotary_scaling_factor",
        "num_experts",
        "use_rms_norm",
    ] {
        refuse(file, key)?;
    }
    if file.float("rotary_emb_fraction").is_some_and(|part| part != 1.0) {
        return Err(file.error("heads that are rotated in part are not supported"));
    }
    expect(file, "activation_function", "swiglu")?;
    let (hidden, heads) = (size("hidden_size", "n_embd")?, size("num_attention_heads", "n_head")?);
    let head = hidden / heads.max(1);
    if file.optional("head_dim")?.is_some_and(|told| told != head) {
        return Err(file.error(format!("head_dim is not supported but of {head}")));
    }
    let rope = rope(file, "", "rotary_emb_base", 1000.0, head)?;
    let kind = Kind { rope: Some(rope), window: None };
    let layers = size("num_hidden_layers", "n_layer")?.min(MOST_LAYERS);
    let epsilon = file.float("layer_norm_eps").or(file.float("layer_norm_epsilon"));
    Ok(Config {
        names: &names::NOMIC,
        vocabulary: file.size("vocab_size")?,
        hidden,
        heads,
        intermediate: size("intermediate_size", "n_inner")?,
        epsilon: epsilon.unwrap_or(1e-12),
        types: file.optional("type_vocab_size")?.unwrap_or(2),
        positions: size("max_position_embeddings", "n_positions")?,
        first_position: 0,
        layers: vec![kind; layers],
        activation: activation(file, "hidden_act", "silu")?,
        gated: true,
        biases: Biases { attention: false, feed: false, norm: true },
        norms_first: false,
    })
}

fn jina(file: &ConfigFile) -> Result<Config> {
    let config = bert(file, 0)?;
    let head = config.hidden / config.heads.max(1);
    let rope = rope(file, "", "rotary_emb_base", 20_000.0, head)?;
    let kind = Kind { rope: Some(rope), window: None };
    let layers = vec![kind; config.layers.len()];
    Ok(Config { names: &names::JINA, layers, ..config })
}

const MOST_LAYERS: usize = 1024;
const MOST_HEAD: usize = 1 << 14;

fn layers(file: &ConfigFile, key: &str) -> Result<usize> {
    match file.size(key)? {
        count if count <= MOST_LAYERS => Ok(count),
        count => Err(file.error(format!("{key} is {count}, which no model has"))),
    }
}

/// A layer's rotation: `at` in transformers 5's `rope_parameters`, or the base under `key`.
fn rope(file: &ConfigFile, at: &str, key: &str, base: f32, head: usize) -> Result<Rope> {
    let table = file.value("rope_parameters").pointer(at);
    let told = table.and_then(|t| t.get("rope_type")).and_then(|t| t.as_str());
    if let Some(kind) = told.filter(|kind| *kind != "default") {
        let reason = format!("rotary positions of type {kind:?} are not supported");
        return Err(file.error(reason));
    }
    if head > MOST_HEAD {
        return Err(file.error(format!("has heads of {head} values, which no model has")));
    }
    let theta = table.and_then(|t| t.get("rope_theta")).and_then(|t| t.as_f64());
    let base = theta.map(|x| x as f32).or(file.float(key)).unwrap_or(base);
    Ok(Rope::new(base, head, Scaling::None, false))
}

fn activation(file: &ConfigFile, key: &str, default: &str) -> Result<Activation> {
    match file.text(key).unwrap_or(default) {
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" => Ok(Activation::GeluTanh),
        "relu" => Ok(Activation::Relu),
        "silu" | "swish" => Ok(Activation::Silu),
        other => {
            let reason =
                format!("{key} {other:?} is not supported; \"gelu\", \"relu\", \"silu\" are");
            Err(file.error(reason))
        }
    }
}

fn expect(file: &ConfigFile, key: &str, supported: &str) -> Result<()> {
    match file.text(key) {
        Some(value) if value != supported => {
            let reason = format!("{key} {value:?} is not supported; {supported:?} is");
            Err(file.error(reason))
        }
        _ => Ok(()),
    }
}

/// What must be absent, null, false or 0.
fn refuse(file: &ConfigFile, key: &str) -> Result<()> {
    match file.value(key) {
        serde_json::Value::Null | serde_json::Value::Bool(false) => Ok(()),
        value if value.as_f64() == Some(0.0) => Ok(()),
        value => Err(file.error(format!("{key} {value} is not supported"))),
    }
}
