//! A decoder's `config.json`, as transformers 4 and 5 write it; what is not supported is named.
//!
//! Between the two, rotary parameters moved (`rope_theta` and `rope_scaling` into
//! `rope_parameters`, which gemma 3 keeps per kind of layer); what is absent may be null.

use super::config::{Activation, Config, Layout, MAX_CONTEXT};
use super::rope::{Rope, Scaling};
use crate::error::{Error, Result};
use serde::Deserialize;
use serde_json::Value;
use std::path::{Path, PathBuf};

const FAMILIES: [&str; 8] =
    ["llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "phi3"];

/// The file, with an error that names it.
pub struct ConfigFile {
    path: PathBuf,
    value: Value,
}

/// `generation_config.json`: of it only what ends a turn.
#[derive(Default, Deserialize)]
pub struct GenerationFile {
    #[serde(default)]
    eos_token_id: Value,
}

impl GenerationFile {
    pub fn ends(&self) -> Vec<u32> {
        ids(&self.eos_token_id)
    }
}

fn ids(value: &Value) -> Vec<u32> {
    let id = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
    match value {
        Value::Array(many) => many.iter().filter_map(id).collect(),
        one => id(one).into_iter().collect(),
    }
}

impl ConfigFile {
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read(path).map_err(|e| Error::model(path, e))?;
        let value = serde_json::from_slice(&text).map_err(|e| Error::model(path, e))?;
        Ok(Self { path: path.to_owned(), value })
    }

    /// Tokens that end a turn.
    pub fn ends(&self) -> Vec<u32> {
        ids(&self.value["eos_token_id"])
    }

    pub fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::model(&self.path, reason)
    }

    pub fn size(&self, key: &str) -> Result<usize> {
        self.optional(key)?.ok_or_else(|| self.error(format!("has no {key}")))
    }

    pub fn optional(&self, key: &str) -> Result<Option<usize>> {
        match &self.value[key] {
            Value::Null => Ok(None),
            value => value
                .as_u64()
                .map(|n| Some(n as usize))
                .ok_or_else(|| self.error(format!("{key} is not a count"))),
        }
    }

    pub fn value(&self, key: &str) -> &Value {
        &self.value[key]
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        self.value[key].as_str()
    }

    pub fn float(&self, key: &str) -> Option<f32> {
        self.value[key].as_f64().map(|x| x as f32)
    }

    pub fn flag(&self, key: &str) -> bool {
        self.value[key].as_bool().unwrap_or(false)
    }

    pub fn decoder(&self) -> Result<Config> {
        let family = self.value["model_type"].as_str().unwrap_or_default();
        if !FAMILIES.contains(&family) {
            let supported = FAMILIES.join(", ");
            return Err(self.error(format!("{family:?} is not supported; {supported} are")));
        }
        for key in ["mlp_bias", "use_bidirectional_attention"] {
            if self.flag(key) {
                return Err(self.error(format!("{key} is not supported")));
            }
        }
        let gemma = family.starts_with("gemma");
        let (hidden, heads) = (self.size("hidden_size")?, self.size("num_attention_heads")?);
        let head_size = self.optional("head_dim")?.unwrap_or(hidden / heads.max(1));
        let layers = self.size("num_hidden_layers")?;
        let windows = self.windows(family, layers)?;
        let (rope, window_rope) = self.ropes(family, head_size)?;
        let capped = family == "gemma2";
        let scalar = self.float("query_pre_attn_scalar").filter(|_| gemma && family != "gemma");
        let config = Config {
            layout: Layout::Transformers,
            vocabulary: self.size("vocab_size")?,
            hidden,
            layers,
            heads,
            kv_heads: self.optional("num_key_value_heads")?.unwrap_or(heads),
            head_size,
            intermediate: self.size("intermediate_size")?,
            context: self.size("max_position_embeddings")?.min(MAX_CONTEXT),
            epsilon: self.float("rms_norm_eps").unwrap_or(1e-6),
            activation: self.activation(gemma)?,
            query_scale: 1.0 / scalar.unwrap_or(head_size as f32).sqrt(),
            score_cap: self.float("attn_logit_softcapping").filter(|_| capped),
            logit_cap: self.float("final_logit_softcapping").filter(|_| gemma),
            embedding_scale: if gemma { (hidden as f32).sqrt() } else { 1.0 },
            gain_offset: if gemma { 1.0 } else { 0.0 },
            post_norms: matches!(family, "gemma2" | "gemma3_text"),
            head_norms: matches!(family, "qwen3" | "gemma3_text"),
            tied: self.value["tie_word_embeddings"].as_bool().unwrap_or(gemma),
            windows,
            rope,
            window_rope,
        };
        config.problem().map_or(Ok(config), |problem| Err(self.error(problem)))
    }

    fn activation(&self, gemma: bool) -> Result<Activation> {
        // gemma's first files say "gelu" in hidden_act and mean tanh's, as hidden_activation says.
        if gemma {
            return Ok(Activation::Gelu);
        }
        match self.value["hidden_act"].as_str() {
            Some("silu" | "swish") | None => Ok(Activation::Silu),
            Some(other) => Err(self.error(format!("hidden_act {other:?} is not supported"))),
        }
    }

    fn windows(&self, family: &str, layers: usize) -> Result<Vec<Option<usize>>> {
        let unused = family.starts_with("qwen") && !self.flag("use_sliding_window");
        let window = self.optional("sliding_window")?.filter(|n| *n > 0 && !unused);
        if let Some(kinds) = self.value["layer_types"].as_array() {
            if kinds.len() != layers {
                return Err(self.error(format!("names {} layers of {layers}", kinds.len())));
            }
            return kinds
                .iter()
                .map(|kind| match kind.as_str() {
                    Some("full_attention") => Ok(None),
                    Some("sliding_attention") => Ok(window),
                    _ => Err(self.error(format!("layers of {kind} are not supported"))),
                })
                .collect();
        }
        let full_from = self.optional("max_window_layers")?.unwrap_or(layers);
        let period = self.optional("sliding_window_pattern")?.unwrap_or(6).max(1);
        let slides = |i: usize| match family {
            "mistral" | "phi3" => true,
            "qwen2" | "qwen3" => i >= full_from,
            "gemma2" => i.is_multiple_of(2),
            "gemma3_text" => !(i + 1).is_multiple_of(period),
            _ => false,
        };
        Ok((0..layers).map(|i| window.filter(|_| slides(i))).collect())
    }

    /// Of layers that see all, and of those with a window.
    fn ropes(&self, family: &str, head_size: usize) -> Result<(Rope, Rope)> {
        let parameters = &self.value["rope_parameters"];
        let rope = |table: &Value, base: f32| {
            let base = table["rope_theta"].as_f64().map_or(base, |b| b as f32);
            Ok(Rope::new(base, head_size, self.scaling(table)?, false))
        };
        if self.float("partial_rotary_factor").is_some_and(|f| f != 1.0)
            || parameters["partial_rotary_factor"].as_f64().is_some_and(|f| f != 1.0)
        {
            return Err(self.error("heads that are rotated in part are not supported"));
        }
        let base = self.float("rope_theta").unwrap_or(match family {
            "gemma3_text" => 1_000_000.0,
            _ => 10_000.0,
        });
        if let Some(full) = parameters.get("full_attention") {
            return Ok((rope(full, base)?, rope(&parameters["sliding_attention"], 10_000.0)?));
        }
        let table = if parameters.is_object() { parameters } else { &self.value["rope_scaling"] };
        let full = rope(table, base)?;
        if family == "gemma3_text" {
            let base = self.float("rope_local_base_freq").unwrap_or(10_000.0);
            return Ok((full, Rope::new(base, head_size, Scaling::None, false)));
        }
        Ok((full.clone(), full))
    }

    fn scaling(&self, table: &Value) -> Result<Scaling> {
        let number = |key: &str| {
            let value = table[key].as_f64().map(|x| x as f32);
            value.ok_or_else(|| self.error(format!("rotary parameters have no {key}")))
        };
        let kind = table["rope_type"].as_str().or(table["type"].as_str()).unwrap_or("default");
        match kind {
            "default" => Ok(Scaling::None),
            "linear" => Ok(Scaling::Linear { factor: number("factor")? }),
            "llama3" => Ok(Scaling::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                original: number("original_max_position_embeddings")?,
            }),
            _ => Err(self.error(format!("rotary positions of type {kind:?} are not supported"))),
        }
    }
}
